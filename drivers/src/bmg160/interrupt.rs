// SPDX-License-Identifier: GPL-2.0-only
//! The BMG160's interrupt engine (data sheet, "Interrupt controller").
//!
//! | source | condition | released |
//! |---|---|---|
//! | new data | a sample | by itself after 300 µs (the data sheet says 280 to 400), whatever the latch mode |
//! | FIFO | watermark exceeded, or full | when the condition ends |
//! | any motion | the slope exceeds a threshold N times in a row | as INT_RST_LATCH says |
//! | high rate | an axis exceeds a threshold for a time | as INT_RST_LATCH says |
//!
//! INT_RST_LATCH chooses: not latched (while the condition holds), for a time, or until it is reset.

use super::{Sample, reg};
use crate::chip::{NEVER, Pin};
use crate::regs::RegFile;

const NEW_DATA_NS: u64 = 300_000;
const DATA_EN: u8 = 0x80;
const FIFO_EN: u8 = 0x40;
const RESET_INT: u8 = 0x80;

/// Bits of INT_STATUS_0 and INT_STATUS_1.
const ANY_INT: u8 = 0x04;
const HIGH_INT: u8 = 0x02;
const DATA_INT: u8 = 0x80;
const FIFO_INT: u8 = 0x10;

/// For each pin, the mapping bits: (register, new data, FIFO), (register, any motion, high rate).
const DATA_MAP: [(u8, u8, u8); 2] = [(reg::INT_MAP_1, 0x01, 0x04), (reg::INT_MAP_1, 0x80, 0x20)];
const MOTION_MAP: [(u8, u8, u8); 2] = [(reg::INT_MAP_0, 0x02, 0x08), (reg::INT_MAP_2, 0x02, 0x08)];

/// How long INT_RST_LATCH's code keeps an interrupt; `None`: not latched.
pub(crate) fn latch_ns(code: u8) -> Option<u64> {
    match code & 0x0f {
        0x0 | 0x8 => None,
        0x7 | 0xf => Some(NEVER),
        // 250 ms to 8 s.
        code @ 0x1..=0x6 => Some(250_000_000 << (code - 1)),
        0x9 => Some(250_000),
        0xa => Some(500_000),
        0xb => Some(1_000_000),
        0xc => Some(12_500_000),
        0xd => Some(25_000_000),
        _ => Some(50_000_000),
    }
}

/// A motion interrupt: whether its condition holds, and how long it stays although the condition has ended.
#[derive(Default, Clone, Copy)]
pub(crate) struct Motion {
    condition: bool,
    kept_until: u64,
    /// INT_STATUS_2 or 3: which axis was first (bits 0 to 2) and its sign (bit 3).
    pub(crate) cause: u8,
}

impl Motion {
    pub(crate) fn is_active(&self, now: u64) -> bool {
        self.condition || now < self.kept_until
    }

    pub(crate) fn update(&mut self, condition: bool, cause: u8, now: u64, latch: u8) {
        if condition {
            if !self.is_active(now) {
                self.cause = cause;
            }
            self.kept_until = latch_ns(latch).map_or(0, |ns| now.saturating_add(ns));
        }
        self.condition = condition;
    }

    pub(crate) fn reset(&mut self) {
        self.kept_until = 0;
    }

    /// When it ends although nobody resets it.
    pub(crate) fn kept_until(&self) -> u64 {
        self.kept_until
    }
}

#[derive(Default)]
pub(super) struct Engine {
    new_data_until: u64,
    any: Motion,
    high: Motion,
    before: Option<Sample>,
    /// Any motion: slopes above the threshold in a row.
    slopes: u8,
    /// High rate: since when each axis is above its threshold.
    high_since: [Option<u64>; 3],
}

impl Engine {
    /// INT_RST_LATCH was written with this value; `reset_int` does not stay in the register.
    pub(super) fn latch_written(&mut self, value: u8) {
        if value & RESET_INT != 0 {
            self.any.reset();
            self.high.reset();
        }
    }

    /// The any-motion settings changed: counting begins anew.
    pub(super) fn any_motion_configured(&mut self) {
        self.slopes = 0;
        self.before = None;
        self.any.condition = false;
    }

    /// Looks at a new sample.
    pub(super) fn sample(&mut self, regs: &RegFile<0x40>, now: u64, sample: Sample) {
        if regs.has(reg::INT_EN_0, DATA_EN) {
            self.new_data_until = now + NEW_DATA_NS;
        }
        let latch = regs.get(reg::INT_RST_LATCH);
        if regs.has(reg::ANY_EN, 0x07) || self.any.condition {
            let (condition, cause) = self.any_motion(regs, sample);
            self.any.update(condition, cause, now, latch);
        }
        self.before = Some(sample);
        let (condition, cause) = self.high_rate(regs, now, sample);
        self.high.update(condition, cause, now, latch);
    }

