// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server's end of channels: requests of all clients queue here, any thread of the server receives them, and
//! answers go out in any order, addressed by the client's thread.
//!
//! Locks: a listener's, then a thread's, never the other way round.

use std::collections::VecDeque;
use std::string::String;
use std::sync::{Arc, Mutex, Weak};
use std::vec::Vec;

use super::notice::lock;
use super::process::{MAX_QUEUED, Process, Request};
use super::quota::{Charge, What};
use super::shared::{Message, Room};
use super::sync::Sync;
use super::task::Task;
use crate::nk::{Parts, Retcode};

/// A request that no thread took yet.
#[derive(Debug)]
struct Queued {
    request: Request,
    message: Message,
    _charge: Charge,
}

#[derive(Debug, Default)]
struct State {
    is_closed: bool,
    queue: VecDeque<Queued>,
    /// Whose request was received last.
    last: u64,
    /// Threads in `Recv`, and which of their receptions it is.
    receivers: VecDeque<(Arc<Process>, u64)>,
    /// Requests to be answered, and which thread took them.
    taken: Vec<(Request, u64)>,
    /// Client and taker of requests whose client gave up: an answer is expected, and dropped.
    given_up: VecDeque<(u64, u64)>,
}

/// The server's end of channels.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) owner: Weak<Task>,
    pub(crate) owner_id: u64,
    /// What the policy calls its owner.
    pub(crate) class: String,
    room: Room,
    /// What clients get when it is gone.
    death: Retcode,
    state: Mutex<State>,
}

impl State {
    /// Takes the request that is next: the oldest, but not of the same process twice in a row while another waits. So
    /// however many threads a process asks with, its neighbours wait for one of its requests at a time.
    fn next(&mut self) -> Option<Queued> {
        let is_other = |queued: &Queued| queued.request.client.task.id != self.last;
        let at = self.queue.iter().position(is_other).unwrap_or(0);
        let queued = self.queue.remove(at)?;
        self.last = queued.request.client.task.id;
        Some(queued)
    }
}

impl Listener {
    pub(crate) fn new(owner: &Arc<Task>, death: Retcode) -> Self {
        Self {
            owner: Arc::downgrade(owner),
            owner_id: owner.id,
            class: owner.class.clone(),
            room: owner.room,
            death,
            state: Mutex::default(),
        }
    }

    /// Hands a request over, to a thread that waits or to the one that asks next.
    ///
    /// # Errors
    ///
    /// The request, with `rcNotConnected` if the server is gone, `rcBusy` if too many wait, `rcInvalidArgument` if it
    /// does not fit into the server's ports, `rcFail` if too much of its client's waits.
    pub(crate) fn deliver(&self, request: Request, parts: Parts<'_>) -> Result<(), (Request, Retcode)> {
        if !self.room.holds(parts) {
            return Err((request, Retcode::INVALID_ARGUMENT));
        }
        let mut state = lock(&self.state);
        if state.is_closed {
            return Err((request, self.death));
        }
        while let Some((thread, serial)) = state.receivers.pop_front() {
            if thread.end_receive(serial, |thread| thread.put_incoming(&request, parts)) {
                state.last = request.client.task.id;
                state.taken.push((request, thread.id));
                drop(state);
                thread.give_turn();
                return Ok(());
            }
        }
        if state.queue.len() >= MAX_QUEUED {
            return Err((request, Retcode::BUSY));
        }
        let bytes = (parts.constant.len() + parts.arena.len()) as u64;
        let charge = match request.client.task.quota.take(What::MessageBytes, bytes) {
            Ok(charge) => charge,
            Err(code) => return Err((request, code)),
        };
        state.queue.push_back(Queued {
            request,
            message: Message::copy_of(parts),
            _charge: charge,
        });
        Ok(())
    }

    /// `Recv` of `thread`: hands it a request, or lets it wait.
    pub(crate) fn receive(&self, thread: &Arc<Process>, deadline_ns: u64, sync: Option<Arc<Sync>>) {
        let mut state = lock(&self.state);
        while let Some(Queued { request, message, .. }) = state.next() {
            // A client that gave up or died is passed over.
            if request.client.waits_for(request.id) {
                thread.put_incoming(&request, message.whole());
                state.taken.push((request, thread.id));
                drop(state);
                thread.finish(Retcode::OK);
                return;
            }
            // Handles end without our lock: what ends with them may be another listener.
            drop(state);
            request.granted.take_back();
            state = lock(&self.state);
        }
        if state.is_closed || deadline_ns == 0 {
            let code = if state.is_closed {
                Retcode::NOT_CONNECTED
            } else {
                Retcode::TIMEOUT
            };
            drop(state);
            thread.finish(code);
            return;
        }
        // What is left of receptions that ended otherwise.
        state.receivers.retain(|(other, _)| !Arc::ptr_eq(other, thread));
        if let Some(serial) = thread.begin_receive(deadline_ns, sync) {
            state.receivers.push_back((Arc::clone(thread), serial));
        }
    }

    /// `Reply` of thread `replier`: takes the request of client thread `client` (0: of any) off those to be answered.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if the client gave up, `rcInvalidArgument` if it is owed no answer.
    pub(crate) fn take(&self, client: u64, replier: u64) -> Result<Request, Retcode> {
        let mut state = lock(&self.state);
        let is_meant = |id: u64| client == 0 || id == client;
        // A late answer must not become that to the client's next request, which another thread may have taken.
        if let Some(at) = state.given_up.iter().position(|gone| *gone == (client, replier)) {
            state.given_up.remove(at);
            return Err(Retcode::NOT_CONNECTED);
        }
        let own = state
            .taken
            .iter()
            .position(|(request, taker)| is_meant(request.client.id) && *taker == replier);
        let any = || state.taken.iter().position(|(request, _)| is_meant(request.client.id));
        let at = own.or_else(any).ok_or(Retcode::INVALID_ARGUMENT)?;
        Ok(state.taken.remove(at).0)
    }

    /// Takes request `id` back if no thread took it. Returns whether that was so.
    pub(crate) fn withdraw(&self, id: u64) -> bool {
        let mut state = lock(&self.state);
        let Some(at) = state.queue.iter().position(|queued| queued.request.id == id) else {
            return false;
        };
        let queued = state.queue.remove(at);
        drop(state);
        if let Some(queued) = queued {
            queued.request.granted.take_back();
        }
        true
    }

    /// Forgets request `id`, whose client gave up.
    pub(crate) fn abandon(&self, id: u64) {
        if self.withdraw(id) {
            return;
        }
        let mut state = lock(&self.state);
        if let Some(at) = state.taken.iter().position(|(request, _)| request.id == id) {
            let (request, taker) = state.taken.remove(at);
            if state.given_up.len() == MAX_QUEUED {
                state.given_up.pop_front();
            }
            state.given_up.push_back((request.client.id, taker));
        }
    }

    /// Ends it: clients that wait get what they get when a server dies, and threads in `Recv` return.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        let queue = std::mem::take(&mut state.queue);
        let taken = std::mem::take(&mut state.taken);
        let receivers = std::mem::take(&mut state.receivers);
        drop(state);
        for (thread, serial) in receivers {
            if thread.end_receive(serial, |thread| thread.set_result(Retcode::NOT_CONNECTED)) {
                thread.give_turn();
            }
        }
        for (request, _) in taken {
            request.client.complete(request.id, Err(self.death));
        }
        for Queued { request, .. } in queue {
            request.client.complete(request.id, Err(self.death));
            request.granted.take_back();
        }
    }
}
