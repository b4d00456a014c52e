// SPDX-License-Identifier: GPL-2.0-only
//! The device side of adxl345 on SPI: a chip that answers what the fuzzer says, and a user who does what it says.
#![no_main]

use harness::device::Identity;
use harness::script::Bench;
use harness::{Device, Image};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

fn boot() {
    let device = Device {
        image: Image::parse(env!("IMAGE_ADXL345_SPI")),
        identity: Identity {
            register: 0x00,
            value: 0xe5,
        },
        driver: "bus/spi/drivers/adxl345_spi",
        name: "spi0.0",
        trigger: "none",
    };
    BENCH.set(Some(Bench::new(device)));
}

fuzz_target!(
    init: boot(),
    |data: &[u8]| BENCH.with(|bench| harness::run(bench, data))
);
