// SPDX-License-Identifier: GPL-2.0-only
//! `run --init`: the drivers of an `init.yaml`, each with the static channels that it gives them and no others.

mod common;

use common::{Place, si};
use serde_json::Value;

const STEP_FAILED: i32 = 1;
const USAGE: i32 = 2;

/// What `policy show --init` prints for a driver.
fn described(place: &Place, driver: &str) -> String {
    place.run(&["policy", "show", driver, "--init"]).succeeds().out
}

#[test]
fn what_is_shown_for_a_driver_runs() {
    let place = Place::new();
    let file = place.file("init.yaml", &described(&place, "adxl345"));
    let said = place.run(&[
        "run",
        "--init",
        &file,
        "--once",
        "--json",
        "--stimulus",
        "accel=0,0,9.81",
    ]);
    let said = said.succeeds();
    let up = said.json();
    assert_eq!(up["driver"], "adxl345", "{said}");
    let device = up["devices"].as_array().and_then(|devices| devices.first());
    let z = si(device.unwrap_or(&Value::Null), "accel_z");
    assert!((z - 9.81).abs() < 0.04, "{z} in {said}");
}

#[test]
fn two_drivers_of_one_file_run_each_with_its_own_servers() {
    let place = Place::new();
    let text = "
entities:
- name: driver.Adxl345
  connections: [{target: server.Gpio, id: gpio}, {target: server.I2c0, id: i2c0}, {target: server.Log, id: log}]
- name: driver.Gyroscope
  path: bmg160
- name: server.Gpio
- name: server.I2c0
- name: server.Log
";
    let said = place.run(&["run", "--init", &place.file("wrong.yaml", text), "--once"]);
    said.fails(
        STEP_FAILED,
        &["wrong.yaml:6:9", "`driver.Bmg160`, not `driver.Gyroscope`"],
    );
    let text = text.replace(
        "driver.Gyroscope\n  path: bmg160",
        "driver.Bmg160\n  connections: [{target: server.I2c0, id: i2c0}, {target: server.Gpio, id: gpio}, \
         {target: server.Log, id: log}]",
    );
    let text = format!(
        "{text}- name: linuxcompat.Client
  connections: [{{target: driver.Adxl345, id: one}}, {{target: driver.Bmg160, id: other}}]
"
    );
    let file = place.file("both.yaml", &text);
    let said = place.run(&["run", "--init", &file, "--once", "--json"]).succeeds();
    let drivers: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["driver"].clone())
        .collect();
    assert_eq!(drivers, ["adxl345", "bmg160"], "{said}");
}

#[test]
fn a_driver_without_a_channel_to_its_bus_does_not_reach_its_chip() {
    let place = Place::new();
    let without = |id: &str| {
        let all = described(&place, "adxl345");
        let mut lines: Vec<&str> = all.lines().collect();
        let at = lines
            .iter()
            .position(|line| line.trim() == format!("id: {id}"))
            .expect("a channel");
        lines.drain(at - 1..=at);
        // A list without items is none.
        if lines.get(at - 2).is_some_and(|line| line.trim() == "connections:")
            && lines.get(at - 1).is_none_or(|line| !line.starts_with("  -"))
        {
            lines.remove(at - 2);
        }
        place.file(&format!("without-{id}.yaml"), &(lines.join("\n") + "\n"))
    };
    let said = place.run(&[
        "run",
        "--init",
        &without("i2c0"),
        "--once",
        "--stimulus",
        "accel=0,0,9.81",
    ]);
    assert_ne!(said.code, Some(0), "{said}");
    assert!(!said.out.contains("accel_z"), "{said}");
    // Nobody is given what the file does not connect, clients neither.
    let said = place.run(&["run", "--init", &without("driver.Adxl345"), "--once"]);
    said.fails(STEP_FAILED, &["adxl345: no client has a channel to it"]);
}

#[test]
fn clients_from_outside_come_in_where_the_file_says_so() {
    let place = Place::new();
    let text = described(&place, "adxl345");
    let mut running = place.start(&["run", "--init", &place.file("open.yaml", &text), "--json"]);
    running.wait_out("\n");
    let read = place.run(&["cat", "adxl345", "name"]).succeeds();
    assert_eq!(read.out, "adxl345\n");
}

#[test]
fn a_file_that_cannot_be_run_is_refused_with_its_place() {
    let place = Place::new();
    let run = |text: &str| place.run(&["run", "--init", &place.file("bad.yaml", text), "--once"]);
    run("entities: [").fails(STEP_FAILED, &["bad.yaml:1:"]);
    run("entities:\n- name: driver.Nosuch\n").fails(STEP_FAILED, &["bad.yaml:2:9", "driver.Nosuch"]);
    run("entities:\n- name: driver.Adxl345\n  connections: [{target: server.I2c9, id: i2c9}]\n")
        .fails(STEP_FAILED, &["bad.yaml:3:26", "server.I2c9"]);
    // A server that is described, but that runs with virtual time only.
    run(
        "entities:\n- name: driver.Adxl345\n  connections: [{target: server.Clock, id: clock}]\n- name: server.Clock\n",
    )
    .fails(STEP_FAILED, &["adxl345: nothing here serves `server.Clock`"]);
    place
        .run(&["run", "--init", "nosuch.yaml"])
        .fails(STEP_FAILED, &["nosuch.yaml"]);
    place.run(&["run"]).fails(USAGE, &["DRIVER"]);
    place
        .run(&["run", "adxl345", "--init", "x.yaml"])
        .fails(USAGE, &["--init"]);
}
