// SPDX-License-Identifier: GPL-2.0-only
//! Shared pointer code: the only place beside `ffi.rs` files where raw memory is touched.
//!
//! * [`cell`]: state of the machine, without locks. * [`task`]: a `task_struct` as a value.
//! * [`fiber`]: a task's stack and its switch. * [`mod@file`]: an open file. * [`node`]: a node of sysfs.
//! * [`frames`]: call traces. * [`socket`]: a socket.
#![expect(unsafe_code, reason = "the room for raw pointers; each file says what it relies on")]

pub mod cell;
pub mod fiber;
pub mod file;
pub mod frames;
pub mod node;
pub mod socket;
pub mod task;
