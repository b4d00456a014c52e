// SPDX-License-Identifier: GPL-2.0-only
//! Bosch Sensortec BMI160: accelerometer and gyroscope, ±2 g to ±16 g and ±125 °/s to ±2000 °/s, on I²C or SPI.
//!
//! Written from the data sheet (Bosch Sensortec, BST-BMI160-DS000-07). Modelled: the data path with all ranges and data
//! rates, power modes by command, temperature, sensor time, soft reset, and the data-ready interrupt with its enable,
//! mapping, polarity, output driver and latch. Not modelled: filters (a sample is the stimulus at its moment), the
//! FIFO, the other interrupts, offset compensation, steps, self-test and the magnetometer's interface (their registers
//! only store).

use crate::chip::{ChipOptions, NEVER, Pin, RegModel, StartUp, Status};
use crate::convert::quantise;
use crate::regs::RegFile;
use crate::sampler::Sampler;
use crate::stimulus::{STANDARD_GRAVITY, Stimulus};

crate::registers! {
    /// The registers (data sheet, 2.11).
    pub mod reg: [0x80];
    0x00 CHIP_ID       = 0xd1 ro;
    0x02 ERR_REG       = 0x00 ro;
    0x03 PMU_STATUS    = 0x00 ro;
    0x0c GYR_X_L       = 0x00 ro live;
    0x0d GYR_X_H       = 0x00 ro live;
    0x0e GYR_Y_L       = 0x00 ro live;
    0x0f GYR_Y_H       = 0x00 ro live;
    0x10 GYR_Z_L       = 0x00 ro live;
    0x11 GYR_Z_H       = 0x00 ro live;
    0x12 ACC_X_L       = 0x00 ro live;
    0x13 ACC_X_H       = 0x00 ro live;
    0x14 ACC_Y_L       = 0x00 ro live;
    0x15 ACC_Y_H       = 0x00 ro live;
    0x16 ACC_Z_L       = 0x00 ro live;
    0x17 ACC_Z_H       = 0x00 ro live;
    0x18 SENSORTIME_0  = 0x00 ro live;
    0x19 SENSORTIME_1  = 0x00 ro live;
    0x1a SENSORTIME_2  = 0x00 ro live;
    0x1b STATUS        = 0x10 ro;
    0x1d INT_STATUS_1  = 0x00 ro live;
    0x20 TEMPERATURE_0 = 0x00 ro;
    0x21 TEMPERATURE_1 = 0x80 ro;
    0x40 ACC_CONF      = 0x28 rw act;
    0x41 ACC_RANGE     = 0x03 rw 0x0f act;
    0x42 GYR_CONF      = 0x28 rw 0x3f act;
    0x43 GYR_RANGE     = 0x00 rw 0x07 act;
    0x44 MAG_CONF      = 0x0b rw 0x0f;
    0x45 FIFO_DOWNS    = 0x88 rw;
    0x46 FIFO_CONFIG_0 = 0x80 rw;
    0x47 FIFO_CONFIG_1 = 0x10 rw 0xfe;
    0x4b MAG_IF_0      = 0x20 rw;
    0x4c MAG_IF_1      = 0x80 rw;
    0x4d MAG_IF_2      = 0x42 rw;
    0x4e MAG_IF_3      = 0x4c rw;
    0x4f MAG_IF_4      = 0x00 rw;
    0x50 INT_EN_0      = 0x00 rw;
    0x51 INT_EN_1      = 0x00 rw 0x7f;
    0x52 INT_EN_2      = 0x00 rw 0x0f;
    0x53 INT_OUT_CTRL  = 0x00 rw;
    0x54 INT_LATCH     = 0x00 rw 0x3f;
    0x55 INT_MAP_0     = 0x00 rw;
    0x56 INT_MAP_1     = 0x00 rw;
    0x57 INT_MAP_2     = 0x00 rw;
    0x58 INT_DATA_0    = 0x00 rw 0x88;
    0x59 INT_DATA_1    = 0x00 rw 0x80;
    0x5a INT_LOWHIGH_0 = 0x07 rw;
    0x5b INT_LOWHIGH_1 = 0x30 rw;
    0x5c INT_LOWHIGH_2 = 0x81 rw;
    0x5d INT_LOWHIGH_3 = 0x0b rw;
    0x5e INT_LOWHIGH_4 = 0xc0 rw;
    0x5f INT_MOTION_0  = 0x00 rw;
    0x60 INT_MOTION_1  = 0x14 rw;
    0x61 INT_MOTION_2  = 0x14 rw;
    0x62 INT_MOTION_3  = 0x24 rw;
    0x63 INT_TAP_0     = 0x04 rw;
    0x64 INT_TAP_1     = 0x0a rw;
    0x65 INT_ORIENT_0  = 0x18 rw;
    0x66 INT_ORIENT_1  = 0x48 rw;
    0x67 INT_FLAT_0    = 0x08 rw;
    0x68 INT_FLAT_1    = 0x11 rw;
    0x69 FOC_CONF      = 0x00 rw 0x7f;
    0x6a CONF          = 0x00 rw 0x02;
    0x6b IF_CONF       = 0x00 rw 0x31;
    0x6c PMU_TRIGGER   = 0x00 rw 0x7f;
    0x6d SELF_TEST     = 0x00 rw 0x1f;
    0x70 NV_CONF       = 0x00 rw 0x0f;
    0x71 OFFSET_0      = 0x00 rw;
    0x72 OFFSET_1      = 0x00 rw;
    0x73 OFFSET_2      = 0x00 rw;
    0x74 OFFSET_3      = 0x00 rw;
    0x75 OFFSET_4      = 0x00 rw;
    0x76 OFFSET_5      = 0x00 rw;
    0x77 OFFSET_6      = 0x00 rw;
    0x7a STEP_CONF_0   = 0x15 rw;
    0x7b STEP_CONF_1   = 0x03 rw 0x0f;
    0x7e CMD           = 0x00 rw 0x00 act;
    0x7f SPI_DUMMY     = 0x00 ro;
}

