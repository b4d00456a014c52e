// SPDX-License-Identifier: GPL-2.0-only
//! What all cards of type A do alike: ISO/IEC 14443-3, 6.3 to 6.5.
//!
//! ```text
//!            REQA, WUPA          all levels selected
//!   idle ────────────────> ready ───────────────────> active ──HLTA──> halt
//!    ^                       │ anything unexpected       │ error         │ WUPA
//!    └───────────────────────┴───────────────────────────┘               └──> ready*, active*
//! ```
//!
//! The starred states are those of a card that was halted before: an error sends it back to halt, not to idle.

use super::{Card, Identity, Next};
use crate::nfc::rf::{Bits, with_crc, without_crc};

const REQA: u8 = 0x26;
const WUPA: u8 = 0x52;
const HLTA: [u8; 2] = [0x50, 0x00];
/// SEL of the first cascade level; each next one is 2 more.
const SEL_1: u8 = 0x93;
/// Cascade tag: more of the UID follows.
const CT: u8 = 0x88;
/// In SAK: the UID is not complete.
const SAK_CASCADE: u8 = 0x04;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// The cascade level that is being asked for, from 0.
    Ready(usize),
    Active,
    Halt,
}

/// A card on the air.
pub(super) struct Nfca {
    card: Box<dyn Card>,
    state: State,
    was_halted: bool,
}

impl Nfca {
    pub(super) fn new(card: Box<dyn Card>) -> Self {
        Nfca {
            card,
            state: State::Idle,
            was_halted: false,
        }
    }

    pub(super) fn identity(&self) -> Identity {
        self.card.identity()
    }

    pub(super) fn power_off(&mut self) {
        (self.state, self.was_halted) = (State::Idle, false);
    }

    pub(super) fn is_selected(&self) -> bool {
        self.state == State::Active
    }

    /// Back to where it waits for a request.
    fn fall_back(&mut self) {
        self.state = if self.was_halted { State::Halt } else { State::Idle };
    }

    pub(super) fn frame(&mut self, frame: &Bits) -> Option<(Bits, u64)> {
        if frame.len() == 7 {
            return self.request(frame.to_bytes().first().copied()?).map(|bits| (bits, 0));
        }
        match self.state {
            State::Idle | State::Halt => None,
            State::Ready(level) => self.anticollision(level, frame).map(|bits| (bits, 0)),
            State::Active => self.active(frame),
        }
    }

    fn request(&mut self, command: u8) -> Option<Bits> {
        let is_meant = match self.state {
            State::Idle => command == REQA || command == WUPA,
            State::Halt => command == WUPA,
            State::Ready(_) | State::Active => {
                self.fall_back();
                return None;
            }
        };
        if !is_meant {
            return None;
        }
        self.was_halted = self.state == State::Halt;
        self.state = State::Ready(0);
        Some(Bits::bytes(&self.card.identity().atqa))
    }

    /// ANTICOLLISION or SELECT of one level.
    fn anticollision(&mut self, level: usize, frame: &Bits) -> Option<Bits> {
        let answer = self.try_anticollision(level, frame);
        if answer.is_none() {
            self.fall_back();
        }
        answer
    }

    fn try_anticollision(&mut self, level: usize, frame: &Bits) -> Option<Bits> {
        let identity = self.card.identity();
        let (part, is_last) = uid_part(&identity.uid, level)?;
        let bytes = frame.to_bytes();
        let [sel, nvb, ..] = bytes[..] else {
            return None;
        };
        if usize::from(sel) != usize::from(SEL_1) + 2 * level {
            return None;
        }
        if nvb == 0x70 {
            let selected = without_crc(&bytes)?;
            if selected.get(2..) != Some(&part[..]) {
                return None;
            }
            if is_last {
                self.state = State::Active;
                self.card.select();
            } else {
                self.state = State::Ready(level + 1);
            }
            let sak = if is_last { identity.sak } else { SAK_CASCADE };
            return Some(Bits::bytes(&with_crc(&[sak])));
        }
        let known = frame.as_slice().get(16..)?;
        // NVB counts whole bytes with SEL and itself, and the bits behind them (ISO/IEC 14443-3, table 7).
        let count = usize::from(nvb >> 4) * 8 + usize::from(nvb & 0x0f);
        let part = Bits::bytes(&part);
        if count != frame.len() || !part.as_slice().starts_with(known) {
            return None;
        }
        part.as_slice().get(known.len()..).map(Bits::from_bits)
    }

    fn active(&mut self, frame: &Bits) -> Option<(Bits, u64)> {
        let bytes = frame.to_bytes();
        let payload = if frame.len().is_multiple_of(8) {
            without_crc(&bytes)
        } else {
            None
        };
        if payload == Some(&HLTA[..]) {
            self.state = State::Halt;
            return None;
        }
        let answer = match payload {
            Some(payload) => self.card.frame(payload),
            None => self.card.damaged(),
        };
        match answer.next {
            Next::Stay => {}
            Next::Idle => self.fall_back(),
            Next::Halt => self.state = State::Halt,
        }
        answer.bits.map(|bits| (bits, answer.delay_ns))
    }
}

/// The four bytes and the check byte that a card sends at a level, and whether that is the last level.
fn uid_part(uid: &[u8], level: usize) -> Option<([u8; 5], bool)> {
    let levels = match uid.len() {
        4 => 1,
        7 => 2,
        _ => 3,
    };
    let rest = uid.get(3 * level..)?;
    let is_last = level + 1 == levels;
    let mut part = [CT; 5];
    if is_last {
        part[..4].copy_from_slice(rest.get(..4)?);
    } else {
        part[1..4].copy_from_slice(rest.get(..3)?);
    }
    part[4] = part[0] ^ part[1] ^ part[2] ^ part[3];
    Some((part, is_last))
}
