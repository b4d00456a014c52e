// SPDX-License-Identifier: GPL-2.0-only
//! The air: frames as bits, and the field of one reader with the tags in it.
//!
//! ISO/IEC 14443-3 type A at 106 kbit/s. Parity bits are left out, since nothing here damages single bits without
//! saying so; their time on the air is counted.

use super::tag::Tag;
use crate::chip::NEVER;
use crate::stimulus::Stimulus;
use crc::{CRC_16_ISO_IEC_14443_3_A, Crc};

/// One bit on the air in ns: 128 periods of the 13.56 MHz carrier.
pub const BIT_NS: u64 = 9_440;

/// The least time between a frame and its answer in ns: 1172 periods of the carrier (ISO/IEC 14443-3, 6.2.1.1).
pub const FRAME_DELAY_NS: u64 = 86_430;

/// The CRC of type A (ISO/IEC 14443-3, annex B).
const CRC_A: Crc<u16> = Crc::<u16>::new(&CRC_16_ISO_IEC_14443_3_A);

/// The two bytes of CRC_A as they follow `bytes` on the air.
pub fn crc_a(bytes: &[u8]) -> [u8; 2] {
    CRC_A.checksum(bytes).to_le_bytes()
}

/// `bytes` with their CRC behind them.
pub fn with_crc(bytes: &[u8]) -> Vec<u8> {
    [bytes, &crc_a(bytes)].concat()
}

/// `frame` without its CRC, or `None` if that is wrong or not there.
pub fn without_crc(frame: &[u8]) -> Option<&[u8]> {
    let (bytes, crc) = frame.split_last_chunk::<2>()?;
    (crc_a(bytes) == *crc).then_some(bytes)
}

/// A frame: bits in their order on the air, each byte's lowest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits(Vec<bool>);

impl Bits {
    /// Whole bytes.
    pub fn bytes(bytes: &[u8]) -> Bits {
        Bits::partial(bytes, bytes.len() * 8)
    }

    /// The first `count` bits of `bytes`.
    pub fn partial(bytes: &[u8], count: usize) -> Bits {
        let bits = bytes
            .iter()
            .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
        Bits(bits.take(count).collect())
    }

    /// Bits one by one.
    pub fn from_bits(bits: &[bool]) -> Bits {
        Bits(bits.to_vec())
    }

    /// The bits.
    pub fn as_slice(&self) -> &[bool] {
        &self.0
    }

    /// Number of bits.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As bytes; the missing bits of the last one are 0.
    pub fn to_bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
        self.0.chunks(8).map(byte).collect()
    }

    /// Time on the air: start, the bits with a parity bit for each byte, end.
    pub fn air_ns(&self) -> u64 {
        (self.0.len() + self.0.len() / 8 + 2) as u64 * BIT_NS
    }
}

/// What a reader hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The bits; where tags differ, 1, because a tag that says 0 is not louder than one that says 1.
    pub bits: Bits,
    /// The first bit in which the answers of several tags differ.
    pub collision: Option<usize>,
}

/// What came of one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The answer, or silence.
    pub heard: Option<Heard>,
    /// From the frame's first bit to the answer's last in ns; after a silence, only the frame's own time.
    pub ns: u64,
    /// From the frame's end to the answer's beginning in ns.
    pub delay_ns: u64,
}

/// What can go wrong on the air, on request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AirFault {
    /// The frame is not answered, and all tags are away for [`AWAY_NS`].
    TagLeaves,
    /// The answer comes with a bit changed.
    BadCrc,
}

/// How long the tags stay away after [`AirFault::TagLeaves`].
pub const AWAY_NS: u64 = 100_000_000;

/// The field of one reader.
#[derive(Default)]
pub struct Field {
    tags: Vec<Tag>,
    since_ns: u64,
    now: u64,
    is_on: bool,
    /// By tag, whether it is near.
    near: Vec<bool>,
    /// By tag, whether it feels the field.
    powered: Vec<bool>,
    away_until: u64,
    /// How many frames to a selected tag are still to come before the fault.
    fault: Option<(AirFault, u64)>,
    /// Counts the changes of what is in the field.
    generation: u64,
}

impl Field {
    /// Lets tags enter and leave until `now`.
    pub fn advance(&mut self, now: u64, world: &Stimulus) {
        if self.tags != world.tags || self.since_ns != world.since_ns {
            self.power_all_off();
            self.tags.clone_from(&world.tags);
            self.powered = vec![false; self.tags.len()];
            self.near = vec![false; self.tags.len()];
            self.since_ns = world.since_ns;
            self.generation += 1;
        }
        self.now = now.max(self.now);
        self.update();
    }

    fn update(&mut self) {
        let age_ns = self.now.saturating_sub(self.since_ns);
        for ((tag, near), powered) in self.tags.iter().zip(&mut self.near).zip(&mut self.powered) {
            let is_near = self.now >= self.away_until && tag.is_near(age_ns);
            if is_near != *near {
                *near = is_near;
                self.generation += 1;
            }
            let is_powered = self.is_on && is_near;
            if is_powered != *powered {
                *powered = is_powered;
                tag.power(is_powered);
            }
        }
    }

