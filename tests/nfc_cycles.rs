// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: a tag that comes, is read and leaves, a thousand times, leaves nothing behind.

use linux_compat::nfc::{Nfc, ndef, tag};
use linux_compat::system::{ClockKind, DriverSpec, System, SystemOptions};
use linux_headers::Series;
use std::time::Duration;

const URI: &str = "https://example.org";
const LIMIT: Duration = Duration::from_secs(10);
const CYCLES: usize = 1_000;
/// Until then, caches and pools fill.
const WARM_UP: usize = 100;
/// A page for each of stack, heap and tables that may grow once: a leak of 100 bytes a cycle would be 100 KiB.
const SLACK_KIB: u64 = 16;

fn cycles(driver: &str) {
    let message = ndef::of_uri(URI).expect("a record");
    let options = SystemOptions {
        series: Some(Series::V6_12),
        clock: ClockKind::Virtual,
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
    let mut before = 0;
    for cycle in 0..WARM_UP + CYCLES {
        if cycle == WARM_UP {
            before = domain.private_kib().expect("it lives");
        }
        domain.board().with(|board| board.set_stimulus(with_tag.clone()));
        let targets = nfc.poll(adapter.index, adapter.protocols, LIMIT).expect("a poll");
        let read = tag::read(&mut nfc, adapter.index, targets.first().expect("a tag"));
        assert_eq!(read.expect("a read"), Some(message.clone()), "{driver}, cycle {cycle}");
        domain
            .board()
            .with(|board| board.set_stimulus(board::Stimulus::default()));
    }
    let after = domain.private_kib().expect("it lives");
    println!("{driver}: {before} KiB before, {after} KiB after {CYCLES} cycles");
    assert!(after <= before + SLACK_KIB, "{driver}: {before} KiB, then {after} KiB");
}

#[test]
fn nxp_nci_leaves_nothing() {
    cycles("nxp-nci");
}

#[test]
fn pn533_i2c_leaves_nothing() {
    cycles("pn533_i2c");
}

#[test]
fn st95hf_leaves_nothing() {
    cycles("st95hf");
}