/// Commands (data sheet, 2.11.38).
mod cmd {
    pub(super) const ACC_FIRST: u8 = 0x10;
    pub(super) const ACC_LAST: u8 = 0x12;
    pub(super) const GYR_SUSPEND: u8 = 0x14;
    pub(super) const GYR_NORMAL: u8 = 0x15;
    pub(super) const GYR_FAST: u8 = 0x17;
    pub(super) const INT_RESET: u8 = 0xb1;
    pub(super) const SOFT_RESET: u8 = 0xb6;
}

const NORMAL: u8 = 1;
const ACC_MODE_SHIFT: u8 = 4;
const GYR_MODE_SHIFT: u8 = 2;
const READY_ACC: u8 = 0x80;
const READY_GYR: u8 = 0x40;
const READY_ENABLE: u8 = 0x10;
/// In INT_MAP_1, by pin.
const READY_MAP: [u8; 2] = [0x80, 0x08];
/// In INT_OUT_CTRL, by pin: each has four bits.
const PIN_HIGH: u8 = 0x02;
const PIN_OPEN_DRAIN: u8 = 0x04;
const PIN_ENABLE: u8 = 0x08;
/// A data-ready interrupt without latch (data sheet, 2.6).
const PULSE_NS: u64 = 156_250;
const SENSORTIME_NS: u64 = 39_062;
/// LSB per g at ±2 g, per °/s at ±2000 °/s (data sheet, tables 2 and 3).
const LSB_PER_G: f64 = 16_384.0;
const LSB_PER_DEGREE: f64 = 16.4;
/// TEMPERATURE is 0 at this temperature and has 512 LSB per kelvin.
const TEMP_CENTRE: f64 = 23.0;
/// From suspend to the first sample (data sheet, tables 2 and 3).
const ACC_START_NS: u64 = 3_800_000;
const GYR_START_NS: u64 = 55_000_000;

