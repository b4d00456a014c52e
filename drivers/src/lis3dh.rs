// SPDX-License-Identifier: GPL-2.0-only
//! STMicroelectronics LIS3DH: three-axis accelerometer, 8 to 12 bits, ±2 g to ±16 g, on I²C.
//!
//! Written from the data sheet (ST, LIS3DH, rev. 2) and the application note AN3308. Modelled: the data path with
//! low-power, normal and high-resolution mode, all ranges and data rates, axes switched off, data status with overrun
//! flags, power-down, and the data-ready interrupt on INT1 with its polarity.
//!
//! Not modelled: the filters (a sample is the stimulus at its moment), big-endian data, the FIFO, the motion, click
//! and sleep engines (their registers only store), the auxiliary converter, self-test, SPI.

use crate::chip::{ChipOptions, NEVER, PINS, Pin, RegModel, StartUp, Status};
use crate::convert::quantise;
use crate::data_status::DataStatus;
use crate::regs::RegFile;
use crate::sampler::Sampler;
use crate::stimulus::{STANDARD_GRAVITY, Stimulus};

crate::registers! {
    /// The registers (data sheet, table 21).
    pub mod reg: [0x40];
    0x07 STATUS_REG_AUX = 0x00 ro;
    0x08 OUT_ADC1_L     = 0x00 ro;
    0x09 OUT_ADC1_H     = 0x00 ro;
    0x0a OUT_ADC2_L     = 0x00 ro;
    0x0b OUT_ADC2_H     = 0x00 ro;
    0x0c OUT_ADC3_L     = 0x00 ro;
    0x0d OUT_ADC3_H     = 0x00 ro;
    0x0f WHO_AM_I       = 0x33 ro;
    0x1e CTRL_REG0      = 0x10 rw;
    0x1f TEMP_CFG_REG   = 0x00 rw 0xc0;
    0x20 CTRL_REG1      = 0x07 rw act;
    0x21 CTRL_REG2      = 0x00 rw;
    0x22 CTRL_REG3      = 0x00 rw 0xfe;
    0x23 CTRL_REG4      = 0x00 rw act;
    0x24 CTRL_REG5      = 0x00 rw 0x4f;
    0x25 CTRL_REG6      = 0x00 rw 0xfa;
    0x26 REFERENCE      = 0x00 rw;
    0x27 STATUS_REG     = 0x00 ro live;
    0x28 OUT_X_L        = 0x00 ro live;
    0x29 OUT_X_H        = 0x00 ro live;
    0x2a OUT_Y_L        = 0x00 ro live;
    0x2b OUT_Y_H        = 0x00 ro live;
    0x2c OUT_Z_L        = 0x00 ro live;
    0x2d OUT_Z_H        = 0x00 ro live;
    0x2e FIFO_CTRL_REG  = 0x00 rw;
    0x2f FIFO_SRC_REG   = 0x20 ro;
    0x30 INT1_CFG       = 0x00 rw;
    0x31 INT1_SRC       = 0x00 ro;
    0x32 INT1_THS       = 0x00 rw 0x7f;
    0x33 INT1_DURATION  = 0x00 rw 0x7f;
    0x34 INT2_CFG       = 0x00 rw;
    0x35 INT2_SRC       = 0x00 ro;
    0x36 INT2_THS       = 0x00 rw 0x7f;
    0x37 INT2_DURATION  = 0x00 rw 0x7f;
    0x38 CLICK_CFG      = 0x00 rw 0x3f;
    0x39 CLICK_SRC      = 0x00 ro;
    0x3a CLICK_THS      = 0x00 rw;
    0x3b TIME_LIMIT     = 0x00 rw 0x7f;
    0x3c TIME_LATENCY   = 0x00 rw;
    0x3d TIME_WINDOW    = 0x00 rw;
    0x3e ACT_THS        = 0x00 rw 0x7f;
    0x3f ACT_DUR        = 0x00 rw;
}

/// Bit 7 of the register address: the address moves on in a burst.
const INCREMENT: u8 = 0x80;
/// CTRL_REG1: low power; the lowest three bits enable the axes, the upper four are the rate.
const LP_EN: u8 = 0x08;
/// CTRL_REG3: data ready on INT1.
const I1_ZYXDA: u8 = 0x10;
/// CTRL_REG4: high resolution.
const HR: u8 = 0x08;
/// CTRL_REG6: the pins are active low.
const INT_POLARITY: u8 = 0x02;

