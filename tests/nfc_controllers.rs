// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: the same tags through three controllers, each with its own unmodified driver, give the same bytes; what is
//! written is read back.

use linux_compat::nfc::tag::{self, protocol};
use linux_compat::nfc::{Adapter, Nfc, NfcError, Target, ndef};
use linux_compat::system::{ClockKind, Domain, DriverSpec, System, SystemOptions};
use linux_headers::Series;
use std::time::Duration;

const DRIVERS: [&str; 3] = ["nxp-nci", "pn533_i2c", "st95hf"];
const URI: &str = "https://example.org";
/// For a busy machine, not for the driver.
const LIMIT: Duration = Duration::from_secs(10);

/// A running driver with a tag before its controller.
struct Reader {
    domain: Domain,
    nfc: Nfc,
    adapter: Adapter,
    _system: System,
}

impl Reader {
    fn start(series: Series, driver: &str, stimulus: &str) -> Reader {
        let options = SystemOptions {
            series: Some(series),
            clock: ClockKind::Virtual,
            ..SystemOptions::default()
        };
        let system = System::new(options).expect("a system");
        let mut spec = DriverSpec::new(driver).expect("a board");
        spec.stimulus = board::Stimulus::parse(stimulus).expect("a stimulus");
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

    /// What went over the bus and into the log, when something went wrong.
    fn or_tell<T>(&self, what: &str, result: Result<T, NfcError>) -> T {
        result.unwrap_or_else(|error| {
            let record = self.domain.board().with(|board| {
                let transfers = board.transcript().map_or(&[][..], |transcript| transcript.transfers());
                let last = &transfers[transfers.len().saturating_sub(60)..];
                last.iter().map(|transfer| format!("{transfer}\n")).collect::<String>()
            });
            let log: String = self.domain.log().iter().map(|line| format!("{line:?}\n")).collect();
            panic!("{what}: {error}\n{record}{log}");
        })
    }

    fn tags(&mut self) -> Vec<Target> {
        let found = self.nfc.poll(self.adapter.index, self.adapter.protocols, LIMIT);
        let found = self.or_tell("poll", found);
        if found.is_empty() {
            self.or_tell::<()>("poll", Err(NfcError::Timeout("poll", LIMIT.as_millis())));
        }
        found
    }

    fn message(&mut self, target: &Target) -> Option<Vec<u8>> {
        let read = tag::read(&mut self.nfc, self.adapter.index, target);
        self.or_tell("read", read)
    }

    fn write(&mut self, target: &Target, message: &[u8]) {
        let written = tag::write(&mut self.nfc, self.adapter.index, target, message);
        self.or_tell("write", written);
    }

    fn apdu(&mut self, target: &Target, command: &[u8]) -> Vec<u8> {
        let protocol = protocol(target).expect("a card");
        let mut link = self
            .nfc
            .link(self.adapter.index, target.index, protocol)
            .expect("a link");
        let answer = link.transceive(command);
        drop(link);
        self.or_tell("apdu", answer)
    }
}

#[test]
fn a_type_2_tag_reads_the_same_through_every_controller() {
    for driver in DRIVERS {
        let mut reader = Reader::start(Series::V6_12, driver, &format!("tag=ntag213:{URI}"));
        let tags = reader.tags();
        assert_eq!(tags.len(), 1, "{driver}");
        assert_eq!(tags[0].uid(), [0x04, 0xa1, 0xb2, 0xc0, 0xd4, 0xe5, 0x80], "{driver}");
        assert_eq!((tags[0].sens_res, tags[0].sel_res), (0x0044, 0x00), "{driver}");
        assert_eq!(
            reader.message(&tags[0]).expect("a message"),
            ndef::of_uri(URI).expect("a record"),
            "{driver}"
        );
    }
}

#[test]
fn a_type_4_tag_reads_the_same_through_every_controller() {
    for driver in DRIVERS {
        let mut reader = Reader::start(Series::V6_12, driver, &format!("tag=type4:{URI}"));
        let tags = reader.tags();
        assert_eq!(tags[0].uid(), [0x04, 0x51, 0x62, 0x73, 0x84, 0x95, 0xa0], "{driver}");
        assert_eq!(
            reader.message(&tags[0]).expect("a message"),
            ndef::of_uri(URI).expect("a record"),
            "{driver}"
        );
    }
}

#[test]
fn a_payment_card_answers_the_same_through_every_controller() {
    let select = [&[0x00, 0xa4, 0x04, 0x00, 0x0e][..], b"2PAY.SYS.DDF01", &[0x00]].concat();
    let mut answers = Vec::new();
    for driver in DRIVERS {
        let mut reader = Reader::start(Series::V6_12, driver, "tag=ppse");
        let tags = reader.tags();
        answers.push((tags[0].uid().to_vec(), reader.apdu(&tags[0], &select)));
    }
    assert!(answers[0].1.starts_with(b"\x6f\x2f\x84\x0e2PAY.SYS.DDF01") && answers[0].1.ends_with(&[0x90, 0x00]));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:02x?}");
}

#[test]
fn what_is_written_is_read_back_through_every_controller() {
    // Longer than a block, an I2C transfer's usual size, and a page.
    let uri = format!("https://example.net/{}", "x".repeat(100));
    let message = ndef::of_uri(&uri).expect("a record");
    for driver in DRIVERS {
        for kind in ["ntag213", "type4"] {
            let mut reader = Reader::start(Series::V6_12, driver, &format!("tag={kind}:{URI}"));
            let tags = reader.tags();
            reader.write(&tags[0], &message);
            let again = reader.tags();
            assert_eq!(
                reader.message(&again[0]).expect("a message"),
                message,
                "{driver}, {kind}"
            );
        }
    }
}
