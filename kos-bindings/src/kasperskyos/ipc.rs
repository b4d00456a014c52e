// SPDX-License-Identifier: MIT OR Apache-2.0
//! `Call`, `Recv` and `Reply` over the SDK.
//!
//! Messages are built and read in rooms of ours in [`crate::nk`]'s form. What differs in the SDK's form is the header:
//! the numbers of interfaces are those of the server's class, and the order of the size's bits is the SDK's business.
//! So the header is written anew on its way out (`lc_kos.c`), and on its way in it is made from what is expected.
#![expect(
    unsafe_code,
    reason = "lends parts of the rooms as byte slices between two kernel entries"
)]

use super::ffi::{self, Head, Message, Origin};
use super::irq::{self, IrqSource};
use super::types::{CallerId, Event, Incoming};
use crate::nk::{HEADER_BYTES, Handle, HandleDesc, Header, Lens, NkErr, Parts, PartsMut, Retcode, Transport, Wire};
use crate::port::{ARENA_BYTES, CONSTANT_BYTES, FOREVER, MAX_CHANNELS};

/// Bytes of one room.
pub(super) const ROOM_BYTES: usize = CONSTANT_BYTES + ARENA_BYTES;

/// Room for one message, for as long as the domain lives.
#[derive(Debug)]
pub(super) struct Room(*mut u8);

impl Room {
    /// # Safety
    ///
    /// `at` is memory of [`ROOM_BYTES`] that is this room's for good.
    pub(super) const unsafe fn new(at: *mut u8) -> Self {
        Self(at)
    }

    fn arena(&self) -> *mut u8 {
        self.0.wrapping_add(CONSTANT_BYTES)
    }

    fn read(&self, lens: Lens) -> Parts<'_> {
        let (constant, arena) = (lens.constant.min(CONSTANT_BYTES), lens.arena.min(ARENA_BYTES));
        Parts {
            // SAFETY: inside the room by `new`'s promise; shared for as long as the room is.
            constant: unsafe { core::slice::from_raw_parts(self.0, constant) },
            // SAFETY: as above.
            arena: unsafe { core::slice::from_raw_parts(self.arena(), arena) },
        }
    }

    fn write(&mut self) -> PartsMut<'_> {
        let arena = self.arena();
        PartsMut {
            // SAFETY: inside the room by `new`'s promise, which is borrowed for as long as this is.
            constant: unsafe { core::slice::from_raw_parts_mut(self.0, CONSTANT_BYTES) },
            // SAFETY: as above; the two parts lie side by side.
            arena: unsafe { core::slice::from_raw_parts_mut(arena, ARENA_BYTES) },
        }
    }

    /// The room as C takes it, with `lens` of it used.
    fn message(&mut self, lens: Lens) -> Result<Message, Retcode> {
        let fits = lens.constant <= CONSTANT_BYTES && lens.arena <= ARENA_BYTES;
        let size = |bytes: usize| u32::try_from(bytes).map_err(|_| Retcode::INVALID_ARGUMENT);
        if !fits {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        Ok(Message {
            constant: self.0,
            arena: self.arena(),
            constant_size: size(lens.constant)?,
            constant_room: size(CONSTANT_BYTES)?,
            arena_size: size(lens.arena)?,
            arena_room: size(ARENA_BYTES)?,
        })
    }
}

/// A received message's lengths, which must be within the room.
fn lens(message: &Message) -> Result<Lens, Retcode> {
    let lens = Lens {
        constant: message.constant_size as usize,
        arena: message.arena_size as usize,
    };
    if (HEADER_BYTES..=CONSTANT_BYTES).contains(&lens.constant) && lens.arena <= ARENA_BYTES {
        Ok(lens)
    } else {
        Err(Retcode::INVALID_ARGUMENT)
    }
}

/// Gives a received message the header of [`crate::nk`], with `riid` in its numbering, and `badge` in its own handle.
fn reseal(constant: &mut [u8], lens: Lens, head: Head, riid: u16, badge: u64) -> Result<(), NkErr> {
    let header = Header {
        size: u32::try_from(lens.constant).map_err(|_| NkErr::BadMsg)?,
        handles: head.handles,
        is_error: head.is_error != 0,
        riid,
        mid: head.mid,
    };
    header.pack().put(constant, 0)?;
    let me = HandleDesc {
        badge,
        ..HandleDesc::INVALID
    };
    Header::set_self_handle(constant, me)
}

/// Milliseconds of a limit in nanoseconds, rounded up.
fn ms(timeout_ns: u64) -> u32 {
    if timeout_ns == FOREVER {
        return ffi::FOREVER;
    }
    u32::try_from(timeout_ns.div_ceil(1_000_000)).unwrap_or(ffi::FOREVER)
}

