// SPDX-License-Identifier: MIT OR Apache-2.0
//! One core for everything that hands a message over.
//!
//! Waking a thread on another core costs an inter-processor interrupt and often the way out of an
//! idle state: ten times a switch on the same core. So the kernel's threads, the domains and, if
//! they wish, the clients share one.

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// Returns the core that the calling thread is on: everything that hands messages over runs there.
pub(crate) fn current() -> Option<usize> {
    let cpu = sched_getcpu();
    let allowed = sched_getaffinity(None).ok()?;
    (cpu < CpuSet::MAX_CPU && allowed.is_set(cpu)).then_some(cpu)
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
