// SPDX-License-Identifier: GPL-2.0-only
//! DS3231: real-time clock with two alarms and a thermometer that trims its crystal, on I²C.
//!
//! Written from the data sheet (Maxim Integrated, 19-5170, revision 2015). Modelled: the clock in both hour forms with
//! its century bit, both alarms with all masks, the oscillator-stop flag, temperature conversions, and INT as an
//! alarm's output. Not modelled: the square wave on the same pin, the 32 kHz output, ageing (its register only stores).

use crate::calendar::{self, Fields, Ticks};
use crate::chip::{NEVER, Pin, RegModel, Status};
use crate::convert::quantise;
use crate::regs::RegFile;
use crate::sampler::Sampler;
use crate::stimulus::Stimulus;

crate::registers! {
    /// The registers (data sheet, figure 1). After the first application of power, the clock counts from 2000-01-01.
    pub mod reg: [0x20];
    0x00 SECONDS       = 0x00 rw 0x7f act;
    0x01 MINUTES       = 0x00 rw 0x7f act;
    0x02 HOURS         = 0x00 rw 0x7f act;
    0x03 DAY           = 0x01 rw 0x07 act;
    0x04 DATE          = 0x01 rw 0x3f act;
    0x05 MONTH         = 0x01 rw 0x9f act;
    0x06 YEAR          = 0x00 rw act;
    0x07 ALARM1_SECOND = 0x00 rw;
    0x08 ALARM1_MINUTE = 0x00 rw;
    0x09 ALARM1_HOUR   = 0x00 rw;
    0x0a ALARM1_DAY    = 0x00 rw;
    0x0b ALARM2_MINUTE = 0x00 rw;
    0x0c ALARM2_HOUR   = 0x00 rw;
    0x0d ALARM2_DAY    = 0x00 rw;
    0x0e CONTROL       = 0x1c rw 0xdf act;
    0x0f STATUS        = 0x88 rw 0x08 act;
    0x10 AGEING        = 0x00 rw;
    0x11 TEMP_HIGH     = 0x00 ro;
    0x12 TEMP_LOW      = 0x00 ro;
}

const LAST: u8 = reg::TEMP_LOW;
const CONVERT: u8 = 0x20;
const IS_ALARM_PIN: u8 = 0x04;
/// Of the status: flags that the bus can only clear.
const OSCILLATOR_STOPPED: u8 = 0x80;
const ALARM2: u8 = 0x02;
const ALARM1: u8 = 0x01;
/// In an alarm's registers: this field does not matter; the day is one of the week.
const ANY: u8 = 0x80;
const IS_WEEKDAY: u8 = 0x40;
/// From one temperature conversion to the next (data sheet, "Temperature registers").
const CONVERSION_NS: u64 = 64_000_000_000;

/// The chip.
pub struct Ds3231 {
    regs: RegFile<0x20>,
    now: u64,
    clock: Fields,
    /// What a read sees: the counters as they were at its START.
    copy: Fields,
    ticks: Ticks,
    sampler: Sampler,
    has_power: bool,
}

impl Default for Ds3231 {
    /// A chip before power-on: the first [`advance`](RegModel::advance) switches it on.
    fn default() -> Self {
        // The counters are the first registers.
        let clock = std::array::from_fn(|at| reg::MAP.reset[at]);
        Ds3231 {
            regs: RegFile::new(&reg::MAP),
            now: 0,
            clock,
            copy: clock,
            ticks: Ticks::default(),
            sampler: Sampler::default(),
            has_power: false,
        }
    }
}

impl Ds3231 {
    fn power_on(&mut self, world: &Stimulus) {
        self.has_power = true;
        if let Some(time) = world.time {
            self.clock = calendar::fields(time);
            self.regs
                .set(reg::STATUS, self.regs.get(reg::STATUS) & !OSCILLATOR_STOPPED);
        }
        self.ticks.restart(self.now);
        self.sampler.start(self.now);
    }

    fn convert(&mut self, world: &Stimulus) {
        // 10 bits of 0.25 °C, left-justified.
        let [high, low] = (quantise(world.temp * 4.0, 10) << 6).to_be_bytes();
        self.regs.set(reg::TEMP_HIGH, high);
        self.regs.set(reg::TEMP_LOW, low);
    }

    fn matches(&self, alarm: u8, field: u8) -> bool {
        let wanted = self.regs.get(alarm);
        wanted & ANY != 0 || self.clock.get(usize::from(field)) == Some(&wanted)
    }

    fn matches_day(&self, alarm: u8) -> bool {
        let wanted = self.regs.get(alarm);
        let field = if wanted & IS_WEEKDAY == 0 { reg::DATE } else { reg::DAY };
        wanted & ANY != 0 || self.clock.get(usize::from(field)) == Some(&(wanted & 0x3f))
    }

    /// A second has passed (data sheet, table 2).
    fn look_at_alarms(&mut self) {
        let is_one = self.matches(reg::ALARM1_SECOND, reg::SECONDS)
            && self.matches(reg::ALARM1_MINUTE, reg::MINUTES)
            && self.matches(reg::ALARM1_HOUR, reg::HOURS)
            && self.matches_day(reg::ALARM1_DAY);
        let is_two = self.clock.first() == Some(&0)
            && self.matches(reg::ALARM2_MINUTE, reg::MINUTES)
            && self.matches(reg::ALARM2_HOUR, reg::HOURS)
            && self.matches_day(reg::ALARM2_DAY);
        let flags = if is_one { ALARM1 } else { 0 } | if is_two { ALARM2 } else { 0 };
        self.regs.set(reg::STATUS, self.regs.get(reg::STATUS) | flags);
    }
}

