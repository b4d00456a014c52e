// SPDX-License-Identifier: GPL-2.0-only
//! The chip through its bus and its lines: bytes in, bytes out.

use crate::board::{BoardOptions, BusId, SimBoard, SpiXfer};
use crate::nfc::rf::with_crc;
use crate::{Fault, Stimulus, dts};
use proptest::collection::vec;
use proptest::prelude::*;

const IRQ_OUT: u32 = 0;
const IRQ_IN: u32 = 1;

struct Host {
    board: SimBoard,
    bus: BusId,
}

impl Host {
    fn new(stimulus: &str) -> Host {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/boards/st95hf.dts");
        let dtb = dts::compile(path.as_ref()).unwrap();
        let mut board = SimBoard::new(&dtb, BoardOptions::default()).unwrap();
        if !stimulus.is_empty() {
            board.set_stimulus(Stimulus::parse(stimulus).unwrap());
        }
        let bus = board.bus("spi0").unwrap();
        let mut host = Host { board, bus };
        host.board.set_line_direction(IRQ_IN, true, true).unwrap();
        host.sleep(20_000_000);
        host
    }

    /// A chip with the protocol of NFC-A selected, that waits for some 5 ms.
    fn reading(stimulus: &str) -> Host {
        let mut host = Host::new(stimulus);
        assert_eq!(host.command(&[0x02, 0x04, 0x02, 0x00, 0x04, 0x01]), [0x00, 0x00]);
        host
    }

    fn pulse(&mut self) {
        self.board.set_line(IRQ_IN, false).unwrap();
        self.board.set_line(IRQ_IN, true).unwrap();
    }

    fn sleep(&mut self, ns: u64) {
        let until = self.board.now_ns() + ns;
        while self.board.advance(until) < until {}
    }

    fn spi(&mut self, tx: &[u8], len: usize) -> Vec<u8> {
        let mut rx = vec![0; len];
        let mut xfers = [
            SpiXfer {
                tx,
                ..SpiXfer::default()
            },
            SpiXfer {
                rx: &mut rx,
                ..SpiXfer::default()
            },
        ];
        self.board.spi_transfer(self.bus, 0, 0, &mut xfers).unwrap();
        rx
    }

    fn send(&mut self, command: &[u8]) {
        self.spi(&[&[0x00], command].concat(), 0);
    }

    /// Waits for IRQ_OUT to fall as long as `ns`.
    fn is_ready_within(&mut self, ns: u64) -> bool {
        let until = self.board.now_ns() + ns;
        while self.board.line(IRQ_OUT).unwrap() {
            if self.board.advance(until) >= until {
                return !self.board.line(IRQ_OUT).unwrap();
            }
        }
        true
    }

    fn answer(&mut self) -> Vec<u8> {
        assert!(self.is_ready_within(2_000_000_000), "nothing within two seconds");
        let mut bytes = self.spi(&[0x02], 600);
        let len = if bytes[0] == 0x55 {
            1
        } else {
            2 + usize::from(bytes[1]) + (usize::from(bytes[0] & 0x60) << 3)
        };
        bytes.truncate(len);
        bytes
    }

    fn command(&mut self, command: &[u8]) -> Vec<u8> {
        self.send(command);
        self.answer()
    }

    /// A frame to the tag, with these flags.
    fn frame(&mut self, frame: &[u8], flags: u8) -> Vec<u8> {
        let len = u8::try_from(frame.len() + 1).unwrap();
        self.command(&[&[0x04, len], frame, &[flags]].concat())
    }
}

