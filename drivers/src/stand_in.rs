// SPDX-License-Identifier: GPL-2.0-only
//! What answers in the chips' place when a driver is to be tried for which there is no chip model.
//!
//! A stand-in has no registers: it acknowledges each address of its bus and each byte, and all that is read from it
//! is the same. Its interrupt pins rest: a wire that is said to interrupt at a high level or a rising edge is low.

use crate::chip::{Chip, Dir, NEVER, PINS, Pin, Status};
use crate::stimulus::Stimulus;
use std::fmt;

/// What stands on the buses instead of the board's chips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StandIn {
    /// Nobody: no address is acknowledged; on SPI all bytes read 0xff.
    Absent,
    /// A chip that answers all zeros.
    Zeros,
    /// A chip that answers all ones.
    Ones,
}

impl StandIn {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Absent, Self::Zeros, Self::Ones];

    /// The chip, if there is one.
    pub(crate) fn chip(self) -> Option<Box<dyn Chip>> {
        match self {
            Self::Absent => None,
            Self::Zeros => Some(Box::new(Constant(0x00))),
            Self::Ones => Some(Box::new(Constant(0xff))),
        }
    }
}

impl fmt::Display for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Absent => "absent",
            Self::Zeros => "zeros",
            Self::Ones => "ones",
        })
    }
}

/// A chip of which every byte reads the same.
struct Constant(u8);

impl Chip for Constant {
    fn name(&self) -> &'static str {
        "stand-in"
    }

    fn pin_names(&self) -> &'static [&'static str] {
        &[]
    }

    fn advance(&mut self, _now: u64, _world: &Stimulus) {}

    fn status(&self) -> Status {
        Status {
            next_event: NEVER,
            pins: [Pin::Float; PINS],
        }
    }

    fn i2c_start(&mut self, _dir: Dir) -> bool {
        true
    }

    fn i2c_write(&mut self, bytes: &[u8]) -> usize {
        bytes.len()
    }

    fn i2c_read(&mut self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }

    fn i2c_stop(&mut self) {}

    fn spi_select(&mut self, _mode: u32) {}

    fn spi_byte(&mut self, _mosi: u8) -> u8 {
        self.0
    }

    fn spi_deselect(&mut self) {}

    fn fake_id(&mut self, id: u8) {
        self.0 = id;
    }
}
