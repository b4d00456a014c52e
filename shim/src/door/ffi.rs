// SPDX-License-Identifier: GPL-2.0-only
//! The doors' way into C.
#![expect(unsafe_code, reason = "C symbols")]

use crate::{bindings, errno::Errno, same_as_header};
use core::ffi::c_uint;

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

/// Runs the exit functions of the driver's modules; how many.
pub fn unload() -> u32 {
    // SAFETY: called by a task outside of interrupts, which may sleep.
    unsafe { bindings::machine_unload() }
}

/// Runs the initcalls of the driver's modules; how many.
///
/// # Errors
///
/// What the first returned that failed.
pub fn load() -> Result<u32, Errno> {
    let mut errno = 0;
    // SAFETY: as above; `errno` is written before the function returns.
    let count = unsafe { bindings::machine_load(&raw mut errno) };
    if errno == 0 {
        Ok(count)
    } else {
        Err(Errno::from_wire(-errno))
    }
}

/// What C code counts of the machine.
pub fn count() -> bindings::machine_counts {
    let mut counts = bindings::machine_counts {
        devices: 0,
        interrupts: 0,
    };
    // SAFETY: called by a task outside of interrupts, which may sleep; the structure is filled before it returns.
    unsafe { bindings::machine_count(&raw mut counts) };
    counts
}

/// Suspends all devices.
///
/// # Errors
///
/// As `linuxcompat.Control`'s `Suspend`; then all devices work as before.
pub fn suspend() -> Result<(), Errno> {
    // SAFETY: called by a task outside of interrupts, which may sleep.
    match unsafe { bindings::machine_suspend() } {
        0 => Ok(()),
        error => Err(Errno::from_wire(-error)),
    }
}

/// Sleeps until something wakes the domain, then resumes all devices. Called once after each [`suspend`] that worked.
pub fn stay_suspended() {
    // SAFETY: as above.
    unsafe { bindings::machine_stay_suspended() };
}

/// Wakes the domain, and waits until all devices work.
pub fn resume() {
    // SAFETY: as above.
    unsafe { bindings::machine_resume() };
}

same_as_header!(machine_hold_clients, machine_interrupt_clients, machine_release_clients);
/// `glue/door.h`: holds requests back.
#[unsafe(no_mangle)]
pub extern "C" fn machine_hold_clients() {
    super::hold();
}

/// Interrupts what is begun, and tells how much of it still runs.
#[unsafe(no_mangle)]
pub extern "C" fn machine_interrupt_clients() -> c_uint {
    c_uint::try_from(super::interrupt_all()).unwrap_or(c_uint::MAX)
}

/// Lets requests go on.
#[unsafe(no_mangle)]
pub extern "C" fn machine_release_clients() {
    super::release();
}

/// Sleeps on an hrtimer.
pub fn sleep_ns(ns: u64) {
    // SAFETY: as above.
    unsafe { bindings::machine_sleep_ns(ns) };
}
