// SPDX-License-Identifier: GPL-2.0-only
//! Bosch Sensortec BMA255: three-axis accelerometer, 12 bits, ±2 g to ±16 g, on I²C.
//!
//! Written from the data sheet (Bosch Sensortec, BST-BMA255-DS004). Its FIFO and its interrupt controller are those of
//! the BMG160 ([`crate::bmg160`]), whose FIFO and latching are used here. Modelled: the data path with all ranges and
//! bandwidths, new-data flags and register shadowing, temperature, normal, suspend and deep-suspend mode, soft reset,
//! the FIFO, and the new-data, FIFO and slope (any-motion) interrupts with mapping, latching, polarity and output
//! driver.
//!
//! Not modelled: the filters (a sample is the stimulus at its moment), the duty cycle of low-power mode, the other
//! motion interrupts, offset compensation and self-test (their registers only store), the non-volatile memory, SPI.

#[cfg(test)]
mod tests;

use crate::bmg160::fifo::Fifo;
use crate::bmg160::interrupt::{Motion, cause};
use crate::chip::{ChipOptions, NEVER, PINS, Pin, RegModel, StartUp, Status};
use crate::convert::quantise;
use crate::regs::RegFile;
use crate::sampler::Sampler;
use crate::stimulus::{STANDARD_GRAVITY, Stimulus};

crate::registers! {
    /// The registers (data sheet, "Register map").
    pub mod reg: [0x40];
    0x00 BGW_CHIPID      = 0xfa ro;
    0x02 ACCD_X_LSB      = 0x00 ro live;
    0x03 ACCD_X_MSB      = 0x00 ro live;
    0x04 ACCD_Y_LSB      = 0x00 ro live;
    0x05 ACCD_Y_MSB      = 0x00 ro live;
    0x06 ACCD_Z_LSB      = 0x00 ro live;
    0x07 ACCD_Z_MSB      = 0x00 ro live;
    0x08 ACCD_TEMP       = 0x00 ro;
    0x09 INT_STATUS_0    = 0x00 ro live;
    0x0a INT_STATUS_1    = 0x00 ro live;
    0x0b INT_STATUS_2    = 0x00 ro live;
    0x0c INT_STATUS_3    = 0x00 ro;
    0x0e FIFO_STATUS     = 0x00 ro live;
    0x0f PMU_RANGE       = 0x03 rw 0x0f act;
    0x10 PMU_BW          = 0x0f rw 0x1f act;
    0x11 PMU_LPW         = 0x00 rw 0xfe act;
    0x12 PMU_LOW_POWER   = 0x00 rw 0x60;
    0x13 ACCD_HBW        = 0x00 rw 0xc0;
    0x14 BGW_SOFTRESET   = 0x00 rw 0x00 act;
    0x16 INT_EN_0        = 0x00 rw 0xf7;
    0x17 INT_EN_1        = 0x00 rw 0x7f;
    0x18 INT_EN_2        = 0x00 rw 0x0f;
    0x19 INT_MAP_0       = 0x00 rw;
    0x1a INT_MAP_1       = 0x00 rw 0xe7;
    0x1b INT_MAP_2       = 0x00 rw;
    0x1e INT_SRC         = 0x00 rw 0x3f;
    0x20 INT_OUT_CTRL    = 0x05 rw 0x0f;
    0x21 INT_RST_LATCH   = 0x00 rw 0x0f act;
    0x22 INT_0           = 0x09 rw;
    0x23 INT_1           = 0x30 rw;
    0x24 INT_2           = 0x81 rw 0xc7;
    0x25 INT_3           = 0x0f rw;
    0x26 INT_4           = 0xc0 rw;
    0x27 INT_5           = 0x00 rw act;
    0x28 INT_6           = 0x14 rw;
    0x29 INT_7           = 0x14 rw;
    0x2a INT_8           = 0x04 rw 0xc7;
    0x2b INT_9           = 0x0a rw 0xdf;
    0x2c INT_A           = 0x18 rw 0x7f;
    0x2d INT_B           = 0x48 rw 0x7f;
    0x2e INT_C           = 0x08 rw 0x3f;
    0x2f INT_D           = 0x11 rw 0x37;
    0x30 FIFO_CONFIG_0   = 0x00 rw 0x3f;
    0x32 PMU_SELF_TEST   = 0x00 rw 0x17;
    0x33 TRIM_NVM_CTRL   = 0xf0 ro;
    0x34 BGW_SPI3_WDT    = 0x00 rw 0x07;
    0x36 OFC_CTRL        = 0x10 rw 0x07;
    0x37 OFC_SETTING     = 0x00 rw 0x7f;
    0x38 OFC_OFFSET_X    = 0x00 rw;
    0x39 OFC_OFFSET_Y    = 0x00 rw;
    0x3a OFC_OFFSET_Z    = 0x00 rw;
    0x3b TRIM_GP0        = 0x00 rw;
    0x3c TRIM_GP1        = 0x00 rw;
    0x3e FIFO_CONFIG_1   = 0x00 rw 0xc3 act;
    0x3f FIFO_DATA       = 0x00 ro live;
}

