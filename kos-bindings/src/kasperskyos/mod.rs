// SPDX-License-Identifier: MIT OR Apache-2.0
//! Inside a domain on KasperskyOS: what `domain` is on the hosted back end, over the SDK's C API.
//!
//! The SDK's functions are reached through `kasperskyos/lc_kos.c`, because many of them are macros and their
//! structures differ between editions; [`ffi`] declares it. The image begins with [`crate::domain_start!`], as
//! elsewhere; here it defines `lc_domain_start`, which the project's `main` calls with the board.
//!
//! ```text
//! Domain { boot, caller, listener, irq }
//!          │     │       └ RecvEx, Reply         irq: bits that the interrupts' threads set
//!          │     └ Call (nk::Transport)
//!          └ the board's table: device tree, channels, memory, arguments
//! ```
//!
//! What differs from the hosted back end, because KasperskyOS does:
//!
//! * Time-outs are in milliseconds; what is left below one is spent looking at the clock.
//! * [`Event::ClientGone`] and [`Event::Abandoned`] never come: nothing public tells a server of them on a static
//!   channel. What a dead client left open stays open.
//! * Faults end the process; there is no hook that could say more ([`set_fault_hook`]).
//! * An interrupt masks itself and is let in again with the next `Recv`, after the driver was at its chip.

mod ffi;
mod ipc;
mod irq;
pub mod mem;
mod start;
#[path = "../domain/types.rs"]
mod types;

pub use ffi::Board;
pub use ipc::{Caller, Listener};
pub use irq::IrqSource;
pub use start::{Domain, EntryFn, clock_ns, die, entry, set_fault_hook};
pub use types::{Boot, CallerId, Crash, Event, FaultHook, Incoming, IrqEdges};
