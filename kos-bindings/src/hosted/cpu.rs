// SPDX-License-Identifier: MIT OR Apache-2.0
//! One core for everything that hands a message over.
//!
//! Waking a thread on another core costs an inter-processor interrupt and often the way out of an
//! idle state: ten times a switch on the same core. So the kernel's threads, the domains and, if
//! they wish, the clients share one.

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// Where threads that hand messages over run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cpu {
    /// On the core that the kernel is made on.
    #[default]
    Current,
    /// On this core.
    Number(usize),
    /// Wherever the scheduler puts them.
    Any,
}

impl Cpu {
    /// Returns the core's number, if it is one that this process may use.
    pub(crate) fn resolve(self) -> Option<usize> {
        let cpu = match self {
            Self::Current => sched_getcpu(),
            Self::Number(number) => number,
            Self::Any => return None,
        };
        let allowed = sched_getaffinity(None).ok()?;
        (cpu < CpuSet::MAX_CPU && allowed.is_set(cpu)).then_some(cpu)
    }
}

/// Keeps the calling thread on core `cpu`. Returns whether that worked.
pub(crate) fn pin(cpu: Option<usize>) -> bool {
    let Some(cpu) = cpu.filter(|cpu| *cpu < CpuSet::MAX_CPU) else {
        return false;
    };
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).is_ok()
}

/// Keeps the calling thread off core `cpu`. Returns whether that worked: there may be no other that it may use.
pub(crate) fn leave(cpu: Option<usize>) -> bool {
    let (Some(cpu), Ok(mut set)) = (cpu.filter(|cpu| *cpu < CpuSet::MAX_CPU), sched_getaffinity(None)) else {
        return false;
    };
    set.unset(cpu);
    sched_setaffinity(None, &set).is_ok()
}
