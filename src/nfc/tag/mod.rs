// SPDX-License-Identifier: GPL-2.0-only
//! Tags of the NFC Forum: where their NDEF message is, how it is read and written.
//!
//! [`Type2`] is the Type 2 Tag specification, [`Type4`] the Type 4 Tag specification with mapping version 2. What a tag
//! says of itself is checked before it is used: a tag may lie.

mod type2;
mod type4;

pub use type2::Type2;
pub use type4::{StatusWord, Type4, select};

use super::{Link, Nfc, NfcError, Protocols, Target};

/// Sends a command and returns the answer: a [`Link`], or a tag of a test.
pub trait Exchange {
    /// As [`Link::transceive`].
    ///
    /// # Errors
    ///
    /// As [`Link::transceive`].
    fn transceive(&mut self, command: &[u8]) -> Result<Vec<u8>, NfcError>;

    /// As [`Link::renew`].
    ///
    /// # Errors
    ///
    /// As [`Link::renew`].
    fn renew(&mut self) -> Result<(), NfcError>;
}

impl Exchange for Link<'_> {
    fn transceive(&mut self, command: &[u8]) -> Result<Vec<u8>, NfcError> {
        Link::transceive(self, command)
    }

    fn renew(&mut self) -> Result<(), NfcError> {
        Link::renew(self)
    }
}

/// A protocol of a target by which a tag's NDEF is reached; Type 4 before Type 2.
#[must_use]
pub fn protocol(target: &Target) -> Option<Protocols> {
    let known = [Protocols::ISO14443, Protocols::ISO14443_B, Protocols::MIFARE];
    known.into_iter().find(|protocol| target.protocols.has(*protocol))
}

/// Reads the NDEF message of a target; `None` for a tag that has no room for one, such as a payment card.
///
/// # Errors
///
/// The tag is of another type, is not formatted as it must be, or has left.
pub fn read(nfc: &mut Nfc, adapter: u32, target: &Target) -> Result<Option<Vec<u8>>, NfcError> {
    let Some(protocol) = protocol(target) else {
        return Ok(None);
    };
    let mut link = nfc.link(adapter, target, protocol)?;
    if protocol == Protocols::MIFARE {
        Type2::open(&mut link)?.map(|mut tag| tag.read()).transpose()
    } else {
        Type4::open(&mut link)?.map(|mut tag| tag.read()).transpose()
    }
}

/// Writes an NDEF message.
///
/// # Errors
///
/// The tag is of another type, is read-only, too small, or has left.
pub fn write(nfc: &mut Nfc, adapter: u32, target: &Target, message: &[u8]) -> Result<(), NfcError> {
    let no_ndef = || NfcError::Tag("the tag has no room for an NDEF message".to_owned());
    let protocol = protocol(target).ok_or_else(no_ndef)?;
    let mut link = nfc.link(adapter, target, protocol)?;
    if protocol == Protocols::MIFARE {
        Type2::open(&mut link)?.ok_or_else(no_ndef)?.write(message)
    } else {
        Type4::open(&mut link)?.ok_or_else(no_ndef)?.write(message)
    }
}

#[cfg(test)]
mod tests;
