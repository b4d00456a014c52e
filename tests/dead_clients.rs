// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: what a client left open is closed when it goes, however it goes: an exclusive device can be opened
//! again, and what polled for tags polls for somebody else.

mod open_policy;

use kos_bindings::hosted::socket::Connection;
use linux_compat::client::{Census, Client, DeviceFile};
use linux_compat::nfc::{Nfc, NfcError};
use linux_compat::policy::{PolicyChoice, class_of_driver};
use linux_compat::system::{ClockKind, Domain, DriverSpec, System, SystemOptions};
use linux_headers::Series;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// For a busy machine.
const SOON: Duration = Duration::from_secs(20);
const DEVICE: &str = "iio:device0";
/// Says to [`client_process`] whose client it is, and what it does there.
const ROLE: &str = "LINUX_COMPAT_TEST_CLIENT";

/// Runs the gyroscope in a domain of this name, which no other test has.
fn start(name: &str, series: Series, clock: ClockKind) -> (System, Domain) {
    start_driver("bmg160", name, series, clock, PolicyChoice::default())
}

fn start_driver(driver: &str, name: &str, series: Series, clock: ClockKind, policy: PolicyChoice) -> (System, Domain) {
    let options = SystemOptions {
        series: Some(series),
        clock,
        policy,
        ..SystemOptions::default()
    };
    let system = System::new(options).expect("a system");
    let mut spec = DriverSpec::new(driver).expect("a board");
    let built = system.build(&spec.name, &spec.board).expect("an image");
    spec.name = name.to_owned();
    let domain = system.start(&spec, &built).expect("the driver runs");
    (system, domain)
}

/// Not a test of its own: the process that the tests kill.
#[test]
fn client_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (domain, work) = role.split_once(' ').expect("a domain and what to do there");
    let connection = Connection::open(domain).expect("a connection");
    let handle = connection.handle();
    let mut client = Client::new(connection, handle);
    if work == "poll" {
        let mut nfc = Nfc::open(client).expect("the family");
        let adapter = nfc.first().expect("an adapter");
        nfc.start_poll(adapter.index, adapter.protocols).expect("it polls");
        println!("\nopen");
        std::thread::sleep(Duration::from_secs(3600));
        return;
    }
    let file = client.device_open(DEVICE, true).expect("the device");
    println!("\nopen");
    if work == "read" {
        let read = client.device_read(file, 4096);
        panic!("the read ended: {read:?}");
    }
    std::thread::sleep(Duration::from_secs(3600));
}

/// Starts a process that opens the device and then does `work`.
fn client(domain: &str, work: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "client_process", "--nocapture"])
        .env(ROLE, format!("{domain} {work}"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let is_open = lines.map_while(Result::ok).any(|line| line == "open");
    assert!(is_open, "the client did not open the device");
    child
}

fn errno_of_open(client: &mut Client) -> Option<&'static str> {
    client.device_open(DEVICE, false).err()?.errno()?.name()
}

