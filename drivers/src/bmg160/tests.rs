// SPDX-License-Identifier: GPL-2.0-only
//! The BMG160 through its bus: physics in, registers out.

use super::reg;
use crate::board::flags;
use crate::{BoardOptions, BusId, I2cData, I2cMsg, SimBoard, Stimulus};
use std::sync::{Arc, Mutex};

const ADDR: u16 = 0x69;
const MS: u64 = 1_000_000;

fn board() -> (SimBoard, BusId) {
    let dtb = crate::dts::compile_text(include_str!("../../boards/bmg160.dts")).unwrap();
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
    let out = I2cMsg {
        addr: ADDR,
        flags: 0,
        data: I2cData::Write(&[reg]),
    };
    let into = I2cMsg {
        addr: ADDR,
        flags: flags::RD,
        data: I2cData::Read(&mut bytes),
    };
    assert_eq!(board.i2c_xfer(bus, &mut [out, into]), Ok(2));
    bytes
}

fn read1(board: &mut SimBoard, bus: BusId, reg: u8) -> u8 {
    read::<1>(board, bus, reg)[0]
}

fn axes(board: &mut SimBoard, bus: BusId, reg: u8) -> [i16; 3] {
    let bytes = read::<6>(board, bus, reg);
    std::array::from_fn(|axis| i16::from_le_bytes([bytes[2 * axis], bytes[2 * axis + 1]]))
}

fn wait(board: &mut SimBoard, ns: u64) {
    let end = board.now_ns() + ns;
    while board.now_ns() < end {
        board.advance(end);
    }
}

/// Records the line's changes as (time, level).
fn edges(board: &mut SimBoard) -> Arc<Mutex<Vec<bool>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let sink = log.clone();
    board.set_line_sink(Box::new(move |line, level| {
        assert_eq!(line, 0);
        sink.lock().unwrap().push(level);
    }));
    log
}

#[test]
fn one_radian_per_second_comes_out_within_one_lsb_in_every_range() {
    for (code, per_degree) in [(0, 16.4), (1, 32.8), (2, 65.6), (3, 131.2), (4, 262.4)] {
        for (axis, sign) in [(0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0), (2, 1.0), (2, -1.0)] {
            let (mut board, bus) = board();
            let mut world = Stimulus::default();
            world.rate[axis] = sign;
            board.set_stimulus(world.clone());
            write(&mut board, bus, reg::RANGE, code);
            for (i, raw) in axes(&mut board, bus, reg::RATE_X_LSB).into_iter().enumerate() {
                let expected = world.rate[i].to_degrees() * per_degree;
                assert!((f64::from(raw) - expected).abs() <= 1.0, "{raw} {expected}");
            }
        }
    }
}

#[test]
fn too_fast_a_rotation_saturates() {
    let (mut board, bus) = board();
    board.set_stimulus(Stimulus::parse("rate=100,-100,0").unwrap());
    wait(&mut board, MS);
    assert_eq!(axes(&mut board, bus, reg::RATE_X_LSB), [i16::MAX, i16::MIN, 0]);
}

#[test]
fn temperature_has_half_kelvin_steps() {
    for (temp, raw) in [
        ("temp=23", 0i8),
        ("temp=24.5", 3),
        ("temp=-40", -126),
        ("temp=200", 127),
    ] {
        let (mut board, bus) = board();
        board.set_stimulus(Stimulus::parse(temp).unwrap());
        wait(&mut board, MS);
        assert_eq!(read1(&mut board, bus, reg::TEMP).cast_signed(), raw);
    }
}

#[test]
fn identification_and_reset_values() {
    let (mut board, bus) = board();
    assert_eq!(read1(&mut board, bus, reg::CHIP_ID), 0x0f);
    write(&mut board, bus, reg::CHIP_ID, 0x55);
    write(&mut board, bus, reg::RANGE, 0xff);
    assert_eq!(read::<2>(&mut board, bus, reg::CHIP_ID)[0], 0x0f);
    assert_eq!(read1(&mut board, bus, reg::RANGE), 0x07);
    write(&mut board, bus, reg::BGW_SOFTRESET, 0xb6);
    assert_eq!(read1(&mut board, bus, reg::RANGE), 0x00);
    assert_eq!(read1(&mut board, bus, reg::INT_EN_1), 0x0f);
    assert_eq!(read1(&mut board, bus, reg::BW), 0x80);
}

