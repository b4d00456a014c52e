// SPDX-License-Identifier: GPL-2.0-only
//! Clients from other processes, `ls`, `cat`, `write` and `watch`, beside a `run`: what they read and write, and what
//! they say and how they end when the driver refuses.

mod common;

use common::{Place, Running};
use rustix::process::Signal;

const STEP_FAILED: i32 = 1;

fn run(place: &Place, driver: &str) -> Running {
    let mut running = place.start(&["run", driver, "--json", "--stimulus", "accel=0,0,9.81"]);
    running.wait_out("\n");
    running
}

#[test]
fn an_attribute_that_is_written_is_read_back() {
    let place = Place::new();
    let _running = run(&place, "adxl345");
    let cat = |name: &str| place.run(&["cat", "adxl345", name]).succeeds().out;
    let write = |name: &str, value: &str| place.run(&["write", "adxl345", name, value]);
    assert_eq!(cat("name"), "adxl345\n");
    for (name, value, back) in [
        ("in_accel_sampling_frequency", "200", "200.000000000\n"),
        ("in_accel_sampling_frequency", "12.5", "12.500000000\n"),
        ("in_accel_z_calibbias", "-16", "-16\n"),
        ("in_accel_z_calibbias", "8", "8\n"),
    ] {
        let said = write(name, value).succeeds();
        assert_eq!((said.out.as_str(), said.err.as_str()), ("", ""));
        assert_eq!(cat(name), back, "{name} after {value}");
    }
    // The same file by its other names.
    let device = "/sys/bus/iio/devices/iio:device0";
    assert_eq!(cat(&format!("{device}/in_accel_z_calibbias")), "8\n");
    assert_eq!(cat("bus/iio/devices/../devices/iio:device0/name"), "adxl345\n");
}

#[test]
fn two_domains_of_one_driver_are_told_apart_by_their_processes() {
    let place = Place::new();
    let _first = run(&place, "adxl345");
    let _second = run(&place, "adxl345");
    let asked = place.run(&["cat", "adxl345", "name"]);
    let said = asked.err.clone();
    asked.fails(STEP_FAILED, &["2 domains have this name; say which: "]);
    let names = said.rsplit(": ").next().unwrap_or_default().trim();
    let names: Vec<&str> = names.split(", ").collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let (attribute, default) = ("in_accel_z_calibbias", "0\n");
    place.run(&["write", names[0], attribute, "8"]).succeeds();
    assert_eq!(place.run(&["cat", names[0], attribute]).succeeds().out, "8\n");
    assert_eq!(place.run(&["cat", names[1], attribute]).succeeds().out, default);
    place
        .run(&["cat", "adxl345@1", "name"])
        .fails(STEP_FAILED, &["no such domain is running"]);
}

#[test]
fn a_refusal_has_the_drivers_error_number() {
    let place = Place::new();
    let _running = run(&place, "adxl345");
    let device = "bus/iio/devices/iio:device0";
    for (words, texts) in [
        (
            ["write", "adxl345", "in_accel_sampling_frequency", "fast"],
            ["write", "invalid argument (EINVAL)"],
        ),
        (
            ["write", "adxl345", "name", "other"],
            ["write", "permission denied (EACCES)"],
        ),
        (
            ["write", "adxl345", "in_accel_x_raw", "5"],
            ["in_accel_x_raw", "invalid argument (EINVAL)"],
        ),
        (
            ["write", "adxl345", "nosuch", "5"],
            ["write nosuch", "no such file (ENOENT)"],
        ),
        (["write", "adxl345", device, "5"], [device, "is a directory (EISDIR)"]),
    ] {
        let said = place.run(&words);
        said.fails(STEP_FAILED, &texts);
        said.fails(STEP_FAILED, &["linux-compat: adxl345: "]);
        assert_eq!((said.out.as_str(), said.err.lines().count()), ("", 1));
    }
    for (words, texts) in [
        (["cat", "adxl345", "nosuch"], ["read nosuch", "no such file (ENOENT)"]),
        (["cat", "adxl345", device], ["read", "is a directory (EISDIR)"]),
        (["cat", "adxl345", "/dev/nosuch"], ["nosuch", "(ENOENT)"]),
        (
            ["cat", "adxl345", "bus/iio/drivers_probe"],
            ["drivers_probe", "permission denied (EACCES)"],
        ),
        (["ls", "adxl345", "nosuch"], ["list nosuch", "no such file (ENOENT)"]),
        (
            ["ls", "adxl345", "bus/iio/devices/iio:device0/name"],
            ["list", "not a directory (ENOTDIR)"],
        ),
        (["watch", "adxl345", "nosuch"], ["read nosuch", "no such file (ENOENT)"]),
    ] {
        place.run(&words).fails(STEP_FAILED, &texts);
    }
    // All of that harmed nobody.
    place.run(&["cat", "adxl345", "in_accel_z_raw"]).succeeds();
}

