// SPDX-License-Identifier: GPL-2.0-only
//! Bad input: drivers that crash, overrun their stack, spin or exhaust their memory (`tests/c/dying.c`). The domain
//! dies alone, its report names the C function; the hosted kernel and the other domains go on; clients get an error,
//! never a hang.

mod common;

use common::{ADXL345_BOARD, Place};
use linux_compat::client::{Client, ClientError};
use linux_compat::system::{Domain, DriverSpec, System, SystemOptions};
use linux_compat::{Board, iio::Device};
use rustix::process::Signal;
use std::sync::mpsc::channel;
use std::time::Duration;

const DYING: &str = "tests/c/dying.c";
const DOMAIN_DIED: i32 = 3;
/// Far more than anything here takes, also on a busy machine.
const SOON: Duration = Duration::from_secs(60);

fn system() -> System {
    System::new(SystemOptions::default()).expect("a system")
}

fn dying(system: &System) -> Domain {
    let spec = DriverSpec {
        stand_in: None,
        name: format!("{}/{DYING}", common::ROOT),
        board: Board::open(ADXL345_BOARD.as_ref()).expect("a board"),
        stimulus: board::Stimulus::default(),
        faults: Vec::new(),
    };
    let built = system.build(&spec.name, &spec.board).expect("an image");
    system.start(&spec, &built).expect("a domain")
}

/// Whether a sensor can be read.
fn is_readable(client: &mut Client) -> bool {
    let devices = Device::all(client).expect("devices");
    devices[0].raw(client, &devices[0].channels()[0]).is_ok()
}

/// Lets a domain die of `how` while a request of another client is open in it, and returns the report.
fn dies_of(how: &str, named: &[&str]) {
    let system = system();
    let bystander = system.run("bmg160").expect("a bystander");
    let victim = dying(&system);
    assert_eq!(
        victim.client().expect("a client").read_text("dying/alive").as_deref(),
        Ok("yes")
    );
    let mut open = victim.client().expect("a client");
    let (opened, is_open) = channel();
    let blocked = std::thread::spawn(move || {
        opened.send(()).expect("somebody waits");
        open.read("dying/sleep")
    });
    is_open.recv().expect("the other client starts");

    let mut killer = victim.client().expect("a client");
    let refused = killer.read(&format!("dying/{how}"));
    assert!(matches!(refused, Err(ClientError::Gone { .. })), "{refused:?}");
    let blocked = blocked.join().expect("the other client ends");
    assert!(matches!(blocked, Err(ClientError::Gone { .. })), "{blocked:?}");
    let after = killer.state();
    assert!(matches!(after, Err(ClientError::Gone { .. })), "{after:?}");
    let late = victim.client().map(|mut client| client.read("dying/alive"));
    assert!(matches!(late, Ok(Err(ClientError::Gone { .. })) | Err(_)), "{late:?}");

    let death = victim.wait_death(SOON).expect("a death");
    assert!(!death.is_orderly);
    let report = death.to_string();
    for text in named {
        assert!(report.contains(text), "no {text:?} in {report}");
    }
    let place = format!(" at {DYING}:");
    assert!(report.contains(&place), "no {place:?} in {report}");
    assert!(report.contains("sysfs_kf_seq_show at fs/sysfs/file.c:"), "{report}");

    assert!(is_readable(&mut bystander.client().expect("a client")));
    assert!(bystander.death().is_none());
    // The hosted kernel makes new domains, too.
    let next = dying(&system);
    assert_eq!(
        next.client().expect("a client").read_text("dying/alive").as_deref(),
        Ok("yes")
    );
}

#[test]
fn a_null_dereference() {
    dies_of("null", &["invalid memory access at 0x8 in task", "null_show at"]);
}

#[test]
fn a_call_of_null() {
    dies_of(
        "call",
        &[
            "invalid memory access at 0x0 in task",
            "call_nothing at",
            "call_show at",
        ],
    );
}

#[test]
fn a_wild_write() {
    // The function that errs calls nothing and has no frame; its caller is named all the same.
    dies_of(
        "wild",
        &[
            "invalid memory access at 0x123456789000",
            "write_wildly at",
            "wild_show at",
        ],
    );
}

#[test]
fn a_division_by_zero() {
    dies_of("divide", &["arithmetic fault", "divide_show at"]);
}

#[test]
fn a_stack_overflow() {
    dies_of(
        "overflow",
        &["stack overflow in task", "dig_deeper at", "overflow_show at"],
    );
}

#[test]
fn an_endless_loop() {
    dies_of(
        "spin",
        &["it spins", "interrupted in task", "spin_for_ever at", "spin_show at"],
    );
}

#[test]
fn memory_exhausted_by_a_driver_that_does_not_look() {
    dies_of(
        "exhaust",
        &["invalid memory access at 0x0", "take_everything at", "exhaust_show at"],
    );
}

#[test]
fn memory_exhausted_by_a_driver_that_looks_harms_nobody() {
    let system = system();
    let domain = dying(&system);
    let mut client = domain.client().expect("a client");
    let blocks: u32 = client
        .read_text("dying/hoard")
        .expect("a count")
        .parse()
        .expect("a number");
    assert!(blocks > 100, "{blocks} blocks of 16 KiB");
    // All of it came back.
    let again = client.read_text("dying/hoard").expect("a count");
    assert_eq!(again.parse(), Ok(blocks));
    assert!(is_readable(&mut client));
}

#[test]
fn the_command_tells_the_death_and_shows_the_other_domain_on() {
    let place = Place::new();
    let mut running = place.start(&[
        "run",
        DYING,
        "adxl345",
        "--board",
        ADXL345_BOARD,
        "--json",
        "--interval",
        "50",
    ]);
    running.wait_out("{\"driver\":\"adxl345\"");
    let mut open = place.start(&["cat", DYING, "dying/sleep"]);
    open.wait_until("asleep", |_| place.run(&["cat", DYING, "dying/asleep"]).out == "1\n");
    place
        .run(&["cat", DYING, "dying/null"])
        .fails(1, &["read dying/null: the domain has ended"]);
    open.wait_err("read dying/sleep: the domain has ended");
    open.end().fails(1, &[]);
    running.wait_err("the domain died: invalid memory access");
    place
        .run(&["cat", DYING, "dying/alive"])
        .fails(1, &["no such domain is running; running: adxl345"]);
    place.run(&["cat", "adxl345", "in_accel_z_raw"]).succeeds();
    let before = running.out().lines().count();
    running.wait_until("more readings", |running| running.out().lines().count() > before + 2);
    running.signal(Signal::INT);
    let said = running.end();
    said.fails(DOMAIN_DIED, &["null_show at tests/c/dying.c:"]);
    let told: Vec<serde_json::Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON and nothing else"))
        .filter(|line: &serde_json::Value| line.get("error").is_some())
        .collect();
    assert_eq!(told.len(), 1, "{said}");
    assert_eq!(told[0]["driver"], DYING);
    assert!(
        told[0]["trace"][0]
            .as_str()
            .expect("a trace")
            .starts_with("null_show at"),
        "{said}"
    );
}
