// SPDX-License-Identifier: GPL-2.0-only
//! Tags, frame by frame on the air and through a reader.

use super::isodep::{Application, IsoDep, Params};
use super::*;
use crate::nfc::pcd::{Found, Heard14443, Pcd, RfError};
use crate::nfc::rf::{AirFault, with_crc};
use crate::stimulus::Stimulus;
use proptest::collection::vec;
use proptest::prelude::*;

fn reader(world: &Stimulus) -> Pcd {
    let mut pcd = Pcd::default();
    pcd.field.advance(0, world);
    pcd.field.switch(true);
    pcd
}

fn near(text: &str) -> Pcd {
    reader(&Stimulus::parse(text).unwrap())
}

/// A frame in bytes and its answer in bytes, CRCs and all.
fn air(pcd: &mut Pcd, frame: &[u8]) -> Option<Vec<u8>> {
    pcd.raw(&Bits::bytes(frame), 0).map(|heard| heard.bits.to_bytes())
}

fn selected(text: &str) -> (Pcd, Found) {
    let mut pcd = near(text);
    let found = pcd.poll(1).remove(0);
    pcd.select(&found).unwrap();
    (pcd, found)
}

fn bytes(pcd: &mut Pcd, frame: &[u8]) -> Vec<u8> {
    match pcd.frame(frame) {
        Ok(Heard14443::Bytes(bytes)) => bytes,
        other => panic!("{frame:02x?}: {other:?}"),
    }
}

#[test]
fn ntag213_is_selected_in_two_levels() {
    let mut pcd = near("tag=ntag213");
    assert_eq!(
        pcd.raw(&Bits::partial(&[0x26], 7), 0).unwrap().bits.to_bytes(),
        [0x44, 0x00]
    );
    // Cascade tag, three bytes, and the check byte over all four.
    assert_eq!(air(&mut pcd, &[0x93, 0x20]).unwrap(), [0x88, 0x04, 0xa1, 0xb2, 0x9f]);
    let level_1 = with_crc(&[0x93, 0x70, 0x88, 0x04, 0xa1, 0xb2, 0x9f]);
    assert_eq!(air(&mut pcd, &level_1).unwrap(), [0x04, 0xda, 0x17]);
    assert_eq!(air(&mut pcd, &[0x95, 0x20]).unwrap(), [0xc0, 0xd4, 0xe5, 0x80, 0x71]);
    let level_2 = with_crc(&[0x95, 0x70, 0xc0, 0xd4, 0xe5, 0x80, 0x71]);
    assert_eq!(air(&mut pcd, &level_2).unwrap(), [0x00, 0xfe, 0x51]);
    assert_eq!(
        bytes(&mut pcd, &[0x60]),
        [0x00, 0x04, 0x04, 0x02, 0x01, 0x00, 0x0f, 0x03]
    );
}

#[test]
fn ntag213_holds_its_uri_behind_the_lock_control_tlv() {
    let (mut pcd, found) = selected("tag=ntag213:https://example.org");
    assert_eq!((found.sak, found.uid.len(), found.is_iso_dep()), (0, 7, false));
    let head = bytes(&mut pcd, &[0x30, 0x00]);
    assert_eq!(head[..3], found.uid[..3]);
    assert_eq!(head[3], 0x88 ^ head[0] ^ head[1] ^ head[2]);
    assert_eq!(head[8], head[4] ^ head[5] ^ head[6] ^ head[7]);
    assert_eq!(head[12..], [0xe1, 0x10, 0x12, 0x00]);
    let user = bytes(&mut pcd, &[0x3a, 0x04, 0x27]);
    assert_eq!(user.len(), 144);
    let expected = b"\x01\x03\xa0\x0c\x34\x03\x10\xd1\x01\x0cU\x04example.org\xfe\0";
    assert_eq!(user[..expected.len()], expected[..]);
}

