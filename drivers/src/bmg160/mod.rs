// SPDX-License-Identifier: GPL-2.0-only
//! Bosch Sensortec BMG160: three-axis gyroscope, ±125 °/s to ±2000 °/s, on I²C or SPI.
//!
//! Written from the data sheet (Bosch Sensortec, BST-BMG160-DS000, rev. 1.2) and, where that is silent, those of the
//! BMI055 and the BMI088, which contain the same gyroscope. Modelled: the data path with all ranges and data rates,
//! register shadowing, temperature, normal, suspend and deep-suspend mode, soft reset, the FIFO, and the interrupt
//! engine with new data, FIFO, any-motion and high-rate interrupts, their mapping, latching, polarity and output
//! driver.
//!
//! Not modelled: the filters (a sample is the stimulus at its moment), offset compensation (its registers only store),
//! the non-volatile memory, tags in FIFO frames, and the duty cycle of the advanced power-save mode.

pub(crate) mod fifo;
pub(crate) mod interrupt;
#[cfg(test)]
mod tests;

use crate::chip::{ChipOptions, PINS, RegModel, StartUp, Status};
use crate::convert::quantise;
use crate::regs::RegFile;
use crate::sampler::Sampler;
use crate::stimulus::Stimulus;
use fifo::Fifo;
use interrupt::Engine;

crate::registers! {
    /// The registers (data sheet, "Register map").
    pub mod reg: [0x40];
    0x00 CHIP_ID         = 0x0f ro;
    0x02 RATE_X_LSB      = 0x00 ro live;
    0x03 RATE_X_MSB      = 0x00 ro live;
    0x04 RATE_Y_LSB      = 0x00 ro live;
    0x05 RATE_Y_MSB      = 0x00 ro live;
    0x06 RATE_Z_LSB      = 0x00 ro live;
    0x07 RATE_Z_MSB      = 0x00 ro live;
    0x08 TEMP            = 0x00 ro;
    0x09 INT_STATUS_0    = 0x00 ro live;
    0x0a INT_STATUS_1    = 0x00 ro live;
    0x0b INT_STATUS_2    = 0x00 ro live;
    0x0c INT_STATUS_3    = 0x00 ro live;
    0x0e FIFO_STATUS     = 0x00 ro live;
    0x0f RANGE           = 0x00 rw 0x07 act;
    0x10 BW              = 0x80 rw 0x0f act;
    0x11 LPM1            = 0x00 rw 0xae act;
    0x12 LPM2            = 0x00 rw 0xf7;
    0x13 RATE_HBW        = 0x00 rw 0xc0;
    0x14 BGW_SOFTRESET   = 0x00 rw 0x00 act;
    0x15 INT_EN_0        = 0x00 rw 0xc4;
    0x16 INT_EN_1        = 0x0f rw 0x0f;
    0x17 INT_MAP_0       = 0x00 rw 0x0a;
    0x18 INT_MAP_1       = 0x00 rw 0xff;
    0x19 INT_MAP_2       = 0x00 rw 0x0a;
    0x1a INT_DATA        = 0x00 rw 0x2a;
    0x1b ANY_TH          = 0x04 rw 0xff;
    0x1c ANY_EN          = 0xa0 rw 0xf7 act;
    0x1e FIFO_WM_EN      = 0x08 rw 0x88;
    0x21 INT_RST_LATCH   = 0x00 rw 0x1f act;
    0x22 HIGH_TH_X       = 0x02 rw 0xff;
    0x23 HIGH_DUR_X      = 0x19 rw;
    0x24 HIGH_TH_Y       = 0x02 rw 0xff;
    0x25 HIGH_DUR_Y      = 0x19 rw;
    0x26 HIGH_TH_Z       = 0x02 rw 0xff;
    0x27 HIGH_DUR_Z      = 0x19 rw;
    0x31 SOC             = 0x00 rw;
    0x32 A_FOC           = 0xc0 rw;
    0x33 TRIM_NVM_CTRL   = 0x04 ro;
    0x34 BGW_SPI3_WDT    = 0x00 rw 0x07;
    0x36 OFC1            = 0x00 rw;
    0x37 OFC2            = 0x00 rw;
    0x38 OFC3            = 0x00 rw;
    0x39 OFC4            = 0x00 rw;
    0x3a TRIM_GP0        = 0x00 rw;
    0x3b TRIM_GP1        = 0x00 rw;
    0x3c BIST            = 0x00 rw 0x00 act;
    0x3d FIFO_CONFIG_0   = 0x00 rw;
    0x3e FIFO_CONFIG_1   = 0x00 rw 0xc3 act;
    0x3f FIFO_DATA       = 0x00 ro live;
}

