// SPDX-License-Identifier: GPL-2.0-only
//! The chip through its bus and its lines: bytes in, bytes out.

use crate::board::{BoardOptions, BusId, I2cData, I2cMsg, SimBoard, flags};
use crate::chip::{ChipOptions, StartUp};
use crate::{Errno, Fault, Stimulus, dts};
use proptest::collection::vec;
use proptest::prelude::*;

const ADDR: u16 = 0x28;
const IRQ: u32 = 0;
const VEN: u32 = 1;
const DOWNLOAD: u32 = 2;

struct Host {
    board: SimBoard,
    bus: BusId,
}

impl Host {
    fn with(stimulus: &str, start_up: StartUp) -> Host {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/boards/nxp-nci.dts");
        let dtb = dts::compile(path.as_ref()).unwrap();
        let mut options = BoardOptions {
            chips: ChipOptions {
                start_up,
                ..ChipOptions::default()
            },
            ..BoardOptions::default()
        };
        if !stimulus.is_empty() {
            options.stimulus = Stimulus::parse(stimulus).unwrap();
        }
        let board = SimBoard::new(&dtb, options).unwrap();
        let bus = board.bus("i2c0").unwrap();
        let mut host = Host { board, bus };
        host.power_up();
        host
    }

    fn new(stimulus: &str) -> Host {
        Host::with(stimulus, StartUp::Instant)
    }

    fn power_up(&mut self) {
        self.board.set_line_direction(VEN, true, false).unwrap();
        self.board.set_line(VEN, true).unwrap();
        self.sleep(10_000_000);
    }

    fn sleep(&mut self, ns: u64) {
        let until = self.board.now_ns() + ns;
        while self.board.advance(until) < until {}
    }

    fn fault(&mut self, text: &str) {
        for fault in Fault::parse(&format!("nfc@28={text}")).unwrap() {
            self.board.inject(&fault).unwrap();
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        self.board.i2c_xfer(
            self.bus,
            &mut [I2cMsg {
                addr: ADDR,
                flags: 0,
                data: I2cData::Write(bytes),
            }],
        )
    }

    fn read(&mut self, len: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; len];
        let data = I2cData::Read(&mut bytes);
        self.board.i2c_xfer(
            self.bus,
            &mut [I2cMsg {
                addr: ADDR,
                flags: flags::RD,
                data,
            }],
        )?;
        Ok(bytes)
    }

    /// Waits for IRQ as long as `ns`, then reads one packet as hosts do: its head, then its payload.
    fn packet_within(&mut self, ns: u64) -> Option<Vec<u8>> {
        let until = self.board.now_ns() + ns;
        while !self.board.line(IRQ).unwrap() {
            if self.board.advance(until) >= until && !self.board.line(IRQ).unwrap() {
                return None;
            }
        }
        let mut packet = self.read(3).unwrap();
        if packet[2] > 0 {
            packet.extend(self.read(packet[2].into()).unwrap());
        }
        Some(packet)
    }

    fn packet(&mut self) -> Vec<u8> {
        self.packet_within(2_000_000_000).expect("a packet within two seconds")
    }

    fn command(&mut self, command: &[u8]) -> Vec<u8> {
        self.write(command).unwrap();
        self.packet()
    }

    fn init(&mut self) {
        assert_eq!(
            self.command(&[0x20, 0x00, 0x01, 0x01]),
            [0x40, 0x00, 0x03, 0x00, 0x10, 0x01]
        );
        assert_eq!(self.command(&[0x20, 0x01, 0x00])[..4], [0x40, 0x01, 0x19, 0x00]);
    }

    fn discover(&mut self) {
        self.init();
        let map = [0x21, 0x00, 0x07, 0x02, 0x04, 0x01, 0x02, 0x02, 0x01, 0x01];
        assert_eq!(self.command(&map), [0x41, 0x00, 0x01, 0x00]);
        assert_eq!(
            self.command(&[0x21, 0x03, 0x03, 0x01, 0x00, 0x01]),
            [0x41, 0x03, 0x01, 0x00]
        );
    }

