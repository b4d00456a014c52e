// SPDX-License-Identifier: GPL-2.0-only
//! NXP NTAG213: an NFC Forum Type 2 tag with 144 bytes for the user.
//!
//! From the data sheet NTAG213/215/216, revision 3.2; sections and tables in the comments are its.
//!
//! | pages | what is there |
//! |---|---|
//! | 0x00–0x02 | UID with two check bytes, internal byte, static lock bytes |
//! | 0x03 | capability container, one-time programmable |
//! | 0x04–0x27 | user memory |
//! | 0x28 | dynamic lock bytes |
//! | 0x29–0x2a | configuration: mirror, AUTH0, ACCESS |
//! | 0x2b–0x2c | password and its acknowledge, read as 0 |
//!
//! Not modelled: the ASCII mirror (its bits are stored and do nothing), the NFC counter's increment, the originality
//! signature (READ_SIG is answered with a NAK: only NXP can sign).

use super::{Answer, Card, Identity, Next, ndef};

/// Pages of four bytes (8.5).
pub const PAGES: usize = 45;
/// First page of the user's memory.
const USER: usize = 0x04;
/// Bytes of the user's memory.
pub const USER_LEN: usize = 144;
const DYNAMIC_LOCK: usize = 0x28;
const CFG_0: usize = 0x29;
const CFG_1: usize = 0x2a;
const PWD: usize = 0x2b;
const PACK: usize = 0x2c;

/// ACK and the NAKs (9.3, table 23).
const ACK: u8 = 0x0a;
const NAK_ARGUMENT: u8 = 0x0;
const NAK_CRC: u8 = 0x1;

/// Time to write a page in ns (table 32: typically 4.1 ms from command to acknowledge).
const WRITE_NS: u64 = 4_100_000;

/// GET_VERSION (10.1, table 28): vendor NXP, NTAG, 50 pF, version 1.0, 144 bytes, ISO/IEC 14443-3.
const VERSION: [u8; 8] = [0x00, 0x04, 0x04, 0x02, 0x01, 0x00, 0x0f, 0x03];

/// As it comes from the factory, from page 3 on (8.5.6): the capability container, a lock control TLV that says where
/// the dynamic lock bytes are, and an empty NDEF message.
const DELIVERY: [u8; 12] = [0xe1, 0x10, 0x12, 0x00, 0x01, 0x03, 0xa0, 0x0c, 0x34, 0x03, 0x00, 0xfe];
/// Where the NDEF TLV begins.
const NDEF_TLV: usize = USER * 4 + 5;

/// The tag.
pub struct Ntag213 {
    memory: [u8; PAGES * 4],
    /// PWD_AUTH was right in this session.
    is_open: bool,
    /// Wrong passwords so far; it stays over sessions.
    failures: u8,
    /// COMPATIBILITY_WRITE waits for its second part, for this page.
    half_write: Option<usize>,
}

impl Ntag213 {
    /// A tag with this UID that holds `message`, or as much of it as fits.
    pub fn new(uid: [u8; 7], message: &[u8]) -> Self {
        let mut memory = [0; PAGES * 4];
        memory[..3].copy_from_slice(&uid[..3]);
        // The first check byte covers the cascade tag too.
        memory[3] = 0x88 ^ uid[0] ^ uid[1] ^ uid[2];
        memory[4..8].copy_from_slice(&uid[3..]);
        memory[8] = uid[3] ^ uid[4] ^ uid[5] ^ uid[6];
        memory[9] = 0x48;
        memory[12..24].copy_from_slice(&DELIVERY);
        let tlv = ndef_tlv(message);
        for (byte, value) in memory[NDEF_TLV..DYNAMIC_LOCK * 4].iter_mut().zip(tlv) {
            *byte = value;
        }
        memory[DYNAMIC_LOCK * 4 + 3] = 0xbd;
        memory[CFG_0 * 4..CFG_0 * 4 + 4].copy_from_slice(&[0x04, 0, 0, 0xff]);
        memory[CFG_1 * 4 + 1] = 0x05;
        memory[PWD * 4..PWD * 4 + 4].fill(0xff);
        Ntag213 {
            memory,
            is_open: false,
            failures: 0,
            half_write: None,
        }
    }

