// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: what a user gets of an NFC driver: tags in `run`, the commands of `nfc`, and the door behind them, which
//! stands whatever a client sends.

mod common;

use common::Place;
use linux_compat::client::Errno;
use linux_compat::nfc::{Event, Nfc, NfcError, Protocols};
use linux_compat::system::{ClockKind, Domain, DriverSpec, System, SystemOptions};
use linux_headers::Series;
use std::time::Duration;

const URI: &str = "https://example.org";
const DRIVER: &str = "nxp-nci";
const STEP_FAILED: i32 = 1;

fn start(series: Series, tag: &str) -> (System, Domain) {
    let options = SystemOptions {
        series: Some(series),
        clock: ClockKind::Virtual,
        ..SystemOptions::default()
    };
    let system = System::new(options).expect("a system");
    let mut spec = DriverSpec::new(DRIVER).expect("a board");
    spec.stimulus = board::Stimulus::parse(tag).expect("a stimulus");
    let built = system.build(DRIVER, &spec.board).expect("an image");
    let domain = system.start(&spec, &built).expect("the driver runs");
    (system, domain)
}

#[test]
fn a_tag_is_shown_by_a_run() {
    let place = Place::new();
    for series in ["6.12", "6.1"] {
        let tag = format!("tag=ntag213:{URI}");
        let said = place.run(&[
            "run",
            DRIVER,
            "--kernel",
            series,
            "--stimulus",
            &tag,
            "--once",
            "--json",
        ]);
        let said = said.succeeds();
        let lines: Vec<serde_json::Value> = said
            .out
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let [domain, tag] = lines.as_slice() else {
            panic!("{said}")
        };
        let sources = domain["sources"].as_array().expect("sources");
        assert!(sources.iter().all(|source| source["pristine"] == true), "{domain}");
        assert_eq!(tag["protocol"], serde_json::json!(["mifare"]));
        assert_eq!((&tag["atqa"], &tag["sak"]), (&"0044".into(), &"00".into()));
        assert_eq!(tag["uid"].as_str().map(str::len), Some(14));
        assert_eq!(tag["ndef"], serde_json::json!([{ "kind": "uri", "uri": URI }]));
    }
}

#[test]
fn without_a_tag_a_run_says_so() {
    let place = Place::new();
    let said = place.run(&["run", DRIVER, "--once", "--clock", "virtual"]);
    said.fails(STEP_FAILED, &["no tag came within 5 s"]);
}

#[test]
fn clients_read_write_and_exchange() {
    let place = Place::new();
    let tag = "tag=type4:https://example.org";
    let mut run = place.start(&["run", DRIVER, "--stimulus", tag, "--interval", "600000"]);
    run.wait_out("uri https://example.org");
    let nfc = |words: &[&str]| {
        let all: Vec<&str> = ["nfc", DRIVER].iter().chain(words).copied().collect();
        place.run(&all)
    };
    assert!(nfc(&["info"]).succeeds().out.contains("nfc0  up  jewel, mifare"));
    assert!(nfc(&["poll"]).succeeds().out.contains("(iso14443)  ATQA 0044  SAK 20"));
    assert!(
        nfc(&["write", "https://kernel.org/a"])
            .succeeds()
            .out
            .contains("uri https://kernel.org/a")
    );
    let read = nfc(&["read", "--json"]).succeeds().json();
    assert_eq!(
        read["ndef"],
        serde_json::json!([{ "kind": "uri", "uri": "https://kernel.org/a" }])
    );
    let select = "00a4040007d276000085010100";
    let apdu = nfc(&["apdu", select, "00b0000002"]).succeeds();
    assert!(apdu.out.contains(&format!("> {select}\n  < 9000\n")), "{apdu}");
    nfc(&["write", &format!("https://{}", "a".repeat(5000))]).fails(STEP_FAILED, &["do not fit"]);
    run.signal(rustix::process::Signal::INT);
    run.end().succeeds();
}

