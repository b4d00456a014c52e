// SPDX-License-Identifier: GPL-2.0-only
//! `asm/irqflags.h`, `asm/processor.h`: the interrupt flag and the points where interrupts are taken.
#![expect(unsafe_code, reason = "C symbols")]

use crate::{bindings, irq, raw::cell::Word};
use core::{
    ffi::{c_ulong, c_void},
    ptr,
};
use kos_bindings::domain::IrqSource;

#[unsafe(no_mangle)]
static mut machine_irqs_off: c_ulong = 0;

/// What C looks at when it enables interrupts: the three words of the port, or these zeros before boot.
static NO_LINES: [c_ulong; 3] = [0; 3];
#[unsafe(no_mangle)]
static mut machine_lines: *const c_ulong = &raw const NO_LINES[0];

static SOURCE: Word<Option<IrqSource>> = Word::new(None);

/// Lets interrupts come from the port.
pub fn init(source: IrqSource) {
    SOURCE.set(Some(source));
    // SAFETY: one thread; the words live as long as the domain.
    unsafe { machine_lines = ptr::from_ref(source.words()).cast() };
}

/// Whether interrupts are off.
pub fn is_off() -> bool {
    // SAFETY: one thread reads and writes the word.
    unsafe { machine_irqs_off != 0 }
}

/// Sets the flag; takes nothing.
pub fn set_off(off: bool) {
    // SAFETY: as above.
    unsafe { machine_irqs_off = c_ulong::from(off) };
}

/// Whether a line changed since it was last looked at.
pub fn is_line_pending() -> bool {
    AGAIN.get() != 0 || SOURCE.get().is_some_and(IrqSource::is_pending)
}

/// Whether a softirq was raised outside an interrupt and waits for one.
pub fn is_softirq_pending() -> bool {
    // SAFETY: reads one word of the kernel's state.
    unsafe { bindings::machine_softirq_pending() != 0 }
}

/// `irq_enter`.
pub fn enter() {
    // SAFETY: paired with `leave` by `irq::take`.
    unsafe { bindings::machine_enter_irq() };
}

/// `irq_exit`, which runs the softirqs.
pub fn leave() {
    // SAFETY: see `enter`.
    unsafe { bindings::machine_leave_irq() };
}

/// Hands changed lines to the interrupt controller's flow handlers.
pub fn serve_lines() {
    if let Some(source) = SOURCE.get() {
        let edges = source.take();
        AGAIN.set(0);
        if let Some((handler, arg)) = HANDLER.get() {
            // SAFETY: the controller registered the pair, and never goes away.
            unsafe { handler(arg, edges.level, edges.rise, edges.fall) };
        }
    }
}

/// What a controller wants called with the level, rise and fall bits of all lines.
type LineHandler = unsafe extern "C" fn(*mut c_void, u64, u64, u64);
static HANDLER: Word<Option<(LineHandler, *mut c_void)>> = Word::new(None);
/// Lines whose level must be looked at again though nothing changed.
static AGAIN: Word<u64> = Word::new(0);

/// Registers the controller of the lines (`glue/gpio.c`). There is one.
#[unsafe(no_mangle)]
pub extern "C" fn machine_on_lines(handler: Option<LineHandler>, arg: *mut c_void) {
    HANDLER.set(handler.map(|h| (h, arg)));
}

/// Asks to be interrupted again for levels that are still active.
#[unsafe(no_mangle)]
pub extern "C" fn machine_retake(lines: u64) {
    AGAIN.set(AGAIN.get() | lines);
}

/// The level of all lines now, for C.
#[unsafe(no_mangle)]
pub extern "C" fn machine_line_levels() -> u64 {
    line_levels()
}

/// The level of all lines now.
pub fn line_levels() -> u64 {
    SOURCE.get().map_or(0, IrqSource::level)
}

/// Takes interrupts that wait; C calls it when it enables them.
#[unsafe(no_mangle)]
pub extern "C" fn machine_take_irqs() {
    irq::poll_lines();
}

/// `cpu_relax`: whoever spins waits for an interrupt, or for time to pass.
#[unsafe(no_mangle)]
pub extern "C" fn machine_relax() {
    crate::time::relax();
}
