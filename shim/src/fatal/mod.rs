// SPDX-License-Identifier: GPL-2.0-only
//! The one way to die: the epitaph is written where the supervisor finds it, then the domain ends.
//!
//! The epitaph holds the cause in one line and the return addresses of the call trace; the supervisor, which has
//! the image with its debug information, turns them into functions and lines.

pub mod ffi;

use crate::raw::{cell::Word, frames};
use core::{
    ffi::c_int,
    fmt::{self, Write},
};
use kos_bindings::domain::{Crash, die, set_fault_hook};

const MAX_FRAMES: usize = 32;
/// Exit status of a domain that died of itself.
const EXIT_FATAL: c_int = 101;

/// Text of limited length; what does not fit is cut.
pub struct Line<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Line<N> {
    /// No text.
    #[must_use]
    pub const fn new() -> Self {
        Line { bytes: [0; N], len: 0 }
    }

    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Adds bytes, as far as they fit.
    pub fn push(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        let n = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.len += n;
    }

    /// Forgets the text.
    pub fn clear(&mut self) {
        self.len = 0;
    }
}

impl<const N: usize> Default for Line<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Write for Line<N> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.push(s.as_bytes());
        Ok(())
    }
}

static IS_DYING: Word<bool> = Word::new(false);

/// Ends the domain. The cause reads `subject: fact`.
pub fn fatal(cause: fmt::Arguments<'_>) -> ! {
    let mut text = Line::<512>::new();
    // A line takes what fits; it never fails.
    let _ = text.write_fmt(cause);
    end(text.as_bytes())
}

/// Says what was held back, if that can be said in this state: it may tell what led here.
fn last_lines() {
    if crate::bus::is_free() {
        crate::log::flush_held();
    }
}

fn end(cause: &[u8]) -> ! {
    let mut frames = [0; MAX_FRAMES];
    let count = if IS_DYING.replace(true) {
        0
    } else {
        last_lines();
        frames::walk(frames::here(), &mut frames)
    };
    die(
        Crash {
            cause,
            frames: frames.get(..count).unwrap_or_default(),
            ..Crash::default()
        },
        EXIT_FATAL,
    )
}

/// What a signal becomes: `SIGSEGV at …`, in the words a reader of the report wants.
fn on_fault(crash: Crash<'_>) {
    let mut frames = [0; MAX_FRAMES];
    let count = if IS_DYING.replace(true) {
        0
    } else {
        last_lines();
        frames::walk(crash.bp, &mut frames)
    };
    let mut text = Line::<256>::new();
    let what = core::str::from_utf8(crash.cause).unwrap_or("signal");
    let task = crate::raw::task::Task::try_current();
    let is_overflow = crate::raw::fiber::is_guard(crash.addr);
    let _ = match task {
        Some(task) if is_overflow => {
            write!(
                text,
                "stack overflow in task {}/{}",
                crate::sched::Comm(task),
                task.pid()
            )
        }
        Some(task) if crash.is_sent => {
            write!(text, "{what} in task {}/{}", crate::sched::Comm(task), task.pid())
        }
        Some(task) => {
            write!(
                text,
                "{what} at {:#x} in task {}/{}",
                crash.addr,
                crate::sched::Comm(task),
                task.pid()
            )
        }
        None if crash.is_sent => write!(text, "{what} before the first task"),
        None => write!(text, "{what} at {:#x} before the first task", crash.addr),
    };
    // An overflown stack has nothing at its pointer.
    let top = if is_overflow {
        0
    } else {
        frames::top(crash.sp, crash.bp)
    };
    let frames = frames.get(..count).unwrap_or_default();
    die(
        Crash {
            cause: text.as_bytes(),
            frames,
            top,
            ..crash
        },
        EXIT_FATAL,
    )
}

/// Lets faults end in an epitaph.
pub fn init() {
    set_fault_hook(on_fault);
}

/// Logs the call trace as addresses; the supervisor makes names of them.
#[inline(always)]
fn log_backtrace(level: c_int) {
    let mut frames = [0; MAX_FRAMES];
    let count = frames::walk(frames::here(), &mut frames);
    for frame in frames.iter().take(count).skip(1) {
        let mut text = Line::<64>::new();
        let _ = write!(text, " [<{frame:#x}>]");
        crate::log::line(level, text.as_bytes());
    }
}

#[cfg(feature = "domain")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    match info.location() {
        Some(at) => fatal(format_args!(
            "shim panicked at {}:{}: {}",
            at.file(),
            at.line(),
            info.message()
        )),
        None => fatal(format_args!("shim panicked: {}", info.message())),
    }
}