/// mg per LSB of 12 bits in each range (data sheet, table 4).
const MG_PER_LSB: [f64; 4] = [1.0, 2.0, 4.0, 12.0];
/// The rates 1 Hz to 400 Hz (codes 1 to 7), as periods in ns.
const PERIODS_NS: [u64; 7] = [
    1_000_000_000,
    100_000_000,
    40_000_000,
    20_000_000,
    10_000_000,
    5_000_000,
    2_500_000,
];

/// The chip.
pub struct Lis3dh {
    regs: RegFile<0x40>,
    start_up: StartUp,
    now: u64,
    sampler: Sampler,
    latest: [i16; 3],
    /// STATUS_REG.
    data_status: DataStatus,
    /// The data-ready signal: it ends with the first axis that is read.
    is_ready: bool,
}

impl Lis3dh {
    /// A chip that has just been given power: in power-down.
    pub fn new(options: &ChipOptions) -> Self {
        Lis3dh {
            regs: RegFile::new(&reg::MAP),
            start_up: options.start_up,
            now: 0,
            sampler: Sampler::default(),
            latest: [0; 3],
            data_status: DataStatus::default(),
            is_ready: false,
        }
    }

    fn is_low_power(&self) -> bool {
        self.regs.has(reg::CTRL_REG1, LP_EN)
    }

    /// `None` in power-down.
    fn period_ns(&self) -> Option<u64> {
        match (self.regs.get(reg::CTRL_REG1) >> 4, self.is_low_power()) {
            (code @ 1..=7, _) => Some(PERIODS_NS[usize::from(code) - 1]),
            (8, true) => Some(1_000_000_000 / 1600),
            (9, true) => Some(1_000_000_000 / 5376),
            (9, false) => Some(1_000_000_000 / 1344),
            _ => None,
        }
    }

    /// Bits of one sample.
    fn bits(&self) -> u32 {
        match (self.is_low_power(), self.regs.has(reg::CTRL_REG4, HR)) {
            (true, _) => 8,
            (false, true) => 12,
            (false, false) => 10,
        }
    }

    fn take_sample(&mut self, time_ns: u64, world: &Stimulus) {
        let (bits, axes) = (self.bits(), self.regs.get(reg::CTRL_REG1) & 0x07);
        let range = usize::from(self.regs.get(reg::CTRL_REG4) >> 4 & 0x03);
        let mg_per_lsb = MG_PER_LSB[range] * f64::from(1 << (12 - bits));
        for axis in (0..3).filter(|axis| axes >> axis & 1 != 0) {
            let mg = world.accel_at(axis, time_ns) / STANDARD_GRAVITY * 1000.0;
            self.latest[axis] = quantise(mg / mg_per_lsb, bits) << (16 - bits);
        }
        self.data_status.sampled(axes);
        self.is_ready = true;
    }

    fn data_byte(&mut self, which: u8) -> u8 {
        let axis = which / 2;
        let [low, high] = self.latest[usize::from(axis) % 3].to_le_bytes();
        if which & 1 == 0 {
            return low;
        }
        self.data_status.read(axis);
        self.is_ready = false;
        high
    }

    /// CTRL_REG1 was written.
    fn restart(&mut self, old: u8) {
        match self.period_ns() {
            None => self.sampler.stop(),
            Some(_) if old >> 4 == 0 && self.start_up == StartUp::Instant => self.sampler.start(self.now),
            // From power-down too the first sample is there after one period (data sheet, table 4: turn-on time).
            Some(period) => self.sampler.start(self.now + period),
        }
    }
}

