// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: firmware for a controller: downloaded, missing, truncated, corrupt. Each ends with the event that Linux
//! has for it, in bounded time, and the next poll works. And secure elements that are not there.

use linux_compat::Board;
use linux_compat::board::boards_dir;
use linux_compat::client::Errno;
use linux_compat::nfc::{Event, Nfc, NfcError, SecureElement, SecureElementKind};
use linux_compat::system::{ClockKind, Domain, DriverSpec, System, SystemOptions};
use linux_headers::Series;
use std::path::{Path, PathBuf};
use std::time::Duration;

const NAME: &str = "pn7150.bin";
/// Longer than the driver waits for an answer of the chip's loader (30 s).
const LIMIT: Duration = Duration::from_secs(60);

/// The boot loader's commands.
const WRITE: u8 = 0xc0;
const RESET: u8 = 0xf0;
const UNKNOWN: u8 = 0x77;

/// A frame as it stands in a firmware file: its length, then as many bytes.
fn frame(opcode: u8, len: u16) -> Vec<u8> {
    let mut bytes = len.to_be_bytes().to_vec();
    bytes.push(opcode);
    bytes.resize(2 + usize::from(len), 0x5a);
    bytes
}

/// What the driver waits for no answer to: it downloads only this (see [`UNHEARD`]).
fn restart() -> Vec<u8> {
    frame(RESET, 4)
}

/// ETIMEDOUT: the driver waits for each answer of the loader with a lock that its interrupt needs to hand the answer
/// over (`docs/upstream-findings.md`).
const UNHEARD: Errno = Errno(110);

struct Reader {
    dir: PathBuf,
    domain: Domain,
    nfc: Nfc,
    adapter: u32,
    _system: System,
}

impl Reader {
    /// A reader whose board names one firmware file.
    fn start(series: Series, test: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nfc-firmware-{test}-{series}"));
        std::fs::create_dir_all(&dir).expect("a directory");
        let text = std::fs::read_to_string(boards_dir().join("nxp-nci.dts")).expect("the board");
        let named = text.replace("reg = <0x28>;", &format!("reg = <0x28>; firmware-name = \"{NAME}\";"));
        let system = System::new(SystemOptions {
            series: Some(series),
            clock: ClockKind::Virtual,
            firmware: Some(dir.clone()),
            ..SystemOptions::default()
        })
        .expect("a system");
        let spec = DriverSpec {
            name: "nxp-nci".to_owned(),
            board: Board::of_source(&dir.join("board.dts"), named).expect("a board"),
            stimulus: board::Stimulus::parse("tag=ntag213:https://example.org").expect("a stimulus"),
            faults: Vec::new(),
            stand_in: None,
        };
        let built = system.build(&spec.name, &spec.board).expect("an image");
        let domain = system.start(&spec, &built).expect("the driver runs");
        let mut nfc = Nfc::open(domain.client().expect("a client")).expect("the family");
        let adapter = nfc.first().expect("an adapter").index;
        Self {
            dir,
            domain,
            nfc,
            adapter,
            _system: system,
        }
    }

    fn has(&self, content: &[u8]) {
        std::fs::write(self.dir.join(NAME), content).expect("a file");
    }

    /// Downloads, and waits for the event that says how it went.
    fn downloads(&mut self) -> Result<Result<(), Errno>, NfcError> {
        self.nfc.download_firmware(self.adapter, NAME)?;
        loop {
            match self.nfc.event(LIMIT)? {
                Some(Event::Firmware { name, result, .. }) => {
                    assert_eq!(name, NAME);
                    return Ok(result);
                }
                Some(_) => {}
                None => return Err(NfcError::Timeout("firmware", LIMIT.as_millis())),
            }
        }
    }

    /// After an answer that was not heard: the interrupt that brought it gets the lock when the chip is off, takes that
    /// for a hard fault, and the next power-up pays for it.
    fn polls_after_unheard(&mut self) {
        let first = self.nfc.up(self.adapter).expect_err("the fault");
        assert_eq!(first.errno(), Some(UNHEARD));
        self.polls();
    }

    fn polls(&mut self) {
        self.nfc.up(self.adapter).expect("power");
        let protocols = self.nfc.first().expect("it").protocols;
        let found = self.nfc.poll(self.adapter, protocols, LIMIT).expect("a poll");
        assert_eq!(found.len(), 1, "{:?}", self.domain.log());
        self.nfc.down(self.adapter).expect("power off");
    }
}

