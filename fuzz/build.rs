// SPDX-License-Identifier: GPL-2.0-only
//! Builds the instrumented images of the drivers that are fuzzed, and tells the harness where they are.
//!
//! They are made by the root package's example `instrumented`, with the toolchain that the repository pins: nothing of
//! the build engine runs inside a fuzz target, and what the tests have built is used again. The first build compiles
//! some hundred files of Linux with clang; later ones find them in the cache.

use std::path::Path;
use std::process::Command;

/// What the harness calls an image, the driver in it, and its board.
const IMAGES: [(&str, &str, &str); 5] = [
    ("ADXL345_I2C", "adxl345", "drivers/boards/adxl345-i2c.dts"),
    ("ADXL345_SPI", "adxl345_spi", "drivers/boards/adxl345-spi.dts"),
    ("BMG160", "bmg160", "drivers/boards/bmg160.dts"),
    (
        "NFC",
        "CONFIG_NFC_NXP_NCI_I2C CONFIG_NFC_PN533_I2C CONFIG_NFC_ST95HF CONFIG_NFC_SIM CONFIG_NFC_VIRTUAL_NCI",
        "fuzz/nfc.dts",
    ),
    ("FAULTY", "fuzz/selftest/faulty.c", "drivers/boards/adxl345-i2c.dts"),
];

/// What the outer Cargo says about itself, its target and its toolchain; how Cargo reaches its registry stays.
const OUTER: [&str; 15] = [
    "CARGO",
    "CARGO_BUILD_*",
    "CARGO_CFG_*",
    "CARGO_CRATE_*",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_FEATURE_*",
    "CARGO_MAKEFLAGS",
    "CARGO_MANIFEST_*",
    "CARGO_PKG_*",
    "CARGO_TARGET_DIR",
    "HOST",
    "RUSTC*",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
    "TARGET",
];

fn main() {
    if std::env::var_os("CARGO_FEATURE_IMAGES").is_none() {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for watched in [
        "src",
        "shim",
        "kos-bindings",
        "linux-headers",
        "examples",
        "drivers/boards",
        "fuzz/glue",
        "fuzz/nfc.dts",
        "fuzz/selftest",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    for (name, driver, board) in IMAGES {
        let driver = if driver.ends_with(".c") {
            root.join(driver).display().to_string()
        } else {
            driver.to_owned()
        };
        let mut cargo = Command::new("cargo");
        cargo
            .args(["run", "--quiet", "--example", "instrumented", "--"])
            .args([&driver, board])
            .current_dir(&root);
        for (variable, _) in std::env::vars() {
            let is_of_outer = OUTER.iter().any(|name| match name.strip_suffix('*') {
                Some(start) => variable.starts_with(start),
                None => variable == *name,
            });
            if is_of_outer {
                cargo.env_remove(variable);
            }
        }
        let out = cargo.output().expect("cargo runs");
        if !out.status.success() {
            println!(
                "cargo::error=the instrumented image of {driver} cannot be built: {}",
                String::from_utf8_lossy(&out.stderr).replace('\n', " ")
            );
            continue;
        }
        let lines = String::from_utf8(out.stdout).expect("paths and numbers");
        println!("cargo::rustc-env=IMAGE_{name}={}", lines.trim().replace('\n', ";"));
    }
}