    /// A data message: its credit, then its answer.
    fn data(&mut self, payload: &[u8]) -> Vec<u8> {
        let head = [0x00, 0x00, u8::try_from(payload.len()).unwrap()];
        assert_eq!(
            self.command(&[&head, payload].concat()),
            [0x60, 0x06, 0x03, 0x01, 0x00, 0x01]
        );
        self.packet()
    }
}

/// What an activated NTAG213 is told as: NCI 1.0, table 54 and RF_INTF_ACTIVATED_NTF.
const NTAG_ACTIVATED: [u8; 26] = [
    0x61, 0x05, 0x17, 0x01, 0x01, 0x02, 0x00, 0xff, 0x01, 0x0c, 0x44, 0x00, 0x07, 0x04, 0xa1, 0xb2, 0xc0, 0xd4, 0xe5,
    0x80, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,
];

#[test]
fn core_init_answers_as_a_pn7150_does() {
    let mut host = Host::new("");
    assert_eq!(host.read(3), Err(Errno::ENXIO), "nothing waits");
    host.init();
    host.command(&[0x20, 0x00, 0x01, 0x00]);
    let expected = [
        0x40, 0x01, 0x19, 0x00, 0x03, 0x1e, 0x03, 0x00, 0x08, 0x00, 0x01, 0x02, 0x03, 0x80, 0x81, 0x82, 0x83, 0x02,
        0xd0, 0x02, 0xff, 0x02, 0x00, 0x04, 0x88, 0x10, 0x01, 0xa0,
    ];
    assert_eq!(host.command(&[0x20, 0x01, 0x00]), expected);
    assert_eq!(
        host.command(&[0x20, 0x01, 0x00]),
        [0x40, 0x01, 0x01, 0x06],
        "initialised already"
    );
    assert_eq!(host.command(&[0x2f, 0x02, 0x00])[..4], [0x4f, 0x02, 0x05, 0x00]);
    assert_eq!(
        host.command(&[0x2f, 0x3e, 0x00]),
        [0x4f, 0x3e, 0x01, 0x05],
        "no such command"
    );
}

#[test]
fn commands_before_reset_and_init_are_refused() {
    let mut host = Host::new("");
    assert_eq!(host.command(&[0x20, 0x01, 0x00]), [0x40, 0x01, 0x01, 0x04]);
    host.command(&[0x20, 0x00, 0x01, 0x01]);
    assert_eq!(
        host.command(&[0x21, 0x03, 0x03, 0x01, 0x00, 0x01]),
        [0x41, 0x03, 0x01, 0x04]
    );
    assert_eq!(host.command(&[0x20, 0x00, 0x01, 0x07]), [0x40, 0x00, 0x01, 0x09]);
    assert_eq!(host.command(&[0x20, 0x00, 0x00]), [0x40, 0x00, 0x01, 0x05]);
}

#[test]
fn ven_low_is_off_and_start_takes_time() {
    let mut host = Host::new("");
    host.init();
    host.board.set_line(VEN, false).unwrap();
    assert_eq!(host.write(&[0x20, 0x00, 0x01, 0x01]), Err(Errno::ENXIO));
    host.board.set_line(VEN, true).unwrap();
    assert_eq!(
        host.write(&[0x20, 0x00, 0x01, 0x01]),
        Err(Errno::ENXIO),
        "it still starts"
    );
    host.sleep(2_500_000);
    host.init();
}

#[test]
fn the_firmware_line_starts_the_boot_loader() {
    let mut host = Host::new("");
    host.board.set_line_direction(DOWNLOAD, true, true).unwrap();
    host.board.set_line(VEN, false).unwrap();
    host.power_up();
    // A write of nothing, and its answer: status 0.
    host.write(&[0x00, 0x01, 0xc0, 0x26, 0xe1]).unwrap();
    host.sleep(1_000_000);
    assert!(host.board.line(IRQ).unwrap());
    assert_eq!(host.read(2).unwrap(), [0x00, 0x04]);
    assert_eq!(host.read(6).unwrap()[..4], [0x00, 0x00, 0x00, 0x00]);
    assert!(!host.board.line(IRQ).unwrap());
    host.board.set_line(DOWNLOAD, false).unwrap();
    host.board.set_line(VEN, false).unwrap();
    host.power_up();
    host.init();
}

