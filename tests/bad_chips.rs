// SPDX-License-Identifier: GPL-2.0-only
//! Bad input: chips that are not there, are others, or hold the bus. The driver's own error number and log line reach
//! the client, and the domain stays up.

mod common;

use common::Place;
use linux_compat::client::ClientError;
use linux_compat::client::Errno;
use linux_compat::iio::{Device, IioError};
use linux_compat::system::{System, SystemOptions};
use rustix::process::Signal;

const STEP_FAILED: i32 = 1;

/// Runs a driver with a fault, and wants each of `texts` in the one line that says why there is no device.
fn no_device(driver: &str, fault: &str, texts: &[&str]) {
    let said = Place::new().run(&["run", driver, "--once", "--json", "--fault", fault]);
    said.fails(STEP_FAILED, texts);
    let errors: Vec<serde_json::Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|line: &serde_json::Value| line.get("error").is_some())
        .collect();
    assert_eq!(errors.len(), 1, "{said}");
    let error = errors[0]["error"].as_str().expect("a text");
    assert!(error.starts_with("no device came to life: "), "{error}");
    for text in texts {
        assert!(error.contains(text), "no {text:?} in {error}");
    }
}

#[test]
fn a_chip_that_does_not_answer_is_told_in_the_drivers_words() {
    no_device("adxl345", "chip@53=absent", &["adxl345_i2c 0-0053", "(ENXIO)"]);
    no_device(
        "bmg160",
        "chip@69=absent",
        &["bmg160_i2c 0-0069: Error reading reg_chip_id", "(ENXIO)"],
    );
    // Nobody drives SPI's lines: all bytes are 0xff, and the driver takes that for another chip.
    no_device(
        "adxl345_spi",
        "chip@0=absent",
        &["Invalid device ID: ff, expected e5", "(ENODEV)"],
    );
}

#[test]
fn a_chip_that_is_another_is_told_in_the_drivers_words() {
    no_device(
        "adxl345",
        "chip@53=whoami=0x42",
        &["Invalid device ID: 42, expected e5", "(ENODEV)"],
    );
    no_device("bmg160", "chip@69=whoami=0x42", &["invalid chip 42", "(ENODEV)"]);
}

#[test]
fn a_bus_that_is_held_is_told_in_the_drivers_words() {
    no_device("adxl345", "i2c0=hold", &["adxl345_i2c 0-0053", "(ETIMEDOUT)"]);
    no_device("bmg160", "i2c0=hold", &["bmg160_i2c 0-0069", "(ETIMEDOUT)"]);
    no_device("adxl345_spi", "spi0=hold", &["adxl345_spi spi0.0", "(ETIMEDOUT)"]);
}

#[test]
fn a_chip_that_falls_silent_is_told_by_each_attribute() {
    let fault = "chip@53=fail-from=6:EIO";
    let said = Place::new().run(&["run", "adxl345", "--once", "--json", "--fault", fault]);
    said.fails(
        STEP_FAILED,
        &["adxl345: no channel can be read: in_accel_x_raw: input/output error (EIO)"],
    );
    let report = said.json();
    let errors = report["devices"][0]["errors"].as_object().expect("errors");
    for axis in ["x", "y", "z"] {
        assert_eq!(errors[&format!("in_accel_{axis}_raw")], "input/output error (EIO)");
    }
}

#[test]
fn a_domain_without_its_chip_stays_up_and_can_be_looked_at() {
    let place = Place::new();
    let mut running = place.start(&["run", "bmg160", "--fault", "chip@69=absent"]);
    running.wait_err("no device came to life");
    // The chip is there as a device of the bus, without a driver.
    let said = place.run(&["cat", "bmg160", "bus/i2c/devices/0-0069/name"]).succeeds();
    assert_eq!(said.out, "bmg160\n");
    // Whoever binds the driver again hears its error number.
    place
        .run(&["write", "bmg160", "bus/i2c/drivers/bmg160_i2c/bind", "0-0069"])
        .fails(STEP_FAILED, &["bind", "no such device or address (ENXIO)"]);
    running.signal(Signal::INT);
    running.end().fails(STEP_FAILED, &[]);
}

#[test]
fn a_chip_that_comes_and_goes_takes_its_errors_along() {
    let system = System::new(SystemOptions::default()).expect("a system");
    let domain = system.run("adxl345").expect("a domain");
    let inject = |text: &str| {
        let fault = &board::Fault::parse(text).expect("a fault")[0];
        domain.board().with(|sim| sim.inject(fault)).expect("a target");
    };
    let mut client = domain.client().expect("a client");
    let devices = Device::all(&mut client).expect("devices");
    let channel = devices[0].channels()[0].clone();
    inject("chip@53=fail-nth=1:EREMOTEIO");
    match devices[0].raw(&mut client, &channel) {
        Err(IioError::Client(ClientError::Errno { errno, .. })) => assert_eq!(errno.name(), Some("EREMOTEIO")),
        other => panic!("{other:?}"),
    }
    devices[0]
        .raw(&mut client, &channel)
        .expect("a reading, now that the chip is back");
    // Held from now on, by its bus: the driver's own answer again, and the domain is not harmed.
    inject("i2c0=hold");
    let refusal = devices[0].raw(&mut client, &channel);
    assert!(
        matches!(&refusal, Err(IioError::Client(error)) if error.errno() == Some(Errno(110))),
        "{refusal:?}"
    );
    assert!(client.state().expect("it lives").is_booted);
    assert!(domain.death().is_none());
}
