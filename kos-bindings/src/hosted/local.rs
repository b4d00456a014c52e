// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client inside the kernel's process: the supervisor itself.
//!
//! Its calls are judged like any other's, but it needs no kernel thread: its own thread does that
//! work, which spares two of the four hand-overs of a round trip.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

use super::caps;
use super::handles::Rights;
use super::kernel::Inner;
use super::process::Process;
use super::serve::Thread;
use super::shared::{Message, Room};
use crate::nk::{Handle, Lens, Parts, PartsMut, Retcode, Transport};
use crate::port::{Area, FOREVER, turn};

/// A client of one domain, for one thread at a time.
#[derive(Debug)]
pub struct LocalClient {
    thread: Thread,
    response: Message,
    handle: Handle,
    timeout_ns: u64,
}

impl LocalClient {
    pub(super) fn new(kernel: Arc<Inner>, me: Arc<Process>, handle: Handle) -> Self {
        Self {
            thread: Thread::new(kernel, me),
            response: Message::with_room(Room::DEFAULT),
            handle,
            timeout_ns: FOREVER,
        }
    }

    /// Returns the handle of the domain, for the generated clients.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// Makes a second handle to what `handle` leads to, with the rights that are in both its own
    /// and `mask`.
    pub fn copy_handle(&mut self, handle: Handle, mask: Rights) -> Option<Handle> {
        let task = &self.thread.me.task;
        let node = task.node(handle, Retcode::NOT_CONNECTED).ok()?;
        caps::derive(&node, task, node.rights.and(mask), None, task).ok()
    }

    /// Closes a handle for good. Returns whether it was open.
    pub fn close_handle(&mut self, handle: Handle) -> bool {
        caps::close(&self.thread.me.task, handle)
    }

    /// Limits each following `Call`, in nanoseconds.
    pub fn set_timeout_ns(&mut self, timeout_ns: u64) {
        self.timeout_ns = timeout_ns;
    }

    /// Keeps the calling thread on the kernel's core, which makes a round trip several times
    /// faster.
    pub fn pin_thread(&self) -> bool {
        super::cpu::pin(self.thread.kernel.cpu)
    }
}

impl Transport for LocalClient {
    fn request(&mut self) -> PartsMut<'_> {
        self.thread.message.room()
    }

    fn call(&mut self, handle: Handle, lens: Lens) -> Result<Parts<'_>, Retcode> {
        let word = &self.thread.me.shared.port().turn;
        word.store(turn::BUSY, Release);
        if let Err(code) = self.thread.send(handle, lens, self.timeout_ns, 0) {
            self.thread.me.finish(code);
        }
        let port = self.thread.me.shared.port();
        loop {
            match port.turn.load(Acquire) {
                turn::USER => break,
                turn::DEAD => return Err(Retcode::NOT_CONNECTED),
                seen => self.thread.idle(seen, turn::USER_BIT),
            }
        }
        let lens = self.thread.me.response()?;
        let copied = self
            .thread
            .me
            .shared
            .copy_in(Area::CallResponse, lens, &mut self.response);
        copied.ok_or(Retcode::INVALID_ARGUMENT)?;
        Ok(self.response.parts(lens))
    }
}

impl Drop for LocalClient {
    fn drop(&mut self) {
        self.thread.me.bury();
    }
}