#[test]
fn irq_is_high_until_the_last_byte_is_read() {
    let mut host = Host::new("");
    host.write(&[0x20, 0x00, 0x01, 0x01]).unwrap();
    assert!(!host.board.line(IRQ).unwrap());
    host.sleep(200_000);
    assert!(host.board.line(IRQ).unwrap());
    for expected in [0x40, 0x00, 0x03, 0x00, 0x10] {
        assert_eq!(host.read(1).unwrap(), [expected]);
        assert!(host.board.line(IRQ).unwrap());
    }
    assert_eq!(host.read(1).unwrap(), [0x01]);
    assert!(!host.board.line(IRQ).unwrap());
}

#[test]
fn a_command_may_come_in_pieces() {
    let mut host = Host::new("");
    host.write(&[0x20]).unwrap();
    host.write(&[0x00, 0x01]).unwrap();
    assert_eq!(host.command(&[0x01])[..3], [0x40, 0x00, 0x03]);
}

#[test]
fn configuration_is_kept_and_unknown_parameters_are_named() {
    let mut host = Host::new("");
    host.init();
    let total_duration = [0x40, 0x03, 0x06, 0x00, 0x01, 0x00, 0x02, 0xe8, 0x03];
    assert_eq!(host.command(&[0x20, 0x03, 0x02, 0x01, 0x00]), total_duration);
    assert_eq!(
        host.command(&[0x20, 0x02, 0x05, 0x01, 0x00, 0x02, 0xf4, 0x01]),
        [0x40, 0x02, 0x02, 0x00, 0x00]
    );
    // NXP's have two bytes; 0x7e is nobody's.
    let mixed = [0x20, 0x02, 0x08, 0x02, 0xa0, 0x0e, 0x01, 0x02, 0x7e, 0x01, 0x00];
    assert_eq!(host.command(&mixed), [0x40, 0x02, 0x03, 0x09, 0x01, 0x7e]);
    assert_eq!(host.command(&[0x20, 0x03, 0x02, 0x01, 0x00])[7..], [0xf4, 0x01]);
    assert_eq!(
        host.command(&[0x20, 0x03, 0x03, 0x01, 0xa0, 0x0e]),
        [0x40, 0x03, 0x06, 0x00, 0x01, 0xa0, 0x0e, 0x01, 0x02]
    );
    assert_eq!(
        host.command(&[0x20, 0x03, 0x02, 0x01, 0x7e]),
        [0x40, 0x03, 0x04, 0x09, 0x01, 0x7e, 0x00]
    );
    assert_eq!(
        host.command(&[0x20, 0x02, 0x03, 0x02, 0x00, 0x09]),
        [0x40, 0x02, 0x02, 0x05, 0x00]
    );
}

#[test]
fn a_type_2_tag_is_found_read_and_written_through_the_frame_interface() {
    let mut host = Host::new("tag=ntag213:https://example.org");
    host.discover();
    assert_eq!(host.packet(), NTAG_ACTIVATED);
    let read = host.data(&[0x30, 0x03]);
    assert_eq!(read[..7], [0x00, 0x00, 0x11, 0xe1, 0x10, 0x12, 0x00]);
    assert_eq!(read[19], 0x00, "the status byte");
    // An acknowledge has four bits: the status says so.
    assert_eq!(host.data(&[0xa2, 0x20, 1, 2, 3, 4]), [0x00, 0x00, 0x02, 0x0a, 0x14]);
    assert_eq!(host.data(&[0x30, 0x20])[3..7], [1, 2, 3, 4]);
    assert_eq!(host.data(&[0x30, 0x99]), [0x00, 0x00, 0x02, 0x00, 0x14]);
    assert_eq!(
        host.data(&[0x30, 0x00]),
        [0x60, 0x08, 0x02, 0xb2, 0x00],
        "a refused tag waits to be selected"
    );
    assert_eq!(host.command(&[0x21, 0x06, 0x01, 0x00]), [0x41, 0x06, 0x01, 0x00]);
    assert_eq!(host.packet(), [0x61, 0x06, 0x02, 0x00, 0x00]);
    assert_eq!(
        host.command(&[0x21, 0x06, 0x01, 0x00]),
        [0x41, 0x06, 0x01, 0x06],
        "idle already"
    );
}

