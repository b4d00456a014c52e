// SPDX-License-Identifier: GPL-2.0-only
//! Time: the machine's clock, real or virtual, and what drives upstream's timers.
//!
//! The clock counts nanoseconds since the domain started (uptime). Virtual time stands still while anybody runs and
//! moves when a delay asks for it, or when all tasks sleep and a request is in flight: then it jumps to the next
//! timer, unless the hardware has an event before that (interface `linuxcompat.Clock`). A transfer takes time too,
//! which the hardware counts: whoever reads the clock after one asks it first.
//!
//! Timer wheel and hrtimers are upstream's (`kernel/time/timer.c`, `hrtimer.c`); `glue/time.c` calls them.

pub mod ffi;

use crate::raw::cell::Word;

/// `KTIME_MAX`: no timer is set.
pub const NEVER: u64 = i64::MAX as u64;

static START_NS: Word<u64> = Word::new(0);
static WALL_START_NS: Word<u64> = Word::new(0);
/// `Some(uptime)` under virtual time.
static VIRTUAL: Word<Option<u64>> = Word::new(None);
/// Under virtual time: the hardware may be further on than [`VIRTUAL`], since a call to it takes bus time.
static IS_BEHIND: Word<bool> = Word::new(false);
/// When timers are to be looked at again while tasks run: at the next tick, or when the next timer is due.
static NEXT_TIMER: Word<u64> = Word::new(0);

/// Starts the clock at zero. `wall_ns` is the time of day at that instant, in nanoseconds since 1970.
pub fn init(is_virtual: bool, wall_ns: u64) {
    START_NS.set(kos_bindings::domain::clock_ns());
    WALL_START_NS.set(wall_ns);
    if is_virtual {
        VIRTUAL.set(Some(0));
    }
}

/// Whether time is virtual.
#[must_use]
pub fn is_virtual() -> bool {
    VIRTUAL.get().is_some()
}

/// Nanoseconds since the start.
#[must_use]
pub fn uptime_ns() -> u64 {
    if IS_BEHIND.get() {
        set_virtual(crate::bus::advance_clock(0));
    }
    seen_ns()
}

/// As [`uptime_ns`], but virtual time may be what it was before the last calls to the hardware: for those who look
/// often and lose nothing by looking again later.
fn seen_ns() -> u64 {
    match VIRTUAL.get() {
        Some(now) => now,
        None => kos_bindings::domain::clock_ns().saturating_sub(START_NS.get()),
    }
}

/// Notes that the hardware was called, and that its time may have moved.
pub fn hardware_worked() {
    IS_BEHIND.set(is_virtual());
}

/// Time of day at the start, nanoseconds since 1970.
#[must_use]
pub fn wall_start_ns() -> u64 {
    WALL_START_NS.get()
}

/// Says what the hardware's side of virtual time is now; it never goes back.
pub fn set_virtual(now_ns: u64) {
    IS_BEHIND.set(false);
    if let Some(was) = VIRTUAL.get() {
        VIRTUAL.set(Some(was.max(now_ns)));
    }
}

/// Moves virtual time towards `until_ns`; the hardware may stop it earlier to raise a line. The interrupt is taken when
/// the clock shows its time.
pub fn advance_to(until_ns: u64) {
    let now = crate::bus::advance_clock(until_ns);
    set_virtual(now);
    crate::irq::poll_lines();
}

/// Jumps to the next timer, or to what the hardware does before it; says whether there was anything to jump to.
pub fn jump(next_timer_ns: u64) -> bool {
    /// How far ahead the hardware is asked when no timer is set.
    const HORIZON_NS: u64 = 10_000_000_000;
    let limit = next_timer_ns.min(uptime_ns().saturating_add(HORIZON_NS));
    advance_to(limit);
    next_timer_ns != NEVER || uptime_ns() < limit
}

/// Whether a timer may be due.
#[must_use]
pub fn is_timer_due() -> bool {
    seen_ns() >= NEXT_TIMER.get()
}

/// Runs what is due. Called in interrupt context only.
pub fn run_timers() {
    ffi::run();
    NEXT_TIMER.set(next_tick_ns(uptime_ns()));
}

/// When the jiffy after `now_ns` begins. Tasks that run may arm timers and look at `jiffies`, which must not lag by
/// more than Linux's tick lets it: a sleep of so many jiffies would end too early.
fn next_tick_ns(now_ns: u64) -> u64 {
    (now_ns / ffi::TICK_NS + 1).saturating_mul(ffi::TICK_NS)
}

/// When the next timer is due, exactly. Interrupts are off, as upstream's code for it wants.
#[must_use]
pub fn next_timer_ns() -> u64 {
    let now = seen_ns();
    let next = ffi::next(now);
    NEXT_TIMER.set(next.min(next_tick_ns(now)));
    next
}

/// Waits `ns` without giving the processor away; interrupts are taken.
pub fn delay_ns(ns: u64) {
    let until = uptime_ns().saturating_add(ns);
    loop {
        crate::irq::poll();
        if uptime_ns() >= until {
            return;
        }
        if is_virtual() {
            advance_to(until);
        } else {
            core::hint::spin_loop();
        }
    }
}

/// One turn of a loop that waits for something: interrupts are taken, virtual time moves a little. Now and then others
/// run, too: who spins may wait for one of them, as `free_irq` of Linux 6.1 for a handler that sleeps in a transfer.
pub fn relax() {
    const TURNS_ALONE: u32 = 1024;
    static TURNS: Word<u32> = Word::new(0);
    if is_virtual() {
        advance_to(uptime_ns().saturating_add(1_000));
    }
    crate::irq::poll();
    let turns = TURNS.get().wrapping_add(1);
    TURNS.set(turns);
    if turns.is_multiple_of(TURNS_ALONE) {
        crate::sched::let_others_run();
    }
}
