// SPDX-License-Identifier: GPL-2.0-only
//! NXP FXAS21002C: three-axis gyroscope, 16 bits, ±250 °/s to ±2000 °/s (±4000 with FS_DOUBLE), on I²C.
//!
//! Written from the data sheet (NXP, FXAS21002C, rev. 2.1). Modelled: the data path with all ranges and data rates,
//! data status with overwrite flags, temperature, standby, ready and active mode with their transition times, and the
//! data-ready interrupt with routing, polarity and output driver.
//!
//! Not modelled: the filters (a sample is the stimulus at its moment), the FIFO, the rate-threshold detector and
//! self-test (their registers only store); a soft reset is acknowledged here, and the part does not.

use crate::chip::{ChipOptions, NEVER, PINS, Pin, RegModel, StartUp, Status};
use crate::convert::quantise;
use crate::data_status::DataStatus;
use crate::regs::RegFile;
use crate::sampler::Sampler;
use crate::stimulus::Stimulus;

crate::registers! {
    /// The registers (data sheet, "Register summary").
    pub mod reg: [0x20];
    0x00 STATUS       = 0x00 ro live;
    0x01 OUT_X_MSB    = 0x00 ro live;
    0x02 OUT_X_LSB    = 0x00 ro live;
    0x03 OUT_Y_MSB    = 0x00 ro live;
    0x04 OUT_Y_LSB    = 0x00 ro live;
    0x05 OUT_Z_MSB    = 0x00 ro live;
    0x06 OUT_Z_LSB    = 0x00 ro live;
    0x07 DR_STATUS    = 0x00 ro live;
    0x08 F_STATUS     = 0x00 ro;
    0x09 F_SETUP      = 0x00 rw;
    0x0a F_EVENT      = 0x00 ro;
    0x0b INT_SRC_FLAG = 0x00 ro live;
    0x0c WHO_AM_I     = 0xd7 ro;
    0x0d CTRL_REG0    = 0x00 rw act;
    0x0e RT_CFG       = 0x00 rw 0x0f;
    0x0f RT_SRC       = 0x00 ro;
    0x10 RT_THS       = 0x00 rw;
    0x11 RT_COUNT     = 0x00 rw;
    0x12 TEMP         = 0x00 ro;
    0x13 CTRL_REG1    = 0x00 rw 0x7f act;
    0x14 CTRL_REG2    = 0x00 rw;
    0x15 CTRL_REG3    = 0x00 rw 0x0d act;
}

/// CTRL_REG1.
const RST: u8 = 0x40;
const ACTIVE: u8 = 0x02;
const READY: u8 = 0x01;
/// CTRL_REG2: data ready is on INT1 (else INT2), is enabled; polarity and output driver of both pins.
const INT_CFG_DRDY: u8 = 0x08;
const INT_EN_DRDY: u8 = 0x04;
const IPOL: u8 = 0x02;
const PP_OD: u8 = 0x01;
/// CTRL_REG3.
const WRAP_TO_ONE: u8 = 0x08;
const FS_DOUBLE: u8 = 0x01;
/// INT_SRC_FLAG.
const BOOT_END: u8 = 0x08;
const SRC_DRDY: u8 = 0x01;

/// Sensitivity at ±2000 °/s: 62.5 m°/s per LSB (data sheet, table 3); each smaller range doubles it.
const LSB_PER_DEGREE: f64 = 16.0;
/// To active mode from standby and from ready, one data period apart (data sheet, table 4).
const FROM_STANDBY_NS: u64 = 60_000_000;
const FROM_READY_NS: u64 = 5_000_000;

/// The chip.
pub struct Fxas21002c {
    regs: RegFile<0x20>,
    start_up: StartUp,
    now: u64,
    sampler: Sampler,
    latest: [i16; 3],
    /// DR_STATUS.
    data_status: DataStatus,
}

impl Fxas21002c {
    /// A chip that has just been given power: in standby.
    pub fn new(options: &ChipOptions) -> Self {
        Fxas21002c {
            regs: RegFile::new(&reg::MAP),
            start_up: options.start_up,
            now: 0,
            sampler: Sampler::default(),
            latest: [0; 3],
            data_status: DataStatus::default(),
        }
    }

    /// 800 Hz, halved with each code, down to 12.5 Hz.
    fn period_ns(&self) -> u64 {
        1_250_000 << (self.regs.get(reg::CTRL_REG1) >> 2 & 0x07).min(6)
    }

    fn take_sample(&mut self, time_ns: u64, world: &Stimulus) {
        let doubling = f64::from(1 << (self.regs.get(reg::CTRL_REG0) & 0x03));
        let halving = if self.regs.has(reg::CTRL_REG3, FS_DOUBLE) {
            2.0
        } else {
            1.0
        };
        let scale = LSB_PER_DEGREE * doubling / halving;
        self.latest = std::array::from_fn(|axis| quantise(world.rate_at(axis, time_ns).to_degrees() * scale, 16));
        let [temp, _] = quantise(world.temp, 8).to_le_bytes();
        self.regs.set(reg::TEMP, temp);
        self.data_status.sampled(0x07);
    }

    fn data_byte(&mut self, which: u8) -> u8 {
        let axis = which / 2;
        let [high, low] = self.latest[usize::from(axis) % 3].to_be_bytes();
        if which & 1 != 0 {
            return low;
        }
        self.data_status.read(axis);
        high
    }

