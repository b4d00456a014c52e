// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notices: what a server hears of its clients from the kernel, in place of a request.
//!
//! | event | when | what it is for |
//! |---|---|---|
//! | client gone | a client that was served died or left | to give up what was kept for it |
//! | abandoned | the client of a request in service died, or its time is up | to end the service's waiting |

use std::sync::MutexGuard;
use std::sync::atomic::Ordering::Relaxed;

use super::{Phase, Process, State};
use crate::hosted::notice::lock;
use crate::port::event;

/// What a server is told without being asked. Only the kernel makes these, so no client can pretend one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Notice {
    /// The client with this number is gone.
    ClientGone(u64),
    /// The client of this request, which the server has taken, gave up or is gone.
    Abandoned(u64),
}

impl Process {
    pub(super) fn put_notice(&self, notice: Notice) {
        let (what, about) = match notice {
            Notice::ClientGone(client) => (event::CLIENT_GONE, client),
            Notice::Abandoned(request) => (event::ABANDONED, request),
        };
        self.shared.port().caller.store(about, Relaxed);
        self.put_event(what);
    }

    /// Server side: ends its `Recv` with `notice`, now or when it asks next.
    fn notify(&self, mut state: MutexGuard<'_, State>, notice: Notice) {
        match state.phase {
            Phase::Dead => {}
            Phase::Receiving { serial: 0, .. } => {
                state.phase = Phase::Running;
                drop(state);
                self.put_notice(notice);
                self.give_turn();
            }
            _ => {
                state.notices.push_back(notice);
                self.hint(&state);
            }
        }
    }

    /// Server side: tells it that `client` is gone. Telling it twice does no harm.
    pub(crate) fn client_gone(&self, client: u64) {
        self.notify(lock(&self.state), Notice::ClientGone(client));
    }

    /// Server side: takes request `id` back if it was not received. Returns whether that was so.
    pub(crate) fn withdraw(&self, id: u64) -> bool {
        let mut state = lock(&self.state);
        let Some(request) = state.queue.remove(id) else {
            return false;
        };
        self.hint(&state);
        drop(state);
        request.granted.take_back();
        true
    }

    /// Server side: forgets request `id`, whose client gave up. Otherwise a client that gives up again and again
    /// would fill the kernel's memory. A server that works on it is told.
    pub(crate) fn abandon(&self, id: u64) {
        if self.withdraw(id) {
            return;
        }
        let mut state = lock(&self.state);
        if state.in_service.give_up(id) {
            self.notify(state, Notice::Abandoned(id));
        }
    }
}
