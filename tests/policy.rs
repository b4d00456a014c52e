// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: each driver runs under the policy made from its board, and the policy is tight: every rule of it is
//! needed, and without any one of them something is refused.
#![expect(clippy::unwrap_used, reason = "a test that unwraps an error has failed")]

use ::board::Fault;
use kos_policy::{Loaded, Rule, World, compile};
use linux_compat::Board;
use linux_compat::build::Built;
use linux_compat::client::Client;
use linux_compat::iio::{CaptureOptions, Device, Trigger};
use linux_compat::nfc::Nfc;
use linux_compat::policy::PolicyChoice;
use linux_compat::policy::{COMMON, Needs, class_of_driver, generate};
use linux_compat::system::{ClockKind, Domain, DriverSpec, Isolation, System, SystemOptions};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// For a busy machine, not for the driver.
const SOON: Duration = Duration::from_secs(20);

/// How long a read is waited for that nobody answers.
const SHORT: Duration = Duration::from_millis(200);

/// The driver whose controller is a client's to play: a read of its device waits until there is something to play.
const PLAYED: &str = "virtual_ncidev";

type Refused = Arc<Mutex<Vec<String>>>;

/// A system under a policy, and what it refuses.
fn system(policy: PolicyChoice, isolation: Isolation) -> (System, Refused) {
    system_at(policy, isolation, ClockKind::Real)
}