#[test]
fn power_and_polls_follow_linux() {
    for series in [Series::V6_12, Series::V6_1] {
        let (_system, domain) = start(series, "tag=ppse");
        let mut nfc = Nfc::open(domain.client().expect("a client")).expect("the family");
        let adapter = nfc.first().expect("an adapter");
        let errno = |done: Result<(), NfcError>| done.expect_err("refused").errno().and_then(Errno::name);
        assert!(!adapter.is_powered);
        assert_eq!(errno(nfc.start_poll(adapter.index, adapter.protocols)), Some("ENODEV"));
        assert_eq!(errno(nfc.down(adapter.index)), Some("EALREADY"));
        assert_eq!(errno(nfc.up(99)), Some("ENODEV"));
        nfc.up(adapter.index).expect("power");
        assert!(nfc.first().expect("it").is_powered);
        assert_eq!(errno(nfc.up(adapter.index)), Some("EALREADY"));
        assert_eq!(errno(nfc.stop_poll(adapter.index)), Some("EINVAL"));
        nfc.start_poll(adapter.index, adapter.protocols).expect("a poll");
        let event = nfc.event(Duration::from_secs(5)).expect("no error");
        assert_eq!(event, Some(Event::TargetsFound { adapter: adapter.index }));
        let [target] = &nfc.targets(adapter.index).expect("targets")[..] else {
            panic!("one target")
        };
        assert_eq!(target.sel_res & 0x20, 0x20, "it takes APDUs");
        nfc.link(adapter.index, target, Protocols::ISO14443)
            .map(drop)
            .expect("a link");
        nfc.down(adapter.index).expect("power off");
    }
}

/// Malformed netlink, sockets without an end, families that are not for clients: errors, and the domain lives.
#[test]
fn the_door_stands_hostile_clients() {
    for series in [Series::V6_12, Series::V6_1] {
        let (_system, domain) = start(series, "tag=ppse");
        let mut client = domain.client().expect("a client");
        for (family, protocol) in [(1, 0), (2, 0), (17, 3), (16, 0), (16, 15)] {
            let refused = client.socket_open(family, 3, protocol).expect_err("not for clients");
            assert!(refused.to_string().contains("policy"), "{family}: {refused}");
        }
        let unknown = client.socket_open(39, 5, 9).expect_err("no such protocol");
        assert_eq!(unknown.errno().and_then(Errno::name), Some("EINVAL"));
        let socket = client.socket_open(16, 3, 16).expect("a socket");
        assert!(
            client.socket_set_option(socket, 1, 26, &[0; 16]).is_err(),
            "no filter is attached"
        );
        assert!(client.socket_bind(socket, &[16, 0]).is_err(), "a short address");
        let mut bytes = vec![0_u8; 64];
        for seed in 0..500_u32 {
            for (at, byte) in bytes.iter_mut().enumerate() {
                let mixed = (seed + 1)
                    .wrapping_mul(2_654_435_761)
                    .rotate_left(u32::try_from(at % 32).unwrap_or(0));
                *byte = mixed.to_le_bytes()[at % 4];
            }
            bytes[..4].copy_from_slice(&(seed % 80).to_ne_bytes());
            bytes[4..6].copy_from_slice(&(16 + u16::try_from(seed % 5).unwrap_or(0)).to_ne_bytes());
            let _ = client.socket_send(socket, &bytes, &[]);
            let _ = client.socket_receive(socket, 65_536);
        }
        let mut opened = 0;
        let full = loop {
            match client.socket_open(16, 3, 16) {
                Ok(_) => opened += 1,
                Err(error) => break error,
            }
        };
        assert!(opened > 500, "{opened}");
        assert_eq!(full.errno().and_then(Errno::name), Some("EMFILE"));
        drop(client);
        // What a client leaves is given back.
        let mut nfc = Nfc::open(domain.client().expect("a client")).expect("the family");
        let adapter = nfc.first().expect("an adapter");
        nfc.up(adapter.index).expect("power");
        assert_eq!(
            nfc.poll(adapter.index, adapter.protocols, Duration::from_secs(5))
                .expect("tags")
                .len(),
            1
        );
    }
}

#[test]
fn a_client_that_dies_while_polling_leaves_the_reader_to_others() {
    for series in [Series::V6_12, Series::V6_1] {
        dies_while_polling(series);
    }
}

fn dies_while_polling(series: Series) {
    let (_system, domain) = start(series, "tag=ntag213@1s..");
    let mut nfc = Nfc::open(domain.client().expect("a client")).expect("the family");
    let adapter = nfc.first().expect("an adapter");
    nfc.up(adapter.index).expect("power");
    nfc.start_poll(adapter.index, adapter.protocols).expect("a poll");
    drop(nfc);
    let mut nfc = Nfc::open(domain.client().expect("a client")).expect("the family");
    // Linux stops the poll of a socket that is closed in a work item of its own.
    nfc.client().advance(100_000_000).expect("time");
    let found = nfc
        .poll(adapter.index, adapter.protocols, Duration::from_secs(5))
        .expect("a poll");
    assert_eq!(found.len(), 1);
}
