// SPDX-License-Identifier: GPL-2.0-only
//! NXP (Freescale) MMA8452Q: three-axis accelerometer, 12 bits, ±2 g to ±8 g, on I²C.
//!
//! Written from the data sheet (NXP, MMA8452Q, rev. 10). Modelled: the data path with all ranges and data rates, data
//! status with overwrite flags, user offset, standby and active mode, reset, and the data-ready, motion/freefall and
//! transient interrupts with debouncing, routing, polarity and output driver.
//!
//! Not modelled: the filters (a sample is the stimulus at its moment; the transient detector's high-pass output is
//! the difference to the sample before), oversampling modes, sleep, portrait/landscape and pulse detection,
//! F_READ (burst reads of eight bits), self-test.

mod motion;
#[cfg(test)]
mod tests;

use crate::chip::{ChipOptions, NEVER, PINS, Pin, RegModel, StartUp, Status};
use crate::convert::quantise;
use crate::data_status::DataStatus;
use crate::regs::RegFile;
use crate::sampler::Sampler;
use crate::stimulus::{STANDARD_GRAVITY, Stimulus};
use motion::Detector;

crate::registers! {
    /// The registers (data sheet, table 11).
    pub mod reg: [0x40];
    0x00 STATUS            = 0x00 ro live;
    0x01 OUT_X_MSB         = 0x00 ro live;
    0x02 OUT_X_LSB         = 0x00 ro live;
    0x03 OUT_Y_MSB         = 0x00 ro live;
    0x04 OUT_Y_LSB         = 0x00 ro live;
    0x05 OUT_Z_MSB         = 0x00 ro live;
    0x06 OUT_Z_LSB         = 0x00 ro live;
    0x0b SYSMOD            = 0x00 ro live;
    0x0c INT_SOURCE        = 0x00 ro live;
    0x0d WHO_AM_I          = 0x2a ro;
    0x0e XYZ_DATA_CFG      = 0x00 rw 0x13 act;
    0x0f HP_FILTER_CUTOFF  = 0x00 rw 0x33 act;
    0x10 PL_STATUS         = 0x00 ro;
    0x11 PL_CFG            = 0x80 rw 0xc0 act;
    0x12 PL_COUNT          = 0x00 rw act;
    0x13 PL_BF_ZCOMP       = 0x44 ro;
    0x14 PL_THS_REG        = 0x84 ro;
    0x15 FF_MT_CFG         = 0x00 rw 0xf8 act;
    0x16 FF_MT_SRC         = 0x00 ro live;
    0x17 FF_MT_THS         = 0x00 rw;
    0x18 FF_MT_COUNT       = 0x00 rw;
    0x1d TRANSIENT_CFG     = 0x00 rw 0x1f act;
    0x1e TRANSIENT_SRC     = 0x00 ro live;
    0x1f TRANSIENT_THS     = 0x00 rw;
    0x20 TRANSIENT_COUNT   = 0x00 rw;
    0x21 PULSE_CFG         = 0x00 rw;
    0x22 PULSE_SRC         = 0x00 ro;
    0x23 PULSE_THSX        = 0x00 rw 0x7f;
    0x24 PULSE_THSY        = 0x00 rw 0x7f;
    0x25 PULSE_THSZ        = 0x00 rw 0x7f;
    0x26 PULSE_TMLT        = 0x00 rw;
    0x27 PULSE_LTCY        = 0x00 rw;
    0x28 PULSE_WIND        = 0x00 rw;
    0x29 ASLP_COUNT        = 0x00 rw act;
    0x2a CTRL_REG1         = 0x00 rw act;
    0x2b CTRL_REG2         = 0x00 rw 0xdf act;
    0x2c CTRL_REG3         = 0x00 rw 0x7b act;
    0x2d CTRL_REG4         = 0x00 rw 0xbd act;
    0x2e CTRL_REG5         = 0x00 rw 0xbd act;
    0x2f OFF_X             = 0x00 rw act;
    0x30 OFF_Y             = 0x00 rw act;
    0x31 OFF_Z             = 0x00 rw act;
}

const ACTIVE: u8 = 0x01;
const RST: u8 = 0x40;
/// CTRL_REG3: polarity and output driver of both pins.
const IPOL: u8 = 0x02;
const PP_OD: u8 = 0x01;
/// INT_SOURCE, and the same bits of CTRL_REG4 (enabled) and CTRL_REG5 (on INT1, else on INT2).
const SRC_TRANS: u8 = 0x20;
const SRC_FF_MT: u8 = 0x04;
const SRC_DRDY: u8 = 0x01;

/// Sensitivity at ±2 g (data sheet, table 2); each wider range halves it.
const LSB_PER_G: f64 = 1024.0;
/// The offset registers have 2 mg per LSB in every range.
const OFFSET_PER_G: f64 = 500.0;
/// From standby to the first sample: two periods and 2 ms (data sheet, table 4).
const TURN_ON_NS: u64 = 2_000_000;
/// Data rates of CTRL_REG1's code, as periods in ns.
const PERIODS_NS: [u64; 8] = [
    1_250_000,
    2_500_000,
    5_000_000,
    10_000_000,
    20_000_000,
    80_000_000,
    160_000_000,
    640_000_000,
];

/// The chip.
pub struct Mma8452 {
    regs: RegFile<0x40>,
    start_up: StartUp,
    now: u64,
    sampler: Sampler,
    latest: [i16; 3],
    /// STATUS.
    data_status: DataStatus,
    motion: Detector,
    transient: Detector,
    before: Option<[f64; 3]>,
}