const SOFT_RESET: u8 = 0xb6;
const SUSPEND: u8 = 0x80;
const DEEP_SUSPEND: u8 = 0x20;
/// PMU_LOW_POWER: suspend keeps the registers open.
const STANDBY: u8 = 0x40;
const SHADOW_OFF: u8 = 0x40;
const RESET_INT: u8 = 0x80;
const NEW_DATA: u8 = 0x01;

/// INT_EN_0: any motion on x, y and z. INT_EN_1: new data, watermark, FIFO full.
const SLOPE_EN: u8 = 0x07;
const DATA_EN: u8 = 0x10;
const WATERMARK_EN: u8 = 0x40;
const FULL_EN: u8 = 0x20;
/// INT_STATUS_0 and INT_STATUS_1.
const SLOPE_INT: u8 = 0x04;
const DATA_INT: u8 = 0x80;
const WATERMARK_INT: u8 = 0x40;
const FULL_INT: u8 = 0x20;

/// Sensitivity at ±2 g (data sheet, table 2); each wider range halves it.
const LSB_PER_G: f64 = 1024.0;
/// ACCD_TEMP is 0 at this temperature and has 2 LSB per kelvin.
const TEMP_CENTRE: f64 = 23.0;
/// Wake-up from suspend (data sheet, table 2).
const START_UP_NS: u64 = 1_800_000;
/// The new-data interrupt is released this long before the next sample.
const NEW_DATA_GAP_NS: u64 = 50_000;

/// Frames of the FIFO.
const FIFO_DEPTH: usize = 32;

/// One sample, 12 bits each; registers and FIFO show them at the top of a word.
type Sample = [i16; 3];

/// The chip.
pub struct Bma255 {
    regs: RegFile<0x40>,
    start_up: StartUp,
    now: u64,
    sampler: Sampler,
    latest: Sample,
    /// Axes that were not read since the last sample.
    fresh: [bool; 3],
    /// Shadowing: the upper half of each axis as it was when the lower half was read.
    shadow: [Option<u8>; 3],
    fifo: Fifo<FIFO_DEPTH>,
    slope: Motion,
    /// Slopes above the threshold in a row.
    slopes: u8,
    before: Option<Sample>,
    new_data_until: u64,
}

impl Bma255 {
    /// A chip that has just been given power.
    pub fn new(options: &ChipOptions) -> Self {
        let mut chip = Bma255 {
            regs: RegFile::new(&reg::MAP),
            start_up: options.start_up,
            now: 0,
            sampler: Sampler::default(),
            latest: [0; 3],
            fresh: [false; 3],
            shadow: [None; 3],
            fifo: Fifo::default(),
            slope: Motion::default(),
            slopes: 0,
            before: None,
            new_data_until: 0,
        };
        chip.wake();
        chip
    }

    fn wake(&mut self) {
        self.sampler.start(self.now + self.start_up.delay(START_UP_NS));
    }

    /// Power-on and soft reset: normal mode, with all registers as in the map.
    fn reset(&mut self) {
        let start_up = self.start_up;
        let now = self.now;
        *self = Bma255::new(&ChipOptions {
            start_up,
            ..ChipOptions::default()
        });
        self.now = now;
        self.wake();
    }

