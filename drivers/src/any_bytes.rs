// SPDX-License-Identifier: GPL-2.0-only
//! Whatever a domain sends to a chip, no model panics: domains are hostile, and the board is not theirs.

use crate::chip::{CHIPS, ChipOptions, Dir};
use crate::stimulus::Stimulus;
use proptest::collection::vec;
use proptest::prelude::*;

/// What happens to a chip.
#[derive(Clone, Debug)]
enum Act {
    Write(Vec<u8>),
    Read(Vec<u8>, usize),
    Spi(u32, Vec<u8>),
    Pin(usize, bool),
    Pass(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => vec(any::<u8>(), 0..12).prop_map(Act::Write),
        2 => (vec(any::<u8>(), 0..3), 0usize..40).prop_map(|(out, len)| Act::Read(out, len)),
        1 => (0u32..4, vec(any::<u8>(), 0..12)).prop_map(|(mode, bytes)| Act::Spi(mode, bytes)),
        1 => (0usize..3, any::<bool>()).prop_map(|(pin, level)| Act::Pin(pin, level)),
        2 => (0u32..34).prop_map(|bits| Act::Pass(1 << bits)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(acts in vec(act(), 1..40)) {
        let world = Stimulus::parse("accel=3,-30,9 rate=1,-50,0 tag=type4:tel:1 time=1e9").unwrap();
        for (_, make) in CHIPS {
            let (mut chip, mut now) = (make(&ChipOptions::default()), 0);
            for act in &acts {
                chip.advance(now, &world);
                match act {
                    Act::Write(bytes) => {
                        if chip.i2c_start(Dir::Write) {
                            chip.i2c_write(bytes);
                        }
                        chip.i2c_stop();
                    }
                    Act::Read(out, len) => {
                        chip.i2c_write_read(now, &world, out, &mut vec![0; *len]);
                    }
                    Act::Spi(mode, bytes) => {
                        chip.spi_select(*mode);
                        chip.spi_bytes(bytes.len(), bytes, &mut vec![0; bytes.len()]);
                        chip.spi_deselect();
                    }
                    Act::Pin(pin, level) => chip.set_input(*pin, *level),
                    Act::Pass(ns) => now += ns,
                }
                chip.transfer_end(now);
                chip.status();
            }
        }
    }
}