fn system_at(policy: PolicyChoice, isolation: Isolation, clock: ClockKind) -> (System, Refused) {
    let refused = Refused::default();
    let heard = Arc::clone(&refused);
    let options = SystemOptions {
        policy,
        isolation,
        clock,
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
/// `waiting` is the client that uses devices whose reads may wait for ever: what they wait for nobody here plays.
fn use_doors(client: &mut Client, waiting: &mut Client) {
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
    for bus in ["i2c", "spi"] {
        let devices = format!("bus/{bus}/devices");
        for entry in client.list(&devices).unwrap_or_default() {
            write_and_wait(client, &format!("{devices}/{}/uevent", entry.name));
        }
    }
    let _ = client.read_text("no/such/file");
    let _ = client.attribute_open("no/such/file");
    let _ = client.device_open("nosuchdevice", false);
    let nodes = client.devices().unwrap_or_default();
    for node in nodes
        .iter()
        .filter(|node| !node.name.starts_with("iio:") && !node.name.starts_with("gpiochip"))
    {
        use_device(waiting, &node.name);
    }
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

/// What can be done with one file of sysfs.
fn write_and_wait(client: &mut Client, path: &str) {
    let _ = client.write(path, b"change");
    if let Ok(file) = client.attribute_open(path) {
        let _ = client.attribute_read(file);
        let _ = client.attribute_write(file, b"change");
        let _ = client.attribute_close(file);
        let _ = client.attribute_wait(path, 0, Duration::from_millis(1));
    }
}

/// What can be done with a device of any kind, whether it can or not.
fn use_device(client: &mut Client, name: &str) {
    if let Ok(file) = client.device_open(name, false) {
        let _ = client.device_read(file, 16);
        let _ = client.device_write(file, b"x");
        let _ = client.device_ioctl(file, 0, 0, &[]);
        let _ = client.device_poll(file, linux_compat::client::poll::IN, Duration::from_millis(1));
        let _ = client.device_close(file);
    }
}

/// What reads a chip that is no sensor of IIO: a thermometer, a clock, a memory.
fn use_chip(client: &mut Client) {
    for path in [
        "class/hwmon/hwmon0/temp1_input",
        "class/rtc/rtc0/time",
        "bus/i2c/devices/0-0050/eeprom",
    ] {
        let _ = client.read(path);
    }
}

/// Every call that a socket has, and a reader that is switched on and polls.
fn use_sockets(domain: &Domain) {
    const LLCP: (u16, u16, i32) = (39, 5, 1);
    const GENERIC: (u16, u16, i32) = (16, 3, 16);
    let Ok(mut client) = domain.client() else { return };
    for (family, kind, protocol) in [LLCP, GENERIC] {
        let Ok(socket) = client.socket_open(family, kind, protocol) else {
            continue;
        };
        let _ = client.socket_bind(socket, &[16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let _ = client.socket_connect(socket, &[]);
        let _ = client.socket_listen(socket, 1);
        let _ = client.socket_accept(socket);
        let _ = client.socket_name(socket);
        let _ = client.socket_send(socket, &[], &[]);
        let _ = client.socket_receive(socket, 16);
        let _ = client.socket_set_option(socket, 270, 1, &[0; 4]);
        let _ = client.socket_poll(socket, linux_compat::client::poll::IN, Duration::from_millis(1));
        let _ = client.socket_close(socket);
    }
    if let Ok(mut nfc) = Nfc::open(client)
        && let Ok(adapter) = nfc.first()
    {
        let _ = nfc.up(adapter.index);
        let _ = nfc.down(adapter.index);
    }
}

/// Runs a driver through its life: it starts, is used, meets an error of its bus, is suspended, and is stopped.
fn live(system: &System, driver: &str, built: &Built) {
    let spec = DriverSpec::new(driver).unwrap();
    let Ok(domain) = system.start(&spec, built) else { return };
    if let Ok(mut client) = domain.client() {
        let _ = use_all(&mut client);
        let limit = if driver == PLAYED { SHORT } else { SOON };
        if let Ok(mut waiting) = domain.client_within(limit) {
            use_doors(&mut client, &mut waiting);
        }
        if system.options().clock == ClockKind::Virtual {
            let _ = client.advance(1_000_000);
        }
        use_chip(&mut client);
        break_bus(&domain, driver);
        let _ = use_all(&mut client);
        use_chip(&mut client);
        if domain
            .report()
            .sources
            .iter()
            .any(|source| source.path == "net/socket.c")
        {
            use_sockets(&domain);
            take_away(&domain, driver);
            use_sockets(&domain);
        }
    }
    // The last, since without the right to resume it nobody is served any more; its end wakes it.
    if let Ok(mut owner) = domain.supervisor(SOON) {
        let _ = owner.suspend();
        let _ = owner.suspend();
        let _ = owner.resume();
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

/// Takes the chips off their bus: nobody answers any more.
fn take_away(domain: &Domain, driver: &str) {
    for part in DriverSpec::new(driver).unwrap().board.parts() {
        for fault in Fault::parse(&format!("chip@{:x}=absent", part.reg)).unwrap() {
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

/// A system under the policy made for a driver, in the time that its tests have.
fn generated() -> (System, Refused) {
    system_at(PolicyChoice::Generated, Isolation::Process, ClockKind::Virtual)
}

/// Runs a driver, of which nothing is refused, and returns the rules that its run did not need. The last `excess` rules
/// are not of its own policy.
fn idle(driver: &str, built: &Built, (system, refused): &(System, Refused), excess: usize) -> Vec<String> {
    live(system, driver, built);
    assert_eq!(*refused.lock().unwrap(), Vec::<String>::new(), "{driver}");
    let mut rules = own(system.policies().live().rules());
    let excess = rules.split_off(rules.len() - excess);
    let spare = spare(driver, &rules);
    for rule in rules.drain(spare) {
        assert!(!rule.is_used, "{driver}: {} is needed after all", rule.text);
    }
    let idle = rules.into_iter().chain(excess).filter(|rule| !rule.is_used);
    idle.map(|rule| rule.text).collect()
}

/// Every rule of a generated policy is needed, and nothing is refused.
fn is_tight(driver: &str) {
    let system = generated();
    let built = system.0.build(driver, &DriverSpec::new(driver).unwrap().board).unwrap();
    assert_eq!(
        idle(driver, &built, &system, 0),
        Vec::<String>::new(),
        "no run needs these"
    );
}

/// Rules more than a driver needs are found: a bus that it is not on, files, and a right of its clients.
fn finds_excess(driver: &str) {
    let (first, _) = generated();
    let board = DriverSpec::new(driver).unwrap().board;
    let built = first.build(driver, &board).unwrap();
    let (text, _) = whole_at(driver, &board, &built, ClockKind::Virtual);
    let class = class_of_driver(driver);
    let excess = format!(
        "{text}use EDL server.I2c7\nuse EDL server.Firmware
request src={class} dst=server.I2c7 interface=linuxcompat.I2c method=Xfer {{ assert (message.msgs.[0].addr == 0x53) }}
request src={class} dst=server.Firmware interface=linuxcompat.Firmware {{ grant () }}
request src=linuxcompat.Client dst={class} interface=linuxcompat.Control method=Stop {{ grant () }}\n"
    );
    let system = system_at(PolicyChoice::Text(excess), Isolation::Process, ClockKind::Virtual);
    let found = idle(driver, &built, &system, 3);
    assert_eq!(
        found,
        ["assert (message.msgs.[0].addr == 0x53)", "grant ()", "grant ()"],
        "{driver}"
    );
}

/// The rules of a driver that no run needs, each for a reason.
///
/// A board says which lines a driver has, but not whether it reads them: two drivers only write theirs. And an image
/// has character devices if upstream's core of lines is in it, whose devices are not for clients: two drivers have no
/// others.
fn spare(driver: &str, rules: &[Rule]) -> Range<usize> {
    let reads = |text: &str| {
        let at = rules.iter().position(|rule| rule.text == text);
        at.map_or(0..0, |at| at..at + 1)
    };
    match driver {
        "nxp-nci" => reads("assert (message.line == 1 || message.line == 2)"),
        "st95hf" => reads("assert (message.line == 1)"),
        // To read, write, command, wait for and close a device; behind them stand the answers.
        "at24" | "lm75" => rules.len() - 7..rules.len() - 2,
        _ => 0..0,
    }
}

/// The text of a policy with what all have in common, and the rules that are its driver's own.
fn whole(driver: &str, built: &Built) -> (String, Vec<Rule>) {
    let board = DriverSpec::new(driver).unwrap().board;
    whole_at(driver, &board, built, ClockKind::Real)
}

fn whole_at(driver: &str, board: &Board, built: &Built, clock: ClockKind) -> (String, Vec<Rule>) {
    let needs = Needs::of(driver, board, &built.report, clock);
    let text = format!("{COMMON}{}", generate(&needs, &class_of_driver(driver)));
    let rules = compile(&Loaded::text("policy", &text).unwrap(), World::hosted())
        .unwrap()
        .rules();
    (text, rules)
}

/// Without any one rule something is refused, and it is said what.
fn needs_each(driver: &str) {
    let (first, _) = generated();
    let board = DriverSpec::new(driver).unwrap().board;
    let built = first.build(driver, &board).unwrap();
    let (text, rules) = whole_at(driver, &board, &built, ClockKind::Virtual);
    assert!(rules.len() > 10, "{driver}: {text}");
    let under = |text: String| {
        let (system, refused) = system_at(PolicyChoice::Text(text), Isolation::Process, ClockKind::Virtual);
        live(&system, driver, &built);
        std::mem::take(&mut *refused.lock().unwrap())
    };
    assert_eq!(under(text.clone()), Vec::<String>::new(), "{driver}: with all of them");
    let spare = spare(driver, &rules);
    for (at, rule) in rules.into_iter().enumerate() {
        if spare.contains(&at) {
            continue;
        }
        let mut less = text.clone();
        less.replace_range(rule.span.clone(), "");
        let refused = under(less);
        assert!(!refused.is_empty(), "{driver}: without {} {}", rule.place, rule.text);
        println!("{driver}: without {}: {}", rule.text, refused[0]);
    }
}

macro_rules! each_driver {
    ($($name:ident = $driver:literal,)*) => {
        $(mod $name {
            #[test]
            fn every_rule_of_its_policy_is_needed_and_nothing_is_refused() {
                super::is_tight($driver);
            }

            #[test]
            fn without_any_one_rule_something_is_refused() {
                super::needs_each($driver);
            }

            #[test]
            fn a_rule_that_no_run_needs_is_found() {
                super::finds_excess($driver);
            }
        })*

        const DRIVERS: &[&str] = &[$($driver),*];
    };
}

each_driver! {
    adxl345 = "adxl345",
    adxl345_spi = "adxl345_spi",
    ak8975 = "ak8975",
    at24 = "at24",
    bma400 = "bma400_i2c",
    bmc150_accel = "bmc150_accel_i2c",
    bmg160 = "bmg160",
    bmi160 = "bmi160_i2c",
    ds1307 = "ds1307",
    fxas21002c = "fxas21002c_i2c",
    inv_mpu6050 = "inv-mpu6050",
    itg3200 = "itg3200",
    kxcjk_1013 = "kxcjk-1013",
    lm75 = "lm75",
    mma8452 = "mma8452",
    mpu3050 = "mpu3050",
    nfcsim = "nfcsim",
    nxp_nci = "nxp-nci",
    pn533 = "pn533_i2c",
    rtc_ds1307 = "rtc-ds1307",
    st_accel = "st_accel_i2c",
    st_gyro = "st_gyro_i2c",
    st_lsm6dsx = "st_lsm6dsx_i2c",
    st95hf = "st95hf",
    virtual_ncidev = "virtual_ncidev",
}

/// No board comes without these tests.
#[test]
fn each_board_is_one_of_those_above() {
    let of = |driver: &&str| DriverSpec::new(driver).unwrap().board.path().to_owned();
    let mut tested: Vec<_> = DRIVERS.iter().map(of).collect();
    tested.sort();
    assert_eq!(tested, linux_compat::board::boards());
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
