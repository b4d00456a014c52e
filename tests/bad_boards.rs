// SPDX-License-Identifier: GPL-2.0-only
//! Bad input: boards that lack something or are none, and stimuli that do not parse. The message has file, line, and
//! what was expected there.

mod common;

use common::{ADXL345_BOARD, BMG160_BOARD, Place};
use std::fs;

const STEP_FAILED: i32 = 1;
const USAGE: i32 = 2;

/// Runs a driver on one of our boards after `change` was made to its text, and wants `FILE:LINE` of the line in the
/// changed text that holds `place`, and each of `texts`.
fn is_refused(driver: &str, board: &str, change: (&str, &str), place: &str, texts: &[&str]) {
    let here = Place::new();
    let text = fs::read_to_string(board).expect("a board");
    let changed = text.replacen(change.0, change.1, 1);
    assert_ne!(text, changed, "nothing to change: {change:?}");
    let line = changed.lines().position(|line| line.contains(place)).expect("a line") + 1;
    let file = here.file("changed.dts", &changed);
    let said = here.run(&["run", driver, "--once", "--board", &file]);
    said.fails(STEP_FAILED, texts);
    said.fails(STEP_FAILED, &[&format!("{file}:{line}:")]);
    assert_eq!(said.err.matches(&file).count(), 1, "the place is told once: {said}");
    assert_eq!(said.out, "");
}

#[test]
fn a_board_for_another_driver_says_which_node_it_lacks() {
    let place = Place::new();
    let text = fs::read_to_string(ADXL345_BOARD).expect("a board");
    let line = text.lines().position(|line| line.contains("i2c@0 {")).expect("a bus") + 1;
    let said = place.run(&["run", "bmg160", "--once", "--board", ADXL345_BOARD]);
    said.fails(
        STEP_FAILED,
        &[
            &format!("adxl345-i2c.dts:{line}: no node below a bus that \"bmg160\" drives"),
            "expected compatible = \"bosch,bmg160\"",
            "it has adi,adxl345",
        ],
    );
    assert_eq!(said.out, "");
}

#[test]
fn a_chip_that_is_switched_off_is_a_node_that_is_lacking() {
    let change = ("accelerometer@53 {", "accelerometer@53 { status = \"disabled\";");
    let texts = ["no node below a bus that \"adxl345\" drives", "it has no chips"];
    is_refused("adxl345", ADXL345_BOARD, change, "i2c@0 {", &texts);
}

#[test]
fn a_board_without_a_bus_says_what_a_bus_is() {
    let place = Place::new();
    let text = fs::read_to_string(ADXL345_BOARD).expect("a board");
    let file = place.file("nobus.dts", &text.replace("compatible = \"linux-compat,i2c\";", ""));
    place.run(&["run", "adxl345", "--once", "--board", &file]).fails(
        STEP_FAILED,
        &[&file, "no bus, expected a node with compatible = \"linux-compat,i2c\""],
    );
}

#[test]
fn a_node_that_lacks_a_property_says_which() {
    let channel = "linux-compat,channel = \"i2c0\";";
    let texts = ["/i2c@0: no channel, expected a property such as linux-compat,channel"];
    is_refused("adxl345", ADXL345_BOARD, (channel, ""), "i2c@0 {", &texts);
    let texts = ["/i2c@0/accelerometer@53: no reg, expected the chip's address"];
    is_refused(
        "adxl345",
        ADXL345_BOARD,
        ("reg = <0x53>;", ""),
        "accelerometer@53 {",
        &texts,
    );
    let texts = ["accelerometer@53: interrupts without an interrupt-parent"];
    is_refused(
        "adxl345",
        ADXL345_BOARD,
        ("interrupt-parent = <&gpio>;", ""),
        "accelerometer@53 {",
        &texts,
    );
    let texts = ["accelerometer@53: reg is 0x153, expected 0x00 to 0x7f"];
    is_refused(
        "adxl345",
        ADXL345_BOARD,
        ("reg = <0x53>;", "reg = <0x153>;"),
        "accelerometer@53 {",
        &texts,
    );
    let texts = ["interrupt line 9, expected less than 4"];
    is_refused(
        "bmg160",
        BMG160_BOARD,
        ("interrupts = <0 1>", "interrupts = <9 1>"),
        "gyroscope@69 {",
        &texts,
    );
}

#[test]
fn a_node_that_is_referred_to_and_missing_is_named() {
    let change = ("vdd: regulator-3v3", "vcc: regulator-3v3");
    let texts = ["non-existent node or label \"vdd\"", "/i2c@0/gyroscope@69"];
    is_refused("bmg160", BMG160_BOARD, change, "gyroscope@69 {", &texts);
}

#[test]
fn a_syntax_error_says_where_and_what_was_expected() {
    let texts = ["syntax error, expected \";\" at the end of line"];
    is_refused(
        "adxl345",
        ADXL345_BOARD,
        ("reg = <0x53>;", "reg = <0x53>"),
        "interrupt-parent =",
        &texts,
    );
    let texts = ["syntax error, expected a number, a reference such as &label, or \">\""];
    is_refused(
        "adxl345",
        ADXL345_BOARD,
        ("reg = <0x53>;", "reg = <0x53;"),
        "reg = <0x53;",
        &texts,
    );
    let texts = ["syntax error, expected \"/dts-v1/;\" at the beginning"];
    is_refused("adxl345", ADXL345_BOARD, ("/dts-v1/;", ""), "/ {", &texts);
}

#[test]
fn a_file_that_is_no_board_is_named_once() {
    let place = Place::new();
    let directory = place.path().display().to_string();
    for (file, text) in [
        ("/nowhere/board.dts", "No such file or directory"),
        (directory.as_str(), "Is a directory"),
        (env!("CARGO_BIN_EXE_linux-compat"), "did not contain valid UTF-8"),
    ] {
        let said = place.run(&["run", "adxl345", "--once", "--board", file]);
        said.fails(STEP_FAILED, &[file, text]);
        assert_eq!(said.err.matches(text).count(), 1, "{said}");
    }
}

#[test]
fn a_stimulus_that_does_not_parse_says_what_was_expected() {
    let place = Place::new();
    for (wrong, texts) in [
        (
            "accel=0,0",
            &["\"accel\" has 2 values, expected 3", "accel=X,Y,Z in m/s²"][..],
        ),
        ("accel=0,0,down", &["\"down\" is not a number", "accel=X,Y,Z in m/s²"]),
        ("rate=1,0,nan", &["\"nan\" is not a number", "rate=X,Y,Z in rad/s"]),
        ("temp=", &["\"\" is not a number", "temp=T in °C"]),
        (
            "speed=1",
            &["unknown quantity \"speed\"", "rate=X,Y,Z in rad/s", "temp=T in °C"],
        ),
        ("9.81", &["\"9.81\" has no \"=\""]),
        ("", &["it is empty"]),
    ] {
        let said = place.run(&["run", "adxl345", "--once", "--stimulus", wrong]);
        said.fails(USAGE, texts);
        said.fails(USAGE, &[&format!("stimulus {wrong:?}")]);
        assert_eq!(said.out, "");
    }
}
