// SPDX-License-Identifier: GPL-2.0-only
//! The machine a Linux driver runs on: a Linux architecture whose hardware is a microkernel's domain.
//!
//! * [`bindings`]: the kernel's declarations, generated; [`export`]: the check that ours agree. [`errno`].
//! * [`raw`]: shared pointer code. [`fatal`]: the one way to die. [`boot`]: from the entry point to the loop.
//! * [`mm`]: kmalloc, caches, pages, per-CPU memory. * [`sched`]: tasks. * [`time`]: clocks, delays, timers' drive.
//! * [`irq`]: when interrupts are taken. * [`bus`]: I2C, SPI and GPIO masters, log, clock.
//! * [`log`]: printk's lines. * [`door`]: sysfs, character devices, control. * [`firmware`]. * [`random`].
//!
//! `glue/*.c` holds what Rust cannot define: C variadics, macros, inline functions.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod bindings;
pub mod boot;
pub mod bus;
pub mod door;
pub mod errno;
pub mod export;
pub mod fatal;
pub mod firmware;
pub mod irq;
pub mod log;
pub mod mm;
pub mod random;
pub mod raw;
pub mod sched;
pub mod time;

#[cfg(feature = "domain")]
kos_bindings::domain_start!(boot::main);
