// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thread with its port as the kernel sees it, and, for a domain, which has one thread, the requests that wait for
//! it.
//!
//! ```text
//!   phase        who changes it                          what it waits for
//!   Running      it enters the kernel                    nothing: it has the turn, or its kernel thread works
//!   Receiving    a client's kernel thread, a line,       a request, an interrupt, the deadline, an IPC
//!                its own kernel thread at the deadline   synchronisation object
//!   Calling(id)  the server's kernel thread at Reply,    the answer to call `id`, the deadline, the server's death;
//!                or whoever notices the server's death   while no server took it, a synchronisation object
//!   Dead         the reaper or the door                  nothing, ever
//! ```
//!
//! No function holds the locks of two processes, so there is no order to keep.

mod expire;
mod notice;
mod pending;
mod queue;
mod recv;

use std::collections::VecDeque;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::judge::Known;
use super::life::{Cause, LAST_WORDS, Life};
use super::notice::lock;
use super::numbers::Number;
use super::shared::{Message, Shared};
use super::sync::Sync;
use super::task::Task;
use super::transfer::Granted;
use crate::nk::{Lens, Parts, Retcode};
use crate::port::{Area, event};
use crate::{sys, turn};
use notice::Notice;
pub(crate) use pending::{Peer, Pending};
use queue::{InService, Queue};

/// How many requests wait for one listener or domain.
pub(crate) const MAX_QUEUED: usize = 256;

/// Tells whether a process of which `own` of the `all` requests wait in a queue gets `rcBusy` for one more. It may have
/// no more there than places are left, so that one alone, with any number of threads, leaves half of them; who has none
/// finds a place up to twice as many.
pub(crate) const fn is_queue_full(own: usize, all: usize) -> bool {
    match own {
        0 => all >= 2 * MAX_QUEUED,
        _ => own >= MAX_QUEUED.saturating_sub(all),
    }
}

/// What a deadline brought to light.
#[derive(Debug)]
pub(crate) enum Expired {
    /// Nothing about the server.
    Nothing,
    /// It held a request for as long as the watchdog allows without entering the kernel.
    Stuck(Arc<Process>),
    /// It did not answer in the time that the kernel allows.
    Unanswered(u64),
}

/// A request on its way, as its server sees it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: u64,
    pub(crate) client: Arc<Process>,
    pub(crate) known: Known,
    /// What it put into the server's table.
    pub(crate) granted: Granted,
    /// What its number is in the server's class, where it has one there.
    pub(crate) number: Option<Number>,
}

#[derive(Debug)]
pub(crate) enum Phase {
    Running,
    /// In `Recv`: reception `serial` on a listener or line; 0: of a domain on all that is its own.
    Receiving {
        deadline_ns: u64,
        serial: u64,
        sync: Option<Arc<Sync>>,
    },
    Calling(Pending),
    Dead,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    queue: Queue,
    /// No more than requests were taken and clients were served: each makes one at the most.
    notices: VecDeque<Notice>,
    in_service: InService,
    is_ready: bool,
    /// Receptions on listeners and lines so far.
    receptions: u64,
}

/// A thread with its port.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) id: u64,
    pub(crate) shared: Shared,
    /// The process that it is a thread of.
    pub(crate) task: Arc<Task>,
    /// The child process behind it, if it is a domain.
    pub(crate) life: Option<Life>,
    state: Mutex<State>,
    changed: Condvar,
    /// Whether a server took a request of it, and so may keep something for it.
    was_served: AtomicBool,
    /// When it last got the turn, on `CLOCK_MONOTONIC`; 0 while the kernel has it.
    running_since_ns: AtomicU64,
    /// The lines' levels; those in the port are for the domain to read and can be overwritten by
    /// it.
    lines: Mutex<u64>,
}

impl Process {
    /// Makes a thread of `task`.
    pub(crate) fn of_task(id: u64, task: Arc<Task>, shared: Shared, life: Option<Life>) -> Self {
        Self {
            id,
            shared,
            task,
            life,
            state: Mutex::new(State {
                phase: Phase::Running,
                queue: Queue::default(),
                notices: VecDeque::new(),
                in_service: InService::default(),
                is_ready: false,
                receptions: 0,
            }),
            changed: Condvar::new(),
            was_served: AtomicBool::new(false),
            running_since_ns: AtomicU64::new(sys::clock_ns()),
            lines: Mutex::new(0),
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        matches!(lock(&self.state).phase, Phase::Dead)
    }

    /// The number by which domains know it: one for all threads of a process.
    pub(crate) fn client_id(&self) -> u64 {
        self.task.id
    }

    /// Tells whether an operation of the process is still open.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(lock(&self.state).phase, Phase::Receiving { .. } | Phase::Calling(_))
    }

