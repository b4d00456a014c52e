// SPDX-License-Identifier: GPL-2.0-only
//! A board with one chip for the chips' tests: registers by their address, time by hand.

use crate::board::flags;
use crate::{BoardOptions, BusId, I2cData, I2cMsg, SimBoard, Stimulus};
use std::sync::{Arc, Mutex};

/// One millisecond in ns.
pub(crate) const MS: u64 = 1_000_000;

/// A board, its first I²C bus, and the chip's address there.
pub(crate) struct Bench {
    pub(crate) board: SimBoard,
    bus: BusId,
    addr: u16,
}

impl Bench {
    /// The board of this source, whose chip at `addr` is at rest.
    pub(crate) fn new(dts: &str, addr: u16) -> Self {
        let board = SimBoard::new(&crate::dts::compile_text(dts).unwrap(), BoardOptions::default()).unwrap();
        assert!(board.warnings().is_empty());
        let bus = board.bus("i2c0").unwrap();
        Bench { board, bus, addr }
    }

    /// What the chip feels from now on.
    pub(crate) fn feel(&mut self, text: &str) {
        self.board.set_stimulus(Stimulus::parse(text).unwrap());
    }

    pub(crate) fn write(&mut self, reg: u8, value: u8) {
        let (addr, data) = (self.addr, I2cData::Write(&[reg, value]));
        let done = self.board.i2c_xfer(self.bus, &mut [I2cMsg { addr, flags: 0, data }]);
        assert_eq!(done, Ok(1));
    }

    /// A burst from `reg` on.
    pub(crate) fn read<const N: usize>(&mut self, reg: u8) -> [u8; N] {
        let (addr, mut bytes) = (self.addr, [0; N]);
        let data = I2cData::Write(&[reg]);
        let out = I2cMsg { addr, flags: 0, data };
        let data = I2cData::Read(&mut bytes);
        let into = I2cMsg {
            addr,
            flags: flags::RD,
            data,
        };
        assert_eq!(self.board.i2c_xfer(self.bus, &mut [out, into]), Ok(2));
        bytes
    }

    pub(crate) fn read1(&mut self, reg: u8) -> u8 {
        self.read::<1>(reg)[0]
    }

    /// Three words from `reg` on, the lower byte first.
    pub(crate) fn words_le(&mut self, reg: u8) -> [i16; 3] {
        let bytes = self.read::<6>(reg);
        std::array::from_fn(|axis| i16::from_le_bytes([bytes[2 * axis], bytes[2 * axis + 1]]))
    }

    /// Three words from `reg` on, the upper byte first.
    pub(crate) fn words_be(&mut self, reg: u8) -> [i16; 3] {
        self.words_le(reg).map(i16::swap_bytes)
    }

    pub(crate) fn wait(&mut self, ns: u64) {
        let end = self.board.now_ns() + ns;
        while self.board.now_ns() < end {
            self.board.advance(end);
        }
    }

    /// The level of line 0.
    pub(crate) fn line(&mut self) -> bool {
        self.board.line(0).unwrap()
    }

    /// Records the changes of line 0.
    pub(crate) fn edges(&mut self) -> Arc<Mutex<Vec<bool>>> {
        let log = Arc::new(Mutex::new(Vec::new()));
        let sink = log.clone();
        self.board.set_line_sink(Box::new(move |line, level| {
            assert_eq!(line, 0);
            sink.lock().unwrap().push(level);
        }));
        log
    }
}

/// Each word is what was put in, within `lsb` steps.
pub(crate) fn near(found: [i16; 3], wanted: [f64; 3], lsb: f64) {
    for (raw, wanted) in found.into_iter().zip(wanted) {
        assert!((f64::from(raw) - wanted).abs() <= lsb, "{raw} {wanted}");
    }
}
