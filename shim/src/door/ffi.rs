// SPDX-License-Identifier: GPL-2.0-only
//! The doors' way into C.
#![expect(unsafe_code, reason = "C symbols")]

use crate::bindings;

/// What the initcalls came to.
#[derive(Clone, Copy)]
pub struct Started {
    /// How many returned.
    pub initcalls: u32,
    /// How many of them returned an error.
    pub failed: u32,
}

/// Brings up upstream's parts and runs the initcalls.
pub fn start_kernel(dtb: &'static [u8]) -> Started {
    let blob = if dtb.is_empty() {
        core::ptr::null_mut()
    } else {
        dtb.as_ptr().cast_mut().cast()
    };
    let mut failed = 0;
    // SAFETY: called once, by the first task; the blob is mapped for the life of the domain and is only read, and
    // `failed` is written before the function returns.
    let initcalls = unsafe { bindings::machine_start(blob, &raw mut failed) };
    Started { initcalls, failed }
}

/// Removes all devices of the board, the last made first; drivers are unbound as on real removal.
pub fn remove_devices() {
    // SAFETY: called by a task outside of interrupts, which may sleep.
    unsafe { bindings::machine_remove_devices() };
}

/// Sleeps on an hrtimer.
pub fn sleep_ns(ns: u64) {
    // SAFETY: as above.
    unsafe { bindings::machine_sleep_ns(ns) };
}