    /// Whether a message of so many bytes fits behind the lock control TLV.
    pub fn fits(message_len: usize) -> bool {
        ndef_tlv(&vec![0; message_len]).len() <= USER_LEN - 5
    }

    fn page(&self, page: usize) -> [u8; 4] {
        let at = page * 4;
        let mut bytes = [0; 4];
        // The password never leaves the tag (8.8.1); page 0x2c beyond PACK is reserved and 0.
        if page < PWD {
            bytes.copy_from_slice(&self.memory[at..at + 4]);
        }
        bytes
    }

    /// Whether the password guards this page against writing, or reading (8.8).
    fn is_guarded(&self, page: usize, is_read: bool) -> bool {
        let auth0 = usize::from(self.memory[CFG_0 * 4 + 3]);
        let guards_reads = self.memory[CFG_1 * 4] & 0x80 != 0;
        page >= auth0 && !self.is_open && (guards_reads || !is_read)
    }

    /// READ: four pages from `page` on, and from page 0 again after the last (10.2).
    fn read(&self, page: usize) -> Answer {
        if page >= PAGES || self.is_guarded(page, true) {
            return refuse(NAK_ARGUMENT);
        }
        // What is guarded ends the memory earlier.
        let end = (0..PAGES)
            .find(|&at| at > page && self.is_guarded(at, true))
            .unwrap_or(PAGES);
        let pages = (page..end).chain(0..page).take(4);
        Answer::bytes(&pages.flat_map(|page| self.page(page)).collect::<Vec<u8>>())
    }

    fn fast_read(&self, first: usize, last: usize) -> Answer {
        if first > last || last >= PAGES || (first..=last).any(|page| self.is_guarded(page, true)) {
            return refuse(NAK_ARGUMENT);
        }
        Answer::bytes(&(first..=last).flat_map(|page| self.page(page)).collect::<Vec<u8>>())
    }

    /// WRITE (10.4): one page, as far as its lock bits allow.
    fn write(&mut self, page: usize, data: [u8; 4]) -> Answer {
        let is_fixed = !(2..PAGES).contains(&page) || self.is_guarded(page, false) || self.is_locked(page);
        let is_frozen = (page == CFG_0 || page == CFG_1) && self.memory[CFG_1 * 4] & 0x40 != 0;
        if is_fixed || is_frozen {
            return refuse(NAK_ARGUMENT);
        }
        let old: [u8; 4] = std::array::from_fn(|at| self.memory[page * 4 + at]);
        let new = match page {
            // Static lock bytes: bits can only be set, and only where their group is not frozen (8.5.2).
            2 => [
                old[0],
                old[1],
                old[2] | data[2] & !self.frozen_static()[0],
                old[3] | data[3] & !self.frozen_static()[1],
            ],
            // One-time programmable (8.5.5).
            3 => std::array::from_fn(|at| old[at] | data[at]),
            DYNAMIC_LOCK => self.new_dynamic_lock(old, data),
            PACK => [data[0], data[1], 0, 0],
            _ => data,
        };
        self.memory[page * 4..page * 4 + 4].copy_from_slice(&new);
        Answer::nibble(ACK, Next::Stay).after(WRITE_NS)
    }

    /// The static lock bits that the block-locking bits freeze.
    fn frozen_static(&self) -> [u8; 2] {
        let bl = self.memory[10];
        let mut frozen = [0; 2];
        if bl & 0x01 != 0 {
            frozen[0] |= 0x08;
        }
        if bl & 0x02 != 0 {
            frozen[0] |= 0xf0;
            frozen[1] |= 0x03;
        }
        if bl & 0x04 != 0 {
            frozen[1] |= 0xfc;
        }
        frozen
    }

