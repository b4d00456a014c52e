// SPDX-License-Identifier: GPL-2.0-only
//! LM75: digital temperature sensor and thermal watchdog, −55 °C to 125 °C, on I²C.
//!
//! Written from the data sheet of the LM75B (Texas Instruments, SNIS153, revision of 2014). Modelled: the pointer and
//! its four registers, conversions, shutdown, and the watchdog output OS with comparator and interrupt mode, polarity
//! and fault queue. Not modelled: SMBus time-out.

use crate::chip::{Pin, RegModel, Status};
use crate::convert::quantise;
use crate::regs::RegFile;
use crate::sampler::Sampler;
use crate::stimulus::Stimulus;

crate::registers! {
    /// The registers (data sheet, 7.6): the pointer's value is the address of the upper byte, the lower lies 0x10
    /// above.
    pub mod reg: [0x20];
    0x00 TEMP       = 0x00 ro;
    0x01 CONFIG     = 0x00 rw 0x1f act;
    0x02 T_HYST     = 0x4b rw;
    0x03 T_OS       = 0x50 rw;
    0x10 TEMP_LOW   = 0x00 ro;
    0x12 T_HYST_LOW = 0x00 rw 0x80;
    0x13 T_OS_LOW   = 0x00 rw 0x80;
}

const POINTER: u8 = 0x03;
const LOW: u8 = 0x10;
const SHUTDOWN: u8 = 0x01;
const INTERRUPT_MODE: u8 = 0x02;
const OS_HIGH: u8 = 0x04;
/// Faults in a row that OS waits for, by bits 3 and 4 of the configuration.
const FAULTS: [u8; 4] = [1, 2, 4, 6];
/// From one conversion to the next (data sheet, 6.6).
const PERIOD_NS: u64 = 100_000_000;

/// The chip.
pub struct Lm75 {
    regs: RegFile<0x20>,
    now: u64,
    sampler: Sampler,
    /// Conversions in a row that were beyond the limit that counts now.
    faults: u8,
    /// Whether the next fault is one below T_HYST: T_OS was passed.
    is_hot: bool,
    is_os_active: bool,
    has_power: bool,
}

impl Default for Lm75 {
    /// A chip before power-on: the first [`advance`](RegModel::advance) switches it on.
    fn default() -> Self {
        Lm75 {
            regs: RegFile::new(&reg::MAP),
            now: 0,
            sampler: Sampler::default(),
            faults: 0,
            is_hot: false,
            is_os_active: false,
            has_power: false,
        }
    }
}

impl Lm75 {
    fn word(&self, reg: u8) -> i16 {
        i16::from_be_bytes([self.regs.get(reg), self.regs.get(reg | LOW)])
    }

    fn convert(&mut self, world: &Stimulus) {
        // 9 bits of 0.5 °C, left-justified; the converter ends at its limits (data sheet, 7.3.1).
        let halves = quantise(world.temp.clamp(-55.0, 125.0) * 2.0, 9);
        let [high, low] = (halves << 7).to_be_bytes();
        self.regs.set(reg::TEMP, high);
        self.regs.set(reg::TEMP_LOW, low);
        let temp = self.word(reg::TEMP);
        let is_fault = if self.is_hot {
            temp < self.word(reg::T_HYST)
        } else {
            temp > self.word(reg::T_OS)
        };
        self.faults = if is_fault { self.faults + 1 } else { 0 };
        let queue = usize::from(self.regs.get(reg::CONFIG) >> 3 & 3);
        if self.faults >= FAULTS[queue] {
            self.faults = 0;
            self.is_hot = !self.is_hot;
            // A comparator follows; in interrupt mode both crossings are announced.
            self.is_os_active = self.is_hot || self.regs.has(reg::CONFIG, INTERRUPT_MODE);
        }
    }
}

