// SPDX-License-Identifier: GPL-2.0-only
//! ST L3GD20: three-axis gyroscope, ±250 °/s to ±2000 °/s, on I²C.
//!
//! Written from the data sheet (STMicroelectronics, DocID022116, rev. 2). Modelled: the data path with all ranges and
//! data rates, block data update, byte order, power-down, single axes, temperature, status with overrun, and data ready
//! on INT2 with polarity and output driver. Not modelled: SPI, filters (a sample is the stimulus at its moment), the
//! FIFO and the interrupt generator on INT1 (their registers only store).

use crate::chip::{ChipOptions, NEVER, Pin, RegModel, StartUp, Status};
use crate::convert::quantise;
use crate::regs::RegFile;
use crate::sampler::Sampler;
use crate::stimulus::Stimulus;

crate::registers! {
    /// The registers (data sheet, table 17).
    pub mod reg: [0x40];
    0x0f WHO_AM_I      = 0xd4 ro;
    0x20 CTRL_REG1     = 0x07 rw act;
    0x21 CTRL_REG2     = 0x00 rw 0x3f;
    0x22 CTRL_REG3     = 0x00 rw;
    0x23 CTRL_REG4     = 0x00 rw 0xf1 act;
    0x24 CTRL_REG5     = 0x00 rw 0xdf act;
    0x25 REFERENCE     = 0x00 rw;
    0x26 OUT_TEMP      = 0x00 ro;
    0x27 STATUS_REG    = 0x00 ro;
    0x28 OUT_X_L       = 0x00 ro live;
    0x29 OUT_X_H       = 0x00 ro live;
    0x2a OUT_Y_L       = 0x00 ro live;
    0x2b OUT_Y_H       = 0x00 ro live;
    0x2c OUT_Z_L       = 0x00 ro live;
    0x2d OUT_Z_H       = 0x00 ro live;
    0x2e FIFO_CTRL_REG = 0x00 rw;
    0x2f FIFO_SRC_REG  = 0x20 ro;
    0x30 INT1_CFG      = 0x00 rw;
    0x31 INT1_SRC      = 0x00 ro;
    0x32 INT1_TSH_XH   = 0x00 rw 0x7f;
    0x33 INT1_TSH_XL   = 0x00 rw;
    0x34 INT1_TSH_YH   = 0x00 rw 0x7f;
    0x35 INT1_TSH_YL   = 0x00 rw;
    0x36 INT1_TSH_ZH   = 0x00 rw 0x7f;
    0x37 INT1_TSH_ZL   = 0x00 rw;
    0x38 INT1_DURATION = 0x00 rw;
}

/// The address's upper bit: count on in a burst.
const COUNT: u8 = 0x80;
const POWER: u8 = 0x08;
const AXES: u8 = 0x07;
const ACTIVE_LOW: u8 = 0x20;
const OPEN_DRAIN: u8 = 0x10;
const DATA_READY_PIN: u8 = 0x08;
const BLOCK_UPDATE: u8 = 0x80;
const BIG_ENDIAN: u8 = 0x40;
const BOOT: u8 = 0x80;
/// Of the status: all axes have new data; some of it was lost.
const ALL: u8 = 0x08;
const ALL_OVERRUN: u8 = 0xf0;
/// °/s for each step, by the range's bits (data sheet, table 4).
const STEP: [f64; 4] = [8.75e-3, 17.5e-3, 70e-3, 70e-3];
/// Hz, by the rate's bits (data sheet, table 21).
const RATE_HZ: [u64; 4] = [95, 190, 380, 760];
/// The temperature is a difference, −1 °C for each step; it is 0 here at 25 °C.
const TEMP_CENTRE: f64 = 25.0;
/// From power-down to the first sample (data sheet, 4.2).
const TURN_ON_NS: u64 = 250_000_000;

/// The chip.
pub struct L3gd20 {
    regs: RegFile<0x40>,
    start_up: StartUp,
    now: u64,
    sampler: Sampler,
    latest: [i16; 3],
    /// Block update: an axis of which one half was read keeps its value until the other was.
    held: [Option<i16>; 3],
    is_ready: bool,
}

impl L3gd20 {
    /// A chip after power-on: in power-down.
    pub fn new(options: &ChipOptions) -> Self {
        L3gd20 {
            regs: RegFile::new(&reg::MAP),
            start_up: options.start_up,
            now: 0,
            sampler: Sampler::default(),
            latest: [0; 3],
            held: [None; 3],
            is_ready: false,
        }
    }

    fn period_ns(&self) -> u64 {
        1_000_000_000 / RATE_HZ[usize::from(self.regs.get(reg::CTRL_REG1) >> 6)]
    }

