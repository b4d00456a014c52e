// SPDX-License-Identifier: GPL-2.0-only
//! Analog Devices ADXL345: three-axis accelerometer, ±2 g to ±16 g, on I²C or SPI.
//!
//! Written from the data sheet (Analog Devices, ADXL345, rev. E). Modelled: all registers with their reset values,
//! the data path (range, full resolution, justification, offsets, self-test), all output data rates, standby and
//! sleep, the FIFO in its four modes, and every interrupt with its mapping and polarity.
//!
//! Not modelled: the output filter (a sample is the stimulus at its moment), the FIFO's 33rd entry (the filter's output
//! register), power supply behaviour, and tap detection faster than the output data rate.

mod fifo;
mod motion;
#[cfg(test)]
mod tests;

use crate::chip::{ChipOptions, NEVER, PINS, Pin, RegModel, SpiCommand, StartUp, Status};
use crate::convert::quantise;
use crate::regs::RegFile;
use crate::sampler::Sampler;
use crate::stimulus::{STANDARD_GRAVITY, Stimulus};
use fifo::Fifo;
use motion::Motion;

crate::registers! {
    /// The registers (data sheet, table 19). 0x01 to 0x1c are reserved and read as 0 here.
    pub mod reg: [0x40];
    0x00 DEVID          = 0xe5 ro;
    0x1d THRESH_TAP     = 0x00 rw;
    0x1e OFSX           = 0x00 rw;
    0x1f OFSY           = 0x00 rw;
    0x20 OFSZ           = 0x00 rw;
    0x21 DUR            = 0x00 rw;
    0x22 LATENT         = 0x00 rw;
    0x23 WINDOW         = 0x00 rw;
    0x24 THRESH_ACT     = 0x00 rw;
    0x25 THRESH_INACT   = 0x00 rw;
    0x26 TIME_INACT     = 0x00 rw;
    0x27 ACT_INACT_CTL  = 0x00 rw act;
    0x28 THRESH_FF      = 0x00 rw;
    0x29 TIME_FF        = 0x00 rw;
    0x2a TAP_AXES       = 0x00 rw 0x0f;
    0x2b ACT_TAP_STATUS = 0x00 ro live;
    0x2c BW_RATE        = 0x0a rw 0x1f act;
    0x2d POWER_CTL      = 0x00 rw 0x3f act;
    0x2e INT_ENABLE     = 0x00 rw act;
    0x2f INT_MAP        = 0x00 rw;
    0x30 INT_SOURCE     = 0x02 ro live;
    0x31 DATA_FORMAT    = 0x00 rw 0xef act;
    0x32 DATAX0         = 0x00 ro live;
    0x33 DATAX1         = 0x00 ro live;
    0x34 DATAY0         = 0x00 ro live;
    0x35 DATAY1         = 0x00 ro live;
    0x36 DATAZ0         = 0x00 ro live;
    0x37 DATAZ1         = 0x00 ro live;
    0x38 FIFO_CTL       = 0x00 rw act;
    0x39 FIFO_STATUS    = 0x00 ro live;
}

/// Bits of INT_ENABLE, INT_MAP and INT_SOURCE.
pub mod int {
    /// New data.
    pub const DATA_READY: u8 = 0x80;
    /// One tap.
    pub const SINGLE_TAP: u8 = 0x40;
    /// Two taps.
    pub const DOUBLE_TAP: u8 = 0x20;
    /// More acceleration than THRESH_ACT.
    pub const ACTIVITY: u8 = 0x10;
    /// Less than THRESH_INACT for TIME_INACT.
    pub const INACTIVITY: u8 = 0x08;
    /// Less than THRESH_FF on all axes for TIME_FF.
    pub const FREE_FALL: u8 = 0x04;
    /// FIFO_CTL's number of samples is there.
    pub const WATERMARK: u8 = 0x02;
    /// Samples were lost, or the FIFO is full.
    pub const OVERRUN: u8 = 0x01;
    /// The events that stay set until INT_SOURCE is read, and that exist only while enabled.
    pub(super) const EVENTS: u8 = SINGLE_TAP | DOUBLE_TAP | ACTIVITY | INACTIVITY | FREE_FALL;
}

const POWER_MEASURE: u8 = 0x08;
const POWER_SLEEP: u8 = 0x04;
const FORMAT_SELF_TEST: u8 = 0x80;
const FORMAT_SPI_3WIRE: u8 = 0x40;
const FORMAT_INT_INVERT: u8 = 0x20;
const FORMAT_FULL_RES: u8 = 0x08;
const FORMAT_LEFT: u8 = 0x04;

