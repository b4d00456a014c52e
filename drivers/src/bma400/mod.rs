// SPDX-License-Identifier: GPL-2.0-only
//! Bosch Sensortec BMA400: three-axis accelerometer, 12 bits, ±2 g to ±16 g, on I²C.
//!
//! Written from the data sheet (Bosch Sensortec, BST-BMA400-DS000). Modelled: the data path with all ranges and data
//! rates, temperature, sensor time, sleep, low-power and normal mode, soft reset, and the data-ready and generic
//! interrupts with mapping, latching, polarity and output driver.
//!
//! Not modelled: the filters (a sample is the stimulus at its moment), low-power mode's slower rate, the FIFO, and
//! the wake-up, orientation, activity-change, tap and step engines: their registers only store, and no step is ever
//! counted.

mod generic;
#[cfg(test)]
mod tests;

use crate::chip::{ChipOptions, NEVER, PINS, Pin, RegModel, StartUp, Status};
use crate::convert::quantise;
use crate::regs::RegFile;
use crate::sampler::Sampler;
use crate::stimulus::{STANDARD_GRAVITY, Stimulus};
use generic::Generic;

crate::registers! {
    /// The registers (data sheet, "Register map").
    pub mod reg: [0x80];
    0x00 CHIP_ID          = 0x90 ro;
    0x02 ERR_REG          = 0x00 ro;
    0x03 STATUS           = 0x00 ro live;
    0x04 ACC_X_LSB        = 0x00 ro live;
    0x05 ACC_X_MSB        = 0x00 ro live;
    0x06 ACC_Y_LSB        = 0x00 ro live;
    0x07 ACC_Y_MSB        = 0x00 ro live;
    0x08 ACC_Z_LSB        = 0x00 ro live;
    0x09 ACC_Z_MSB        = 0x00 ro live;
    0x0a SENSOR_TIME0     = 0x00 ro live;
    0x0b SENSOR_TIME1     = 0x00 ro live;
    0x0c SENSOR_TIME2     = 0x00 ro live;
    0x0d EVENT            = 0x01 ro live;
    0x0e INT_STAT0        = 0x00 ro live;
    0x0f INT_STAT1        = 0x00 ro;
    0x10 INT_STAT2        = 0x00 ro;
    0x11 TEMP_DATA        = 0x00 ro;
    0x12 FIFO_LENGTH0     = 0x00 ro;
    0x13 FIFO_LENGTH1     = 0x00 ro;
    0x14 FIFO_DATA        = 0x80 ro;
    0x15 STEP_CNT_0       = 0x00 ro;
    0x16 STEP_CNT_1       = 0x00 ro;
    0x17 STEP_CNT_2       = 0x00 ro;
    0x18 STEP_STAT        = 0x00 ro;
    0x19 ACC_CONFIG0      = 0x00 rw 0xe3 act;
    0x1a ACC_CONFIG1      = 0x49 rw act;
    0x1b ACC_CONFIG2      = 0x00 rw 0x0c;
    0x1f INT_CONFIG0      = 0x00 rw 0xee;
    0x20 INT_CONFIG1      = 0x00 rw 0x9d;
    0x21 INT1_MAP         = 0x00 rw;
    0x22 INT2_MAP         = 0x00 rw;
    0x23 INT12_MAP        = 0x00 rw 0xdd;
    0x24 INT12_IO_CTRL    = 0x22 rw 0x66;
    0x26 FIFO_CONFIG0     = 0x00 rw;
    0x27 FIFO_CONFIG1     = 0x00 rw;
    0x28 FIFO_CONFIG2     = 0x00 rw 0x07;
    0x29 FIFO_PWR_CONFIG  = 0x00 rw 0x01;
    0x2a AUTOLOWPOW_0     = 0x00 rw;
    0x2b AUTOLOWPOW_1     = 0x00 rw;
    0x2c AUTOWAKEUP_0     = 0x00 rw;
    0x2d AUTOWAKEUP_1     = 0x00 rw 0xf6;
    0x2f WKUP_INT_CONFIG0 = 0x00 rw;
    0x30 WKUP_INT_CONFIG1 = 0x00 rw;
    0x31 WKUP_INT_CONFIG2 = 0x00 rw;
    0x32 WKUP_INT_CONFIG3 = 0x00 rw;
    0x33 WKUP_INT_CONFIG4 = 0x00 rw;
    0x35 ORIENTCH_CONFIG0 = 0x00 rw;
    0x36 ORIENTCH_CONFIG1 = 0x00 rw;
    0x38 ORIENTCH_CONFIG3 = 0x00 rw;
    0x39 ORIENTCH_CONFIG4 = 0x00 rw;
    0x3a ORIENTCH_CONFIG5 = 0x00 rw;
    0x3b ORIENTCH_CONFIG6 = 0x00 rw;
    0x3c ORIENTCH_CONFIG7 = 0x00 rw;
    0x3d ORIENTCH_CONFIG8 = 0x00 rw;
    0x3e ORIENTCH_CONFIG9 = 0x00 rw;
    0x3f GEN1INT_CONFIG0  = 0x00 rw act;
    0x40 GEN1INT_CONFIG1  = 0x00 rw 0x03;
    0x41 GEN1INT_CONFIG2  = 0x00 rw;
    0x42 GEN1INT_CONFIG3  = 0x00 rw;
    0x43 GEN1INT_CONFIG31 = 0x00 rw;
    0x44 GEN1INT_CONFIG4  = 0x00 rw;
    0x45 GEN1INT_CONFIG5  = 0x00 rw 0x0f;
    0x46 GEN1INT_CONFIG6  = 0x00 rw;
    0x47 GEN1INT_CONFIG7  = 0x00 rw 0x0f;
    0x48 GEN1INT_CONFIG8  = 0x00 rw;
    0x49 GEN1INT_CONFIG9  = 0x00 rw 0x0f;
    0x4a GEN2INT_CONFIG0  = 0x00 rw act;
    0x4b GEN2INT_CONFIG1  = 0x00 rw 0x03;
    0x4c GEN2INT_CONFIG2  = 0x00 rw;
    0x4d GEN2INT_CONFIG3  = 0x00 rw;
    0x4e GEN2INT_CONFIG31 = 0x00 rw;
    0x4f GEN2INT_CONFIG4  = 0x00 rw;
    0x50 GEN2INT_CONFIG5  = 0x00 rw 0x0f;
    0x51 GEN2INT_CONFIG6  = 0x00 rw;
    0x52 GEN2INT_CONFIG7  = 0x00 rw 0x0f;
    0x53 GEN2INT_CONFIG8  = 0x00 rw;
    0x54 GEN2INT_CONFIG9  = 0x00 rw 0x0f;
    0x55 ACTCH_CONFIG0    = 0x00 rw;
    0x56 ACTCH_CONFIG1    = 0x00 rw;
    0x57 TAP_CONFIG       = 0x00 rw 0x1f;
    0x58 TAP_CONFIG1      = 0x06 rw 0x3f;
    0x7c IF_CONF          = 0x00 rw 0x01;
    0x7d SELF_TEST        = 0x00 rw 0x0f;
    0x7e CMD              = 0x00 rw 0x00 act;
}

