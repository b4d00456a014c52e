// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: unmodified drivers read physical values through the whole chain, on each kernel series.

use std::process::Command;

/// Runs a driver once; what stands in the table must lie within `lsb` of what was put in.
fn measures(kernel: &str, driver: &str, wanted: impl AsRef<[(&'static str, f64)]>, lsb: f64) {
    let wanted = wanted.as_ref();
    let output = Command::new(env!("CARGO_BIN_EXE_linux-compat"))
        .args(["run", driver, "--once", "--kernel", kernel])
        .args(["--stimulus", "accel=1,2,9.81", "--stimulus", "rate=1,0,-1"])
        .args(["--stimulus", "magn=48e-6,-20e-6,0", "--stimulus", "temp=25.5"])
        .args(["--stimulus", "time=1709251199"])
        .output()
        .expect("linux-compat starts");
    let is_well = output.status.success();
    let all = [output.stdout, output.stderr]
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .concat();
    assert!(is_well, "{driver} on {kernel} ended badly: {all}");
    assert!(all.contains(" 0 changed"), "{driver} on {kernel}: {all}");
    for &(channel, value) in wanted {
        let line = all.lines().find_map(|line| line.trim().strip_prefix(channel));
        let found = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        let found = found.unwrap_or_else(|| panic!("{driver} on {kernel}: no {channel} in {all}"));
        assert!(
            (found - value).abs() <= lsb,
            "{driver} on {kernel}: {channel} is {found}, not {value}"
        );
    }
}

const ACCEL: &[(&str, f64)] = &[("accel_x", 1.0), ("accel_y", 2.0), ("accel_z", 9.81)];
const RATE: &[(&str, f64)] = &[("anglvel_x", 1.0), ("anglvel_y", 0.0), ("anglvel_z", -1.0)];
/// 3.9 mg, the ADXL345's full resolution, in m/s².
const ACCEL_LSB: f64 = 0.0385;
/// 1/16.4 °/s, the BMG160's widest range, in rad/s.
const RATE_LSB: f64 = 0.0011;

/// ±2 g in 12 bits, in m/s².
const ACCEL_12BIT_LSB: f64 = 0.0096;
/// 1/14.375 °/s, the ITG-3200's only range, in rad/s.
const ITG3200_LSB: f64 = 0.001_22;
/// The MPU-3050's driver reads the axes from wrong registers, so that x is found under y, and takes 35 rad/s for
/// 2000 °/s, which are 34.9 (docs/upstream-findings.md).
const MPU3050: &[(&str, f64)] = &[("anglvel_y", 1.0040), ("temp", 25.5)];
/// The FXAS21002C's driver has its scale in m°/s, not in rad/s (docs/upstream-findings.md): 62.5 a step.
const FXAS21002C: &[(&str, f64)] = &[("anglvel_x", 57_295.8), ("anglvel_y", 0.0), ("anglvel_z", -57_295.8)];
const FXAS21002C_LSB: f64 = 62.5;

const MAGN: [(&str, f64); 3] = [("magn_x", 48e-6), ("magn_y", -20e-6), ("magn_z", 0.0)];
/// Half of 1/16.4 °/s (0.001_064 rad/s), and what the driver's scale of 0.001_065 makes of the 940 steps of 1 rad/s.
const BMI160_RATE_LSB: f64 = 0.001_064 / 2.0 + 940.0 * 0.000_000_8;
/// 0.3 µT, adjusted by 20 % at the most.
const AK8975_LSB: f64 = 0.37e-6;
/// 8.75 m°/s, the narrowest range of ST's gyroscopes, in rad/s.
const L3GD20_LSB: f64 = 0.000_16;
/// 1/2048 g, the widest range of 16 bits, in m/s².
const ACCEL_16BIT_LSB: f64 = 0.0048;

/// Drivers give scales in whole millionths: 0.000598 for 0.000599, 0.000153 for 0.0001527. At 9.81 m/s² and 1 rad/s
/// that is:
const ROUNDED_ACCEL_SCALE: f64 = 0.0098;
const ROUNDED_RATE_SCALE: f64 = 0.0019;

/// Every driver that has a chip model.
fn all_measure(kernel: &str) {
    measures(kernel, "adxl345", ACCEL, ACCEL_LSB);
    measures(kernel, "adxl345_spi", ACCEL, ACCEL_LSB);
    measures(kernel, "bmg160", RATE, RATE_LSB);
    measures(kernel, "bmc150_accel_i2c", ACCEL, ACCEL_12BIT_LSB);
    measures(kernel, "mma8452", ACCEL, ACCEL_12BIT_LSB);
    measures(kernel, "kxcjk-1013", ACCEL, ACCEL_12BIT_LSB);
    // Its driver leaves it at 10 bits.
    measures(kernel, "st_accel_i2c", ACCEL, 4.0 * ACCEL_12BIT_LSB);
    // Its reset range is ±4 g.
    measures(kernel, "bma400_i2c", ACCEL, 2.0 * ACCEL_12BIT_LSB);
    measures(kernel, "itg3200", RATE, ITG3200_LSB);
    measures(kernel, "mpu3050", MPU3050, RATE_LSB);
    measures(kernel, "fxas21002c_i2c", FXAS21002C, FXAS21002C_LSB);
    measures(kernel, "ak8975", MAGN, AK8975_LSB);
    measures(kernel, "st_gyro_i2c", RATE, L3GD20_LSB + ROUNDED_RATE_SCALE);
    measures(kernel, "bmi160_i2c", ACCEL, ACCEL_16BIT_LSB + ROUNDED_ACCEL_SCALE);
    measures(kernel, "bmi160_i2c", RATE, BMI160_RATE_LSB);
    measures(kernel, "inv-mpu6050-i2c", ACCEL, ACCEL_16BIT_LSB + ROUNDED_ACCEL_SCALE);
    measures(kernel, "inv-mpu6050-i2c", RATE, RATE_LSB + ROUNDED_RATE_SCALE);
    measures(kernel, "st_lsm6dsx_i2c", ACCEL, ACCEL_16BIT_LSB);
    measures(kernel, "st_lsm6dsx_i2c", RATE, L3GD20_LSB);
    // Half a degree of LSB; a clock that was a second before the end of a leap day when power came on.
    measures(kernel, "lm75", [("temp1", 25.5)], 0.25);
    measures(kernel, "rtc-ds1307", [("time", 1_709_251_199.0)], 30.0);
    measures(kernel, "rtc-ds1307", [("temp1", 25.5)], 0.125);
}

#[test]
fn drivers_measure_what_is_put_in_on_6_12() {
    all_measure("6.12");
}

#[test]
fn drivers_measure_what_is_put_in_on_6_1() {
    all_measure("6.1");
}
