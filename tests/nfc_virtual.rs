// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: upstream's simulated NFC devices in a domain, unmodified: `virtual_ncidev`, where a client is the NCI
//! controller, and `nfcsim`, whose two devices are in each other's field; and Linux's own test of NCI, compiled as it
//! is.

mod common;

use common::Place;
use linux_compat::Client;
use linux_compat::client::{DeviceFile, Errno};
use linux_compat::nfc::{Event, Llcp, Nfc, NfcError, Protocols};
use linux_compat::system::{ClockKind, Domain, DriverSpec, System, SystemOptions};
use linux_headers::{Locate, Series, Tree};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Duration;

/// For a busy machine.
const SOON: Duration = Duration::from_secs(60);

fn start(series: Series, driver: &str, clock: ClockKind) -> (System, Domain) {
    let options = SystemOptions {
        series: Some(series),
        clock,
        ..SystemOptions::default()
    };
    let system = System::new(options).expect("a system");
    let spec = DriverSpec::new(driver).expect("a board");
    let built = system.build(driver, &spec.board).expect("an image");
    let upstream = |path: &str| !path.contains("shim/glue");
    let changed = built.report.sources.iter().find(|s| upstream(&s.path) && !s.pristine);
    assert!(changed.is_none(), "{changed:?}");
    let domain = system.start(&spec, &built).expect("the driver runs");
    (system, domain)
}

/// Commands of NCI 1.0, and what a controller answers: CORE_RESET, CORE_INIT, RF_DISCOVER_MAP, RF_DISCOVER (with an
/// NFC-A card that speaks ISO-DEP, which is there at once), a SELECT and its answer, RF_DEACTIVATE (with its
/// notification).
const ANSWERS: [(&[u8], &[&[u8]]); 6] = [
    (&[0x20, 0x00], &[&[0x40, 0x00, 0x03, 0x00, 0x10, 0x01]]),
    (
        &[0x20, 0x01],
        &[&[
            0x40, 0x01, 0x14, 0x00, 0x02, 0x00, 0x00, 0x00, 0x03, 0x01, 0x02, 0x03, 0x02, 0x00, 0x00, 0xff, 0x10, 0x00,
            0x0c, 0x00, 0x01, 0x02, 0x03,
        ]],
    ),
    (&[0x21, 0x00], &[&[0x41, 0x00, 0x01, 0x00]]),
    (
        &[0x21, 0x03],
        &[
            &[0x41, 0x03, 0x01, 0x00],
            &[
                0x61, 0x05, 0x1b, 0x01, 0x02, 0x04, 0x00, 0xff, 0x01, 0x0c, 0x44, 0x03, 0x07, 0x04, 0x11, 0x22, 0x33,
                0x44, 0x55, 0x66, 0x01, 0x20, 0x00, 0x00, 0x00, 0x04, 0x03, 0x75, 0x77, 0x81,
            ],
        ],
    ),
    (
        &[0x00, 0x00, 0x04],
        &[
            &[0x00, 0x00, 0x04, 0xca, 0xfe, 0x90, 0x00],
            &[0x60, 0x06, 0x03, 0x01, 0x00, 0x01],
        ],
    ),
    (
        &[0x21, 0x06],
        &[&[0x41, 0x06, 0x01, 0x00], &[0x61, 0x06, 0x02, 0x00, 0x00]],
    ),
];

/// Plays a controller until it has answered `last`. Returns the commands.
fn controller(mut client: Client, file: DeviceFile, last: &'static [u8]) -> JoinHandle<(Client, Vec<Vec<u8>>)> {
    std::thread::spawn(move || {
        let mut heard = Vec::new();
        loop {
            let command = client.device_read(file, 258).expect("a command");
            let known = ANSWERS.iter().find(|(start, _)| command.starts_with(start));
            for answer in known.unwrap_or_else(|| panic!("{command:02x?}")).1 {
                client.device_write(file, answer).expect("an answer");
            }
            let is_last = command.starts_with(last);
            heard.push(command);
            if is_last {
                return (client, heard);
            }
        }
    })
}

