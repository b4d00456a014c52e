// SPDX-License-Identifier: GPL-2.0-only
//! InvenSense ITG-3200 and MPU-3050: three-axis gyroscopes, 16 bits, on I²C.
//!
//! Written from the specifications (InvenSense, ITG-3200, rev. 1.4; MPU-3000/3050, rev. 2.9). The MPU-3050 is the
//! ITG-3200 with four ranges, a FIFO of 512 bytes, and a bus of its own for an accelerometer. Modelled: the data path
//! with ranges and sample rates, temperature, sleep and reset, the raw-data-ready and clock-ready interrupts with
//! latching, clearing, polarity and output driver, and the FIFO.
//!
//! Not modelled: the filters (a sample is the stimulus at its moment), standby of single axes, offsets, the motion
//! processor, frame synchronisation; nothing is on the second bus.

use crate::chip::{ChipOptions, NEVER, PINS, Pin, RegModel, StartUp, Status};
use crate::convert::quantise;
use crate::regs::{RegFile, RegMap};
use crate::ring::Ring;
use crate::sampler::Sampler;
use crate::stimulus::Stimulus;

crate::registers! {
    /// The ITG-3200's registers, which the MPU-3050 has too (its specification, "Register map").
    pub mod reg: [0x40];
    0x00 WHO_AM_I     = 0x68 ro;
    0x15 SMPLRT_DIV   = 0x00 rw act;
    0x16 DLPF_FS      = 0x00 rw 0x1f act;
    0x17 INT_CFG      = 0x00 rw 0xf5;
    0x1a INT_STATUS   = 0x00 ro live;
    0x1b TEMP_OUT_H   = 0x00 ro live;
    0x1c TEMP_OUT_L   = 0x00 ro live;
    0x1d GYRO_XOUT_H  = 0x00 ro live;
    0x1e GYRO_XOUT_L  = 0x00 ro live;
    0x1f GYRO_YOUT_H  = 0x00 ro live;
    0x20 GYRO_YOUT_L  = 0x00 ro live;
    0x21 GYRO_ZOUT_H  = 0x00 ro live;
    0x22 GYRO_ZOUT_L  = 0x00 ro live;
    0x3e PWR_MGM      = 0x00 rw act;
}

crate::registers! {
    /// The MPU-3050's registers (its specification, "Register map").
    pub mod mpu: [0x40];
    0x00 WHO_AM_I     = 0x68 ro;
    0x01 PRODUCT_ID   = 0x00 ro;
    0x0c X_OFFS_USRH  = 0x00 rw;
    0x0d X_OFFS_USRL  = 0x00 rw;
    0x0e Y_OFFS_USRH  = 0x00 rw;
    0x0f Y_OFFS_USRL  = 0x00 rw;
    0x10 Z_OFFS_USRH  = 0x00 rw;
    0x11 Z_OFFS_USRL  = 0x00 rw;
    0x12 FIFO_EN      = 0x00 rw;
    0x13 AUX_VDDIO    = 0x00 rw 0x04;
    0x14 AUX_SLV_ADDR = 0x00 rw;
    0x15 SMPLRT_DIV   = 0x00 rw act;
    0x16 DLPF_FS_SYNC = 0x00 rw act;
    0x17 INT_CFG      = 0x00 rw;
    0x18 AUX_ADDR     = 0x00 rw;
    0x1a INT_STATUS   = 0x00 ro live;
    0x1b TEMP_OUT_H   = 0x00 ro live;
    0x1c TEMP_OUT_L   = 0x00 ro live;
    0x1d GYRO_XOUT_H  = 0x00 ro live;
    0x1e GYRO_XOUT_L  = 0x00 ro live;
    0x1f GYRO_YOUT_H  = 0x00 ro live;
    0x20 GYRO_YOUT_L  = 0x00 ro live;
    0x21 GYRO_ZOUT_H  = 0x00 ro live;
    0x22 GYRO_ZOUT_L  = 0x00 ro live;
    0x23 AUX_XOUT_H   = 0x00 ro;
    0x24 AUX_XOUT_L   = 0x00 ro;
    0x25 AUX_YOUT_H   = 0x00 ro;
    0x26 AUX_YOUT_L   = 0x00 ro;
    0x27 AUX_ZOUT_H   = 0x00 ro;
    0x28 AUX_ZOUT_L   = 0x00 ro;
    0x3a FIFO_COUNTH  = 0x00 ro live;
    0x3b FIFO_COUNTL  = 0x00 ro live;
    0x3c FIFO_R       = 0x00 ro live;
    0x3d USER_CTRL    = 0x00 rw 0xe0 act;
    0x3e PWR_MGM      = 0x00 rw act;
}