/// A channel that the domain was born with: its handle, the interface, and its number in the server's class.
pub(super) type Known = (Handle, u16, u16);

/// The client end: sends requests and waits for their responses.
#[derive(Debug)]
pub struct Caller {
    request: Room,
    response: Room,
    channels: [Known; MAX_CHANNELS],
    timeout_ns: u64,
}

impl Caller {
    pub(super) fn new(request: Room, response: Room, channels: [Known; MAX_CHANNELS]) -> Self {
        Self {
            request,
            response,
            channels,
            timeout_ns: FOREVER,
        }
    }

    /// Limits each following `Call`, in whole milliseconds; [`FOREVER`] leaves it to the kernel.
    pub fn set_timeout_ns(&mut self, timeout_ns: u64) {
        self.timeout_ns = timeout_ns;
    }
}

impl Transport for Caller {
    fn request(&mut self) -> PartsMut<'_> {
        self.request.write()
    }

    fn call(&mut self, handle: Handle, lens_out: Lens) -> Result<Parts<'_>, Retcode> {
        let out = self.request.message(lens_out)?;
        let sent = Header::read(self.request.read(lens_out).constant).map_err(|_| Retcode::INVALID_ARGUMENT)?;
        let is_it = |known: &&Known| known.0 == handle && known.1 == sent.riid;
        let class_riid = self.channels.iter().find(is_it).ok_or(Retcode::INVALID_ARGUMENT)?.2;
        // Handles lie in descriptors of the SDK's own layout; no interface that a domain calls passes any.
        if sent.handles != 0 {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        let mut head = Head {
            riid: class_riid,
            mid: sent.mid,
            ..Head::default()
        };
        let mut into = self.response.message(Lens::default())?;
        // SAFETY: C reads the request's parts and writes the response's within the rooms that the messages name, both
        // of which are ours alone.
        let code = unsafe {
            ffi::lc_call(
                handle.0,
                &raw mut head,
                &raw const out,
                &raw mut into,
                ms(self.timeout_ns),
            )
        };
        Retcode(code).ok()?;
        let lens = lens(&into)?;
        // A response is this request's, whatever it says: the kernel waited for no other.
        head.mid = sent.mid;
        let room = self.response.write();
        reseal(room.constant, lens, head, sent.riid, 0).map_err(|_| Retcode::INVALID_ARGUMENT)?;
        Ok(self.response.read(lens))
    }
}

/// An endpoint of the domain's class: the interface, and its number in the class.
pub(super) type Endpoint = (u16, u16);
/// More than a driver serves.
pub(super) const MAX_ENDPOINTS: usize = 8;

/// The server end: receives requests of all clients, and answers them in any order.
#[derive(Debug)]
pub struct Listener {
    request: Room,
    response: Room,
    handle: Handle,
    served: [Endpoint; MAX_ENDPOINTS],
    /// Ends `Recv` when an interrupt came.
    wake: u32,
}

/// What a try to receive gave.
enum Got {
    Request(CallerId, Lens),
    /// One that nobody here understands; it was answered.
    Refused,
}

impl Listener {
    pub(super) fn new(rooms: (Room, Room), handle: Handle, served: [Endpoint; MAX_ENDPOINTS], wake: u32) -> Self {
        Self {
            request: rooms.0,
            response: rooms.1,
            handle,
            served,
            wake,
        }
    }