const SOFT_RESET: u8 = 0xb6;
/// ACC_CONFIG0: 0 is sleep, 1 low power, 2 normal.
const POWER_MODE: u8 = 0x03;
/// INT_STAT0, INT_CONFIG0 and INT1_MAP.
const DRDY_INT: u8 = 0x80;
const GEN2_INT: u8 = 0x08;
const GEN1_INT: u8 = 0x04;
/// INT_CONFIG1.
const LATCH: u8 = 0x80;
/// STATUS.
const DRDY_STAT: u8 = 0x80;
const CMD_READY: u8 = 0x10;
const INT_ACTIVE: u8 = 0x01;

/// Sensitivity at ±2 g; each wider range halves it.
const LSB_PER_G: f64 = 1024.0;
/// TEMP_DATA is 0 at this temperature and has 2 LSB per kelvin.
const TEMP_CENTRE: f64 = 23.0;
/// From sleep to the first sample.
const WAKE_NS: u64 = 1_500_000;
/// The generic interrupts look at data of 100 Hz, whatever the data rate.
const ENGINE_NS: u64 = 10_000_000;
/// A step of the sensor time.
const SENSOR_TIME_NS: u64 = 39_062;

/// The chip.
pub struct Bma400 {
    regs: RegFile<0x80>,
    start_up: StartUp,
    now: u64,
    sampler: Sampler,
    engine: Sampler,
    latest: [i16; 3],
    is_new: bool,
    /// INT_STAT0.
    interrupts: u8,
    generic: [Generic; 2],
}

impl Bma400 {
    /// A chip that has just been given power: asleep.
    pub fn new(options: &ChipOptions) -> Self {
        Bma400 {
            regs: RegFile::new(&reg::MAP),
            start_up: options.start_up,
            now: 0,
            sampler: Sampler::default(),
            engine: Sampler::default(),
            latest: [0; 3],
            is_new: false,
            interrupts: 0,
            generic: [Generic::new(reg::GEN1INT_CONFIG0), Generic::new(reg::GEN2INT_CONFIG0)],
        }
    }

    /// 12.5 Hz at code 5 and below, doubled with each code up to 800 Hz.
    fn period_ns(&self) -> u64 {
        80_000_000 >> ((self.regs.get(reg::ACC_CONFIG1) & 0x0f).clamp(5, 11) - 5)
    }

    fn lsb_per_g(&self) -> f64 {
        LSB_PER_G / f64::from(1 << (self.regs.get(reg::ACC_CONFIG1) >> 6))
    }

    fn sample(&self, time_ns: u64, world: &Stimulus) -> [i16; 3] {
        let scale = self.lsb_per_g() / STANDARD_GRAVITY;
        std::array::from_fn(|axis| quantise(world.accel_at(axis, time_ns) * scale, 12))
    }

