// SPDX-License-Identifier: GPL-2.0-only
//! Firmware download mode: what the chip's boot loader does with frames.
//!
//! NXP describes this protocol only to its customers; what is here is what captures of hosts and chips agree on:
//!
//! ```text
//! length (10 bits) and, as bit 10, "more chunks follow", high byte first
//! · payload · CRC-16 of all that, high byte first
//! to the chip: an opcode and its data          to the host: a status and three bytes of 0
//! ```
//!
//! The loader checks lengths, CRCs and chunks. It takes any content: only NXP can sign firmware, and nobody here can
//! check the signature.

use crc::{CRC_16_IBM_3740, Crc};

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_3740);

/// In the head: the payload goes on in the next frame.
const CHUNK: u16 = 0x0400;
const LENGTH: u16 = 0x03ff;

/// Opcodes.
const WRITE: u8 = 0xc0;
const RESET: u8 = 0xf0;

/// Statuses.
const OK: u8 = 0x00;
const GENERIC_ERROR: u8 = 0x0b;
const PROTOCOL_ERROR: u8 = 0x28;
const FIRST_CHUNK: u8 = 0x2d;
const NEXT_CHUNK: u8 = 0x2e;

/// What the loader does about a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Loaded {
    /// It is not complete yet.
    Incomplete,
    /// It is, with so many bytes, and this is the answer.
    Answer(usize, Vec<u8>),
    /// The host wants the chip to restart.
    Restart,
}

/// The boot loader.
#[derive(Default)]
pub(super) struct Loader {
    /// The payload so far, while chunks come.
    payload: Vec<u8>,
}

fn frame(status: u8) -> Vec<u8> {
    let body = [0x00, 0x04, status, 0, 0, 0];
    [&body[..], &CRC.checksum(&body).to_be_bytes()].concat()
}

impl Loader {
    /// Looks at what the host has sent.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Loaded {
        let Some((head, _)) = bytes.split_first_chunk::<2>() else {
            return Loaded::Incomplete;
        };
        let head = u16::from_be_bytes(*head);
        let end = 2 + usize::from(head & LENGTH);
        let (Some(body), Some(crc)) = (bytes.get(..end), bytes.get(end..end + 2)) else {
            return Loaded::Incomplete;
        };
        let answer = |status| Loaded::Answer(end + 2, frame(status));
        if CRC.checksum(body).to_be_bytes() != crc {
            self.payload.clear();
            return answer(PROTOCOL_ERROR);
        }
        let is_first = self.payload.is_empty();
        self.payload.extend(&body[2..]);
        if head & CHUNK != 0 {
            return answer(if is_first { FIRST_CHUNK } else { NEXT_CHUNK });
        }
        match std::mem::take(&mut self.payload).first() {
            Some(&WRITE) => answer(OK),
            Some(&RESET) => Loaded::Restart,
            _ => answer(GENERIC_ERROR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame with this head and payload.
    fn of_host(head: u16, payload: &[u8]) -> Vec<u8> {
        let body = [
            &(head | u16::try_from(payload.len()).unwrap()).to_be_bytes()[..],
            payload,
        ]
        .concat();
        [&body[..], &CRC.checksum(&body).to_be_bytes()].concat()
    }

    #[test]
    fn checksums_are_those_of_captured_frames() {
        assert_eq!(of_host(0, &[0xf1, 0, 0, 0])[6..], [0x6e, 0xef]);
        assert_eq!(of_host(0, &[0xf2, 0, 0, 0])[6..], [0xf5, 0x33]);
        assert_eq!(of_host(0, &[0xf0, 0, 0, 0])[6..], [0x18, 0x5b]);
    }

    #[test]
    fn chunks_are_put_together_and_damage_is_told() {
        let mut loader = Loader::default();
        let first = of_host(CHUNK, &[WRITE, 1, 2, 3]);
        assert_eq!(loader.take(&first[..5]), Loaded::Incomplete);
        assert_eq!(loader.take(&first), Loaded::Answer(8, frame(FIRST_CHUNK)));
        assert_eq!(
            loader.take(&of_host(CHUNK, &[4, 5])),
            Loaded::Answer(6, frame(NEXT_CHUNK))
        );
        assert_eq!(loader.take(&of_host(0, &[6])), Loaded::Answer(5, frame(OK)));
        let mut damaged = of_host(0, &[WRITE, 7]);
        damaged[3] ^= 1;
        assert_eq!(loader.take(&damaged), Loaded::Answer(6, frame(PROTOCOL_ERROR)));
        assert_eq!(
            loader.take(&of_host(0, &[0x77])),
            Loaded::Answer(5, frame(GENERIC_ERROR))
        );
        assert_eq!(loader.take(&of_host(0, &[RESET, 0, 0, 0])), Loaded::Restart);
    }
}
