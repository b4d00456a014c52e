// SPDX-License-Identifier: GPL-2.0-only
//! The BMA400's generic interrupts (data sheet, "Generic interrupt 1 and 2").
//!
//! An axis is active while it differs from its reference by more than the threshold of 8 mg per LSB. The interrupt's
//! condition is that one or all of the selected axes are active, or inactive; it must hold for the duration, in steps
//! of 10 ms. The reference is what its registers hold, or a sample: the first one, or the one of the last interrupt.

use super::reg;
use crate::regs::RegFile;

const THRESHOLD_MG: f64 = 8.0;
/// CONFIG0: how the reference is updated.
const REF_ONE_TIME: u8 = 1;
/// CONFIG0: the hysteresis, in mg.
const HYSTERESIS_MG: [f64; 4] = [0.0, 24.0, 48.0, 96.0];
/// CONFIG1: activity, not inactivity; all axes, not one.
const ACTIVITY: u8 = 0x02;
const ALL_AXES: u8 = 0x01;
/// CONFIG0 to CONFIG9, from the first register on.
const CONFIG1: u8 = 1;
const CONFIG2: u8 = 2;
const CONFIG3: u8 = 3;
const CONFIG31: u8 = 4;
const REFERENCE: u8 = 5;

pub(super) struct Generic {
    /// CONFIG0.
    first: u8,
    has_reference: bool,
    /// Samples for which the condition has held.
    held: u16,
    is_active: [bool; 3],
}

impl Generic {
    pub(super) fn new(first: u8) -> Self {
        assert!(first == reg::GEN1INT_CONFIG0 || first == reg::GEN2INT_CONFIG0);
        Generic {
            first,
            has_reference: false,
            held: 0,
            is_active: [false; 3],
        }
    }

    /// Disabled, or set anew: it begins from the beginning.
    pub(super) fn stop(&mut self) {
        *self = Generic::new(self.first);
    }

    fn reference(&self, regs: &RegFile<0x80>, axis: u8) -> i16 {
        let at = self.first + REFERENCE + 2 * axis;
        // 12 bits with their sign.
        i16::from_le_bytes([regs.get(at), regs.get(at + 1)]) << 4 >> 4
    }

    fn keep_reference(&self, regs: &mut RegFile<0x80>, sample: [i16; 3]) {
        let bytes = sample.into_iter().flat_map(|value| (value & 0x0fff).to_le_bytes());
        for (byte, at) in bytes.zip(self.first + REFERENCE..) {
            regs.set(at, byte);
        }
    }

    /// Looks at a sample; returns whether the interrupt is active.
    pub(super) fn sample(&mut self, regs: &mut RegFile<0x80>, sample: [i16; 3], lsb_per_g: f64) -> bool {
        let (config0, config1) = (regs.get(self.first), regs.get(self.first + CONFIG1));
        let update = config0 >> 2 & 0x03;
        if update != 0 && !self.has_reference {
            self.has_reference = true;
            self.keep_reference(regs, sample);
        }
        let threshold = f64::from(regs.get(self.first + CONFIG2)) * THRESHOLD_MG;
        let hysteresis = HYSTERESIS_MG[usize::from(config0 & 0x03)];
        let (mut some, mut all) = (false, true);
        for axis in (0..3_u8).filter(|axis| config0 >> (5 + axis) & 1 != 0) {
            let index = usize::from(axis);
            let change = f64::from(sample[index]) - f64::from(self.reference(regs, axis));
            let limit = if self.is_active[index] {
                threshold - hysteresis
            } else {
                threshold
            };
            self.is_active[index] = change.abs() * 1000.0 / lsb_per_g > limit;
            let is_met = self.is_active[index] == (config1 & ACTIVITY != 0);
            some |= is_met;
            all &= is_met;
        }
        let condition = some && (all || config1 & ALL_AXES == 0);
        self.held = if condition { self.held.saturating_add(1) } else { 0 };
        let duration = u16::from_be_bytes([regs.get(self.first + CONFIG3), regs.get(self.first + CONFIG31)]);
        let is_interrupt = condition && self.held > duration;
        if is_interrupt && update > REF_ONE_TIME {
            self.keep_reference(regs, sample);
        }
        is_interrupt
    }
}
