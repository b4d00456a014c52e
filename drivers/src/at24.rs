// SPDX-License-Identifier: GPL-2.0-only
//! AT24Cxx: serial EEPROMs on I²C.
//!
//! Written from the data sheets of the AT24C02C (Atmel, 8700) and the AT24C32D (Atmel, 8866). Modelled: byte and page
//! writes with the page's wrap, the self-timed write cycle during which the chip does not answer, current-address,
//! random and sequential reads. Not modelled: the write-protect pin, which is taken to be low, and wear.

use crate::chip::{Chip, Dir, NEVER, PINS, Pin, Status};
use crate::stimulus::Stimulus;

/// What tells one memory from another.
pub struct Kind {
    /// The part's name.
    name: &'static str,
    /// Bytes.
    size: usize,
    /// Bytes that one write can change.
    page: usize,
    /// Bytes of a word's address.
    address_bytes: usize,
}

/// 2 Kbit in pages of 8 bytes.
pub const C02: Kind = Kind {
    name: "at24c02",
    size: 256,
    page: 8,
    address_bytes: 1,
};

/// 32 Kbit in pages of 32 bytes.
pub const C32: Kind = Kind {
    name: "at24c32",
    size: 4096,
    page: 32,
    address_bytes: 2,
};

/// The self-timed write cycle (t_WR, at the most).
const WRITE_NS: u64 = 5_000_000;

/// The chip.
pub struct At24 {
    kind: &'static Kind,
    cells: Vec<u8>,
    /// What was written since the START: where, and whether it has data.
    latch: Vec<(usize, u8)>,
    address: usize,
    /// Bytes of the address that are still to come.
    wanted: usize,
    now: u64,
    busy_until: u64,
    is_addressed: bool,
}

impl At24 {
    /// An erased memory.
    pub fn new(kind: &'static Kind) -> Self {
        At24 {
            kind,
            cells: vec![0xff; kind.size],
            latch: Vec::with_capacity(kind.page),
            address: 0,
            wanted: 0,
            now: 0,
            busy_until: 0,
            is_addressed: false,
        }
    }

    fn take(&mut self, byte: u8) {
        if self.wanted > 0 {
            self.wanted -= 1;
            self.address = (self.address << 8 | usize::from(byte)) % self.kind.size;
            return;
        }
        self.latch.push((self.address, byte));
        // Only the address bits within the page count on.
        let first = self.address - self.address % self.kind.page;
        self.address = first + (self.address + 1) % self.kind.page;
    }
}

impl Chip for At24 {
    fn name(&self) -> &'static str {
        self.kind.name
    }

    fn pin_names(&self) -> &'static [&'static str] {
        &[]
    }

    fn advance(&mut self, now: u64, _world: &Stimulus) {
        self.now = now;
    }

    fn status(&self) -> Status {
        Status {
            next_event: NEVER,
            pins: [Pin::Float; PINS],
        }
    }

    fn i2c_start(&mut self, dir: Dir) -> bool {
        // A START before the STOP: what was written is not kept.
        self.latch.clear();
        self.is_addressed = self.now >= self.busy_until;
        if dir == Dir::Write && self.is_addressed {
            self.wanted = self.kind.address_bytes;
        }
        self.is_addressed
    }

    fn i2c_write(&mut self, bytes: &[u8]) -> usize {
        bytes.iter().for_each(|byte| self.take(*byte));
        bytes.len()
    }

    fn i2c_read(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.cells.get(self.address).copied().unwrap_or(0xff);
            self.address = (self.address + 1) % self.kind.size;
        }
    }

    fn i2c_stop(&mut self) {
        if self.latch.is_empty() {
            return;
        }
        for (at, byte) in self.latch.drain(..) {
            if let Some(cell) = self.cells.get_mut(at) {
                *cell = byte;
            }
        }
        self.busy_until = self.now.saturating_add(WRITE_NS);
    }

    /// It has no SPI.
    fn spi_select(&mut self, _mode: u32) {}

    fn spi_byte(&mut self, _mosi: u8) -> u8 {
        0xff
    }

    fn spi_deselect(&mut self) {}

    /// It has no identification.
    fn fake_id(&mut self, _id: u8) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(chip: &mut At24, bytes: &[u8]) -> bool {
        let is_there = chip.i2c_start(Dir::Write);
        if is_there {
            chip.i2c_write(bytes);
        }
        chip.i2c_stop();
        is_there
    }

    fn read<const N: usize>(chip: &mut At24, at_ms: u64, address: &[u8]) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let now = at_ms * 1_000_000;
        chip.i2c_write_read(now, &Stimulus::default(), address, &mut bytes)?;
        Some(bytes)
    }

    #[test]
    fn a_page_write_wraps_and_keeps_the_chip_busy() {
        let mut chip = At24::new(&C02);
        assert!(write(&mut chip, &[0x0e, 1, 2, 3]));
        assert_eq!(read::<1>(&mut chip, 4, &[0x0e]), None);
        assert!(!write(&mut chip, &[0x00]));
        assert_eq!(read(&mut chip, 5, &[0x0e]), Some([1, 2]));
        assert_eq!(read(&mut chip, 5, &[0x08]), Some([3, 0xff]));
    }

    #[test]
    fn reads_go_on_and_wrap_at_the_end() {
        let mut chip = At24::new(&C32);
        assert!(write(&mut chip, &[0x0f, 0xff, 0xaa]));
        assert_eq!(read(&mut chip, 5, &[0x0f, 0xff]), Some([0xaa, 0xff]));
        // Only address bits that there are.
        assert_eq!(read(&mut chip, 5, &[0xff, 0xff]), Some([0xaa]));
        let mut next = [0];
        chip.i2c_start(Dir::Read);
        chip.i2c_read(&mut next);
        assert_eq!(next, [0xff]);
    }

    #[test]
    fn what_a_start_cuts_off_is_not_kept() {
        let mut chip = At24::new(&C02);
        chip.i2c_start(Dir::Write);
        chip.i2c_write(&[0x20, 0x55]);
        assert_eq!(read(&mut chip, 0, &[0x20]), Some([0xff]));
    }
}