    /// Dynamic lock bytes (8.5.3): each of 12 bits locks two pages from 16 on, each of 6 freezes two of those bits.
    fn new_dynamic_lock(&self, old: [u8; 4], data: [u8; 4]) -> [u8; 4] {
        let frozen = (0..6)
            .filter(|bit| old[2] >> bit & 1 == 1)
            .fold(0u16, |mask, bit| mask | 0x3 << (2 * bit));
        let [low, high] = (0x0fff & !frozen).to_le_bytes();
        [
            old[0] | data[0] & low,
            old[1] | data[1] & high,
            old[2] | data[2] & 0x3f,
            old[3],
        ]
    }

    fn is_locked(&self, page: usize) -> bool {
        let bit_of = |byte: u8, bit: usize| byte >> bit & 1 == 1;
        match page {
            3..8 => bit_of(self.memory[10], page),
            8..16 => bit_of(self.memory[11], page - 8),
            16..DYNAMIC_LOCK => {
                let bit = (page - 16) / 2;
                bit_of(self.memory[DYNAMIC_LOCK * 4 + bit / 8], bit % 8)
            }
            _ => false,
        }
    }

    /// PWD_AUTH (10.7) with the limit of failures in ACCESS.
    fn authenticate(&mut self, password: &[u8]) -> Answer {
        let limit = self.memory[CFG_1 * 4] & 0x07;
        if limit != 0 && self.failures >= 1 << limit.min(7) {
            return refuse(0x4);
        }
        if password != &self.memory[PWD * 4..PWD * 4 + 4] {
            self.failures = self.failures.saturating_add(1);
            return refuse(NAK_ARGUMENT);
        }
        (self.is_open, self.failures) = (true, 0);
        Answer::bytes(&self.memory[PACK * 4..PACK * 4 + 2])
    }
}

/// A NAK; the tag then waits to be selected again (8.4, figure 5).
fn refuse(nak: u8) -> Answer {
    Answer::nibble(nak, Next::Idle)
}

/// An NDEF message TLV and the terminator (Type 2 Tag 1.2, 2.3).
fn ndef_tlv(message: &[u8]) -> Vec<u8> {
    let len = message.len();
    let mut tlv = match u8::try_from(len) {
        Ok(len) if len < 0xff => vec![0x03, len],
        _ => [&[0x03, 0xff][..], &u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes()].concat(),
    };
    tlv.extend(message);
    tlv.push(0xfe);
    tlv
}

impl Card for Ntag213 {
    fn identity(&self) -> Identity {
        let uid = [&self.memory[..3], &self.memory[4..8]].concat();
        Identity {
            atqa: [0x44, 0x00],
            sak: 0x00,
            uid,
        }
    }

    fn select(&mut self) {
        (self.is_open, self.half_write) = (false, None);
    }

    fn frame(&mut self, frame: &[u8]) -> Answer {
        if let Some(page) = self.half_write.take() {
            return match frame.first_chunk() {
                Some(data) if frame.len() == 16 => self.write(page, *data),
                _ => refuse(NAK_ARGUMENT),
            };
        }
        match *frame {
            [0x30, page] => self.read(page.into()),
            [0x3a, first, last] => self.fast_read(first.into(), last.into()),
            [0xa2, page, a, b, c, d] => self.write(page.into(), [a, b, c, d]),
            // COMPATIBILITY_WRITE (10.5): the first of 16 bytes follow in a frame of their own.
            [0xa0, page] if (2..PAGES).contains(&page.into()) => {
                self.half_write = Some(page.into());
                Answer::nibble(ACK, Next::Stay)
            }
            [0x60] => Answer::bytes(&VERSION),
            [0x1b, ref password @ ..] if password.len() == 4 => self.authenticate(password),
            _ => refuse(NAK_ARGUMENT),
        }
    }

    fn damaged(&mut self) -> Answer {
        refuse(NAK_CRC)
    }
}

/// The tag that a stimulus names: with this number and this URI.
pub fn with_uri(number: u8, uri: &str) -> Ntag213 {
    Ntag213::new(
        [0x04, 0xa1, 0xb2, 0xc0_u8.wrapping_add(number), 0xd4, 0xe5, 0x80],
        &ndef::uri_message(uri),
    )
}
