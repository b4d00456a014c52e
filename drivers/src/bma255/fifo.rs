// SPDX-License-Identifier: GPL-2.0-only
//! The BMA255's FIFO: 32 frames (data sheet, "FIFO operation").
//!
//! In bypass mode it holds the newest frame only; in FIFO mode it stops when it is full, in stream mode it drops the
//! oldest. A frame leaves it when its last byte was read; a burst that ends within a frame leaves all of it.

use super::{Sample, word};
use crate::ring::Ring;

const DEPTH: usize = 32;
const OVERRUN: u8 = 0x80;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Bypass,
    Fifo,
    Stream,
}

#[derive(Default)]
pub(super) struct Fifo {
    mode: Mode,
    /// The one axis that frames hold, or all.
    axis: Option<usize>,
    frames: Ring<Sample, DEPTH>,
    is_overrun: bool,
    /// Bytes of the oldest frame that this burst has read.
    cursor: usize,
}

impl Fifo {
    /// FIFO_CONFIG_1 was written: whatever the value, this empties the FIFO and clears the overrun.
    pub(super) fn configure(&mut self, config: u8) {
        let mode = match config >> 6 {
            1 => Mode::Fifo,
            2 => Mode::Stream,
            _ => Mode::Bypass,
        };
        *self = Fifo {
            mode,
            axis: usize::from(config & 0x03).checked_sub(1),
            ..Fifo::default()
        };
    }

    pub(super) fn push(&mut self, sample: Sample) {
        match self.mode {
            Mode::Bypass => self.frames.clear(),
            _ if !self.frames.is_full() => {}
            Mode::Stream => self.is_overrun = true,
            Mode::Fifo => {
                self.is_overrun = true;
                return;
            }
        }
        self.frames.push(sample);
    }

    /// FIFO_STATUS.
    pub(super) fn status(&self) -> u8 {
        let count = u8::try_from(self.frames.len()).unwrap_or(0x7f);
        count | if self.is_overrun { OVERRUN } else { 0 }
    }

    /// Whether the watermark is reached; 0 is none.
    pub(super) fn is_at(&self, watermark: u8) -> bool {
        self.mode != Mode::Bypass && watermark != 0 && self.frames.len() >= usize::from(watermark)
    }

    pub(super) fn is_full(&self) -> bool {
        self.mode != Mode::Bypass && self.frames.is_full()
    }

    /// The next byte; zeros when the FIFO is empty.
    pub(super) fn read_byte(&mut self) -> u8 {
        let Some(frame) = self.frames.front() else {
            return 0;
        };
        let (first, len) = self.axis.map_or((0, 6), |axis| (2 * axis, 2));
        let at = first + self.cursor;
        let byte = word(frame[at / 2 % 3])[at % 2];
        self.cursor += 1;
        if self.cursor == len {
            self.cursor = 0;
            self.frames.pop();
        }
        byte
    }

    pub(super) fn burst_end(&mut self) {
        self.cursor = 0;
    }
}
