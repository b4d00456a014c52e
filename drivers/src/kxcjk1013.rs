// SPDX-License-Identifier: GPL-2.0-only
//! Kionix KXCJK-1013: three-axis accelerometer, 8 or 12 bits, ±2 g to ±8 g, on I²C.
//!
//! Written from the specification (Kionix, KXCJK-1013-1008) and, for the wake-up engine, the longer text of that of
//! the KX022, which has the same one. Modelled: the data path with both resolutions, all ranges and data rates,
//! standby and operating mode, reset, the communication self-test byte, and the data-ready and wake-up interrupts
//! with direction, polarity and latching.
//!
//! Not modelled: the filters (a sample is the stimulus at its moment), 14-bit data, the electrostatic self-test.

use crate::chip::{ChipOptions, NEVER, PINS, Pin, RegModel, StartUp, Status};
use crate::convert::quantise;
use crate::regs::RegFile;
use crate::sampler::Sampler;
use crate::stimulus::{STANDARD_GRAVITY, Stimulus};

crate::registers! {
    /// The registers (specification, "Register map").
    pub mod reg: [0x80];
    0x06 XOUT_L           = 0x00 ro live;
    0x07 XOUT_H           = 0x00 ro live;
    0x08 YOUT_L           = 0x00 ro live;
    0x09 YOUT_H           = 0x00 ro live;
    0x0a ZOUT_L           = 0x00 ro live;
    0x0b ZOUT_H           = 0x00 ro live;
    0x0c DCST_RESP        = 0x55 ro live;
    0x0f WHO_AM_I         = 0x11 ro;
    0x16 INT_SOURCE1      = 0x00 ro live;
    0x17 INT_SOURCE2      = 0x00 ro live;
    0x18 STATUS_REG       = 0x00 ro live;
    0x1a INT_REL          = 0x00 ro live;
    0x1b CTRL_REG1        = 0x00 rw 0xfe act;
    0x1d CTRL_REG2        = 0x00 rw 0x97 act;
    0x1e INT_CTRL_REG1    = 0x10 rw 0x3a;
    0x1f INT_CTRL_REG2    = 0x3f rw 0x3f;
    0x21 DATA_CTRL_REG    = 0x02 rw 0x0f act;
    0x29 WAKEUP_TIMER     = 0x00 rw;
    0x3a SELF_TEST        = 0x00 rw;
    0x6a WAKEUP_THRESHOLD = 0x08 rw;
}

/// CTRL_REG1.
const PC1: u8 = 0x80;
const RES: u8 = 0x40;
const DRDYE: u8 = 0x20;
const WUFE: u8 = 0x02;
/// CTRL_REG2: software reset, and the communication self-test.
const SRST: u8 = 0x80;
const DCST: u8 = 0x10;
const DCST_REPLY: u8 = 0xaa;
/// INT_CTRL_REG1: the pin is enabled, is active high; the interrupt is not latched but a pulse.
const IEN: u8 = 0x20;
const IEA: u8 = 0x10;
const IEL: u8 = 0x08;
/// INT_SOURCE1 and STATUS_REG.
const SOURCE_DRDY: u8 = 0x10;
const SOURCE_WUFS: u8 = 0x02;
const STATUS_INT: u8 = 0x10;
/// Length of an interrupt that is not latched.
const PULSE_NS: u64 = 50_000;

/// Sensitivity at ±2 g and 12 bits; each wider range halves it.
const LSB_PER_G: f64 = 1024.0;
/// WAKEUP_THRESHOLD is in 1/16 g in every range.
const THRESHOLD_PER_G: f64 = 16.0;
/// From standby to the first sample at the fast rates; at the slow ones one period.
const START_UP_NS: u64 = 10_000_000;