const SOFT_RESET: u8 = 0xb6;
const SUSPEND: u8 = 0x80;
const DEEP_SUSPEND: u8 = 0x20;
const FAST_POWER_UP: u8 = 0x80;
const SHADOW_OFF: u8 = 0x40;
/// FIFO_WM_EN.
const WATERMARK_ON: u8 = 0x80;
const SPI_3WIRE: u8 = 0x01;
const BIST_TRIGGER: u8 = 0x01;
/// The rate is plausible, and the test is done without a finding.
const BIST_GOOD: u8 = 0x12;

/// Sensitivity at ±2000 °/s (data sheet, table 2); each smaller range doubles it.
const LSB_PER_DEGREE: f64 = 16.4;
/// TEMP is 0 at this temperature and has 2 LSB per kelvin.
const TEMP_CENTRE: f64 = 23.0;
/// Start-up from reset and wake-up from suspend (data sheet, table 2).
const START_UP_NS: u64 = 30_000_000;
const FAST_START_UP_NS: u64 = 10_000_000;

/// Frames of the FIFO.
const FIFO_DEPTH: usize = 100;

/// One sample as the output registers show it.
type Sample = [i16; 3];

/// The chip.
pub struct Bmg160 {
    regs: RegFile<0x40>,
    start_up: StartUp,
    now: u64,
    sampler: Sampler,
    latest: Sample,
    /// Shadowing: the upper half of each axis as it was when the lower half was read.
    shadow: [Option<u8>; 3],
    fifo: Fifo<FIFO_DEPTH>,
    engine: Engine,
    has_power: bool,
}

impl Bmg160 {
    /// A chip before power-on: the first [`advance`](RegModel::advance) switches it on.
    pub fn new(options: &ChipOptions) -> Self {
        Bmg160 {
            regs: RegFile::new(&reg::MAP),
            start_up: options.start_up,
            now: 0,
            sampler: Sampler::default(),
            latest: [0; 3],
            shadow: [None; 3],
            fifo: Fifo::default(),
            engine: Engine::default(),
            has_power: false,
        }
    }

    /// Power-on and soft reset: normal mode, with all registers as in the map.
    fn reset(&mut self) {
        self.regs.reset();
        self.latest = [0; 3];
        self.shadow = [None; 3];
        self.fifo = Fifo::default();
        self.engine = Engine::default();
        self.wake(START_UP_NS);
    }

    fn wake(&mut self, start_up_ns: u64) {
        self.sampler.start(self.now + self.start_up.delay(start_up_ns));
    }

    fn is_suspended(&self) -> bool {
        self.regs.has(reg::LPM1, SUSPEND | DEEP_SUSPEND)
    }

    fn period_ns(&self) -> u64 {
        let hz = match self.regs.get(reg::BW) & 0x0f {
            2 => 1000,
            3 => 400,
            4 | 6 => 200,
            5 | 7 => 100,
            _ => 2000,
        };
        1_000_000_000 / hz
    }

    fn take_sample(&mut self, time_ns: u64, world: &Stimulus) {
        let range = u32::from(self.regs.get(reg::RANGE)).min(4);
        let per_degree = LSB_PER_DEGREE * f64::from(1 << range);
        self.latest = std::array::from_fn(|axis| quantise(world.rate_at(axis, time_ns).to_degrees() * per_degree, 16));
        let [temp, _] = quantise((world.temp - TEMP_CENTRE) * 2.0, 8).to_le_bytes();
        self.regs.set(reg::TEMP, temp);
        self.fifo.push(self.latest);
        self.engine.sample(&self.regs, time_ns, self.latest);
    }

    fn rate_byte(&mut self, which: u8) -> u8 {
        let axis = usize::from(which / 2) % 3;
        let [low, high] = self.latest[axis].to_le_bytes();
        if which & 1 == 0 {
            if !self.regs.has(reg::RATE_HBW, SHADOW_OFF) {
                self.shadow[axis] = Some(high);
            }
            return low;
        }
        self.shadow[axis].take().unwrap_or(high)
    }

