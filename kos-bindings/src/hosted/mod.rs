// SPDX-License-Identifier: MIT OR Apache-2.0
//! The trusted side of the hosted back end: one process that holds handles, channels, domains and
//! the judge.
//!
//! ```text
//!  client process            kernel process                                    domain process (sandboxed)
//!  Connection ── port ── kernel thread ──┐   copy, validate, judge   ┌── kernel thread ── port ── Caller, Listener
//!                                        └──────▶ Process ◀──────────┘
//!                                            Server objects (buses, firmware, log)
//! ```
//!
//! * [`Kernel`], [`Config`], [`DomainSpec`], [`DomainHandle`]: making and watching domains.
//! * [`Task`], [`Thread`]: processes with many threads, which are threads of this program; all of KasperskyOS's IPC.
//! * [`Limits`], [`Unknowns`]: what a process may take, and what is not published of KasperskyOS.
//! * [`Server`], [`Endpoint`], [`Lines`], [`Interrupts`]: what is called, and what interrupts.
//! * [`judge`]: the one place where every message is judged.
//! * [`LocalClient`]: a client in this process. [`socket`]: clients in others.
//! * [`inproc`]: a domain without isolation, inside its client; no part of this side.
//! * [`Event`], [`Death`]: what the supervisor hears. [`Error`]: why something could not be made.

mod caps;
mod cm;
mod config;
mod core;
pub(crate) mod cpu;
mod dma;
mod domain;
pub(crate) mod elf;
pub(crate) mod error;
pub(crate) mod handles;
mod irq;
pub mod judge;
mod kernel;
mod launcher;
pub(crate) mod life;
mod lines;
mod listener;
mod local;
mod mdl;
mod notice;
mod numbers;
mod object;
pub(crate) mod process;
mod quota;
mod reaper;
mod report;
mod seccomp;
mod serve;
pub(crate) mod server;
mod share;
pub(crate) mod shared;
pub mod socket;
pub(crate) mod spec;
mod sync;
pub(crate) mod task;
mod thread;
mod transfer;

pub use crate::inproc;
pub use config::{Config, Event, IrqMask, Unknowns};
pub use dma::{Dma, DmaFault};
pub use domain::DomainHandle;
pub use error::Error;
pub use handles::Rights;
pub use irq::Interrupts;
pub use kernel::Kernel;
pub use launcher::{NAMESPACES, Step};
pub use life::{Cause, Death, LastWords, Status};
pub use lines::Lines;
pub use local::LocalClient;
pub use numbers::Served;
pub use quota::Limits;
pub use report::Memory;
pub use seccomp::ALLOWED;
pub use server::Server;
pub use shared::Room;
pub use spec::{ChannelSpec, DomainSpec, Endpoint};
pub use thread::{Received, Task, TaskSpec, Thread};

/// Reads `CLOCK_MONOTONIC` in nanoseconds.
#[must_use]
pub fn clock_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    // CLOCK_MONOTONIC is never negative.
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.wrapping_mul(1_000_000_000).wrapping_add(rest)
}
