// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interrupt lines from simulated or real hardware into a domain.

use std::sync::{Arc, Mutex, Weak};

use super::notice::lock;
use super::process::Process;

/// The interrupt lines of one domain. The hardware gets it before the domain exists, and keeps it
/// after its death.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    levels: u64,
    process: Weak<Process>,
}

impl Lines {
    /// Makes lines that are low and lead nowhere yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets line `line` (0 to 63) to `is_high`. An edge wakes the domain if it waits in `Recv`.
    ///
    /// May be called from any thread, and from inside a `Server` while the domain's own `Call` is
    /// served.
    pub fn set(&self, line: u32, is_high: bool) {
        let Some(bit) = 1u64.checked_shl(line) else {
            return;
        };
        let mut state = lock(&self.0);
        state.levels = if is_high {
            state.levels | bit
        } else {
            state.levels & !bit
        };
        let process = state.process.upgrade();
        drop(state);
        if let Some(process) = process {
            process.set_line(line, is_high);
        }
    }

    /// Connects the lines to a domain that did not run yet; lines that are high already rise for
    /// it.
    pub(crate) fn attach(&self, process: &Arc<Process>) {
        let mut state = lock(&self.0);
        state.process = Arc::downgrade(process);
        let levels = state.levels;
        drop(state);
        for line in 0..u64::BITS {
            if levels >> line & 1 != 0 {
                process.set_line(line, true);
            }
        }
    }
}