    fn mode_changed(&mut self, old: u8, new: u8) {
        let delay = match old & (ACTIVE | READY) {
            _ if new & ACTIVE == 0 => return self.sampler.stop(),
            // Another data rate.
            ACTIVE.. if old == new => return,
            ACTIVE.. => self.period_ns(),
            READY => self.start_up.delay(FROM_READY_NS + self.period_ns()),
            _ => self.start_up.delay(FROM_STANDBY_NS + self.period_ns()),
        };
        self.sampler.start(self.now + delay);
    }
}

impl RegModel for Fxas21002c {
    const NAME: &'static str = "fxas21002c";
    const PIN_NAMES: &'static [&'static str] = &["INT1", "INT2"];
    const ID_REG: u8 = reg::WHO_AM_I;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        while let Some(time) = self.sampler.due(now, self.period_ns()) {
            self.take_sample(time, world);
        }
    }

    fn status(&self) -> Status {
        let config = self.regs.get(reg::CTRL_REG2);
        let is_enabled = config & INT_EN_DRDY != 0;
        let is_ready = is_enabled && self.data_status.is_new();
        let on_int1 = config & INT_CFG_DRDY != 0;
        let pin = |is_mine: bool| Pin::output(is_ready && is_mine, config & IPOL != 0, config & PP_OD != 0);
        let pins: [Pin; PINS] = [pin(on_int1), pin(!on_int1)];
        let next_event = if is_enabled { self.sampler.next() } else { NEVER };
        Status { next_event, pins }
    }

    fn read(&mut self, reg: u8) -> u8 {
        if !self.regs.is_live(reg) {
            return self.regs.get(reg);
        }
        match reg & 0x1f {
            // Without the FIFO, STATUS is DR_STATUS.
            reg::STATUS | reg::DR_STATUS => self.data_status.byte(),
            reg::INT_SRC_FLAG => BOOT_END | if self.data_status.is_new() { SRC_DRDY } else { 0 },
            reg => self.data_byte(reg - reg::OUT_X_MSB),
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        let reg = reg & 0x1f;
        let old = self.regs.get(reg);
        let new = self.regs.write(reg, value);
        match reg {
            reg::CTRL_REG1 if value & RST != 0 => {
                let (start_up, now) = (self.start_up, self.now);
                *self = Fxas21002c::new(&ChipOptions {
                    start_up,
                    ..ChipOptions::default()
                });
                self.now = now;
            }
            reg::CTRL_REG1 => self.mode_changed(old, new),
            // With an instant start the output follows the new range at once, as if it had always been so.
            reg::CTRL_REG0 | reg::CTRL_REG3 if self.start_up == StartUp::Instant && self.sampler.is_running() => {
                self.sampler.start(self.now);
            }
            _ => {}
        }
    }

    fn next_reg(&self, reg: u8) -> u8 {
        // A burst of data goes round (data sheet, "CTRL_REG3").
        match reg & 0x1f {
            reg::OUT_Z_LSB if self.regs.has(reg::CTRL_REG3, WRAP_TO_ONE) => reg::OUT_X_MSB,
            reg::OUT_Z_LSB => reg::STATUS,
            reg => (reg + 1) & 0x1f,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::reg;
    use crate::bench::{Bench, MS, near};

    fn bench() -> Bench {
        Bench::new(include_str!("../boards/fxas21002c.dts"), 0x20)
    }

    #[test]
    fn one_radian_per_second_comes_out_within_one_lsb_in_every_range() {
        for (code, double, per_degree) in [(0, 0, 16.0), (1, 0, 32.0), (2, 0, 64.0), (3, 0, 128.0), (0, 1, 8.0)] {
            let mut bench = bench();
            bench.feel("rate=1,-1,0.5 temp=-7");
            bench.write(reg::CTRL_REG0, code);
            bench.write(reg::CTRL_REG3, double);
            bench.write(reg::CTRL_REG1, 0x02);
            let wanted = [1.0, -1.0, 0.5].map(|rate: f64| rate.to_degrees() * per_degree);
            near(bench.words_be(reg::OUT_X_MSB), wanted, 1.0);
            assert_eq!(bench.read1(reg::TEMP).cast_signed(), -7);
        }
    }

    #[test]
    fn data_is_ready_until_all_axes_are_read() {
        let mut bench = bench();
        bench.write(reg::CTRL_REG2, 0x0e); // data ready on INT1, active high
        bench.write(reg::CTRL_REG1, 0x0e); // 100 Hz
        assert!(bench.line());
        assert_eq!(
            (bench.read1(reg::DR_STATUS), bench.read1(reg::INT_SRC_FLAG)),
            (0x0f, 0x09)
        );
        assert_eq!(bench.read::<4>(reg::OUT_X_MSB), [0; 4]);
        assert!(bench.line());
        bench.read::<2>(reg::OUT_Z_MSB);
        assert_eq!((bench.line(), bench.read1(reg::STATUS)), (false, 0));
        bench.wait(20 * MS);
        assert_eq!((bench.line(), bench.read1(reg::STATUS)), (true, 0xff));
    }

    #[test]
    fn standby_stops_and_a_reset_forgets() {
        let mut bench = bench();
        bench.write(reg::CTRL_REG0, 0x03);
        bench.write(reg::CTRL_REG1, 0x02);
        bench.words_be(reg::OUT_X_MSB);
        bench.write(reg::CTRL_REG1, 0x00);
        bench.wait(100 * MS);
        assert_eq!(bench.read1(reg::STATUS), 0);
        bench.write(reg::CTRL_REG1, 0x40);
        assert_eq!((bench.read1(reg::CTRL_REG0), bench.read1(reg::CTRL_REG1)), (0, 0));
    }
}
