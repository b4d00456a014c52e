// SPDX-License-Identifier: GPL-2.0-only

use super::*;
use crate::chip::{Chip, Dir, RegDevice};

const MS: u64 = 1_000_000;

fn chip() -> RegDevice<Lsm6dsl> {
    RegDevice::new(Lsm6dsl::new(&ChipOptions::default()))
}

fn write(chip: &mut RegDevice<Lsm6dsl>, reg: u8, value: u8) {
    chip.i2c_start(Dir::Write);
    chip.i2c_write(&[reg, value]);
    chip.i2c_stop();
}

fn read<const N: usize>(chip: &mut RegDevice<Lsm6dsl>, now: u64, world: &Stimulus, reg: u8) -> [u8; N] {
    let mut bytes = [0; N];
    chip.i2c_write_read(now, world, &[reg], &mut bytes);
    bytes
}

fn words(bytes: &[u8]) -> Vec<i16> {
    let (pairs, _) = bytes.as_chunks::<2>();
    pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

#[test]
fn each_range_has_its_step() {
    let world = Stimulus::parse("accel=1,-2,9.81 rate=1,0,-2 temp=26").unwrap();
    for (range, step_g) in STEP_G.iter().enumerate() {
        let mut chip = chip();
        let bits = u8::try_from(range << 2).unwrap();
        write(&mut chip, reg::CTRL1_XL, 0x40 | bits);
        write(&mut chip, reg::CTRL2_G, 0x40 | bits);
        let data = words(&read::<14>(&mut chip, 10 * MS, &world, reg::OUT_TEMP_L));
        assert_eq!(data[0], 256);
        let step = STEP_DEGREE * f64::from(1 << range);
        assert!((f64::from(data[1]) * step - 1f64.to_degrees()).abs() <= step);
        let step = step_g * STANDARD_GRAVITY;
        assert!((f64::from(data[5]) * step + 2.0).abs() <= step);
    }
}

#[test]
fn status_says_what_is_new_and_pins_follow() {
    let world = Stimulus::default();
    let mut chip = chip();
    write(&mut chip, reg::INT1_CTRL, PIN_XL);
    assert_eq!(read(&mut chip, MS, &world, reg::STATUS_REG), [0]);
    write(&mut chip, reg::CTRL1_XL, 0x40);
    assert_eq!(read(&mut chip, 2 * MS, &world, reg::STATUS_REG), [NEW_XL | NEW_TEMP]);
    assert_eq!(chip.status().pins, [Pin::High, Pin::Low]);
    read::<6>(&mut chip, 2 * MS, &world, reg::OUTX_L_XL);
    assert_eq!(chip.status().pins[0], Pin::Low);
    write(&mut chip, reg::CTRL3_C, SOFT_RESET);
    assert_eq!(read(&mut chip, 2 * MS, &world, reg::CTRL1_XL), [0]);
}

/// Both sensors at 104 Hz into the FIFO, gyroscope only every second time.
fn filling(chip: &mut RegDevice<Lsm6dsl>) {
    write(chip, reg::FIFO_CTRL1, 15);
    write(chip, reg::FIFO_CTRL3, 2 << 3 | 1);
    write(chip, reg::FIFO_CTRL5, 4 << 3 | 6);
    write(chip, reg::INT1_CTRL, 0x08);
    write(chip, reg::CTRL2_G, 0x40);
    write(chip, reg::CTRL1_XL, 0x40);
}

#[test]
fn the_fifo_tells_how_much_of_which_it_holds() {
    let world = Stimulus::parse("accel=0,0,9.81 rate=1,0,0").unwrap();
    let mut chip = chip();
    filling(&mut chip);
    // Samples at 0 and 9.6 ms: both sensors, then the accelerometer alone.
    assert_eq!(read(&mut chip, 10 * MS, &world, reg::FIFO_STATUS1), [9, 0, 0, 0]);
    assert_eq!(chip.status().pins[0], Pin::Low);
    let data = words(&read::<18>(&mut chip, 10 * MS, &world, reg::FIFO_DATA_OUT_L));
    assert_eq!(data[0], 6548);
    assert_eq!((data[5], data[8]), (16_399, 16_399));
    assert_eq!(read(&mut chip, 10 * MS, &world, reg::FIFO_STATUS1), [0, EMPTY_FLAG]);
    // 19.2 and 28.8 ms, then 38.4 ms: nine words, then fifteen.
    assert_eq!(read(&mut chip, 38 * MS, &world, reg::FIFO_STATUS1), [9, 0]);
    assert_eq!(read(&mut chip, 39 * MS, &world, reg::FIFO_STATUS1), [15, 0x80]);
    assert_eq!(chip.status().pins[0], Pin::High);
}

const EMPTY_FLAG: u8 = 0x10;

#[test]
fn a_full_fifo_loses_its_oldest_or_stops() {
    let world = Stimulus::default();
    let mut chip = chip();
    filling(&mut chip);
    let end = 20_000 * MS;
    for now in (0..end).step_by(500_000_000) {
        chip.advance(now, &world);
    }
    let [low, high] = read(&mut chip, end, &world, reg::FIFO_STATUS1);
    assert_eq!((low, high & 0x70), (0, 0x60), "2048 words do not fit into eleven bits");
    write(&mut chip, reg::FIFO_CTRL5, 0);
    assert_eq!(read(&mut chip, end, &world, reg::FIFO_STATUS1), [0, EMPTY_FLAG]);
}

#[test]
fn time_stamps_count_from_their_reset() {
    let world = Stimulus::default();
    let mut chip = chip();
    write(&mut chip, reg::CTRL10_C, TIMER);
    write(&mut chip, reg::WAKE_UP_DUR, TIMER_FINE);
    assert_eq!(read(&mut chip, MS, &world, reg::TIMESTAMP0_REG), [40, 0, 0]);
    write(&mut chip, reg::TIMESTAMP2_REG, TIMESTAMP_RESET);
    assert_eq!(read(&mut chip, 2 * MS, &world, reg::TIMESTAMP0_REG), [40, 0, 0]);
}
