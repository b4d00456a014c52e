// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processes whose threads are threads of this program, and the three calls as they make them.
//!
//! Each thread has a port and a kernel thread of its own, as a sandboxed domain has, and is trusted no more. What
//! such a process is not is sandboxed: it is for servers of the supervisor's, for tests, and for code that was
//! written against KasperskyOS's C interface.
//!
//! # Examples
//!
//! ```no_run
//! use kos_bindings::hosted::{Config, Kernel, TaskSpec};
//! use kos_bindings::nk::{Handle, Transport};
//! use kos_bindings::kn::INFINITE;
//!
//! let kernel = Kernel::new(Config::default())?;
//! let server = kernel.task(&TaskSpec::new("server"))?;
//! let client = kernel.task(&TaskSpec::new("client"))?;
//! // As in `init.yaml`: the client has a channel called `clock` to the server, which has the endpoint `clock` there.
//! kernel.connect(&client, &server, "clock", &[("clock", 6)])?;
//!
//! let mut thread = server.attach()?;
//! std::thread::spawn(move || {
//!     let listener = thread.service_locator_register("clock");
//!     while let Ok(received) = thread.recv(listener) {
//!         let (reply_handle, client) = (received.reply_handle, received.thread);
//!         // … look at `received.message`, write an answer into `thread.response()` …
//!         # let lens = Default::default();
//!         let _ = thread.reply(reply_handle, client, lens);
//!     }
//! });
//!
//! let mut thread = client.attach()?;
//! let clock = thread.service_locator_connect("clock");
//! // … write a request into `thread.request()` …
//! # let lens = Default::default();
//! let answer = thread.call_ex(clock, lens, INFINITE, Handle::INVALID);
//! # Ok::<(), kos_bindings::hosted::Error>(())
//! ```
#![expect(
    unsafe_code,
    reason = "lends areas of the port between two calls, as the domain's side does"
)]

mod task;

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use super::cpu;
use super::process::Process;
use crate::kn::{INFINITE, Kn};
use crate::nk::{Handle, Lens, Parts, PartsMut, Retcode, Transport};
use crate::port::{Area, FOREVER, event, op};
use crate::turn;
pub use task::{Task, TaskSpec};

/// What `Recv` returned.
#[derive(Debug)]
pub struct Received<'a> {
    /// The handle to reply on: that which was received on.
    pub reply_handle: Handle,
    /// The process that asks; 0 for an interrupt.
    pub sender: u32,
    /// The thread that asks, and is answered; 0 for an interrupt.
    pub thread: u32,
    /// The number of its call, to be named in [`Thread::reply_to`]; 0 for an interrupt.
    pub call: u64,
    /// The request; empty for an interrupt. Valid until the thread receives again.
    pub message: Parts<'a>,
}

/// A thread of a process.
#[derive(Debug)]
pub struct Thread {
    process: Arc<Process>,
    core: Handle,
    cpu: Option<usize>,
}

/// Turns milliseconds into what a port holds.
fn nanoseconds(ms: u32) -> u64 {
    match ms {
        INFINITE => FOREVER,
        ms => u64::from(ms) * 1_000_000,
    }
}

impl Thread {
    /// Returns its number: `Tid`.
    #[must_use]
    pub fn tid(&self) -> u32 {
        u32::try_from(self.process.id).unwrap_or(u32::MAX)
    }

    /// Returns the process's handle for the kernel's services; they are functions in [`Kn`].
    #[must_use]
    pub fn kernel(&self) -> Handle {
        self.core
    }

    /// Returns the kernel's services.
    pub fn kn(&mut self) -> Kn<&mut Self> {
        let core = self.core;
        Kn::new(self, core)
    }

    /// Returns the static channel called `name` for its client, or the invalid handle if there is none or it was
    /// closed.
    #[must_use]
    pub fn service_locator_connect(&self, name: &str) -> Handle {
        let task = &self.process.task;
        task.named(&task.clients, name)
            .map_or(Handle::INVALID, |named| named.handle)
    }

    /// Returns the listener of the static channels called `name` for their server, or the invalid handle.
    #[must_use]
    pub fn service_locator_register(&self, name: &str) -> Handle {
        let task = &self.process.task;
        task.named(&task.servers, name)
            .map_or(Handle::INVALID, |named| named.handle)
    }

