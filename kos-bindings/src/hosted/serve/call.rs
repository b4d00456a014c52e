// SPDX-License-Identifier: MIT OR Apache-2.0
//! `Call`: to the kernel, to a server object of this process, to a domain, and to a listener.

use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::{Arc, Weak};

use super::{Thread, deadline_ns, recheck, set_self};
use crate::hosted::core::{self, Core};
use crate::hosted::handles::{Rights, Target};
use crate::hosted::judge::{Between, CORE, Known, Party};
use crate::hosted::numbers::Numbers;
use crate::hosted::object::Kind;
use crate::hosted::process::{Peer, Pending, Request};
use crate::hosted::server::ServerObject;
use crate::hosted::sync::Sync;
use crate::hosted::transfer::transfer;
use crate::nk::{Handle, HandleDesc, Header, Lens, Retcode};
use crate::port::Area;

/// How long a call may take, and what may interrupt it.
struct Way {
    timeout_ns: u64,
    sync: Option<Arc<Sync>>,
}

impl Thread {
    /// `Call`. An error ends it here; otherwise it is finished or left open.
    pub(super) fn call(&mut self) -> Result<(), Retcode> {
        let port = self.me.shared.port();
        let handle = Handle(port.handle.load(Relaxed));
        let lens = port.call_request.load();
        let timeout_ns = port.timeout_ns.load(Relaxed);
        let sync = port.sync.load(Relaxed);
        let copied = self.me.shared.copy_in(Area::CallRequest, lens, &mut self.message);
        copied.ok_or_else(|| self.audit(Lens::default(), Retcode::INVALID_ARGUMENT))?;
        self.send(handle, lens, timeout_ns, sync)
    }