impl RegModel for Lm75 {
    const NAME: &'static str = "lm75";
    const PIN_NAMES: &'static [&'static str] = &["OS"];
    /// It has no identification.
    const ID_REG: u8 = 0xff;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        if !self.has_power {
            self.has_power = true;
            self.sampler.start(now);
        }
        while self.sampler.due(now, PERIOD_NS).is_some() {
            self.convert(world);
        }
    }

    fn status(&self) -> Status {
        let os = Pin::output(self.is_os_active, self.regs.has(reg::CONFIG, OS_HIGH), true);
        Status {
            next_event: self.sampler.next(),
            pins: [os, Pin::Float],
        }
    }

    fn read(&mut self, reg: u8) -> u8 {
        // Any reading is the answer that interrupt mode waits for (data sheet, 7.4.2).
        if self.regs.has(reg::CONFIG, INTERRUPT_MODE) {
            self.is_os_active = false;
        }
        self.regs.get(reg & (POINTER | LOW))
    }

    fn write(&mut self, reg: u8, value: u8) {
        let reg = reg & (POINTER | LOW);
        let new = self.regs.write(reg, value);
        if self.regs.is_act(reg) {
            if new & SHUTDOWN != 0 {
                self.sampler.stop();
                // In shutdown, interrupt mode lets go of OS.
                self.is_os_active &= new & INTERRUPT_MODE == 0;
            } else if !self.sampler.is_running() {
                self.sampler.start(self.now + PERIOD_NS);
            }
        }
    }

    /// Two bytes of one register in turn; the configuration has one.
    fn next_reg(&self, reg: u8) -> u8 {
        if reg & POINTER == reg::CONFIG { reg } else { reg ^ LOW }
    }

    fn read_start(&self, reg: u8) -> u8 {
        reg & POINTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::{Chip, Dir, RegDevice};

    fn chip() -> RegDevice<Lm75> {
        RegDevice::new(Lm75::default())
    }

    fn read(chip: &mut RegDevice<Lm75>, at_ms: u64, temp: f64, pointer: u8) -> u16 {
        let world = Stimulus {
            temp,
            ..Stimulus::default()
        };
        let mut word = [0; 2];
        chip.i2c_write_read(at_ms * 1_000_000, &world, &[pointer], &mut word);
        u16::from_be_bytes(word)
    }

    fn write(chip: &mut RegDevice<Lm75>, bytes: &[u8]) {
        chip.i2c_start(Dir::Write);
        chip.i2c_write(bytes);
        chip.i2c_stop();
    }

    #[test]
    fn temperatures_are_those_of_the_data_sheet() {
        // Data sheet, table 2.
        for (temp, word) in [
            (125.0, 0x7d00),
            (25.0, 0x1900),
            (0.5, 0x0080),
            (0.0, 0),
            (-0.5, 0xff80),
            (-25.0, 0xe700),
            (-55.0, 0xc900),
            (500.0, 0x7d00),
        ] {
            assert_eq!(read(&mut chip(), 0, temp, 0), word, "{temp}");
        }
        assert_eq!(read(&mut chip(), 0, 0.0, 2), 0x4b00);
        assert_eq!(read(&mut chip(), 0, 0.0, 3), 0x5000);
    }

    #[test]
    fn a_limit_has_nine_bits_and_a_read_begins_at_the_upper_byte() {
        let mut chip = chip();
        write(&mut chip, &[3, 0x12, 0xff]);
        let mut one = [0];
        chip.i2c_write_read(0, &Stimulus::default(), &[3], &mut one);
        assert_eq!(one, [0x12]);
        chip.i2c_start(Dir::Read);
        chip.i2c_read(&mut one);
        assert_eq!(one, [0x12]);
        assert_eq!(read(&mut chip, 0, 0.0, 3), 0x1280);
    }

    #[test]
    fn os_follows_its_limits_after_the_fault_queue() {
        let mut chip = chip();
        write(&mut chip, &[1, 0x08]);
        let mut os_at = |ms, temp| {
            read(&mut chip, ms, temp, 1);
            chip.status().pins[0]
        };
        assert_eq!(os_at(0, 81.0), Pin::Float);
        assert_eq!(os_at(100, 81.0), Pin::Low);
        assert_eq!(os_at(300, 76.0), Pin::Low);
        assert_eq!(os_at(500, 74.0), Pin::Float);
    }

    #[test]
    fn interrupt_mode_announces_each_crossing_until_it_is_read() {
        let mut chip = chip();
        write(&mut chip, &[1, INTERRUPT_MODE]);
        let mut os_at = |ms: u64, temp| {
            let world = Stimulus {
                temp,
                ..Stimulus::default()
            };
            chip.advance(ms * 1_000_000, &world);
            let pin = chip.status().pins[0];
            chip.i2c_start(Dir::Read);
            chip.i2c_read(&mut [0]);
            (pin, chip.status().pins[0])
        };
        assert_eq!(os_at(0, 81.0), (Pin::Low, Pin::Float));
        assert_eq!(os_at(100, 81.0), (Pin::Float, Pin::Float));
        assert_eq!(os_at(200, 20.0), (Pin::Low, Pin::Float));
    }

    #[test]
    fn shutdown_keeps_the_last_temperature() {
        let mut chip = chip();
        read(&mut chip, 0, 20.0, 0);
        write(&mut chip, &[1, SHUTDOWN]);
        assert_eq!(read(&mut chip, 1000, 30.0, 0), 0x1400);
        write(&mut chip, &[1, 0]);
        assert_eq!(read(&mut chip, 1200, 30.0, 0), 0x1e00);
    }
}
