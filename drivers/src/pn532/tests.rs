// SPDX-License-Identifier: GPL-2.0-only
//! The chip through its bus and its line: bytes in, bytes out.

use super::frame;
use crate::board::{BoardOptions, BusId, I2cData, I2cMsg, SimBoard, flags};
use crate::{Errno, Fault, Stimulus, dts};
use proptest::collection::vec;
use proptest::prelude::*;

const ADDR: u16 = 0x24;
const IRQ: u32 = 0;

struct Host {
    board: SimBoard,
    bus: BusId,
}

impl Host {
    fn new(stimulus: &str) -> Host {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/boards/pn533-i2c.dts");
        let dtb = dts::compile(path.as_ref()).unwrap();
        let mut board = SimBoard::new(&dtb, BoardOptions::default()).unwrap();
        if !stimulus.is_empty() {
            board.set_stimulus(Stimulus::parse(stimulus).unwrap());
        }
        let bus = board.bus("i2c0").unwrap();
        Host { board, bus }
    }

    fn fault(&mut self, text: &str) {
        for fault in Fault::parse(&format!("nfc@24={text}")).unwrap() {
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

    fn read(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let data = I2cData::Read(&mut bytes);
        self.board
            .i2c_xfer(
                self.bus,
                &mut [I2cMsg {
                    addr: ADDR,
                    flags: flags::RD,
                    data,
                }],
            )
            .unwrap();
        bytes
    }

    /// Waits for IRQ to fall as long as `ns`.
    fn is_ready_within(&mut self, ns: u64) -> bool {
        let until = self.board.now_ns() + ns;
        while self.board.line(IRQ).unwrap() {
            if self.board.advance(until) >= until {
                return !self.board.line(IRQ).unwrap();
            }
        }
        true
    }

    fn frame(&mut self, len: usize) -> Vec<u8> {
        assert!(self.is_ready_within(5_000_000_000), "nothing within five seconds");
        let bytes = self.read(len + 1);
        assert_eq!(bytes[0], 0x01, "ready");
        bytes[1..].to_vec()
    }

    fn send(&mut self, command: &[u8]) {
        let len = u8::try_from(command.len() + 1).unwrap();
        let sum = command
            .iter()
            .fold(frame::FROM_HOST, |sum, byte| sum.wrapping_add(*byte));
        let head = [0x00, 0x00, 0xff, len, len.wrapping_neg(), frame::FROM_HOST];
        self.write(&[&head[..], command, &[sum.wrapping_neg(), 0x00]].concat())
            .unwrap();
    }

    /// A command, its acknowledge, and the data of its answer.
    fn command(&mut self, command: &[u8]) -> Vec<u8> {
        self.send(command);
        assert_eq!(self.frame(6), frame::ACK);
        self.answer()
    }

    fn answer(&mut self) -> Vec<u8> {
        let bytes = self.frame(300);
        let (len, at) = match bytes[3..5] {
            [0xff, 0xff] => (usize::from(u16::from_be_bytes([bytes[5], bytes[6]])), 8),
            _ => (usize::from(bytes[3]), 5),
        };
        let data = bytes[at + 1..at + len].to_vec();
        assert_eq!(bytes[..at + len + 2], frame::encode(&data));
        data
    }
}

#[test]
fn firmware_version_as_in_the_manual() {
    let mut host = Host::new("");
    assert_eq!(host.read(1), [0x00], "nothing waits");
    host.write(&[0x00, 0x00, 0xff, 0x02, 0xfe, 0xd4, 0x02, 0x2a, 0x00])
        .unwrap();
    assert_eq!(host.frame(6), [0x00, 0x00, 0xff, 0x00, 0xff, 0x00]);
    assert!(host.board.line(IRQ).unwrap(), "high between acknowledge and answer");
    let expected = [
        0x00, 0x00, 0xff, 0x06, 0xfa, 0xd5, 0x03, 0x32, 0x01, 0x06, 0x07, 0xe8, 0x00,
    ];
    assert!(host.is_ready_within(10_000_000));
    assert_eq!(host.read(1), [0x01], "the ready byte alone takes nothing");
    assert_eq!(host.frame(13), expected);
    host.write(&frame::NACK).unwrap();
    assert_eq!(host.frame(13), expected, "NACK brings it again");
    assert_eq!(host.command(&[0x14, 0x01, 0x14, 0x01]), [0x15]);
    assert_eq!(host.command(&[0x32, 0x05, 0xff, 0x01, 0x02]), [0x33]);
}

#[test]
fn unknown_commands_get_the_error_frame_and_damaged_ones_nothing() {
    let mut host = Host::new("");
    host.send(&[0xf0]);
    assert_eq!(host.frame(6), frame::ACK);
    assert_eq!(host.frame(8), [0x00, 0x00, 0xff, 0x01, 0xff, 0x7f, 0x81, 0x00]);
    host.write(&[0x00, 0x00, 0xff, 0x02, 0xfe, 0xd4, 0x02, 0x2b, 0x00])
        .unwrap();
    assert!(!host.is_ready_within(1_000_000_000));
}

#[test]
fn a_type_2_tag_is_listed_read_and_written() {
    let mut host = Host::new("tag=ntag213:https://example.org");
    let listed = [
        0x4b, 1, 1, 0x00, 0x44, 0x00, 7, 0x04, 0xa1, 0xb2, 0xc0, 0xd4, 0xe5, 0x80,
    ];
    assert_eq!(host.command(&[0x4a, 0x01, 0x00]), listed);
    let read = host.command(&[0x40, 1, 0x30, 0x03]);
    assert_eq!(
        (read[..6].to_vec(), read.len()),
        (vec![0x41, 0x00, 0xe1, 0x10, 0x12, 0x00], 18)
    );
    assert_eq!(host.command(&[0x40, 1, 0xa2, 0x20, 1, 2, 3, 4]), [0x41, 0x00]);
    assert_eq!(host.command(&[0x42, 0x30, 0x20])[..6], [0x43, 0x00, 1, 2, 3, 4]);
    assert_eq!(
        host.command(&[0x42, 0x60]),
        [0x43, 0x00, 0x00, 0x04, 0x04, 0x02, 0x01, 0x00, 0x0f, 0x03]
    );
    assert_eq!(host.command(&[0x40, 1, 0x30, 0x99]), [0x41, 0x13]);
    assert_eq!(
        host.command(&[0x40, 1, 0x30, 0x00]),
        [0x41, 0x01],
        "a refused tag waits to be selected"
    );
    assert_eq!(host.command(&[0x52, 0x00]), [0x53, 0x00]);
    assert_eq!(host.command(&[0x40, 1, 0x30, 0x00]), [0x41, 0x27]);
}

#[test]
fn an_iso_dep_card_exchanges_apdus_of_any_length() {
    let mut host = Host::new("tag=type4:https://example.org");
    let listed = host.command(&[0x4a, 0x01, 0x00]);
    assert_eq!(listed[2..7], [1, 0x00, 0x44, 0x20, 7]);
    assert_eq!(
        listed[14..],
        [0x05, 0x78, 0x80, 0x70, 0x02],
        "the answer to select with its length"
    );
    let select = [
        0x40, 1, 0x00, 0xa4, 0x04, 0x00, 0x07, 0xd2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01, 0x00,
    ];
    assert_eq!(host.command(&select), [0x41, 0x00, 0x90, 0x00]);
    // In two parts: the first with more information to come.
    assert_eq!(host.command(&[0x40, 0x41, 0x00, 0xa4, 0x00, 0x0c]), [0x41, 0x00]);
    assert_eq!(host.command(&[0x40, 1, 0x02, 0xe1, 0x04]), [0x41, 0x00, 0x90, 0x00]);
    // 258 bytes need an extended frame.
    let read = host.command(&[0x40, 1, 0x00, 0xb0, 0x00, 0x00, 0x00]);
    assert_eq!(
        (read.len(), &read[..8]),
        (260, &[0x41, 0x00, 0x00, 0x10, 0xd1, 0x01, 0x0c, 0x55][..])
    );
    assert_eq!(host.command(&[0x44, 1]), [0x45, 0x00]);
    assert_eq!(host.command(&[0x54, 1]), [0x55, 0x00]);
    assert_eq!(host.command(&select), [0x41, 0x00, 0x90, 0x00]);
}

#[test]
fn two_tags_are_listed_and_used_in_turn() {
    let mut host = Host::new("tag=ntag213 tag=ppse");
    let listed = host.command(&[0x4a, 0x02, 0x00]);
    assert_eq!(listed[..2], [0x4b, 2]);
    let (card, tag) = if listed[5] == 0x20 { (1, 2) } else { (2, 1) };
    for _ in 0..2 {
        assert_eq!(
            host.command(&[0x40, card, 0x00, 0xca, 0x00, 0x00]),
            [0x41, 0x00, 0x6d, 0x00]
        );
        assert_eq!(host.command(&[0x40, tag, 0x30, 0x00])[..3], [0x41, 0x00, 0x04]);
    }
    // The one with this UID only.
    assert_eq!(
        host.command(&[0x4a, 0x01, 0x00, 0x08, 0x3c, 0x9f, 0x11])[..7],
        [0x4b, 1, 1, 0x00, 0x04, 0x20, 4]
    );
}

#[test]
fn listing_waits_for_a_tag_or_for_the_end_of_its_tries_or_for_the_host() {
    let mut host = Host::new("tag=ntag213@300ms..");
    host.send(&[0x4a, 0x01, 0x00]);
    assert_eq!(host.frame(6), frame::ACK);
    assert_eq!(host.answer()[..2], [0x4b, 1]);
    assert!(host.board.now_ns() >= 300_000_000);

    let mut host = Host::new("");
    assert_eq!(host.command(&[0x32, 0x05, 0xff, 0x01, 0x02]), [0x33]);
    let begun = host.board.now_ns();
    assert_eq!(host.command(&[0x4a, 0x01, 0x00]), [0x4b, 0]);
    assert!(host.board.now_ns() - begun > 18_000_000, "three tries");
    assert_eq!(host.command(&[0x60, 0x02, 0x01, 0x00]), [0x61, 0]);

    assert_eq!(
        host.command(&[0x56, 0x01, 0x02, 0x00]),
        [0x57, 0x01],
        "no tag speaks NFC-DEP"
    );
    host.command(&[0x32, 0x05, 0xff, 0x01, 0xff]);
    host.send(&[0x4a, 0x01, 0x00]);
    assert_eq!(host.frame(6), frame::ACK);
    assert!(!host.is_ready_within(10_000_000_000));
    host.write(&frame::ACK).unwrap();
    host.board.set_stimulus(Stimulus::parse("tag=ntag213").unwrap());
    assert!(!host.is_ready_within(1_000_000_000), "the host has ended it");
    assert_eq!(host.command(&[0x60, 0xff, 0x01, 0x00])[..4], [0x61, 1, 0x10, 12]);
}

#[test]
fn power_down_wakes_by_its_address_if_it_was_asked_to() {
    let mut host = Host::new("");
    assert_eq!(host.command(&[0x16, 0x80]), [0x17, 0x00]);
    assert_eq!(host.command(&[0x02])[..2], [0x03, 0x32]);
    assert_eq!(host.command(&[0x16, 0x20]), [0x17, 0x00]);
    assert_eq!(host.write(&[0x00]), Err(Errno::ENXIO));
}

#[test]
fn frames_go_wrong_on_request() {
    let mut host = Host::new("tag=type4:https://example.org");
    host.fault("checksum=2");
    host.send(&[0x02]);
    assert_eq!(host.frame(6), frame::ACK);
    assert_eq!(host.frame(13)[11], !0xe8);
    host.fault("truncated=2");
    host.send(&[0x02]);
    assert_eq!(host.frame(6), frame::ACK);
    assert_eq!(host.frame(8), [0x00, 0x00, 0xff, 0x06, 0xfa, 0xd5, 0x00, 0x00]);
    host.fault("out-of-order=2");
    assert_eq!(host.command(&[0x02]), [0x53, 0x00]);
    assert_eq!(host.answer()[..2], [0x03, 0x32]);
    host.fault("self-reset=2");
    host.send(&[0x02]);
    assert!(!host.is_ready_within(1_000_000_000));
    host.command(&[0x4a, 0x01, 0x00]);
    host.fault("tag-leaves");
    assert_eq!(host.command(&[0x40, 1, 0x00, 0xb0, 0x00, 0x00, 0x02]), [0x41, 0x01]);
    assert_eq!(
        host.command(&[0x4a, 0x01, 0x00])[..2],
        [0x4b, 1],
        "the next poll waits until it is back"
    );
    host.fault("silence");
    host.send(&[0x02]);
    assert!(!host.is_ready_within(1_000_000_000));
    host.board.power_cycle();
    assert_eq!(host.command(&[0x02])[..2], [0x03, 0x32]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any commands, in any order: no panic, each is answered in bounded time, and the next one works.
    #[test]
    fn any_commands_are_survived(commands in vec(vec(any::<u8>(), 1..20), 1..20)) {
        let mut host = Host::new("tag=ntag213:https://example.org tag=type4");
        for command in &commands {
            host.send(command);
            while host.is_ready_within(1_000_000_000) {
                host.read(300);
            }
            // PowerDown with no way to wake up is the host's own fault.
            if host.write(&frame::ACK).is_err() {
                host.board.power_cycle();
            }
        }
        prop_assert_eq!(&host.command(&[0x02])[..2], &[0x03, 0x32]);
    }
}
