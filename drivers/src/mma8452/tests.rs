// SPDX-License-Identifier: GPL-2.0-only
//! The MMA8452Q through its bus: physics in, registers out.

use super::reg;
use crate::bench::{Bench, MS, near};

fn bench() -> Bench {
    Bench::new(include_str!("../../boards/mma8452.dts"), 0x1d)
}

/// The 12 bits of each axis.
fn axes(bench: &mut Bench) -> [i16; 3] {
    bench.words_be(reg::OUT_X_MSB).map(|word| word >> 4)
}

#[test]
fn gravity_comes_out_within_one_lsb_in_every_range_and_offsets_are_added() {
    for (code, lsb_per_g) in [(0, 1024.0), (1, 512.0), (2, 256.0)] {
        let mut bench = bench();
        bench.feel("accel=9.80665,-4.903325,1");
        bench.write(reg::XYZ_DATA_CFG, code);
        bench.write(reg::OFF_Y, 50); // 0.1 g
        bench.write(reg::CTRL_REG1, 0x01);
        near(
            axes(&mut bench),
            [lsb_per_g, -lsb_per_g * 0.4, lsb_per_g / 9.80665],
            1.0,
        );
    }
}

#[test]
fn too_much_saturates_and_the_burst_goes_round() {
    let mut bench = bench();
    bench.feel("accel=100,-100,0");
    bench.write(reg::CTRL_REG1, 0x01);
    assert_eq!(axes(&mut bench), [2047, -2048, 0]);
    assert_eq!(bench.read::<9>(reg::OUT_X_MSB)[6..], [0x00, 0x7f, 0xf0]);
    assert_eq!(bench.read1(reg::WHO_AM_I), 0x2a);
}

#[test]
fn an_active_chip_takes_no_settings_and_a_reset_ends_it() {
    let mut bench = bench();
    bench.write(reg::CTRL_REG1, 0x19);
    bench.write(reg::XYZ_DATA_CFG, 2);
    assert_eq!((bench.read1(reg::XYZ_DATA_CFG), bench.read1(reg::SYSMOD)), (0, 1));
    bench.write(reg::FF_MT_THS, 5);
    assert_eq!(bench.read1(reg::FF_MT_THS), 5);
    bench.write(reg::CTRL_REG1, 0x20);
    bench.write(reg::XYZ_DATA_CFG, 2);
    assert_eq!((bench.read1(reg::XYZ_DATA_CFG), bench.read1(reg::SYSMOD)), (2, 0));
    bench.write(reg::CTRL_REG2, 0x40);
    assert_eq!((bench.read1(reg::XYZ_DATA_CFG), bench.read1(reg::CTRL_REG1)), (0, 0));
}

#[test]
fn data_is_ready_until_it_is_read_and_overwritten_if_it_is_not() {
    let mut bench = bench();
    bench.write(reg::CTRL_REG4, 0x01);
    bench.write(reg::CTRL_REG5, 0x01);
    assert!(bench.line()); // active low
    bench.write(reg::CTRL_REG1, 0x19); // 100 Hz
    assert_eq!((bench.line(), bench.read1(reg::INT_SOURCE)), (false, 0x01));
    axes(&mut bench);
    assert_eq!((bench.line(), bench.read1(reg::STATUS)), (true, 0x00));
    bench.wait(10 * MS);
    assert_eq!((bench.line(), bench.read1(reg::STATUS)), (false, 0x0f));
    bench.wait(10 * MS);
    assert_eq!(bench.read1(reg::STATUS), 0xff);
}

#[test]
fn motion_is_latched_with_its_axis_until_its_source_is_read() {
    let mut bench = bench();
    bench.feel("accel=0,0,0");
    bench.write(reg::FF_MT_CFG, 0xd8); // latched, or, x and y
    bench.write(reg::FF_MT_THS, 0x80 | 8); // 0.5 g
    bench.write(reg::FF_MT_COUNT, 3);
    bench.write(reg::CTRL_REG4, 0x04); // on INT2
    bench.write(reg::CTRL_REG1, 0x19);
    bench.feel("accel=0,-6,9");
    bench.wait(35 * MS);
    assert_eq!(bench.read1(reg::INT_SOURCE), 0);
    bench.wait(10 * MS);
    bench.feel("accel=0,0,0");
    bench.wait(30 * MS);
    assert_eq!(bench.read1(reg::INT_SOURCE), 0x04);
    assert_eq!(bench.board.line(1), Ok(false));
    assert_eq!(bench.read1(reg::FF_MT_SRC), 0x8c);
    assert_eq!(bench.board.line(1), Ok(true));
    assert_eq!(bench.read1(reg::INT_SOURCE), 0);
}

#[test]
fn a_change_is_transient_and_a_steady_tilt_is_not() {
    let mut bench = bench();
    bench.write(reg::TRANSIENT_CFG, 0x1e);
    bench.write(reg::TRANSIENT_THS, 4); // 0.25 g
    bench.write(reg::CTRL_REG4, 0x20);
    bench.write(reg::CTRL_REG1, 0x19);
    bench.wait(100 * MS);
    assert_eq!(bench.read1(reg::TRANSIENT_SRC), 0);
    bench.feel("accel=5,0,9.80665");
    bench.wait(100 * MS);
    assert_eq!(bench.read1(reg::TRANSIENT_SRC), 0x42);
    bench.wait(100 * MS);
    assert_eq!(bench.read1(reg::TRANSIENT_SRC), 0);
}
