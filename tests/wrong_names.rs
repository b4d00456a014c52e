// SPDX-License-Identifier: GPL-2.0-only
//! Bad input: names that nothing bears, and command lines that mean nothing. The message says what is near, or what was
//! expected, and the exit status says whose mistake it was.

mod common;

use common::{ADXL345_BOARD, Place};

const STEP_FAILED: i32 = 1;
const USAGE: i32 = 2;

#[test]
fn an_unknown_driver_is_answered_with_the_nearest_names() {
    let place = Place::new();
    for (wrong, near) in [
        ("adlx345", "adxl345_i2c"),
        ("bmg16", "bmg160_i2c"),
        ("ADXL345", "adxl345_spi"),
        ("adi,adxl34", "adi,adxl345"),
    ] {
        let said = place.run(&["run", wrong, "--once"]);
        said.fails(
            STEP_FAILED,
            &[&format!("no driver named {wrong:?} in Linux 6.12"), near],
        );
        assert_eq!(said.out, "");
        place.run(&["build", wrong]).fails(STEP_FAILED, &[near]);
        // A board of its own does not make a name known.
        place
            .run(&["run", wrong, "--board", ADXL345_BOARD])
            .fails(STEP_FAILED, &[near]);
    }
}

#[test]
fn a_name_like_no_other_is_answered_with_what_can_be_named() {
    let said = Place::new().run(&["run", "qqqqzzzz", "--once"]);
    said.fails(
        STEP_FAILED,
        &[
            "\"qqqqzzzz\"",
            "expected a module, a chip, a compatible, or a source file",
        ],
    );
}

#[test]
fn an_unknown_driver_starts_no_other() {
    let said = Place::new().run(&["run", "adxl345", "bgm160", "--once"]);
    said.fails(STEP_FAILED, &["no driver named \"bgm160\"", "bmg160_i2c"]);
    assert_eq!(said.out, "");
}

#[test]
fn a_source_file_that_is_nowhere_is_told_apart_from_a_driver() {
    let place = Place::new();
    let wrong = "elsewhere/adxl345_i2c.c";
    place.run(&["run", wrong]).fails(
        STEP_FAILED,
        &[
            "elsewhere/adxl345_i2c.c: no such file",
            "nearest: drivers/iio/accel/adxl345_i2c.c",
        ],
    );
    place
        .run(&["run", "tests", "--board", ADXL345_BOARD])
        .fails(STEP_FAILED, &["no driver named \"tests\""]);
}

#[test]
fn a_driver_without_a_board_of_ours_asks_for_one() {
    Place::new()
        .run(&["run", "bma180", "--once"])
        .fails(STEP_FAILED, &["no board for \"bma180\"", "--board FILE.dts"]);
}

#[test]
fn a_wrong_command_line_says_what_was_expected() {
    let place = Place::new();
    for (words, texts) in [
        (&["run"][..], &["DRIVER"][..]),
        (&["run", ""], &["DRIVER"]),
        (&["fly", "adxl345"], &["'fly'", "Usage"]),
        (
            &["run", "adxl345", "--kernel", "5.10"],
            &["5.10", "expected 6.12 or 6.1"],
        ),
        (&["run", "adxl345", "--clock", "wall"], &["wall", "real, virtual"]),
        (&["run", "adxl345", "--isolation", "jail"], &["jail", "process, none"]),
        (&["run", "adxl345", "--interval", "soon"], &["soon", "--interval"]),
        (
            &["run", "adxl345", "--fault", "chip@53"],
            &["chip@53", "expected TARGET=FAULT"],
        ),
        (
            &["run", "adxl345", "--fault", "chip@53=tired"],
            &["tired", "expected absent, whoami=0xNN, hold"],
        ),
        (&["write", "adxl345", "in_accel_x_calibbias"], &["VALUE"]),
        (&["cat", "adxl345"], &["PATH"]),
        (&[], &["Usage", "run"]),
    ] {
        let said = place.run(words);
        said.fails(USAGE, texts);
        assert_eq!(said.out, "", "{words:?}");
    }
}

#[test]
fn a_fault_without_a_target_says_what_there_is() {
    let said = Place::new().run(&["run", "adxl345", "--once", "--fault", "chip@99=absent"]);
    said.fails(
        STEP_FAILED,
        &["\"chip@99\"", "no such chip or bus", "accelerometer@53", "i2c0"],
    );
}

#[test]
fn a_client_of_nobody_is_told_who_runs() {
    let place = Place::new();
    for words in [
        &["ls", "adxl345"][..],
        &["cat", "adxl345", "name"],
        &["write", "adxl345", "name", "x"],
        &["watch", "adxl345"],
    ] {
        place.run(words).fails(
            STEP_FAILED,
            &["adxl345: no such domain is running; start it with: linux-compat run adxl345"],
        );
    }
    let mut running = place.start(&["run", "adxl345", "--json"]);
    running.wait_out("\n");
    place
        .run(&["cat", "bmg160", "name"])
        .fails(STEP_FAILED, &["bmg160: no such domain is running; running: adxl345"]);
}