#[test]
fn ntag213_reads_on_from_page_0_behind_the_last() {
    let (mut pcd, _) = selected("tag=ntag213");
    let wrapped = bytes(&mut pcd, &[0x30, 0x2b]);
    assert_eq!(wrapped[..8], [0; 8]); // the password stays inside
    assert_eq!(wrapped[8..11], [0x04, 0xa1, 0xb2]);
    let config = bytes(&mut pcd, &[0x30, 0x28]);
    assert_eq!(config[..12], [0, 0, 0, 0xbd, 0x04, 0, 0, 0xff, 0, 0x05, 0, 0]);
}

#[test]
fn ntag213_says_no_in_four_bits_and_waits_to_be_selected_again() {
    for (frame, nak) in [
        (&[0x30, 45][..], 0),
        (&[0x3a, 5, 4], 0),
        (&[0xa2, 0, 1, 2, 3, 4], 0),
        (&[0xff], 0),
    ] {
        let (mut pcd, found) = selected("tag=ntag213");
        assert_eq!(pcd.frame(frame), Ok(Heard14443::Bits(nak, 4)), "{frame:02x?}");
        assert_eq!(pcd.frame(&[0x30, 0]), Err(RfError::Timeout));
        pcd.select(&found).unwrap();
        bytes(&mut pcd, &[0x30, 0]);
    }
    let (mut pcd, _) = selected("tag=ntag213");
    let heard = pcd.raw(&Bits::bytes(&[0x30, 0x00, 0, 0]), 0).unwrap();
    assert_eq!((heard.bits.to_bytes(), heard.bits.len()), (vec![1], 4));
}

#[test]
fn ntag213_keeps_what_is_written_when_it_leaves() {
    let world = Stimulus::parse("tag=ntag213@0s..1s,2s..").unwrap();
    let mut pcd = reader(&world);
    let found = pcd.poll(1).remove(0);
    pcd.select(&found).unwrap();
    assert_eq!(pcd.frame(&[0xa2, 0x10, 1, 2, 3, 4]), Ok(Heard14443::Bits(0x0a, 4)));
    assert!(pcd.elapsed() > 4_000_000);
    pcd.field.advance(1_000_000_000, &world);
    assert_eq!(pcd.poll(1), []);
    pcd.field.advance(2_000_000_000, &world);
    pcd.poll(1);
    pcd.select(&found).unwrap();
    assert_eq!(bytes(&mut pcd, &[0x30, 0x10])[..4], [1, 2, 3, 4]);
}

#[test]
fn ntag213_locks_pages_for_good() {
    let write = |pcd: &mut Pcd, found: &Found, page: u8, data: [u8; 4]| {
        pcd.select(found).unwrap();
        pcd.frame(&[&[0xa2, page][..], &data].concat()) == Ok(Heard14443::Bits(0x0a, 4))
    };
    let (mut pcd, found) = selected("tag=ntag213");
    // Static: page 4 (lock 0, bit 4) and page 8 (lock 1, bit 0); then their group's bits are frozen.
    assert!(write(&mut pcd, &found, 2, [0, 0, 0x10, 0x01]));
    assert!(!write(&mut pcd, &found, 4, [9; 4]) && !write(&mut pcd, &found, 8, [9; 4]));
    assert!(write(&mut pcd, &found, 5, [9; 4]));
    assert!(write(&mut pcd, &found, 2, [0, 0, 0x02, 0]) && write(&mut pcd, &found, 2, [0, 0, 0x20, 0]));
    assert!(write(&mut pcd, &found, 5, [9; 4]), "BL9-4 froze page 5 unlocked");
    // Dynamic: bit 11 is pages 38 and 39.
    assert!(write(&mut pcd, &found, 0x28, [0, 0x08, 0, 0]));
    assert!(!write(&mut pcd, &found, 39, [9; 4]) && write(&mut pcd, &found, 37, [9; 4]));
    // The capability container only takes ones.
    assert!(write(&mut pcd, &found, 3, [0, 0, 0, 0x0f]));
    pcd.select(&found).unwrap();
    assert_eq!(bytes(&mut pcd, &[0x30, 3])[..4], [0xe1, 0x10, 0x12, 0x0f]);
}

