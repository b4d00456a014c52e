// SPDX-License-Identifier: GPL-2.0-only
//! InvenSense MPU-6050: accelerometer and gyroscope, ±2 g to ±16 g and ±250 °/s to ±2000 °/s, on I²C.
//!
//! Written from the register map and descriptions (InvenSense, RM-MPU-6000A-00, rev. 4.2). Modelled: the data path with
//! all ranges and the rate divider, sleep and standby of single axes, temperature, the FIFO of 1024 bytes, device reset
//! and the interrupt pin with data-ready and overflow, latch, polarity and output driver. Not modelled: filters (a
//! sample is the stimulus at its moment), cycle mode, motion detection, self-test, and the auxiliary bus, on which
//! nothing hangs (their registers only store).

use crate::chip::{ChipOptions, NEVER, Pin, RegModel, Status};
use crate::convert::quantise;
use crate::regs::RegFile;
use crate::ring::Ring;
use crate::sampler::Sampler;
use crate::stimulus::{STANDARD_GRAVITY, Stimulus};

crate::registers! {
    /// The registers (register map, 3).
    pub mod reg: [0x80];
    0x0d SELF_TEST_X       = 0x00 rw;
    0x0e SELF_TEST_Y       = 0x00 rw;
    0x0f SELF_TEST_Z       = 0x00 rw;
    0x10 SELF_TEST_A       = 0x00 rw;
    0x19 SMPLRT_DIV        = 0x00 rw act;
    0x1a CONFIG            = 0x00 rw 0x3f act;
    0x1b GYRO_CONFIG       = 0x00 rw 0xf8 act;
    0x1c ACCEL_CONFIG      = 0x00 rw 0xf8 act;
    0x1f MOT_THR           = 0x00 rw;
    0x23 FIFO_EN           = 0x00 rw;
    0x24 I2C_MST_CTRL      = 0x00 rw;
    0x37 INT_PIN_CFG       = 0x00 rw 0xfe;
    0x38 INT_ENABLE        = 0x00 rw 0x59;
    0x3a INT_STATUS        = 0x00 ro live;
    0x3b ACCEL_XOUT_H      = 0x00 ro;
    0x3c ACCEL_XOUT_L      = 0x00 ro;
    0x3d ACCEL_YOUT_H      = 0x00 ro;
    0x3e ACCEL_YOUT_L      = 0x00 ro;
    0x3f ACCEL_ZOUT_H      = 0x00 ro;
    0x40 ACCEL_ZOUT_L      = 0x00 ro;
    0x41 TEMP_OUT_H        = 0x00 ro;
    0x42 TEMP_OUT_L        = 0x00 ro;
    0x43 GYRO_XOUT_H       = 0x00 ro;
    0x44 GYRO_XOUT_L       = 0x00 ro;
    0x45 GYRO_YOUT_H       = 0x00 ro;
    0x46 GYRO_YOUT_L       = 0x00 ro;
    0x47 GYRO_ZOUT_H       = 0x00 ro;
    0x48 GYRO_ZOUT_L       = 0x00 ro;
    0x67 I2C_MST_DELAY     = 0x00 rw 0x9f;
    0x68 SIGNAL_PATH_RESET = 0x00 rw 0x00 act;
    0x69 MOT_DETECT_CTRL   = 0x00 rw 0x30;
    0x6a USER_CTRL         = 0x00 rw 0x70 act;
    0x6b PWR_MGMT_1        = 0x40 rw 0x6f act;
    0x6c PWR_MGMT_2        = 0x00 rw;
    0x72 FIFO_COUNT_H      = 0x00 ro live;
    0x73 FIFO_COUNT_L      = 0x00 ro live;
    0x74 FIFO_R_W          = 0x00 rw live act;
    0x75 WHO_AM_I          = 0x68 ro;
}

