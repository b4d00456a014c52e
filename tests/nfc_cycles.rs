// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: a tag that comes, is read and leaves, a thousand times, leaves nothing behind: no memory, object,
//! socket, handle or descriptor.

mod open_policy;

use linux_compat::client::{Census, Client};
use linux_compat::nfc::{Nfc, ndef, tag};
use linux_compat::policy::class_of_driver;
use linux_compat::system::{ClockKind, Domain, DriverSpec, System, SystemOptions};
use linux_headers::Series;
use std::time::Duration;

const URI: &str = "https://example.org";
const LIMIT: Duration = Duration::from_secs(10);
/// More than the handles that a process may have (1,024, `kos-bindings/src/hosted/quota.rs`): one that stayed behind in
/// each cycle would be one too many.
const CYCLES: usize = 1_100;
/// Until then, caches and pools fill.
const WARM_UP: usize = 100;
/// The other tests of this process have descriptors too; one for each cycle would be far more.
const SLACK_DESCRIPTORS: usize = CYCLES / 4;

/// What there is that could stay behind.
#[derive(Debug)]
struct Count {
    census: Census,
    /// Sockets that can still be opened.
    sockets: usize,
    /// Descriptors of this process, in which the kernel and the client are.
    descriptors: usize,
}

/// Opens sockets until there are no more, and lets go of them.
fn sockets_left(mut client: Client) -> usize {
    (0..).take_while(|_| client.socket_open(16, 3, 16).is_ok()).count()
}

fn count(domain: &Domain) -> Count {
    let mut keeper = domain.supervisor(LIMIT).expect("its supervisor");
    let descriptors = std::fs::read_dir("/proc/self/fd").expect("descriptors").count();
    let sockets = sockets_left(domain.client().expect("a client"));
    // Linux lets go of sockets in work items of its own.
    keeper.advance(1_000_000_000).expect("time");
    Count {
        census: keeper.census().expect("a census"),
        sockets,
        descriptors,
    }
}

fn cycles(series: Series, driver: &str) {
    let message = ndef::of_uri(URI).expect("a record");
    let options = SystemOptions {
        series: Some(series),
        clock: ClockKind::Virtual,
        policy: open_policy::open_policy(&class_of_driver(driver)),
        ..SystemOptions::default()
    };
    let system = System::new(options).expect("a system");
    let spec = DriverSpec::new(driver).expect("a board");
    let built = system.build(driver, &spec.board).expect("an image");
    let domain = system.start(&spec, &built).expect("the driver runs");
    let mut nfc = Nfc::open(domain.client().expect("a client")).expect("the family");
    let adapter = nfc.first().expect("an adapter");
    nfc.up(adapter.index).expect("power");
    let with_tag = board::Stimulus::parse(&format!("tag=type4:{URI}")).expect("a stimulus");
    let mut before = None;
    for cycle in 0..WARM_UP + CYCLES {
        if cycle == WARM_UP {
            before = Some(count(&domain));
        }
        domain.board().with(|board| board.set_stimulus(with_tag.clone()));
        let targets = nfc.poll(adapter.index, adapter.protocols, LIMIT).expect("a poll");
        let read = tag::read(&mut nfc, adapter.index, targets.first().expect("a tag"));
        assert_eq!(read.expect("a read"), Some(message.clone()), "{driver}, cycle {cycle}");
        domain
            .board()
            .with(|board| board.set_stimulus(board::Stimulus::default()));
    }
    let (before, after) = (before.expect("it was counted"), count(&domain));
    let said = format!("{driver} on {series}: {before:?} before, {after:?} after {CYCLES} cycles");
    println!("{said}");
    let fixed = |count: &Count| {
        let Census {
            devices,
            interrupts,
            tasks,
            objects,
            bytes,
            pages,
            ..
        } = count.census;
        ([devices, interrupts, tasks, objects, pages], bytes, count.sockets)
    };
    assert_eq!(fixed(&after), fixed(&before), "{said}");
    assert!(after.descriptors <= before.descriptors + SLACK_DESCRIPTORS, "{said}");
}

#[test]
fn nxp_nci_leaves_nothing_on_6_12() {
    cycles(Series::V6_12, "nxp-nci");
}

#[test]
fn pn533_i2c_leaves_nothing_on_6_12() {
    cycles(Series::V6_12, "pn533_i2c");
}

#[test]
fn st95hf_leaves_nothing_on_6_12() {
    cycles(Series::V6_12, "st95hf");
}

#[test]
fn nxp_nci_leaves_nothing_on_6_1() {
    cycles(Series::V6_1, "nxp-nci");
}

#[test]
fn pn533_i2c_leaves_nothing_on_6_1() {
    cycles(Series::V6_1, "pn533_i2c");
}

#[test]
fn st95hf_leaves_nothing_on_6_1() {
    cycles(Series::V6_1, "st95hf");
}
