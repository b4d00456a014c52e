// SPDX-License-Identifier: GPL-2.0-only
//! Tags: what is near a reader and answers it.
//!
//! A [`Tag`] is one physical thing: copies of it are the same, so what is written to it stays while it is away and
//! while readers and domains come and go. It consists of a [`Card`], which does one thing once it is selected, and of
//! what all cards of type A have in common ([`nfca`]): polling, anticollision, selection, halt.
//!
//! | module | what it is |
//! |---|---|
//! | [`ntag213`] | NXP NTAG213, an NFC Forum Type 2 tag |
//! | [`isodep`] | the card's side of ISO/IEC 14443-4 |
//! | [`type4`] | an NFC Forum Type 4 tag |
//! | [`ppse`] | a payment card as far as a terminal needs to find its applications |
//! | [`ndef`] | the URI record |
//! | [`spec`] | how a tag is written in a stimulus |

pub mod isodep;
pub mod ndef;
pub mod nfca;
pub mod ntag213;
pub mod ppse;
pub mod spec;
pub mod type4;

#[cfg(test)]
mod tests;

use super::rf::Bits;
use nfca::Nfca;
use spec::TagSpec;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a card says of itself before it is selected (ISO/IEC 14443-3, 6.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Answer to request, in the order of transmission.
    pub atqa: [u8; 2],
    /// Select acknowledge when the whole UID is known.
    pub sak: u8,
    /// Four, seven or ten bytes.
    pub uid: Vec<u8>,
}

/// What a card does after a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it sends, if it does.
    pub bits: Option<Bits>,
    /// How long it thinks first, in ns; the least is the air's own [`FRAME_DELAY_NS`](super::rf::FRAME_DELAY_NS).
    pub delay_ns: u64,
    /// Where it goes then.
    pub next: Next,
}

/// Where a selected card goes after its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It stays selected.
    Stay,
    /// It waits to be asked again: after an error.
    Idle,
    /// It answers only to WUPA.
    Halt,
}

impl Answer {
    /// It says nothing and stays.
    pub fn silence() -> Answer {
        Answer {
            bits: None,
            delay_ns: 0,
            next: Next::Stay,
        }
    }

    /// Bytes, to which the CRC is added.
    pub fn bytes(bytes: &[u8]) -> Answer {
        let bits = Some(Bits::bytes(&super::rf::with_crc(bytes)));
        Answer {
            bits,
            delay_ns: 0,
            next: Next::Stay,
        }
    }

    /// Four bits, without a CRC.
    pub fn nibble(value: u8, next: Next) -> Answer {
        Answer {
            bits: Some(Bits::partial(&[value], 4)),
            delay_ns: 0,
            next,
        }
    }

    /// The same, later.
    #[must_use]
    pub fn after(self, delay_ns: u64) -> Answer {
        Answer { delay_ns, ..self }
    }
}

/// What distinguishes one kind of card from another.
pub trait Card: Send {
    /// What it says of itself.
    fn identity(&self) -> Identity;

    /// It has been selected anew: nothing of the last session holds.
    fn select(&mut self);

    /// A frame of whole bytes while it is selected; the CRC was right and is gone.
    fn frame(&mut self, frame: &[u8]) -> Answer;

    /// A frame with a wrong CRC, or one of no whole bytes, while it is selected.
    fn damaged(&mut self) -> Answer {
        Answer::silence()
    }
}

/// A tag. Copies are the same tag.
#[derive(Clone)]
pub struct Tag {
    spec: Arc<TagSpec>,
    body: Arc<Mutex<Nfca>>,
}

impl Tag {
    /// The tag that `spec` describes; `number` tells it from others of its kind by its UID.
    pub fn new(spec: TagSpec, number: u8) -> Tag {
        let body = Arc::new(Mutex::new(Nfca::new(spec.card(number))));
        Tag {
            spec: Arc::new(spec),
            body,
        }
    }

    /// Any card, always near.
    pub fn of(card: Box<dyn Card>) -> Tag {
        let spec = Arc::new(TagSpec::default());
        Tag {
            spec,
            body: Arc::new(Mutex::new(Nfca::new(card))),
        }
    }

    /// What was asked for.
    pub fn spec(&self) -> &TagSpec {
        &self.spec
    }

    /// What the card says of itself.
    pub fn identity(&self) -> Identity {
        self.body().identity()
    }

    /// Whether it is near `age_ns` after the world began.
    pub fn is_near(&self, age_ns: u64) -> bool {
        self.spec.is_near(age_ns)
    }

    /// When, in ns after the world began, it next comes or goes.
    pub fn next_change(&self, age_ns: u64) -> u64 {
        self.spec.next_change(age_ns)
    }

    pub(crate) fn power(&self, is_on: bool) {
        if !is_on {
            self.body().power_off();
        }
    }

    pub(crate) fn is_selected(&self) -> bool {
        self.body().is_selected()
    }

    /// A frame on the air. Returns the answer and how long the card thinks before it, in ns.
    pub(crate) fn frame(&self, frame: &Bits) -> Option<(Bits, u64)> {
        self.body().frame(frame)
    }

    fn body(&self) -> MutexGuard<'_, Nfca> {
        // A panic elsewhere leaves the tag as it was between two frames: still a tag.
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same thing, not just a like one.
impl PartialEq for Tag {
    fn eq(&self, other: &Tag) -> bool {
        Arc::ptr_eq(&self.body, &other.body)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spec.fmt(f)
    }
}