/// Sensitivity at ±2 g and in full resolution (data sheet, table 1).
const LSB_PER_G: f64 = 256.0;
/// OFSX, OFSY, OFSZ: 15.6 mg per bit, which is 4 bits of the ±2 g output.
const OFFSET_G: f64 = 1.0 / 64.0;
/// What the self-test force adds: the middle of the range of table 15 at 2.5 V.
const SELF_TEST_G: [f64; 3] = [1.15, -1.15, 1.85];
/// Period at BW_RATE code 15, 3200 Hz; each code below doubles it.
const FASTEST_PERIOD_NS: u64 = 312_500;
/// Start-up is 1.1 ms and one period (data sheet, "Power savings").
const START_UP_NS: u64 = 1_100_000;

/// One sample as the output registers show it.
type Sample = [u16; 3];

/// The chip.
pub struct Adxl345 {
    regs: RegFile<0x40>,
    start_up: StartUp,
    now: u64,
    /// Stopped in standby.
    sampler: Sampler,
    /// The newest sample.
    latest: Sample,
    /// Bypass mode: `latest` has not been read yet.
    unread: bool,
    overrun: bool,
    fifo: Fifo,
    motion: Motion,
    /// Those of [`int::EVENTS`] that have happened.
    events: u8,
    /// The burst has read data registers, so that its end takes the sample out of the FIFO.
    data_touched: bool,
}

impl Adxl345 {
    /// A chip after power-on.
    pub fn new(options: &ChipOptions) -> Self {
        Adxl345 {
            regs: RegFile::new(&reg::MAP),
            start_up: options.start_up,
            now: 0,
            sampler: Sampler::default(),
            latest: [0; 3],
            unread: false,
            overrun: false,
            fifo: Fifo::default(),
            motion: Motion::default(),
            events: 0,
            data_touched: false,
        }
    }

    fn is_asleep(&self) -> bool {
        self.regs.has(reg::POWER_CTL, POWER_SLEEP) || self.motion.asleep
    }

    fn period_ns(&self) -> u64 {
        if self.is_asleep() {
            // 8, 4, 2 or 1 readings a second (data sheet, table 20).
            return 125_000_000 << (self.regs.get(reg::POWER_CTL) & 0x03);
        }
        FASTEST_PERIOD_NS << (0x0f - (self.regs.get(reg::BW_RATE) & 0x0f))
    }

    /// The bits of INT_SOURCE: the events that have happened, and the state of the data.
    fn source(&self) -> u8 {
        let fifo_on = self.fifo.is_on();
        let ready = if fifo_on { !self.fifo.is_empty() } else { self.unread };
        let mut source = self.events;
        // While it sleeps, the chip does not tell of data (data sheet, "Sleep bit").
        if ready && !self.is_asleep() {
            source |= int::DATA_READY;
        }
        if self.fifo.len() >= usize::from(self.regs.get(reg::FIFO_CTL) & 0x1f) {
            source |= int::WATERMARK;
        }
        if self.overrun {
            source |= int::OVERRUN;
        }
        source
    }

    /// Acceleration in g with offset and self-test, as the detectors and the output see it.
    fn measure(&self, time_ns: u64, world: &Stimulus) -> [f64; 3] {
        let self_test = self.regs.has(reg::DATA_FORMAT, FORMAT_SELF_TEST);
        let offsets = [reg::OFSX, reg::OFSY, reg::OFSZ];
        std::array::from_fn(|axis| {
            let offset = f64::from(self.regs.get(offsets[axis]).cast_signed()) * OFFSET_G;
            let force = if self_test { SELF_TEST_G[axis] } else { 0.0 };
            world.accel_at(axis, time_ns) / STANDARD_GRAVITY + offset + force
        })
    }

    /// One axis in the format of DATA_FORMAT.
    fn format(&self, g: f64) -> u16 {
        let format = self.regs.get(reg::DATA_FORMAT);
        let range = u32::from(format & 0x03);
        // 10 bits in every range, or with full resolution one bit more for each doubling of the range.
        let bits = if format & FORMAT_FULL_RES != 0 { 10 + range } else { 10 };
        let per_g = if format & FORMAT_FULL_RES != 0 {
            LSB_PER_G
        } else {
            LSB_PER_G / f64::from(1 << range)
        };
        let value = quantise(g * per_g, bits).cast_unsigned();
        if format & FORMAT_LEFT != 0 {
            value << (16 - bits)
        } else {
            value
        }
    }

    fn take_sample(&mut self, time_ns: u64, world: &Stimulus) {
        let g = self.measure(time_ns, world);
        self.latest = g.map(|axis| self.format(axis));
        let asleep = self.is_asleep();
        self.events |= self.motion.sample(&self.regs, time_ns, g) & self.regs.get(reg::INT_ENABLE) & int::EVENTS;
        if self.is_asleep() != asleep {
            self.sampler.start(time_ns + self.period_ns());
        }
        if self.fifo.is_on() {
            // The event that the trigger mode waits for is an interrupt on the pin that FIFO_CTL names.
            let map = self.regs.get(reg::INT_MAP);
            let on_pin = if self.regs.has(reg::FIFO_CTL, 0x20) { map } else { !map };
            let triggered = self.events & on_pin != 0;
            self.fifo.push(self.latest, triggered);
            self.overrun |= self.fifo.is_full();
        } else {
            self.overrun |= self.unread;
            self.unread = true;
        }
    }

