// SPDX-License-Identifier: GPL-2.0-only
//! ST LSM6DSL: accelerometer and gyroscope, ±2 g to ±16 g and ±125 °/s to ±2000 °/s, with a FIFO of 4 KiB, on I²C.
//!
//! Written from the data sheet (STMicroelectronics, DocID028475, rev. 7) and the application note AN5040. Modelled: the
//! data path with all ranges and rates, block data update, temperature, status, time stamp, software reset, the FIFO
//! with its data sets, decimation, pattern, threshold and modes, and INT1 and INT2 with data-ready and FIFO flags,
//! polarity and output driver. Not modelled: SPI, filters (a sample is the stimulus at its moment), the sensor hub, the
//! embedded functions and their interrupts, the FIFO's compact and trigger modes (their registers only store).

mod fifo;
#[cfg(test)]
mod tests;

use crate::chip::{ChipOptions, NEVER, Pin, RegModel, Status};
use crate::convert::quantise;
use crate::regs::RegFile;
use crate::sampler::Sampler;
use crate::stimulus::{STANDARD_GRAVITY, Stimulus};
use fifo::Fifo;

crate::registers! {
    /// The registers (data sheet, table 19).
    pub mod reg: [0x80];
    0x01 FUNC_CFG_ACCESS = 0x00 rw 0xa0;
    0x06 FIFO_CTRL1      = 0x00 rw;
    0x07 FIFO_CTRL2      = 0x00 rw 0xcf;
    0x08 FIFO_CTRL3      = 0x00 rw 0x3f act;
    0x09 FIFO_CTRL4      = 0x00 rw act;
    0x0a FIFO_CTRL5      = 0x00 rw 0x7f act;
    0x0b DRDY_PULSE_CFG  = 0x00 rw 0x81;
    0x0d INT1_CTRL       = 0x00 rw;
    0x0e INT2_CTRL       = 0x00 rw;
    0x0f WHO_AM_I        = 0x6a ro;
    0x10 CTRL1_XL        = 0x00 rw act;
    0x11 CTRL2_G         = 0x00 rw 0xfe act;
    0x12 CTRL3_C         = 0x04 rw act;
    0x13 CTRL4_C         = 0x00 rw;
    0x14 CTRL5_C         = 0x00 rw;
    0x15 CTRL6_C         = 0x00 rw;
    0x16 CTRL7_G         = 0x00 rw;
    0x17 CTRL8_XL        = 0x00 rw;
    0x18 CTRL9_XL        = 0xe0 rw;
    0x19 CTRL10_C        = 0x00 rw;
    0x1a MASTER_CONFIG   = 0x00 rw;
    0x1b WAKE_UP_SRC     = 0x00 ro;
    0x1c TAP_SRC         = 0x00 ro;
    0x1d D6D_SRC         = 0x00 ro;
    0x1e STATUS_REG      = 0x00 ro;
    0x20 OUT_TEMP_L      = 0x00 ro live;
    0x21 OUT_TEMP_H      = 0x00 ro live;
    0x22 OUTX_L_G        = 0x00 ro live;
    0x23 OUTX_H_G        = 0x00 ro live;
    0x24 OUTY_L_G        = 0x00 ro live;
    0x25 OUTY_H_G        = 0x00 ro live;
    0x26 OUTZ_L_G        = 0x00 ro live;
    0x27 OUTZ_H_G        = 0x00 ro live;
    0x28 OUTX_L_XL       = 0x00 ro live;
    0x29 OUTX_H_XL       = 0x00 ro live;
    0x2a OUTY_L_XL       = 0x00 ro live;
    0x2b OUTY_H_XL       = 0x00 ro live;
    0x2c OUTZ_L_XL       = 0x00 ro live;
    0x2d OUTZ_H_XL       = 0x00 ro live;
    0x3a FIFO_STATUS1    = 0x00 ro live;
    0x3b FIFO_STATUS2    = 0x00 ro live;
    0x3c FIFO_STATUS3    = 0x00 ro live;
    0x3d FIFO_STATUS4    = 0x00 ro live;
    0x3e FIFO_DATA_OUT_L = 0x00 ro live;
    0x3f FIFO_DATA_OUT_H = 0x00 ro live;
    0x40 TIMESTAMP0_REG  = 0x00 ro live;
    0x41 TIMESTAMP1_REG  = 0x00 ro live;
    0x42 TIMESTAMP2_REG  = 0x00 rw 0x00 live act;
    0x53 FUNC_SRC1       = 0x00 ro;
    0x54 FUNC_SRC2       = 0x00 ro;
    0x55 WRIST_TILT_IA   = 0x00 ro;
    0x58 TAP_CFG         = 0x00 rw;
    0x59 TAP_THS_6D      = 0x00 rw;
    0x5a INT_DUR2        = 0x00 rw;
    0x5b WAKE_UP_THS     = 0x00 rw;
    0x5c WAKE_UP_DUR     = 0x00 rw;
    0x5d FREE_FALL       = 0x00 rw;
    0x5e MD1_CFG         = 0x00 rw;
    0x5f MD2_CFG         = 0x00 rw;
    0x73 X_OFS_USR       = 0x00 rw;
    0x74 Y_OFS_USR       = 0x00 rw;
    0x75 Z_OFS_USR       = 0x00 rw;
}

