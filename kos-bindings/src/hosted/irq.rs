// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interrupts as handles: a process registers a line, binds one of its threads, and that thread waits with `Recv`.
//!
//! There is no interrupt context: what comes while the thread works is remembered once, and is there at its next
//! `Recv`.

use std::sync::{Arc, Mutex, Weak};
use std::vec::Vec;

use super::config::IrqMask;
use super::notice::lock;
use super::process::Process;
use super::sync::Sync;
use crate::nk::Retcode;

/// The interrupt lines of the machine. The hardware, or its simulation, has this.
#[derive(Clone, Debug)]
pub struct Interrupts(Arc<Lines>);

#[derive(Debug)]
struct Lines {
    mask: IrqMask,
    lines: Mutex<Vec<Line>>,
}

#[derive(Debug, Default)]
struct Line {
    is_high: bool,
    is_shared: bool,
    owners: Vec<Weak<Registration>>,
}

#[derive(Debug, Default)]
struct State {
    is_enabled: bool,
    /// Delivered, and not asked for again yet.
    is_masked: bool,
    is_pending: bool,
    /// The thread that is bound.
    thread: Option<u64>,
    /// Whether a level that stays high comes again.
    is_high: bool,
    waits: Option<(Arc<Process>, u64)>,
    is_revoked: bool,
}

/// One process's right to a line.
#[derive(Debug)]
pub(crate) struct Registration {
    mask: IrqMask,
    state: Mutex<State>,
}

impl Interrupts {
    pub(crate) fn new(count: u32, mask: IrqMask) -> Self {
        let lines = (0..count).map(|_| Line::default()).collect();
        Self(Arc::new(Lines {
            mask,
            lines: Mutex::new(lines),
        }))
    }

    fn owners(&self, irq: u32, change: impl FnOnce(&mut Line)) -> Vec<Arc<Registration>> {
        let mut lines = lock(&self.0.lines);
        let line = usize::try_from(irq).ok().and_then(|irq| lines.get_mut(irq));
        let Some(line) = line else {
            return Vec::new();
        };
        change(line);
        line.owners.iter().filter_map(Weak::upgrade).collect()
    }

    /// Raises line `irq` for a moment: an edge.
    pub fn pulse(&self, irq: u32) {
        for owner in self.owners(irq, |_| {}) {
            owner.raise();
        }
    }

    /// Sets the level of line `irq`. As long as it is high, the interrupt comes again at each `Recv` that may get it.
    pub fn set_level(&self, irq: u32, is_high: bool) {
        for owner in self.owners(irq, |line| line.is_high = is_high) {
            lock(&owner.state).is_high = is_high;
            if is_high {
                owner.raise();
            }
        }
    }

    /// Gives out line `irq`.
    ///
    /// # Errors
    ///
    /// `rcInvalidArgument` if there is none, `rcAlreadyExists` if somebody has it and one of both does not share.
    pub(crate) fn register(&self, irq: u32, is_shared: bool) -> Result<Arc<Registration>, Retcode> {
        let mut lines = lock(&self.0.lines);
        let line = usize::try_from(irq).ok().and_then(|irq| lines.get_mut(irq));
        let line = line.ok_or(Retcode::INVALID_ARGUMENT)?;
        line.owners
            .retain(|owner| owner.upgrade().is_some_and(|owner| !lock(&owner.state).is_revoked));
        let all_share = is_shared && line.is_shared;
        if !(line.owners.is_empty() || all_share) {
            return Err(Retcode::ALREADY_EXISTS);
        }
        line.is_shared = is_shared;
        let registration = Arc::new(Registration {
            mask: self.0.mask,
            state: Mutex::new(State {
                is_high: line.is_high,
                ..State::default()
            }),
        });
        line.owners.push(Arc::downgrade(&registration));
        Ok(registration)
    }
}

impl State {
    /// Takes an interrupt, if one may come now.
    fn take(&mut self, mask: IrqMask) -> bool {
        let may_come = (self.is_pending || self.is_high) && self.is_enabled && !self.is_masked;
        if may_come {
            self.is_pending = false;
            self.is_masked = mask != IrqMask::Never;
        }
        may_come
    }
}

impl Registration {
    fn raise(&self) {
        let mut state = lock(&self.state);
        state.is_pending = true;
        self.hand_over(&mut state);
    }

    /// Ends the thread's wait if an interrupt may come.
    fn hand_over(&self, state: &mut State) {
        let Some((thread, serial)) = state.waits.clone() else {
            return;
        };
        if state.take(self.mask) {
            state.waits = None;
            if thread.end_receive(serial, Process::put_interrupt) {
                thread.give_turn();
            } else {
                // Its wait ended otherwise a moment ago: the next one gets it.
                state.is_pending = true;
                state.is_masked = false;
            }
        }
    }

    /// Binds thread `thread`.
    ///
    /// # Errors
    ///
    /// `rcAlreadyExists` if one is bound, `rcHandleRevoked` if the line was given back.
    pub(crate) fn attach(&self, thread: u64) -> Result<(), Retcode> {
        let mut state = lock(&self.state);
        if state.is_revoked {
            return Err(Retcode::HANDLE_REVOKED);
        }
        if state.thread.is_some() {
            return Err(Retcode::ALREADY_EXISTS);
        }
        state.thread = Some(thread);
        state.is_enabled = true;
        state.is_masked = false;
        Ok(())
    }

    /// Unbinds the thread and ends its wait. Returns whether one was bound.
    pub(crate) fn detach(&self) -> bool {
        let mut state = lock(&self.state);
        let was_bound = state.thread.take().is_some();
        state.is_enabled = false;
        let waits = state.waits.take();
        drop(state);
        if let Some((thread, serial)) = waits
            && thread.end_receive(serial, |thread| thread.set_result(Retcode::NOT_CONNECTED))
        {
            thread.give_turn();
        }
        was_bound
    }

    /// Gives the line back.
    pub(crate) fn revoke(&self) {
        lock(&self.state).is_revoked = true;
        self.detach();
    }

    /// Lets interrupts come, or holds them back.
    ///
    /// # Errors
    ///
    /// `rcHandleRevoked` if the line was given back.
    pub(crate) fn enable(&self, is_enabled: bool) -> Result<(), Retcode> {
        let mut state = lock(&self.state);
        if state.is_revoked {
            return Err(Retcode::HANDLE_REVOKED);
        }
        state.is_enabled = is_enabled;
        if is_enabled {
            state.is_masked = false;
            self.hand_over(&mut state);
        }
        Ok(())
    }

    /// `Recv` of thread `thread`, which was bound as `bound`.
    pub(crate) fn receive(&self, thread: &Arc<Process>, bound: u64, deadline_ns: u64, sync: Option<Arc<Sync>>) {
        let mut state = lock(&self.state);
        let code = if thread.id != bound {
            Retcode::INVALID_ARGUMENT
        } else if state.is_revoked || state.thread != Some(bound) {
            Retcode::NOT_CONNECTED
        } else {
            if self.mask == IrqMask::UntilRecv {
                state.is_masked = false;
            }
            if state.take(self.mask) {
                thread.put_interrupt();
                Retcode::OK
            } else if deadline_ns == 0 {
                Retcode::TIMEOUT
            } else {
                if let Some(serial) = thread.begin_receive(deadline_ns, sync) {
                    state.waits = Some((Arc::clone(thread), serial));
                }
                return;
            }
        };
        drop(state);
        thread.finish(code);
    }
}
