// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: a cross-section of the tree's drivers, unmodified, each in a domain of its own.

mod common;

use common::Place;
use serde_json::Value;

/// Modules that unload clean, some of each subsystem.
const CLEAN: &[&str] = &[
    "adxl345_i2c",
    "adxrs450",
    "adxl372_spi",
    "bma180",
    "bma220_spi",
    "bmc150-accel-i2c",
    "da280",
    "kxcjk-1013",
    "kxsd9-spi",
    "mma8452",
    "mxc4005",
    "st_accel_i2c",
    "bmg160_i2c",
    "itg3200",
    "mpu3050",
    "adis16400",
    "bmi160_i2c",
    "inv-mpu6050-i2c",
    "kmx61",
    "st_lsm6dsx_i2c",
    "ak8975",
    "bmc150_magn_i2c",
    "hmc5843_i2c",
    "mag3110",
    "rm3100-spi",
    "apds9960",
    "opt3001",
    "tsl2563",
    "ti-ads1015",
    "mcp3422",
    "max1363",
    "ad7124",
    "ad5064",
    "mcp4725",
    "ms5611_i2c",
    "hts221_i2c",
    "si7020",
    "lm75",
    "lm90",
    "ina2xx",
    "tmp102",
    "adt7475",
    "pmbus",
    "edt-ft5x06",
    "goodix_ts",
    "adp5588-keys",
    "leds-lp50xx",
    "leds-is31fl32xx",
    "fan53555",
    "tps62360-regulator",
    "bq27xxx_battery_i2c",
    "sbs-battery",
    "max17042_battery",
    "gpio-pca953x",
    "at24",
    "isl29003",
    "clk-si5351",
    "ds2482",
    "adis16480",
    "bmi323_spi",
];

fn table(path: &str) -> Value {
    let text = std::fs::read_to_string(path).expect("the table");
    serde_json::from_str(&text).expect("is JSON")
}

#[test]
fn a_cross_section_of_the_tree_unloads_clean() {
    let place = Place::new();
    let (json, html) = (place.file("t.json", ""), place.file("t.html", ""));
    let mut args = vec!["matrix", "--json", &json, "--html", &html, "--limit", "60"];
    args.extend(CLEAN);
    place.run(&args).succeeds();
    let table = table(&json);
    let rows = table[0]["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), CLEAN.len());
    let short: Vec<String> = rows
        .iter()
        .filter(|row| row["level"] != "unloads-clean" || row["changed"] != 0)
        .map(|row| format!("{}: {} {}", row["module"], row["level"], row["reason"]))
        .collect();
    assert!(short.is_empty(), "{}", short.join("\n"));
    // What `report` tells of the whole tree is recorded: here it shows if that does not hold any more.
    let recorded = self::table(concat!(env!("CARGO_MANIFEST_DIR"), "/src/figures/matrix-6.12.json"));
    let recorded = recorded[0]["rows"].as_array().expect("rows");
    for &module in CLEAN {
        let row = recorded.iter().find(|row| row["module"] == module);
        assert_eq!(row.map(|row| &row["level"]), Some(&"unloads-clean".into()), "{module}");
    }
    let page = std::fs::read_to_string(&html).expect("the page");
    assert!(CLEAN.iter().all(|module| page.contains(module)));
    let total = table[0]["total"]["clean_lines"].as_u64().expect("lines");
    assert_eq!(total, rows.iter().filter_map(|row| row["lines"].as_u64()).sum::<u64>());
}

#[test]
fn a_name_that_asks_for_nothing_is_told_and_no_file_is_left() {
    let place = Place::new();
    let json = place.path().join("t.json").display().to_string();
    place
        .run(&["matrix", "drivers/nosuch", "--json", &json])
        .fails(1, &["drivers/nosuch", "registers an I2C or SPI driver"]);
    assert!(!place.path().join("t.json").exists());
}