    /// The update time of the bandwidths: 64 ms to 0.5 ms (data sheet, table 8).
    fn period_ns(&self) -> u64 {
        64_000_000 >> self.regs.get(reg::PMU_BW).clamp(0x08, 0x0f).saturating_sub(0x08)
    }

    fn lsb_per_g(&self) -> f64 {
        let halvings = match self.regs.get(reg::PMU_RANGE) {
            0x05 => 1,
            0x08 => 2,
            0x0c => 3,
            _ => 0,
        };
        LSB_PER_G / f64::from(1 << halvings)
    }

    fn take_sample(&mut self, time_ns: u64, world: &Stimulus) {
        let scale = self.lsb_per_g() / STANDARD_GRAVITY;
        self.latest = std::array::from_fn(|axis| quantise(world.accel_at(axis, time_ns) * scale, 12));
        self.fresh = [true; 3];
        let [temp, _] = quantise((world.temp - TEMP_CENTRE) * 2.0, 8).to_le_bytes();
        self.regs.set(reg::ACCD_TEMP, temp);
        self.fifo.push(self.latest.map(|value| value << 4));
        if self.regs.has(reg::INT_EN_1, DATA_EN) {
            self.new_data_until = time_ns + self.period_ns() - NEW_DATA_GAP_NS;
        }
        self.look_for_motion(time_ns);
    }

    /// The slope of neighbouring samples exceeds slope_th · 4 LSB on an enabled axis, slope_dur + 1 times in a row.
    fn look_for_motion(&mut self, time_ns: u64) {
        let (sample, before) = (self.latest, self.before.replace(self.latest));
        let threshold = i32::from(self.regs.get(reg::INT_6)) * 4;
        let slope = |axis: usize| i32::from(sample[axis]) - i32::from(before.unwrap_or(sample)[axis]);
        let is_above = |axis: &usize| self.regs.has(reg::INT_EN_0, 1 << axis) && slope(*axis).abs() > threshold;
        let above = (0..3).find(is_above);
        self.slopes = above.map_or(0, |_| self.slopes.saturating_add(1));
        let is_motion = self.slopes > self.regs.get(reg::INT_5) & 0x03;
        let first = above.map_or(0, |axis| cause(axis, slope(axis) < 0));
        let latch = self.regs.get(reg::INT_RST_LATCH);
        self.slope.update(is_motion, first, time_ns, latch);
    }

    fn data_byte(&mut self, which: u8) -> u8 {
        let axis = usize::from(which / 2) % 3;
        let [low, high] = (self.latest[axis] << 4).to_le_bytes();
        if which & 1 == 0 {
            if !self.regs.has(reg::ACCD_HBW, SHADOW_OFF) {
                self.shadow[axis] = Some(high);
            }
            return low | if self.fresh[axis] { NEW_DATA } else { 0 };
        }
        self.fresh[axis] = false;
        self.shadow[axis].take().unwrap_or(high)
    }

    /// INT_STATUS_1.
    fn data_status(&self) -> u8 {
        let enabled = self.regs.get(reg::INT_EN_1);
        let flag = |enable: u8, is_set: bool, bit: u8| if enabled & enable != 0 && is_set { bit } else { 0 };
        // 0 is no watermark.
        let watermark = self.regs.get(reg::FIFO_CONFIG_0);
        flag(DATA_EN, self.now < self.new_data_until, DATA_INT)
            | flag(
                WATERMARK_EN,
                watermark != 0 && self.fifo.holds(watermark),
                WATERMARK_INT,
            )
            | flag(FULL_EN, self.fifo.is_full(), FULL_INT)
    }

    fn power_changed(&mut self, old: u8, new: u8) {
        if new & (SUSPEND | DEEP_SUSPEND) != 0 {
            self.sampler.stop();
        } else if old & DEEP_SUSPEND != 0 {
            // Deep suspend keeps no registers.
            self.reset();
        } else if old & SUSPEND != 0 {
            self.wake();
        }
    }
}