    /// Whether the FIFO interrupt's condition holds: the watermark is exceeded, or without one the FIFO is full.
    fn has_fifo_event(&self) -> bool {
        if self.regs.has(reg::FIFO_WM_EN, WATERMARK_ON) {
            self.fifo.holds((self.regs.get(reg::FIFO_CONFIG_0) & 0x7f) + 1)
        } else {
            self.fifo.is_full()
        }
    }

    fn power_changed(&mut self, old: u8, new: u8) {
        let asleep = SUSPEND | DEEP_SUSPEND;
        if new & asleep != 0 {
            self.sampler.stop();
        } else if old & DEEP_SUSPEND != 0 {
            // Deep suspend keeps no registers.
            self.reset();
        } else if old & SUSPEND != 0 {
            let is_fast = self.regs.has(reg::LPM2, FAST_POWER_UP);
            self.wake(if is_fast { FAST_START_UP_NS } else { START_UP_NS });
        }
    }
}

impl RegModel for Bmg160 {
    const NAME: &'static str = "bmg160";
    const PIN_NAMES: &'static [&'static str] = &["INT1", "INT2"];
    const ID_REG: u8 = reg::CHIP_ID;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        if !self.has_power {
            self.has_power = true;
            self.reset();
        }
        while let Some(time) = self.sampler.due(now, self.period_ns()) {
            self.take_sample(time, world);
        }
    }

    fn status(&self) -> Status {
        let has_fifo_event = self.has_fifo_event();
        let pins = std::array::from_fn::<_, PINS, _>(|pin| self.engine.pin(&self.regs, pin, self.now, has_fifo_event));
        let mut next_event = self.engine.next_release(&self.regs, self.now);
        if self.engine.needs_samples(&self.regs) {
            next_event = next_event.min(self.sampler.next());
        }
        Status { next_event, pins }
    }

    fn read(&mut self, reg: u8) -> u8 {
        if !self.regs.is_live(reg) {
            return self.regs.get(reg);
        }
        match reg & 0x3f {
            reg @ reg::RATE_X_LSB..=reg::RATE_Z_MSB => self.rate_byte(reg - reg::RATE_X_LSB),
            reg::FIFO_STATUS => self.fifo.status(),
            reg::FIFO_DATA => self.fifo.read_byte(),
            reg => self.engine.status(&self.regs, reg, self.now, self.has_fifo_event()),
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        let reg = reg & 0x3f;
        // Asleep, the chip takes only what ends the sleep (data sheet, "Power modes").
        let is_locked = self.is_suspended() && !self.regs.has(reg::LPM2, FAST_POWER_UP);
        if is_locked && !matches!(reg, reg::LPM1 | reg::LPM2 | reg::BGW_SOFTRESET) {
            return;
        }
        let old = self.regs.get(reg);
        let new = self.regs.write(reg, value);
        if !self.regs.is_act(reg) {
            return;
        }
        match reg {
            reg::BGW_SOFTRESET if value == SOFT_RESET => self.reset(),
            reg::LPM1 => self.power_changed(old, new),
            reg::BIST if value & BIST_TRIGGER != 0 => self.regs.set(reg::BIST, BIST_GOOD),
            reg::INT_RST_LATCH => self.engine.latch_written(value),
            reg::ANY_EN => self.engine.any_motion_configured(),
            reg::FIFO_CONFIG_1 => self.fifo.configure(new),
            // With an instant start the output follows the new range at once, as if it had always been so.
            reg::RANGE if self.start_up == StartUp::Instant && self.sampler.is_running() => {
                self.sampler.start(self.now);
            }
            reg::BW if old != new && self.sampler.is_running() => self.sampler.start(self.now + self.period_ns()),
            _ => {}
        }
    }

    fn next_reg(&self, reg: u8) -> u8 {
        // A burst stays on the FIFO.
        if reg & 0x3f == reg::FIFO_DATA {
            reg
        } else {
            reg.wrapping_add(1) & 0x3f
        }
    }

    fn burst_end(&mut self) {
        self.fifo.burst_end();
    }

    fn spi_accepts(&self, mode: u32) -> bool {
        let wires = if self.regs.has(reg::BGW_SPI3_WDT, SPI_3WIRE) {
            0x10
        } else {
            0
        };
        // Modes 0 and 3, most significant bit first.
        matches!(mode & 0x03, 0 | 3) && mode & 0x1c == wires
    }
}