    /// Ends a process that does not keep the protocol.
    pub(crate) fn break_off(&self) {
        match &self.life {
            Some(life) => life.kill(Cause::Protocol),
            None => self.bury(),
        }
    }

    /// Notes that the process entered the kernel.
    pub(crate) fn entered(&self) {
        self.running_since_ns.store(0, Relaxed);
    }

    /// Gives the turn back; the phase must have been set before.
    pub(crate) fn give_turn(&self) {
        self.running_since_ns.store(super::clock_ns(), Relaxed);
        turn::give(&self.shared.turn());
    }

    /// Ends an operation that did not have to wait.
    pub(crate) fn finish(&self, code: Retcode) {
        self.set_result(code);
        self.give_turn();
    }

    pub(crate) fn set_result(&self, code: Retcode) {
        self.shared.port().result.store(code.0.cast_unsigned(), Relaxed);
    }

    /// Reads how the last `Call` ended.
    pub(crate) fn response(&self) -> Result<Lens, Retcode> {
        let port = self.shared.port();
        Retcode(port.result.load(Acquire).cast_signed()).ok()?;
        Ok(port.call_response.load())
    }

    /// Copies the answer to a `Call` into the port.
    pub(crate) fn put_response(&self, parts: Parts<'_>) {
        let lens = self.shared.copy_out(Area::CallResponse, parts);
        self.shared.port().call_response.store(lens);
    }

    fn put_event(&self, what: u32) {
        self.shared.port().event.store(what, Release);
    }

    fn put_request(&self, state: &mut State, request: Request, parts: Parts<'_>) {
        let lens = self.shared.copy_out(Area::ServeRequest, parts);
        let port = self.shared.port();
        port.serve_request.store(lens);
        port.caller.store(request.id, Relaxed);
        self.put_event(event::REQUEST);
        request.client.was_served.store(true, Release);
        state.in_service.push(request);
    }

    /// Client side: opens a call. It must be open before the server can answer it.
    pub(crate) fn begin_call(&self, pending: Pending) {
        let mut state = lock(&self.state);
        if !matches!(state.phase, Phase::Dead) {
            state.phase = Phase::Calling(pending);
        }
    }

    /// Client side: ends call `id` with an answer or an error. Returns whether the client still
    /// waited for it.
    pub(crate) fn complete(&self, id: u64, answer: Result<Parts<'_>, Retcode>) -> bool {
        let was_waiting = self.complete_silently(id, answer);
        if was_waiting {
            self.give_turn();
        }
        was_waiting
    }

    /// Client side: as [`Process::complete`], but the client sleeps on until it is given the turn.
    pub(crate) fn complete_silently(&self, id: u64, answer: Result<Parts<'_>, Retcode>) -> bool {
        let mut state = lock(&self.state);
        if !matches!(&state.phase, Phase::Calling(pending) if pending.id == id) {
            return false;
        }
        let code = match answer {
            Ok(parts) => {
                self.put_response(parts);
                Retcode::OK
            }
            Err(code) => code,
        };
        state.phase = Phase::Running;
        drop(state);
        self.set_result(code);
        true
    }

    pub(crate) fn waits_for(&self, id: u64) -> bool {
        matches!(&lock(&self.state).phase, Phase::Calling(pending) if pending.id == id)
    }

    /// Server side: hands a request over, at once or when the server asks.
    ///
    /// # Errors
    ///
    /// The request, with `rcNotConnected` or `rcBusy`.
    pub(crate) fn deliver(&self, request: Request, parts: Parts<'_>) -> Result<(), (Request, Retcode)> {
        let mut state = lock(&self.state);
        match state.phase {
            Phase::Dead => Err((request, Retcode::NOT_CONNECTED)),
            Phase::Receiving { serial: 0, .. } if !state.in_service.is_full_for(&request) => {
                self.put_request(&mut state, request, parts);
                state.phase = Phase::Running;
                drop(state);
                self.give_turn();
                Ok(())
            }
            _ if state.queue.is_full_for(&request) => Err((request, Retcode::BUSY)),
            _ => {
                state.queue.push(request, Message::copy_of(parts));
                self.hint(&state);
                Ok(())
            }
        }
    }

    fn hint(&self, state: &State) {
        let count = state.queue.deliverable(&state.in_service) + state.notices.len();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.shared.port().queued.store(count, Relaxed);
    }