    fn take_sample(&mut self, time_ns: u64, world: &Stimulus) {
        let step = STEP[usize::from(self.regs.get(reg::CTRL_REG4) >> 4 & 3)];
        let enabled = self.regs.get(reg::CTRL_REG1) & AXES;
        for (axis, value) in self.latest.iter_mut().enumerate() {
            if enabled & 1 << axis != 0 {
                *value = quantise(world.rate_at(axis, time_ns).to_degrees() / step, 16);
            }
        }
        let [temp, _] = quantise(TEMP_CENTRE - world.temp, 8).to_le_bytes();
        self.regs.set(reg::OUT_TEMP, temp);
        // Only axes that are on have new data, and all of them at once.
        let new = enabled | ALL;
        let old = self.regs.get(reg::STATUS_REG);
        let overrun = if old & new == new { new << 4 } else { old & ALL_OVERRUN };
        self.regs.set(reg::STATUS_REG, new | overrun);
        self.is_ready = true;
    }

    fn rate_byte(&mut self, which: u8) -> u8 {
        let axis = usize::from(which / 2) % 3;
        let is_block = self.regs.has(reg::CTRL_REG4, BLOCK_UPDATE);
        let held = self.held[axis].take();
        let value = held.filter(|_| is_block).unwrap_or(self.latest[axis]);
        if is_block && held.is_none() {
            self.held[axis] = Some(value);
        }
        let [low, high] = value.to_le_bytes();
        let is_second = which & 1 != 0;
        if is_second {
            // An axis is read; with the last one, all are.
            let status = self.regs.get(reg::STATUS_REG) & !(0x11 << axis) & !0x88;
            self.regs.set(reg::STATUS_REG, status);
            self.is_ready = false;
        }
        if is_second != self.regs.has(reg::CTRL_REG4, BIG_ENDIAN) {
            high
        } else {
            low
        }
    }

    fn power_changed(&mut self, old: u8, new: u8) {
        let is_on = new & POWER != 0 && new & AXES != 0;
        let status = self.regs.get(reg::STATUS_REG) & (ALL | (new & AXES) << 4 | new & AXES);
        self.regs.set(reg::STATUS_REG, status);
        if !is_on {
            self.sampler.stop();
        } else if self.start_up == StartUp::Instant {
            self.sampler.start(self.now);
        } else if old & POWER == 0 {
            self.sampler.start(self.now + TURN_ON_NS);
        } else {
            self.sampler.start(self.now + self.period_ns());
        }
    }
}

