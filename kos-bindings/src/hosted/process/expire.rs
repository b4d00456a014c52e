// SPDX-License-Identifier: MIT OR Apache-2.0
//! Deadlines: of a reception, of a call, and of a server that does not come back.

use std::sync::atomic::Ordering::Relaxed;

use super::{Expired, LAST_WORDS, Peer, Phase, Process, event};
use crate::hosted::notice::lock;
use crate::nk::Retcode;

impl Process {
    /// Returns when [`Process::expire`] wants to be called, or `u64::MAX`.
    pub(crate) fn deadline_ns(&self) -> u64 {
        match &lock(&self.state).phase {
            Phase::Receiving { deadline_ns, .. } => *deadline_ns,
            Phase::Calling(pending) => pending.deadline_ns.min(pending.watch_ns),
            Phase::Running | Phase::Dead => u64::MAX,
        }
    }

    /// Ends what waited until `now_ns`, and tells what is to be said of the server that was waited
    /// for.
    pub(crate) fn expire(&self, now_ns: u64, watchdog_ns: u64) -> Expired {
        let mut state = lock(&self.state);
        match &mut state.phase {
            Phase::Receiving {
                deadline_ns, serial, ..
            } if *deadline_ns <= now_ns => {
                let is_domains = *serial == 0;
                state.phase = Phase::Running;
                drop(state);
                if is_domains {
                    self.put_event(event::TIMEOUT);
                } else {
                    self.set_result(Retcode::TIMEOUT);
                }
                self.give_turn();
                Expired::Nothing
            }
            Phase::Calling(pending) if pending.deadline_ns <= now_ns => {
                let (id, server) = (pending.id, pending.server.clone());
                let is_own_limit = pending.deadline_ns < pending.kernel_deadline_ns;
                if is_own_limit && !pending.covers_service {
                    drop(state);
                    return self.expire_before_service(id, &server);
                }
                state.phase = Phase::Running;
                drop(state);
                server.abandon(id);
                self.finish(Retcode::TIMEOUT);
                match server.number() {
                    Some(number) if !is_own_limit => Expired::Unanswered(number),
                    _ => Expired::Nothing,
                }
            }
            Phase::Calling(pending) if pending.watch_ns <= now_ns => {
                let Some(server) = pending.server.domain() else {
                    pending.watch_ns = u64::MAX;
                    return Expired::Nothing;
                };
                let since = match server.running_since_ns.load(Relaxed) {
                    0 => now_ns,
                    since => since,
                };
                if now_ns.saturating_sub(since) >= watchdog_ns {
                    pending.watch_ns = now_ns.saturating_add(u64::try_from(LAST_WORDS.as_nanos()).unwrap_or(0));
                    Expired::Stuck(server)
                } else {
                    pending.watch_ns = since.saturating_add(watchdog_ns);
                    Expired::Nothing
                }
            }
            _ => Expired::Nothing,
        }
    }

    /// Ends call `id` at the client's own deadline if no server took it; otherwise only the kernel's deadline is left.
    fn expire_before_service(&self, id: u64, server: &Peer) -> Expired {
        if server.withdraw(id) {
            self.complete(id, Err(Retcode::TIMEOUT));
            return Expired::Nothing;
        }
        if let Phase::Calling(pending) = &mut lock(&self.state).phase
            && pending.id == id
        {
            pending.deadline_ns = pending.kernel_deadline_ns;
        }
        Expired::Nothing
    }
}
