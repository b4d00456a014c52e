// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: the same tags through three controllers, each with its own unmodified driver, give the same bytes, on
//! both kernels, from sources that are as upstream's package has them; what is written is read back.
//!
//! Linux's `st95hf` announces Type 4 and no Type 2: it finds an NTAG213 and cannot read it, which is in
//! `docs/upstream-findings.md`.

use linux_compat::client::Errno;
use linux_compat::nfc::tag::{self, protocol};
use linux_compat::nfc::{Adapter, Nfc, NfcError, Target, ndef};
use linux_compat::system::{ClockKind, Domain, DriverSpec, System, SystemOptions};
use linux_headers::Series;
use std::time::Duration;

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
            records_buses: true,
            ..SystemOptions::default()
        };
        let system = System::new(options).expect("a system");
        let mut spec = DriverSpec::new(driver).expect("a board");
        spec.stimulus = board::Stimulus::parse(stimulus).expect("a stimulus");
        let built = system.build(driver, &spec.board).expect("an image");
        let upstream = |path: &str| !path.contains("shim/glue");
        let changed = built.report.sources.iter().find(|s| upstream(&s.path) && !s.pristine);
        assert!(changed.is_none(), "{changed:?}");
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

    /// Takes the tags away, and brings others.
    fn bring(&mut self, stimulus: &str) {
        let world = board::Stimulus::parse(stimulus).expect("a stimulus");
        self.domain.board().with(|board| board.set_stimulus(world));
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
        let mut link = self.nfc.link(self.adapter.index, target, protocol).expect("a link");
        let answer = link.transceive(command);
        drop(link);
        self.or_tell("apdu", answer)
    }
}

/// The message of our tags.
fn message() -> Vec<u8> {
    ndef::of_uri(URI).expect("a record")
}

/// Finds an NTAG213.
fn finds_type_2(reader: &mut Reader) -> Target {
    let [found] = <[Target; 1]>::try_from(reader.tags()).expect("one tag");
    assert_eq!(found.uid(), [0x04, 0xa1, 0xb2, 0xc0, 0xd4, 0xe5, 0x80]);
    assert_eq!(found.sel_res, 0x00);
    found
}

/// Reads a Type 4 tag and a payment card: what they are and hold is the same whatever reads them.
fn reads_cards(reader: &mut Reader) {
    reader.bring(&format!("tag=type4:{URI}"));
    let tags = reader.tags();
    assert_eq!(tags[0].uid(), [0x04, 0x51, 0x62, 0x73, 0x84, 0x95, 0xa0]);
    assert_eq!(tags[0].sel_res, 0x20);
    assert_eq!(reader.message(&tags[0]), Some(message()));

    reader.bring("tag=ppse");
    let tags = reader.tags();
    assert_eq!(tags[0].uid(), [0x08, 0x3c, 0x9f, 0x10]);
    let select = [&[0x00, 0xa4, 0x04, 0x00, 0x0e][..], b"2PAY.SYS.DDF01", &[0x00]].concat();
    let directory = [
        &b"\x6f\x2f\x84\x0e2PAY.SYS.DDF01\xa5\x1d\xbf\x0c\x1a\x61\x18"[..],
        b"\x4f\x07\xa0\x00\x00\x00\x04\x10\x10\x50\x0aMODEL CARD\x87\x01\x01\x90\x00",
    ];
    assert_eq!(reader.apdu(&tags[0], &select), directory.concat());
}

/// Writes, and reads back after another poll: longer than a block, and than a page.
fn writes(reader: &mut Reader) {
    let message = ndef::of_uri(&format!("https://example.net/{}", "x".repeat(100))).expect("a record");
    let tags = reader.tags();
    reader.write(&tags[0], &message);
    let again = reader.tags();
    assert_eq!(reader.message(&again[0]), Some(message));
}

/// All kinds of tags, read and written.
fn reads_and_writes(series: Series, driver: &str) {
    let mut reader = Reader::start(series, driver, &format!("tag=ntag213:{URI}"));
    let found = finds_type_2(&mut reader);
    assert_eq!(reader.message(&found), Some(message()));
    writes(&mut reader);
    reads_cards(&mut reader);
    reader.bring("tag=type4:tel:1");
    writes(&mut reader);
}

/// Type 4 and the payment card, and of Type 2 what Linux's driver can do.
fn reads_and_writes_type_4(series: Series, driver: &str) {
    let mut reader = Reader::start(series, driver, &format!("tag=ntag213:{URI}"));
    let found = finds_type_2(&mut reader);
    let read = tag::read(&mut reader.nfc, reader.adapter.index, &found);
    assert_eq!(read.expect_err("upstream's limit").errno(), Some(Errno(5)), "EIO");
    reads_cards(&mut reader);
    reader.bring("tag=type4:tel:1");
    writes(&mut reader);
}

#[test]
fn nxp_nci_on_6_12() {
    reads_and_writes(Series::V6_12, "nxp-nci");
}

#[test]
fn pn533_i2c_on_6_12() {
    reads_and_writes(Series::V6_12, "pn533_i2c");
}

#[test]
fn st95hf_on_6_12() {
    reads_and_writes_type_4(Series::V6_12, "st95hf");
}

#[test]
fn nxp_nci_on_6_1() {
    reads_and_writes(Series::V6_1, "nxp-nci");
}

#[test]
fn pn533_i2c_on_6_1() {
    reads_and_writes(Series::V6_1, "pn533_i2c");
}

#[test]
fn st95hf_on_6_1() {
    reads_and_writes_type_4(Series::V6_1, "st95hf");
}