    /// Standby to measuring or back, or another rate.
    fn restart(&mut self, is_measuring: bool) {
        if !self.regs.has(reg::POWER_CTL, POWER_MEASURE) {
            self.sampler.stop();
            return;
        }
        self.sampler.start(match (self.start_up, is_measuring) {
            (StartUp::Instant, false) => self.now,
            (StartUp::DataSheet, false) => self.now + START_UP_NS + self.period_ns(),
            (_, true) => self.now + self.period_ns(),
        });
    }

    #[inline]
    fn data_byte(&mut self, which: u8) -> u8 {
        self.data_touched = true;
        let sample = self.fifo.front().unwrap_or(self.latest);
        let word = sample.get(usize::from(which / 2)).copied().unwrap_or(0);
        word.to_le_bytes()[usize::from(which & 1)]
    }
}

impl RegModel for Adxl345 {
    const NAME: &'static str = "adxl345";
    const PIN_NAMES: &'static [&'static str] = &["INT1", "INT2"];
    const ID_REG: u8 = reg::DEVID;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        while let Some(time) = self.sampler.due(now, self.period_ns()) {
            self.take_sample(time, world);
        }
    }

    fn status(&self) -> Status {
        let enabled = self.regs.get(reg::INT_ENABLE);
        // Nothing enabled is the usual case, and nobody can see the sources then.
        let source = if enabled == 0 { 0 } else { self.source() };
        let map = self.regs.get(reg::INT_MAP);
        let active_high = !self.regs.has(reg::DATA_FORMAT, FORMAT_INT_INVERT);
        let pin = |mapped: u8| Pin::output(source & enabled & mapped != 0, active_high, false);
        let pins: [Pin; PINS] = [pin(!map), pin(map)];
        // A sample changes a pin only if it can set a source that is enabled and not set yet.
        let next_event = if enabled & !source != 0 {
            self.sampler.next()
        } else {
            NEVER
        };
        Status { next_event, pins }
    }

    fn read(&mut self, reg: u8) -> u8 {
        if !self.regs.is_live(reg) {
            return self.regs.get(reg);
        }
        match reg & 0x3f {
            reg::DATAX0..=reg::DATAZ1 => self.data_byte((reg & 0x3f) - reg::DATAX0),
            reg::INT_SOURCE => {
                let source = self.source();
                self.events = 0;
                source
            }
            reg::FIFO_STATUS => self.fifo.status(),
            _ => self.motion.status(),
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        let reg = reg & 0x3f;
        let old = self.regs.get(reg);
        let new = self.regs.write(reg, value);
        if !self.regs.is_act(reg) || (old == new && reg != reg::FIFO_CTL) {
            return;
        }
        match reg {
            reg::FIFO_CTL => self.fifo.configure(new),
            reg::INT_ENABLE => self.events &= new,
            reg::ACT_INACT_CTL => self.motion = Motion::default(),
            reg::POWER_CTL => {
                let measuring = old & new & POWER_MEASURE != 0;
                self.motion.power_changed(new);
                self.restart(measuring);
            }
            reg::BW_RATE => self.restart(true),
            // With an instant start the output follows the new format at once, as if it had always been so.
            reg::DATA_FORMAT if self.start_up == StartUp::Instant && self.sampler.is_running() => {
                self.sampler.start(self.now);
            }
            _ => {}
        }
    }

    fn next_reg(&self, reg: u8) -> u8 {
        reg.wrapping_add(1) & 0x3f
    }

    fn burst_end(&mut self) {
        // A sample leaves the FIFO when the burst that read it ends (data sheet, "Retrieving data from FIFO").
        if !self.data_touched {
            return;
        }
        self.data_touched = false;
        self.unread = false;
        self.overrun = false;
        self.fifo.pop();
    }

    fn spi_accepts(&self, mode: u32) -> bool {
        let wires = if self.regs.has(reg::DATA_FORMAT, FORMAT_SPI_3WIRE) {
            0x10
        } else {
            0
        };
        // CPOL = 1 and CPHA = 1, most significant bit first.
        mode & 0x1f == 0x03 | wires
    }

    fn spi_command(&self, byte: u8) -> SpiCommand {
        SpiCommand {
            reg: byte & 0x3f,
            read: byte & 0x80 != 0,
            increment: byte & 0x40 != 0,
        }
    }
}
