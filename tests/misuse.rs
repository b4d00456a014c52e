// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: a driver that errs ends its own domain, and the report names the error and its place.

use std::process::Command;

/// Exit status of a command whose domain died.
const DOMAIN_DIED: i32 = 3;

/// Runs a C file of `tests/c` as a driver and wants each of `named` in the report.
fn dies(file: &str, options: &[&str], named: &[&str]) {
    let root = env!("CARGO_MANIFEST_DIR");
    let output = Command::new(env!("CARGO_BIN_EXE_linux-compat"))
        .args(["run", &format!("{root}/tests/c/{file}"), "--once"])
        .args(["--board", &format!("{root}/drivers/boards/adxl345-i2c.dts")])
        .args(options)
        .output()
        .expect("linux-compat starts");
    let report = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(DOMAIN_DIED), "{report}");
    for text in named {
        assert!(report.contains(text), "no {text:?} in {report}");
    }
}

#[test]
fn a_missing_symbol_says_its_own_name_and_who_called_it() {
    dies("missing.c", &[], &["nobody_provides_this", "missing_init"]);
}

#[test]
fn sleeping_under_a_spinlock_is_caught_in_debug_images() {
    dies(
        "atomic_sleep.c",
        &["--debug"],
        &["sleeping function called from invalid context", "atomic_sleep_init"],
    );
}

#[test]
fn a_double_free_is_caught_in_debug_images() {
    dies(
        "double_free.c",
        &["--debug"],
        &["kfree: double free of", "double_free_init"],
    );
}
