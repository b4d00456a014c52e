// SPDX-License-Identifier: GPL-2.0-only
//! Interrupts: when they are taken, and from where.
//!
//! A line that changes sets a bit in the port. Nothing interrupts the domain's thread: the bits are looked at where
//! Linux could take an interrupt here: when interrupts get enabled, in `cpu_relax` and delays, after a call to a bus
//! server, when a task sleeps, and at idle. While `machine_irqs_off` is set, or inside an interrupt, they wait.
//!
//! Above this stands upstream's `kernel/irq`: flow handlers, threads, sharing, disable depth, wake.

pub mod ffi;

use crate::raw::cell::Word;

/// Set while an interrupt or a softirq is being served.
static SERVING: Word<bool> = Word::new(false);

/// Lets interrupts come while a task that may have them off sleeps; returns what [`restore`] wants.
#[must_use]
pub fn open() -> bool {
    let was = ffi::is_off();
    ffi::set_off(false);
    was
}

/// Holds interrupts back; returns what [`restore`] wants.
#[must_use]
pub fn close() -> bool {
    let was = ffi::is_off();
    ffi::set_off(true);
    was
}

/// Puts the interrupt flag back without taking interrupts.
pub fn restore(off: bool) {
    ffi::set_off(off);
}

/// Takes lines, and timers if the clock says so.
pub fn poll() {
    if ffi::is_off() || SERVING.get() {
        return;
    }
    if ffi::is_line_pending() || crate::time::is_timer_due() || ffi::is_softirq_pending() {
        take();
    }
}

/// Takes lines; cheaper than [`poll`] as it does not read the clock.
pub fn poll_lines() {
    if !ffi::is_off() && !SERVING.get() && ffi::is_line_pending() {
        take();
    }
}

/// Serves all that is pending, as one hard interrupt followed by its softirqs.
pub fn take() {
    if SERVING.get() {
        return;
    }
    SERVING.set(true);
    // Hard interrupts run with interrupts off, and softirqs with interrupts on: `SERVING` holds the next one back.
    ffi::set_off(true);
    ffi::enter();
    crate::time::run_timers();
    ffi::serve_lines();
    ffi::leave();
    ffi::set_off(false);
    SERVING.set(false);
}
