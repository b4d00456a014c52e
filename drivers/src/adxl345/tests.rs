// SPDX-License-Identifier: GPL-2.0-only
//! The ADXL345 through its bus: physics in, registers out.

use super::{STANDARD_GRAVITY, int, reg};
use crate::board::flags;
use crate::{BoardOptions, BusId, I2cData, I2cMsg, SimBoard, SpiXfer, Stimulus};

const ADDR: u16 = 0x53;

fn board() -> (SimBoard, BusId) {
    let dtb = crate::dts::compile_text(include_str!("../../boards/adxl345-i2c.dts")).unwrap();
    let board = SimBoard::new(&dtb, BoardOptions::default()).unwrap();
    assert!(board.warnings().is_empty());
    let bus = board.bus("i2c0").unwrap();
    (board, bus)
}

fn write(board: &mut SimBoard, bus: BusId, reg: u8, value: u8) {
    let data = [reg, value];
    board
        .i2c_xfer(
            bus,
            &mut [I2cMsg {
                addr: ADDR,
                flags: 0,
                data: I2cData::Write(&data),
            }],
        )
        .unwrap();
}

fn read<const N: usize>(board: &mut SimBoard, bus: BusId, reg: u8) -> [u8; N] {
    let mut bytes = [0; N];
    let done = board.i2c_xfer(
        bus,
        &mut [
            I2cMsg {
                addr: ADDR,
                flags: 0,
                data: I2cData::Write(&[reg]),
            },
            I2cMsg {
                addr: ADDR,
                flags: flags::RD,
                data: I2cData::Read(&mut bytes),
            },
        ],
    );
    assert_eq!(done, Ok(2));
    bytes
}

fn read1(board: &mut SimBoard, bus: BusId, reg: u8) -> u8 {
    read::<1>(board, bus, reg)[0]
}

fn axes(board: &mut SimBoard, bus: BusId) -> [i16; 3] {
    let bytes = read::<6>(board, bus, reg::DATAX0);
    std::array::from_fn(|axis| i16::from_le_bytes([bytes[2 * axis], bytes[2 * axis + 1]]))
}

fn wait(board: &mut SimBoard, ns: u64) {
    let end = board.now_ns() + ns;
    while board.now_ns() < end {
        board.advance(end);
    }
}

const MEASURE: u8 = 0x08;
const MS: u64 = 1_000_000;

#[test]
fn reset_values_are_those_of_the_data_sheet() {
    let (mut board, bus) = board();
    let all = read::<0x3a>(&mut board, bus, 0);
    for (addr, value) in all.into_iter().enumerate() {
        let expected = match addr {
            0x00 => 0xe5,
            0x2c => 0x0a,
            0x30 => 0x02,
            _ => 0,
        };
        assert_eq!(value, expected, "register {addr:#04x}");
    }
}

#[test]
fn gravity_comes_out_within_one_lsb_in_every_format() {
    for (sign, axis) in [(1.0, 0), (-1.0, 0), (1.0, 1), (-1.0, 1), (1.0, 2), (-1.0, 2)] {
        for range in 0..4u8 {
            for full_res in [0x00, 0x08] {
                let (mut board, bus) = board();
                let mut world = Stimulus {
                    accel: [0.0; 3],
                    ..Stimulus::default()
                };
                world.accel[axis] = sign * 9.81;
                board.set_stimulus(world.clone());
                write(&mut board, bus, reg::DATA_FORMAT, range | full_res);
                write(&mut board, bus, reg::POWER_CTL, MEASURE);
                let raw = axes(&mut board, bus);
                let per_g = if full_res != 0 {
                    256.0
                } else {
                    256.0 / f64::from(1 << range)
                };
                for (i, raw) in raw.into_iter().enumerate() {
                    let expected = world.accel[i] / STANDARD_GRAVITY * per_g;
                    assert!((f64::from(raw) - expected).abs() <= 1.0, "{raw} {expected}");
                }
            }
        }
    }
}

#[test]
fn too_much_acceleration_saturates() {
    let (mut board, bus) = board();
    board.set_stimulus(Stimulus::parse("accel=100,-100,0").unwrap());
    write(&mut board, bus, reg::POWER_CTL, MEASURE);
    assert_eq!(axes(&mut board, bus), [511, -512, 0]);
}

