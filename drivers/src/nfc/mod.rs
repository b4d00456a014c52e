// SPDX-License-Identifier: GPL-2.0-only
//! Near-field communication: tags, the field that they are in, and the reader's side of the air.
//!
//! The air is NFC-A (ISO/IEC 14443 type A) at 106 kbit/s, bit by bit, so that two tags really collide:
//!
//! ```text
//! PN7150, PN532: host frames ──> pcd (polling, anticollision, ISO-DEP) ──┐
//! ST95HF: the host does all that itself ─────────────────────────────────┴──> rf::Field ──> tag::Tag, ...
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`rf`] | frames on the air, and the field with the tags in it |
//! | [`tag`] | NTAG213, a Type 4 tag, a payment card |
//! | [`pcd`] | what a reader chip does by itself |
//! | [`outbox`] | frames that wait for the host, and what can go wrong with them |
//!
//! Not modelled: NFC-B, NFC-F, NFC-V, bit rates above 106 kbit/s, card emulation, peer to peer.

pub mod outbox;
pub mod pcd;
pub mod rf;
pub mod tag;