impl RegModel for Bma255 {
    const NAME: &'static str = "bma255";
    const PIN_NAMES: &'static [&'static str] = &["INT1", "INT2"];
    const ID_REG: u8 = reg::BGW_CHIPID;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        while let Some(time) = self.sampler.due(now, self.period_ns()) {
            self.take_sample(time, world);
        }
    }

    fn status(&self) -> Status {
        let (data, is_moving) = (self.data_status(), self.slope.is_active(self.now));
        let map = self.regs.get(reg::INT_MAP_1);
        let output = self.regs.get(reg::INT_OUT_CTRL);
        // INT_MAP_1 has data, watermark, full for INT1 in bits 0, 1, 2 and for INT2 in bits 7, 6, 5.
        let pin = |mapped: u8, motion: u8, output: u8| {
            let is_active = data & mapped != 0 || (is_moving && self.regs.has(motion, SLOPE_INT));
            Pin::output(is_active, output & 0x01 != 0, output & 0x02 != 0)
        };
        let pins: [Pin; PINS] = [
            pin(map.reverse_bits() & 0xe0, reg::INT_MAP_0, output),
            pin(map & 0xe0, reg::INT_MAP_2, output >> 2),
        ];
        let is_enabled =
            self.regs.has(reg::INT_EN_0, SLOPE_EN) || self.regs.has(reg::INT_EN_1, DATA_EN | WATERMARK_EN | FULL_EN);
        if !is_enabled {
            return Status {
                next_event: NEVER,
                pins,
            };
        }
        let ends = [self.new_data_until, self.slope.kept_until()];
        let release = ends.into_iter().filter(|&end| end > self.now).min();
        let next_event = self.sampler.next().min(release.unwrap_or(NEVER));
        Status { next_event, pins }
    }

    fn read(&mut self, reg: u8) -> u8 {
        if !self.regs.is_live(reg) {
            return self.regs.get(reg);
        }
        match reg & 0x3f {
            reg @ reg::ACCD_X_LSB..=reg::ACCD_Z_MSB => self.data_byte(reg - reg::ACCD_X_LSB),
            reg::INT_STATUS_0 if self.slope.is_active(self.now) => SLOPE_INT,
            reg::INT_STATUS_0 => 0,
            reg::INT_STATUS_1 => self.data_status(),
            reg::INT_STATUS_2 => self.slope.cause,
            reg::FIFO_STATUS => self.fifo.status(),
            _ => self.fifo.read_byte(),
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        let reg = reg & 0x3f;
        // Asleep, the chip takes only what ends the sleep (data sheet, "Power modes").
        let is_locked =
            self.regs.has(reg::PMU_LPW, SUSPEND | DEEP_SUSPEND) && !self.regs.has(reg::PMU_LOW_POWER, STANDBY);
        if is_locked && !matches!(reg, reg::PMU_LPW | reg::PMU_LOW_POWER | reg::BGW_SOFTRESET) {
            return;
        }
        let old = self.regs.get(reg);
        let new = self.regs.write(reg, value);
        if !self.regs.is_act(reg) {
            return;
        }
        match reg {
            reg::BGW_SOFTRESET if value == SOFT_RESET => self.reset(),
            reg::PMU_LPW => self.power_changed(old, new),
            reg::INT_RST_LATCH if value & RESET_INT != 0 => self.slope.reset(),
            reg::INT_5 => self.slopes = 0,
            reg::FIFO_CONFIG_1 => self.fifo.configure(new),
            // With an instant start the output follows the new range at once, as if it had always been so.
            reg::PMU_RANGE if self.start_up == StartUp::Instant && self.sampler.is_running() => {
                self.sampler.start(self.now);
            }
            reg::PMU_BW if old != new && self.sampler.is_running() => {
                self.sampler.start(self.now + self.period_ns());
            }
            _ => {}
        }
    }

    fn next_reg(&self, reg: u8) -> u8 {
        // A burst stays on the FIFO.
        if reg & 0x3f == reg::FIFO_DATA {
            reg
        } else {
            reg.wrapping_add(1) & 0x3f
        }
    }

    fn burst_end(&mut self) {
        self.fifo.burst_end();
    }
}
