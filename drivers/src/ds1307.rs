// SPDX-License-Identifier: GPL-2.0-only
//! DS1307: real-time clock with 56 bytes of memory that its battery keeps, on I²C.
//!
//! Written from the data sheet (Maxim Integrated, 19-5007, revision 2015). Modelled: the clock in both hour forms, the
//! halt bit, the copy that a read gets of the counters, the control register and the memory. Not modelled: the square
//! wave on SQW/OUT, which shows OUT or nothing.

use crate::calendar::{self, Fields, Ticks};
use crate::chip::{NEVER, Pin, RegModel, Status};
use crate::regs::RegFile;
use crate::stimulus::Stimulus;

crate::registers! {
    /// The registers (data sheet, table 2); the memory is behind them. After the first application of power, the clock
    /// shows 2000-01-01 and is halted.
    pub mod reg: [0x40];
    0x00 SECONDS = 0x80 rw act;
    0x01 MINUTES = 0x00 rw 0x7f act;
    0x02 HOURS   = 0x00 rw 0x7f act;
    0x03 DAY     = 0x01 rw 0x07 act;
    0x04 DATE    = 0x01 rw 0x3f act;
    0x05 MONTH   = 0x01 rw 0x1f act;
    0x06 YEAR    = 0x00 rw act;
    0x07 CONTROL = 0x03 rw 0x93;
}

const HALT: u8 = 0x80;
const SQUARE_WAVE: u8 = 0x10;
const OUT: u8 = 0x80;
const RAM: u8 = 0x08;
const LAST: u8 = 0x3f;

/// The chip.
pub struct Ds1307 {
    regs: RegFile<0x40>,
    ram: [u8; 56],
    now: u64,
    clock: Fields,
    /// What a read sees: the counters as they were at its START.
    copy: Fields,
    ticks: Ticks,
    has_power: bool,
}

impl Default for Ds1307 {
    /// A chip before power-on: the first [`advance`](RegModel::advance) switches it on.
    fn default() -> Self {
        // The counters are the first registers.
        let clock = std::array::from_fn(|at| reg::MAP.reset[at]);
        Ds1307 {
            regs: RegFile::new(&reg::MAP),
            ram: [0; 56],
            now: 0,
            clock,
            copy: clock,
            ticks: Ticks::default(),
            has_power: false,
        }
    }
}

impl RegModel for Ds1307 {
    const NAME: &'static str = "ds1307";
    const PIN_NAMES: &'static [&'static str] = &["SQW"];
    /// It has no identification; the control register is what a driver may look at.
    const ID_REG: u8 = reg::CONTROL;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        if !self.has_power {
            self.has_power = true;
            if let Some(time) = world.time {
                self.clock = calendar::fields(time);
                self.ticks.restart(now);
            }
        }
        while self.ticks.pass(now, &mut self.clock, false) {}
    }

    fn status(&self) -> Status {
        let is_low = !self.regs.has(reg::CONTROL, SQUARE_WAVE | OUT);
        Status {
            next_event: NEVER,
            pins: [if is_low { Pin::Low } else { Pin::Float }, Pin::Float],
        }
    }

    fn read(&mut self, reg: u8) -> u8 {
        let reg = reg & LAST;
        match (self.copy.get(usize::from(reg)), reg.checked_sub(RAM)) {
            (Some(field), _) => *field,
            (None, Some(at)) => self.ram.get(usize::from(at)).copied().unwrap_or(0),
            (None, None) => self.regs.get(reg),
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        let reg = reg & LAST;
        if let Some(byte) = reg.checked_sub(RAM).and_then(|at| self.ram.get_mut(usize::from(at))) {
            *byte = value;
        }
        let new = self.regs.write(reg, value);
        if let Some(field) = self.clock.get_mut(usize::from(reg)) {
            *field = new;
        }
        if reg == reg::SECONDS {
            // The chain below the seconds begins anew (data sheet, "Clock and calendar").
            if new & HALT == 0 {
                self.ticks.restart(self.now);
            } else {
                self.ticks.stop();
            }
        }
    }

    fn next_reg(&self, reg: u8) -> u8 {
        reg.wrapping_add(1) & LAST
    }

    fn burst_end(&mut self) {
        self.copy = self.clock;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::{Chip, Dir, RegDevice};

    fn read<const N: usize>(chip: &mut RegDevice<Ds1307>, at_s: u64, world: &Stimulus, reg: u8) -> [u8; N] {
        let mut bytes = [0; N];
        chip.i2c_write_read(at_s * 1_000_000_000, world, &[reg], &mut bytes);
        bytes
    }

    fn write(chip: &mut RegDevice<Ds1307>, bytes: &[u8]) {
        chip.i2c_start(Dir::Write);
        chip.i2c_write(bytes);
        chip.i2c_stop();
    }

    #[test]
    fn a_new_clock_stands_until_it_is_set() {
        let (mut chip, world) = (RegDevice::new(Ds1307::default()), Stimulus::default());
        assert_eq!(read(&mut chip, 0, &world, 0), [0x80, 0, 0, 1, 1, 1, 0, 3]);
        assert_eq!(read(&mut chip, 9, &world, 0), [0x80]);
        write(&mut chip, &[0, 0x59, 0x59, 0x23, 0x07, 0x31, 0x12, 0x24]);
        assert_eq!(
            read(&mut chip, 9, &world, 0),
            [0x59, 0x59, 0x23, 0x07, 0x31, 0x12, 0x24]
        );
        assert_eq!(read(&mut chip, 10, &world, 0), [0, 0, 0, 1, 1, 1, 0x25]);
    }

    #[test]
    fn a_clock_with_a_battery_has_kept_time() {
        let world = Stimulus::parse("time=1709251199").unwrap();
        let mut chip = RegDevice::new(Ds1307::default());
        assert_eq!(
            read(&mut chip, 5, &world, 0),
            [0x59, 0x59, 0x23, 0x05, 0x29, 0x02, 0x24]
        );
        assert_eq!(read(&mut chip, 6, &world, 4), [0x01, 0x03, 0x24]);
    }

    #[test]
    fn memory_is_kept_and_addresses_wrap() {
        let (mut chip, world) = (RegDevice::new(Ds1307::default()), Stimulus::default());
        write(&mut chip, &[0x3e, 1, 2, 0x30]);
        assert_eq!(read(&mut chip, 0, &world, 0x3e), [1, 2, 0x30]);
        assert_eq!(read(&mut chip, 0, &world, 0x08), [0]);
    }
}
