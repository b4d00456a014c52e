// SPDX-License-Identifier: GPL-2.0-only
//! Asahi Kasei AK8975: three-axis magnetometer, ±1229 µT, on I²C.
//!
//! Written from the data sheet (Asahi Kasei, MS1187-E-02). Modelled: single measurements with their time, the data
//! ready flag and pin, overflow, the sensitivity adjustment in fuse ROM, self-test and power-down. Not modelled: data
//! read errors (a transfer takes no time within the chip).

use crate::chip::{ChipOptions, NEVER, Pin, RegModel, Status};
use crate::convert::quantise;
use crate::regs::RegFile;
use crate::stimulus::Stimulus;

crate::registers! {
    /// The registers (data sheet, 8.1).
    pub mod reg: [0x20];
    0x00 WIA    = 0x48 ro;
    0x01 INFO   = 0x00 ro;
    0x02 ST1    = 0x00 ro;
    0x03 HXL    = 0x00 ro live;
    0x04 HXH    = 0x00 ro live;
    0x05 HYL    = 0x00 ro live;
    0x06 HYH    = 0x00 ro live;
    0x07 HZL    = 0x00 ro live;
    0x08 HZH    = 0x00 ro live;
    0x09 ST2    = 0x00 ro live;
    0x0a CNTL   = 0x00 rw 0x0f act;
    0x0c ASTC   = 0x00 rw 0x40;
    0x0f I2CDIS = 0x00 rw 0x01;
    0x10 ASAX   = 0x00 ro live;
    0x11 ASAY   = 0x00 ro live;
    0x12 ASAZ   = 0x00 ro live;
}

const READY: u8 = 0x01;
const OVERFLOW: u8 = 0x08;
const SELF_TEST_FIELD: u8 = 0x40;
const MODE_SINGLE: u8 = 0x01;
const MODE_SELF_TEST: u8 = 0x08;
const MODE_FUSE_ROM: u8 = 0x0f;
/// Time of a measurement (data sheet, 5.3.3, typical).
const MEASUREMENT_NS: u64 = 7_300_000;
/// One step of the converter in T, before the adjustment.
const STEP_T: f64 = 0.3e-6;
/// Beyond this sum of all axes the result is not reliable.
const LIMIT_T: f64 = 2400e-6;
/// What the self-test's coil makes of each axis: in the middle of what is allowed (data sheet, 8.4.2).
const COIL: [i16; 3] = [0, 0, -650];
/// The adjustment of this specimen: each one has its own.
const ADJUSTMENT: [u8; 3] = [0xb2, 0xb4, 0xa4];

/// The chip.
pub struct Ak8975 {
    regs: RegFile<0x20>,
    /// When the measurement under way is done.
    done: u64,
    now: u64,
}

impl Ak8975 {
    /// A chip after power-on.
    pub fn new(_options: &ChipOptions) -> Self {
        Ak8975 {
            regs: RegFile::new(&reg::MAP),
            done: NEVER,
            now: 0,
        }
    }

    fn measure(&mut self, world: &Stimulus) {
        let is_coil = self.regs.get(reg::CNTL) == MODE_SELF_TEST && self.regs.has(reg::ASTC, SELF_TEST_FIELD);
        let sum: f64 = world.magn.iter().map(|field| field.abs()).sum();
        for (axis, at) in [reg::HXL, reg::HYL, reg::HZL].into_iter().enumerate() {
            // H = raw × ((ASA − 128) × 0.5 / 128 + 1) (data sheet, 8.3.11).
            let adjustment = (f64::from(ADJUSTMENT[axis]) - 128.0) * 0.5 / 128.0 + 1.0;
            let raw = if is_coil {
                COIL[axis]
            } else {
                quantise(world.magn[axis] / STEP_T / adjustment, 13)
            };
            let [low, high] = raw.to_le_bytes();
            self.regs.set(at, low);
            self.regs.set(at + 1, high);
        }
        self.regs.set(reg::ST1, READY);
        self.regs.set(reg::ST2, if sum >= LIMIT_T { OVERFLOW } else { 0 });
        self.regs.set(reg::CNTL, 0);
        self.done = NEVER;
    }
}