    fn take_sample(&mut self, time_ns: u64, world: &Stimulus) {
        self.latest = self.sample(time_ns, world);
        let [temp, _] = quantise((world.temp - TEMP_CENTRE) * 2.0, 8).to_le_bytes();
        self.regs.set(reg::TEMP_DATA, temp);
        self.is_new = true;
        self.interrupts |= self.regs.get(reg::INT_CONFIG0) & DRDY_INT;
    }

    fn run_engine(&mut self, time_ns: u64, world: &Stimulus) {
        let (sample, lsb_per_g) = (self.sample(time_ns, world), self.lsb_per_g());
        let is_latched = self.regs.has(reg::INT_CONFIG1, LATCH);
        for (generic, bit) in self.generic.iter_mut().zip([GEN1_INT, GEN2_INT]) {
            if !self.regs.has(reg::INT_CONFIG0, bit) {
                generic.stop();
            } else if generic.sample(&mut self.regs, sample, lsb_per_g) {
                self.interrupts |= bit;
            } else if !is_latched {
                self.interrupts &= !bit;
            }
        }
    }

    fn reset(&mut self) {
        let (start_up, now) = (self.start_up, self.now);
        *self = Bma400::new(&ChipOptions {
            start_up,
            ..ChipOptions::default()
        });
        self.now = now;
    }

    fn power_changed(&mut self, old: u8, new: u8) {
        if new & POWER_MODE == 0 {
            self.sampler.stop();
            self.engine.stop();
        } else if old & POWER_MODE == 0 {
            let delay = self.start_up.delay(WAKE_NS + self.period_ns());
            self.sampler.start(self.now + delay);
            self.engine.start(self.now + delay);
        }
    }
}

impl RegModel for Bma400 {
    const NAME: &'static str = "bma400";
    const PIN_NAMES: &'static [&'static str] = &["INT1", "INT2"];
    const ID_REG: u8 = reg::CHIP_ID;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        while let Some(time) = self.sampler.due(now, self.period_ns()) {
            self.take_sample(time, world);
        }
        while let Some(time) = self.engine.due(now, ENGINE_NS) {
            self.run_engine(time, world);
        }
    }

    fn status(&self) -> Status {
        let output = self.regs.get(reg::INT12_IO_CTRL);
        // INT1's level and driver are bits 1 and 2, INT2's bits 5 and 6.
        let pin = |map: u8, output: u8| {
            let is_active = self.interrupts & self.regs.get(map) != 0;
            Pin::output(is_active, output & 0x02 != 0, output & 0x04 != 0)
        };
        let pins: [Pin; PINS] = [pin(reg::INT1_MAP, output), pin(reg::INT2_MAP, output >> 4)];
        let enabled = self.regs.get(reg::INT_CONFIG0);
        let next = |bits: u8, sampler: &Sampler| if enabled & bits == 0 { NEVER } else { sampler.next() };
        let next_event = next(DRDY_INT, &self.sampler).min(next(GEN1_INT | GEN2_INT, &self.engine));
        Status { next_event, pins }
    }

    fn read(&mut self, reg: u8) -> u8 {
        let value = self.regs.get(reg);
        if !self.regs.is_live(reg) {
            return value;
        }
        match reg & 0x7f {
            reg::STATUS => {
                let mode = (self.regs.get(reg::ACC_CONFIG0) & POWER_MODE) << 1;
                let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
                mode | CMD_READY | flag(self.is_new, DRDY_STAT) | flag(self.interrupts != 0, INT_ACTIVE)
            }
            reg @ reg::ACC_X_LSB..=reg::ACC_Z_MSB => {
                self.is_new = false;
                self.interrupts &= !DRDY_INT;
                let which = usize::from(reg - reg::ACC_X_LSB);
                (self.latest[which / 2 % 3] & 0x0fff).to_le_bytes()[which % 2]
            }
            reg @ reg::SENSOR_TIME0..=reg::SENSOR_TIME2 => {
                (self.now / SENSOR_TIME_NS).to_le_bytes()[usize::from(reg - reg::SENSOR_TIME0)]
            }
            reg::INT_STAT0 => std::mem::take(&mut self.interrupts),
            // EVENT: the power-on is told once.
            reg => {
                self.regs.set(reg, 0);
                value
            }
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        let reg = reg & 0x7f;
        let old = self.regs.get(reg);
        let new = self.regs.write(reg, value);
        if !self.regs.is_act(reg) {
            return;
        }
        match reg {
            reg::CMD if value == SOFT_RESET => self.reset(),
            reg::ACC_CONFIG0 => self.power_changed(old, new),
            // With an instant start the output follows the new range at once, as if it had always been so.
            reg::ACC_CONFIG1 if old != new && self.start_up == StartUp::Instant && self.sampler.is_running() => {
                self.sampler.start(self.now);
            }
            reg::GEN1INT_CONFIG0 => self.generic[0].stop(),
            reg::GEN2INT_CONFIG0 => self.generic[1].stop(),
            _ => {}
        }
    }

    fn next_reg(&self, reg: u8) -> u8 {
        reg.wrapping_add(1) & 0x7f
    }
}