#[test]
fn an_iso_dep_card_is_activated_with_its_answer_to_select() {
    let mut host = Host::new("tag=type4:https://example.org");
    host.discover();
    let activated = host.packet();
    assert_eq!(activated[3..9], [0x01, 0x02, 0x04, 0x00, 0xff, 0x01]);
    assert_eq!(activated[25..], [0x05, 0x04, 0x78, 0x80, 0x70, 0x02]);
    let select = [
        0x00, 0xa4, 0x04, 0x00, 0x07, 0xd2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01, 0x00,
    ];
    assert_eq!(host.data(&select), [0x00, 0x00, 0x02, 0x90, 0x00]);
    assert_eq!(
        host.data(&[0x00, 0xa4, 0x00, 0x0c, 0x02, 0xe1, 0x04]),
        [0x00, 0x00, 0x02, 0x90, 0x00]
    );
    assert_eq!(
        host.data(&[0x00, 0xb0, 0x00, 0x00, 0x06])[3..],
        [0x00, 0x10, 0xd1, 0x01, 0x0c, 0x55, 0x90, 0x00]
    );
    // 256 bytes and a status word come in two packets.
    let first = host.data(&[0x00, 0xb0, 0x00, 0x00, 0x00]);
    assert_eq!((first[..3].to_vec(), first.len()), (vec![0x10, 0x00, 0xff], 258));
    assert_eq!(host.packet(), [0x00, 0x00, 0x03, 0x00, 0x90, 0x00]);
    // So does a message from the host: two segments, a credit for each.
    assert_eq!(
        host.command(&[0x10, 0x00, 0x03, 0x00, 0xb0, 0x00]),
        [0x60, 0x06, 0x03, 0x01, 0x00, 0x01]
    );
    assert_eq!(host.data(&[0x00, 0x02])[2..5], [0x04, 0x00, 0x10]);
    assert_eq!(host.command(&[0x2f, 0x11, 0x00]), [0x4f, 0x11, 0x01, 0x00]);
    assert_eq!(host.packet(), [0x6f, 0x11, 0x01, 0x00]);
}

#[test]
fn of_two_tags_the_host_selects_one() {
    let mut host = Host::new("tag=ntag213:https://a.org tag=ppse");
    host.discover();
    let (first, second) = (host.packet(), host.packet());
    let ids = [first[3], second[3]];
    assert_eq!((first[1], second[1], ids), (0x03, 0x03, [1, 2]));
    assert_eq!((first.last(), second.last()), (Some(&2), Some(&0)));
    let card = if first[4] == 0x04 { &first } else { &second };
    assert_eq!(card[4..6], [0x04, 0x00]);
    let select = [0x21, 0x04, 0x03, card[3], 0x04, 0x02];
    assert_eq!(
        host.command(&[0x21, 0x04, 0x03, 9, 0x04, 0x02]),
        [0x41, 0x04, 0x01, 0x09]
    );
    assert_eq!(host.command(&select), [0x41, 0x04, 0x01, 0x00]);
    assert_eq!(host.packet()[..6], [0x61, 0x05, 0x19, card[3], 0x02, 0x04]);
    assert_eq!(host.data(&[0x00, 0xca, 0x00, 0x00])[3..], [0x6d, 0x00]);
}

#[test]
fn a_tag_is_found_when_it_comes_and_again_when_it_comes_back() {
    let mut host = Host::new("tag=ntag213:https://a.org@100ms..200ms,300ms..400ms");
    host.discover();
    assert_eq!(host.packet(), NTAG_ACTIVATED);
    let entered = host.board.now_ns();
    assert!((100_000_000..102_000_000).contains(&entered), "{entered}");
    host.sleep(150_000_000);
    assert_eq!(host.data(&[0x30, 0x00]), [0x60, 0x08, 0x02, 0xb2, 0x00]);
    assert_eq!(host.command(&[0x21, 0x06, 0x01, 0x03]), [0x41, 0x06, 0x01, 0x00]);
    assert_eq!(host.packet(), [0x61, 0x06, 0x02, 0x03, 0x00]);
    assert_eq!(host.packet(), NTAG_ACTIVATED);
    assert!(host.board.now_ns() >= 300_000_000);
}