    fn power_all_off(&mut self) {
        for (tag, powered) in self.tags.iter().zip(&mut self.powered) {
            if std::mem::take(powered) {
                tag.power(false);
            }
        }
    }

    /// Switches the carrier. All tags forget what was agreed with them when it goes.
    pub fn switch(&mut self, is_on: bool) {
        self.is_on = is_on;
        self.update();
    }

    /// Whether the carrier is on.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Whether any tag is near.
    pub fn has_tags(&self) -> bool {
        self.near.contains(&true)
    }

    /// Changes whenever a tag comes or goes.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// When a tag next comes near or leaves, or [`NEVER`].
    pub fn next_change(&self) -> u64 {
        let back = if self.now < self.away_until {
            self.away_until
        } else {
            NEVER
        };
        let since = self.since_ns;
        let change = |tag: &Tag| tag.next_change(self.now.saturating_sub(since)).saturating_add(since);
        self.tags.iter().map(change).min().unwrap_or(NEVER).min(back)
    }

    /// Lets the `nth` frame from now on to a selected tag go wrong, once.
    pub fn set_fault(&mut self, fault: AirFault, nth: u64) {
        self.fault = Some((fault, nth.max(1)));
    }

    /// Sends a frame and listens.
    pub fn exchange(&mut self, frame: &Bits) -> Reply {
        let silence = Reply {
            heard: None,
            ns: frame.air_ns(),
            delay_ns: 0,
        };
        if !self.is_on {
            return silence;
        }
        let powered = || self.tags.iter().zip(&self.powered).filter(|(_, powered)| **powered);
        let fault = match &mut self.fault {
            Some((_, left)) if powered().any(|(tag, _)| tag.is_selected()) => {
                *left -= 1;
                (*left == 0).then(|| self.fault.take()).flatten()
            }
            _ => None,
        };
        if let Some((AirFault::TagLeaves, _)) = fault {
            self.away_until = self.now.saturating_add(AWAY_NS);
            self.update();
            return silence;
        }
        let answers: Vec<(Bits, u64)> = powered().filter_map(|(tag, _)| tag.frame(frame)).collect();
        let delay_ns = answers.iter().map(|(_, delay_ns)| *delay_ns).max().unwrap_or(0);
        let Some(mut heard) = overlay(answers.into_iter().map(|(bits, _)| bits)) else {
            return silence;
        };
        if fault.is_some()
            && let Some(bit) = heard.bits.0.last_mut()
        {
            *bit = !*bit;
        }
        let delay_ns = delay_ns.max(FRAME_DELAY_NS);
        let ns = frame.air_ns() + delay_ns + heard.bits.air_ns();
        Reply {
            heard: Some(heard),
            ns,
            delay_ns,
        }
    }
}

/// What is heard when several answer at once.
fn overlay(answers: impl Iterator<Item = Bits>) -> Option<Heard> {
    answers.fold(None, |heard, bits| {
        let Some(Heard {
            bits: before,
            collision,
        }) = heard
        else {
            return Some(Heard { bits, collision: None });
        };
        let (long, short) = if before.len() >= bits.len() {
            (before, bits)
        } else {
            (bits, before)
        };
        let same = long
            .0
            .iter()
            .zip(&short.0)
            .take_while(|(one, other)| one == other)
            .count();
        let here = (same < long.len()).then_some(same);
        let collision = [collision, here].into_iter().flatten().min();
        let mut both = long;
        for (bit, other) in both.0.iter_mut().zip(&short.0) {
            *bit |= other;
        }
        Some(Heard { bits: both, collision })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_of_the_standard() {
        // ISO/IEC 14443-3, annex B: the two examples.
        assert_eq!(with_crc(&[0x00, 0x00]), [0x00, 0x00, 0xa0, 0x1e]);
        assert_eq!(with_crc(&[0x12, 0x34]), [0x12, 0x34, 0x26, 0xcf]);
        assert_eq!(without_crc(&[0x12, 0x34, 0x26, 0xcf]), Some(&[0x12, 0x34][..]));
        assert_eq!(without_crc(&[0x12, 0x34, 0x26, 0xce]), None);
        assert_eq!(without_crc(&[0x12]), None);
    }

    #[test]
    fn bits_go_lowest_first() {
        let short = Bits::partial(&[0x26], 7);
        assert_eq!(short.as_slice(), [false, true, true, false, false, true, false]);
        assert_eq!(short.to_bytes(), [0x26]);
        assert_eq!(Bits::bytes(&[0x93, 0x20]).to_bytes(), [0x93, 0x20]);
    }

    #[test]
    fn two_answers_collide_at_their_first_difference() {
        let two = [Bits::bytes(&[0x88, 0x04]), Bits::bytes(&[0x88, 0x0c])];
        let heard = overlay(two.into_iter()).unwrap();
        assert_eq!((heard.collision, heard.bits.to_bytes()), (Some(11), vec![0x88, 0x0c]));
        let same = [Bits::bytes(&[1]), Bits::bytes(&[1])];
        assert_eq!(overlay(same.into_iter()).unwrap().collision, None);
    }
}