const DEVICE_RESET: u8 = 0x80;
const SLEEP: u8 = 0x40;
const FIFO_ON: u8 = 0x40;
const FIFO_RESET: u8 = 0x04;
const PATHS_RESET: u8 = 0x07;
/// In INT_ENABLE and INT_STATUS.
const OVERFLOW: u8 = 0x10;
const DATA_READY: u8 = 0x01;
/// In INT_PIN_CFG.
const ACTIVE_LOW: u8 = 0x80;
const OPEN_DRAIN: u8 = 0x40;
const LATCH: u8 = 0x20;
const ANY_READ_CLEARS: u8 = 0x10;
const PULSE_NS: u64 = 50_000;
/// LSB per g at ±2 g, per °/s at ±250 °/s, per kelvin; °C at 0 (register descriptions 4.17 to 4.19).
const LSB_PER_G: f64 = 16_384.0;
const LSB_PER_DEGREE: f64 = 131.0;
const LSB_PER_KELVIN: f64 = 340.0;
const TEMP_CENTRE: f64 = 36.53;
/// By the register that a sensor's data begin at: the bit of FIFO_EN, and the bytes.
const FIFO_PARTS: [(u8, u8, u8); 5] = [
    (0x08, reg::ACCEL_XOUT_H, 6),
    (0x80, reg::TEMP_OUT_H, 2),
    (0x40, reg::GYRO_XOUT_H, 2),
    (0x20, reg::GYRO_YOUT_H, 2),
    (0x10, reg::GYRO_ZOUT_H, 2),
];

/// The chip.
pub struct Mpu6050 {
    regs: RegFile<0x80>,
    now: u64,
    sampler: Sampler,
    fifo: Ring<u8, 1024>,
    /// What happened since INT_STATUS was read.
    flags: u8,
    pulse_end: u64,
    count_low: u8,
}

impl Mpu6050 {
    /// A chip after power-on: asleep.
    pub fn new(_options: &ChipOptions) -> Self {
        Mpu6050 {
            regs: RegFile::new(&reg::MAP),
            now: 0,
            sampler: Sampler::default(),
            fifo: Ring::new(),
            flags: 0,
            pulse_end: 0,
            count_low: 0,
        }
    }

    /// 8 kHz without low-pass filter, else 1 kHz, divided.
    fn period_ns(&self) -> u64 {
        let base = if matches!(self.regs.get(reg::CONFIG) & 7, 0 | 7) {
            125_000
        } else {
            1_000_000
        };
        base * (1 + u64::from(self.regs.get(reg::SMPLRT_DIV)))
    }

    fn range(&self, config: u8) -> f64 {
        f64::from(1 << (self.regs.get(config) >> 3 & 3))
    }

    fn show(&mut self, reg: u8, value: f64) {
        let [high, low] = quantise(value, 16).to_be_bytes();
        self.regs.set(reg, high);
        self.regs.set(reg + 1, low);
    }

    fn take_sample(&mut self, time_ns: u64, world: &Stimulus) {
        let standby = self.regs.get(reg::PWR_MGMT_2);
        let (accel, rate) = (self.range(reg::ACCEL_CONFIG), self.range(reg::GYRO_CONFIG));
        for (axis, at) in [0u8, 2, 4].into_iter().enumerate() {
            if standby & 0x20 >> axis == 0 {
                let g = world.accel_at(axis, time_ns) / STANDARD_GRAVITY;
                self.show(reg::ACCEL_XOUT_H + at, g * LSB_PER_G / accel);
            }
            if standby & 0x04 >> axis == 0 {
                let degrees = world.rate_at(axis, time_ns).to_degrees();
                self.show(reg::GYRO_XOUT_H + at, degrees * LSB_PER_DEGREE / rate);
            }
        }
        self.show(reg::TEMP_OUT_H, (world.temp - TEMP_CENTRE) * LSB_PER_KELVIN);
        let mut flags = DATA_READY;
        if self.regs.has(reg::USER_CTRL, FIFO_ON) {
            flags |= self.fill();
        }
        self.flags |= flags;
        if self.regs.has(reg::INT_ENABLE, flags) {
            self.pulse_end = time_ns + PULSE_NS;
        }
    }

    /// A full FIFO loses its oldest bytes, and says so.
    fn fill(&mut self) -> u8 {
        let mut flags = 0;
        for (bit, from, bytes) in FIFO_PARTS {
            if !self.regs.has(reg::FIFO_EN, bit) {
                continue;
            }
            for reg in from..from + bytes {
                if self.fifo.is_full() {
                    flags = OVERFLOW;
                }
                self.fifo.push(self.regs.get(reg));
            }
        }
        flags
    }

    fn is_pin_active(&self) -> bool {
        if self.regs.has(reg::INT_PIN_CFG, LATCH) {
            self.regs.has(reg::INT_ENABLE, self.flags)
        } else {
            self.now < self.pulse_end
        }
    }