#[test]
fn polling_takes_its_time_if_it_is_asked_to() {
    let mut host = Host::with("tag=ntag213@1500ms..", StartUp::DataSheet);
    host.discover();
    assert_eq!(host.packet_within(3_000_000_000).unwrap(), NTAG_ACTIVATED);
    // The second poll, TOTAL_DURATION after the first, is before it comes; the third finds it.
    assert!(host.board.now_ns() > 2_000_000_000 && host.board.now_ns() < 2_100_000_000);
}

#[test]
fn an_empty_field_wakes_nobody() {
    let mut host = Host::new("");
    host.discover();
    assert_eq!(host.board.next_event(), None);
    host.board.set_stimulus(Stimulus::parse("tag=ntag213").unwrap());
    assert_eq!(host.packet(), NTAG_ACTIVATED);
}

#[test]
fn frames_go_wrong_on_request() {
    let reset = [0x20, 0x00, 0x01, 0x01];
    let mut host = Host::new("");
    host.fault("truncated");
    host.write(&reset).unwrap();
    host.sleep(1_000_000);
    assert_eq!(host.read(3).unwrap(), [0x40, 0x00, 0x03]);
    assert!(!host.board.line(IRQ).unwrap());

    host.fault("oversized");
    assert_eq!(host.command(&reset).len(), 258);

    host.fault("out-of-order");
    assert_eq!(host.command(&reset), [0x41, 0x04, 0x01, 0x00]);
    assert_eq!(host.packet()[..3], [0x40, 0x00, 0x03]);

    host.fault("self-reset");
    assert_eq!(host.command(&reset)[..4], [0x60, 0x00, 0x06, 0xa0]);
    assert_eq!(host.command(&[0x20, 0x01, 0x00]), [0x40, 0x01, 0x01, 0x04]);

    host.fault("flood");
    host.command(&reset);
    for _ in 0..100 {
        assert_eq!(host.packet(), [0x61, 0x07, 0x01, 0x01]);
    }
    host.board.set_line(VEN, false).unwrap();
    host.power_up();
    host.init();

    host.fault("silence=2");
    host.command(&reset);
    host.write(&[0x20, 0x01, 0x00]).unwrap();
    assert_eq!(host.packet_within(5_000_000_000), None);
    host.board.set_line(VEN, false).unwrap();
    host.power_up();
    host.init();
    let checksum = Fault::parse("nfc@28=checksum").unwrap();
    let err = host.board.inject(&checksum[0]).unwrap_err().to_string();
    assert!(err.contains("PN7150 has no such fault"), "{err}");
}

#[test]
fn a_tag_that_leaves_in_mid_transfer_is_a_timeout_and_the_next_poll_finds_it() {
    let mut host = Host::new("tag=type4:https://example.org");
    host.discover();
    host.packet();
    host.fault("tag-leaves");
    assert_eq!(
        host.data(&[0x00, 0xb0, 0x00, 0x00, 0x02]),
        [0x60, 0x08, 0x02, 0xb2, 0x00]
    );
    host.command(&[0x21, 0x06, 0x01, 0x03]);
    host.packet();
    assert_eq!(host.packet()[..2], [0x61, 0x05]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any bytes from the host, in any pieces: no panic, bounded answers, and a reset by VEN brings it back.
    #[test]
    fn any_bytes_are_survived(
        writes in vec(vec(any::<u8>(), 0..40), 0..20), is_ready in any::<bool>(),
    ) {
        let mut host = Host::new("tag=ntag213:https://example.org tag=type4");
        if is_ready {
            host.discover();
        }
        for bytes in &writes {
            host.write(bytes).unwrap();
            for _ in 0..4 {
                host.packet_within(1_000_000);
            }
        }
        host.board.set_line(VEN, false).unwrap();
        host.power_up();
        host.init();
    }
}
