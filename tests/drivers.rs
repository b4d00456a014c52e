// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: unmodified drivers read physical values through the whole chain, on each kernel series.

use std::process::Command;

/// Runs a driver once; what stands in the table must lie within `lsb` of what was put in.
fn measures(kernel: &str, driver: &str, wanted: [(&str, f64); 3], lsb: f64) {
    let output = Command::new(env!("CARGO_BIN_EXE_linux-compat"))
        .args(["run", driver, "--once", "--kernel", kernel])
        .args(["--stimulus", "accel=1,2,9.81", "--stimulus", "rate=1,0,-1"])
        .output()
        .expect("linux-compat starts");
    let is_well = output.status.success();
    let all = [output.stdout, output.stderr]
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .concat();
    assert!(is_well, "{driver} on {kernel} ended badly: {all}");
    assert!(all.contains(" 0 changed"), "{driver} on {kernel}: {all}");
    for (channel, value) in wanted {
        let line = all.lines().find_map(|line| line.trim().strip_prefix(channel));
        let found = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        let found = found.unwrap_or_else(|| panic!("{driver} on {kernel}: no {channel} in {all}"));
        assert!(
            (found - value).abs() <= lsb,
            "{driver} on {kernel}: {channel} is {found}, not {value}"
        );
    }
}

const ACCEL: [(&str, f64); 3] = [("accel_x", 1.0), ("accel_y", 2.0), ("accel_z", 9.81)];
const RATE: [(&str, f64); 3] = [("anglvel_x", 1.0), ("anglvel_y", 0.0), ("anglvel_z", -1.0)];
/// 3.9 mg, the ADXL345's full resolution, in m/s².
const ACCEL_LSB: f64 = 0.0385;
/// 1/16.4 °/s, the BMG160's widest range, in rad/s.
const RATE_LSB: f64 = 0.0011;

#[test]
fn drivers_measure_what_is_put_in_on_6_12() {
    measures("6.12", "adxl345", ACCEL, ACCEL_LSB);
    measures("6.12", "adxl345_spi", ACCEL, ACCEL_LSB);
    measures("6.12", "bmg160", RATE, RATE_LSB);
}

#[test]
fn drivers_measure_what_is_put_in_on_6_1() {
    measures("6.1", "adxl345", ACCEL, ACCEL_LSB);
    measures("6.1", "adxl345_spi", ACCEL, ACCEL_LSB);
    measures("6.1", "bmg160", RATE, RATE_LSB);
}
