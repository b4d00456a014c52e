// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: each driver runs under the policy made from its board, and the policy is tight: every rule of it is
//! needed, and without any one of them something is refused.
#![expect(clippy::unwrap_used, reason = "a test that unwraps an error has failed")]

use ::board::Fault;
use kos_policy::{Loaded, Rule, World, compile};
use linux_compat::build::Built;
use linux_compat::client::Client;
use linux_compat::iio::{CaptureOptions, Device, Trigger};
use linux_compat::policy::PolicyChoice;
use linux_compat::policy::{COMMON, Needs, class_of_driver, generate};
use linux_compat::system::{ClockKind, Domain, DriverSpec, Isolation, System, SystemOptions};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DRIVERS: [&str; 3] = ["adxl345", "adxl345_spi", "bmg160"];
/// For a busy machine, not for the driver.
const SOON: Duration = Duration::from_secs(20);

type Refused = Arc<Mutex<Vec<String>>>;

/// A system under a policy, and what it refuses.
fn system(policy: PolicyChoice, isolation: Isolation) -> (System, Refused) {
    let refused = Refused::default();
    let heard = Arc::clone(&refused);
    let options = SystemOptions {
        policy,
        isolation,
        on_audit: Some(Arc::new(move |record| {
            if !record.granted {
                heard.lock().unwrap().push(record.text());
            }
        })),
        ..SystemOptions::default()
    };
    (System::new(options).unwrap(), refused)
}

/// Everything that a driver's users do. What fails is of no interest here: without a rule something must.
fn use_all(client: &mut Client) -> Result<(), Box<dyn std::error::Error>> {
    client.state()?;
    client.devices()?;
    for device in Device::all(client)? {
        for channel in device.channels().to_vec() {
            device.read(client, &channel)?;
        }
    }
    Ok(())
}

/// A file that can be written, a file that is not there, and devices that are opened, waited for, read and closed.
fn use_doors(client: &mut Client) {
    let dir = "bus/iio/devices/iio:device0";
    for name in [
        "sampling_frequency",
        "in_accel_sampling_frequency",
        "in_anglvel_sampling_frequency",
    ] {
        let path = format!("{dir}/{name}");
        if let Ok(text) = client.read_text(&path) {
            let _ = client.write(&path, text.as_bytes());
        }
        if let Ok(file) = client.attribute_open(&path) {
            let text = client.attribute_read(file).unwrap_or_default();
            let _ = client.attribute_write(file, &text);
            let _ = client.attribute_close(file);
            let _ = client.attribute_wait(&path, 0, Duration::from_millis(1));
        }
    }
    let _ = client.read_text("no/such/file");
    let _ = client.device_open("nosuchdevice", false);
    let nodes = client.devices().unwrap_or_default();
    for node in nodes.iter().filter(|node| node.name.starts_with("iio:")) {
        if let Ok(file) = client.device_open(&node.name, false) {
            let _ = client.device_poll(file, linux_compat::client::poll::IN, Duration::from_millis(1));
            let _ = client.device_read(file, 64);
            // One user at a time: the second is told so.
            let _ = client.device_open(&node.name, false);
            let _ = client.device_close(file);
        }
    }
}

/// Runs a driver through its life: it starts, is used, meets an error of its bus, and is stopped.
fn live(system: &System, driver: &str, built: &Built) {
    let spec = DriverSpec::new(driver).unwrap();
    let Ok(domain) = system.start(&spec, built) else { return };
    if let Ok(mut client) = domain.client() {
        let _ = use_all(&mut client);
        use_doors(&mut client);
        break_bus(&domain, driver);
        let _ = use_all(&mut client);
    }
    domain.stop();
}

/// Breaks a transfer: the bus answers the next one with an error.
fn break_bus(domain: &Domain, driver: &str) {
    let spec = DriverSpec::new(driver).unwrap();
    for part in spec.board.parts() {
        let fault = format!("chip@{:x}=fail-nth=1:EIO", part.reg);
        for fault in Fault::parse(&fault).unwrap() {
            domain.board().with(|sim| sim.inject(&fault)).unwrap();
        }
    }
}

/// The rules of a driver's own policy, those that all have in common aside.
fn own(rules: Vec<Rule>) -> Vec<Rule> {
    rules
        .into_iter()
        .filter(|rule| rule.place.file != "common.psl")
        .collect()
}

#[test]
fn every_rule_of_a_generated_policy_is_needed_and_nothing_is_refused() {
    for driver in DRIVERS {
        let (system, refused) = system(PolicyChoice::Generated, Isolation::Process);
        let spec = DriverSpec::new(driver).unwrap();
        let built = system.build(driver, &spec.board).unwrap();
        live(&system, driver, &built);
        assert_eq!(*refused.lock().unwrap(), Vec::<String>::new(), "{driver}");
        let idle: Vec<_> = own(system.policies().live().rules())
            .into_iter()
            .filter(|rule| !rule.is_used)
            .map(|rule| format!("{}: {}", rule.place, rule.text))
            .collect();
        assert_eq!(idle, Vec::<String>::new(), "{driver}: no run needs these");
    }
}

/// The text of a policy with what all have in common, and the rules that are its driver's own.
fn whole(driver: &str, built: &Built) -> (String, Vec<Rule>) {
    let board = DriverSpec::new(driver).unwrap().board;
    let needs = Needs::of(driver, &board, &built.report, ClockKind::Real);
    let text = format!("{COMMON}{}", generate(&needs, &class_of_driver(driver)));
    let rules = compile(&Loaded::text("policy", &text).unwrap(), World::hosted())
        .unwrap()
        .rules();
    (text, rules)
}

