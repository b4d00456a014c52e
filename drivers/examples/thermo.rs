// SPDX-License-Identifier: GPL-2.0-only
//! How to write a chip: a made-up thermometer on I²C.
//!
//! Its data sheet would say: identification at 0x00; bit 0 of the control register at 0x01 starts measuring, ten times
//! a second; the temperature in 1/256 °C at 0x02, high byte first. `README.md` says where a real chip goes.

use board::Stimulus;
use board::chip::{Chip, ChipOptions, Dir, NEVER, PINS, Pin, RegDevice, RegModel, SpiCommand, Status};
use board::convert::quantise;
use board::regs::RegFile;
use board::sampler::Sampler;

board::registers! {
    /// The registers (data sheet, table 3).
    pub mod reg: [0x04];
    0x00 ID      = 0x7e ro;
    0x01 CTRL    = 0x00 rw 0x01 act;
    0x02 TEMP_HI = 0x00 ro;
    0x03 TEMP_LO = 0x00 ro;
}

const MEASURE: u8 = 0x01;
const PERIOD_NS: u64 = 100_000_000;

/// The chip.
struct Thermo {
    regs: RegFile<0x04>,
    now: u64,
    sampler: Sampler,
}

impl Thermo {
    fn new(_options: &ChipOptions) -> Self {
        Thermo {
            regs: RegFile::new(&reg::MAP),
            now: 0,
            sampler: Sampler::default(),
        }
    }
}

impl RegModel for Thermo {
    const NAME: &'static str = "thermo";
    const PIN_NAMES: &'static [&'static str] = &[];
    const ID_REG: u8 = reg::ID;

    /// Time is pulled: the board calls this before each transfer, and the chip does all that was due since.
    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        while self.sampler.due(now, PERIOD_NS).is_some() {
            let [high, low] = quantise(world.temp * 256.0, 16).to_be_bytes();
            self.regs.set(reg::TEMP_HI, high);
            self.regs.set(reg::TEMP_LO, low);
        }
    }

    /// No interrupt pin: nothing changes that anybody could see without asking. A chip with one says here what the
    /// pin does now (`Pin::output`), and when the next sample may change it.
    fn status(&self) -> Status {
        Status {
            next_event: NEVER,
            pins: [Pin::Float; PINS],
        }
    }

    fn read(&mut self, reg: u8) -> u8 {
        self.regs.get(reg)
    }

    fn write(&mut self, reg: u8, value: u8) {
        let new = self.regs.write(reg, value);
        if self.regs.is_act(reg) {
            if new & MEASURE != 0 {
                self.sampler.start(self.now)
            } else {
                self.sampler.stop()
            }
        }
    }

    fn spi_accepts(&self, _mode: u32) -> bool {
        false
    }

    fn spi_command(&self, byte: u8) -> SpiCommand {
        SpiCommand {
            reg: byte,
            read: true,
            increment: true,
        }
    }
}

fn main() {
    let world = Stimulus {
        temp: 25.5,
        ..Stimulus::default()
    };
    let mut chip = RegDevice::new(Thermo::new(&ChipOptions::default()));
    chip.i2c_start(Dir::Write);
    chip.i2c_write(&[reg::CTRL, 0xff]);
    chip.i2c_stop();
    let mut all = [0; 4];
    chip.i2c_write_read(PERIOD_NS, &world, &[reg::ID], &mut all);
    // The bits of CTRL that do not exist were not written.
    assert_eq!(all, [0x7e, 0x01, 25, 128]);
    println!(
        "id {:#x}, {} °C",
        all[0],
        f64::from(i16::from_be_bytes([all[2], all[3]])) / 256.0
    );
}

#[test]
fn the_temperature_comes_out() {
    main();
}
