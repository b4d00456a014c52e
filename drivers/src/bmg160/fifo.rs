// SPDX-License-Identifier: GPL-2.0-only
//! The FIFO that the BMG160 and the BMA255 share (their data sheets, "FIFO operation"): 100 frames here, 32 there.
//!
//! | mode | a new frame | when full |
//! |---|---|---|
//! | bypass | replaces the only one | – |
//! | FIFO | is added | is lost |
//! | stream | is added | replaces the oldest |
//!
//! A frame is all axes or one, as FIFO_CONFIG_1 selects. It leaves the FIFO when its last byte is read; a burst that
//! ends within a frame leaves the whole frame there.

use crate::ring::Ring;

const OVERRUN: u8 = 0x80;

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Bypass,
    Fifo,
    Stream,
}

/// Frames of three words, as the output registers show them.
#[derive(Default)]
pub(crate) struct Fifo<const DEPTH: usize> {
    mode: Mode,
    /// The one axis that frames hold, or all.
    axis: Option<usize>,
    frames: Ring<[i16; 3], DEPTH>,
    is_overrun: bool,
    /// Bytes of the oldest frame that this burst has read.
    cursor: usize,
}

impl<const DEPTH: usize> Fifo<DEPTH> {
    /// FIFO_CONFIG_1 was written: whatever the value, this empties the FIFO and clears the overrun.
    pub(crate) fn configure(&mut self, config: u8) {
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

    pub(crate) fn push(&mut self, sample: [i16; 3]) {
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
    pub(crate) fn status(&self) -> u8 {
        let count = u8::try_from(self.frames.len()).unwrap_or(0x7f);
        count | if self.is_overrun { OVERRUN } else { 0 }
    }

    /// Whether it holds so many frames. In bypass mode no interrupt comes of it.
    pub(crate) fn holds(&self, frames: u8) -> bool {
        self.mode != Mode::Bypass && self.frames.len() >= usize::from(frames)
    }

    /// Whether it is full; in bypass mode it never is.
    pub(crate) fn is_full(&self) -> bool {
        self.mode != Mode::Bypass && self.frames.is_full()
    }

    /// The next byte; zeros when the FIFO is empty.
    pub(crate) fn read_byte(&mut self) -> u8 {
        let Some(frame) = self.frames.front() else {
            return 0;
        };
        let (first, len) = self.axis.map_or((0, 6), |axis| (2 * axis, 2));
        let at = first + self.cursor;
        let byte = frame[at / 2 % 3].to_le_bytes()[at % 2];
        self.cursor += 1;
        if self.cursor == len {
            self.cursor = 0;
            self.frames.pop();
        }
        byte
    }

    pub(crate) fn burst_end(&mut self) {
        self.cursor = 0;
    }
}