/// INT_CFG.
const ACTIVE_LOW: u8 = 0x80;
const OPEN_DRAIN: u8 = 0x40;
const LATCH: u8 = 0x20;
const ANY_READ_CLEARS: u8 = 0x10;
/// INT_STATUS, and INT_CFG's bits that enable: the clock is ready, there is new data.
const CLOCK_READY: u8 = 0x04;
const DATA_READY: u8 = 0x01;
/// PWR_MGM.
const H_RESET: u8 = 0x80;
const SLEEP: u8 = 0x40;
/// USER_CTRL.
const FIFO_ON: u8 = 0x40;
const FIFO_RST: u8 = 0x02;
/// FIFO_EN.
const WITH_TEMP: u8 = 0x80;
const WITH_FOOTER: u8 = 0x01;
/// INT_STATUS of the MPU-3050.
const FIFO_FULL: u8 = 0x80;

/// Sensitivity in LSB per °/s: the ITG-3200's one range, and the MPU-3050's four (±250 °/s to ±2000 °/s).
const ITG_SCALE: f64 = 14.375;
const MPU_SCALES: [f64; 4] = [131.0, 65.5, 32.8, 16.4];
/// TEMP_OUT is this at 35 °C, with 280 LSB per kelvin.
const TEMP_OFFSET: f64 = -13200.0;
/// From sleep to the first sample.
const START_UP_NS: u64 = 50_000_000;
/// Length of an interrupt that is not latched.
const PULSE_NS: u64 = 50_000;
/// Bytes of the FIFO.
const FIFO_LEN: usize = 512;

/// The ITG-3200.
pub type Itg3200 = Gyro<false>;
/// The MPU-3050.
pub type Mpu3050 = Gyro<true>;

/// One of the two chips.
pub struct Gyro<const IS_MPU: bool> {
    regs: RegFile<0x40>,
    start_up: StartUp,
    now: u64,
    sampler: Sampler,
    temp: i16,
    latest: [i16; 3],
    /// INT_STATUS.
    interrupts: u8,
    pulse_until: u64,
    fifo: Ring<u8, FIFO_LEN>,
}

impl<const IS_MPU: bool> Gyro<IS_MPU> {
    const MAP: &'static RegMap<0x40> = if IS_MPU { &mpu::MAP } else { &reg::MAP };

    /// A chip that has just been given power: it measures.
    pub fn new(options: &ChipOptions) -> Self {
        let mut chip = Gyro {
            regs: RegFile::new(Self::MAP),
            start_up: options.start_up,
            now: 0,
            sampler: Sampler::default(),
            temp: 0,
            latest: [0; 3],
            interrupts: 0,
            pulse_until: 0,
            fifo: Ring::new(),
        };
        chip.wake();
        chip
    }

    fn wake(&mut self) {
        self.sampler.start(self.now + self.start_up.delay(START_UP_NS));
        self.interrupts |= CLOCK_READY;
    }

    fn reset(&mut self) {
        let (start_up, now) = (self.start_up, self.now);
        *self = Gyro::new(&ChipOptions {
            start_up,
            ..ChipOptions::default()
        });
        self.now = now;
        self.wake();
    }

    /// 8 kHz without the low-pass filter, else 1 kHz, divided.
    fn period_ns(&self) -> u64 {
        let internal_ns = match self.regs.get(reg::DLPF_FS) & 0x07 {
            0 | 7 => 125_000,
            _ => 1_000_000,
        };
        internal_ns * (u64::from(self.regs.get(reg::SMPLRT_DIV)) + 1)
    }

    fn take_sample(&mut self, time_ns: u64, world: &Stimulus) {
        let scale = if IS_MPU {
            MPU_SCALES[usize::from(self.regs.get(reg::DLPF_FS) >> 3 & 0x03)]
        } else {
            ITG_SCALE
        };
        self.latest = std::array::from_fn(|axis| quantise(world.rate_at(axis, time_ns).to_degrees() * scale, 16));
        self.temp = quantise(TEMP_OFFSET + (world.temp - 35.0) * 280.0, 16);
        if self.regs.has(reg::INT_CFG, DATA_READY) {
            self.interrupts |= DATA_READY;
            self.pulse_until = time_ns + PULSE_NS;
        }
        if IS_MPU && self.regs.has(mpu::USER_CTRL, FIFO_ON) {
            self.fill();
        }
    }