#[test]
fn offset_self_test_and_left_justification_reach_the_output() {
    let (mut board, bus) = board();
    board.set_stimulus(Stimulus::parse("accel=0,0,0").unwrap());
    write(&mut board, bus, reg::OFSX, 0x10);
    write(&mut board, bus, reg::OFSY, 0xf0);
    write(&mut board, bus, reg::POWER_CTL, MEASURE);
    assert_eq!(axes(&mut board, bus), [64, -64, 0]);
    write(&mut board, bus, reg::DATA_FORMAT, 0x04);
    assert_eq!(axes(&mut board, bus), [64 << 6, -64 << 6, 0]);
    write(&mut board, bus, reg::DATA_FORMAT, 0x80);
    let [x, y, z] = axes(&mut board, bus);
    assert!(x > 64 + 50 && y < -64 - 50 && z > 75, "{x} {y} {z}");
}

#[test]
fn read_only_and_reserved_registers_keep_their_values() {
    let (mut board, bus) = board();
    for reg in [reg::DEVID, 0x10, reg::INT_SOURCE, reg::DATAX0, 0x3f] {
        let before = read1(&mut board, bus, reg);
        write(&mut board, bus, reg, !before);
        assert_eq!(read1(&mut board, bus, reg), before, "register {reg:#04x}");
    }
}

#[test]
fn samples_come_at_the_data_rate() {
    let (mut board, bus) = board();
    write(&mut board, bus, reg::INT_ENABLE, int::DATA_READY);
    write(&mut board, bus, reg::BW_RATE, 0x0d);
    write(&mut board, bus, reg::POWER_CTL, MEASURE);
    axes(&mut board, bus);
    let first = board.next_event().unwrap();
    board.advance(u64::MAX);
    axes(&mut board, bus);
    assert_eq!(board.next_event().unwrap() - first, 1_250_000); // 800 Hz
}

#[test]
fn data_ready_follows_the_data_on_the_mapped_pin_and_polarity() {
    let (mut board, bus) = board();
    write(&mut board, bus, reg::INT_ENABLE, int::DATA_READY);
    assert_eq!(board.line(0), Ok(false));
    write(&mut board, bus, reg::POWER_CTL, MEASURE);
    wait(&mut board, MS);
    assert_eq!(board.line(0), Ok(true));
    axes(&mut board, bus);
    assert_eq!(board.line(0), Ok(false));
    // On INT2, which is not connected.
    wait(&mut board, 11 * MS);
    write(&mut board, bus, reg::INT_MAP, int::DATA_READY);
    assert_eq!(board.line(0), Ok(false));
    // Active low.
    write(&mut board, bus, reg::DATA_FORMAT, 0x20);
    assert_eq!(board.line(0), Ok(true));
}

#[test]
fn unread_data_in_bypass_mode_is_an_overrun() {
    let (mut board, bus) = board();
    write(&mut board, bus, reg::POWER_CTL, MEASURE);
    axes(&mut board, bus);
    wait(&mut board, 9 * MS);
    assert_eq!(read1(&mut board, bus, reg::INT_SOURCE) & int::OVERRUN, 0);
    wait(&mut board, 20 * MS);
    assert_ne!(read1(&mut board, bus, reg::INT_SOURCE) & int::OVERRUN, 0);
    axes(&mut board, bus);
    assert_eq!(read1(&mut board, bus, reg::INT_SOURCE) & int::OVERRUN, 0);
}

/// Steps the stimulus with the samples, so that each sample tells when it was made.
fn count_samples(board: &mut SimBoard, count: i32) {
    for i in 1..=count {
        let x = f64::from(i) * STANDARD_GRAVITY / 256.0;
        board.set_stimulus(Stimulus {
            accel: [x, 0.0, 0.0],
            ..Stimulus::default()
        });
        wait(board, 10 * MS);
    }
}

#[test]
fn stream_mode_keeps_the_newest_and_tells_of_the_overrun() {
    let (mut board, bus) = board();
    write(&mut board, bus, reg::FIFO_CTL, 0x80 | 16);
    write(&mut board, bus, reg::INT_ENABLE, int::WATERMARK);
    write(&mut board, bus, reg::POWER_CTL, MEASURE);
    wait(&mut board, 3 * MS);
    count_samples(&mut board, 14);
    assert_eq!(read1(&mut board, bus, reg::FIFO_STATUS), 15);
    assert_eq!(board.line(0), Ok(false));
    count_samples(&mut board, 40);
    assert_eq!(board.line(0), Ok(true));
    assert_eq!(read1(&mut board, bus, reg::FIFO_STATUS), 32);
    assert_eq!(
        read1(&mut board, bus, reg::INT_SOURCE),
        int::DATA_READY | int::WATERMARK | int::OVERRUN
    );
    for expected in 9..=40 {
        assert_eq!(axes(&mut board, bus)[0], expected);
    }
    // Reading all that took 7 ms of bus time: one more sample may be there.
    assert!(read1(&mut board, bus, reg::FIFO_STATUS) <= 1);
    assert_eq!(board.line(0), Ok(false));
}