/// In CTRL3_C.
const BOOT: u8 = 0x80;
const ACTIVE_LOW: u8 = 0x20;
const OPEN_DRAIN: u8 = 0x10;
const COUNT: u8 = 0x04;
const SOFT_RESET: u8 = 0x01;
/// In CTRL10_C and WAKE_UP_DUR: time stamps, and that they count 25 µs in place of 6.4 ms.
const TIMER: u8 = 0x20;
const TIMER_FINE: u8 = 0x10;
/// In STATUS_REG.
const NEW_TEMP: u8 = 0x04;
const NEW_G: u8 = 0x02;
const NEW_XL: u8 = 0x01;
/// In INT1_CTRL and INT2_CTRL.
const PIN_XL: u8 = 0x01;
const PIN_G: u8 = 0x02;
const PIN_FIFO: u8 = 0x38;
const TIMESTAMP_RESET: u8 = 0xaa;
/// In 10 mHz, by the rate's bits (data sheet, tables 52 and 55).
const RATE: [u64; 11] = [
    0, 1250, 2600, 5200, 10_400, 20_800, 41_600, 83_300, 166_000, 333_000, 666_000,
];
/// g for each step, by the range's bits (data sheet, table 3); the order is the chip's.
const STEP_G: [f64; 4] = [0.061e-3, 0.488e-3, 0.122e-3, 0.244e-3];
/// °/s for each step at 250 °/s; each wider range doubles it, the narrowest halves it.
const STEP_DEGREE: f64 = 8.75e-3;
/// The temperature is 0 at this one, and has 256 LSB per kelvin.
const TEMP_CENTRE: f64 = 25.0;

/// Nanoseconds from sample to sample, by a rate's bits; 0 if there are none.
fn period_ns(bits: u8) -> u64 {
    let rate = RATE.get(usize::from(bits)).copied().unwrap_or(0);
    100_000_000_000u64.checked_div(rate).unwrap_or(0)
}

/// The chip.
pub struct Lsm6dsl {
    regs: RegFile<0x80>,
    now: u64,
    xl: Sampler,
    g: Sampler,
    temp: [u8; 2],
    latest_g: [i16; 3],
    latest_xl: [i16; 3],
    fifo: Fifo,
    /// When the time stamp was 0.
    epoch: u64,
}

impl Lsm6dsl {
    /// A chip after power-on: both sensors off.
    pub fn new(_options: &ChipOptions) -> Self {
        Lsm6dsl {
            regs: RegFile::new(&reg::MAP),
            now: 0,
            xl: Sampler::default(),
            g: Sampler::default(),
            temp: [0; 2],
            latest_g: [0; 3],
            latest_xl: [0; 3],
            fifo: Fifo::default(),
            epoch: 0,
        }
    }

    fn rate_bits(&self, control: u8) -> u8 {
        self.regs.get(control) >> 4
    }

    fn sampled(&mut self, flag: u8, world: &Stimulus) {
        self.temp = quantise((world.temp - TEMP_CENTRE) * 256.0, 16).to_le_bytes();
        let status = self.regs.get(reg::STATUS_REG) | flag | NEW_TEMP;
        self.regs.set(reg::STATUS_REG, status);
    }

    fn take_xl(&mut self, time_ns: u64, world: &Stimulus) {
        let step = STEP_G[usize::from(self.regs.get(reg::CTRL1_XL) >> 2 & 3)] * STANDARD_GRAVITY;
        self.latest_xl = std::array::from_fn(|axis| quantise(world.accel_at(axis, time_ns) / step, 16));
        self.sampled(NEW_XL, world);
    }

    fn take_g(&mut self, time_ns: u64, world: &Stimulus) {
        let control = self.regs.get(reg::CTRL2_G);
        let wider = if control & 0x02 != 0 {
            0.5
        } else {
            f64::from(1 << (control >> 2 & 3))
        };
        let step = STEP_DEGREE * wider;
        self.latest_g = std::array::from_fn(|axis| quantise(world.rate_at(axis, time_ns).to_degrees() / step, 16));
        self.sampled(NEW_G, world);
    }

    fn timestamp(&self, now: u64) -> u32 {
        if !self.regs.has(reg::CTRL10_C, TIMER) {
            return 0;
        }
        let unit = if self.regs.has(reg::WAKE_UP_DUR, TIMER_FINE) {
            25_000
        } else {
            6_400_000
        };
        u32::try_from((now.saturating_sub(self.epoch) / unit) & 0xff_ffff).unwrap_or(0)
    }

