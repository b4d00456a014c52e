// SPDX-License-Identifier: GPL-2.0-only
//! The FIFO of the LSM6DSL: words of 16 bits, in sets of three for each source that is chosen, in the order gyroscope,
//! accelerometer, third and fourth set (data sheet, 4.4 and 9.3 to 9.7; application note AN5040, 9).

use super::{period_ns, reg};
use crate::regs::RegFile;
use crate::ring::Ring;

/// Words that there is room for.
const WORDS: usize = 2048;
const MODE_BYPASS: u8 = 0;
const MODE_FIFO: u8 = 1;
const STOP_ON_THRESHOLD: u8 = 0x80;
const TIMER_SET: u8 = 0x80;
/// In FIFO_STATUS2.
const THRESHOLD: u8 = 0x80;
const OVERRUN: u8 = 0x40;
const FULL: u8 = 0x20;
const EMPTY: u8 = 0x10;
/// Only each so many-th sample is stored, by the bits of a set's decimation; 0: none.
const DECIMATION: [u32; 8] = [0, 1, 2, 3, 4, 8, 16, 32];

/// The FIFO's memory.
#[derive(Default)]
pub(super) struct Fifo {
    words: Ring<Word, WORDS>,
    samples: u32,
    /// When it takes its next entry.
    next: u64,
    is_overrun: bool,
}

/// A word, and where it stands in the pattern.
#[derive(Clone, Copy, Default)]
struct Word {
    value: [u8; 2],
    pattern: u16,
}

fn mode(regs: &RegFile<0x80>) -> u8 {
    regs.get(reg::FIFO_CTRL5) & 7
}

/// The threshold in words.
fn threshold(regs: &RegFile<0x80>) -> usize {
    usize::from(regs.get(reg::FIFO_CTRL1)) | usize::from(regs.get(reg::FIFO_CTRL2) & 7) << 8
}

impl Fifo {
    /// Decimation, sets, rate or mode were changed: what is stored is gone in bypass mode, and counting begins anew.
    pub(super) fn configured(&mut self, regs: &RegFile<0x80>) {
        if mode(regs) == MODE_BYPASS {
            self.words.clear();
            self.is_overrun = false;
        }
        self.samples = 0;
        self.next = 0;
    }

    /// Takes the present samples, if its own rate says so.
    pub(super) fn sample(&mut self, regs: &RegFile<0x80>, g: [i16; 3], xl: [i16; 3], stamp: u32, time: u64) {
        let period = period_ns(regs.get(reg::FIFO_CTRL5) >> 3 & 0x0f);
        if mode(regs) == MODE_BYPASS || period == 0 || time < self.next {
            return;
        }
        // A sensor that is slower than the FIFO gives its rhythm.
        self.next = if self.next == 0 { time } else { self.next } + period;
        self.next = self.next.max(time + 1);
        let stamp = stamp.to_le_bytes();
        let timer = [
            i16::from_le_bytes([stamp[1], stamp[2]]),
            i16::from_le_bytes([0, stamp[0]]),
            0,
        ];
        let (third, fourth) = (regs.get(reg::FIFO_CTRL4), regs.get(reg::FIFO_CTRL4) >> 3);
        let has_timer = regs.has(reg::FIFO_CTRL2, TIMER_SET);
        let sets = [
            (regs.get(reg::FIFO_CTRL3) >> 3, g),
            (regs.get(reg::FIFO_CTRL3), xl),
            (third, [0; 3]),
            (fourth, if has_timer { timer } else { [0; 3] }),
        ];
        let mut pattern = 0;
        for (decimation, values) in sets {
            let every = DECIMATION[usize::from(decimation & 7)];
            if every == 0 || !self.samples.is_multiple_of(every) {
                continue;
            }
            for value in values {
                self.push(regs, value.to_le_bytes(), pattern);
                pattern += 1;
            }
        }
        self.samples = self.samples.wrapping_add(1);
    }

    fn push(&mut self, regs: &RegFile<0x80>, value: [u8; 2], pattern: u16) {
        let is_limited = regs.has(reg::FIFO_CTRL4, STOP_ON_THRESHOLD);
        let limit = if is_limited { threshold(regs).max(1) } else { WORDS };
        if self.words.len() >= limit {
            self.is_overrun = true;
            if mode(regs) == MODE_FIFO {
                return;
            }
            self.words.keep_newest(limit - 1);
        }
        self.words.push(Word { value, pattern });
    }

    /// Takes a word's half; the word is gone with its upper one.
    pub(super) fn read(&mut self, is_upper: bool) -> u8 {
        let Some(word) = self.words.front() else { return 0 };
        if is_upper {
            self.words.pop();
            self.is_overrun = false;
        }
        word.value[usize::from(is_upper)]
    }

    fn flags(&self, regs: &RegFile<0x80>) -> u8 {
        let level = threshold(regs);
        let is_over = level > 0 && self.words.len() >= level;
        let pairs = [
            (is_over, THRESHOLD),
            (self.is_overrun, OVERRUN),
            (self.words.is_full(), FULL),
            (self.words.is_empty(), EMPTY),
        ];
        pairs.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).sum()
    }

    /// FIFO_STATUS1 to FIFO_STATUS4.
    pub(super) fn status(&self, regs: &RegFile<0x80>) -> [u8; 4] {
        let [low, high, ..] = self.words.len().to_le_bytes();
        let [pattern_low, pattern_high] = self.words.front().map_or(0, |word| word.pattern).to_le_bytes();
        [low, high & 7 | self.flags(regs), pattern_low, pattern_high & 3]
    }

    /// Threshold, overrun and full, as the interrupt pins' registers have them.
    pub(super) fn pin_flags(&self, regs: &RegFile<0x80>) -> u8 {
        let flags = self.flags(regs);
        (flags & THRESHOLD) >> 4 | (flags & OVERRUN) >> 2 | flags & FULL
    }
}