#[test]
fn a_suspended_chip_keeps_its_data_and_takes_only_a_wake_up() {
    let (mut board, bus) = board();
    board.set_stimulus(Stimulus::parse("rate=1,0,0").unwrap());
    wait(&mut board, MS);
    write(&mut board, bus, reg::LPM1, 0x80);
    let before = axes(&mut board, bus, reg::RATE_X_LSB);
    board.set_stimulus(Stimulus::parse("rate=2,0,0").unwrap());
    wait(&mut board, 100 * MS);
    assert_eq!(axes(&mut board, bus, reg::RATE_X_LSB), before);
    write(&mut board, bus, reg::RANGE, 2);
    assert_eq!(read1(&mut board, bus, reg::RANGE), 0);
    write(&mut board, bus, reg::LPM1, 0x00);
    assert_eq!(axes(&mut board, bus, reg::RATE_X_LSB)[0], 1879);
}

#[test]
fn the_upper_half_waits_for_its_lower_half() {
    let (mut board, bus) = board();
    board.set_stimulus(Stimulus::parse("rate=1,0,0").unwrap());
    wait(&mut board, MS);
    let low = read1(&mut board, bus, reg::RATE_X_LSB);
    board.set_stimulus(Stimulus::parse("rate=-1,0,0").unwrap());
    wait(&mut board, MS);
    let high = read1(&mut board, bus, reg::RATE_X_MSB);
    assert_eq!(i16::from_le_bytes([low, high]), 940);
}

#[test]
fn new_data_is_a_pulse_per_sample() {
    let (mut board, bus) = board();
    write(&mut board, bus, reg::BW, 5);
    write(&mut board, bus, reg::INT_EN_1, 0x05); // push-pull, active high
    write(&mut board, bus, reg::INT_MAP_1, 0x01);
    let log = edges(&mut board);
    write(&mut board, bus, reg::INT_EN_0, 0x80);
    wait(&mut board, 101 * MS);
    let edges = log.lock().unwrap().clone();
    assert_eq!(edges, [true, false].repeat(10));
}

#[test]
fn new_data_status_and_polarity_follow_the_pulse() {
    let (mut board, bus) = board();
    write(&mut board, bus, reg::BW, 5);
    write(&mut board, bus, reg::INT_EN_1, 0x00); // push-pull, active low
    write(&mut board, bus, reg::INT_MAP_1, 0x01);
    write(&mut board, bus, reg::INT_EN_0, 0x80);
    assert_eq!(board.line(0), Ok(true));
    let sample = board.next_event().unwrap();
    while board.now_ns() < sample {
        board.advance(sample);
    }
    assert_eq!(board.line(0), Ok(false));
    assert_eq!(read1(&mut board, bus, reg::INT_STATUS_1), 0x80);
    wait(&mut board, MS);
    assert_eq!(board.line(0), Ok(true));
    assert_eq!(read1(&mut board, bus, reg::INT_STATUS_1), 0x00);
}

#[test]
fn open_drain_needs_the_pull_up() {
    let (mut board, bus) = board();
    // Reset: open drain, active high: at rest the chip holds the line low.
    assert_eq!(board.line(0), Ok(false));
    write(&mut board, bus, reg::INT_EN_1, 0x02); // open drain, active low: at rest it lets go
    assert_eq!(board.line(0), Ok(true));
}

#[test]
fn an_interrupt_that_is_not_mapped_costs_no_event() {
    let (mut board, bus) = board();
    write(&mut board, bus, reg::INT_EN_0, 0x80);
    assert_eq!(board.next_event(), None);
}

#[test]
fn any_motion_latches_until_it_is_reset() {
    let (mut board, bus) = board();
    write(&mut board, bus, reg::INT_EN_1, 0x05);
    write(&mut board, bus, reg::INT_MAP_0, 0x02);
    write(&mut board, bus, reg::INT_RST_LATCH, 0x8f);
    write(&mut board, bus, reg::ANY_TH, 0x01);
    write(&mut board, bus, reg::ANY_EN, 0x02); // y, 4 samples
    wait(&mut board, 50 * MS);
    assert_eq!(board.line(0), Ok(false));
    let mut rate = 0.0;
    for _ in 0..6 {
        rate += 0.2;
        board.set_stimulus(Stimulus {
            rate: [0.0, rate, 0.0],
            ..Stimulus::default()
        });
        wait(&mut board, 500_000);
    }
    assert_eq!(board.line(0), Ok(true));
    wait(&mut board, 5000 * MS);
    assert_eq!(board.line(0), Ok(true));
    assert_eq!(read1(&mut board, bus, reg::INT_STATUS_0), 0x04);
    assert_eq!(read1(&mut board, bus, reg::INT_STATUS_2), 0x02);
    write(&mut board, bus, reg::INT_RST_LATCH, 0x8f);
    assert_eq!(board.line(0), Ok(false));
    assert_eq!(read1(&mut board, bus, reg::INT_RST_LATCH), 0x0f);
}