    fn power_changed(&mut self) {
        if self.regs.has(reg::PWR_MGMT_1, SLEEP) {
            self.sampler.stop();
        } else if !self.sampler.is_running() {
            self.sampler.start(self.now);
        }
    }

    fn reset(&mut self) {
        self.regs.reset();
        self.fifo.clear();
        self.flags = 0;
        self.pulse_end = 0;
        self.power_changed();
    }
}

impl RegModel for Mpu6050 {
    const NAME: &'static str = "mpu6050";
    const PIN_NAMES: &'static [&'static str] = &["INT"];
    const ID_REG: u8 = reg::WHO_AM_I;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        while let Some(time) = self.sampler.due(now, self.period_ns()) {
            self.take_sample(time, world);
        }
    }

    fn status(&self) -> Status {
        let is_active = self.is_pin_active();
        let mut next_event = NEVER;
        if self.regs.get(reg::INT_ENABLE) != 0 {
            next_event = self.sampler.next();
            if self.now < self.pulse_end {
                next_event = next_event.min(self.pulse_end);
            }
        }
        let is_high = !self.regs.has(reg::INT_PIN_CFG, ACTIVE_LOW);
        let is_open = self.regs.has(reg::INT_PIN_CFG, OPEN_DRAIN);
        Status {
            next_event,
            pins: [Pin::output(is_active, is_high, is_open), Pin::Float],
        }
    }

    fn read(&mut self, reg: u8) -> u8 {
        if self.regs.has(reg::INT_PIN_CFG, ANY_READ_CLEARS) && reg != reg::INT_STATUS {
            self.flags = 0;
        }
        if !self.regs.is_live(reg) {
            return self.regs.get(reg);
        }
        match reg {
            reg::INT_STATUS => std::mem::take(&mut self.flags),
            reg::FIFO_COUNT_H => {
                // The lower half belongs to this reading of the upper.
                let [low, high, ..] = self.fifo.len().to_le_bytes();
                self.count_low = low;
                high
            }
            reg::FIFO_COUNT_L => self.count_low,
            _ => self.fifo.pop().unwrap_or(0),
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        let old = self.regs.get(reg);
        let new = self.regs.write(reg, value);
        if !self.regs.is_act(reg) {
            return;
        }
        match reg {
            reg::PWR_MGMT_1 if value & DEVICE_RESET != 0 => self.reset(),
            reg::PWR_MGMT_1 => self.power_changed(),
            reg::USER_CTRL if value & FIFO_RESET != 0 && new & FIFO_ON == 0 => self.fifo.clear(),
            reg::SIGNAL_PATH_RESET if value & PATHS_RESET != 0 => {
                (reg::ACCEL_XOUT_H..=reg::GYRO_ZOUT_L).for_each(|reg| self.regs.set(reg, 0));
            }
            reg::FIFO_R_W => self.fifo.push(value),
            // The output follows at once, as if it had always been so: a sample takes no time here.
            reg::SMPLRT_DIV | reg::CONFIG | reg::GYRO_CONFIG | reg::ACCEL_CONFIG
                if old != new && self.sampler.is_running() =>
            {
                self.sampler.start(self.now);
            }
            _ => {}
        }
    }

    /// A burst stays on the FIFO.
    fn next_reg(&self, reg: u8) -> u8 {
        if reg == reg::FIFO_R_W {
            reg
        } else {
            reg.wrapping_add(1) & 0x7f
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::{Chip, Dir, RegDevice};

    const MS: u64 = 1_000_000;

    fn write(chip: &mut RegDevice<Mpu6050>, reg: u8, value: u8) {
        chip.i2c_start(Dir::Write);
        chip.i2c_write(&[reg, value]);
        chip.i2c_stop();
    }

    fn read<const N: usize>(chip: &mut RegDevice<Mpu6050>, now: u64, world: &Stimulus, reg: u8) -> [u8; N] {
        let mut bytes = [0; N];
        chip.i2c_write_read(now, world, &[reg], &mut bytes);
        bytes
    }

    /// Awake, at 100 Hz.
    fn awake() -> RegDevice<Mpu6050> {
        let mut chip = RegDevice::new(Mpu6050::new(&ChipOptions::default()));
        write(&mut chip, reg::PWR_MGMT_1, 0x01);
        write(&mut chip, reg::CONFIG, 0x01);
        write(&mut chip, reg::SMPLRT_DIV, 9);
        chip
    }

    #[test]
    fn each_range_has_its_step() {
        let world = Stimulus::parse("accel=1,-2,9.81 rate=1,0,-2 temp=36.53").unwrap();
        for range in 0..4u8 {
            let mut chip = awake();
            write(&mut chip, reg::ACCEL_CONFIG, range << 3);
            write(&mut chip, reg::GYRO_CONFIG, range << 3);
            let data: [u8; 14] = read(&mut chip, 20 * MS, &world, reg::ACCEL_XOUT_H);
            let value = |at: usize| f64::from(i16::from_be_bytes([data[2 * at], data[2 * at + 1]]));
            let (g, degree) = (
                LSB_PER_G / f64::from(1 << range),
                LSB_PER_DEGREE / f64::from(1 << range),
            );
            assert!((value(1) / g * STANDARD_GRAVITY + 2.0).abs() <= STANDARD_GRAVITY / g);
            assert!((value(4) / degree - 1f64.to_degrees()).abs() <= 1.0 / degree);
            assert_eq!(value(3), 0.0);
        }
    }

    #[test]
    fn it_sleeps_until_it_is_told_and_single_axes_stand_by() {
        let world = Stimulus::default();
        let mut chip = RegDevice::new(Mpu6050::new(&ChipOptions::default()));
        assert_eq!(read(&mut chip, MS, &world, reg::ACCEL_ZOUT_H), [0, 0]);
        write(&mut chip, reg::PWR_MGMT_2, 0x08);
        write(&mut chip, reg::PWR_MGMT_1, 0x01);
        assert_eq!(read(&mut chip, MS, &world, reg::ACCEL_ZOUT_H), [0, 0]);
        write(&mut chip, reg::PWR_MGMT_2, 0x00);
        assert_eq!(read(&mut chip, 2 * MS, &world, reg::ACCEL_ZOUT_H), [0x40, 0]);
        write(&mut chip, reg::PWR_MGMT_1, 0x80);
        assert_eq!(read(&mut chip, 3 * MS, &world, reg::PWR_MGMT_1), [0x40]);
    }

    #[test]
    fn the_fifo_holds_whole_samples_and_loses_its_oldest() {
        let world = Stimulus::default();
        let mut chip = awake();
        write(&mut chip, reg::FIFO_EN, 0x08);
        write(&mut chip, reg::USER_CTRL, FIFO_ON);
        chip.advance(25 * MS, &world);
        assert_eq!(read(&mut chip, 25 * MS, &world, reg::FIFO_COUNT_H), [0, 18]);
        assert_eq!(
            read(&mut chip, 25 * MS, &world, reg::FIFO_R_W),
            [0, 0, 0, 0, 0x40, 0, 0]
        );
        assert_eq!(read(&mut chip, 2000 * MS, &world, reg::FIFO_COUNT_H), [4, 0]);
        assert_eq!(read(&mut chip, 2000 * MS, &world, reg::INT_STATUS), [0x11]);
        write(&mut chip, reg::USER_CTRL, FIFO_RESET);
        assert_eq!(read(&mut chip, 2000 * MS, &world, reg::FIFO_COUNT_H), [0, 0]);
    }

    #[test]
    fn data_ready_pulses_or_stays_until_it_is_read() {
        let world = Stimulus::default();
        let mut chip = awake();
        write(&mut chip, reg::INT_ENABLE, DATA_READY);
        chip.advance(10 * MS, &world);
        assert_eq!(chip.status().pins[0], Pin::High);
        assert_eq!(chip.status().next_event, 10 * MS + PULSE_NS);
        chip.advance(10 * MS + PULSE_NS, &world);
        assert_eq!(chip.status().pins[0], Pin::Low);
        write(&mut chip, reg::INT_PIN_CFG, LATCH | ACTIVE_LOW);
        chip.advance(25 * MS, &world);
        assert_eq!(chip.status().pins[0], Pin::Low);
        assert_eq!(read(&mut chip, 25 * MS, &world, reg::INT_STATUS), [1]);
        assert_eq!(chip.status().pins[0], Pin::High);
    }
}
