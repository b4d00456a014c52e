// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel thread of a port: takes what its process asks, does it, or leaves it open for another
//! to finish.

mod reply;

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use super::config::Event;
use super::core::{self, Core};
use super::handles::{Rights, Target};
use super::judge::{Between, CORE, Known};
use super::kernel::Inner;
use super::numbers::Numbers;
use super::object::{Kind, Object};
use super::process::{Expired, Peer, Pending, Process, Request};
use super::server::ServerObject;
use super::shared::Message;
use super::sync::Sync;
use super::transfer::transfer;
use crate::kn::right;
use crate::nk::{Handle, HandleDesc, Header, Lens, Retcode};
use crate::port::{Area, FOREVER, PortLens, op, turn};
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
            op::SHARE => self
                .me
                .finish(self.kernel.take_share(&self.me).err().unwrap_or(Retcode::OK)),
            _ => self.me.finish(Retcode::INVALID_ARGUMENT),
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

    /// `Call`. An error ends it here; otherwise it is finished or left open.
    fn call(&mut self) -> Result<(), Retcode> {
        let port = self.me.shared.port();
        let handle = Handle(port.handle.load(Relaxed));
        let lens = load(&port.call_request);
        let timeout_ns = port.timeout_ns.load(Relaxed);
        let sync = port.sync.load(Relaxed);
        let copied = self.me.shared.copy_in(Area::CallRequest, lens, &mut self.message);
        copied.ok_or(Retcode::INVALID_ARGUMENT)?;
        self.send(handle, lens, timeout_ns, sync)
    }

    /// Sends the message in hand to what `handle` leads to.
    pub(super) fn send(&mut self, handle: Handle, lens: Lens, timeout_ns: u64, sync: u32) -> Result<(), Retcode> {
        let forged = |code| self.audit(lens, code);
        let node = self.me.task.node(handle, Retcode::NOT_CONNECTED).map_err(forged)?;
        let object = node.object().map_err(forged)?;
        let rights = node.rights;
        if !rights.contains(Rights::CALL) {
            return Err(self.audit(lens, Retcode::SECURITY_DISALLOW));
        }
        if lens.constant.saturating_add(lens.arena) > self.kernel.config.message_bytes {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        let sync = self.sync(sync)?;
        if sync.as_ref().is_some_and(|sync| sync.take()) {
            return Err(Retcode::IPC_INTERRUPT);
        }
        let way = Way { timeout_ns, sync };
        // What a server finds in the message about the handle that was called.
        let mut own = HandleDesc {
            handle: Handle::INVALID,
            rights: rights.bits(),
            badge: self.me.id,
        };
        match &object.kind {
            Kind::Born {
                target: Target::Server(server),
                riid,
            } => self.serve_here(server, *riid, own, lens),
            Kind::Born {
                target: Target::Process(server),
                riid,
            } => {
                let server = server.upgrade().ok_or(Retcode::NOT_CONNECTED)?;
                self.route(*riid, own, &server, lens, way)
            }
            Kind::Kernel => self.serve_core(lens),
            Kind::Channel(channel) if !channel.is_disconnected.load(Acquire) => {
                let listener = channel.listener.upgrade().ok_or(Retcode::NOT_CONNECTED)?;
                self.queue(channel.riid, &channel.numbers, own, &listener, lens, way)
            }
            Kind::User(user) => {
                let listener = user.listener.as_ref().ok_or(Retcode::INVALID_ARGUMENT)?;
                let listener = listener.upgrade().ok_or(Retcode::NOT_CONNECTED)?;
                own.handle = node
                    .ancestor_in(user.issuer)
                    .unwrap_or(match node.owner == user.issuer {
                        true => handle,
                        false => Handle::INVALID,
                    });
                own.rights |= HandleDesc::DEREFERENCED;
                own.badge = node.context_of(user.issuer);
                drop(node);
                self.queue(user.riid, &Numbers::default(), own, &listener, lens, way)
            }
            Kind::Channel(_) => Err(Retcode::NOT_CONNECTED),
            _ => Err(Retcode::INVALID_ARGUMENT),
        }
    }

    /// Lets a server object in this process answer.
    fn serve_here(
        &mut self,
        server: &Arc<ServerObject>,
        riid: u16,
        own: HandleDesc,
        lens: Lens,
    ) -> Result<(), Retcode> {
        let between = Between {
            client: &self.me.class,
            server: &server.name,
        };
        let known = self.kernel.judge.request(between, riid, self.message.parts(lens))?;
        set_self(&mut self.message, own)?;
        let request = self.message.parts(lens);
        let outcome = server.dispatch(known.interface.riid, request, self.answer.room());
        let lens = outcome.map_err(|(code, panic)| {
            if let Some(text) = panic {
                self.kernel.server_panicked(&server.name, text);
            }
            code
        })?;
        self.answer_here(between.server, known, lens)
    }

    /// Lets the kernel itself answer.
    fn serve_core(&mut self, lens: Lens) -> Result<(), Retcode> {
        let between = Between {
            client: &self.me.class,
            server: CORE,
        };
        let request = self.message.parts(lens);
        let known = self.kernel.judge.core_request(between, core::interface, request)?;
        let mut core = Core::new(&self.kernel, &self.me);
        let answered = core.dispatch(known.interface.riid, request, self.answer.room())?;
        let code = core::return_code(known.method, self.answer.parts(answered));
        if !matches!(code, Retcode::OK | Retcode::TIMEOUT | Retcode::NOT_CONNECTED) {
            self.refused(between, lens, code);
        }
        self.answer_here(CORE, known, answered)
    }

    /// Judges the answer in hand and ends the call with it.
    fn answer_here(&self, server: &str, known: Known, lens: Lens) -> Result<(), Retcode> {
        let between = Between {
            client: &self.me.class,
            server,
        };
        let answer = self.answer.parts(lens);
        self.kernel.judge.response(between, known, answer)?;
        self.me.put_response(answer);
        self.me.finish(Retcode::OK);
        Ok(())
    }

    /// Opens a call to `server` and returns its number.
    fn open_call(&self, server: Peer, way: Way) -> u64 {
        let config = &self.kernel.config;
        let now = super::clock_ns();
        let id = self.kernel.next_call();
        self.me.begin_call(Pending {
            id,
            deadline_ns: deadline_ns(way.timeout_ns.min(config.call_timeout_ns()), now),
            kernel_deadline_ns: deadline_ns(config.call_timeout_ns(), now),
            covers_service: config.unknowns.timeout_covers_service,
            watch_ns: now.saturating_add(config.watchdog_ns()),
            server,
            sync: way.sync,
        });
        id
    }

    /// Sends the message in hand to a domain.
    fn route(
        &mut self,
        riid: u16,
        own: HandleDesc,
        server: &Arc<Process>,
        lens: Lens,
        way: Way,
    ) -> Result<(), Retcode> {
        let between = Between {
            client: &self.me.class,
            server: &server.class,
        };
        if !server.shared.room_bytes().holds(self.message.parts(lens)) {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        let known = self.kernel.judge.request(between, riid, self.message.parts(lens))?;
        let granted = transfer(&self.me.task, &server.task, self.message.constant(lens));
        let granted = granted.map_err(|code| self.refused(between, lens, code))?;
        set_self(&mut self.message, own)?;
        let sync = way.sync.clone();
        let id = self.open_call(Peer::Domain(Arc::downgrade(server)), way);
        let client = Arc::clone(&self.me);
        let request = Request {
            id,
            client,
            known,
            granted,
            number: None,
        };
        if let Some(sync) = &sync {
            sync.enter(&self.me);
        }
        if let Err((request, code)) = server.deliver(request, self.message.parts(lens)) {
            request.granted.take_back();
            self.me.complete(id, Err(code));
        } else if self.me.is_dead() {
            // It died while its request was on its way: the server is told once more, behind the request.
            server.abandon(id);
            server.client_gone(self.me.id);
        }
        recheck(&self.me, sync.as_ref());
        Ok(())
    }

    /// Sends the message in hand to a listener.
    fn queue(
        &mut self,
        riid: u16,
        numbers: &Numbers,
        own: HandleDesc,
        object: &Arc<Object>,
        lens: Lens,
        way: Way,
    ) -> Result<(), Retcode> {
        let listener = object.listener()?;
        let between = Between {
            client: &self.me.class,
            server: &listener.class,
        };
        let owner = listener.owner.upgrade().ok_or(Retcode::NOT_CONNECTED)?;
        let number = numbers.enter(self.message.constant(lens));
        let number = number.map_err(|code| self.refused(between, lens, code))?;
        let known = self.kernel.judge.request(between, riid, self.message.parts(lens))?;
        let granted = transfer(&self.me.task, &owner, self.message.constant(lens));
        let granted = granted.map_err(|code| self.refused(between, lens, code))?;
        set_self(&mut self.message, own)?;
        if let Some(number) = number {
            number.leave(self.message.constant(lens))?;
        }
        let sync = way.sync.clone();
        let id = self.open_call(Peer::Listener(Arc::downgrade(object)), way);
        let client = Arc::clone(&self.me);
        let request = Request {
            id,
            client,
            known,
            granted,
            number,
        };
        if let Some(sync) = &sync {
            sync.enter(&self.me);
        }
        if let Err((request, code)) = listener.deliver(request, self.message.parts(lens)) {
            request.granted.take_back();
            self.me.complete(id, Err(code));
        } else if self.me.is_dead() {
            listener.abandon(id);
        }
        recheck(&self.me, sync.as_ref());
        Ok(())
    }

    /// Tells the audit of what a thread asked that led nowhere; `lens` is of the message in hand, if there is one.
    fn audit(&self, lens: Lens, code: Retcode) -> Retcode {
        let between = Between {
            client: &self.me.class,
            server: NOBODY,
        };
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

/// How long a call may take, and what may interrupt it.
struct Way {
    timeout_ns: u64,
    sync: Option<Arc<Sync>>,
}

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