impl RegModel for Ak8975 {
    const NAME: &'static str = "ak8975";
    const PIN_NAMES: &'static [&'static str] = &["DRDY"];
    const ID_REG: u8 = reg::WIA;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        if now >= self.done {
            self.measure(world);
        }
    }

    fn status(&self) -> Status {
        Status {
            next_event: self.done,
            pins: [Pin::output(self.regs.has(reg::ST1, READY), true, false), Pin::Float],
        }
    }

    fn read(&mut self, reg: u8) -> u8 {
        let value = self.regs.get(reg);
        if !self.regs.is_live(reg) {
            return value;
        }
        match reg.checked_sub(reg::ASAX) {
            Some(axis) if self.regs.get(reg::CNTL) == MODE_FUSE_ROM => {
                ADJUSTMENT.get(usize::from(axis)).copied().unwrap_or(0)
            }
            Some(_) => 0,
            None => {
                // Reading data or ST2 takes the flag and the pin back.
                self.regs.set(reg::ST1, 0);
                value
            }
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        let new = self.regs.write(reg, value);
        if reg == reg::CNTL {
            let is_measuring = matches!(new, MODE_SINGLE | MODE_SELF_TEST);
            self.done = if is_measuring { self.now + MEASUREMENT_NS } else { NEVER };
            if is_measuring {
                self.regs.set(reg::ST1, 0);
            }
        }
    }

    /// Data sheet, 7.2.3: the address counts from 00 to 0C and from 10 to 12.
    fn next_reg(&self, reg: u8) -> u8 {
        match reg {
            reg::ASTC => 0,
            reg::ASAZ => reg::ASAX,
            _ => reg.wrapping_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::{Chip, Dir, RegDevice};

    fn write(chip: &mut RegDevice<Ak8975>, bytes: &[u8]) {
        chip.i2c_start(Dir::Write);
        chip.i2c_write(bytes);
        chip.i2c_stop();
    }

    fn read<const N: usize>(chip: &mut RegDevice<Ak8975>, at_ms: u64, world: &Stimulus, reg: u8) -> [u8; N] {
        let mut bytes = [0; N];
        chip.i2c_write_read(at_ms * 1_000_000, world, &[reg], &mut bytes);
        bytes
    }

    #[test]
    fn a_field_comes_out_adjusted_once_it_was_measured() {
        let world = Stimulus::parse("magn=48e-6,-20e-6,0").unwrap();
        let mut chip = RegDevice::new(Ak8975::new(&ChipOptions::default()));
        write(&mut chip, &[reg::CNTL, MODE_FUSE_ROM]);
        let adjustment: [u8; 3] = read(&mut chip, 0, &world, reg::ASAX);
        write(&mut chip, &[reg::CNTL, 0]);
        assert_eq!(read(&mut chip, 0, &world, reg::ASAX), [0]);
        write(&mut chip, &[reg::CNTL, MODE_SINGLE]);
        assert_eq!(read(&mut chip, 7, &world, reg::ST1), [0]);
        assert_eq!(chip.status().pins[0], Pin::Low);
        assert_eq!(read(&mut chip, 8, &world, reg::ST1), [READY]);
        assert_eq!(chip.status().pins[0], Pin::High);
        let data: [u8; 6] = read(&mut chip, 8, &world, reg::HXL);
        assert_eq!(chip.status().pins[0], Pin::Low);
        for (axis, field) in world.magn.iter().enumerate() {
            let raw = f64::from(i16::from_le_bytes([data[2 * axis], data[2 * axis + 1]]));
            let found = raw * STEP_T * ((f64::from(adjustment[axis]) - 128.0) / 256.0 + 1.0);
            assert!((found - field).abs() < STEP_T, "{axis}: {found}");
        }
        assert_eq!(read(&mut chip, 8, &world, reg::CNTL), [0]);
    }

    #[test]
    fn too_much_is_told() {
        let world = Stimulus::parse("magn=1e-3,1e-3,1e-3").unwrap();
        let mut chip = RegDevice::new(Ak8975::new(&ChipOptions::default()));
        write(&mut chip, &[reg::CNTL, MODE_SINGLE]);
        assert_eq!(read(&mut chip, 10, &world, reg::ST2), [OVERFLOW]);
    }

    #[test]
    fn addresses_count_as_the_data_sheet_says() {
        let world = Stimulus::default();
        let mut chip = RegDevice::new(Ak8975::new(&ChipOptions::default()));
        let all: [u8; 14] = read(&mut chip, 0, &world, 0);
        assert_eq!((all[0], all[13]), (0x48, 0x48));
    }
}
