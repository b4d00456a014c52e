// SPDX-License-Identifier: MIT OR Apache-2.0
//! `Call`, `Recv` and `Reply` over the port.
//!
//! One [`Caller`] and one [`Listener`] exist per domain, made by `entry`. A response borrows the
//! caller and a request the listener, so neither can be overwritten while somebody looks at it.
#![expect(
    unsafe_code,
    reason = "lends parts of the port as byte slices between two kernel entries"
)]

use core::sync::atomic::Ordering::{Acquire, Relaxed};

use super::start::enter;
use super::types::{CallerId, Event, Incoming, IrqEdges};
use crate::nk::{Handle, Lens, Parts, PartsMut, Retcode, Transport};
use crate::port::{ARENA_BYTES, Area, CONSTANT_BYTES, FOREVER, IrqLines, Port, event, op};

/// The domain's port, mapped for as long as the domain lives.
#[derive(Clone, Copy)]
pub(super) struct PortRef(*mut u8);

impl PortRef {
    /// # Safety
    ///
    /// `base` is a port of [`crate::port::PORT_BYTES`] that stays mapped, and only one `Caller` and
    /// one `Listener` are made from it.
    pub(super) const unsafe fn new(base: *mut u8) -> Self {
        Self(base)
    }

    pub(super) fn words(self) -> &'static Port {
        // SAFETY: `new`'s caller promises a mapped port; its words are atomics, so sharing them is
        // sound.
        unsafe { &*self.0.cast::<Port>() }
    }

    /// # Safety
    ///
    /// Nobody may hold the same area mutably during `'a`, and the kernel must not have the turn.
    unsafe fn read<'a>(self, area: Area, lens: Lens) -> Parts<'a> {
        let constant = lens.constant.min(CONSTANT_BYTES);
        let arena = lens.arena.min(ARENA_BYTES);
        Parts {
            // SAFETY: inside the port, which `new`'s caller promises mapped; unshared by our
            // caller's promise.
            constant: unsafe { core::slice::from_raw_parts(self.0.wrapping_add(area.constant_at()), constant) },
            // SAFETY: as above.
            arena: unsafe { core::slice::from_raw_parts(self.0.wrapping_add(area.arena_at()), arena) },
        }
    }

    /// # Safety
    ///
    /// Nobody may hold the same area during `'a`, and the kernel must not have the turn.
    unsafe fn write<'a>(self, area: Area) -> PartsMut<'a> {
        let constant = self.0.wrapping_add(area.constant_at());
        let arena = self.0.wrapping_add(area.arena_at());
        PartsMut {
            // SAFETY: inside the port, which `new`'s caller promises mapped; unshared by our
            // caller's promise.
            constant: unsafe { core::slice::from_raw_parts_mut(constant, CONSTANT_BYTES) },
            // SAFETY: as above.
            arena: unsafe { core::slice::from_raw_parts_mut(arena, ARENA_BYTES) },
        }
    }
}

#[expect(clippy::cast_possible_wrap, reason = "a Retcode travels as its bits")]
fn result(port: &Port) -> Result<(), Retcode> {
    Retcode(port.result.load(Acquire) as i32).ok()
}

/// The client end: sends requests and waits for their responses.
#[derive(Debug)]
pub struct Caller {
    port: PortRef,
    timeout_ns: u64,
}

impl Caller {
    pub(super) fn new(port: PortRef) -> Self {
        Self {
            port,
            timeout_ns: FOREVER,
        }
    }

    /// Limits each following `Call`; [`FOREVER`] leaves it to the kernel.
    pub fn set_timeout_ns(&mut self, timeout_ns: u64) {
        self.timeout_ns = timeout_ns;
    }
}

impl Transport for Caller {
    fn request(&mut self) -> PartsMut<'_> {
        // SAFETY: `&mut self` of the one caller is borrowed for as long as the room is.
        unsafe { self.port.write(Area::CallRequest) }
    }

    fn call(&mut self, handle: Handle, lens: Lens) -> Result<Parts<'_>, Retcode> {
        let port = self.port.words();
        port.handle.store(handle.0, Relaxed);
        port.timeout_ns.store(self.timeout_ns, Relaxed);
        port.call_request.store(lens);
        enter(op::CALL);
        result(port)?;
        // SAFETY: the kernel filled the area and gave the turn back; `&mut self` keeps the next
        // call away.
        Ok(unsafe { self.port.read(Area::CallResponse, port.call_response.load()) })
    }
}

/// What ended a [`Listener::recv_ex`]. All is 0 and empty for an interrupt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Received<'a> {
    /// The process that asks.
    pub sender: u32,
    /// The thread that asks, and is answered.
    pub thread: u32,
    /// The number of its call.
    pub call: u64,
    /// The request; valid until the listener is used again.
    pub message: Parts<'a>,
}

/// The server end: receives requests of all clients, and answers them in any order.
#[derive(Debug)]
pub struct Listener {
    port: PortRef,
}

impl Listener {
    pub(super) fn new(port: PortRef) -> Self {
        Self { port }
    }