#[test]
fn a_high_rate_for_long_enough_interrupts_for_the_latch_time() {
    let (mut board, bus) = board();
    write(&mut board, bus, reg::INT_EN_1, 0x05);
    write(&mut board, bus, reg::INT_MAP_0, 0x08);
    write(&mut board, bus, reg::INT_RST_LATCH, 0x01); // 250 ms
    write(&mut board, bus, reg::HIGH_TH_Z, 0x03); // (255 + 256) · 4 LSB = 2.17 rad/s
    board.set_stimulus(Stimulus::parse("rate=0,0,-3").unwrap());
    wait(&mut board, 60 * MS);
    assert_eq!(board.line(0), Ok(false));
    wait(&mut board, 10 * MS);
    assert_eq!(board.line(0), Ok(true));
    assert_eq!(read1(&mut board, bus, reg::INT_STATUS_3), 0x0c);
    board.set_stimulus(Stimulus::parse("rate=0,0,0").unwrap());
    wait(&mut board, 240 * MS);
    assert_eq!(board.line(0), Ok(true));
    wait(&mut board, 20 * MS);
    assert_eq!(board.line(0), Ok(false));
}

/// One sample per step of the stimulus, at 100 Hz.
fn count_samples(board: &mut SimBoard, count: i32) {
    for i in 1..=count {
        let rate = (f64::from(i) / 16.4).to_radians();
        board.set_stimulus(Stimulus {
            rate: [rate, 0.0, -rate],
            ..Stimulus::default()
        });
        wait(board, 10 * MS);
    }
}

#[test]
fn stream_keeps_the_newest_hundred_and_tells_of_the_overrun() {
    let (mut board, bus) = board();
    write(&mut board, bus, reg::BW, 5);
    write(&mut board, bus, reg::FIFO_CONFIG_1, 0x80);
    wait(&mut board, 3 * MS);
    count_samples(&mut board, 99);
    assert_eq!(read1(&mut board, bus, reg::FIFO_STATUS), 99);
    count_samples(&mut board, 105);
    assert_eq!(read1(&mut board, bus, reg::FIFO_STATUS), 0x80 | 100);
    // A burst that stops within a frame loses nothing.
    assert_eq!(read::<3>(&mut board, bus, reg::FIFO_DATA)[0], 6);
    let frames = read::<24>(&mut board, bus, reg::FIFO_DATA);
    for (i, frame) in (6i16..).zip(frames.chunks(6)) {
        assert_eq!(frame, [i.to_le_bytes(), [0; 2], (-i).to_le_bytes()].concat());
    }
    assert_eq!(read1(&mut board, bus, reg::FIFO_STATUS), 0x80 | 96);
    write(&mut board, bus, reg::FIFO_CONFIG_1, 0x80);
    assert_eq!(read1(&mut board, bus, reg::FIFO_STATUS), 0);
}

#[test]
fn fifo_mode_stops_when_full_and_the_watermark_interrupts() {
    let (mut board, bus) = board();
    write(&mut board, bus, reg::BW, 5);
    write(&mut board, bus, reg::INT_EN_1, 0x05);
    write(&mut board, bus, reg::INT_MAP_1, 0x04);
    write(&mut board, bus, reg::FIFO_CONFIG_0, 10);
    write(&mut board, bus, reg::FIFO_WM_EN, 0x88);
    write(&mut board, bus, reg::INT_EN_0, 0x40);
    write(&mut board, bus, reg::FIFO_CONFIG_1, 0x43); // z only
    wait(&mut board, 3 * MS);
    count_samples(&mut board, 10);
    assert_eq!(board.line(0), Ok(false));
    wait(&mut board, 10 * MS);
    assert_eq!(board.line(0), Ok(true));
    assert_eq!(read1(&mut board, bus, reg::INT_STATUS_1), 0x10);
    let bytes = read::<4>(&mut board, bus, reg::FIFO_DATA);
    assert_eq!(bytes, [0xff, 0xff, 0xfe, 0xff]);
    assert_eq!(board.line(0), Ok(false));
    count_samples(&mut board, 120);
    assert_eq!(read1(&mut board, bus, reg::FIFO_STATUS), 0x80 | 100);
    assert_eq!(read::<2>(&mut board, bus, reg::FIFO_DATA), [0xfd, 0xff]);
}