/// The chip.
pub struct Bmi160 {
    regs: RegFile<0x80>,
    start_up: StartUp,
    now: u64,
    acc: Sampler,
    gyr: Sampler,
    /// As the registers show it: the gyroscope's axes, then the accelerometer's.
    latest: [i16; 6],
    /// The pulse that data-ready makes.
    pulse_end: u64,
    is_latched: bool,
}

impl Bmi160 {
    /// A chip after power-on: suspended.
    pub fn new(options: &ChipOptions) -> Self {
        Bmi160 {
            regs: RegFile::new(&reg::MAP),
            start_up: options.start_up,
            now: 0,
            acc: Sampler::default(),
            gyr: Sampler::default(),
            latest: [0; 6],
            pulse_end: 0,
            is_latched: false,
        }
    }

    fn reset(&mut self) {
        self.regs.reset();
        self.acc.stop();
        self.gyr.stop();
        self.latest = [0; 6];
        self.pulse_end = 0;
        self.is_latched = false;
    }

    /// 100 Hz at 8; each step doubles it.
    fn period_ns(&self, conf: u8) -> u64 {
        let rate = u32::from(self.regs.get(conf) & 0x0f).clamp(1, 13);
        (10_000_000u64 << 8) >> rate
    }

    fn acc_step(&self) -> f64 {
        let wider = match self.regs.get(reg::ACC_RANGE) {
            0x05 => 2.0,
            0x08 => 4.0,
            0x0c => 8.0,
            _ => 1.0,
        };
        STANDARD_GRAVITY / LSB_PER_G * wider
    }

    fn gyr_lsb_per_degree(&self) -> f64 {
        LSB_PER_DEGREE * f64::from(1 << self.regs.get(reg::GYR_RANGE).min(4))
    }

    fn sampled(&mut self, time_ns: u64, flag: u8, world: &Stimulus) {
        self.regs.set(reg::STATUS, self.regs.get(reg::STATUS) | flag);
        let [low, high] = quantise((world.temp - TEMP_CENTRE) * 512.0, 16).to_le_bytes();
        self.regs.set(reg::TEMPERATURE_0, low);
        self.regs.set(reg::TEMPERATURE_1, high);
        if self.regs.has(reg::INT_EN_1, READY_ENABLE) {
            self.pulse_end = time_ns + PULSE_NS;
            self.is_latched = true;
        }
    }

    fn take_acc(&mut self, time_ns: u64, world: &Stimulus) {
        for axis in 0..3 {
            self.latest[3 + axis] = quantise(world.accel_at(axis, time_ns) / self.acc_step(), 16);
        }
        self.sampled(time_ns, READY_ACC, world);
    }

    fn take_gyr(&mut self, time_ns: u64, world: &Stimulus) {
        for axis in 0..3 {
            let rate = world.rate_at(axis, time_ns).to_degrees();
            self.latest[axis] = quantise(rate * self.gyr_lsb_per_degree(), 16);
        }
        self.sampled(time_ns, READY_GYR, world);
    }

    /// Data-ready: for a moment, or until it was looked at (any latch time is taken for "until then").
    fn is_ready(&self) -> bool {
        if self.regs.get(reg::INT_LATCH) & 0x0f == 0 {
            self.now < self.pulse_end
        } else {
            self.is_latched
        }
    }

    fn set_mode(&mut self, shift: u8, mode: u8) {
        let old = self.regs.get(reg::PMU_STATUS);
        self.regs.set(reg::PMU_STATUS, old & !(3 << shift) | mode << shift);
        let (sampler, start_ns) = if shift == ACC_MODE_SHIFT {
            (&mut self.acc, ACC_START_NS)
        } else {
            (&mut self.gyr, GYR_START_NS)
        };
        if mode != NORMAL {
            sampler.stop();
        } else if !sampler.is_running() {
            sampler.start(self.now + self.start_up.delay(start_ns));
        }
    }

