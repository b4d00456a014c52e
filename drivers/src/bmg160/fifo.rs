// SPDX-License-Identifier: GPL-2.0-only
//! The BMG160's FIFO: 100 frames (data sheet, "FIFO operation").
//!
//! | mode | a new frame | when full |
//! |---|---|---|
//! | bypass | replaces the only one | – |
//! | FIFO | is added | is lost |
//! | stream | is added | replaces the oldest |
//!
//! A frame is all axes or one, as FIFO_CONFIG_1 selects. It leaves the FIFO when its last byte is read; a burst that
//! ends within a frame leaves the whole frame there.

use super::{Sample, reg};
use crate::regs::RegFile;
use crate::ring::Ring;

const DEPTH: usize = 100;
const OVERRUN: u8 = 0x80;
const WATERMARK_ON: u8 = 0x80;

#[derive(Clone, Copy, PartialEq, Eq, Default)]
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
        self.mode = match config >> 6 {
            1 => Mode::Fifo,
            2 => Mode::Stream,
            _ => Mode::Bypass,
        };
        self.axis = usize::from(config & 0x03).checked_sub(1);
        self.frames.clear();
        self.is_overrun = false;
        self.cursor = 0;
    }

    pub(super) fn push(&mut self, sample: Sample) {
        if self.mode == Mode::Bypass {
            self.frames.clear();
        } else if self.frames.is_full() {
            self.is_overrun = true;
            if self.mode == Mode::Fifo {
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

    /// Whether the FIFO interrupt's condition holds: the watermark is exceeded, or without one the FIFO is full.
    pub(super) fn has_event(&self, regs: &RegFile<0x40>) -> bool {
        if self.mode == Mode::Bypass {
            return false;
        }
        if regs.has(reg::FIFO_WM_EN, WATERMARK_ON) {
            return self.frames.len() > usize::from(regs.get(reg::FIFO_CONFIG_0) & 0x7f);
        }
        self.frames.is_full()
    }

    /// The next byte; zeros when the FIFO is empty.
    pub(super) fn read_byte(&mut self) -> u8 {
        let Some(frame) = self.frames.front() else {
            return 0;
        };
        let first = self.axis.map_or(0, |axis| 2 * axis);
        let len = if self.axis.is_some() { 2 } else { 6 };
        let at = first + self.cursor;
        let byte = frame[at / 2 % 3].to_le_bytes()[at % 2];
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