/// The chip.
pub struct Kxcjk1013 {
    regs: RegFile<0x80>,
    start_up: StartUp,
    now: u64,
    sampler: Sampler,
    /// The wake-up engine has a rate of its own.
    wake_sampler: Sampler,
    latest: [i16; 3],
    is_new: bool,
    /// The next sample is an instant start's: it is there, but its data-ready is the next one's, a period later.
    is_silent: bool,
    /// INT_SOURCE2: directions of the motion, or 0.
    motion: u8,
    /// Steps for which the motion has lasted.
    steps: u8,
    reference: Option<[f64; 3]>,
    pulse_until: u64,
}

impl Kxcjk1013 {
    /// A chip that has just been given power: in standby.
    pub fn new(options: &ChipOptions) -> Self {
        Kxcjk1013 {
            regs: RegFile::new(&reg::MAP),
            start_up: options.start_up,
            now: 0,
            sampler: Sampler::default(),
            wake_sampler: Sampler::default(),
            latest: [0; 3],
            is_new: false,
            is_silent: false,
            motion: 0,
            steps: 0,
            reference: None,
            pulse_until: 0,
        }
    }

    /// OSA: 12.5 Hz doubled with each code up to 1600 Hz; from 8 on 0.781 Hz to 6.25 Hz.
    fn period_ns(&self) -> u64 {
        match self.regs.get(reg::DATA_CTRL_REG) {
            code @ 0x00..=0x07 => 80_000_000 >> code,
            code => 1_280_000_000 >> (code & 0x07).min(3),
        }
    }

    /// OWUF: 0.781 Hz, doubled with each code, up to 100 Hz.
    fn wake_period_ns(&self) -> u64 {
        1_280_000_000 >> (self.regs.get(reg::CTRL_REG2) & 0x07)
    }

    fn take_sample(&mut self, time_ns: u64, world: &Stimulus) {
        let range = u32::from(self.regs.get(reg::CTRL_REG1) >> 3 & 0x03).min(2);
        let scale = LSB_PER_G / f64::from(1 << range) / STANDARD_GRAVITY;
        self.latest = std::array::from_fn(|axis| {
            let value = world.accel_at(axis, time_ns) * scale;
            if self.regs.has(reg::CTRL_REG1, RES) {
                quantise(value, 12) << 4
            } else {
                quantise(value / 16.0, 8) << 8
            }
        });
        if !std::mem::take(&mut self.is_silent) && self.regs.has(reg::CTRL_REG1, DRDYE) {
            self.is_new = true;
            self.pulse_until = time_ns + PULSE_NS;
        }
    }

    /// The engine compares with the sample before; once that exceeds the threshold, with the one where it began. The
    /// motion is reported when it has lasted for more steps than the timer says.
    fn look_for_motion(&mut self, time_ns: u64, world: &Stimulus) {
        let g: [f64; 3] = std::array::from_fn(|axis| world.accel_at(axis, time_ns) / STANDARD_GRAVITY);
        let reference = *self.reference.get_or_insert(g);
        let threshold = f64::from(self.regs.get(reg::WAKEUP_THRESHOLD)) / THRESHOLD_PER_G;
        // INT_SOURCE2 has x in the bits 5 and 4, y in 3 and 2, z in 1 and 0; the upper of them is the negative one.
        let directions = (0..3).fold(0, |bits, axis| {
            let change = g[axis] - reference[axis];
            let bit = if change < 0.0 { 0x20 } else { 0x10 } >> (2 * axis);
            bits | if change.abs() > threshold { bit } else { 0 }
        });
        let directions = directions & self.regs.get(reg::INT_CTRL_REG2);
        if directions == 0 {
            self.reference = Some(g);
            self.steps = 0;
            return;
        }
        self.steps = self.steps.saturating_add(1);
        if self.steps > self.regs.get(reg::WAKEUP_TIMER) {
            self.motion |= directions;
            self.pulse_until = time_ns + PULSE_NS;
            self.reference = Some(g);
            self.steps = 0;
        }
    }

    /// INT_SOURCE1.
    fn source(&self) -> u8 {
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        flag(self.is_new, SOURCE_DRDY) | flag(self.motion != 0, SOURCE_WUFS)
    }

