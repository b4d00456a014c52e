// SPDX-License-Identifier: GPL-2.0-only
//! A wire from the controller's output to its input, in a chip's place: what upstream's `spi-loopback-test` wants
//! (the head of `drivers/spi/spi-loopback-test.c`).

use crate::chip::{Chip, NEVER, PINS, Pin, Status};
use crate::stimulus::Stimulus;

/// The wire.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loopback;

impl Chip for Loopback {
    fn name(&self) -> &'static str {
        "loopback"
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

    fn spi_byte(&mut self, mosi: u8) -> u8 {
        mosi
    }

    // A wire has no identification.
    fn fake_id(&mut self, _id: u8) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_out_comes_back() {
        let mut read = [0xff; 4];
        // Where nothing is sent, the controller's output is low.
        Loopback.spi_bytes(4, &[0x00, 0x5a, 0xff], &mut read);
        assert_eq!(read, [0x00, 0x5a, 0xff, 0x00]);
    }
}