#[test]
fn it_waits_for_a_pulse_then_answers_echo_and_its_name() {
    let mut host = Host::new("");
    assert_eq!(host.spi(&[0x03], 2), [0x04, 0x04], "a command may be sent");
    assert_eq!(host.command(&[0x55]), [0x55]);
    host.send(&[0x01, 0x00]);
    assert!(host.is_ready_within(10_000_000));
    assert_eq!(host.spi(&[0x03], 1), [0x08]);
    let name = b"\x00\x0fNFC FS2JAST4\x00\x2a\xce";
    assert_eq!(host.answer(), name);
    assert!(host.board.line(IRQ_OUT).unwrap());
    host.spi(&[0x01], 0);
    host.send(&[0x55]);
    assert!(
        !host.is_ready_within(1_000_000_000),
        "after a reset it waits for a pulse"
    );
    host.pulse();
    host.sleep(10_000_000);
    assert_eq!(host.command(&[0x55]), [0x55]);
}

#[test]
fn an_answer_may_be_read_in_two_messages_while_it_stays_selected() {
    let mut host = Host::new("");
    host.send(&[0x01, 0x00]);
    assert!(host.is_ready_within(10_000_000));
    let (mut head, mut rest) = ([0; 2], [0; 15]);
    let mut first = [
        SpiXfer {
            tx: &[0x02],
            ..SpiXfer::default()
        },
        SpiXfer {
            rx: &mut head,
            cs_change: true,
            ..SpiXfer::default()
        },
    ];
    host.board.spi_transfer(host.bus, 0, 0, &mut first).unwrap();
    let mut second = [SpiXfer {
        rx: &mut rest,
        ..SpiXfer::default()
    }];
    host.board.spi_transfer(host.bus, 0, 0, &mut second).unwrap();
    assert_eq!((head, &rest), ([0x00, 0x0f], b"NFC FS2JAST4\x00\x2a\xce"));
    assert_eq!(host.command(&[0x55]), [0x55]);
}

#[test]
fn a_command_waits_for_the_one_that_runs_and_an_unread_answer_is_lost() {
    let mut host = Host::reading("");
    host.send(&[0x04, 0x02, 0x26, 0x07]);
    assert_eq!(host.spi(&[0x03], 1), [0x00], "it is busy");
    host.send(&[0x02, 0x02, 0x01, 0x0d]);
    assert_eq!([host.answer(), host.answer()], [[0x87, 0x00], [0x00, 0x00]]);
    host.send(&[0x01, 0x00]);
    assert!(host.is_ready_within(10_000_000));
    assert_eq!(host.command(&[0x55]), [0x55]);
}

#[test]
fn negative_results_as_in_the_data_sheet() {
    let mut host = Host::new("");
    assert_eq!(host.command(&[0x02, 0x00]), [0x82, 0x00]);
    assert_eq!(host.command(&[0x02, 0x02, 0x77, 0x00]), [0x83, 0x00]);
    assert_eq!(
        host.command(&[0x04, 0x02, 0x26, 0x07]),
        [0x83, 0x00],
        "no protocol selected"
    );
    assert_eq!(host.command(&[0x04, 0x09, 0x26]), [0x82, 0x00]);
    assert_eq!(host.command(&[0x02, 0x02, 0x02, 0x00]), [0x00, 0x00]);
    assert_eq!(host.command(&[0x04, 0x02, 0x26, 0x07]), [0x87, 0x00], "nobody there");
    assert_eq!(host.command(&[0x02, 0x02, 0x01, 0x09]), [0x00, 0x00]);
    assert_eq!(
        host.command(&[0x04, 0x03, 0x26, 0x01, 0x00]),
        [0x87, 0x00],
        "nobody there of that kind"
    );
}

#[test]
fn registers_as_in_the_data_sheet() {
    let mut host = Host::new("");
    assert_eq!(host.command(&[0x09, 0x04, 0x68, 0x01, 0x01, 0xd0]), [0x00, 0x00]);
    assert_eq!(host.command(&[0x09, 0x03, 0x68, 0x00, 0x01]), [0x00, 0x00]);
    assert_eq!(host.command(&[0x08, 0x03, 0x69, 0x01, 0x00]), [0x00, 0x01, 0xd0]);
    assert_eq!(host.command(&[0x09, 0x04, 0x3a, 0x00, 0x58, 0x04]), [0x00, 0x00]);
}