#[test]
fn fifo_mode_keeps_the_oldest() {
    let (mut board, bus) = board();
    write(&mut board, bus, reg::FIFO_CTL, 0x40);
    write(&mut board, bus, reg::POWER_CTL, MEASURE);
    wait(&mut board, 3 * MS);
    axes(&mut board, bus);
    count_samples(&mut board, 40);
    for expected in 1..=10 {
        assert_eq!(axes(&mut board, bus)[0], expected);
    }
    assert_eq!(read1(&mut board, bus, reg::FIFO_STATUS), 22);
    write(&mut board, bus, reg::FIFO_CTL, 0x00);
    assert_eq!(read1(&mut board, bus, reg::FIFO_STATUS), 0);
}

#[test]
fn trigger_mode_keeps_what_was_before_the_event() {
    let (mut board, bus) = board();
    board.set_stimulus(Stimulus::parse("accel=0,0,0").unwrap());
    write(&mut board, bus, reg::THRESH_ACT, 16);
    write(&mut board, bus, reg::ACT_INACT_CTL, 0x70);
    write(&mut board, bus, reg::INT_ENABLE, int::ACTIVITY);
    write(&mut board, bus, reg::FIFO_CTL, 0xc0 | 5);
    write(&mut board, bus, reg::POWER_CTL, MEASURE);
    wait(&mut board, 203 * MS);
    assert_eq!(read1(&mut board, bus, reg::FIFO_STATUS), 21);
    board.set_stimulus(Stimulus::parse("accel=0,0,15").unwrap());
    wait(&mut board, 10 * MS);
    assert_eq!(read1(&mut board, bus, reg::FIFO_STATUS), 0x80 | 6);
    let zs: Vec<i16> = (0..6).map(|_| axes(&mut board, bus)[2]).collect();
    assert_eq!(zs, [0, 0, 0, 0, 0, 392]);
}

#[test]
fn activity_inactivity_and_sleep_take_turns_in_link_mode() {
    let (mut board, bus) = board();
    board.set_stimulus(Stimulus::parse("accel=0,0,0").unwrap());
    write(&mut board, bus, reg::THRESH_ACT, 8);
    write(&mut board, bus, reg::THRESH_INACT, 4);
    write(&mut board, bus, reg::TIME_INACT, 2);
    write(&mut board, bus, reg::ACT_INACT_CTL, 0x77);
    write(&mut board, bus, reg::INT_ENABLE, int::ACTIVITY | int::INACTIVITY);
    write(&mut board, bus, reg::POWER_CTL, 0x38);
    wait(&mut board, 1900 * MS);
    assert_eq!(board.line(0), Ok(false));
    wait(&mut board, 200 * MS);
    assert_eq!(board.line(0), Ok(true));
    assert_eq!(read1(&mut board, bus, reg::ACT_TAP_STATUS) & 0x08, 0x08);
    assert_eq!(
        read1(&mut board, bus, reg::INT_SOURCE) & int::INACTIVITY,
        int::INACTIVITY
    );
    assert_eq!(board.line(0), Ok(false));
    board.set_stimulus(Stimulus::parse("accel=0,6,0").unwrap());
    wait(&mut board, 126 * MS);
    assert_eq!(board.line(0), Ok(true));
    assert_eq!(read1(&mut board, bus, reg::ACT_TAP_STATUS), 0x20);
    assert_eq!(read1(&mut board, bus, reg::INT_SOURCE) & int::ACTIVITY, int::ACTIVITY);
}