    fn command(&mut self, value: u8) {
        match value {
            cmd::ACC_FIRST..=cmd::ACC_LAST => self.set_mode(ACC_MODE_SHIFT, value - cmd::ACC_FIRST),
            cmd::GYR_SUSPEND => self.set_mode(GYR_MODE_SHIFT, 0),
            cmd::GYR_NORMAL => self.set_mode(GYR_MODE_SHIFT, NORMAL),
            cmd::GYR_FAST => self.set_mode(GYR_MODE_SHIFT, 3),
            cmd::INT_RESET => self.is_latched = false,
            cmd::SOFT_RESET => self.reset(),
            _ => {}
        }
    }

    /// A new range or rate. With an instant start the output follows at once, as if it had always been so.
    fn configured(&mut self, reg: u8) {
        let is_acc = matches!(reg, reg::ACC_CONF | reg::ACC_RANGE);
        let conf = if is_acc { reg::ACC_CONF } else { reg::GYR_CONF };
        let delay = self.start_up.delay(self.period_ns(conf));
        let now = self.now;
        let sampler = if is_acc { &mut self.acc } else { &mut self.gyr };
        if sampler.is_running() {
            sampler.start(now + delay);
        }
    }
}

impl RegModel for Bmi160 {
    const NAME: &'static str = "bmi160";
    const PIN_NAMES: &'static [&'static str] = &["INT1", "INT2"];
    const ID_REG: u8 = reg::CHIP_ID;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        while let Some(time) = self.acc.due(now, self.period_ns(reg::ACC_CONF)) {
            self.take_acc(time, world);
        }
        while let Some(time) = self.gyr.due(now, self.period_ns(reg::GYR_CONF)) {
            self.take_gyr(time, world);
        }
    }

    fn status(&self) -> Status {
        let is_ready = self.is_ready();
        let pins = std::array::from_fn(|pin| {
            let control = self.regs.get(reg::INT_OUT_CTRL) >> (4 * pin) & 0x0f;
            if control & PIN_ENABLE == 0 {
                return Pin::Float;
            }
            let is_active = is_ready && self.regs.has(reg::INT_MAP_1, READY_MAP[pin]);
            Pin::output(is_active, control & PIN_HIGH != 0, control & PIN_OPEN_DRAIN != 0)
        });
        let mut next_event = NEVER;
        if self.regs.has(reg::INT_EN_1, READY_ENABLE) {
            next_event = self.acc.next().min(self.gyr.next());
            if is_ready && self.now < self.pulse_end {
                next_event = next_event.min(self.pulse_end);
            }
        }
        Status { next_event, pins }
    }

    fn read(&mut self, reg: u8) -> u8 {
        if !self.regs.is_live(reg) {
            return self.regs.get(reg);
        }
        match reg & 0x7f {
            reg @ reg::GYR_X_L..=reg::ACC_Z_H => {
                let which = reg - reg::GYR_X_L;
                let flag = if which < 6 { READY_GYR } else { READY_ACC };
                self.regs.set(reg::STATUS, self.regs.get(reg::STATUS) & !flag);
                let [low, high] = self.latest[usize::from(which / 2)].to_le_bytes();
                if which & 1 == 0 { low } else { high }
            }
            reg @ reg::SENSORTIME_0..=reg::SENSORTIME_2 => {
                let [low, middle, high, ..] = (self.now / SENSORTIME_NS).to_le_bytes();
                [low, middle, high][usize::from(reg - reg::SENSORTIME_0)]
            }
            _ => {
                let was_ready = self.is_ready();
                self.is_latched = false;
                if was_ready { READY_ENABLE } else { 0 }
            }
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        let old = self.regs.get(reg);
        let new = self.regs.write(reg, value);
        match reg & 0x7f {
            reg::CMD => self.command(value),
            reg if self.regs.is_act(reg) && old != new => self.configured(reg),
            _ => {}
        }
    }

    fn spi_accepts(&self, mode: u32) -> bool {
        // Modes 0 and 3, four wires, most significant bit first.
        matches!(mode & 0x03, 0 | 3) && mode & 0x18 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::{Chip, Dir, RegDevice};

    fn write(chip: &mut RegDevice<Bmi160>, reg: u8, value: u8) {
        chip.i2c_start(Dir::Write);
        chip.i2c_write(&[reg, value]);
        chip.i2c_stop();
    }

    fn read<const N: usize>(chip: &mut RegDevice<Bmi160>, at_us: u64, world: &Stimulus, reg: u8) -> [u8; N] {
        let mut bytes = [0; N];
        chip.i2c_write_read(at_us * 1000, world, &[reg], &mut bytes);
        bytes
    }

    fn awake() -> RegDevice<Bmi160> {
        let mut chip = RegDevice::new(Bmi160::new(&ChipOptions::default()));
        write(&mut chip, reg::CMD, 0x11);
        write(&mut chip, reg::CMD, 0x15);
        chip
    }

    #[test]
    fn each_range_has_its_step() {
        let world = Stimulus::parse("accel=1,-2,9.81 rate=0.5,0,-1 temp=24").unwrap();
        for (acc, gyr, g, degree) in [
            (0x03, 4, 16_384.0, 262.4),
            (0x05, 3, 8192.0, 131.2),
            (0x08, 1, 4096.0, 32.8),
            (0x0c, 0, 2048.0, 16.4),
        ] {
            let mut chip = awake();
            write(&mut chip, reg::ACC_RANGE, acc);
            write(&mut chip, reg::GYR_RANGE, gyr);
            let data: [u8; 12] = read(&mut chip, 20_000, &world, reg::GYR_X_L);
            let value = |at: usize| f64::from(i16::from_le_bytes([data[2 * at], data[2 * at + 1]]));
            assert!((value(0) / degree - 0.5f64.to_degrees()).abs() <= 1.0 / degree);
            assert!((value(2) / degree + 1f64.to_degrees()).abs() <= 1.0 / degree);
            assert!((value(4) / g * STANDARD_GRAVITY + 2.0).abs() <= STANDARD_GRAVITY / g);
            assert_eq!(read(&mut chip, 20_000, &world, reg::TEMPERATURE_0), [0, 2]);
        }
    }

    #[test]
    fn it_sleeps_until_it_is_told() {
        let mut chip = RegDevice::new(Bmi160::new(&ChipOptions::default()));
        let world = Stimulus::default();
        assert_eq!(read(&mut chip, 100_000, &world, reg::ACC_Z_L), [0, 0]);
        assert_eq!(read(&mut chip, 100_000, &world, reg::PMU_STATUS), [0]);
        write(&mut chip, reg::CMD, 0x11);
        assert_eq!(read(&mut chip, 100_000, &world, reg::PMU_STATUS), [0x10]);
        assert_eq!(read(&mut chip, 100_000, &world, reg::ACC_Z_L), [0x00, 0x40]);
        write(&mut chip, reg::CMD, 0xb6);
        assert_eq!(read(&mut chip, 100_000, &world, reg::PMU_STATUS), [0]);
    }

    #[test]
    fn data_ready_is_a_pulse_on_the_mapped_pin() {
        let world = Stimulus::default();
        let mut chip = awake();
        write(&mut chip, reg::INT_OUT_CTRL, PIN_ENABLE | PIN_HIGH);
        write(&mut chip, reg::INT_MAP_1, 0x80);
        write(&mut chip, reg::INT_EN_1, READY_ENABLE);
        chip.advance(1, &world);
        assert_eq!(chip.status().pins, [Pin::High, Pin::Float]);
        assert_eq!(chip.status().next_event, PULSE_NS);
        chip.advance(PULSE_NS, &world);
        assert_eq!(chip.status().pins[0], Pin::Low);
        assert_eq!(chip.status().next_event, 10_000_000);
    }
}