impl Mma8452 {
    /// A chip that has just been given power: in standby.
    pub fn new(options: &ChipOptions) -> Self {
        Mma8452 {
            regs: RegFile::new(&reg::MAP),
            start_up: options.start_up,
            now: 0,
            sampler: Sampler::default(),
            latest: [0; 3],
            data_status: DataStatus::default(),
            motion: Detector::default(),
            transient: Detector::default(),
            before: None,
        }
    }

    fn is_active(&self) -> bool {
        self.regs.has(reg::CTRL_REG1, ACTIVE)
    }

    fn period_ns(&self) -> u64 {
        PERIODS_NS[usize::from(self.regs.get(reg::CTRL_REG1) >> 3 & 0x07)]
    }

    fn take_sample(&mut self, time_ns: u64, world: &Stimulus) {
        let range = u32::from(self.regs.get(reg::XYZ_DATA_CFG) & 0x03).min(2);
        let lsb_per_g = LSB_PER_G / f64::from(1 << range);
        let g: [f64; 3] = std::array::from_fn(|axis| {
            let offset = [reg::OFF_X, reg::OFF_Y, reg::OFF_Z][axis];
            let offset = f64::from(self.regs.get(offset).cast_signed()) / OFFSET_PER_G;
            world.accel_at(axis, time_ns) / STANDARD_GRAVITY + offset
        });
        self.latest = g.map(|g| quantise(g * lsb_per_g, 12));
        self.data_status.sampled(0x07);
        let change = self
            .before
            .map_or([0.0; 3], |before| std::array::from_fn(|axis| g[axis] - before[axis]));
        self.before = Some(g);
        self.motion.motion_sample(&self.regs, g);
        self.transient.transient_sample(&self.regs, change);
    }

    fn data_byte(&mut self, which: u8) -> u8 {
        let axis = which / 2;
        let [high, low] = (self.latest[usize::from(axis) % 3] << 4).to_be_bytes();
        if which & 1 == 0 {
            self.data_status.read(axis);
            return high;
        }
        low
    }

    /// INT_SOURCE: what is there and enabled.
    fn source(&self) -> u8 {
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        let all = flag(self.data_status.is_new(), SRC_DRDY)
            | flag(self.motion.is_active(), SRC_FF_MT)
            | flag(self.transient.is_active(), SRC_TRANS);
        all & self.regs.get(reg::CTRL_REG4)
    }

    fn mode_changed(&mut self, old: u8, new: u8) {
        if new & ACTIVE == 0 {
            self.sampler.stop();
        } else if old & ACTIVE == 0 {
            self.before = None;
            let delay = self.start_up.delay(TURN_ON_NS + 2 * self.period_ns());
            self.sampler.start(self.now + delay);
        }
    }
}

impl RegModel for Mma8452 {
    const NAME: &'static str = "mma8452";
    const PIN_NAMES: &'static [&'static str] = &["INT1", "INT2"];
    const ID_REG: u8 = reg::WHO_AM_I;

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        while let Some(time) = self.sampler.due(now, self.period_ns()) {
            self.take_sample(time, world);
        }
    }

    fn status(&self) -> Status {
        let (source, on_int1) = (self.source(), self.regs.get(reg::CTRL_REG5));
        let (active_high, open_drain) = (
            self.regs.has(reg::CTRL_REG3, IPOL),
            self.regs.has(reg::CTRL_REG3, PP_OD),
        );
        let pin = |mapped: u8| Pin::output(source & mapped != 0, active_high, open_drain);
        let pins: [Pin; PINS] = [pin(on_int1), pin(!on_int1)];
        let is_enabled = self.regs.has(reg::CTRL_REG4, SRC_DRDY | SRC_FF_MT | SRC_TRANS);
        let next_event = if is_enabled { self.sampler.next() } else { NEVER };
        Status { next_event, pins }
    }

    fn read(&mut self, reg: u8) -> u8 {
        if !self.regs.is_live(reg) {
            return self.regs.get(reg);
        }
        match reg & 0x3f {
            reg::STATUS => self.data_status.byte(),
            reg::SYSMOD => u8::from(self.is_active()),
            reg::INT_SOURCE => self.source(),
            reg::FF_MT_SRC => self.motion.read_motion(&self.regs),
            reg::TRANSIENT_SRC => self.transient.read_transient(&self.regs),
            reg => self.data_byte(reg - reg::OUT_X_MSB),
        }
    }

    fn write(&mut self, reg: u8, value: u8) {
        let reg = reg & 0x3f;
        if reg == reg::CTRL_REG2 && value & RST != 0 {
            let (start_up, now) = (self.start_up, self.now);
            *self = Mma8452::new(&ChipOptions {
                start_up,
                ..ChipOptions::default()
            });
            self.now = now;
            return;
        }
        // Only thresholds and counts, and the way to standby, are open in active mode (data sheet, table 11, note).
        let is_mode = reg == reg::CTRL_REG1 && value & ACTIVE == 0;
        let is_reset = reg == reg::CTRL_REG2;
        if self.regs.is_act(reg) && self.is_active() && !is_mode && !is_reset {
            return;
        }
        let old = self.regs.get(reg);
        let new = self.regs.write(reg, value);
        match reg {
            reg::CTRL_REG1 => self.mode_changed(old, new),
            reg::FF_MT_CFG => self.motion = Detector::default(),
            reg::TRANSIENT_CFG => self.transient = Detector::default(),
            _ => {}
        }
    }

    fn next_reg(&self, reg: u8) -> u8 {
        // A burst of data goes round (data sheet, table 11).
        if reg & 0x3f == reg::OUT_Z_LSB {
            reg::STATUS
        } else {
            reg.wrapping_add(1) & 0x3f
        }
    }
}