    /// Waits up to `timeout_ns` for a request or an interrupt. 0 only looks, for a millisecond.
    ///
    /// # Errors
    ///
    /// The kernel's return code; it is not to be expected while the kernel lives.
    pub fn recv(&mut self, timeout_ns: u64) -> Result<Event<'_>, Retcode> {
        irq::unmask();
        let deadline_ns = super::clock_ns().saturating_add(timeout_ns);
        let (caller, lens) = loop {
            let left_ns = match timeout_ns {
                FOREVER => FOREVER,
                _ => deadline_ns.saturating_sub(super::clock_ns()),
            };
            if IrqSource::new().is_pending() {
                return Ok(Event::Irq);
            }
            let msec = match left_ns {
                FOREVER => ffi::FOREVER,
                // The kernel has no shorter time-out, and what none at all means is not public.
                0 if timeout_ns == 0 => 1,
                0 => return Ok(Event::Timeout),
                // Too short to be waited for: the clock is looked at again.
                1..1_000_000 => continue,
                _ => u32::try_from(left_ns / 1_000_000).unwrap_or(ffi::FOREVER - 1),
            };
            match self.take(msec) {
                Ok(Got::Request(caller, lens)) => break (caller, lens),
                Ok(Got::Refused) => {}
                Err(code) => {
                    let is_woken = irq::was_woken();
                    let is_late = code == Retcode::TIMEOUT;
                    if is_late && timeout_ns == 0 {
                        return Ok(Event::Timeout);
                    }
                    if !is_woken && !is_late {
                        return Err(code);
                    }
                }
            }
        };
        Ok(Event::Request(Incoming {
            caller,
            request: self.request.read(lens),
            response: self.response.write(),
        }))
    }

    /// Receives one request.
    fn take(&mut self, msec: u32) -> Result<Got, Retcode> {
        let (mut head, mut origin) = (Head::default(), Origin::default());
        let mut into = self.request.message(Lens::default())?;
        // SAFETY: C writes head, origin, and the request's parts within the room that the message names.
        let code = unsafe {
            ffi::lc_recv(
                self.handle.0,
                &raw mut head,
                &raw mut into,
                &raw mut origin,
                msec,
                self.wake,
            )
        };
        Retcode(code).ok()?;
        let caller = CallerId(u64::from(origin.reply_handle) << 32 | u64::from(origin.thread));
        if let Ok(lens) = lens(&into)
            && self.understands(lens, head, origin).is_some()
        {
            return Ok(Got::Request(caller, lens));
        }
        ffi::say(b"linux-compat: a request that is none was refused\n");
        let refused = Header {
            size: 24,
            handles: 0,
            is_error: false,
            riid: u16::MAX,
            mid: head.mid,
        };
        // Without parameters it is no response of any method, so the client's call fails. The client may be gone.
        let _ = self.send(
            caller,
            refused,
            Lens {
                constant: HEADER_BYTES,
                arena: 0,
            },
            head.riid,
        );
        Ok(Got::Refused)
    }

    /// Brings a request into [`crate::nk`]'s form. The security module checked it already; but nothing that came from
    /// outside is believed here.
    fn understands(&mut self, lens: Lens, head: Head, origin: Origin) -> Option<()> {
        let riid = self.served.iter().find(|served| served.1 == head.riid)?.0;
        reseal(self.request.write().constant, lens, head, riid, origin.task.into()).ok()?;
        let interface = crate::idl::interface(riid)?;
        interface.validate_request(self.request.read(lens)).ok().map(drop)
    }

    /// Returns the room for the next response, for an answer that is given later than its `Recv`.
    pub fn response(&mut self) -> PartsMut<'_> {
        self.response.write()
    }

    /// Answers `caller` with the `lens` bytes written to the response room; with none, the caller's `Call` fails.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if the caller is gone, `rcInvalidArgument` if the response is malformed,
    /// `rcSecurityDisallow` if the policy refused it.
    pub fn reply(&mut self, caller: CallerId, lens: Lens) -> Result<(), Retcode> {
        let header = if lens.constant == 0 {
            None
        } else {
            Header::read(self.response.read(lens).constant).ok()
        };
        let none = Header {
            size: 24,
            handles: 0,
            is_error: false,
            riid: u16::MAX,
            mid: u16::MAX,
        };
        let class = |riid| self.served.iter().find(|served| served.0 == riid);
        match header.and_then(|header| Some((header, class(header.riid)?.1))) {
            Some((header, riid)) if header.handles == 0 => self.send(caller, header, lens, riid),
            // No response of any method: the client's call fails.
            _ => self.send(
                caller,
                none,
                Lens {
                    constant: HEADER_BYTES,
                    arena: 0,
                },
                u16::MAX,
            ),
        }
    }

    fn send(&mut self, caller: CallerId, header: Header, lens: Lens, class_riid: u16) -> Result<(), Retcode> {
        let [thread, reply_handle] = [caller.0 & u64::from(u32::MAX), caller.0 >> 32];
        let origin = Origin {
            reply_handle: u32::try_from(reply_handle).unwrap_or(u32::MAX),
            thread: u32::try_from(thread).unwrap_or(u32::MAX),
            task: 0,
        };
        let head = Head {
            riid: class_riid,
            mid: header.mid,
            handles: header.handles,
            is_error: header.is_error.into(),
        };
        let out = self.response.message(lens)?;
        // SAFETY: C reads the response's parts, and writes its header, within the room that the message names.
        Retcode(unsafe { ffi::lc_reply(&raw const origin, &raw const head, &raw const out) }).ok()
    }

    /// Answers `caller` and waits for what comes next.
    ///
    /// The first result is the reply's, as [`Listener::reply`] gives it.
    pub fn reply_recv(&mut self, caller: CallerId, lens: Lens, timeout_ns: u64) -> (Result<(), Retcode>, Event<'_>) {
        let replied = self.reply(caller, lens);
        match self.recv(timeout_ns) {
            Ok(event) => (replied, event),
            Err(code) => (Err(code), Event::Timeout),
        }
    }

    /// Tells whether a request waits, as far as can be known without entering the kernel: nothing can.
    #[must_use]
    pub fn has_request(&self) -> bool {
        false
    }
}