    /// Returns the number of endpoint `endpoint` (`component.endpoint`, or just `endpoint`) on the static channel
    /// `channel`, or `None` (`INVALID_RIID`).
    #[must_use]
    pub fn service_locator_get_riid(&self, channel: Handle, endpoint: &str) -> Option<u16> {
        let task = &self.process.task;
        task.node(channel, Retcode::NOT_CONNECTED).ok()?;
        let clients = super::notice::lock(&task.clients);
        let named = clients.values().find(|named| named.handle == channel)?;
        let found = named.endpoints.iter().find(|(name, _)| name == endpoint)?;
        Some(found.1)
    }

    /// Returns the port's file, as a hostile process could map it a second time; to be woken there takes
    /// [`TaskSpec::is_mapped_elsewhere`].
    #[must_use]
    pub fn port_file(&self) -> BorrowedFd<'_> {
        self.process.shared.file()
    }

    /// Keeps the calling thread on the kernel's core, which makes a round trip several times faster.
    pub fn pin(&self) -> bool {
        cpu::pin(self.cpu)
    }

    /// Posts what the port asks and waits for the turn.
    fn enter(&self, op: u32) -> Result<(), Retcode> {
        let port = self.process.shared.port();
        port.op.store(op, Relaxed);
        let word = self.process.shared.turn();
        if turn::post(&word) && turn::wait(&word) {
            Retcode(port.result.load(Acquire).cast_signed()).ok()
        } else {
            Err(Retcode::NOT_CONNECTED)
        }
    }

    /// `CallEx`: sends the request in [`Thread::request`], and waits for its answer up to `mdelay` milliseconds
    /// ([`INFINITE`]: for ever) or until `sync` interrupts. Both end a call that no server took; whether the time also
    /// ends one that a server works on is [`super::Unknowns::timeout_covers_service`].
    ///
    /// # Errors
    ///
    /// | code | when |
    /// |---|---|
    /// | `rcInvalidArgument` | request or answer is malformed or too long, or `handle` cannot be called |
    /// | | a handle in the request does not exist, or `sync` is no synchronisation object |
    /// | `rcSecurityDisallow` | the policy refused request or answer, or a right is missing |
    /// | `rcNotConnected` | there is no such handle, or no server behind it any more |
    /// | `rcHandleRevoked` | the handle, or one in the request, was taken back |
    /// | `rcTimeout`, `rcIpcInterrupt` | as above |
    /// | `rcBusy` | too many requests wait there |
    /// | `rcFail` | the server chose to give no answer, or a limit of the caller's is reached |
    pub fn call_ex(&mut self, handle: Handle, lens: Lens, mdelay: u32, sync: Handle) -> Result<Parts<'_>, Retcode> {
        let port = self.process.shared.port();
        port.handle.store(handle.0, Relaxed);
        port.timeout_ns.store(nanoseconds(mdelay), Relaxed);
        port.sync.store(sync.0, Relaxed);
        port.call_request.store(lens);
        self.enter(op::CALL)?;
        let lens = self.process.response()?;
        // SAFETY: the kernel filled the area and gave the turn back; `&mut self` keeps the next call away.
        let parts = unsafe { self.process.shared.view(Area::CallResponse, lens) };
        parts.ok_or(Retcode::INVALID_ARGUMENT)
    }

    /// `Recv`: [`Thread::recv_ex`] without limits.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn recv(&mut self, handle: Handle) -> Result<Received<'_>, Retcode> {
        self.recv_ex(handle, INFINITE, Handle::INVALID)
    }

    /// `RecvEx`: waits for a request on a listener, or for an interrupt on what [`Kn::attach_irq`] returned, up to
    /// `mdelay` milliseconds (0: only looks) or until `sync` interrupts.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if there is no such handle, the listener was closed or the line detached; `rcHandleRevoked`;
    /// `rcSecurityDisallow` without the right to receive; `rcInvalidArgument` if it is nothing to receive on, or
    /// another thread's; `rcTimeout`; `rcIpcInterrupt`.
    pub fn recv_ex(&mut self, handle: Handle, mdelay: u32, sync: Handle) -> Result<Received<'_>, Retcode> {
        let port = self.process.shared.port();
        port.handle.store(handle.0, Relaxed);
        port.timeout_ns.store(nanoseconds(mdelay), Relaxed);
        port.sync.store(sync.0, Relaxed);
        self.enter(op::RECV_ON)?;
        self.received(handle)
    }

    /// Returns what was received on `handle`.
    fn received(&mut self, handle: Handle) -> Result<Received<'_>, Retcode> {
        let port = self.process.shared.port();
        if port.event.load(Acquire) != event::REQUEST {
            return Ok(Received {
                reply_handle: handle,
                sender: 0,
                thread: 0,
                call: 0,
                message: Parts::default(),
            });
        }
        let lens = port.serve_request.load();
        // SAFETY: the kernel filled the area and gave the turn back; `&mut self` keeps the next one away.
        let message = unsafe { self.process.shared.view(Area::ServeRequest, lens) };
        Ok(Received {
            reply_handle: handle,
            sender: port.sender.load(Relaxed),
            thread: port.thread.load(Relaxed),
            call: port.caller.load(Relaxed),
            message: message.ok_or(Retcode::INVALID_ARGUMENT)?,
        })
    }

    /// Returns the room for the next answer, whichever request it is to.
    pub fn response(&mut self) -> PartsMut<'_> {
        // SAFETY: the kernel only reads this area, and only while it has the turn; `&mut self` keeps the rest away.
        unsafe { self.process.shared.room(Area::ServeResponse) }
    }

    /// `Reply`: answers thread `client` (0: the one that was received first) on `reply_handle` with the `lens` bytes in
    /// [`Thread::response`]; with none, its `Call` fails with `rcFail`. Any thread of the process may answer.
    ///
    /// # Errors
    ///
    /// `rcInvalidArgument` if it is owed no answer, or the answer is malformed, too long, or has handles that do not
    /// exist; `rcSecurityDisallow` if the policy refused it, or a right is missing: the client's `Call` then fails so
    /// too. `rcNotConnected` if the client is gone or gave up; `rcHandleRevoked`.
    pub fn reply(&mut self, reply_handle: Handle, client: u32, lens: Lens) -> Result<(), Retcode> {
        self.reply_to(reply_handle, client, 0, lens)
    }

    /// [`Thread::reply`] to call number `call` of `client` and to no other: a client that gave up and asks again is
    /// not taken for the one that is answered late. 0 is any; then a thread that holds two requests of one client
    /// thread, which gave up the first one, answers in order.
    ///
    /// # Errors
    ///
    /// As there; `rcNotConnected` if the client gave up this call.
    pub fn reply_to(&mut self, reply_handle: Handle, client: u32, call: u64, lens: Lens) -> Result<(), Retcode> {
        let port = self.process.shared.port();
        port.handle.store(reply_handle.0, Relaxed);
        port.thread.store(client, Relaxed);
        port.caller.store(call, Relaxed);
        port.serve_response.store(lens);
        self.enter(op::REPLY_ON)
    }

    /// [`Thread::reply`], then [`Thread::recv_ex`] on the same handle, in one entry into the kernel: what a server
    /// does all the time, for two hand-overs less. The first result is the reply's.
    pub fn reply_recv(
        &mut self,
        reply_handle: Handle,
        client: u32,
        lens: Lens,
        mdelay: u32,
        sync: Handle,
    ) -> (Result<(), Retcode>, Result<Received<'_>, Retcode>) {
        let port = self.process.shared.port();
        port.handle.store(reply_handle.0, Relaxed);
        port.thread.store(client, Relaxed);
        port.caller.store(0, Relaxed);
        port.timeout_ns.store(nanoseconds(mdelay), Relaxed);
        port.sync.store(sync.0, Relaxed);
        port.serve_response.store(lens);
        port.reply_result
            .store(Retcode::NOT_CONNECTED.0.cast_unsigned(), Relaxed);
        let entered = self.enter(op::REPLY_RECV_ON);
        let replied = Retcode(port_word(&self.process, |port| &port.reply_result)).ok();
        (replied, entered.and_then(|()| self.received(reply_handle)))
    }
}

/// Reads a word of the port that holds a return code.
fn port_word(process: &Process, word: impl FnOnce(&crate::port::Port) -> &std::sync::atomic::AtomicU32) -> i32 {
    word(process.shared.port()).load(Relaxed).cast_signed()
}

impl Transport for Thread {
    fn request(&mut self) -> PartsMut<'_> {
        // SAFETY: the kernel only reads this area, and only while it has the turn; `&mut self` keeps the rest away.
        unsafe { self.process.shared.room(Area::CallRequest) }
    }

    fn call(&mut self, handle: Handle, lens: Lens) -> Result<Parts<'_>, Retcode> {
        self.call_ex(handle, lens, INFINITE, Handle::INVALID)
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.process.bury();
    }
}