fn a_client_is_the_controller(series: Series) {
    let (_system, domain) = start(series, "virtual_ncidev", ClockKind::Real);
    let mut nfc = Nfc::open(domain.client().expect("a client")).expect("the family");
    assert!(matches!(nfc.first(), Err(NfcError::NoAdapter)));
    let mut device = domain.client().expect("a client");
    let nodes = device.devices().expect("devices");
    assert!(nodes.iter().any(|node| node.name == "virtual_nci"), "{nodes:?}");
    let file = device.device_open("virtual_nci", true).expect("a controller");
    let adapter = nfc.first().expect("it is there");
    // IOCTL_GET_NCIDEV_IDX
    let (_, index) = device.device_ioctl(file, 0, 0, &[0xff; 4]).expect("its number");
    assert_eq!(index, adapter.index.to_ne_bytes());
    let unknown = device.device_ioctl(file, 1, 0, &[0; 4]).expect_err("no such command");
    assert_eq!(unknown.errno().and_then(Errno::name), Some("ENOTTY"));

    let playing = controller(device, file, &[0x21, 0x00]);
    nfc.up(adapter.index).expect("power");
    let (device, heard) = playing.join().expect("the controller");
    assert_eq!(heard[..2], [vec![0x20, 0x00, 0x01, 0x01], vec![0x20, 0x01, 0x00]]);
    assert!(nfc.first().expect("it").is_powered);

    let playing = controller(device, file, &[0x21, 0x03]);
    let targets = nfc.poll(adapter.index, Protocols::ISO14443, SOON).expect("a poll");
    let (device, _) = playing.join().expect("the controller");
    assert_eq!(targets[0].uid(), [0x04, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66]);
    let playing = controller(device, file, &[0x21, 0x06]);
    let mut link = nfc
        .link(adapter.index, &targets[0], Protocols::ISO14443)
        .expect("a link");
    assert_eq!(
        link.transceive(&[0x00, 0xa4, 0x00, 0x00]).expect("an answer"),
        [0xca, 0xfe, 0x90, 0x00]
    );
    drop(link);
    let (mut device, heard) = playing.join().expect("the controller");
    assert_eq!(heard[0], [0x00, 0x00, 0x04, 0x00, 0xa4, 0x00, 0x00]);

    // Frames that are none, and a controller that goes away with its client.
    for bad in [&[][..], &[0x40], &[0x40, 0x00], &[0x61, 0x05, 0xff, 0x01], &[0xff; 300]] {
        let _ = device.device_write(file, bad);
    }
    drop(device);
    let begun = std::time::Instant::now();
    while nfc.first().is_ok() {
        assert!(begun.elapsed() < SOON, "the controller's client has gone");
    }
    domain.stop();
    assert!(domain.wait_death(SOON).expect("an end").is_orderly);
}

#[test]
fn a_client_is_the_controller_on_6_12() {
    a_client_is_the_controller(Series::V6_12);
}

#[test]
fn a_client_is_the_controller_on_6_1() {
    a_client_is_the_controller(Series::V6_1);
}

/// Builds the library that gives programs a domain's sockets.
fn preload() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "-p", "linux-compat-preload"])
        .current_dir(common::ROOT)
        .status();
    assert!(built.expect("cargo runs").success(), "the library builds");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the target directory");
    target.join("debug/liblinux_compat_preload.so")
}

/// Linux's own test of NCI, as `make -C tools/testing/selftests/nci` compiles it.
fn selftest(series: Series, place: &Place) -> PathBuf {
    const SOURCE: &str = "tools/testing/selftests/nci/nci_dev.c";
    let wanted = Locate {
        series: Some(series),
        ..Locate::default()
    };
    let tree = Tree::locate(&wanted).and_then(Tree::completed).expect("the tree");
    assert_eq!(
        tree.verify(SOURCE).expect("the test"),
        linux_headers::tree::Check::Pristine
    );
    let program = place.path().join("nci_dev");
    let compiled = Command::new("gcc")
        .args(["-D_GNU_SOURCE=", "-Wl,-no-as-needed", "-w", "-o"])
        .arg(&program)
        .arg(tree.dir.join(SOURCE))
        .arg("-lpthread")
        .status();
    assert!(compiled.expect("gcc runs").success(), "the test compiles");
    program
}

fn upstreams_own_test_passes(series: Series) {
    let place = Place::new();
    let program = selftest(series, &place);
    let mut run = place.start(&["run", "virtual_ncidev", "--kernel", &series.to_string(), "--json"]);
    run.wait_out("virtual_ncidev");
    let said = Command::new(program)
        .env("LD_PRELOAD", preload())
        .env("LINUX_COMPAT_DOMAIN", "virtual_ncidev")
        .env("XDG_RUNTIME_DIR", place.path())
        .output()
        .expect("the test runs");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
    assert!(
        said.status.success() && text.contains("# PASSED: 8 / 8 tests passed."),
        "{text}{}",
        run.err()
    );
    run.signal(Signal::INT);
    run.end().succeeds();
}

