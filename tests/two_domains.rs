// SPDX-License-Identifier: GPL-2.0-only
//! Two drivers at once, each in its own domain: both measure what is put in, and one's end is not the other's.

mod common;

use common::{Place, si};
use linux_compat::client::ClientError;
use linux_compat::iio::Device;
use linux_compat::system::{Domain, DriverSpec, System, SystemOptions};
use rustix::process::{Pid, Signal, kill_process};
use std::time::Duration;

const DOMAIN_DIED: i32 = 3;
/// 3.9 mg, the ADXL345's full resolution, in m/s².
const ACCEL_LSB: f64 = 0.0385;
/// 1/16.4 °/s, the BMG160's widest range, in rad/s.
const RATE_LSB: f64 = 0.0011;
/// Far more than anything here takes, also on a busy machine.
const SOON: Duration = Duration::from_secs(60);

fn is_near(found: f64, wanted: f64, lsb: f64) {
    assert!((found - wanted).abs() <= lsb, "{found}, not {wanted}");
}

fn start(system: &System, driver: &str) -> Domain {
    let mut spec = DriverSpec::new(driver).expect("a board");
    spec.stimulus = board::Stimulus::parse("accel=1,-2,9.81 rate=1,0,-1").expect("a stimulus");
    let built = system.build(&spec.name, &spec.board).expect("an image");
    system.start(&spec, &built).expect("a domain")
}

/// Reads x and z of the first device.
fn x_and_z(domain: &Domain) -> Result<(f64, f64), ClientError> {
    let mut client = domain.client().expect("a client");
    client.state()?;
    let devices = Device::all(&mut client).expect("devices");
    let mut value = |axis: &str| {
        let is_it = |channel: &&linux_compat::iio::ChannelName| channel.id.ends_with(axis);
        let channel = devices[0].channels().iter().find(is_it).expect("a channel");
        devices[0].read(&mut client, channel).expect("a value")
    };
    Ok((value("_x"), value("_z")))
}

fn accel_is_right(domain: &Domain) {
    let (x, z) = x_and_z(domain).expect("an accelerometer");
    is_near(x, 1.0, ACCEL_LSB);
    is_near(z, 9.81, ACCEL_LSB);
}

fn rate_is_right(domain: &Domain) {
    let (x, z) = x_and_z(domain).expect("a gyroscope");
    is_near(x, 1.0, RATE_LSB);
    is_near(z, -1.0, RATE_LSB);
}

#[test]
fn the_command_shows_both_and_their_processes() {
    let stimuli = ["--stimulus", "accel=1,-2,9.81", "--stimulus", "rate=1,0,-1"];
    let words = [&["run", "adxl345", "bmg160", "--once", "--json"][..], &stimuli].concat();
    let said = Place::new().run(&words).succeeds();
    assert_eq!(said.err, "");
    let reports: Vec<serde_json::Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let [accel, gyro] = reports.as_slice() else {
        panic!("{said}")
    };
    assert_eq!(
        (&accel["driver"], &gyro["driver"]),
        (&"adxl345".into(), &"bmg160".into())
    );
    assert_ne!(accel["domain"]["pid"], gyro["domain"]["pid"]);
    for report in [accel, gyro] {
        let sources = report["sources"].as_array().expect("sources");
        assert!(sources.iter().all(|source| source["pristine"] == true), "{report}");
    }
    let (accel, gyro) = (&accel["devices"][0], &gyro["devices"][0]);
    is_near(si(accel, "accel_x"), 1.0, ACCEL_LSB);
    is_near(si(accel, "accel_y"), -2.0, ACCEL_LSB);
    is_near(si(accel, "accel_z"), 9.81, ACCEL_LSB);
    is_near(si(gyro, "anglvel_x"), 1.0, RATE_LSB);
    is_near(si(gyro, "anglvel_y"), 0.0, RATE_LSB);
    is_near(si(gyro, "anglvel_z"), -1.0, RATE_LSB);
}

#[test]
fn one_is_stopped_and_the_other_goes_on() {
    let system = System::new(SystemOptions::default()).expect("a system");
    let (accel, gyro) = (start(&system, "adxl345"), start(&system, "bmg160"));
    accel_is_right(&accel);
    rate_is_right(&gyro);
    gyro.stop();
    assert!(gyro.wait_death(SOON).expect("an end").is_orderly);
    assert!(matches!(x_and_z(&gyro), Err(ClientError::Gone { .. })));
    accel_is_right(&accel);
    // And a new one in its place.
    rate_is_right(&start(&system, "bmg160"));
    accel_is_right(&accel);
}

#[test]
fn one_is_killed_and_the_other_goes_on() {
    let system = System::new(SystemOptions::default()).expect("a system");
    let (accel, gyro) = (start(&system, "adxl345"), start(&system, "bmg160"));
    rate_is_right(&gyro);
    kill_process(Pid::from_raw(accel.pid()).expect("a process"), Signal::KILL).expect("it lives");
    let death = accel.wait_death(SOON).expect("a death");
    assert!(!death.is_orderly);
    assert!(
        death.to_string().contains("adxl345: the domain died: it was ended by"),
        "{death}"
    );
    assert!(matches!(x_and_z(&accel), Err(ClientError::Gone { .. })));
    rate_is_right(&gyro);
}

#[test]
fn the_command_goes_on_with_the_one_that_lives() {
    let place = Place::new();
    let mut running = place.start(&["run", "adxl345", "bmg160", "--json", "--interval", "50"]);
    running.wait_out("{\"driver\":\"bmg160\"");
    let report: serde_json::Value = serde_json::from_str(running.out().lines().next().expect("a line")).expect("JSON");
    let pid = report["domain"]["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
    let pid = Pid::from_raw(pid.expect("a process")).expect("a process");
    kill_process(pid, Signal::KILL).expect("it lives");
    running.wait_err("adxl345: the domain died");
    let readings = |running: &common::Running| {
        let out = running.out();
        let is_reading = |line: &&str| line.contains("\"bmg160\"") && line.contains("\"time_s\"");
        out.lines().filter(is_reading).count()
    };
    let before = readings(&running);
    running.wait_until("more readings", |running| readings(running) > before + 2);
    running.signal(Signal::INT);
    running.end().fails(DOMAIN_DIED, &["adxl345: the domain died"]);
}
