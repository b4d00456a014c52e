// SPDX-License-Identifier: MIT OR Apache-2.0
//! IPC synchronisation objects: what ends a `Call` that no server took yet, and a `Recv` that has no request yet.

use std::sync::{Arc, Mutex, Weak};
use std::vec::Vec;

use super::notice::lock;
use super::process::Process;

#[derive(Debug, Default)]
struct State {
    interrupts: bool,
    waiting: Vec<Weak<Process>>,
}

/// A synchronisation object.
#[derive(Debug)]
pub(crate) struct Sync {
    /// Whether it goes back to interrupting nothing after it interrupted once.
    is_automatic: bool,
    state: Mutex<State>,
}

impl Sync {
    pub(crate) fn new(is_automatic: bool) -> Self {
        Self {
            is_automatic,
            state: Mutex::default(),
        }
    }

    /// Notes that `thread` is going to wait.
    pub(crate) fn enter(&self, thread: &Arc<Process>) {
        let mut state = lock(&self.state);
        state.waiting.retain(|other| {
            let is_other = other.as_ptr() != Arc::as_ptr(thread);
            is_other && other.strong_count() > 0
        });
        state.waiting.push(Arc::downgrade(thread));
    }

    /// Tells whether a wait is to end, and uses an automatic object up.
    pub(crate) fn take(&self) -> bool {
        let mut state = lock(&self.state);
        let interrupts = state.interrupts;
        state.interrupts &= !self.is_automatic;
        interrupts
    }

    /// Tells whether a wait is to end.
    pub(crate) fn interrupts(&self) -> bool {
        lock(&self.state).interrupts
    }

    pub(crate) fn set(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        state.interrupts = true;
        let waiting = state.waiting.clone();
        drop(state);
        for thread in waiting.iter().filter_map(Weak::upgrade) {
            thread.interrupt(self);
        }
    }

    pub(crate) fn clear(&self) {
        lock(&self.state).interrupts = false;
    }
}