#[test]
fn without_any_one_rule_something_is_refused() {
    for driver in DRIVERS {
        let (first, _) = system(PolicyChoice::Generated, Isolation::Process);
        let built = first.build(driver, &DriverSpec::new(driver).unwrap().board).unwrap();
        let (text, rules) = whole(driver, &built);
        assert!(rules.len() > 10, "{driver}: {text}");
        let (all, refused) = system(PolicyChoice::Text(text.clone()), Isolation::Process);
        live(&all, driver, &built);
        assert_eq!(
            *refused.lock().unwrap(),
            Vec::<String>::new(),
            "{driver}: with all of them"
        );
        for rule in rules {
            let mut less = text.clone();
            less.replace_range(rule.span.clone(), "");
            let (system, refused) = system(PolicyChoice::Text(less), Isolation::Process);
            live(&system, driver, &built);
            let refused = refused.lock().unwrap();
            assert!(!refused.is_empty(), "{driver}: without {} {}", rule.place, rule.text);
            println!("{driver}: without {}: {}", rule.text, refused[0]);
        }
    }
}

#[test]
fn a_rule_that_no_run_needs_is_found() {
    let driver = "adxl345";
    let (first, _) = system(PolicyChoice::Generated, Isolation::Process);
    let built = first.build(driver, &DriverSpec::new(driver).unwrap().board).unwrap();
    let (text, _) = whole(driver, &built);
    let excess = format!(
        "{text}request src=driver.Adxl345 dst=server.Gpio interface=linuxcompat.Gpio method=Set {{ assert \
         (message.line == 3) }}\n"
    );
    let (system, refused) = system(PolicyChoice::Text(excess), Isolation::Process);
    live(&system, driver, &built);
    assert_eq!(*refused.lock().unwrap(), Vec::<String>::new());
    let idle: Vec<_> = system
        .policies()
        .live()
        .rules()
        .into_iter()
        .filter(|rule| !rule.is_used)
        .collect();
    let [idle] = &idle[..] else { panic!("{idle:?}") };
    assert_eq!(idle.text, "assert (message.line == 3)");
}

#[test]
fn a_chip_at_another_address_is_out_of_reach() {
    // The driver's policy is made for one address; its board says another.
    let driver = "adxl345";
    let (first, _) = system(PolicyChoice::Generated, Isolation::Process);
    let built = first.build(driver, &DriverSpec::new(driver).unwrap().board).unwrap();
    let (text, _) = whole(driver, &built);
    let text = text.replace("value : 0x53}", "value : 0x1d}");
    for isolation in [Isolation::Process, Isolation::None] {
        let (system, refused) = system(PolicyChoice::Text(text.clone()), isolation);
        let domain = system.start(&DriverSpec::new(driver).unwrap(), &built).unwrap();
        let mut client = domain.client().unwrap();
        assert!(client.state().unwrap().is_booted);
        assert!(Device::all(&mut client).unwrap().is_empty(), "its probe failed");
        let refused = refused.lock().unwrap();
        let found = refused.iter().any(|line| {
            line.contains("denied request driver.Adxl345 → server.I2c0 linuxcompat.I2c.Xfer")
                && line.contains("\"addr\":83")
        });
        assert!(found, "{refused:?}");
    }
}

#[test]
fn data_ready_interrupts_and_buffers_work_under_the_policy() {
    let (system, refused) = system(PolicyChoice::Generated, Isolation::Process);
    let domain = system.run("bmg160").unwrap();
    let mut client = domain.client().unwrap();
    let [device] = <[Device; 1]>::try_from(Device::all(&mut client).unwrap()).unwrap();
    let trigger = Trigger::all(&mut client).unwrap().swap_remove(0).name;
    let options = CaptureOptions {
        trigger: Some(trigger),
        ..CaptureOptions::default()
    };
    let mut capture = device.capture(&mut client, &options).unwrap();
    assert_eq!(capture.read(3, SOON).unwrap().len(), 3);
    drop(capture);
    assert_eq!(*refused.lock().unwrap(), Vec::<String>::new());
}

#[test]
fn a_client_neither_stops_a_domain_nor_moves_its_time() {
    let (system, refused) = system(PolicyChoice::Generated, Isolation::Process);
    let domain = system.run("bmg160").unwrap();
    let mut client = domain.client().unwrap();
    for error in [client.stop().unwrap_err(), client.advance(1).unwrap_err()] {
        assert!(error.to_string().contains("rcSecurityDisallow"), "{error}");
    }
    assert_eq!(refused.lock().unwrap().len(), 2);
    assert!(client.state().unwrap().is_booted, "it goes on");
}

#[test]
fn domains_come_and_go_under_one_policy() {
    let (system, refused) = system(PolicyChoice::Generated, Isolation::Process);
    for driver in ["adxl345", "bmg160", "adxl345"] {
        let domain = system.run(driver).unwrap();
        assert!(use_all(&mut domain.client().unwrap()).is_ok());
        domain.stop();
    }
    assert_eq!(*refused.lock().unwrap(), Vec::<String>::new());
    let files: std::collections::BTreeSet<_> = own(system.policies().live().rules())
        .into_iter()
        .map(|rule| rule.place.file)
        .collect();
    assert_eq!(files.len(), 2, "one text for each class: {files:?}");
}