#[test]
fn ntag213_opens_to_its_password() {
    let (mut pcd, found) = selected("tag=ntag213");
    for (page, data) in [
        (0x2b, *b"pass"),
        (0x2c, [0xaa, 0xbb, 0, 0]),
        (0x2a, [0x80, 5, 0, 0]),
        (0x29, [4, 0, 0, 0x10]),
    ] {
        assert_eq!(
            pcd.frame(&[&[0xa2, page][..], &data].concat()),
            Ok(Heard14443::Bits(0x0a, 4))
        );
    }
    assert_eq!(pcd.frame(&[0x30, 0x10]), Ok(Heard14443::Bits(0, 4)));
    pcd.select(&found).unwrap();
    // A read that runs into what is guarded goes on at page 0.
    assert_eq!(bytes(&mut pcd, &[0x30, 0x0f])[4..7], found.uid[..3]);
    assert_eq!(bytes(&mut pcd, b"\x1bpass"), [0xaa, 0xbb]);
    bytes(&mut pcd, &[0x30, 0x10]);
}

#[test]
fn halted_tags_answer_only_to_wupa() {
    let (mut pcd, _) = selected("tag=ntag213");
    pcd.deselect();
    assert_eq!(pcd.raw(&Bits::partial(&[0x26], 7), 0), None);
    assert!(pcd.raw(&Bits::partial(&[0x52], 7), 0).is_some());
}

#[test]
fn several_tags_are_told_apart_by_anticollision() {
    let mut pcd = near("tag=ntag213 tag=type4:x:y tag=ppse tag=ntag213");
    let found = pcd.poll(9);
    let mut uids: Vec<&[u8]> = found.iter().map(|tag| &tag.uid[..]).collect();
    uids.sort();
    let expected: [&[u8]; 4] = [
        &[0x04, 0x51, 0x62, 0x73, 0x84, 0x95, 0xa1],
        &[0x04, 0xa1, 0xb2, 0xc0, 0xd4, 0xe5, 0x80],
        &[0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0x80],
        &[0x08, 0x3c, 0x9f, 0x12],
    ];
    assert_eq!(uids, expected);
    for tag in &found {
        pcd.select(tag).unwrap();
    }
}

fn apdu(pcd: &mut Pcd, command: &[u8]) -> Vec<u8> {
    pcd.apdu(command).unwrap()
}

const SELECT_NDEF: [u8; 13] = [0, 0xa4, 4, 0, 7, 0xd2, 0x76, 0, 0, 0x85, 1, 1, 0];

#[test]
fn type4_is_read_as_its_specification_reads_it() {
    let (mut pcd, _) = selected("tag=type4:https://example.org");
    assert_eq!(pcd.rats().unwrap(), [0x05, 0x78, 0x80, 0x70, 0x02]);
    assert_eq!(apdu(&mut pcd, &SELECT_NDEF), [0x90, 0x00]);
    assert_eq!(apdu(&mut pcd, &[0, 0xa4, 0, 0x0c, 2, 0xe1, 0x03]), [0x90, 0x00]);
    let container = apdu(&mut pcd, &[0, 0xb0, 0, 0, 0x0f]);
    assert_eq!(container[..3], [0x00, 0x0f, 0x20]);
    assert_eq!(
        container[7..],
        [0x04, 0x06, 0xe1, 0x04, 0x08, 0x00, 0x00, 0x00, 0x90, 0x00]
    );
    assert_eq!(apdu(&mut pcd, &[0, 0xa4, 0, 0x0c, 2, 0xe1, 0x04]), [0x90, 0x00]);
    assert_eq!(apdu(&mut pcd, &[0, 0xb0, 0, 0, 2]), [0x00, 0x10, 0x90, 0x00]);
    assert_eq!(
        apdu(&mut pcd, &[0, 0xb0, 0, 2, 16]),
        b"\xd1\x01\x0cU\x04example.org\x90\0"
    );
}