impl RegModel for Ds3231 {
    const NAME: &'static str = "ds3231";
    const PIN_NAMES: &'static [&'static str] = &["INT"];
    /// It has no identification; the control register is what a driver may look at.
    const ID_REG: u8 = reg::CONTROL;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        if !self.has_power {
            self.power_on(world);
        }
        while self.ticks.pass(now, &mut self.clock, true) {
            self.look_at_alarms();
        }
        let is_asked = self.regs.has(reg::CONTROL, CONVERT);
        while self.sampler.due(now, CONVERSION_NS).is_some() {
            self.convert(world);
        }
        if is_asked {
            // Over before anybody can look: the bit clears itself.
            self.convert(world);
            self.regs.set(reg::CONTROL, self.regs.get(reg::CONTROL) & !CONVERT);
        }
    }

    fn status(&self) -> Status {
        let control = self.regs.get(reg::CONTROL);
        let flags = self.regs.get(reg::STATUS) & control & (ALARM1 | ALARM2);
        let is_alarm = control & IS_ALARM_PIN != 0;
        let is_waiting = is_alarm && control & (ALARM1 | ALARM2) != 0;
        Status {
            next_event: if is_waiting { self.ticks.next() } else { NEVER },
            pins: [Pin::output(is_alarm && flags != 0, false, true), Pin::Float],
        }
    }

    fn read(&mut self, reg: u8) -> u8 {
        match self.copy.get(usize::from(reg)) {
            Some(field) => *field,
            None => self.regs.get(reg),
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        if reg == reg::STATUS {
            let kept = self.regs.get(reg) & value & (OSCILLATOR_STOPPED | ALARM1 | ALARM2);
            self.regs.set(reg, kept | value & 0x08);
            return;
        }
        let new = self.regs.write(reg, value);
        if reg == reg::CONTROL && value & CONVERT != 0 {
            self.regs.set(reg, new | CONVERT);
        }
        if let Some(field) = self.clock.get_mut(usize::from(reg)) {
            *field = new;
        }
        if reg == reg::SECONDS {
            // The chain below the seconds begins anew (data sheet, "Clock and calendar").
            self.ticks.restart(self.now);
        }
    }

    fn next_reg(&self, reg: u8) -> u8 {
        if reg >= LAST { 0 } else { reg + 1 }
    }

    fn burst_end(&mut self) {
        self.copy = self.clock;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::{Chip, Dir, RegDevice};

    const SECOND: u64 = 1_000_000_000;

    fn read<const N: usize>(chip: &mut RegDevice<Ds3231>, at_s: u64, reg: u8) -> [u8; N] {
        let mut bytes = [0; N];
        chip.i2c_write_read(at_s * SECOND, &Stimulus::default(), &[reg], &mut bytes);
        bytes
    }

    fn write(chip: &mut RegDevice<Ds3231>, bytes: &[u8]) {
        chip.i2c_start(Dir::Write);
        chip.i2c_write(bytes);
        chip.i2c_stop();
    }

    #[test]
    fn a_new_clock_counts_and_says_that_its_time_means_nothing() {
        let mut chip = RegDevice::new(Ds3231::default());
        assert_eq!(read(&mut chip, 0, 0x0e), [0x1c, 0x88, 0x00, 25, 0]);
        assert_eq!(read(&mut chip, 61, 0), [0x01, 0x01, 0, 1, 1, 1, 0]);
        write(&mut chip, &[0x0f, 0x08]);
        assert_eq!(read(&mut chip, 61, 0x0f), [0x08]);
        write(&mut chip, &[0x0f, 0xff]);
        assert_eq!(read(&mut chip, 61, 0x0f), [0x08]);
    }

    #[test]
    fn an_alarm_pulls_the_pin_until_its_flag_is_cleared() {
        let mut chip = RegDevice::new(Ds3231::default());
        read::<1>(&mut chip, 0, 0);
        // At second 5 of any minute.
        write(&mut chip, &[0x07, 0x05, 0x80, 0x80, 0x80]);
        write(&mut chip, &[0x0e, 0x05]);
        assert_eq!(chip.status().next_event, SECOND);
        chip.advance(4 * SECOND, &Stimulus::default());
        assert_eq!(chip.status().pins[0], Pin::Float);
        chip.advance(5 * SECOND, &Stimulus::default());
        assert_eq!(chip.status().pins[0], Pin::Low);
        write(&mut chip, &[0x0f, 0x00]);
        assert_eq!(chip.status().pins[0], Pin::Float);
    }

    #[test]
    fn the_second_alarm_is_one_of_whole_minutes() {
        let mut chip = RegDevice::new(Ds3231::default());
        read::<1>(&mut chip, 0, 0);
        write(&mut chip, &[0x0b, 0x02, 0x80, 0x80]);
        assert_eq!(read(&mut chip, 119, 0x0f), [0x88]);
        assert_eq!(read(&mut chip, 120, 0x0f), [0x8a]);
    }

    #[test]
    fn a_conversion_comes_every_64_seconds_or_on_request() {
        let mut chip = RegDevice::new(Ds3231::default());
        let cold = Stimulus {
            temp: -10.25,
            ..Stimulus::default()
        };
        assert_eq!(read(&mut chip, 0, 0x11), [25, 0]);
        let mut both = [0; 2];
        chip.i2c_write_read(10 * SECOND, &cold, &[0x11], &mut both);
        assert_eq!(both, [25, 0]);
        write(&mut chip, &[0x0e, 0x3c]);
        chip.i2c_write_read(10 * SECOND, &cold, &[0x11], &mut both);
        assert_eq!(both, [0xf5, 0xc0]);
        assert_eq!(read(&mut chip, 64, 0x0e), [0x1c, 0x88, 0, 25, 0]);
    }
}