fn firmware_of_all_kinds(series: Series) {
    let mut reader = Reader::start(series, "kinds");
    let _ = std::fs::remove_file(reader.dir.join(NAME));
    let missing = reader.downloads().expect_err("there is none");
    assert_eq!(missing.errno().and_then(Errno::name), Some("ENOENT"));
    let unnamed = reader.nfc.download_firmware(reader.adapter, "board.dts");
    let unnamed = unnamed.expect_err("the board does not name it");
    assert_eq!(unnamed.errno().and_then(Errno::name), Some("ENOENT"));
    reader.polls();

    reader.has(&restart());
    assert_eq!(reader.downloads().expect("an event"), Ok(()));
    reader.polls();
    reader.has(&[frame(WRITE, 900), restart()].concat());
    assert_eq!(reader.downloads().expect("an event"), Err(UNHEARD));
    reader.polls_after_unheard();

    // Cut within a frame, which is longer than what is left: EMSGSIZE.
    let whole = frame(WRITE, 900);
    for len in [2, 3, 500, whole.len() - 1] {
        reader.has(&whole[..len]);
        assert_eq!(reader.downloads().expect("an event"), Err(Errno(90)), "{len} bytes");
    }
    reader.polls();

    // A length that is none, and a command that the loader does not know.
    reader.has(&[&[0xff, 0xff][..], &[UNKNOWN; 100]].concat());
    assert_eq!(reader.downloads().expect("an event"), Err(Errno(90)));
    reader.has(&[frame(UNKNOWN, 600), restart()].concat());
    assert_eq!(reader.downloads().expect("an event"), Err(UNHEARD));
    reader.polls_after_unheard();

    // While it is on, there is no download.
    reader.nfc.up(reader.adapter).expect("power");
    let busy = reader.downloads().expect_err("it is up");
    assert_eq!(busy.errno().and_then(Errno::name), Some("EBUSY"));
}

/// One byte after a frame is half a length: the driver's count of what is left goes below zero
/// (`docs/upstream-findings.md`), and it sends what lies behind the file. The chip refuses that, or the domain dies.
fn firmware_with_half_a_length(series: Series) {
    let mut reader = Reader::start(series, "half");
    reader.has(&[restart(), vec![0x00]].concat());
    let outcome = reader.downloads();
    println!("{series}: {outcome:?}");
    match reader.domain.death() {
        Some(report) => assert!(!report.cause.is_empty() && !report.is_orderly, "{report:?}"),
        None => {
            assert!(!matches!(outcome, Ok(Ok(()))), "half a frame is no firmware");
            // As above, if the chip answered.
            let _ = reader
                .nfc
                .up(reader.adapter)
                .and_then(|()| reader.nfc.down(reader.adapter));
            reader.polls();
        }
    }
}

#[test]
fn firmware_on_6_12() {
    firmware_of_all_kinds(Series::V6_12);
    firmware_with_half_a_length(Series::V6_12);
}

#[test]
fn firmware_on_6_1() {
    firmware_of_all_kinds(Series::V6_1);
    firmware_with_half_a_length(Series::V6_1);
}

#[test]
fn secure_elements_that_are_not_there_are_refused() {
    for series in [Series::V6_12, Series::V6_1] {
        let mut reader = Reader::start(series, "se");
        let element = SecureElement {
            adapter: reader.adapter,
            index: 7,
            kind: SecureElementKind::Embedded,
        };
        let errno = |done: Result<(), NfcError>| done.expect_err("refused").errno().and_then(Errno::name);
        assert_eq!(reader.nfc.secure_elements().expect("a list"), []);
        assert_eq!(errno(reader.nfc.enable(&element)), Some("ENODEV"), "it is off");
        reader.nfc.up(reader.adapter).expect("power");
        assert_eq!(errno(reader.nfc.enable(&element)), Some("EINVAL"));
        assert_eq!(errno(reader.nfc.disable(&element)), Some("EINVAL"));
        let apdu = reader.nfc.element_apdu(&element, &[0x00, 0xa4], LIMIT).map(drop);
        assert_eq!(errno(apdu), Some("EINVAL"));
        let nowhere = SecureElement { adapter: 99, ..element };
        assert_eq!(errno(reader.nfc.enable(&nowhere)), Some("ENODEV"));
        reader.nfc.down(reader.adapter).expect("power off");
        reader.polls();
    }
}
