// SPDX-License-Identifier: GPL-2.0-only
//! The BMA255 through its bus: physics in, registers out.

use super::reg;
use crate::bench::{Bench, MS, near};

fn bench() -> Bench {
    Bench::new(include_str!("../../boards/bmc150-accel.dts"), 0x18)
}

/// The 12 bits of each axis.
fn axes(bench: &mut Bench) -> [i16; 3] {
    bench.words_le(reg::ACCD_X_LSB).map(|word| word >> 4)
}

#[test]
fn gravity_comes_out_within_one_lsb_in_every_range() {
    for (code, lsb_per_g) in [(0x03, 1024.0), (0x05, 512.0), (0x08, 256.0), (0x0c, 128.0)] {
        let mut bench = bench();
        bench.feel("accel=9.80665,-4.903325,1");
        bench.write(reg::PMU_RANGE, code);
        near(
            axes(&mut bench),
            [lsb_per_g, -lsb_per_g / 2.0, lsb_per_g / 9.80665],
            1.0,
        );
    }
}

#[test]
fn too_much_saturates_and_temperature_has_half_kelvin_steps() {
    let mut bench = bench();
    bench.feel("accel=100,-100,0 temp=-10");
    bench.wait(MS);
    assert_eq!(axes(&mut bench), [2047, -2048, 0]);
    assert_eq!(bench.read1(reg::ACCD_TEMP).cast_signed(), -66);
}

#[test]
fn a_read_axis_is_not_new_until_the_next_sample() {
    let mut bench = bench();
    bench.write(reg::PMU_BW, 0x08);
    bench.wait(65 * MS);
    let is_new = |bench: &mut Bench| bench.read::<2>(reg::ACCD_X_LSB)[0] & 1;
    assert_eq!([is_new(&mut bench), is_new(&mut bench)], [1, 0]);
    assert_eq!(bench.read1(reg::ACCD_Y_LSB) & 1, 1);
    bench.wait(64 * MS);
    assert_eq!(is_new(&mut bench), 1);
}

#[test]
fn a_suspended_chip_takes_only_a_wake_up() {
    let mut bench = bench();
    bench.write(reg::PMU_LPW, 0x80);
    bench.write(reg::PMU_RANGE, 0x0c);
    assert_eq!(bench.read1(reg::PMU_RANGE), 0x03);
    let before = axes(&mut bench);
    bench.feel("accel=5,5,5");
    bench.wait(100 * MS);
    assert_eq!(axes(&mut bench), before);
    bench.write(reg::PMU_LPW, 0x00);
    assert_eq!(axes(&mut bench), [522; 3]);
}

#[test]
fn new_data_is_a_pulse_per_sample() {
    let mut bench = bench();
    bench.write(reg::PMU_BW, 0x0b); // 8 ms
    bench.write(reg::INT_MAP_1, 0x01);
    bench.wait(9 * MS);
    let edges = bench.edges();
    bench.write(reg::INT_EN_1, 0x10);
    bench.wait(40 * MS);
    assert_eq!(edges.lock().unwrap()[..5], [true, false, true, false, true]);
}

#[test]
fn a_slope_interrupts_and_latches_until_it_is_reset() {
    let mut bench = bench();
    bench.write(reg::INT_MAP_0, 0x04);
    bench.write(reg::INT_RST_LATCH, 0x8f);
    bench.write(reg::INT_6, 20); // 80 LSB: 0.77 m/s²
    bench.write(reg::INT_EN_0, 0x02); // y
    bench.wait(10 * MS);
    bench.feel("accel=5,0,9.81");
    bench.wait(10 * MS);
    assert!(!bench.line());
    bench.feel("accel=5,-1,9.81");
    bench.wait(10 * MS);
    assert!(bench.line());
    assert_eq!(
        (bench.read1(reg::INT_STATUS_0), bench.read1(reg::INT_STATUS_2)),
        (0x04, 0x0a)
    );
    bench.write(reg::INT_RST_LATCH, 0x8f);
    assert!(!bench.line());
    assert_eq!(bench.read1(reg::INT_STATUS_0), 0);
}

#[test]
fn the_watermark_interrupts_until_the_fifo_is_below_it() {
    let mut bench = bench();
    bench.feel("accel=9.80665,0,0");
    bench.write(reg::PMU_BW, 0x0b);
    bench.write(reg::INT_MAP_1, 0x02);
    bench.write(reg::FIFO_CONFIG_0, 3);
    bench.write(reg::INT_EN_1, 0x40);
    bench.write(reg::FIFO_CONFIG_1, 0x40);
    bench.wait(20 * MS);
    assert!(!bench.line());
    bench.wait(8 * MS);
    assert!(bench.line());
    assert_eq!(
        (bench.read1(reg::FIFO_STATUS), bench.read1(reg::INT_STATUS_1)),
        (3, 0x40)
    );
    assert_eq!(bench.read::<8>(reg::FIFO_DATA), [0, 0x40, 0, 0, 0, 0, 0, 0x40]);
    assert_eq!(bench.read1(reg::FIFO_STATUS), 2);
    assert!(!bench.line());
    bench.wait(400 * MS);
    assert_eq!(bench.read1(reg::FIFO_STATUS), 0x80 | 32);
}

#[test]
fn a_slope_that_is_not_latched_interrupts_for_a_sample() {
    let mut bench = bench();
    bench.write(reg::PMU_LPW, 0x80);
    bench.write(reg::PMU_LPW, 0x00);
    bench.write(reg::PMU_BW, 0x0b); // 8 ms
    bench.write(reg::INT_MAP_0, 0x04);
    bench.write(reg::INT_EN_0, 0x07);
    bench.wait(20 * MS);
    let edges = bench.edges();
    bench.feel("accel=0,5,9.80665");
    bench.wait(30 * MS);
    assert_eq!(*edges.lock().unwrap(), [true, false]);
}
