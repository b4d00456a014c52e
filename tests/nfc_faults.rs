// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: a controller or a tag that misbehaves costs its exchange and no more. The client gets an answer or an
//! errno in bounded time, the domain lives, and after the adapter has been switched off and on the next poll works.

use linux_compat::nfc::tag;
use linux_compat::nfc::{Adapter, Nfc, NfcError, ndef};
use linux_compat::system::{ClockKind, Domain, DriverSpec, System, SystemOptions};
use linux_headers::Series;
use std::time::{Duration, Instant};

const URI: &str = "https://example.org";
/// In the domain's time.
const LIMIT: Duration = Duration::from_secs(10);
/// In ours: for a busy machine, not for the driver.
const SOON: Duration = Duration::from_secs(60);

/// Frames to the host and on the air that go wrong.
const FAULTS: [&str; 10] = [
    "truncated",
    "oversized",
    "out-of-order",
    "random",
    "checksum",
    "flood",
    "silence",
    "self-reset",
    "tag-leaves",
    "bad-crc",
];

/// Those that last until the chip is reset.
const LASTING: [&str; 3] = ["flood", "silence", "self-reset"];

/// Answers whose length st95hf believes: they overrun its buffer (`docs/upstream-findings.md`), and may end its domain.
const OVERRUNS: [&str; 2] = ["oversized", "random"];

struct Reader {
    domain: Domain,
    nfc: Nfc,
    adapter: Adapter,
    _system: System,
}

impl Reader {
    fn start(series: Series, driver: &str) -> Reader {
        let options = SystemOptions {
            series: Some(series),
            clock: ClockKind::Virtual,
            ..SystemOptions::default()
        };
        let system = System::new(options).expect("a system");
        let mut spec = DriverSpec::new(driver).expect("a board");
        spec.stimulus = board::Stimulus::parse(&format!("tag=type4:{URI}")).expect("a stimulus");
        let built = system.build(driver, &spec.board).expect("an image");
        let domain = system.start(&spec, &built).expect("the driver runs");
        let mut nfc = Nfc::open(domain.client().expect("a client")).expect("the family");
        let adapter = nfc.first().expect("an adapter");
        nfc.up(adapter.index).expect("power");
        Reader {
            domain,
            nfc,
            adapter,
            _system: system,
        }
    }

    /// Polls, and reads the tag.
    fn read(&mut self) -> Result<Option<Vec<u8>>, NfcError> {
        let targets = self.nfc.poll(self.adapter.index, self.adapter.protocols, LIMIT)?;
        let target = targets.first().ok_or(NfcError::Timeout("poll", LIMIT.as_millis()))?;
        tag::read(&mut self.nfc, self.adapter.index, target)
    }
}

/// Puts each fault that the chip can have into a read, at several places of it. `resets_chip`: the driver resets the
/// chip when the adapter is switched on.
fn survives(series: Series, driver: &str, chip: &str, resets_chip: bool) {
    let message = ndef::of_uri(URI).expect("a record");
    let mut reader = Reader::start(series, driver);
    assert_eq!(reader.read().expect("a read"), Some(message.clone()));
    for fault in FAULTS {
        // What lasts goes on from wherever it begins.
        let places: &[u64] = if LASTING.contains(&fault) { &[3] } else { &[1, 3, 8] };
        for nth in places {
            let text = format!("{chip}={fault}={nth}");
            let parsed = board::Fault::parse(&text).expect("a fault");
            let is_possible = reader.domain.board().with(|board| board.inject(&parsed[0]).is_ok());
            assert!(is_possible || fault == "checksum", "{text}");
            if !is_possible {
                continue;
            }
            let begun = Instant::now();
            let outcome = reader.read();
            println!("{series}, {driver}: {text}: {outcome:02x?} after {:?}", begun.elapsed());
            assert!(begun.elapsed() < SOON, "{text}");
            if let Some(report) = reader.domain.death() {
                // Alone, and with words: the next domain works.
                println!("{driver}: {text}: died: {}", report.cause);
                assert!(driver == "st95hf" && OVERRUNS.contains(&fault), "{text}: {report:?}");
                assert!(!report.cause.is_empty() && !report.is_orderly, "{text}: {report:?}");
                drop(reader);
                reader = Reader::start(series, driver);
                assert_eq!(
                    reader.read().expect("a new domain's read"),
                    Some(message.clone()),
                    "{text}"
                );
                continue;
            }
            if let Ok(Some(read)) = outcome {
                assert_eq!(read, message, "{text}: a wrong message is worse than none");
            }
            // What a user would do.
            let _ = reader.nfc.down(reader.adapter.index);
            let next = reader.nfc.up(reader.adapter.index).and_then(|()| reader.read());
            if next.is_err() && LASTING.contains(&fault) && !resets_chip {
                // The driver has no pin by which to reset such a chip: it takes the supply, and another domain.
                println!("{driver}: {text}: {next:?}, a new domain");
                drop(reader);
                reader = Reader::start(series, driver);
                assert_eq!(
                    reader.read().expect("a new domain's read"),
                    Some(message.clone()),
                    "{text}"
                );
            } else {
                assert_eq!(next.expect("the next read"), Some(message.clone()), "{text}");
            }
        }
    }
}

#[test]
fn nxp_nci_survives_on_6_12() {
    survives(Series::V6_12, "nxp-nci", "nfc@28", true);
}

#[test]
fn pn533_i2c_survives_on_6_12() {
    survives(Series::V6_12, "pn533_i2c", "nfc@24", false);
}

#[test]
fn st95hf_survives_on_6_12() {
    survives(Series::V6_12, "st95hf", "nfc@0", false);
}

#[test]
fn nxp_nci_survives_on_6_1() {
    survives(Series::V6_1, "nxp-nci", "nfc@28", true);
}

#[test]
fn pn533_i2c_survives_on_6_1() {
    survives(Series::V6_1, "pn533_i2c", "nfc@24", false);
}

#[test]
fn st95hf_survives_on_6_1() {
    survives(Series::V6_1, "st95hf", "nfc@0", false);
}

/// Polls with two tags before the controller; takes the second away; polls again.
fn two_tags(series: Series, driver: &str) -> usize {
    let mut reader = Reader::start(series, driver);
    let one = reader.domain.board().with(|board| board.stimulus().clone());
    let mut two = one.clone();
    two.apply("tag=ntag213").expect("a stimulus");
    reader.domain.board().with(|board| board.set_stimulus(two));
    let found = reader
        .nfc
        .poll(reader.adapter.index, reader.adapter.protocols, LIMIT)
        .expect("a poll");
    println!("{driver}: {found:?}");
    reader.domain.board().with(|board| board.set_stimulus(one));
    let message = ndef::of_uri(URI).expect("a record");
    assert_eq!(reader.read().expect("the next read"), Some(message));
    found.len()
}

/// How many of the two each driver finds.
fn two_tags_before_all(series: Series) {
    let told_apart = "the controller tells them apart, and Linux reports both";
    assert_eq!(two_tags(series, "nxp-nci"), 2, "{told_apart}");
    let asks_for_one = "the driver asks for one, and gets one";
    assert_eq!(two_tags(series, "pn533_i2c"), 1, "{asks_for_one}");
    let collision = "Linux's digital stack gives a collision up";
    assert_eq!(two_tags(series, "st95hf"), 0, "{collision}");
}

#[test]
fn two_tags_on_6_12() {
    two_tags_before_all(Series::V6_12);
}

#[test]
fn two_tags_on_6_1() {
    two_tags_before_all(Series::V6_1);
}
