// SPDX-License-Identifier: GPL-2.0-only
//! Frames that wait for the host to read them, and what can go wrong with them on request.
//!
//! A chip says once, in its [`Shape`], what its frames look like when they are wrong; [`Outbox`] does the rest.

use crate::chip::NEVER;
use std::collections::VecDeque;

/// What can go wrong with a frame to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// It ends in its middle.
    Truncated,
    /// It is longer than it may be.
    Oversized,
    /// An answer that nobody asked for comes before it.
    OutOfOrder,
    /// It is noise.
    Random,
    /// Its checksum is wrong.
    Checksum,
    /// Notifications without end follow it.
    Flood,
    /// It does not come, and nothing after it.
    Silence,
    /// The chip restarts instead.
    SelfReset,
}

/// How a chip's frames go wrong.
pub struct Shape {
    /// Makes a frame longer than it may be.
    pub oversize: fn(&mut Vec<u8>),
    /// Makes its checksum wrong, if frames have one.
    pub checksum: Option<fn(&mut Vec<u8>)>,
    /// An answer to a command that nobody gave.
    pub stray: fn() -> Vec<u8>,
    /// A notification, or what comes nearest, that may come at any time.
    pub notification: fn() -> Vec<u8>,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Sent {
    /// It waits, or what the fault made of it.
    Waits,
    /// The chip has to restart by itself.
    MustReset,
}

/// Time between two frames of a flood in ns.
const FLOOD_NS: u64 = 1_000_000;

/// The frames.
pub struct Outbox {
    shape: &'static Shape,
    queue: VecDeque<(u64, Vec<u8>)>,
    fault: Option<(FrameFault, u64)>,
    is_flooding: bool,
    is_silent: bool,
    noise: u64,
}

impl Outbox {
    /// An empty one.
    pub fn new(shape: &'static Shape) -> Self {
        let queue = VecDeque::new();
        Outbox {
            shape,
            queue,
            fault: None,
            is_flooding: false,
            is_silent: false,
            noise: 1,
        }
    }

    /// Lets the `nth` frame from now on go wrong. Returns false if these frames cannot.
    pub fn set_fault(&mut self, fault: FrameFault, nth: u64) -> bool {
        if fault == FrameFault::Checksum && self.shape.checksum.is_none() {
            return false;
        }
        self.fault = Some((fault, nth.max(1)));
        true
    }

    /// Forgets the frames, and what the faults have begun.
    pub fn reset(&mut self) {
        self.queue.clear();
        (self.is_flooding, self.is_silent) = (false, false);
    }

    /// Puts a frame behind the others; the host can have it from `at` on, in ns.
    pub fn push(&mut self, at: u64, mut frame: Vec<u8>) -> Sent {
        let fault = match &mut self.fault {
            Some((_, left)) => {
                *left -= 1;
                (*left == 0).then(|| self.fault.take()).flatten()
            }
            None => None,
        };
        match fault.map(|(fault, _)| fault) {
            None => {}
            Some(FrameFault::Truncated) => frame.truncate((frame.len() / 2).max(1)),
            Some(FrameFault::Oversized) => (self.shape.oversize)(&mut frame),
            Some(FrameFault::OutOfOrder) => self.put(at, (self.shape.stray)()),
            Some(FrameFault::Random) => self.randomise(&mut frame),
            Some(FrameFault::Checksum) => {
                if let Some(spoil) = self.shape.checksum {
                    spoil(&mut frame);
                }
            }
            Some(FrameFault::Flood) => self.is_flooding = true,
            Some(FrameFault::Silence) => self.is_silent = true,
            Some(FrameFault::SelfReset) => return Sent::MustReset,
        }
        self.put(at, frame);
        if self.is_flooding {
            self.put(at, (self.shape.notification)());
        }
        Sent::Waits
    }

    fn put(&mut self, at: u64, frame: Vec<u8>) {
        if !self.is_silent {
            let after = self.queue.back().map_or(0, |(at, _)| *at);
            self.queue.push_back((at.max(after), frame));
        }
    }

    /// Noise of any length up to a full frame, the same in each run (SplitMix64).
    fn randomise(&mut self, frame: &mut Vec<u8>) {
        let mut next = || {
            self.noise = self.noise.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut x = self.noise;
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (x ^ (x >> 31)).to_le_bytes()[0]
        };
        let len = usize::from(next()) + 1;
        *frame = (0..len).map(|_| next()).collect();
    }

    /// The first frame, if the host can have it at `now`.
    pub fn front(&self, now: u64) -> Option<&[u8]> {
        self.queue
            .front()
            .filter(|(at, _)| *at <= now)
            .map(|(_, frame)| &frame[..])
    }

    /// When the host can have the first frame, in ns, or [`NEVER`].
    pub fn next_at(&self) -> u64 {
        self.queue.front().map_or(NEVER, |(at, _)| *at)
    }

    /// When the host can have all frames, in ns; 0 if there is none.
    pub fn last_at(&self) -> u64 {
        self.queue.back().map_or(0, |(at, _)| *at)
    }

    /// The first frame has been read; the next one can be had `gap_ns` after `now` at the earliest.
    pub fn pop(&mut self, now: u64, gap_ns: u64) {
        self.queue.pop_front();
        if self.is_flooding && self.queue.is_empty() {
            self.put(now.saturating_add(FLOOD_NS), (self.shape.notification)());
        }
        if let Some((at, _)) = self.queue.front_mut() {
            *at = (*at).max(now.saturating_add(gap_ns));
        }
    }

    /// Forgets the frames that have not been read.
    pub fn clear(&mut self) {
        self.queue.clear();
    }
}