#[test]
fn type4_is_written_and_read_back() {
    let (mut pcd, found) = selected("tag=type4");
    pcd.rats().unwrap();
    apdu(&mut pcd, &SELECT_NDEF);
    apdu(&mut pcd, &[0, 0xa4, 0, 0x0c, 2, 0xe1, 0x04]);
    let data: Vec<u8> = (0..200).collect();
    let command = [&[0, 0xd6, 0, 0, 200][..], &data].concat();
    assert_eq!(apdu(&mut pcd, &command), [0x90, 0x00]);
    pcd.deselect();
    pcd.select(&found).unwrap();
    pcd.rats().unwrap();
    assert_eq!(
        apdu(&mut pcd, &[0, 0xb0, 0, 0, 200]),
        [0x69, 0x86],
        "the session before selected the file"
    );
    apdu(&mut pcd, &SELECT_NDEF);
    apdu(&mut pcd, &[0, 0xa4, 0, 0x0c, 2, 0xe1, 0x04]);
    assert_eq!(apdu(&mut pcd, &[0, 0xb0, 0, 0, 200])[..200], data);
    for (command, status) in [
        (&[0, 0xb0, 0x08, 0, 1][..], [0x6b, 0x00]),
        (&[0, 0xa4, 0, 0x0c, 2, 0xe1, 0x05], [0x6a, 0x82]),
        (&[0, 0xca, 0, 0, 0], [0x6d, 0x00]),
        (&[0x80, 0xb0, 0, 0, 0], [0x6e, 0x00]),
        (&[0, 0xb0], [0x67, 0x00]),
    ] {
        assert_eq!(apdu(&mut pcd, command), status, "{command:02x?}");
    }
}

#[test]
fn a_payment_card_names_its_application() {
    let (mut pcd, found) = selected("tag=ppse");
    assert_eq!((found.uid.len(), found.uid[0]), (4, 0x08));
    pcd.rats().unwrap();
    let select = [&[0, 0xa4, 4, 0, 14][..], b"2PAY.SYS.DDF01", &[0]].concat();
    let fci = apdu(&mut pcd, &select);
    let inner =
        b"\x6f\x2f\x84\x0e2PAY.SYS.DDF01\xa5\x1d\xbf\x0c\x1a\x61\x18\x4f\x07\xa0\0\0\0\x04\x10\x10\x50\x0aMODEL CARD";
    assert_eq!(fci[..inner.len()], inner[..]);
    assert!(fci.ends_with(&[0x87, 0x01, 0x01, 0x90, 0x00]));
    assert_eq!(fci.len(), 2 + usize::from(fci[1]) + 2);
    let application = apdu(&mut pcd, &[0, 0xa4, 4, 0, 7, 0xa0, 0, 0, 0, 4, 0x10, 0x10, 0]);
    assert_eq!((application[0], application[2..4].to_vec()), (0x6f, vec![0x84, 0x07]));
    assert_eq!(apdu(&mut pcd, &[0x80, 0xa8, 0, 0, 2, 0x83, 0, 0]), [0x69, 0x85]);
}

#[test]
fn blocks_that_get_lost_are_sent_again() {
    let (mut pcd, _) = selected("tag=type4");
    assert_eq!(bytes(&mut pcd, &[0xe0, 0x80])[0], 5);
    let select = [&[0x02][..], &SELECT_NDEF].concat();
    assert_eq!(bytes(&mut pcd, &select), [0x02, 0x90, 0x00]);
    // Rule 11: R(NAK) with the card's own number brings the block again; rule 12: with the other, R(ACK).
    assert_eq!(bytes(&mut pcd, &[0xb2]), [0x02, 0x90, 0x00]);
    assert_eq!(bytes(&mut pcd, &[0xb3]), [0xa2]);
    // With a card identifier that is not its own it keeps silent.
    assert_eq!(pcd.frame(&[0x0b, 0x01, 0x00]), Err(RfError::Timeout));
    assert_eq!(bytes(&mut pcd, &[0xca, 0x00]), [0xca, 0x00]);
    assert_eq!(pcd.raw(&Bits::partial(&[0x26], 7), 0), None, "deselected means halted");
}