impl RegModel for Lis3dh {
    const NAME: &'static str = "lis3dh";
    const PIN_NAMES: &'static [&'static str] = &["INT1", "INT2"];
    const ID_REG: u8 = reg::WHO_AM_I;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        let Some(period) = self.period_ns() else { return };
        while let Some(time) = self.sampler.due(now, period) {
            self.take_sample(time, world);
        }
    }

    fn status(&self) -> Status {
        let is_enabled = self.regs.has(reg::CTRL_REG3, I1_ZYXDA);
        let is_active_high = !self.regs.has(reg::CTRL_REG6, INT_POLARITY);
        let pins: [Pin; PINS] = [is_enabled && self.is_ready, false].map(|is| Pin::output(is, is_active_high, false));
        let next_event = if is_enabled { self.sampler.next() } else { NEVER };
        Status { next_event, pins }
    }

    fn read(&mut self, reg: u8) -> u8 {
        if !self.regs.is_live(reg) {
            return self.regs.get(reg);
        }
        match reg & 0x3f {
            reg::STATUS_REG => self.data_status.byte(),
            reg => self.data_byte(reg - reg::OUT_X_L),
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        let reg = reg & 0x3f;
        let old = self.regs.get(reg);
        let new = self.regs.write(reg, value);
        match reg {
            reg::CTRL_REG1 if old != new => self.restart(old),
            // With an instant start the output follows the new range at once, as if it had always been so.
            reg::CTRL_REG4 if old != new && self.start_up == StartUp::Instant && self.sampler.is_running() => {
                self.sampler.start(self.now);
            }
            _ => {}
        }
    }

    fn next_reg(&self, reg: u8) -> u8 {
        if reg & INCREMENT == 0 {
            reg
        } else {
            INCREMENT | reg.wrapping_add(1) & 0x3f
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{INCREMENT, reg};
    use crate::bench::{Bench, MS, near};

    const OUT: u8 = INCREMENT | reg::OUT_X_L;

    fn bench() -> Bench {
        Bench::new(include_str!("../boards/st-accel.dts"), 0x18)
    }

    #[test]
    fn gravity_comes_out_within_one_lsb_in_every_range_and_mode() {
        for (range, mg) in [(0x00, 1.0), (0x10, 2.0), (0x20, 4.0), (0x30, 12.0)] {
            for (low_power, high_resolution, bits) in [(0x00, 0x08, 12), (0x00, 0x00, 10), (0x08, 0x00, 8)] {
                let mut bench = bench();
                bench.feel("accel=9.80665,-4.903325,1");
                bench.write(reg::CTRL_REG4, range | high_resolution);
                bench.write(reg::CTRL_REG1, 0x57 | low_power);
                let axes = bench.words_le(OUT).map(|word| word >> 4);
                near(
                    axes,
                    [1000.0, -500.0, 1000.0 / 9.80665].map(|value| value / mg),
                    f64::from(1 << (12 - bits)),
                );
            }
        }
    }

    #[test]
    fn a_burst_without_the_increment_bit_stays() {
        let mut bench = bench();
        assert_eq!(bench.read::<2>(reg::WHO_AM_I), [0x33, 0x33]);
        assert_eq!(bench.read::<2>(INCREMENT | reg::CTRL_REG0), [0x10, 0x00]);
    }

    #[test]
    fn data_is_ready_until_an_axis_is_read_and_new_until_all_are() {
        let mut bench = bench();
        bench.write(reg::CTRL_REG3, 0x10);
        bench.write(reg::CTRL_REG1, 0x57); // 100 Hz
        assert_eq!((bench.line(), bench.read1(reg::STATUS_REG)), (true, 0x0f));
        bench.read1(reg::OUT_Y_H);
        assert_eq!((bench.line(), bench.read1(reg::STATUS_REG)), (false, 0x0d));
        bench.words_le(OUT);
        assert_eq!(bench.read1(reg::STATUS_REG), 0x00);
        bench.wait(20 * MS);
        assert_eq!((bench.line(), bench.read1(reg::STATUS_REG)), (true, 0xff));
        bench.write(reg::CTRL_REG6, 0x02);
        assert!(!bench.line());
    }

    #[test]
    fn power_down_keeps_the_last_sample() {
        let mut bench = bench();
        bench.write(reg::CTRL_REG1, 0x57);
        let before = bench.words_le(OUT);
        bench.write(reg::CTRL_REG1, 0x07);
        bench.feel("accel=5,5,5");
        bench.wait(100 * MS);
        assert_eq!((bench.words_le(OUT), bench.read1(reg::STATUS_REG)), (before, 0));
    }
}