#[test]
fn a_type_2_tag_is_selected_by_the_host() {
    let mut host = Host::reading("tag=ntag213:https://example.org");
    assert_eq!(host.frame(&[0x26], 0x07), [0x80, 0x05, 0x44, 0x00, 0x28, 0x00, 0x00]);
    let level_1 = [0x80, 0x08, 0x88, 0x04, 0xa1, 0xb2, 0x9f, 0x28, 0x00, 0x00];
    assert_eq!(host.frame(&[0x93, 0x20], 0x08), level_1);
    let select_1 = [0x93, 0x70, 0x88, 0x04, 0xa1, 0xb2, 0x9f];
    assert_eq!(
        host.frame(&select_1, 0x28),
        [0x80, 0x06, 0x04, 0xda, 0x17, 0x08, 0x00, 0x00]
    );
    assert_eq!(host.frame(&[0x95, 0x20], 0x08)[2..7], [0xc0, 0xd4, 0xe5, 0x80, 0x71]);
    let select_2 = [0x95, 0x70, 0xc0, 0xd4, 0xe5, 0x80, 0x71];
    assert_eq!(
        host.frame(&select_2, 0x28),
        [0x80, 0x06, 0x00, 0xfe, 0x51, 0x08, 0x00, 0x00]
    );
    let read = host.frame(&[0x30, 0x03], 0x28);
    assert_eq!(read[..6], [0x80, 21, 0xe1, 0x10, 0x12, 0x00]);
    assert_eq!(read[2..20], with_crc(&read[2..18]));
    assert_eq!(read[20..], [0x08, 0x00, 0x00]);
    // Acknowledge and refusal, as the data sheet shows them.
    assert_eq!(
        host.frame(&[0xa2, 0x20, 1, 2, 3, 4], 0x28),
        [0x90, 0x04, 0x0a, 0x24, 0x00, 0x00]
    );
    assert_eq!(host.frame(&[0x30, 0x99], 0x28), [0x90, 0x04, 0x00, 0x24, 0x00, 0x00]);
    assert_eq!(host.frame(&[0x30, 0x00], 0x28), [0x87, 0x00]);
}

#[test]
fn a_collision_is_told_and_the_rest_comes_in_a_split_frame() {
    // Both begin with the cascade tag and 04; then a1 and 51 differ first in their fifth bit.
    let mut host = Host::reading("tag=ntag213 tag=type4");
    assert_eq!(host.frame(&[0x26], 0x07)[..4], [0x80, 0x05, 0x44, 0x00]);
    let heard = host.frame(&[0x93, 0x20], 0x08);
    assert_eq!(
        (heard[..4].to_vec(), &heard[7..]),
        (vec![0x80, 0x08, 0x88, 0x04], &[0xb8, 0x02, 0x04][..])
    );
    // Five bits of the third byte are settled: 0x51 has a 1 in the fifth, a1 has not.
    assert_eq!(
        host.frame(&[0x93, 0x45, 0x88, 0x04, 0x11], 0x45),
        [0x80, 0x06, 0x40, 0x62, 0xbf, 0x23, 0x00, 0x00]
    );
}

#[test]
fn a_card_with_blocks_answers_the_host_s_blocks() {
    let mut host = Host::reading("tag=ppse");
    host.frame(&[0x26], 0x07);
    let uid = host.frame(&[0x93, 0x20], 0x08);
    assert_eq!(host.frame(&[&[0x93, 0x70], &uid[2..7]].concat(), 0x28)[2], 0x20);
    let ats = host.frame(&[0xe0, 0x80], 0x28);
    assert_eq!(ats[..4], [0x80, 0x0a, 0x05, 0x78]);
    let select = [&[0x02, 0x00, 0xa4, 0x04, 0x00, 0x0e][..], b"2PAY.SYS.DDF01", &[0x00]].concat();
    let fci = host.frame(&select, 0x28);
    assert_eq!(fci[2..6], [0x02, 0x6f, 0x2f, 0x84]);
    assert_eq!(fci[fci.len() - 7..fci.len() - 5], [0x90, 0x00]);
}

