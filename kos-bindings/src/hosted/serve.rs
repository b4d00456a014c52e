// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel thread of a port: takes what its process asks, does it, or leaves it open for another
//! to finish.

use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::config::Event;
use super::handles::{Entry, Target};
use super::judge::Between;
use super::kernel::Inner;
use super::process::{Expired, Pending, Process, Request};
use super::shared::Message;
use crate::nk::{Handle, HandleDesc, Header, Lens, Retcode};
use crate::port::{Area, FOREVER, PortLens, op, turn};
use crate::sys::{Timespec, futex_wait};

/// Serves `process` until it is dead.
pub(super) fn serve(kernel: &Arc<Inner>, process: &Arc<Process>) {
    let mut thread = Thread::new(Arc::clone(kernel), Arc::clone(process));
    let word = &process.shared.port().turn;
    while !process.is_dead() {
        match word.compare_exchange(turn::KERNEL, turn::BUSY, AcqRel, Acquire) {
            Ok(_) => {
                process.entered();
                thread.enter();
            }
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

fn load(lens: &PortLens) -> Lens {
    Lens {
        constant: lens.constant.load(Relaxed) as usize,
        arena: lens.arena.load(Relaxed) as usize,
    }
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
        Self {
            kernel,
            me,
            message: Message::with_room(),
            answer: Message::with_room(),
        }
    }

    /// Sleeps until the port changes or something is due.
    pub(super) fn idle(&self, seen: u32, bit: u32) {
        let word = &self.me.shared.port().turn;
        let deadline = self.me.deadline_ns();
        if deadline == u64::MAX {
            futex_wait(word, seen, bit, None);
            return;
        }
        let now = super::clock_ns();
        if now < deadline {
            futex_wait(word, seen, bit, Some(Timespec::from_ns(deadline)));
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
            _ => self.me.finish(Retcode::INVALID_ARGUMENT),
        }
    }

    fn receive(&self) {
        let deadline = match self.me.shared.port().timeout_ns.load(Relaxed) {
            0 => 0,
            timeout => deadline_ns(timeout, super::clock_ns()),
        };
        self.me.receive(deadline);
    }

    /// `Call`. An error ends it here; otherwise it is finished or left open.
    fn call(&mut self) -> Result<(), Retcode> {
        let port = self.me.shared.port();
        let handle = Handle(port.handle.load(Relaxed));
        let lens = load(&port.call_request);
        let timeout_ns = port.timeout_ns.load(Relaxed);
        let copied = self.me.shared.copy_in(Area::CallRequest, lens, &mut self.message);
        copied.ok_or(Retcode::INVALID_ARGUMENT)?;
        self.send(handle, lens, timeout_ns)
    }

    /// Sends the message in hand to what `handle` leads to.
    pub(super) fn send(&mut self, handle: Handle, lens: Lens, timeout_ns: u64) -> Result<(), Retcode> {
        let entry = self.me.handles().callable(handle)?.clone();
        match &entry.target {
            Target::Server(server) => {
                let between = Between {
                    client: &self.me.class,
                    server: &server.name,
                };
                let known = self
                    .kernel
                    .judge
                    .request(between, entry.riid, self.message.parts(lens))?;
                set_self(&mut self.message, &entry, self.me.id)?;
                let request = self.message.parts(lens);
                let outcome = server.dispatch(known.interface.riid, request, self.answer.room());
                let lens = outcome.map_err(|(code, panic)| {
                    if let Some(text) = panic {
                        self.kernel.server_panicked(&server.name, text);
                    }
                    code
                })?;
                let answer = self.answer.parts(lens);
                self.kernel.judge.response(between, known, answer)?;
                self.me.put_response(answer);
                self.me.finish(Retcode::OK);
                Ok(())
            }
            Target::Process(server) => {
                let server = server.upgrade().ok_or(Retcode::NOT_CONNECTED)?;
                self.route(&entry, &server, lens, timeout_ns)
            }
        }
    }

    /// Sends the message in hand to another process.
    fn route(&mut self, entry: &Entry, server: &Arc<Process>, lens: Lens, timeout_ns: u64) -> Result<(), Retcode> {
        let between = Between {
            client: &self.me.class,
            server: &server.class,
        };
        let known = self
            .kernel
            .judge
            .request(between, entry.riid, self.message.parts(lens))?;
        set_self(&mut self.message, entry, self.me.id)?;
        let config = &self.kernel.config;
        let now = super::clock_ns();
        let id = self.kernel.next_id();
        self.me.begin_call(Pending {
            id,
            deadline_ns: deadline_ns(timeout_ns.min(config.call_timeout_ns()), now),
            is_own_limit: timeout_ns < config.call_timeout_ns(),
            watch_ns: now.saturating_add(config.watchdog_ns()),
            server: Arc::downgrade(server),
        });
        let client = Arc::clone(&self.me);
        let request = Request { id, client, known };
        if let Err(code) = server.deliver(request, self.message.parts(lens)) {
            self.me.complete(id, Err(code));
        } else if self.me.is_dead() {
            // It died while its request was on its way: the server is told once more, behind the request.
            server.abandon(id);
            server.client_gone(self.me.id);
        }
        Ok(())
    }

    /// `Reply`. Whatever goes wrong with the response, the client's call ends. Returns the client
    /// that is to be woken.
    fn reply(&mut self) -> (Retcode, Option<Arc<Process>>) {
        let port = self.me.shared.port();
        let lens = load(&port.serve_response);
        let request = match self.me.take(port.caller.load(Relaxed)) {
            Ok(request) => request,
            Err(code) => return (code, None),
        };
        let judged = self.judge_reply(&request, lens);
        let answer = judged.map(|()| self.message.parts(lens));
        let code = match answer {
            // The server chose to give no answer; that is no error of its own.
            Err(Retcode::FAIL) | Ok(_) => Retcode::OK,
            Err(code) => code,
        };
        if request.client.complete_silently(request.id, answer) {
            (code, Some(request.client))
        } else {
            (Retcode::NOT_CONNECTED, None)
        }
    }

    fn judge_reply(&mut self, request: &Request, lens: Lens) -> Result<(), Retcode> {
        if lens == Lens::default() {
            return Err(Retcode::FAIL);
        }
        let copied = self.me.shared.copy_in(Area::ServeResponse, lens, &mut self.message);
        copied.ok_or(Retcode::INVALID_ARGUMENT)?;
        let between = Between {
            client: &request.client.class,
            server: &self.me.class,
        };
        self.kernel
            .judge
            .response(between, request.known, self.message.parts(lens))
    }
}

/// Fills in the kernel's part of the header: with what rights, and by whom, the handle was called.
fn set_self(message: &mut Message, entry: &Entry, client: u64) -> Result<(), Retcode> {
    let desc = HandleDesc {
        handle: Handle::INVALID,
        rights: entry.rights.bits(),
        badge: client,
    };
    Header::set_self_handle(message.room().constant, desc).map_err(|_| Retcode::INVALID_ARGUMENT)
}

fn wake(client: Option<Arc<Process>>) {
    if let Some(client) = client {
        client.give_turn();
    }
}
