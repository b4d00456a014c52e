// SPDX-License-Identifier: MIT OR Apache-2.0
//! The system calls of a domain: an allow-list, compiled here and installed by the domain before
//! its own code runs.
//!
//! What is not on the list is *refused* with `EPERM` instead of killing the process. The call has
//! no effect either way; but a refusal reaches the code that made it, so a stray call ends in a
//! report of the shim with a call trace, where a kill would leave none. A call made through another
//! architecture's entry (i386 on x86_64), where the numbers mean something else, does kill.

use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition as Cond,
    SeccompFilter, SeccompRule as Rule, TargetArch,
};

const PROT_READ_WRITE: u64 = 3;
const MAP_PRIVATE_ANONYMOUS_NORESERVE: u64 = 0x4022;
const MAP_SHARED: u64 = 1;
const MADV_DONTNEED: u64 = 4;
const MADV_POPULATE_WRITE: u64 = 23;
const FUTEX_WAIT_BITSET: u64 = 9;
const FUTEX_WAKE_BITSET: u64 = 10;
const CLOCK_MONOTONIC: u64 = 1;

#[cfg(target_arch = "x86_64")]
const ARCH: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCH: TargetArch = TargetArch::aarch64;

/// The names of the allowed system calls, and why each is there.
pub const ALLOWED: [(&str, i64); 8] = [
    // Handing the turn over: waits and wakes with a bit set, nothing else (no requeue, no priority
    // inheritance).
    ("futex", libc::SYS_futex),
    // Only where the vdso cannot read the clock.
    ("clock_gettime", libc::SYS_clock_gettime),
    // The end.
    ("exit_group", libc::SYS_exit_group),
    // Memory: anonymous, private, never executable, never at an address that is in use (no
    // MAP_FIXED). If the domain may share memory, shared mappings too: the kernel answers each one (`share.rs`).
    ("mmap", libc::SYS_mmap),
    // Commits reserved pages and makes guard pages; never PROT_EXEC.
    ("mprotect", libc::SYS_mprotect),
    // Gives memory back, or takes it before it is touched; MADV_DONTNEED and MADV_POPULATE_WRITE only.
    ("madvise", libc::SYS_madvise),
    // Gives address space back.
    ("munmap", libc::SYS_munmap),
    // Linux itself restarts an interrupted wait with it, after a stop and continue by a debugger.
    ("restart_syscall", libc::SYS_restart_syscall),
];

fn rule(conditions: Vec<Cond>) -> Result<Rule, BackendError> {
    Rule::new(conditions)
}

fn equals(arg: u8, value: u64) -> Result<Cond, BackendError> {
    Cond::new(arg, Len::Dword, Op::Eq, value)
}

fn rules_for(nr: i64, shares: bool) -> Result<Vec<Rule>, BackendError> {
    let no_exec = Cond::new(2, Len::Dword, Op::MaskedEq(!PROT_READ_WRITE & 0xffff_ffff), 0)?;
    Ok(match nr {
        libc::SYS_futex => vec![
            rule(vec![equals(1, FUTEX_WAIT_BITSET)?])?,
            rule(vec![equals(1, FUTEX_WAKE_BITSET)?])?,
        ],
        libc::SYS_clock_gettime => vec![rule(vec![equals(0, CLOCK_MONOTONIC)?])?],
        libc::SYS_mmap => {
            let mut rules = vec![rule(vec![
                no_exec.clone(),
                equals(3, MAP_PRIVATE_ANONYMOUS_NORESERVE)?,
            ])?];
            if shares {
                rules.push(rule(vec![no_exec, equals(3, MAP_SHARED)?])?);
            }
            rules
        }
        libc::SYS_mprotect => vec![rule(vec![no_exec])?],
        libc::SYS_madvise => vec![
            rule(vec![equals(2, MADV_DONTNEED)?])?,
            rule(vec![equals(2, MADV_POPULATE_WRITE)?])?,
        ],
        _ => vec![],
    })
}

/// Compiles the list to what the port carries: an array of `sock_filter`, 8 bytes each.
pub(crate) fn program(shares: bool) -> Result<Vec<u8>, BackendError> {
    let mut rules = BTreeMap::new();
    for (_, nr) in ALLOWED {
        rules.insert(nr, rules_for(nr, shares)?);
    }
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, refuse, SeccompAction::Allow, ARCH)?;
    let program = BpfProgram::try_from(filter)?;
    Ok(program
        .iter()
        .flat_map(|step| {
            let [a, b] = step.code.to_ne_bytes();
            let [k0, k1, k2, k3] = step.k.to_ne_bytes();
            [a, b, step.jt, step.jf, k0, k1, k2, k3]
        })
        .collect())
}