#[test]
fn an_answer_that_takes_longer_than_the_frame_waiting_time_is_none() {
    let mut host = Host::new("tag=ntag213");
    // PP, MM and DD 0: 302 µs, but to write takes milliseconds.
    host.command(&[0x02, 0x05, 0x02, 0x00, 0x00, 0x00, 0x00]);
    host.frame(&[0x26], 0x07);
    host.frame(&[0x93, 0x70, 0x88, 0x04, 0xa1, 0xb2, 0x9f], 0x28);
    host.frame(&[0x95, 0x70, 0xc0, 0xd4, 0xe5, 0x80, 0x71], 0x28);
    assert_eq!(host.frame(&[0x30, 0x00], 0x28)[..2], [0x80, 21]);
    assert_eq!(host.frame(&[0xa2, 0x20, 1, 2, 3, 4], 0x28), [0x87, 0x00]);
}

#[test]
fn idle_ends_by_time_by_a_tag_or_by_a_pulse() {
    let idle = |sources: u8, period: u8, max_sleep: u8| {
        [
            0x07, 0x0e, sources, 0x21, 0x00, 0x79, 0x01, 0x18, 0x00, period, 0x60, 0x60, 0x70, 0x80, 0x3f, max_sleep,
        ]
    };
    let mut host = Host::new("tag=ntag213@1s..");
    let begun = host.board.now_ns();
    assert_eq!(host.command(&idle(0x01, 0x02, 0x01)), [0x00, 0x01, 0x01]);
    assert!(host.board.now_ns() - begun >= 64_000_000);
    assert_eq!(host.command(&idle(0x0a, 0x20, 0x08)), [0x00, 0x01, 0x02]);
    assert!(host.board.now_ns() >= 1_000_000_000);
    host.send(&idle(0x08, 0x20, 0x08));
    assert!(!host.is_ready_within(1_000_000_000));
    host.pulse();
    assert_eq!(host.answer(), [0x00, 0x01, 0x08]);
}

#[test]
fn answers_go_wrong_on_request() {
    let mut host = Host::reading("tag=ppse");
    let fault = |host: &mut Host, text: &str| host.board.inject(&Fault::parse(&format!("nfc@0={text}")).unwrap()[0]);
    fault(&mut host, "oversized").unwrap();
    assert_eq!(host.command(&[0x55]), [&[0xe0, 0xff][..], &[0xa5; 598]].concat());
    fault(&mut host, "truncated").unwrap();
    assert_eq!(host.frame(&[0x26], 0x07), [0x80, 0x05, 0x04, 0, 0, 0, 0]);
    fault(&mut host, "self-reset").unwrap();
    host.send(&[0x55]);
    assert!(!host.is_ready_within(1_000_000_000));
    host.pulse();
    host.sleep(10_000_000);
    assert_eq!(host.command(&[0x55]), [0x55]);
    fault(&mut host, "flood").unwrap();
    host.command(&[0x55]);
    assert_eq!([host.answer(), host.answer()], [[0x87, 0x00], [0x87, 0x00]]);
    assert!(fault(&mut host, "checksum").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any messages, in any order: no panic, and a reset with a pulse brings it back.
    #[test]
    fn any_messages_are_survived(messages in vec(vec(any::<u8>(), 0..20), 0..20)) {
        let mut host = Host::reading("tag=ntag213:https://example.org tag=type4");
        for message in &messages {
            host.spi(message, 4);
            host.is_ready_within(10_000_000);
            let len = u8::try_from(message.len()).unwrap();
            host.send(&[&[0x04, len], &message[..]].concat());
            host.is_ready_within(10_000_000);
        }
        host.spi(&[0x01], 0);
        host.pulse();
        host.sleep(10_000_000);
        prop_assert_eq!(host.command(&[0x55]), [0x55]);
    }
}