    /// Waits up to `timeout_ns` for a request or an interrupt. 0 only looks.
    ///
    /// # Errors
    ///
    /// The kernel's return code; it is not to be expected while the kernel lives.
    pub fn recv(&mut self, timeout_ns: u64) -> Result<Event<'_>, Retcode> {
        let port = self.port.words();
        port.timeout_ns.store(timeout_ns, Relaxed);
        enter(op::RECV);
        result(port)?;
        Ok(self.event())
    }

    /// `RecvEx` on `handle`, a listener of the domain's own or an interrupt ([`crate::kn::Kn::attach_irq`]), and on
    /// nothing else: up to `timeout_ns` (0: only looks), or until `sync` interrupts.
    ///
    /// # Errors
    ///
    /// As `kos_bindings::hosted::Thread::recv_ex`.
    pub fn recv_ex(&mut self, handle: Handle, timeout_ns: u64, sync: Handle) -> Result<Received<'_>, Retcode> {
        let port = self.port.words();
        port.handle.store(handle.0, Relaxed);
        port.timeout_ns.store(timeout_ns, Relaxed);
        port.sync.store(sync.0, Relaxed);
        enter(op::RECV_ON);
        // Nothing else that the domain does looks at it.
        port.sync.store(0, Relaxed);
        result(port)?;
        if port.event.load(Acquire) != event::REQUEST {
            return Ok(Received::default());
        }
        Ok(Received {
            sender: port.sender.load(Relaxed),
            thread: port.thread.load(Relaxed),
            call: port.caller.load(Relaxed),
            // SAFETY: the kernel filled the area and gave the turn back; `&mut self` keeps the next one away.
            message: unsafe { self.port.read(Area::ServeRequest, port.serve_request.load()) },
        })
    }

    /// Answers what [`Listener::recv_ex`] received on `handle`, with the `lens` bytes in the response room.
    ///
    /// # Errors
    ///
    /// As `kos_bindings::hosted::Thread::reply_to`.
    pub fn reply_to(&mut self, handle: Handle, thread: u32, call: u64, lens: Lens) -> Result<(), Retcode> {
        let port = self.port.words();
        port.handle.store(handle.0, Relaxed);
        port.thread.store(thread, Relaxed);
        port.caller.store(call, Relaxed);
        port.serve_response.store(lens);
        enter(op::REPLY_ON);
        result(port)
    }

    /// Returns the room for the next response, for an answer that is given later than its `Recv`.
    pub fn response(&mut self) -> PartsMut<'_> {
        // SAFETY: `&mut self` of the one listener is borrowed for as long as the room is.
        unsafe { self.port.write(Area::ServeResponse) }
    }

    /// Answers `caller` with the `lens` bytes written to the response room; with none, the caller's
    /// `Call` fails.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if the caller is gone, `rcInvalidArgument` if it is not waiting for an
    /// answer or the response is malformed (the caller then gets an error), `rcSecurityDisallow` if
    /// the policy refused it.
    pub fn reply(&mut self, caller: CallerId, lens: Lens) -> Result<(), Retcode> {
        self.put_reply(caller, lens);
        enter(op::REPLY);
        result(self.port.words())
    }

    /// Answers `caller` and waits for what comes next, in one entry into the kernel.
    ///
    /// The first result is the reply's, as [`Listener::reply`] gives it.
    pub fn reply_recv(&mut self, caller: CallerId, lens: Lens, timeout_ns: u64) -> (Result<(), Retcode>, Event<'_>) {
        self.put_reply(caller, lens);
        let port = self.port.words();
        port.timeout_ns.store(timeout_ns, Relaxed);
        enter(op::REPLY_RECV);
        (result(port), self.event())
    }

    /// Tells whether a request or a notice waits, without entering the kernel. A hint: `recv(0)` gives the
    /// answer.
    #[must_use]
    pub fn has_request(&self) -> bool {
        self.port.words().queued.load(Relaxed) != 0
    }

    fn put_reply(&mut self, caller: CallerId, lens: Lens) {
        let port = self.port.words();
        port.caller.store(caller.0, Relaxed);
        port.serve_response.store(lens);
    }

    fn event(&mut self) -> Event<'_> {
        let port = self.port.words();
        match port.event.load(Acquire) {
            event::REQUEST => Event::Request(Incoming {
                caller: CallerId(port.caller.load(Relaxed)),
                // SAFETY: the kernel filled the area and gave the turn back; `&mut self` keeps the
                // next one away.
                request: unsafe { self.port.read(Area::ServeRequest, port.serve_request.load()) },
                // SAFETY: another area than the request's, borrowed with `&mut self`.
                response: unsafe { self.port.write(Area::ServeResponse) },
            }),
            event::IRQ => Event::Irq,
            event::CLIENT_GONE => Event::ClientGone(port.caller.load(Relaxed)),
            event::ABANDONED => Event::Abandoned(CallerId(port.caller.load(Relaxed))),
            _ => Event::Timeout,
        }
    }
}

impl core::fmt::Debug for PortRef {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("port")
    }
}

/// The domain's interrupt lines. Looking at them costs a load, so it may be done at every enabling
/// of interrupts.
#[derive(Clone, Copy, Debug)]
pub struct IrqSource(&'static IrqLines);

impl IrqSource {
    pub(super) fn new(port: PortRef) -> Self {
        Self(&port.words().irq)
    }

    /// Returns the words themselves, for a machine whose C code looks at them.
    #[must_use]
    pub fn words(self) -> &'static IrqLines {
        self.0
    }

    /// Tells whether an edge waits to be taken.
    #[inline]
    #[must_use]
    pub fn is_pending(self) -> bool {
        self.0.rise.load(Relaxed) | self.0.fall.load(Relaxed) != 0
    }

    /// Returns the lines' levels.
    #[inline]
    #[must_use]
    pub fn level(self) -> u64 {
        self.0.level.load(Acquire)
    }

    /// Takes the edges: each is returned once. The level is read after them, so it is never older
    /// than they are.
    #[must_use]
    pub fn take(self) -> IrqEdges {
        let rise = self.0.rise.swap(0, Acquire);
        let fall = self.0.fall.swap(0, Acquire);
        IrqEdges {
            level: self.level(),
            rise,
            fall,
        }
    }
}