    /// The next thing that happens of its own: a sample of either sensor, and which.
    fn step(&mut self, now: u64, world: &Stimulus) -> bool {
        let periods = [self.rate_bits(reg::CTRL2_G), self.rate_bits(reg::CTRL1_XL)].map(period_ns);
        let time = self.g.next().min(self.xl.next());
        if time > now {
            return false;
        }
        // At the same moment the gyroscope's sample comes first; both are one entry of the FIFO.
        let is_g = self.g.next() == time;
        let is_xl = self.xl.next() == time;
        if is_g && let Some(time) = self.g.due(now, periods[0]) {
            self.take_g(time, world);
        }
        if is_xl && let Some(time) = self.xl.due(now, periods[1]) {
            self.take_xl(time, world);
        }
        let stamp = self.timestamp(time);
        self.fifo.sample(&self.regs, self.latest_g, self.latest_xl, stamp, time);
        true
    }

    fn reset(&mut self) {
        self.regs.reset();
        self.xl.stop();
        self.g.stop();
        self.fifo = Fifo::default();
    }

    /// A sensor was switched on or off, or has a new rate or range: with the present phase of the other, if that runs.
    fn configured(&mut self, reg: u8) {
        let period = period_ns(self.rate_bits(reg));
        let now = self.now;
        let sampler = if reg == reg::CTRL1_XL {
            &mut self.xl
        } else {
            &mut self.g
        };
        if period == 0 {
            sampler.stop();
        } else {
            sampler.start(now);
        }
    }

    fn output(&mut self, reg: u8) -> u8 {
        let which = reg - reg::OUTX_L_G;
        let (values, flag) = if which < 6 {
            (self.latest_g, NEW_G)
        } else {
            (self.latest_xl, NEW_XL)
        };
        if which & 1 != 0 {
            let status = self.regs.get(reg::STATUS_REG) & !flag;
            self.regs.set(reg::STATUS_REG, status);
        }
        values[usize::from(which % 6 / 2)].to_le_bytes()[usize::from(which & 1)]
    }
}

impl RegModel for Lsm6dsl {
    const NAME: &'static str = "lsm6dsl";
    const PIN_NAMES: &'static [&'static str] = &["INT1", "INT2"];
    const ID_REG: u8 = reg::WHO_AM_I;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        while self.step(now, world) {}
    }

    fn status(&self) -> Status {
        let control = self.regs.get(reg::CTRL3_C);
        let enabled = [self.regs.get(reg::INT1_CTRL), self.regs.get(reg::INT2_CTRL)];
        let status = self.regs.get(reg::STATUS_REG);
        let flags = status & NEW_XL | status & NEW_G | self.fifo.pin_flags(&self.regs);
        let pins = enabled.map(|enabled| {
            let is_active = flags & enabled & (PIN_XL | PIN_G | PIN_FIFO) != 0;
            Pin::output(is_active, control & ACTIVE_LOW == 0, control & OPEN_DRAIN != 0)
        });
        let is_wanted = (enabled[0] | enabled[1]) & (PIN_XL | PIN_G | PIN_FIFO) != 0;
        Status {
            next_event: if is_wanted {
                self.g.next().min(self.xl.next())
            } else {
                NEVER
            },
            pins,
        }
    }

    fn read(&mut self, reg: u8) -> u8 {
        if !self.regs.is_live(reg) {
            return self.regs.get(reg);
        }
        match reg & 0x7f {
            reg::OUT_TEMP_L => self.temp[0],
            reg::OUT_TEMP_H => {
                let status = self.regs.get(reg::STATUS_REG) & !NEW_TEMP;
                self.regs.set(reg::STATUS_REG, status);
                self.temp[1]
            }
            reg @ reg::OUTX_L_G..=reg::OUTZ_H_XL => self.output(reg),
            reg @ reg::FIFO_STATUS1..=reg::FIFO_STATUS4 => {
                self.fifo.status(&self.regs)[usize::from(reg - reg::FIFO_STATUS1)]
            }
            reg @ reg::FIFO_DATA_OUT_L..=reg::FIFO_DATA_OUT_H => self.fifo.read(reg == reg::FIFO_DATA_OUT_H),
            reg => self.timestamp(self.now).to_le_bytes()[usize::from(reg - reg::TIMESTAMP0_REG)],
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        let old = self.regs.get(reg);
        let new = self.regs.write(reg, value);
        match reg & 0x7f {
            reg::CTRL3_C if value & SOFT_RESET != 0 => self.reset(),
            reg::CTRL3_C => self.regs.set(reg, new & !BOOT),
            reg @ (reg::CTRL1_XL | reg::CTRL2_G) if old != new => self.configured(reg),
            reg::FIFO_CTRL3 | reg::FIFO_CTRL4 | reg::FIFO_CTRL5 if old != new => self.fifo.configured(&self.regs),
            reg::TIMESTAMP2_REG if value == TIMESTAMP_RESET => self.epoch = self.now,
            _ => {}
        }
    }

    /// A burst on the FIFO's output goes round on its two registers; without IF_INC it stays where it is.
    fn next_reg(&self, reg: u8) -> u8 {
        match reg {
            reg::FIFO_DATA_OUT_H => reg::FIFO_DATA_OUT_L,
            _ if !self.regs.has(reg::CTRL3_C, COUNT) => reg,
            _ => reg.wrapping_add(1) & 0x7f,
        }
    }
}
