// SPDX-License-Identifier: GPL-2.0-only
//! The machine a Linux driver runs on.
//!
//! * [`bindings`]: the kernel's declarations, generated; [`export`]: the check that ours agree.
//! * [`errno`]: the error type.
//! * [`mm`]: kmalloc, caches, pages, per-CPU memory.
#![no_std]

pub mod bindings;
pub mod errno;
pub mod export;
pub mod mm;
