// SPDX-License-Identifier: MIT OR Apache-2.0
//! Inside a domain: what the machine above stands on. No libc, no heap, one thread.
//!
//! A domain's image says where it begins with [`crate::domain_start!`]; its function is handed a
//! [`Domain`], by which time the sandbox is shut: no descriptor is open and the seccomp filter is
//! installed. The same image runs as a process of its own and inside its client (`--isolation
//! none`); only the way into the kernel differs.
//!
//! ```text
//! Domain { boot, caller, listener, irq }
//!          │     │       └ Recv, Reply          irq: level, rise and fall bits of 64 lines
//!          │     └ Call (nk::Transport)
//!          └ device tree, channels by name, memory limit, clock kind
//! ```
//!
//! * [`Caller`], [`Listener`]: the two ends of messages. * [`IrqSource`]: interrupt lines.
//! * [`mem`]: pages. * [`clock_ns`]: time. * [`die`], [`Crash`], [`set_fault_hook`]: the end.

mod fault;
mod ipc;
pub mod mem;
mod start;
pub(crate) mod types;
mod vdso;

pub use fault::{die, set_fault_hook};
pub use ipc::{Caller, IrqSource, Listener, Received};
pub use start::{Domain, EntryFn, entry, step};
pub use types::{Boot, CallerId, Crash, Event, FaultHook, Incoming, IrqEdges};
pub use vdso::clock_ns;
