// SPDX-License-Identifier: GPL-2.0-only
//! The BMA400 through its bus: physics in, registers out.

use super::reg;
use crate::bench::{Bench, MS, near};

fn bench() -> Bench {
    Bench::new(include_str!("../../boards/bma400.dts"), 0x14)
}

/// The 12 bits of each axis, with their sign.
fn axes(bench: &mut Bench) -> [i16; 3] {
    bench.words_le(reg::ACC_X_LSB).map(|word| word << 4 >> 4)
}

#[test]
fn gravity_comes_out_within_one_lsb_in_every_range() {
    for (range, lsb_per_g) in [(0x00, 1024.0), (0x40, 512.0), (0x80, 256.0), (0xc0, 128.0)] {
        let mut bench = bench();
        bench.feel("accel=9.80665,-4.903325,1 temp=30");
        bench.write(reg::ACC_CONFIG1, range | 0x08);
        bench.write(reg::ACC_CONFIG0, 0x02);
        near(
            axes(&mut bench),
            [lsb_per_g, -lsb_per_g / 2.0, lsb_per_g / 9.80665],
            1.0,
        );
        assert_eq!((bench.read1(reg::TEMP_DATA), bench.read1(reg::STATUS)), (14, 0x14));
    }
}

#[test]
fn a_sleeping_chip_keeps_its_data_and_a_reset_forgets() {
    let mut bench = bench();
    assert_eq!([bench.read1(reg::EVENT), bench.read1(reg::EVENT)], [1, 0]);
    bench.write(reg::ACC_CONFIG0, 0x02);
    let before = axes(&mut bench);
    bench.write(reg::ACC_CONFIG0, 0x00);
    bench.feel("accel=5,5,5");
    bench.wait(100 * MS);
    assert_eq!(axes(&mut bench), before);
    bench.write(reg::ACC_CONFIG1, 0xc5);
    bench.write(reg::CMD, 0xb6);
    assert_eq!((bench.read1(reg::ACC_CONFIG1), bench.read1(reg::EVENT)), (0x49, 1));
}

#[test]
fn data_is_ready_until_it_is_read() {
    let mut bench = bench();
    bench.write(reg::INT_CONFIG0, 0x80);
    bench.write(reg::INT1_MAP, 0x80);
    bench.write(reg::ACC_CONFIG0, 0x02);
    assert_eq!((bench.line(), bench.read1(reg::STATUS)), (true, 0x95));
    axes(&mut bench);
    assert_eq!((bench.line(), bench.read1(reg::STATUS)), (false, 0x14));
    bench.wait(6 * MS);
    assert!(bench.line());
    assert_eq!([bench.read1(reg::INT_STAT0), bench.read1(reg::INT_STAT0)], [0x80, 0]);
    assert!(!bench.line());
}

#[test]
fn activity_that_lasts_interrupts_until_its_status_is_read() {
    let mut bench = bench();
    bench.write(reg::INT_CONFIG1, 0x80);
    bench.write(reg::INT1_MAP, 0x04);
    bench.write(reg::GEN1INT_CONFIG0, 0x48); // y; the reference is updated
    bench.write(reg::GEN1INT_CONFIG1, 0x02); // activity
    bench.write(reg::GEN1INT_CONFIG2, 20); // 160 mg
    bench.write(reg::GEN1INT_CONFIG31, 2);
    bench.write(reg::INT_CONFIG0, 0x04);
    bench.write(reg::ACC_CONFIG0, 0x02);
    bench.wait(50 * MS);
    bench.feel("accel=9,0,9.80665");
    bench.wait(50 * MS);
    assert!(!bench.line());
    bench.feel("accel=9,2,9.80665");
    bench.wait(21 * MS);
    assert!(!bench.line());
    bench.wait(20 * MS);
    assert!(bench.line());
    bench.wait(100 * MS);
    assert_eq!(
        (bench.line(), bench.read1(reg::INT_STAT0), bench.line()),
        (true, 0x04, false)
    );
    bench.wait(100 * MS);
    assert!(!bench.line());
}

#[test]
fn inactivity_of_all_axes_interrupts() {
    let mut bench = bench();
    bench.write(reg::INT1_MAP, 0x08);
    bench.write(reg::GEN2INT_CONFIG0, 0xe4); // all; the reference is taken once
    bench.write(reg::GEN2INT_CONFIG1, 0x01);
    bench.write(reg::GEN2INT_CONFIG2, 10);
    bench.write(reg::GEN2INT_CONFIG31, 3);
    bench.write(reg::INT_CONFIG0, 0x08);
    bench.write(reg::ACC_CONFIG0, 0x02);
    bench.wait(25 * MS);
    assert!(!bench.line());
    bench.wait(20 * MS);
    assert!(bench.line());
    bench.feel("accel=0,0,0");
    bench.wait(20 * MS);
    assert!(!bench.line());
}