/// Opens the device as soon as that works.
fn opens_again(client: &mut Client) -> DeviceFile {
    let end = Instant::now() + SOON;
    loop {
        match client.device_open(DEVICE, false) {
            Ok(file) => return file,
            Err(error) => assert!(Instant::now() < end, "still refused: {error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn killed_with_an_open_file(name: &str, series: Series) {
    let (system, domain) = start(name, series, ClockKind::Real);
    let _door = system.open_door().expect("a door");
    let mut mine = domain.client().expect("a client");
    for _ in 0..3 {
        let mut other = client(name, "sleep");
        assert_eq!(errno_of_open(&mut mine), Some("EBUSY"), "the device is exclusive");
        other.kill().expect("it lives");
        other.wait().expect("it is dead");
        let file = opens_again(&mut mine);
        mine.device_close(file).expect("closed");
    }
    // Whoever stops a poll of `pn533` stops its command, which the driver reports as errors.
    let stopped = ["Poll complete error -2", "Polling operation has been stopped"];
    let mut log = domain.log();
    log.retain(|line| line.is_warning() && !stopped.iter().any(|text| line.text.ends_with(text)));
    assert!(log.is_empty(), "{log:?}");
}

#[test]
fn the_files_of_a_killed_client_are_closed_on_6_12() {
    killed_with_an_open_file("killed-6-12", Series::V6_12);
}

#[test]
fn the_files_of_a_killed_client_are_closed_on_6_1() {
    killed_with_an_open_file("killed-6-1", Series::V6_1);
}

/// A read that waits holds its file: it must end with its client, as it ends for a killed process in Linux.
fn killed_in_a_read(name: &str, clock: ClockKind) {
    let (system, domain) = start(name, Series::V6_12, clock);
    let _door = system.open_door().expect("a door");
    let mut mine = domain.client().expect("a client");
    let device = format!("bus/iio/devices/{DEVICE}");
    // The chip does not turn, so this trigger does not start a scan.
    for (file, text) in [
        ("trigger/current_trigger", "bmg160-any-motion-dev0"),
        ("scan_elements/in_anglvel_x_en", "1"),
        ("buffer/enable", "1"),
    ] {
        mine.write(&format!("{device}/{file}"), text.as_bytes()).expect(file);
    }
    let mut other = client(name, "read");
    // Long enough that it waits in the driver; if not, the test is an easier one.
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(errno_of_open(&mut mine), Some("EBUSY"), "the device is exclusive");
    assert!(other.try_wait().expect("its state").is_none(), "the read did not wait");
    other.kill().expect("it lives");
    other.wait().expect("it is dead");
    let file = opens_again(&mut mine);
    mine.device_close(file).expect("closed");
    mine.write(&format!("{device}/buffer/enable"), b"0").expect("stopped");
}

#[test]
fn a_killed_clients_read_ends() {
    killed_in_a_read("reading", ClockKind::Real);
}

#[test]
fn a_killed_clients_read_ends_under_virtual_time() {
    killed_in_a_read("reading-virtual", ClockKind::Virtual);
}

#[test]
fn a_client_that_is_dropped_leaves_nothing_open() {
    let (_system, domain) = start("dropped", Series::V6_12, ClockKind::Virtual);
    let mut first = domain.client().expect("a client");
    let mut second = domain.client().expect("a client");
    first.device_open(DEVICE, false).expect("the device");
    assert_eq!(errno_of_open(&mut second), Some("EBUSY"), "the device is exclusive");
    drop(first);
    opens_again(&mut second);
}

#[test]
fn a_clients_file_is_no_others() {
    let (_system, domain) = start("apart", Series::V6_12, ClockKind::Virtual);
    let mut first = domain.client().expect("a client");
    let mut second = domain.client().expect("a client");
    let file = first.device_open(DEVICE, false).expect("the device");
    for refused in [second.device_read(file, 16).err(), second.device_close(file).err()] {
        let errno = refused.and_then(|error| error.errno()).and_then(|errno| errno.name());
        assert_eq!(errno, Some("EBADF"));
    }
    // It is still open.
    assert_eq!(errno_of_open(&mut second), Some("EBUSY"));
    first.device_close(file).expect("closed");
}

/// What a client that has gone must not leave behind.
fn left(domain: &Domain) -> [u64; 5] {
    let mut keeper = domain.supervisor(SOON).expect("its supervisor");
    // Linux lets go of sockets in work items of its own.
    keeper.advance(100_000_000).expect("time");
    let Census {
        devices,
        interrupts,
        tasks,
        objects,
        pages,
        ..
    } = keeper.census().expect("a census");
    [devices, interrupts, tasks, objects, pages].map(u64::from)
}

/// Linux polls for a socket: when its process is killed it stops (`nfc_urelease_event_work`, net/nfc/netlink.c), and
/// the next one can poll.
fn killed_while_it_polls(driver: &str, name: &str, series: Series) {
    const WARM_UP: usize = 3;
    const KILLED: usize = 6;
    // It is counted what is left, which only an open policy allows.
    let policy = open_policy::open_policy(&class_of_driver(name));
    let (system, domain) = start_driver(driver, name, series, ClockKind::Virtual, policy);
    let _door = system.open_door().expect("a door");
    let mut mine = Nfc::open(domain.client().expect("a client")).expect("the family");
    let adapter = mine.first().expect("an adapter");
    mine.up(adapter.index).expect("power");
    let mut before = None;
    for round in 0..KILLED {
        if round == WARM_UP {
            before = Some(left(&domain));
        }
        let mut other = client(name, "poll");
        let busy = mine
            .start_poll(adapter.index, adapter.protocols)
            .expect_err("another polls");
        assert_eq!(busy.errno().and_then(|errno| errno.name()), Some("EBUSY"));
        other.kill().expect("it lives");
        other.wait().expect("it is dead");
        let end = Instant::now() + SOON;
        while let Err(error) = mine.start_poll(adapter.index, adapter.protocols) {
            let is_busy = matches!(&error, NfcError::Command { errno, .. } if errno.name() == Some("EBUSY"));
            assert!(is_busy && Instant::now() < end, "still refused: {error}");
            std::thread::sleep(Duration::from_millis(5));
        }
        let tag = board::Stimulus::parse("tag=ntag213").expect("a stimulus");
        domain.board().with(|board| board.set_stimulus(tag));
        mine.stop_poll(adapter.index).expect("it stops");
        let found = mine.poll(adapter.index, adapter.protocols, SOON).expect("a poll");
        assert_eq!(found.len(), 1, "{driver}, round {round}");
        domain
            .board()
            .with(|board| board.set_stimulus(board::Stimulus::default()));
        // It has left: the next poll begins without a target.
        mine.start_poll(adapter.index, adapter.protocols).expect("it polls");
        mine.stop_poll(adapter.index).expect("it stops");
    }
    assert_eq!(Some(left(&domain)), before, "{driver} on {series}");
    // Whoever stops a poll of `pn533` stops its command, which the driver reports as errors.
    let stopped = ["Poll complete error -2", "Polling operation has been stopped"];
    let mut log = domain.log();
    log.retain(|line| line.is_warning() && !stopped.iter().any(|text| line.text.ends_with(text)));
    assert!(log.is_empty(), "{log:?}");
}

#[test]
fn the_poll_of_a_killed_client_ends_on_6_12() {
    killed_while_it_polls("nxp-nci", "polling-nci-6-12", Series::V6_12);
    killed_while_it_polls("pn533_i2c", "polling-pn533-6-12", Series::V6_12);
}

#[test]
fn the_poll_of_a_killed_client_ends_on_6_1() {
    killed_while_it_polls("nxp-nci", "polling-nci-6-1", Series::V6_1);
    killed_while_it_polls("pn533_i2c", "polling-pn533-6-1", Series::V6_1);
}
