// SPDX-License-Identifier: GPL-2.0-only
//! The ADXL345's FIFO: 32 samples in four modes (data sheet, "FIFO").
//!
//! | mode | a new sample | when full |
//! |---|---|---|
//! | bypass | goes to the output registers only | – |
//! | FIFO | is added | is not added |
//! | stream | is added | replaces the oldest |
//! | trigger | as stream, until an interrupt; then the last N of FIFO_CTL stay and it goes on as FIFO | is not added |

use super::Sample;
use crate::ring::Ring;

const DEPTH: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Bypass,
    Fifo,
    Stream,
    Trigger,
}

#[derive(Default)]
pub(super) struct Fifo {
    mode: Mode,
    /// FIFO_CTL's sample count: in trigger mode, how many samples from before the trigger stay.
    samples: usize,
    triggered: bool,
    ring: Ring<Sample, DEPTH>,
}

impl Fifo {
    /// FIFO_CTL was written.
    pub(super) fn configure(&mut self, ctl: u8) {
        let mode = match ctl >> 6 {
            0 => Mode::Bypass,
            1 => Mode::Fifo,
            2 => Mode::Stream,
            _ => Mode::Trigger,
        };
        self.samples = usize::from(ctl & 0x1f);
        if mode != self.mode {
            // Only bypass empties it: other changes of mode keep what is there.
            if mode == Mode::Bypass {
                self.ring.clear();
            }
            self.triggered = false;
            self.mode = mode;
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.mode != Mode::Bypass
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.ring.is_full()
    }

    pub(super) fn len(&self) -> usize {
        self.ring.len()
    }

    pub(super) fn front(&self) -> Option<Sample> {
        self.ring.front()
    }

    pub(super) fn pop(&mut self) {
        self.ring.pop();
    }

    /// A new sample; `event` tells whether the trigger's interrupt is active.
    pub(super) fn push(&mut self, sample: Sample, event: bool) {
        if self.mode == Mode::Trigger && event && !self.triggered {
            self.triggered = true;
            self.ring.keep_newest(self.samples);
        }
        let stops_when_full = self.mode == Mode::Fifo || self.triggered;
        if !(stops_when_full && self.ring.is_full()) {
            self.ring.push(sample);
        }
    }

    /// FIFO_STATUS: whether the trigger has come, and the number of entries.
    pub(super) fn status(&self) -> u8 {
        let entries = u8::try_from(self.ring.len()).unwrap_or(0x3f);
        entries | if self.triggered { 0x80 } else { 0 }
    }
}