#[test]
fn upstreams_own_test_passes_on_6_12() {
    upstreams_own_test_passes(Series::V6_12);
}

#[test]
fn upstreams_own_test_passes_on_6_1() {
    upstreams_own_test_passes(Series::V6_1);
}

/// A program that uses `epoll` says the same of this machine's sockets and of a domain's.
fn epoll_watches_a_domain(series: Series) {
    const NO_GENERIC_NETLINK: i32 = 77;
    let place = Place::new();
    let program = place.path().join("epoll");
    let compiled = Command::new("gcc")
        .args(["-Wall", "-Werror", "-o"])
        .arg(&program)
        .arg(Path::new(common::ROOT).join("tests/preload/epoll.c"))
        .arg("-lpthread")
        .status();
    assert!(compiled.expect("gcc runs").success(), "the test compiles");
    let here = Command::new(&program).output().expect("the test runs");
    assert!(
        here.status.success() || here.status.code() == Some(NO_GENERIC_NETLINK),
        "on this machine: {here:?}"
    );
    let mut run = place.start(&["run", "virtual_ncidev", "--kernel", &series.to_string(), "--json"]);
    run.wait_out("virtual_ncidev");
    let said = Command::new(&program)
        .env("LD_PRELOAD", preload())
        .env("LINUX_COMPAT_DOMAIN", "virtual_ncidev")
        .env("XDG_RUNTIME_DIR", place.path())
        .output()
        .expect("the test runs");
    assert!(said.status.success(), "{said:?}{}", run.err());
    run.signal(Signal::INT);
    run.end().succeeds();
}

#[test]
fn epoll_watches_a_domain_of_6_12() {
    epoll_watches_a_domain(Series::V6_12);
}

#[test]
fn epoll_watches_a_domain_of_6_1() {
    epoll_watches_a_domain(Series::V6_1);
}

/// Waits for an event; others are passed over.
fn event(nfc: &mut Nfc, is_it: impl Fn(&Event) -> bool) -> Event {
    let mut seen = Vec::new();
    for _ in 0..100 {
        match nfc.event(Duration::from_secs(10)).expect("events") {
            Some(event) if is_it(&event) => return event,
            other => seen.push(other),
        }
    }
    panic!("{seen:?}")
}

fn two_devices_talk(series: Series) {
    let (_system, domain) = start(series, "nfcsim", ClockKind::Virtual);
    let mut nfc = Nfc::open(domain.client().expect("a client")).expect("the family");
    let adapters = nfc.adapters().expect("adapters");
    let [near, far] = [0, 1].map(|at| adapters[at].index);
    assert_eq!(adapters[0].protocols, Protocols::NFC_DEP);
    nfc.up(near).expect("power");
    nfc.up(far).expect("power");
    let service = nfc.serve(far, "urn:nfc:sn:echo").expect("a service");
    nfc.listen(far, Protocols::NFC_DEP).expect("a listener");
    let targets = nfc.poll(near, Protocols::NFC_DEP, SOON).expect("a poll");
    nfc.link_up(near, targets[0].index).expect("a link");
    event(
        &mut nfc,
        |event| matches!(event, Event::LinkUp { adapter, .. } if *adapter == near),
    );

    let asking = nfc
        .connect(near, targets[0].index, "urn:nfc:sn:echo")
        .expect("a connection");
    let client = nfc.client();
    let serving = service.accept(client, SOON).expect("the peer");
    asking.wait_open(client, SOON).expect("it is open");
    let exchange = |client: &mut Client, from: &Llcp, to: &Llcp, text: &[u8]| {
        from.send(client, text).expect("sent");
        assert_eq!(to.receive(client, SOON).expect("received"), text);
    };
    exchange(client, &asking, &serving, b"ping");
    exchange(client, &serving, &asking, b"pong");
    exchange(client, &asking, &serving, &[0x5a; 100]);

    nfc.link_down(near, targets[0].index).expect("the end of the link");
    domain.stop();
    let end = domain.wait_death(SOON).expect("an end");
    assert!(end.is_orderly, "{end}");
}

#[test]
fn two_devices_talk_on_6_12() {
    two_devices_talk(Series::V6_12);
}

#[test]
fn two_devices_talk_on_6_1() {
    two_devices_talk(Series::V6_1);
}