    /// CTRL_REG1 was written, or a rate: in operating mode sampling begins anew.
    fn restart(&mut self, was_operating: bool) {
        let control = self.regs.get(reg::CTRL_REG1);
        if control & PC1 == 0 {
            self.sampler.stop();
            self.wake_sampler.stop();
            self.is_new = false;
            return;
        }
        self.is_silent = self.start_up == StartUp::Instant && !was_operating;
        self.sampler.start(match (self.start_up, was_operating) {
            (StartUp::Instant, false) => self.now,
            (StartUp::DataSheet, false) => self.now + START_UP_NS.max(self.period_ns()),
            (_, true) => self.now + self.period_ns(),
        });
        self.reference = None;
        self.steps = 0;
        if control & WUFE == 0 {
            self.wake_sampler.stop();
        } else {
            self.wake_sampler.start(self.now);
        }
    }

    fn reset(&mut self) {
        let (start_up, now) = (self.start_up, self.now);
        *self = Kxcjk1013::new(&ChipOptions {
            start_up,
            ..ChipOptions::default()
        });
        self.now = now;
    }
}

impl RegModel for Kxcjk1013 {
    const NAME: &'static str = "kxcjk1013";
    const PIN_NAMES: &'static [&'static str] = &["INT"];
    const ID_REG: u8 = reg::WHO_AM_I;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        while let Some(time) = self.sampler.due(now, self.period_ns()) {
            self.take_sample(time, world);
        }
        while let Some(time) = self.wake_sampler.due(now, self.wake_period_ns()) {
            self.look_for_motion(time, world);
        }
    }

    fn status(&self) -> Status {
        let control = self.regs.get(reg::INT_CTRL_REG1);
        let is_pulse = control & IEL != 0;
        let is_active = if is_pulse {
            self.now < self.pulse_until
        } else {
            self.source() != 0
        };
        let pin = Pin::output(control & IEN != 0 && is_active, control & IEA != 0, false);
        let pins: [Pin; PINS] = [pin, Pin::Float];
        if control & IEN == 0 {
            return Status {
                next_event: NEVER,
                pins,
            };
        }
        let samples = if self.regs.has(reg::CTRL_REG1, DRDYE) {
            self.sampler.next()
        } else {
            NEVER
        };
        let release = if is_pulse && is_active { self.pulse_until } else { NEVER };
        let next_event = samples.min(self.wake_sampler.next()).min(release);
        Status { next_event, pins }
    }

    fn read(&mut self, reg: u8) -> u8 {
        let value = self.regs.get(reg);
        if !self.regs.is_live(reg) {
            return value;
        }
        match reg & 0x7f {
            reg @ reg::XOUT_L..=reg::ZOUT_H => {
                self.is_new = false;
                let which = usize::from(reg - reg::XOUT_L);
                self.latest[which / 2 % 3].to_le_bytes()[which % 2]
            }
            // The self-test is over when its byte was read.
            reg::DCST_RESP if self.regs.has(reg::CTRL_REG2, DCST) => {
                self.regs.set(reg::CTRL_REG2, self.regs.get(reg::CTRL_REG2) & !DCST);
                DCST_REPLY
            }
            reg::DCST_RESP => value,
            reg::INT_SOURCE1 => self.source(),
            reg::INT_SOURCE2 => self.motion,
            reg::STATUS_REG if self.source() != 0 => STATUS_INT,
            reg::STATUS_REG => 0,
            // INT_REL: reading it releases what is latched.
            _ => {
                self.motion = 0;
                self.is_new = false;
                value
            }
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        let reg = reg & 0x7f;
        let old = self.regs.get(reg);
        let new = self.regs.write(reg, value);
        let is_operating = self.regs.has(reg::CTRL_REG1, PC1);
        match reg {
            reg::CTRL_REG1 if old != new => self.restart(old & PC1 != 0),
            reg::CTRL_REG2 if new & SRST != 0 => self.reset(),
            reg::DATA_CTRL_REG if old != new && is_operating => self.restart(true),
            _ => {}
        }
    }

    fn next_reg(&self, reg: u8) -> u8 {
        reg.wrapping_add(1) & 0x7f
    }
}