#[test]
fn directories_and_devices_are_listed() {
    let place = Place::new();
    let _running = run(&place, "bmg160");
    let ls = |path: &str| place.run(&["ls", "bmg160", path]).succeeds().out;
    let root = place.run(&["ls", "bmg160"]).succeeds().out;
    for name in ["bus/", "class/", "devices/"] {
        assert!(
            root.lines()
                .any(|line| line.starts_with("d  755") && line.ends_with(&format!("  {name}"))),
            "{root}"
        );
    }
    assert_eq!(ls("/sys"), root);
    let devices = ls("bus/iio/devices");
    assert!(devices.contains("iio:device0 -> ../../../devices/"), "{devices}");
    let device = ls("bus/iio/devices/iio:device0");
    assert!(
        device.contains("-  444  in_anglvel_x_raw") || device.contains("-  644  in_anglvel_x_raw"),
        "{device}"
    );
    let nodes = ls("/dev");
    assert!(
        nodes
            .lines()
            .any(|line| line.starts_with("c  ") && line.ends_with(" iio:device0")),
        "{nodes}"
    );
}

#[test]
fn a_change_is_watched() {
    let place = Place::new();
    let _running = run(&place, "adxl345");
    let name = "in_accel_x_calibbias";
    let mut watching = place.start(&["watch", "adxl345", name, "--interval", "10"]);
    watching.wait_out("0\n");
    for value in ["4", "-4"] {
        place.run(&["write", "adxl345", name, value]).succeeds();
        watching.wait_out(&format!("{value}\n"));
    }
    assert_eq!(watching.out(), "0\n4\n-4\n", "each value once");
    watching.signal(Signal::INT);
    assert_eq!(watching.end().code, None);

    let mut watching = place.start(&["watch", "adxl345", "--interval", "10"]);
    watching.wait_out("accel_z 9.8");
    watching.wait_out("m/s²");
}

#[test]
fn many_clients_at_once_get_their_own_answers() {
    let place = Place::new();
    let _running = run(&place, "adxl345");
    let names = [
        "name",
        "in_accel_scale",
        "in_accel_y_calibbias",
        "sampling_frequency_available",
    ];
    let alone: Vec<String> = names
        .map(|name| place.run(&["cat", "adxl345", name]).succeeds().out)
        .to_vec();
    let together: Vec<Running> = (0..24)
        .map(|number| place.start(&["cat", "adxl345", names[number % names.len()]]))
        .collect();
    for (number, running) in together.into_iter().enumerate() {
        assert_eq!(running.end().succeeds().out, alone[number % names.len()]);
    }
}

#[test]
fn doctor_says_what_it_looked_at() {
    let place = Place::new();
    let said = place.run(&["doctor"]);
    for name in [
        "gcc",
        "dtc",
        "libclang",
        "kernel tree 6.12",
        "shim 6.12 release",
        "sandbox",
        "socket directory",
    ] {
        assert!(
            said.out.lines().any(|line| line.contains(&format!("  {name} "))),
            "no {name:?} in {said}"
        );
    }
    let report = place.run(&["doctor", "--json"]);
    let checks = report.json();
    let all_are_ok = checks["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .all(|check| check["ok"] == true);
    assert_eq!(checks["ok"], all_are_ok);
    assert_eq!(report.code, Some(i32::from(!all_are_ok)), "{report}");
    for check in checks["checks"].as_array().expect("checks") {
        assert_eq!(check["ok"] == false, check.get("mend").is_some(), "{check}");
    }
}

#[test]
fn doctor_names_what_is_missing_and_the_command_that_mends_it() {
    let place = Place::new();
    let mut command = place.command(&["doctor"]);
    command
        .env("PATH", place.path())
        .env("LINUX_COMPAT_CACHE", "/proc/nowhere");
    let said = Running::start(command).end();
    assert_eq!(said.code, Some(STEP_FAILED), "{said}");
    for (name, mend) in [
        ("gcc", "apt-get install gcc"),
        ("dtc", "apt-get install device-tree-compiler"),
        ("kernel tree 6.12", "cargo xtask setup"),
        ("cache", "set LINUX_COMPAT_CACHE to a directory that you can write"),
    ] {
        let mut lines = said
            .out
            .lines()
            .skip_while(|line| !line.starts_with(&format!("MISSING  {name} ")));
        assert!(lines.next().is_some(), "{name} is not missing: {said}");
        assert!(
            lines.next().is_some_and(|line| line.contains(mend)),
            "no {mend:?} in {said}"
        );
    }
    assert!(said.out.ends_with("something is missing\n"), "{said}");
}