impl RegModel for L3gd20 {
    const NAME: &'static str = "l3gd20";
    const PIN_NAMES: &'static [&'static str] = &["DRDY/INT2", "INT1"];
    const ID_REG: u8 = reg::WHO_AM_I;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        while let Some(time) = self.sampler.due(now, self.period_ns()) {
            self.take_sample(time, world);
        }
    }

    fn status(&self) -> Status {
        let has_pin = self.regs.has(reg::CTRL_REG3, DATA_READY_PIN);
        let int1 = {
            let (is_low, is_open) = (
                self.regs.has(reg::CTRL_REG3, ACTIVE_LOW),
                self.regs.has(reg::CTRL_REG3, OPEN_DRAIN),
            );
            Pin::output(false, !is_low, is_open)
        };
        Status {
            next_event: if has_pin { self.sampler.next() } else { NEVER },
            // INT2 is push-pull and active high, whatever INT1 is.
            pins: [Pin::output(has_pin && self.is_ready, true, false), int1],
        }
    }

    fn read(&mut self, reg: u8) -> u8 {
        let reg = reg & !COUNT;
        if self.regs.is_live(reg) {
            self.rate_byte(reg - reg::OUT_X_L)
        } else {
            self.regs.get(reg)
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        let reg = reg & !COUNT;
        let old = self.regs.get(reg);
        let new = self.regs.write(reg, value);
        if !self.regs.is_act(reg) {
            return;
        }
        match reg {
            reg::CTRL_REG1 if old != new => self.power_changed(old, new),
            reg::CTRL_REG5 => self.regs.set(reg, new & !BOOT),
            // With an instant start the output follows the new range at once, as if it had always been so.
            reg::CTRL_REG4 if self.start_up == StartUp::Instant && self.sampler.is_running() => {
                self.sampler.start(self.now);
            }
            _ => {}
        }
    }

    fn next_reg(&self, reg: u8) -> u8 {
        if reg & COUNT == 0 {
            reg
        } else {
            reg.wrapping_add(1) | COUNT
        }
    }

    fn is_id(&self, reg: u8) -> bool {
        reg & !COUNT == Self::ID_REG
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::{Chip, Dir, RegDevice};

    fn write(chip: &mut RegDevice<L3gd20>, bytes: &[u8]) {
        chip.i2c_start(Dir::Write);
        chip.i2c_write(bytes);
        chip.i2c_stop();
    }

    fn read<const N: usize>(chip: &mut RegDevice<L3gd20>, at_ms: u64, world: &Stimulus, reg: u8) -> [u8; N] {
        let mut bytes = [0; N];
        chip.i2c_write_read(at_ms * 1_000_000, world, &[reg], &mut bytes);
        bytes
    }

    fn chip() -> RegDevice<L3gd20> {
        RegDevice::new(L3gd20::new(&ChipOptions::default()))
    }

    #[test]
    fn each_range_has_its_step() {
        let world = Stimulus::parse("rate=1,-2,0").unwrap();
        for (range, step) in STEP.iter().enumerate() {
            let mut chip = chip();
            write(&mut chip, &[reg::CTRL_REG4, u8::try_from(range << 4).unwrap()]);
            write(&mut chip, &[reg::CTRL_REG1, 0x0f]);
            let data: [u8; 6] = read(&mut chip, 11, &world, reg::OUT_X_L | COUNT);
            let x = f64::from(i16::from_le_bytes([data[0], data[1]])) * step;
            let y = f64::from(i16::from_le_bytes([data[2], data[3]])) * step;
            assert!((x - 1f64.to_degrees()).abs() <= *step, "{x}");
            assert!((y + 2f64.to_degrees()).abs() <= *step, "{y}");
        }
    }

    #[test]
    fn without_the_counting_bit_a_burst_stays() {
        assert_eq!(read(&mut chip(), 0, &Stimulus::default(), reg::WHO_AM_I), [0xd4, 0xd4]);
        assert_eq!(
            read(&mut chip(), 0, &Stimulus::default(), reg::CTRL_REG1 | COUNT),
            [0x07, 0x00]
        );
    }

    #[test]
    fn data_ready_rises_with_a_sample_and_falls_when_it_is_read() {
        let world = Stimulus::default();
        let mut chip = chip();
        write(&mut chip, &[reg::CTRL_REG3, DATA_READY_PIN]);
        write(&mut chip, &[reg::CTRL_REG1, 0x0f]);
        chip.advance(1, &world);
        assert_eq!(chip.status().pins[0], Pin::High);
        assert_eq!(read(&mut chip, 1, &world, reg::STATUS_REG), [0x0f]);
        read::<6>(&mut chip, 1, &world, reg::OUT_X_L | COUNT);
        assert_eq!(chip.status().pins[0], Pin::Low);
        assert_eq!(read(&mut chip, 1, &world, reg::STATUS_REG), [0x00]);
        // Two samples that nobody read.
        assert_eq!(read(&mut chip, 30, &world, reg::STATUS_REG), [0xff]);
    }

    #[test]
    fn an_axis_that_is_off_has_nothing_new() {
        let world = Stimulus::default();
        let mut chip = chip();
        write(&mut chip, &[reg::CTRL_REG1, 0x0f]);
        assert_eq!(read(&mut chip, 1, &world, reg::STATUS_REG), [0x0f]);
        write(&mut chip, &[reg::CTRL_REG1, 0x0d]);
        assert_eq!(read::<1>(&mut chip, 1, &world, reg::STATUS_REG)[0] & 0x02, 0);
        read::<2>(&mut chip, 1, &world, reg::OUT_X_L | COUNT);
        read::<2>(&mut chip, 1, &world, reg::OUT_Z_L | COUNT);
        assert_eq!(read(&mut chip, 1, &world, reg::STATUS_REG), [0x00]);
    }

    #[test]
    fn power_down_keeps_the_last_sample() {
        let world = Stimulus::parse("rate=1,0,0 temp=30").unwrap();
        let mut chip = chip();
        assert_eq!(read(&mut chip, 100, &world, reg::OUT_X_L | COUNT), [0, 0]);
        write(&mut chip, &[reg::CTRL_REG1, 0x0f]);
        assert_eq!(read(&mut chip, 120, &world, reg::OUT_TEMP), [(-5i8).cast_unsigned()]);
        write(&mut chip, &[reg::CTRL_REG1, 0x07]);
        let before: [u8; 2] = read(&mut chip, 130, &world, reg::OUT_X_L | COUNT);
        let after: [u8; 2] = read(&mut chip, 200, &Stimulus::default(), reg::OUT_X_L | COUNT);
        assert_eq!(before, after);
        assert_ne!(after, [0, 0]);
    }
}