#[test]
fn falling_for_long_enough_is_free_fall() {
    let (mut board, bus) = board();
    write(&mut board, bus, reg::THRESH_FF, 5);
    write(&mut board, bus, reg::TIME_FF, 10);
    write(&mut board, bus, reg::INT_ENABLE, int::FREE_FALL);
    write(&mut board, bus, reg::POWER_CTL, MEASURE);
    wait(&mut board, 100 * MS);
    board.set_stimulus(Stimulus::parse("accel=0,0,0.5").unwrap());
    wait(&mut board, 45 * MS);
    assert_eq!(board.line(0), Ok(false));
    wait(&mut board, 20 * MS);
    assert_eq!(board.line(0), Ok(true));
}

#[test]
fn taps_are_single_or_double() {
    let (mut board, bus) = board();
    board.set_stimulus(Stimulus::parse("accel=0,0,0").unwrap());
    write(&mut board, bus, reg::BW_RATE, 0x0f);
    for (reg, value) in [
        (reg::THRESH_TAP, 0x20),
        (reg::DUR, 0x10),
        (reg::LATENT, 0x10),
        (reg::WINDOW, 0x40),
    ] {
        write(&mut board, bus, reg, value);
    }
    write(&mut board, bus, reg::TAP_AXES, 0x01);
    write(&mut board, bus, reg::INT_ENABLE, int::SINGLE_TAP | int::DOUBLE_TAP);
    write(&mut board, bus, reg::POWER_CTL, MEASURE);
    let mut events = Vec::new();
    for _ in 0..2 {
        board.set_stimulus(Stimulus::parse("accel=0,0,30").unwrap());
        wait(&mut board, 5 * MS);
        board.set_stimulus(Stimulus::parse("accel=0,0,0").unwrap());
        wait(&mut board, 30 * MS);
        events.push(read1(&mut board, bus, reg::INT_SOURCE) & int::EVENTS);
    }
    assert_eq!(events, [int::SINGLE_TAP, int::DOUBLE_TAP]);
    assert_eq!(read1(&mut board, bus, reg::ACT_TAP_STATUS) & 0x07, 0x01);
}

#[test]
fn data_sheet_start_up_has_no_sample_at_first() {
    let dtb = crate::dts::compile_text(include_str!("../../boards/adxl345-i2c.dts")).unwrap();
    let chips = crate::chip::ChipOptions {
        start_up: crate::chip::StartUp::DataSheet,
        ..Default::default()
    };
    let mut board = SimBoard::new(
        &dtb,
        BoardOptions {
            chips,
            ..BoardOptions::default()
        },
    )
    .unwrap();
    let bus = board.bus("i2c0").unwrap();
    write(&mut board, bus, reg::POWER_CTL, MEASURE);
    assert_eq!(axes(&mut board, bus), [0, 0, 0]);
    wait(&mut board, 11_200_000);
    assert_eq!(axes(&mut board, bus), [0, 0, 256]);
}

#[test]
fn spi_reads_bursts_and_refuses_other_modes() {
    let dtb = crate::dts::compile_text(include_str!("../../boards/adxl345-spi.dts")).unwrap();
    let mut board = SimBoard::new(&dtb, BoardOptions::default()).unwrap();
    let bus = board.bus("spi0").unwrap();
    let mut xfer = |mode: u32, tx: &[u8], len: usize| {
        let mut rx = vec![0; len];
        let out = SpiXfer {
            tx,
            ..SpiXfer::default()
        };
        let into = SpiXfer {
            rx: &mut rx,
            ..SpiXfer::default()
        };
        board.spi_transfer(bus, 0, mode, &mut [out, into]).unwrap();
        rx
    };
    assert_eq!(xfer(3, &[0x80], 1), [0xe5]);
    assert_eq!(xfer(0, &[0x80], 1), [0xff]);
    xfer(0, &[reg::POWER_CTL, MEASURE], 0);
    assert_eq!(xfer(3, &[0x80 | reg::POWER_CTL], 1), [0]);
    xfer(3, &[reg::POWER_CTL, MEASURE], 0);
    assert_eq!(xfer(3, &[0xc0 | reg::DATAX0], 6), [0, 0, 0, 0, 0, 1]);
    // Without the multi-byte bit the address stays.
    assert_eq!(xfer(3, &[0x80 | reg::DATAZ1], 3), [1, 1, 1]);
    // Three wires: nothing comes back on a bus with four.
    xfer(3, &[reg::DATA_FORMAT, 0x40], 0);
    assert_eq!(xfer(3, &[0x80], 1), [0xff]);
    assert_eq!(xfer(3 | 0x10, &[0x80], 1), [0xe5]);
}
