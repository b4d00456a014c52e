// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thread that receives on a listener or a line, and what ends a wait from outside.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::{Area, Phase, Process, Request, event};
use crate::hosted::notice::lock;
use crate::hosted::sync::Sync;
use crate::nk::{Parts, Retcode};

impl Process {
    /// Starts a reception that may wait until `deadline_ns`; returns its number. `None` if the thread is dead.
    pub(crate) fn begin_receive(&self, deadline_ns: u64, sync: Option<Arc<Sync>>) -> Option<u64> {
        let mut state = lock(&self.state);
        if matches!(state.phase, Phase::Dead) {
            return None;
        }
        state.receptions += 1;
        let serial = state.receptions;
        state.phase = Phase::Receiving {
            deadline_ns,
            serial,
            sync,
        };
        Some(serial)
    }

    /// Ends reception `serial` and lets `put` say with what; the caller then gives the turn. Returns whether it was
    /// still open.
    pub(crate) fn end_receive(&self, serial: u64, put: impl FnOnce(&Self)) -> bool {
        let mut state = lock(&self.state);
        if !matches!(&state.phase, Phase::Receiving { serial: open, .. } if *open == serial) {
            return false;
        }
        state.phase = Phase::Running;
        drop(state);
        // What is written now is seen when the turn is given, and nobody else can end the reception any more.
        self.set_result(Retcode::OK);
        put(self);
        true
    }

    /// Writes a request and its sender into the port.
    pub(crate) fn put_incoming(&self, request: &Request, parts: Parts<'_>) {
        let lens = self.shared.copy_out(Area::ServeRequest, parts);
        let port = self.shared.port();
        port.serve_request.store(lens);
        let word = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        port.sender.store(word(request.client.task.id), Relaxed);
        port.thread.store(word(request.client.id), Relaxed);
        port.caller.store(request.id, Relaxed);
        self.put_event(event::REQUEST);
    }

    /// Writes into the port that an interrupt came.
    pub(crate) fn put_interrupt(&self) {
        self.put_event(event::IRQ);
    }

    /// Ends a wait that `sync` may end: a reception without a request, or a call that no server took.
    pub(crate) fn interrupt(&self, sync: &Arc<Sync>) {
        let is_it = |other: &Option<Arc<Sync>>| other.as_ref().is_some_and(|other| Arc::ptr_eq(other, sync));
        let mut state = lock(&self.state);
        match &state.phase {
            Phase::Receiving { sync: own, .. } if is_it(own) && sync.take() => {
                state.phase = Phase::Running;
                drop(state);
                self.finish(Retcode::IPC_INTERRUPT);
            }
            Phase::Calling(pending) if is_it(&pending.sync) => {
                let (id, server) = (pending.id, pending.server.clone());
                drop(state);
                if sync.interrupts() && server.withdraw(id) {
                    sync.take();
                    self.complete(id, Err(Retcode::IPC_INTERRUPT));
                }
            }
            _ => {}
        }
    }
}
