// SPDX-License-Identifier: GPL-2.0-only
//! The models of the NFC controllers, with two tags before them: any bytes from a driver's domain, which may be
//! hostile.
//!
//! What must hold, whatever comes over the bus and the lines: nothing panics, time goes on, and after its reset the
//! chip does what it did at first.
#![no_main]

use board::{BoardOptions, I2cData, I2cMsg, SimBoard, SpiXfer, Stimulus};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// A controller: its board, its bus, and how to see that it lives.
struct Subject {
    dtb: Vec<u8>,
    is_spi: bool,
    address: u16,
    /// A command that is always answered, after a reset.
    hello: &'static [u8],
}

fn subject(name: &str, is_spi: bool, address: u16, hello: &'static [u8]) -> Subject {
    let path = format!("{}/../drivers/boards/{name}.dts", env!("CARGO_MANIFEST_DIR"));
    let dtb = board::dts::compile(path.as_ref()).expect("the board compiles");
    Subject {
        dtb,
        is_spi,
        address,
        hello,
    }
}

static SUBJECTS: LazyLock<[Subject; 3]> = LazyLock::new(|| {
    [
        subject("nxp-nci", false, 0x28, &[0x20, 0x00, 0x01, 0x01]),
        subject(
            "pn533-i2c",
            false,
            0x24,
            &[0x00, 0x00, 0xff, 0x02, 0xfe, 0xd4, 0x02, 0x2a, 0x00],
        ),
        subject("st95hf", true, 0, &[0x00, 0x55]),
    ]
});

/// The lines: the interrupt, and what the host drives.
const IRQ: u32 = 0;
const ENABLE: u32 = 1;

fn transfer(sim: &mut SimBoard, subject: &Subject, out: &[u8], len: usize) -> Vec<u8> {
    let mut read = vec![0; len];
    // What fails is the chip's good right.
    if subject.is_spi {
        let bus = sim.bus("spi0").expect("the board has it");
        let pieces = &mut [
            SpiXfer {
                tx: out,
                ..SpiXfer::default()
            },
            SpiXfer {
                rx: &mut read,
                ..SpiXfer::default()
            },
        ];
        let _ = sim.spi_transfer(bus, subject.address.into(), 0, pieces);
    } else {
        let bus = sim.bus("i2c0").expect("the board has it");
        let data = if out.is_empty() {
            I2cData::Read(&mut read)
        } else {
            I2cData::Write(out)
        };
        let _ = sim.i2c_xfer(
            bus,
            &mut [I2cMsg {
                addr: subject.address,
                flags: 0,
                data,
            }],
        );
    }
    read
}

fn sleep(sim: &mut SimBoard, ns: u64) {
    let until = sim.now_ns() + ns;
    while sim.advance(until) < until {}
}

fn reset(sim: &mut SimBoard) {
    sim.power_cycle();
    sim.set_line_direction(ENABLE, true, false).expect("no chip drives it");
    sim.set_line(ENABLE, true).expect("it is an output");
    sleep(sim, 20_000_000);
}

fuzz_target!(|input: &[u8]| {
    let Some((&which, mut rest)) = input.split_first() else {
        return;
    };
    let subject = &SUBJECTS[usize::from(which % 3)];
    let tags = "tag=ntag213:https://example.org@0s..100ms,200ms.. tag=type4:tel:1";
    let stimulus = Stimulus::parse(tags).expect("it parses");
    let mut sim = SimBoard::new(
        &subject.dtb,
        BoardOptions {
            stimulus,
            ..BoardOptions::default()
        },
    )
    .expect("it builds");
    reset(&mut sim);
    while let [what, after @ ..] = rest {
        let len = usize::from(what >> 2);
        let (bytes, after) = after.split_at(len.min(after.len()));
        rest = after;
        match what & 3 {
            0 | 1 => drop(transfer(&mut sim, subject, bytes, 0)),
            2 => {
                let control: &[u8] = if subject.is_spi { &[0x02] } else { &[] };
                transfer(&mut sim, subject, control, 300);
            }
            _ => sleep(&mut sim, 1 << (len % 32)),
        }
    }
    reset(&mut sim);
    transfer(&mut sim, subject, subject.hello, 0);
    let rest_level = which % 3 != 0;
    let until = sim.now_ns() + 100_000_000;
    while sim.line(IRQ) == Ok(rest_level) && sim.advance(until) < until {}
    assert_eq!(sim.line(IRQ), Ok(!rest_level), "after its reset the chip answers");
});
