// SPDX-License-Identifier: GPL-2.0-only
//! The log: printk's pieces become lines, and lines go to the log server (interface `linuxcompat.Log`).
//!
//! A line costs as much as a transfer on a bus. During the start, what is only information waits until the start is
//! over, or until something more urgent is said, or the domain dies.

pub mod ffi;

use crate::{bus, door, fatal::Line, raw::cell::Global, time};
use core::ffi::c_int;

/// `LOGLEVEL_INFO` of `include/linux/kern_levels.h`: this level and those above it only inform.
const INFO: u8 = 6;

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
    let level = u8::try_from(level.clamp(0, 7)).unwrap_or(7);
    let time_ns = time::uptime_ns();
    let may_wait = level >= INFO && !door::is_open();
    if may_wait && HELD.with(|held| held.keep(level, time_ns, text)) {
        return;
    }
    flush_held();
    bus::log(level, time_ns, text);
}

/// Lines that wait: for each time, level, length, text.
struct Held {
    bytes: [u8; 1024],
    len: usize,
}

static HELD: Global<Held> = Global::new(Held {
    bytes: [0; 1024],
    len: 0,
});

impl Held {
    const HEAD: usize = 11;

    /// Keeps a line if there is room for it.
    fn keep(&mut self, level: u8, time_ns: u64, text: &str) -> bool {
        let Ok(len) = u16::try_from(text.len()) else {
            return false;
        };
        let Some(room) = self.bytes.get_mut(self.len..self.len + Self::HEAD + text.len()) else {
            return false;
        };
        let (head, body) = room.split_at_mut(Self::HEAD);
        head[..8].copy_from_slice(&time_ns.to_le_bytes());
        head[8] = level;
        head[9..].copy_from_slice(&len.to_le_bytes());
        body.copy_from_slice(text.as_bytes());
        self.len += Self::HEAD + text.len();
        true
    }

    /// Each line that waits.
    fn each(&self, mut f: impl FnMut(u8, u64, &str)) {
        let mut rest = self.bytes.get(..self.len).unwrap_or_default();
        while let Some((&[a, b, c, d, e, f_, g, h, level, lo, hi], tail)) = rest.split_first_chunk() {
            let len = usize::from(u16::from_le_bytes([lo, hi]));
            let (text, tail) = tail.split_at_checked(len).unwrap_or_default();
            f(
                level,
                u64::from_le_bytes([a, b, c, d, e, f_, g, h]),
                core::str::from_utf8(text).unwrap_or_default(),
            );
            rest = tail;
        }
    }
}

/// Sends the lines that wait.
pub fn flush_held() {
    if HELD.with(|held| held.len) == 0 {
        return;
    }
    // Taken out first: whoever looks meanwhile finds nothing.
    let held = HELD.with(|held| {
        core::mem::replace(
            held,
            Held {
                bytes: [0; 1024],
                len: 0,
            },
        )
    });
    held.each(bus::log);
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

/// Sends what waits, and what was printed without an end of line; called when the machine idles or dies.
pub fn flush_pending() {
    flush();
    if door::is_open() {
        flush_held();
    }
}