    /// Server side: starts a `Recv` that may wait until `deadline_ns` (0: only look).
    pub(crate) fn receive(&self, deadline_ns: u64) {
        let mut state = lock(&self.state);
        if !state.is_ready {
            state.is_ready = true;
            self.changed.notify_all();
        }
        if let Some(notice) = state.notices.pop_front() {
            self.hint(&state);
            drop(state);
            self.put_notice(notice);
            self.give_turn();
            return;
        }
        while let Some((request, message)) = {
            let State { queue, in_service, .. } = &mut *state;
            queue.next(in_service)
        } {
            self.hint(&state);
            // A client that gave up or died while its request waited is passed over. Its lock is
            // taken without ours.
            drop(state);
            let is_wanted = request.client.waits_for(request.id);
            state = lock(&self.state);
            if is_wanted {
                self.put_request(&mut state, request, message.whole());
                drop(state);
                self.give_turn();
                return;
            }
            drop(state);
            request.granted.take_back();
            state = lock(&self.state);
        }
        let irq = &self.shared.port().irq;
        let what = if irq.rise.load(Acquire) | irq.fall.load(Acquire) != 0 {
            event::IRQ
        } else if deadline_ns == 0 {
            event::TIMEOUT
        } else {
            if !matches!(state.phase, Phase::Dead) {
                state.phase = Phase::Receiving {
                    deadline_ns,
                    serial: 0,
                    sync: None,
                };
            }
            return;
        };
        drop(state);
        self.put_event(what);
        self.give_turn();
    }

    /// Server side: takes the request that `id` names off the list of those to be answered.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if its client is gone, `rcInvalidArgument` if there is none to be answered.
    pub(crate) fn take(&self, id: u64) -> Result<Request, Retcode> {
        let mut state = lock(&self.state);
        let taken = state.in_service.take(id);
        // Another may come now.
        self.hint(&state);
        taken
    }

    /// Sets interrupt line `line` to `is_high`.
    pub(crate) fn set_line(&self, line: u32, is_high: bool) {
        let Some(bit) = 1u64.checked_shl(line) else {
            return;
        };
        let mut levels = lock(&self.lines);
        if (*levels & bit != 0) == is_high {
            return;
        }
        *levels ^= bit;
        let irq = &self.shared.port().irq;
        // The level first: who takes the edge then reads a level that is not older.
        if is_high {
            irq.level.fetch_or(bit, AcqRel);
            irq.rise.fetch_or(bit, AcqRel);
        } else {
            irq.level.fetch_and(!bit, AcqRel);
            irq.fall.fetch_or(bit, AcqRel);
        }
        drop(levels);
        let mut state = lock(&self.state);
        if matches!(state.phase, Phase::Receiving { serial: 0, .. }) {
            state.phase = Phase::Running;
            drop(state);
            self.put_event(event::IRQ);
            self.give_turn();
        }
    }

    /// Ends the process for the kernel: whoever waits for it gets `rcNotConnected`, now.
    pub(crate) fn bury(&self) {
        let mut state = lock(&self.state);
        let phase = std::mem::replace(&mut state.phase, Phase::Dead);
        let queue = std::mem::take(&mut state.queue).into_requests();
        let taken = std::mem::take(&mut state.in_service).into_requests();
        drop(state);
        let was_alive = !matches!(phase, Phase::Dead);
        if let Phase::Calling(pending) = phase {
            pending.server.abandon(pending.id);
        }
        if was_alive && self.was_served.load(Acquire) {
            // Whom it can call is whom it can have called. The list is made first: no two locks at once.
            for server in self.task.domains() {
                server.client_gone(self.client_id());
            }
        }
        self.changed.notify_all();
        self.close_port();
        for request in queue.chain(taken) {
            request.client.complete(request.id, Err(self.task.death));
        }
        if was_alive {
            self.task.thread_ended();
        }
    }

    /// Wakes both sides of a dead port.
    pub(crate) fn close_port(&self) {
        turn::close(&self.shared.turn());
    }

    /// Waits until the process received for the first time. Returns whether it did, and lives.
    pub(crate) fn wait_ready(&self, limit: Duration) -> bool {
        let is_dead = |state: &State| matches!(state.phase, Phase::Dead);
        let waits = |state: &mut State| !state.is_ready && !is_dead(state);
        let waited = self.changed.wait_timeout_while(lock(&self.state), limit, waits);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_ready && !is_dead(&state)
    }
}
