// SPDX-License-Identifier: GPL-2.0-only
//! Command lines, and what is said of wrong ones.

use super::*;
use clap::CommandFactory;

fn error(words: &[&str]) -> String {
    Options::try_parse_from(["linux-compat"].iter().chain(words))
        .expect_err("the words are refused")
        .to_string()
}

#[test]
fn the_definition_is_sound() {
    Options::command().debug_assert();
}

#[test]
fn a_whole_command_line() {
    let words = "linux-compat run adxl345 bmg160 --kernel 6.1 --stimulus accel=0,0,9.81 --stimulus rate=1,0,0 \
                 --fault chip@53=absent --clock virtual --once --json --isolation none";
    let Command::Run(run) = Options::parse_from(words.split_whitespace()).command else {
        panic!("run")
    };
    assert_eq!(run.drivers, ["adxl345", "bmg160"]);
    assert_eq!(run.kernel.kernel, Some(Series::V6_1));
    assert_eq!(run.stimulus().expect("a stimulus").rate, [1.0, 0.0, 0.0]);
    let system = run.system();
    assert_eq!((system.clock, system.isolation), (ClockKind::Virtual, Isolation::None));
}

#[test]
fn errors_say_what_was_expected() {
    assert!(error(&["run"]).contains("DRIVER"));
    assert!(error(&["run", "x", "--kernel", "5.10"]).contains("expected 6.12 or 6.1"));
    assert!(error(&["run", "x", "--stimulus", "accel=0,0"]).contains("accel=X,Y,Z in m/s²"));
    assert!(error(&["nfc", "x", "apdu", "00a"]).contains("hexadecimal"));
    assert!(error(&["nfc", "x", "read", "--timeout=-1"]).contains("--timeout"));
    assert!(error(&["run", "x", "--fault", "chip@53"]).contains("TARGET=FAULT"));
}

#[test]
fn negative_values_can_be_written() {
    let words = ["linux-compat", "write", "adxl345", "in_accel_x_calibbias", "-3"];
    let Command::Write(write) = Options::parse_from(words).command else {
        panic!("write")
    };
    assert_eq!(write.value, "-3");
}