    /// Puts a sample into the FIFO: what FIFO_EN selects, in the order of the registers; a full FIFO loses its oldest.
    fn fill(&mut self) {
        let selected = self.regs.get(mpu::FIFO_EN);
        let words = [self.temp, self.latest[0], self.latest[1], self.latest[2], 0, 0, 0];
        for (word, at) in words.into_iter().zip(0..) {
            if selected & WITH_TEMP >> at != 0 {
                word.to_be_bytes().into_iter().for_each(|byte| self.push(byte));
            }
        }
        if selected & WITH_FOOTER != 0 {
            [0; 2].into_iter().for_each(|byte| self.push(byte));
        }
    }

    fn push(&mut self, byte: u8) {
        self.fifo.push(byte);
        if self.fifo.is_full() {
            self.interrupts |= FIFO_FULL;
        }
    }

    fn data_byte(&self, which: u8) -> u8 {
        let words = [self.temp, self.latest[0], self.latest[1], self.latest[2]];
        words[usize::from(which / 2) % 4].to_be_bytes()[usize::from(which % 2)]
    }

    /// The bytes in the FIFO, as FIFO_COUNTH and FIFO_COUNTL have them.
    fn count(&self) -> [u8; 2] {
        u16::try_from(self.fifo.len()).unwrap_or(0).to_be_bytes()
    }
}

