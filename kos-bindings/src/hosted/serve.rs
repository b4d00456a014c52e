// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel thread of a port: takes what its process asks, does it, or leaves it open for another
//! to finish. `Call` is in `call`, `Reply` in `reply`.

mod call;
mod reply;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::config::Event;
use super::handles::Rights;
use super::judge::{Between, Party};
use super::kernel::Inner;
use super::object::Kind;
use super::process::{Expired, Process};
use super::shared::Message;
use super::sync::Sync;
use crate::kn::right;
use crate::nk::{Handle, HandleDesc, Header, Lens, Retcode};
use crate::port::{Area, FOREVER, op, turn};
use crate::sys::Timespec;

/// Serves `thread`'s process until it is dead.
pub(super) fn serve(mut thread: Thread) {
    let process = Arc::clone(&thread.me);
    let word = process.shared.turn();
    while !process.is_dead() {
        match crate::turn::take(&word) {
            Ok(()) => {
                process.entered();
                thread.enter();
            }
            // Either it died just now, or it wrote that itself, which is against the protocol.
            Err(turn::DEAD) => return process.break_off(),
            Err(seen) => thread.idle(seen, turn::KERNEL_BIT),
        }
    }
}

/// What acts for a process inside the kernel.
#[derive(Debug)]
pub(super) struct Thread {
    pub(super) kernel: Arc<Inner>,
    pub(super) me: Arc<Process>,
    /// The kernel's own copy of what came in.
    pub(super) message: Message,
    /// What a server object answered.
    answer: Message,
}

/// Turns a relative timeout of a peer into a deadline.
fn deadline_ns(timeout_ns: u64, now_ns: u64) -> u64 {
    match timeout_ns {
        FOREVER => u64::MAX,
        _ => now_ns.saturating_add(timeout_ns),
    }
}

impl Thread {
    pub(super) fn new(kernel: Arc<Inner>, me: Arc<Process>) -> Self {
        let room = me.shared.room_bytes();
        let mut message = Message::with_room(room);
        // A first message finds its pages there, on both sides.
        const FIRST: Lens = Lens { constant: 1, arena: 1 };
        for area in [
            Area::CallRequest,
            Area::CallResponse,
            Area::ServeRequest,
            Area::ServeResponse,
        ] {
            let _ = me.shared.copy_in(area, FIRST, &mut message);
        }
        Self {
            kernel,
            me,
            message,
            answer: Message::with_room(room),
        }
    }

    /// Sleeps until the port changes or something is due.
    pub(super) fn idle(&self, seen: u32, bit: u32) {
        let word = self.me.shared.turn();
        let deadline = self.me.deadline_ns();
        if deadline == u64::MAX {
            word.wait_until(seen, bit, None);
            return;
        }
        let now = super::clock_ns();
        if now < deadline {
            word.wait_until(seen, bit, Some(Timespec::from_ns(deadline)));
            return;
        }
        let watchdog = self.kernel.config.watchdog_ns();
        match self.me.expire(now, watchdog) {
            Expired::Nothing => {}
            Expired::Stuck(server) => {
                if let Some(life) = &server.life {
                    life.end_stuck();
                }
            }
            Expired::Unanswered(domain) => (self.kernel.config.on_event)(Event::Unanswered { domain }),
        }
    }

    /// Does what the port asks. Words are read once: the peer may change them meanwhile.
    fn enter(&mut self) {
        let port = self.me.shared.port();
        if self.me.is_waiting() {
            // It posted again while its last operation is still open: it does not keep the
            // protocol.
            self.me.break_off();
            return;
        }
        match port.op.load(Relaxed) {
            op::CALL => {
                if let Err(code) = self.call() {
                    self.me.finish(code);
                }
            }
            op::RECV => {
                self.me.set_result(Retcode::OK);
                self.receive();
            }
            op::REPLY => {
                let (code, client) = self.reply();
                self.me.finish(code);
                wake(client);
            }
            op::REPLY_RECV => {
                let (code, client) = self.reply();
                self.me.set_result(code);
                // The server listens before its client goes on: the next request then finds it
                // waiting, and Linux, which may switch to the client at its wake-up, does not have
                // to come back here first.
                self.receive();
                wake(client);
            }
            op::RECV_ON => self.receive_or_finish(&mut None),
            op::REPLY_RECV_ON => {
                let (code, client) = self.reply_on();
                let port = self.me.shared.port();
                port.reply_result.store(code.0.cast_unsigned(), Relaxed);
                // As above: the server listens before its client goes on.
                let mut client = client;
                self.receive_or_finish(&mut client);
                wake(client);
            }
            op::REPLY_ON => {
                let (code, client) = self.reply_on();
                self.me.finish(code);
                wake(client);
            }
            op::SHARE => {
                let shared = self.kernel.take_share(&self.me);
                let refused = shared.map_err(|code| self.audit(Lens::default(), code));
                self.me.finish(refused.err().unwrap_or(Retcode::OK));
            }
            _ => {
                let code = self.audit(Lens::default(), Retcode::INVALID_ARGUMENT);
                self.me.finish(code);
            }
        }
    }

