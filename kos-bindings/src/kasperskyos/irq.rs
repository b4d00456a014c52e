// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interrupts: each has a thread of its own, which sets bits and interrupts the main thread's `Recv`.
#![expect(unsafe_code, reason = "C calls a function of ours on its threads")]

use core::ffi::c_void;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use super::ffi::{self, Irq};
use super::types::IrqEdges;
use crate::nk::Retcode;
use crate::port::IrqLines;

const LINES: usize = 64;

static WORDS: IrqLines = IrqLines {
    level: AtomicU64::new(0),
    rise: AtomicU64::new(0),
    fall: AtomicU64::new(0),
};
/// Lines that were taken and are still masked.
static TAKEN: AtomicU64 = AtomicU64::new(0);
/// By line, the interrupt's registration; only lines in `TAKEN` are looked up.
static REGISTRATIONS: [AtomicU32; LINES] = [const { AtomicU32::new(0) }; LINES];
/// The synchronisation object that the main thread's `Recv` waits with.
static WAKE: AtomicU32 = AtomicU32::new(u32::MAX);
static IS_WOKEN: AtomicBool = AtomicBool::new(false);

/// On an interrupt's thread, with the interrupt masked. `context` is the line.
extern "C" fn happened(context: *mut c_void) {
    let bit = 1 << (context.addr() % LINES);
    WORDS.level.fetch_or(bit, Relaxed);
    WORDS.rise.fetch_or(bit, Release);
    IS_WOKEN.store(true, Release);
    if ffi::lc_sync_set(WAKE.load(Relaxed)) != 0 {
        ffi::say(b"linux-compat: an interrupt cannot wake its driver\n");
    }
}

/// Starts the interrupts' threads.
///
/// # Errors
///
/// The kernel's return code for the first that it does not give.
pub(super) fn start(irqs: &[Irq]) -> Result<u32, Retcode> {
    let mut wake = 0;
    // SAFETY: C writes one handle.
    Retcode(unsafe { ffi::lc_sync_create(&raw mut wake) }).ok()?;
    WAKE.store(wake, Relaxed);
    for irq in irqs {
        let line = irq.line as usize;
        let place = REGISTRATIONS.get(line).ok_or(Retcode::INVALID_ARGUMENT)?;
        // The number travels as a pointer that nobody follows.
        let context = core::ptr::without_provenance_mut(line);
        // SAFETY: C keeps function and number, and writes the registration before the thread runs.
        let code = unsafe { ffi::lc_irq_start(irq.irq, irq.is_level, happened, context, place.as_ptr()) };
        Retcode(code).ok()?;
    }
    Ok(wake)
}

/// Tells whether something woke the main thread since the last time, and lets it sleep again.
pub(super) fn was_woken() -> bool {
    // The object first: what happens between the two leaves its mark in the words, which are looked at afterwards.
    let is_cleared = ffi::lc_sync_clear(WAKE.load(Relaxed)) == 0;
    IS_WOKEN.swap(false, AcqRel) && is_cleared
}

/// Lets the interrupts in again that were taken: the driver has had its turn.
pub(super) fn unmask() {
    let mut taken = TAKEN.swap(0, AcqRel);
    while taken != 0 {
        let line = taken.trailing_zeros() as usize;
        taken &= taken - 1;
        if let Some(registration) = REGISTRATIONS.get(line)
            && ffi::lc_irq_unmask(registration.load(Acquire)) != 0
        {
            ffi::say(b"linux-compat: an interrupt stays masked\n");
        }
    }
}

/// The domain's interrupt lines. Looking at them costs a load, so it may be done at every enabling of interrupts.
#[derive(Clone, Copy, Debug)]
pub struct IrqSource(&'static IrqLines);

impl IrqSource {
    pub(super) fn new() -> Self {
        Self(&WORDS)
    }

    /// Returns the words themselves, for a machine whose C code looks at them.
    #[must_use]
    pub fn words(self) -> &'static IrqLines {
        self.0
    }

    /// Tells whether an edge waits to be taken.
    #[inline]
    #[must_use]
    pub fn is_pending(self) -> bool {
        self.0.rise.load(Relaxed) | self.0.fall.load(Relaxed) != 0
    }

    /// Returns the lines' levels: those whose interrupt came and was not taken. What a line is otherwise, its GPIO
    /// server knows.
    #[inline]
    #[must_use]
    pub fn level(self) -> u64 {
        self.0.level.load(Acquire)
    }

    /// Takes the edges: each is returned once, as a line that rose. A line that is still high comes again after the
    /// next `Recv`.
    #[must_use]
    pub fn take(self) -> IrqEdges {
        let rise = self.0.rise.swap(0, Acquire);
        self.0.level.fetch_and(!rise, Relaxed);
        TAKEN.fetch_or(rise, Relaxed);
        IrqEdges {
            level: rise,
            rise,
            fall: 0,
        }
    }
}
