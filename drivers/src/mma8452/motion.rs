// SPDX-License-Identifier: GPL-2.0-only
//! The MMA8452Q's detectors: motion/freefall and transient (data sheet, sections 6.5 and 6.6).
//!
//! | detector | condition |
//! |---|---|
//! | motion (OAE = 1) | an enabled axis is above the threshold |
//! | freefall (OAE = 0) | all enabled axes are below it |
//! | transient | an enabled axis has changed by more than the threshold |
//!
//! The condition must hold for more samples than the count says. Thresholds have 0.063 g per LSB in every range. With
//! ELE the event stays, with its axes, until its source register is read.

use super::reg;
use crate::regs::RegFile;

const THRESHOLD_G: f64 = 0.063;
/// FF_MT_CFG.
const ELE: u8 = 0x80;
const OAE: u8 = 0x40;
/// TRANSIENT_CFG.
const TRANSIENT_ELE: u8 = 0x10;
/// The thresholds' registers: the count falls to 0 at once when the condition ends, or by one.
const DBCNTM: u8 = 0x80;
/// FF_MT_SRC and TRANSIENT_SRC: there was an event.
const EA: u8 = 0x80;
const TRANSIENT_EA: u8 = 0x40;

#[derive(Default)]
pub(super) struct Detector {
    count: u8,
    is_event: bool,
    /// The source register's axes: two bits each, above the threshold and its sign.
    axes: u8,
}

impl Detector {
    pub(super) fn is_active(&self) -> bool {
        self.is_event
    }

    /// One sample: which axes are above, and whether that, as the configuration has it, is the condition.
    fn sample(&mut self, axes: u8, condition: bool, threshold_reg: u8, needed: u8, is_latched: bool) {
        self.count = match (condition, threshold_reg & DBCNTM != 0) {
            (true, _) => self.count.saturating_add(1),
            (false, true) => 0,
            (false, false) => self.count.saturating_sub(1),
        };
        if condition && self.count > needed {
            if !self.is_event || !is_latched {
                self.axes = axes;
            }
            self.is_event = true;
        } else if !is_latched {
            self.is_event = false;
            self.axes = axes;
        }
    }

    /// Bits 0 to 5 of a source register for the axes that `enabled` has in its lowest three bits.
    fn above(values: [f64; 3], enabled: u8, threshold: f64) -> u8 {
        (0..3).filter(|axis| enabled >> axis & 1 != 0).fold(0, |bits, axis| {
            let value = values[axis];
            let bit = |is_set: bool, at: usize| u8::from(is_set) << at;
            bits | bit(value.abs() > threshold, 2 * axis + 1) | bit(value < 0.0, 2 * axis)
        })
    }

    pub(super) fn motion_sample(&mut self, regs: &RegFile<0x40>, g: [f64; 3]) {
        let (config, threshold_reg) = (regs.get(reg::FF_MT_CFG), regs.get(reg::FF_MT_THS));
        let enabled = config >> 3 & 0x07;
        if enabled == 0 {
            return;
        }
        let axes = Self::above(g, enabled, f64::from(threshold_reg & 0x7f) * THRESHOLD_G);
        let is_above = axes & 0x2a != 0;
        let condition = if config & OAE != 0 { is_above } else { !is_above };
        self.sample(
            axes,
            condition,
            threshold_reg,
            regs.get(reg::FF_MT_COUNT),
            config & ELE != 0,
        );
    }

    pub(super) fn transient_sample(&mut self, regs: &RegFile<0x40>, change: [f64; 3]) {
        let (config, threshold_reg) = (regs.get(reg::TRANSIENT_CFG), regs.get(reg::TRANSIENT_THS));
        let enabled = config >> 1 & 0x07;
        if enabled == 0 {
            return;
        }
        let axes = Self::above(change, enabled, f64::from(threshold_reg & 0x7f) * THRESHOLD_G);
        let (needed, is_latched) = (regs.get(reg::TRANSIENT_COUNT), config & TRANSIENT_ELE != 0);
        self.sample(axes, axes & 0x2a != 0, threshold_reg, needed, is_latched);
    }

    fn read(&mut self, ea: u8, is_latched: bool) -> u8 {
        let source = self.axes | if self.is_event { ea } else { 0 };
        if is_latched {
            *self = Detector::default();
        }
        source
    }

    /// FF_MT_SRC; reading it ends a latched event.
    pub(super) fn read_motion(&mut self, regs: &RegFile<0x40>) -> u8 {
        self.read(EA, regs.has(reg::FF_MT_CFG, ELE))
    }

    /// TRANSIENT_SRC; reading it ends a latched event.
    pub(super) fn read_transient(&mut self, regs: &RegFile<0x40>) -> u8 {
        self.read(TRANSIENT_EA, regs.has(reg::TRANSIENT_CFG, TRANSIENT_ELE))
    }
}