    /// Slope threshold (1 + any_th) · 16 LSB, exceeded (1 + any_dursample) · 4 times in a row on one of the axes.
    fn any_motion(&mut self, regs: &RegFile<0x40>, sample: Sample) -> (bool, u8) {
        let threshold = (1 + i32::from(regs.get(reg::ANY_TH) & 0x7f)) * 16;
        let needed = (1 + ((regs.get(reg::ANY_EN) >> 4) & 0x03)) * 4;
        let before = self.before.unwrap_or(sample);
        let slope = |axis: usize| i32::from(sample[axis]) - i32::from(before[axis]);
        let above = (0..3).find(|&axis| regs.has(reg::ANY_EN, 1 << axis) && slope(axis).abs() > threshold);
        self.slopes = if above.is_some() {
            self.slopes.saturating_add(1)
        } else {
            0
        };
        (
            self.slopes >= needed,
            above.map_or(0, |axis| cause(axis, slope(axis) < 0)),
        )
    }

    /// Threshold (255 + 256 · high_th) · 4 LSB less the hysteresis (255 + 256 · high_hy) · 4 once above it, for
    /// (1 + high_dur) · 2.5 ms.
    fn high_rate(&mut self, regs: &RegFile<0x40>, now: u64, sample: Sample) -> (bool, u8) {
        let mut found = (false, 0);
        for (axis, th_reg) in [reg::HIGH_TH_X, reg::HIGH_TH_Y, reg::HIGH_TH_Z].into_iter().enumerate() {
            let th = regs.get(th_reg);
            if th & 0x01 == 0 {
                self.high_since[axis] = None;
                continue;
            }
            let mut threshold = (255 + 256 * i32::from((th >> 1) & 0x1f)) * 4;
            if self.high_since[axis].is_some() && th >> 6 != 0 {
                threshold -= (255 + 256 * i32::from(th >> 6)) * 4;
            }
            if i32::from(sample[axis]).abs() <= threshold {
                self.high_since[axis] = None;
                continue;
            }
            let since = *self.high_since[axis].get_or_insert(now);
            if !found.0 && now - since >= (1 + u64::from(regs.get(th_reg + 1))) * 2_500_000 {
                found = (true, cause(axis, sample[axis] < 0));
            }
        }
        found
    }

    /// INT_STATUS_0 to 3.
    pub(super) fn status(&self, regs: &RegFile<0x40>, status_reg: u8, now: u64, has_fifo_event: bool) -> u8 {
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        match status_reg {
            reg::INT_STATUS_0 => flag(self.any.is_active(now), ANY_INT) | flag(self.high.is_active(now), HIGH_INT),
            reg::INT_STATUS_1 => {
                let fifo = has_fifo_event && regs.has(reg::INT_EN_0, FIFO_EN);
                flag(now < self.new_data_until, DATA_INT) | flag(fifo, FIFO_INT)
            }
            reg::INT_STATUS_2 => self.any.cause,
            _ => self.high.cause,
        }
    }

    /// The interrupt pin `pin`, 0 for INT1.
    pub(super) fn pin(&self, regs: &RegFile<0x40>, pin: usize, now: u64, has_fifo_event: bool) -> Pin {
        let ((data_reg, data, fifo), (motion_reg, any, high)) = (DATA_MAP[pin], MOTION_MAP[pin]);
        let is_active = (regs.has(data_reg, data) && now < self.new_data_until)
            || (regs.has(data_reg, fifo) && has_fifo_event && regs.has(reg::INT_EN_0, FIFO_EN))
            || (regs.has(motion_reg, any) && self.any.is_active(now))
            || (regs.has(motion_reg, high) && self.high.is_active(now));
        // INT_EN_1: bit 0 is INT1's level, bit 1 its driver, bits 2 and 3 those of INT2.
        let output = regs.get(reg::INT_EN_1) >> (2 * pin);
        Pin::output(is_active, output & 0x01 != 0, output & 0x02 != 0)
    }

    /// When an interrupt that is active now releases by itself.
    pub(super) fn next_release(&self, regs: &RegFile<0x40>, now: u64) -> u64 {
        let is_mapped = regs.get(reg::INT_MAP_0) | regs.get(reg::INT_MAP_1) | regs.get(reg::INT_MAP_2) != 0;
        let ends = [self.new_data_until, self.any.kept_until, self.high.kept_until];
        ends.into_iter()
            .filter(|&end| is_mapped && end > now)
            .min()
            .unwrap_or(NEVER)
    }

    /// Whether a sample can change a pin.
    pub(super) fn needs_samples(&self, regs: &RegFile<0x40>) -> bool {
        let mapped =
            |map: [(u8, u8, u8); 2], which: fn((u8, u8, u8)) -> u8| map.iter().any(|&m| regs.has(m.0, which(m)));
        (regs.has(reg::INT_EN_0, DATA_EN) && mapped(DATA_MAP, |m| m.1))
            || (regs.has(reg::INT_EN_0, FIFO_EN) && mapped(DATA_MAP, |m| m.2))
            || (regs.has(reg::ANY_EN, 0x07) && mapped(MOTION_MAP, |m| m.1))
            || (mapped(MOTION_MAP, |m| m.2) && [0x22, 0x24, 0x26].iter().any(|&th| regs.has(th, 0x01)))
    }
}

/// INT_STATUS_2 or 3 for this axis and sign.
pub(crate) fn cause(axis: usize, is_negative: bool) -> u8 {
    (1 << axis) | if is_negative { 0x08 } else { 0 }
}