    /// Sends the message in hand to what `handle` leads to.
    pub(crate) fn send(&mut self, handle: Handle, lens: Lens, timeout_ns: u64, sync: u32) -> Result<(), Retcode> {
        let forged = |code| self.audit(lens, code);
        let node = self.me.task.node(handle, Retcode::NOT_CONNECTED).map_err(forged)?;
        let object = node.object().map_err(forged)?;
        let rights = node.rights;
        if !rights.contains(Rights::CALL) {
            return Err(self.audit(lens, Retcode::SECURITY_DISALLOW));
        }
        if lens.constant.saturating_add(lens.arena) > self.kernel.config.message_bytes {
            return Err(forged(Retcode::INVALID_ARGUMENT));
        }
        let sync = self.sync(sync).map_err(forged)?;
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
                if !server.shared.room_bytes().holds(self.message.parts(lens)) {
                    let between = Between::new(self.me.task.party(), server.task.party());
                    return Err(self.refused(between, lens, Retcode::INVALID_ARGUMENT));
                }
                own.badge = self.me.client_id();
                let to = Peer::Domain(Arc::downgrade(&server));
                self.forward(*riid, &Numbers::default(), own, to, lens, way)
            }
            Kind::Kernel => self.serve_core(lens),
            Kind::Security => self.ask_policy(lens),
            Kind::Channel(channel) if !channel.is_disconnected.load(Acquire) => {
                let _alive = channel.listener.upgrade().ok_or(Retcode::NOT_CONNECTED)?;
                let to = Peer::Listener(Weak::clone(&channel.listener));
                self.forward(channel.riid, &channel.numbers, own, to, lens, way)
            }
            Kind::User(user) => {
                let listener = user.listener.as_ref();
                let listener = listener.ok_or_else(|| self.audit(lens, Retcode::INVALID_ARGUMENT))?;
                let _alive = listener.upgrade().ok_or(Retcode::NOT_CONNECTED)?;
                own.handle = node
                    .ancestor_in(user.issuer)
                    .unwrap_or(match node.owner == user.issuer {
                        true => handle,
                        false => Handle::INVALID,
                    });
                own.rights |= HandleDesc::DEREFERENCED;
                own.badge = node.context_of(user.issuer);
                drop(node);
                let to = Peer::Listener(Weak::clone(listener));
                self.forward(user.riid, &Numbers::default(), own, to, lens, way)
            }
            Kind::Channel(_) => Err(Retcode::NOT_CONNECTED),
            _ => Err(self.audit(lens, Retcode::INVALID_ARGUMENT)),
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
        let between = Between::new(self.me.task.party(), Party::here(&server.name));
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
        self.answer_here(&server.name, known, lens)
    }

    /// Lets the kernel itself answer.
    fn serve_core(&mut self, lens: Lens) -> Result<(), Retcode> {
        let between = Between::new(self.me.task.party(), Party::here(CORE));
        let request = self.message.parts(lens);
        let known = self.kernel.judge.request_of(core::interface, between, 0, request)?;
        let mut core = Core::new(&self.kernel, &self.me);
        let answered = core.dispatch(known.interface.riid, request, self.answer.room())?;
        let code = core::return_code(known.method, self.answer.parts(answered));
        if !matches!(code, Retcode::OK | Retcode::TIMEOUT | Retcode::NOT_CONNECTED) {
            self.refused(between, lens, code);
        }
        self.answer_here(CORE, known, answered)
    }

    /// Asks the policy itself. That it grants is the whole answer: methods of a security interface have no results.
    fn ask_policy(&mut self, lens: Lens) -> Result<(), Retcode> {
        let interface = self.me.task.security.ok_or(Retcode::NOT_CONNECTED)?;
        let judge = &self.kernel.judge;
        let method = judge.security(self.me.task.party(), interface, self.message.parts(lens))?;
        let header = Header {
            size: 24,
            handles: 0,
            is_error: false,
            riid: interface.riid,
            mid: method.mid,
        };
        let begun = header.begin::<24>(self.answer.room().constant);
        begun.map_err(|_| Retcode::FAIL)?;
        let lens = Lens { constant: 24, arena: 0 };
        self.me.put_response(self.answer.parts(lens));
        self.me.finish(Retcode::OK);
        Ok(())
    }

    /// Judges the answer in hand and ends the call with it.
    fn answer_here(&self, server: &str, known: Known, lens: Lens) -> Result<(), Retcode> {
        let between = Between::new(self.me.task.party(), Party::here(server));
        let answer = self.answer.parts(lens);
        self.kernel.judge.response(between, known, answer)?;
        self.me.put_response(answer);
        self.me.finish(Retcode::OK);
        Ok(())
    }

    /// Opens a call to `server` and returns its number.
    fn open_call(&self, server: Peer, way: Way) -> u64 {
        let config = &self.kernel.config;
        let now = crate::hosted::clock_ns();
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

    /// Sends the message in hand to a domain, or to a listener on a channel with these `numbers`; whoever calls keeps
    /// `server` alive meanwhile.
    fn forward(
        &mut self,
        riid: u16,
        numbers: &Numbers,
        own: HandleDesc,
        server: Peer,
        lens: Lens,
        way: Way,
    ) -> Result<(), Retcode> {
        let owner = server.task().ok_or(Retcode::NOT_CONNECTED)?;
        let between = Between::new(self.me.task.party(), owner.party());
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
        let id = self.open_call(server.clone(), way);
        let request = Request {
            id,
            client: Arc::clone(&self.me),
            known,
            granted,
            number,
        };
        if let Some(sync) = &sync {
            sync.enter(&self.me);
        }
        if let Err((request, code)) = server.deliver(request, self.message.parts(lens)) {
            request.granted.take_back();
            // That it is gone is no fault of the sender's.
            if code != Retcode::NOT_CONNECTED {
                self.refused(between, lens, code);
            }
            self.me.complete(id, Err(code));
        } else if self.me.is_dead() {
            // It died while its request was on its way: a domain is told once more, behind the request.
            server.abandon(id);
            if let Some(domain) = server.domain() {
                domain.client_gone(self.me.client_id());
            }
        }
        recheck(&self.me, sync.as_ref());
        Ok(())
    }
}
