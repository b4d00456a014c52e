// SPDX-License-Identifier: GPL-2.0-only
//! The log: printk's pieces become lines, and lines go to the log server (interface `linuxcompat.Log`).

pub mod ffi;

use crate::{fatal::Line, raw::cell::Global};
use core::ffi::c_int;

struct Pending {
    level: c_int,
    text: Line<1000>,
}

/// A line whose end has not come yet.
static PENDING: Global<Pending> = Global::new(Pending {
    level: 0,
    text: Line::new(),
});

/// Sends one whole line.
pub fn line(level: c_int, text: &[u8]) {
    let text = match core::str::from_utf8(text) {
        Ok(text) => text,
        // Drivers print what chips say; the wire wants UTF-8.
        Err(e) => core::str::from_utf8(text.get(..e.valid_up_to()).unwrap_or_default()).unwrap_or_default(),
    };
    crate::bus::log(u8::try_from(level.clamp(0, 7)).unwrap_or(7), text);
}

fn flush() {
    // Nearly always so, and asked on every request: taking the line out copies all its room.
    if PENDING.with(|p| p.text.as_bytes().is_empty()) {
        return;
    }
    // The line is taken out first: sending it may log.
    let (level, text) = PENDING.with(|p| (p.level, core::mem::take(&mut p.text)));
    line(level, text.as_bytes());
}

/// Takes a piece of text from printk: a continuation of the last one or a new line, of any number of lines.
fn piece(level: c_int, is_continuation: bool, text: &[u8]) {
    if !is_continuation {
        flush();
        PENDING.with(|p| p.level = level);
    }
    let mut pieces = text.split(|b| *b == b'\n').peekable();
    while let Some(piece) = pieces.next() {
        PENDING.with(|p| p.text.push(piece));
        if pieces.peek().is_some() {
            flush();
        }
    }
}

/// Sends what was printed without an end of line; called when the machine idles or dies.
pub fn flush_pending() {
    flush();
}