#[cfg(test)]
mod tests {
    use super::reg;
    use crate::bench::{Bench, MS, near};

    fn bench() -> Bench {
        Bench::new(include_str!("../boards/kxcjk-1013.dts"), 0x0f)
    }

    #[test]
    fn gravity_comes_out_within_one_lsb_in_every_range_and_resolution() {
        for (range, lsb_per_g) in [(0x00, 1024.0), (0x08, 512.0), (0x10, 256.0)] {
            for (resolution, lsb) in [(0x40, 1.0), (0x00, 16.0)] {
                let mut bench = bench();
                bench.feel("accel=9.80665,-4.903325,1");
                bench.write(reg::CTRL_REG1, 0x80 | resolution | range);
                let axes = bench.words_le(reg::XOUT_L).map(|word| word >> 4);
                near(axes, [lsb_per_g, -lsb_per_g / 2.0, lsb_per_g / 9.80665], lsb);
            }
        }
    }

    #[test]
    fn self_test_byte_and_reset() {
        let mut bench = bench();
        assert_eq!(
            (bench.read1(reg::DCST_RESP), bench.read1(reg::INT_CTRL_REG2)),
            (0x55, 0x3f)
        );
        bench.write(reg::CTRL_REG2, 0x10);
        assert_eq!([bench.read1(reg::DCST_RESP), bench.read1(reg::DCST_RESP)], [0xaa, 0x55]);
        assert_eq!(bench.read1(reg::CTRL_REG2), 0);
        bench.write(reg::CTRL_REG1, 0xc0);
        bench.write(reg::CTRL_REG2, 0x80);
        assert_eq!((bench.read1(reg::DCST_RESP), bench.read1(reg::CTRL_REG1)), (0x55, 0));
    }

    #[test]
    fn data_is_ready_until_it_is_read() {
        let mut bench = bench();
        bench.write(reg::INT_CTRL_REG1, 0x30); // active high, latched
        bench.write(reg::CTRL_REG1, 0xe0); // 50 Hz
        assert!(!bench.line());
        bench.wait(20 * MS);
        assert_eq!((bench.line(), bench.read1(reg::INT_SOURCE1)), (true, 0x10));
        bench.words_le(reg::XOUT_L);
        assert!(!bench.line());
        bench.wait(20 * MS);
        assert!(bench.line());
        bench.read1(reg::INT_REL);
        assert!(!bench.line());
    }

    #[test]
    fn a_pulse_ends_by_itself() {
        let mut bench = bench();
        bench.write(reg::INT_CTRL_REG1, 0x38);
        let edges = bench.edges();
        bench.write(reg::CTRL_REG1, 0xe0); // 50 Hz
        bench.wait(50 * MS);
        assert_eq!(*edges.lock().unwrap(), [true, false].repeat(2));
    }

    #[test]
    fn motion_that_lasts_wakes_with_its_direction() {
        let mut bench = bench();
        bench.write(reg::INT_CTRL_REG1, 0x30);
        bench.write(reg::CTRL_REG2, 0x06); // 50 Hz
        bench.write(reg::WAKEUP_TIMER, 2);
        bench.write(reg::CTRL_REG1, 0xc2);
        bench.wait(50 * MS);
        bench.feel("accel=0,-7,9.80665");
        bench.wait(45 * MS);
        assert!(!bench.line());
        bench.wait(20 * MS);
        assert!(bench.line());
        assert_eq!(
            (bench.read1(reg::INT_SOURCE1), bench.read1(reg::INT_SOURCE2)),
            (0x02, 0x08)
        );
        bench.wait(200 * MS);
        bench.read1(reg::INT_REL);
        assert_eq!((bench.line(), bench.read1(reg::INT_SOURCE2)), (false, 0));
    }
}