    fn receive_or_finish(&self, client: &mut Option<Arc<Process>>) {
        if let Err(code) = self.receive_on(client) {
            if code != Retcode::IPC_INTERRUPT {
                self.audit(Lens::default(), code);
            }
            self.me.finish(code);
        }
    }

    /// `Recv` on a handle. An error ends it here; otherwise it is finished or left open. `client` was answered just now
    /// and is woken early where others are waited for.
    fn receive_on(&self, client: &mut Option<Arc<Process>>) -> Result<(), Retcode> {
        let port = self.me.shared.port();
        let handle = Handle(port.handle.load(Relaxed));
        let timeout_ns = port.timeout_ns.load(Relaxed);
        let sync = self.sync(port.sync.load(Relaxed))?;
        let rights = Rights(right::LISTEN);
        let object = self.me.task.object(handle, rights, Retcode::NOT_CONNECTED)?;
        if sync.as_ref().is_some_and(|sync| sync.take()) {
            return Err(Retcode::IPC_INTERRUPT);
        }
        let deadline = match timeout_ns {
            0 => 0,
            timeout => deadline_ns(timeout, super::clock_ns()),
        };
        if let Some(sync) = &sync {
            sync.enter(&self.me);
        }
        match &object.kind {
            Kind::Listener(listener) => {
                if deadline != 0 {
                    listener.hold_back(|| wake(client.take()));
                }
                listener.receive(&self.me, deadline, sync.clone());
            }
            Kind::Delivery(line, bound) => line.receive(&self.me, *bound, deadline, sync.clone()),
            _ => return Err(Retcode::INVALID_ARGUMENT),
        }
        recheck(&self.me, sync.as_ref());
        Ok(())
    }

    /// Finds the synchronisation object that a port names; 0 and the invalid handle name none.
    fn sync(&self, handle: u32) -> Result<Option<Arc<Sync>>, Retcode> {
        let handle = Handle(handle);
        if handle.0 == 0 || !handle.is_valid() {
            return Ok(None);
        }
        let object = self.me.task.object(handle, Rights::NONE, Retcode::INVALID_ARGUMENT)?;
        Ok(Some(Arc::clone(object.sync()?)))
    }

    fn receive(&self) {
        let deadline = match self.me.shared.port().timeout_ns.load(Relaxed) {
            0 => 0,
            timeout => deadline_ns(timeout, super::clock_ns()),
        };
        self.me.receive(deadline);
    }

    /// Tells the audit of what a thread asked that led nowhere; `lens` is of the message in hand, if there is one.
    fn audit(&self, lens: Lens, code: Retcode) -> Retcode {
        let between = Between::new(self.me.task.party(), Party::here(NOBODY));
        self.refused(between, lens, code)
    }

    /// Tells the audit of a request that is well-formed and allowed, but not possible.
    fn refused(&self, between: Between<'_>, lens: Lens, code: Retcode) -> Retcode {
        self.kernel.judge.refused(between, self.message.parts(lens), code);
        code
    }
}

/// In the audit: a handle that leads nowhere.
const NOBODY: &str = "";

/// Looks once more at a synchronisation object that may have been set while its thread went to wait.
fn recheck(thread: &Arc<Process>, sync: Option<&Arc<Sync>>) {
    if let Some(sync) = sync
        && sync.interrupts()
    {
        thread.interrupt(sync);
    }
}

/// Fills in the kernel's part of the header: with what rights, and by whom, the handle was called.
fn set_self(message: &mut Message, own: HandleDesc) -> Result<(), Retcode> {
    Header::set_self_handle(message.room().constant, own).map_err(|_| Retcode::INVALID_ARGUMENT)
}

fn wake(client: Option<Arc<Process>>) {
    if let Some(client) = client {
        client.give_turn();
    }
}
