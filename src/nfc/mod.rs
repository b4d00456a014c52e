// SPDX-License-Identifier: GPL-2.0-only
//! Near-field communication, through the same two doors as on Linux: the generic netlink family `nfc` and sockets of
//! `AF_NFC`.
//!
//! * [`Nfc`]: the family's commands and events. [`Adapter`]: a controller. [`Target`]: a tag that was found.
//! * [`Link`]: the exchange with an activated target. [`tag`]: tags of type 2 and 4 of the NFC Forum.
//! * [`ndef`]: what is written on them. [`Llcp`]: a connection to a service of another device.
//!
//! Numbers are those of `include/uapi/linux/nfc.h`. Linux 6.1 and 6.12 do not tell a client the ATS of a target.

mod adapter;
mod event;
mod link;
pub mod ndef;
mod netlink;
mod peer;
mod secure;
pub mod tag;

pub use adapter::{Adapter, Nfc, Protocols, Target};
pub use event::Event;
pub use link::Link;
pub use peer::Llcp;
pub use secure::{SecureElement, SecureElementKind};

use crate::client::{ClientError, Errno};

/// Why something with a tag or its reader failed.
#[derive(Debug, thiserror::Error)]
pub enum NfcError {
    /// The domain, or Linux's code in it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The family's command was refused.
    #[error("{command}: {errno}")]
    Command {
        /// What was asked.
        command: &'static str,
        /// Linux's answer.
        errno: Errno,
    },
    /// The domain sent what is no netlink message of the family.
    #[error("{command}: malformed answer: {fact}")]
    Malformed {
        /// What was asked.
        command: &'static str,
        /// What is wrong.
        fact: String,
    },
    /// Nothing came in time.
    #[error("{0}: nothing within {1} ms")]
    Timeout(&'static str, u128),
    /// The image has no NFC, or the driver found no controller.
    #[error("there is no NFC adapter")]
    NoAdapter,
    /// The tag said no.
    #[error("{what}: the tag answers {answer}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// Its status word or acknowledgement, in hexadecimal digits.
        answer: String,
    },
    /// What is on the tag, or what it says of itself, is not as the NFC Forum's specification has it.
    #[error("{0}")]
    Tag(String),
    /// The message does not fit on the tag.
    #[error("{needed} bytes do not fit: the tag has room for {room}")]
    TooLong {
        /// Bytes to write.
        needed: usize,
        /// Bytes that fit.
        room: usize,
    },
}

impl NfcError {
    /// Linux's errno, if it is one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Client(error) => error.errno(),
            Self::Command { errno, .. } => Some(*errno),
            _ => None,
        }
    }

    /// Whether the domain has ended.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Client(error) if error.is_gone())
    }
}

/// Bytes as people write them.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
