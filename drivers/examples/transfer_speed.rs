// SPDX-License-Identifier: GPL-2.0-only
//! What the simulation costs: nanoseconds of this machine per register read, under virtual time.
//!
//! `cargo run --release -p board --example transfer_speed`

use board::board::flags;
use board::{BoardOptions, I2cData, I2cMsg, SharedBoard, SimBoard, SpiXfer};
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: u32 = 2_000_000;

/// The best of some runs: the others were disturbed.
fn measure(name: &str, mut work: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..10 {
        let start = Instant::now();
        (0..ROUNDS / 10).for_each(|_| work());
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS / 10));
    }
    println!("{name:<40} {best:6.1} ns");
}

fn i2c_read(board: &mut SimBoard, bus: board::BusId, addr: u16, reg: u8, bytes: &mut [u8]) {
    let out = I2cMsg {
        addr,
        flags: 0,
        data: I2cData::Write(&[reg]),
    };
    let into = I2cMsg {
        addr,
        flags: flags::RD,
        data: I2cData::Read(bytes),
    };
    let _ = black_box(board.i2c_xfer(bus, &mut [out, into]));
}

fn load(name: &str) -> Result<SimBoard, Box<dyn Error>> {
    let path = format!("{}/boards/{name}.dts", env!("CARGO_MANIFEST_DIR"));
    Ok(SimBoard::new(
        &board::dts::compile(path.as_ref())?,
        BoardOptions::default(),
    )?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut sim = load("adxl345-i2c")?;
    let bus = sim.bus("i2c0").ok_or("no i2c0")?;
    let start = I2cMsg {
        addr: 0x53,
        flags: 0,
        data: I2cData::Write(&[0x2d, 0x08]),
    };
    sim.i2c_xfer(bus, &mut [start])?;
    let mut bytes = [0; 6];
    measure("adxl345 i2c, 1 byte", || {
        i2c_read(&mut sim, bus, 0x53, 0x00, &mut bytes[..1])
    });
    measure("adxl345 i2c, 2 bytes of data", || {
        i2c_read(&mut sim, bus, 0x53, 0x32, &mut bytes[..2])
    });
    measure("adxl345 i2c, 6 bytes of data", || {
        i2c_read(&mut sim, bus, 0x53, 0x32, &mut bytes)
    });
    let shared = SharedBoard::new(sim);
    measure("adxl345 i2c, 2 bytes, behind the lock", || {
        shared.with(|sim| i2c_read(sim, bus, 0x53, 0x32, &mut bytes[..2]));
    });
    let mut sim = load("adxl345-spi")?;
    let bus = sim.bus("spi0").ok_or("no spi0")?;
    measure("adxl345 spi, 2 bytes of data", || {
        let out = SpiXfer {
            tx: &[0xf2],
            ..SpiXfer::default()
        };
        let into = SpiXfer {
            rx: &mut bytes[..2],
            ..SpiXfer::default()
        };
        let _ = black_box(sim.spi_transfer(bus, 0, 3, &mut [out, into]));
    });
    let mut sim = load("bmg160")?;
    let bus = sim.bus("i2c0").ok_or("no i2c0")?;
    measure("bmg160 i2c, 2 bytes of data", || {
        i2c_read(&mut sim, bus, 0x69, 0x02, &mut bytes[..2])
    });
    Ok(())
}