#[test]
fn a_damaged_answer_is_asked_for_again_and_a_lost_tag_is_not_found() {
    let (mut pcd, _) = selected("tag=type4");
    pcd.rats().unwrap();
    pcd.field.set_fault(AirFault::BadCrc, 1);
    assert_eq!(apdu(&mut pcd, &SELECT_NDEF), [0x90, 0x00]);
    pcd.field.set_fault(AirFault::TagLeaves, 2);
    assert!(pcd.is_present());
    assert_eq!(pcd.apdu(&SELECT_NDEF), Err(RfError::Timeout));
    assert!(!pcd.is_present());
}

/// A card that gives back what it got, twice.
struct Echo;

impl Application for Echo {
    fn select(&mut self) {}

    fn apdu(&mut self, command: &[u8]) -> Vec<u8> {
        command.repeat(2)
    }
}

fn echo(fsci: u8) -> Stimulus {
    let identity = Identity {
        atqa: [0x04, 0x00],
        sak: 0x20,
        uid: vec![1, 2, 3, 4],
    };
    let params = Params {
        identity,
        fsci,
        fwi: 4,
        historical: vec![0x80],
    };
    Stimulus {
        tags: vec![Tag::of(Box::new(IsoDep::new(params, Echo)))],
        ..Stimulus::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the frame sizes and whatever gets lost on the way: what goes in comes out.
    #[test]
    fn apdus_survive_chaining_and_one_damaged_frame(
        fsci in 0u8..=8, nth in 1u64..40, command in vec(any::<u8>(), 1..600),
    ) {
        let world = echo(fsci);
        let mut pcd = reader(&world);
        let found = pcd.poll(1).remove(0);
        pcd.select(&found).unwrap();
        pcd.rats().unwrap();
        pcd.field.set_fault(AirFault::BadCrc, nth);
        prop_assert_eq!(pcd.apdu(&command), Ok(command.repeat(2)));
        prop_assert_eq!(pcd.apdu(&[7]), Ok(vec![7, 7]));
    }

    /// Tags take any frames in any state without a panic, and can be selected afterwards.
    #[test]
    fn tags_take_any_frames(
        frames in vec((vec(any::<u8>(), 0..20), 0usize..8, any::<bool>()), 1..30),
    ) {
        for kind in ["tag=ntag213", "tag=type4", "tag=ppse"] {
            let (mut pcd, found) = selected(kind);
            for (frame, cut, has_crc) in &frames {
                let bytes = if *has_crc { with_crc(frame) } else { frame.clone() };
                pcd.raw(&Bits::partial(&bytes, (bytes.len() * 8).saturating_sub(*cut)), 0);
            }
            pcd.poll(1);
            pcd.select(&found).unwrap();
        }
    }

    /// All tags of a heap are found, whatever their UIDs.
    #[test]
    fn anticollision_finds_every_tag(uids in proptest::collection::hash_set(any::<[u8; 7]>(), 1..6)) {
        // A first byte of 88 would be taken for a cascade tag (ISO/IEC 14443-3, 6.5.4).
        let uids: std::collections::HashSet<[u8; 7]> =
            uids.into_iter().filter(|uid| uid[0] != 0x88 && uid[3] != 0x88).collect();
        let tags = uids.iter().map(|&uid| Tag::of(Box::new(ntag213::Ntag213::new(uid, &[])))).collect();
        let mut pcd = reader(&Stimulus { tags, ..Stimulus::default() });
        let found: std::collections::HashSet<Vec<u8>> = pcd.poll(9).into_iter().map(|tag| tag.uid).collect();
        prop_assert_eq!(found, uids.iter().map(|uid| uid.to_vec()).collect());
    }
}
