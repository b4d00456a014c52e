// SPDX-License-Identifier: GPL-2.0-only
//! Tags that lie. That honest ones are read is seen through the driver (`tests/nfc.rs`).

use super::*;

/// A Type 2 tag: its pages from 3 on.
struct Pages(Vec<u8>);

impl Exchange for Pages {
    fn transceive(&mut self, command: &[u8]) -> Result<Vec<u8>, NfcError> {
        let at = |page: u8| (usize::from(page) - 3) * 4;
        match command {
            [0x30, page] => {
                let mut answer = self.0.get(at(*page)..).unwrap_or_default().to_vec();
                answer.resize(16, 0);
                Ok(answer)
            }
            [0xa2, page, bytes @ ..] => match self.0.get_mut(at(*page)..at(*page) + 4) {
                Some(room) => {
                    room.copy_from_slice(bytes);
                    Ok(vec![0x0a])
                }
                None => Ok(vec![0x00]),
            },
            _ => panic!("{command:02x?}"),
        }
    }

    fn renew(&mut self) -> Result<(), NfcError> {
        Ok(())
    }
}

/// A tag that answers anything with the next of these.
struct Script(std::vec::IntoIter<Vec<u8>>);

impl Exchange for Script {
    fn transceive(&mut self, _command: &[u8]) -> Result<Vec<u8>, NfcError> {
        self.0.next().ok_or(NfcError::Timeout("exchange", 0))
    }

    fn renew(&mut self) -> Result<(), NfcError> {
        Ok(())
    }
}

fn pages(container: [u8; 4], blocks: &[u8]) -> Pages {
    let mut memory = container.to_vec();
    memory.extend(blocks);
    memory.resize(4 + usize::from(container[2]) * 8, 0);
    Pages(memory)
}

fn read2(mut tag: Pages) -> Result<Option<Vec<u8>>, NfcError> {
    Type2::open(&mut tag)?.map(|mut tag| tag.read()).transpose()
}

#[test]
fn blocks_before_the_message_are_passed_over() {
    let blocks = [1, 3, 0xa0, 0x0c, 0x34, 0, 0, 3, 2, 0xd0, 0x00, 0xfe];
    let message = read2(pages([0xe1, 0x10, 18, 0], &blocks)).unwrap();
    assert_eq!(message, Some(vec![0xd0, 0x00]));
}

#[test]
fn a_length_behind_the_end_is_refused() {
    for blocks in [&[3, 250][..], &[3, 0xff, 0xff, 0xff], &[1, 0x90, 0, 0]] {
        let error = read2(pages([0xe1, 0x10, 18, 0], blocks)).unwrap_err().to_string();
        assert!(error.contains("more than the tag's 144"), "{error}");
    }
}

#[test]
fn a_tag_that_is_not_formatted_has_no_message() {
    assert_eq!(read2(pages([0, 0, 18, 0], &[])).unwrap(), None);
    assert_eq!(read2(pages([0xe1, 0x10, 18, 0], &[])).unwrap(), Some(Vec::new()));
    assert!(read2(pages([0xe1, 0x40, 18, 0], &[])).is_err());
}

#[test]
fn what_is_written_is_read_again_at_every_length() {
    for len in [0, 1, 2, 3, 100, 141, 142, 254, 255, 256, 400] {
        let mut tag = pages([0xe1, 0x10, 60, 0], &[1, 3, 0xa0, 0x0c, 0x34, 3, 0, 0xfe]);
        let message: Vec<u8> = (0..len).map(|at| u8::try_from(at & 0xff).unwrap_or(0)).collect();
        Type2::open(&mut tag).unwrap().unwrap().write(&message).unwrap();
        assert_eq!(tag.0[4..9], [1, 3, 0xa0, 0x0c, 0x34], "what stood before is left");
        assert_eq!(
            Type2::open(&mut tag).unwrap().unwrap().read().unwrap(),
            message,
            "{len}"
        );
    }
}

#[test]
fn a_first_message_stands_behind_the_blocks_that_are_there() {
    const LOCK: [u8; 5] = [1, 3, 0xa0, 0x0c, 0x34];
    for end in [0xfe, 0] {
        let mut tag = pages([0xe1, 0x10, 18, 0], &LOCK);
        tag.0[4 + LOCK.len()] = end;
        Type2::open(&mut tag).unwrap().unwrap().write(&[7, 8, 9]).unwrap();
        assert_eq!(tag.0[4..15], [&LOCK[..], &[3, 3, 7, 8, 9, 0xfe]].concat());
    }
}

#[test]
fn a_message_that_does_not_fit_leaves_the_tag_alone() {
    let mut tag = pages([0xe1, 0x10, 18, 0], &[3, 1, 0xaa, 0xfe]);
    let before = tag.0.clone();
    let error = Type2::open(&mut tag).unwrap().unwrap().write(&[0; 143]).unwrap_err();
    assert!(matches!(error, NfcError::TooLong { room: 142, .. }), "{error}");
    assert_eq!(tag.0, before);
    tag.0[3] = 0x0f;
    assert!(
        Type2::open(&mut tag).unwrap().unwrap().write(&[]).is_err(),
        "it is read-only"
    );
}

fn read4(answers: &[&[u8]]) -> Result<Option<Vec<u8>>, NfcError> {
    let mut tag = Script(
        answers
            .iter()
            .map(|answer| answer.to_vec())
            .collect::<Vec<_>>()
            .into_iter(),
    );
    Type4::open(&mut tag)?.map(|mut tag| tag.read()).transpose()
}

const DONE: &[u8] = &[0x90, 0x00];
const CONTAINER: &[u8] = &[0, 15, 0x20, 0, 59, 0, 52, 4, 6, 0xe1, 4, 0, 50, 0, 0, 0x90, 0];

#[test]
fn a_card_without_the_application_has_no_message() {
    assert_eq!(read4(&[&[0x6a, 0x82]]).unwrap(), None);
}

#[test]
fn a_type_4_tag_that_lies_is_refused() {
    let cases: [(&[&[u8]], &str); 6] = [
        (&[&[0x90]], "without a status word"),
        (&[DONE, DONE, &[0, 15, 0x90, 0]], "too few bytes"),
        (
            &[DONE, DONE, CONTAINER, DONE, &[0, 60, 0x90, 0]],
            "60 bytes in a file of 50",
        ),
        (
            &[DONE, DONE, CONTAINER, DONE, &[0, 2, 0x90, 0], &[1, 2, 3, 0x90, 0]],
            "brought 3",
        ),
        (&[DONE, DONE, CONTAINER, DONE, &[0, 2, 0x90, 0], DONE], "brought 0"),
        (&[DONE, DONE, CONTAINER, &[0x6a, 0x82]], "6a82"),
    ];
    for (answers, part) in cases {
        let error = read4(answers).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

/// A tag that says yes to a write and does nothing.
struct Forgetful(Pages);

impl Exchange for Forgetful {
    fn transceive(&mut self, command: &[u8]) -> Result<Vec<u8>, NfcError> {
        if command[0] == 0xa2 {
            Ok(vec![0x0a])
        } else {
            self.0.transceive(command)
        }
    }

    fn renew(&mut self) -> Result<(), NfcError> {
        Ok(())
    }
}

#[test]
fn what_was_not_written_is_noticed() {
    let mut tag = Forgetful(pages([0xe1, 0x10, 18, 0], &[3, 1, 0xaa, 0xfe]));
    let error = Type2::open(&mut tag)
        .unwrap()
        .unwrap()
        .write(&[1, 2, 3])
        .unwrap_err()
        .to_string();
    assert!(error.contains("holds something else"), "{error}");
}
