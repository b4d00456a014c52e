// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server's end of channels: requests of all clients queue here, any thread of the server receives them, and
//! answers go out in any order, addressed by the client's thread.
//!
//! Locks: a listener's, then a thread's, never the other way round.

mod moment;
mod turns;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::vec::Vec;

use super::notice::lock;
use super::process::{MAX_QUEUED, Process, Request, is_queue_full};
use super::quota::{Charge, What};
use super::shared::{Message, Room};
use super::sync::Sync;
use super::task::Task;
use crate::nk::{Parts, Retcode};
use moment::Moment;
use turns::Turns;

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
    turns: Turns,
    /// Threads that hold a process's requests back.
    holding: u32,
    /// Threads in `Recv`, and which of their receptions it is.
    receivers: VecDeque<(Arc<Process>, u64)>,
    /// Requests to be answered, and which thread took them.
    taken: Vec<(Request, u64)>,
    /// Requests whose client gave up: an answer is expected, and dropped.
    given_up: VecDeque<GivenUp>,
}

/// A request that was received and whose client waits no more.
#[derive(Debug)]
struct GivenUp {
    id: u64,
    client: u64,
    taker: u64,
}

/// The server's end of channels.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) owner: Weak<Task>,
    room: Room,
    /// What clients get when it is gone.
    death: Retcode,
    state: Mutex<State>,
    /// For requests that are held back: another's came, or nobody did in time.
    moment: Arc<Moment>,
}

impl State {
    /// The processes whose requests wait, in order.
    fn waiting(&self) -> impl Iterator<Item = u64> {
        self.queue.iter().map(|queued| queued.request.client.task.id)
    }

    /// The place of the oldest request that is not `process`'s.
    fn other_than(&self, process: u64) -> Option<usize> {
        self.waiting().position(|other| other != process)
    }

    /// Tells whether `process` asks with several threads at once, and had its turn.
    fn is_crowd(&self, process: u64) -> bool {
        self.turns.are_due_to_others(process) && self.waiting().filter(|other| *other == process).nth(1).is_some()
    }

    /// Takes the request that is next: the oldest, but not of the same process twice in a row while another waits. So
    /// however many threads a process asks with, its neighbours wait for one of its requests at a time; and if it asks
    /// with several at once, for one in four of theirs.
    fn next(&mut self) -> Option<Queued> {
        let at = self.other_than(self.turns.last()).unwrap_or(0);
        let process = self.queue.get(at)?.request.client.task.id;
        let at = match self.is_crowd(process) {
            true => self.other_than(process).unwrap_or(at),
            false => at,
        };
        let queued = self.queue.remove(at)?;
        self.turns.serve(queued.request.client.task.id);
        Some(queued)
    }

    /// Tells whether all requests that wait are one process's, and are to be held back for a moment.
    fn holds_back(&self) -> bool {
        let first = self.waiting().next();
        first.is_some_and(|first| self.turns.are_patient() && self.is_crowd(first) && self.other_than(first).is_none())
    }
}

impl Listener {
    pub(crate) fn new(owner: &Arc<Task>, death: Retcode) -> Self {
        Self {
            owner: Arc::downgrade(owner),
            room: owner.room,
            death,
            state: Mutex::default(),
            moment: Arc::default(),
        }
    }

    /// Hands a request over, to a thread that waits or to the one that asks next.
    ///
    /// # Errors
    ///
    /// The request, with `rcNotConnected` if the server is gone, `rcBusy` if too many of its process's wait,
    /// `rcInvalidArgument` if it does not fit into the server's ports, `rcFail` if too much of its client's waits.
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
                state.turns.serve(request.client.task.id);
                state.taken.push((request, thread.id));
                drop(state);
                thread.give_turn();
                return Ok(());
            }
        }
        let own = state.waiting().filter(|other| *other == request.client.task.id).count();
        if is_queue_full(own, state.queue.len()) {
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
        if state.holding != 0 {
            self.moment.ended.notify_all();
        }
        Ok(())
    }

    /// Before a thread receives: where a process asks with several threads at once, and another one asked just before,
    /// that one gets a moment to ask again. `before` runs before the thread waits.
    pub(crate) fn hold_back(&self, before: impl FnOnce()) {
        if !lock(&self.state).holds_back() {
            return;
        }
        before();
        let Some(end) = Moment::begin(&self.moment) else {
            return;
        };
        let mut state = lock(&self.state);
        state.holding += 1;
        let waits = |state: &mut State| state.holds_back() && !self.moment.is_over(end);
        let waited = self.moment.ended.wait_timeout_while(state, moment::FAR, waits);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.holding -= 1;
        if state.holds_back() {
            state.turns.nobody_came();
        }
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
    /// `call` is its number; 0 if the replier does not say, who then answers one client's calls in order.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if the client gave up, `rcInvalidArgument` if it is owed no answer.
    pub(crate) fn take(&self, client: u64, call: u64, replier: u64) -> Result<Request, Retcode> {
        let mut state = lock(&self.state);
        let is_meant = |id: u64| client == 0 || id == client;
        if call != 0 {
            let is_it = |(request, _): &(Request, u64)| request.id == call && is_meant(request.client.id);
            if let Some(at) = state.taken.iter().position(is_it) {
                return Ok(state.taken.remove(at).0);
            }
            let at = state.given_up.iter().position(|gone| gone.id == call);
            state.given_up.remove(at.ok_or(Retcode::INVALID_ARGUMENT)?);
            return Err(Retcode::NOT_CONNECTED);
        }
        // A late answer must not become that to the client's next request, which another thread may have taken.
        if let Some(at) = state
            .given_up
            .iter()
            .position(|gone| gone.client == client && gone.taker == replier)
        {
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
            state.given_up.push_back(GivenUp {
                id,
                client: request.client.id,
                taker,
            });
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
