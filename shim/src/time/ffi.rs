// SPDX-License-Identifier: GPL-2.0-only
//! `include/linux/timekeeping.h`, `asm/delay.h`, `asm/timex.h`, `sched/clock.h`.
#![expect(unsafe_code, reason = "C symbols")]

use crate::{
    bindings::{self, ktime_t, time64_t, timespec64},
    same_as_header, time,
};
use core::ffi::c_ulong;

const NS: u64 = 1_000_000_000;
/// Length of a jiffy.
pub const TICK_NS: u64 = NS / bindings::MACHINE_HZ as u64;

/// Runs upstream's timers.
pub fn run() {
    // SAFETY: called in interrupt context, see `time::run_timers`.
    unsafe { bindings::machine_run_timers() };
}

/// Asks upstream when the next timer is due.
pub fn next(now_ns: u64) -> u64 {
    // SAFETY: called by the root loop, with interrupts on and outside of them.
    unsafe { bindings::machine_next_timer(now_ns) }
}

/// The clock for the glue.
#[unsafe(no_mangle)]
pub extern "C" fn machine_uptime_ns() -> u64 {
    time::uptime_ns()
}

/// `get_cycles`.
#[unsafe(no_mangle)]
pub extern "C" fn machine_cycles() -> c_ulong {
    time::uptime_ns()
}

fn kt(ns: u64) -> ktime_t {
    ns.cast_signed()
}

fn wall() -> u64 {
    time::wall_start_ns().saturating_add(time::uptime_ns())
}

/// # Safety
///
/// `ts` is writable.
///
/// # Safety
///
/// Asks nothing of the caller.
unsafe fn put(ts: *mut timespec64, ns: u64) {
    let value = timespec64 {
        tv_sec: (ns / NS).cast_signed(),
        tv_nsec: (ns % NS).cast_signed(),
    };
    // SAFETY: the caller's promise.
    unsafe { ts.write(value) };
}

macro_rules! clocks {
    ($($(#[$doc:meta])* $name:ident -> $ty:ty = $value:expr;)+) => {$(
        same_as_header!($name);
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// Asks nothing of the caller.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name() -> $ty {
            $value
        }
    )+};
}

clocks! {
    /// Implements `ktime_get`: `CLOCK_MONOTONIC`, nanoseconds since the domain started.
    ktime_get -> ktime_t = kt(time::uptime_ns());
    /// Implements `ktime_get_raw`: there is no clock discipline, so raw is monotonic.
    ktime_get_raw -> ktime_t = kt(time::uptime_ns());
    /// Implements `ktime_get_mono_fast_ns`.
    ktime_get_mono_fast_ns -> u64 = time::uptime_ns();
    /// Implements `ktime_get_raw_fast_ns`.
    ktime_get_raw_fast_ns -> u64 = time::uptime_ns();
    /// Implements `ktime_get_boot_fast_ns`: a domain never sleeps as a whole, so boot time is monotonic.
    ktime_get_boot_fast_ns -> u64 = time::uptime_ns();
    /// Implements `ktime_get_real_fast_ns`: time of day, nanoseconds since 1970.
    ktime_get_real_fast_ns -> u64 = wall();
    /// Implements `ktime_get_resolution_ns`.
    ktime_get_resolution_ns -> u32 = 1;
    /// Implements `ktime_get_seconds`.
    ktime_get_seconds -> time64_t = (time::uptime_ns() / NS).cast_signed();
    /// Implements `ktime_get_real_seconds`.
    ktime_get_real_seconds -> time64_t = (wall() / NS).cast_signed();
    /// Implements `sched_clock`.
    sched_clock -> u64 = time::uptime_ns();
}

macro_rules! timespecs {
    ($($(#[$doc:meta])* $name:ident = $value:expr;)+) => {$(
        same_as_header!($name);
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// `ts` is writable.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(ts: *mut timespec64) {
            // SAFETY: the caller's promise.
            unsafe { put(ts, $value) };
        }
    )+};
}

timespecs! {
    /// Implements `ktime_get_ts64`: `CLOCK_MONOTONIC`.
    ktime_get_ts64 = time::uptime_ns();
    /// Implements `ktime_get_real_ts64`: `CLOCK_REALTIME`.
    ktime_get_real_ts64 = wall();
    /// Implements `ktime_get_coarse_ts64`.
    ktime_get_coarse_ts64 = time::uptime_ns();
    /// Implements `ktime_get_coarse_real_ts64`.
    ktime_get_coarse_real_ts64 = wall();
    /// Implements `ktime_get_raw_ts64`.
    ktime_get_raw_ts64 = time::uptime_ns();
    /// Implements `getboottime64`: the time of day when the domain started.
    getboottime64 = time::wall_start_ns();
}

fn offset(offs: bindings::tk_offsets) -> u64 {
    if offs == bindings::TK_OFFS_BOOT {
        0
    } else {
        time::wall_start_ns()
    }
}

same_as_header!(ktime_get_with_offset, ktime_get_coarse_with_offset, ktime_mono_to_any);
/// Implements `ktime_get_with_offset`: real, boot or TAI time (TAI without leap seconds, as on a fresh Linux).
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ktime_get_with_offset(offs: bindings::tk_offsets) -> ktime_t {
    kt(time::uptime_ns().saturating_add(offset(offs)))
}

/// Implements `ktime_get_coarse_with_offset`.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ktime_get_coarse_with_offset(offs: bindings::tk_offsets) -> ktime_t {
    kt(time::uptime_ns().saturating_add(offset(offs)))
}

/// Implements `ktime_mono_to_any`.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ktime_mono_to_any(tmono: ktime_t, offs: bindings::tk_offsets) -> ktime_t {
    tmono.saturating_add(kt(offset(offs)))
}

same_as_header!(ktime_get_update_offsets_now);
/// Implements `ktime_get_update_offsets_now` (`kernel/time/timekeeping.h`): what hrtimers add per clock.
///
/// # Safety
///
/// All pointers are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ktime_get_update_offsets_now(
    cwsseq: *mut u32,
    offs_real: *mut ktime_t,
    offs_boot: *mut ktime_t,
    offs_tai: *mut ktime_t,
) -> ktime_t {
    // The wall clock is never set in a domain: one sequence number for ever.
    // SAFETY: the caller's promise.
    unsafe { cwsseq.write(1) };
    for (offset, value) in [
        (offs_real, time::wall_start_ns()),
        (offs_boot, 0),
        (offs_tai, time::wall_start_ns()),
    ] {
        // SAFETY: the caller's promise.
        unsafe { offset.write(kt(value)) };
    }
    kt(time::uptime_ns())
}

same_as_header!(__udelay);
/// Implements `udelay`: waits `usecs` microseconds, taking interrupts.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __udelay(usecs: c_ulong) {
    time::delay_ns(usecs.saturating_mul(1_000));
}

same_as_header!(__ndelay);
/// Implements `ndelay`.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __ndelay(nsecs: c_ulong) {
    time::delay_ns(nsecs);
}

same_as_header!(__const_udelay);
/// Implements `__const_udelay`: `xloops` is microseconds times 2^32 / 10^6 (`include/asm-generic/delay.h`).
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __const_udelay(xloops: c_ulong) {
    time::delay_ns(xloops.saturating_mul(1_000) / 0x10c7);
}

same_as_header!(__delay);
/// Implements `__delay`: a loop takes a nanosecond.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __delay(loops: c_ulong) {
    time::delay_ns(loops);
}