impl<const IS_MPU: bool> RegModel for Gyro<IS_MPU> {
    const NAME: &'static str = if IS_MPU { "mpu3050" } else { "itg3200" };
    const PIN_NAMES: &'static [&'static str] = &["INT"];
    const ID_REG: u8 = reg::WHO_AM_I;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        while let Some(time) = self.sampler.due(now, self.period_ns()) {
            self.take_sample(time, world);
        }
    }

    fn status(&self) -> Status {
        let config = self.regs.get(reg::INT_CFG);
        let is_latched = config & LATCH != 0;
        let is_set = self.interrupts & config & (CLOCK_READY | DATA_READY) != 0;
        let is_active = is_set && (is_latched || self.now < self.pulse_until);
        let pin = Pin::output(is_active, config & ACTIVE_LOW == 0, config & OPEN_DRAIN != 0);
        let pins: [Pin; PINS] = [pin, Pin::Float];
        let sample = if config & DATA_READY != 0 {
            self.sampler.next()
        } else {
            NEVER
        };
        let release = if is_active && !is_latched {
            self.pulse_until
        } else {
            NEVER
        };
        let next_event = sample.min(release);
        Status { next_event, pins }
    }

    fn read(&mut self, reg: u8) -> u8 {
        let reg = reg & 0x3f;
        let interrupts = self.interrupts;
        if reg == reg::INT_STATUS || self.regs.has(reg::INT_CFG, ANY_READ_CLEARS) {
            self.interrupts &= CLOCK_READY;
        }
        if !self.regs.is_live(reg) {
            return self.regs.get(reg);
        }
        match reg {
            reg::INT_STATUS => interrupts,
            mpu::FIFO_COUNTH => self.count()[0],
            mpu::FIFO_COUNTL => self.count()[1],
            mpu::FIFO_R => self.fifo.pop().unwrap_or(0),
            reg => self.data_byte(reg - reg::TEMP_OUT_H),
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        let reg = reg & 0x3f;
        let old = self.regs.get(reg);
        let new = self.regs.write(reg, value);
        if !self.regs.is_act(reg) {
            return;
        }
        match reg {
            reg::PWR_MGM if value & H_RESET != 0 => self.reset(),
            reg::PWR_MGM if new & SLEEP != 0 => self.sampler.stop(),
            reg::PWR_MGM if old & SLEEP != 0 => self.wake(),
            mpu::USER_CTRL if value & FIFO_RST != 0 => self.fifo.clear(),
            // With an instant start the output follows the new range at once, as if it had always been so.
            reg::DLPF_FS if old != new && self.start_up == StartUp::Instant && self.sampler.is_running() => {
                self.sampler.start(self.now);
            }
            reg::SMPLRT_DIV if old != new && self.sampler.is_running() => {
                self.sampler.start(self.now + self.period_ns());
            }
            _ => {}
        }
    }

    fn next_reg(&self, reg: u8) -> u8 {
        // A burst stays on the FIFO.
        if IS_MPU && reg & 0x3f == mpu::FIFO_R {
            reg
        } else {
            reg.wrapping_add(1) & 0x3f
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{mpu, reg};
    use crate::bench::{Bench, MS, near};

    fn itg3200() -> Bench {
        Bench::new(include_str!("../boards/itg3200.dts"), 0x68)
    }

    fn mpu3050() -> Bench {
        Bench::new(include_str!("../boards/mpu3050.dts"), 0x68)
    }

    /// The rate of each axis for this sensitivity.
    fn wanted(per_degree: f64) -> [f64; 3] {
        [1.0, -1.0, 0.5].map(|rate: f64| rate.to_degrees() * per_degree)
    }

    #[test]
    fn one_radian_per_second_comes_out_within_one_lsb_in_every_range() {
        let mut bench = itg3200();
        bench.feel("rate=1,-1,0.5");
        bench.wait(MS);
        near(bench.words_be(reg::GYRO_XOUT_H), wanted(14.375), 1.0);
        for (code, per_degree) in [(0x00, 131.0), (0x08, 65.5), (0x10, 32.8), (0x18, 16.4)] {
            let mut bench = mpu3050();
            bench.feel("rate=1,-1,0.5");
            bench.write(mpu::DLPF_FS_SYNC, code);
            bench.wait(MS);
            near(bench.words_be(reg::GYRO_XOUT_H), wanted(per_degree), 1.0);
        }
    }

    #[test]
    fn temperature_and_saturation() {
        let mut bench = itg3200();
        bench.feel("rate=100,-100,0 temp=25");
        bench.wait(MS);
        assert_eq!(bench.words_be(reg::TEMP_OUT_H), [-16000, i16::MAX, i16::MIN]);
    }

    #[test]
    fn a_sleeping_chip_keeps_its_data_and_a_reset_wakes_it() {
        let mut bench = itg3200();
        bench.wait(MS);
        bench.write(reg::PWR_MGM, 0x41);
        bench.feel("rate=1,1,1");
        bench.wait(100 * MS);
        assert_eq!(bench.words_be(reg::GYRO_XOUT_H), [0; 3]);
        bench.write(reg::PWR_MGM, 0x80);
        assert_eq!(bench.read1(reg::PWR_MGM), 0);
        near(bench.words_be(reg::GYRO_XOUT_H), [823.6; 3], 1.0);
    }

    #[test]
    fn new_data_is_a_pulse_or_stays_until_it_is_read() {
        let mut bench = itg3200();
        bench.write(reg::DLPF_FS, 0x1b);
        bench.write(reg::SMPLRT_DIV, 9); // 100 Hz
        let edges = bench.edges();
        bench.write(reg::INT_CFG, 0x01);
        bench.wait(31 * MS);
        assert_eq!(*edges.lock().unwrap(), [true, false].repeat(3));
        bench.write(reg::INT_CFG, 0x31);
        bench.wait(10 * MS);
        assert!(bench.line());
        bench.words_be(reg::GYRO_XOUT_H);
        assert!(!bench.line());
        bench.write(reg::INT_CFG, 0xa1);
        bench.wait(10 * MS);
        bench.words_be(reg::GYRO_XOUT_H);
        assert_eq!(
            (bench.line(), bench.read1(reg::INT_STATUS), bench.line()),
            (false, 0x05, true)
        );
    }

    #[test]
    fn the_fifo_holds_what_is_selected_and_loses_the_oldest() {
        let mut bench = mpu3050();
        bench.feel("rate=1,-1,0.5");
        bench.write(mpu::DLPF_FS_SYNC, 0x1b);
        bench.write(mpu::SMPLRT_DIV, 9);
        bench.write(mpu::FIFO_EN, 0x71);
        bench.write(mpu::USER_CTRL, 0x42);
        bench.wait(25 * MS);
        assert_eq!(bench.read::<2>(mpu::FIFO_COUNTH), [0, 16]);
        let frame = bench.read::<8>(mpu::FIFO_R);
        let words = [0, 2, 4].map(|at| i16::from_be_bytes([frame[at], frame[at + 1]]));
        near(words, wanted(16.4), 1.0);
        assert_eq!(frame[6..], [0, 0]);
        assert_eq!(bench.read::<2>(mpu::FIFO_COUNTH), [0, 8]);
        bench.wait(1000 * MS);
        assert_eq!(bench.read::<2>(mpu::FIFO_COUNTH), [2, 0]);
        assert_eq!(bench.read1(mpu::INT_STATUS) & 0x80, 0x80);
        bench.write(mpu::USER_CTRL, 0x02);
        assert_eq!(bench.read::<2>(mpu::FIFO_COUNTH), [0, 0]);
    }
}
