// SPDX-License-Identifier: GPL-2.0-only
//! Secure elements behind a controller: SIM cards, and chips beside it.

use super::NfcError;
use super::adapter::{Nfc, attr, command, complete};
use super::netlink::Message;
use std::time::{Duration, Instant};

/// What a secure element is (`NFC_SE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecureElementKind {
    /// A SIM card.
    Uicc,
    /// A chip beside the controller.
    Embedded,
    /// Another one.
    Other(u8),
}

impl SecureElementKind {
    pub(super) fn of(number: u8) -> Self {
        match number {
            1 => Self::Uicc,
            2 => Self::Embedded,
            other => Self::Other(other),
        }
    }
}

/// A secure element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecureElement {
    /// Its controller.
    pub adapter: u32,
    /// Its number.
    pub index: u32,
    /// What it is.
    pub kind: SecureElementKind,
}

impl Nfc {
    /// Lists the secure elements of all controllers.
    ///
    /// # Errors
    ///
    /// The domain has ended or does not answer.
    pub fn secure_elements(&mut self) -> Result<Vec<SecureElement>, NfcError> {
        const COMMAND: &str = "list secure elements";
        let found = self.list(COMMAND, Message::new(command::GET_SE))?;
        let element = |message: &Message| {
            Some(SecureElement {
                adapter: message.u32(attr::DEVICE_INDEX)?,
                index: message.u32(attr::SE_INDEX)?,
                kind: SecureElementKind::of(message.u8(attr::SE_TYPE)?),
            })
        };
        complete(COMMAND, found.iter().map(element))
    }

    fn on_element(&mut self, what: &'static str, number: u8, element: &SecureElement) -> Result<(), NfcError> {
        let message = Message::new(number)
            .with_u32(attr::DEVICE_INDEX, element.adapter)
            .with_u32(attr::SE_INDEX, element.index);
        self.ask(what, message).map(drop)
    }

    /// Lets readers outside reach a secure element.
    ///
    /// # Errors
    ///
    /// `ENODEV`, `EALREADY`, `EBUSY`, or what the driver says; the domain has ended or does not answer.
    pub fn enable(&mut self, element: &SecureElement) -> Result<(), NfcError> {
        self.on_element("enable secure element", command::ENABLE_SE, element)
    }

    /// Ends that.
    ///
    /// # Errors
    ///
    /// As [`enable`](Self::enable).
    pub fn disable(&mut self, element: &SecureElement) -> Result<(), NfcError> {
        self.on_element("disable secure element", command::DISABLE_SE, element)
    }

    /// Sends a command to a secure element and waits for its answer, which Linux tells all who listen.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP`, or what the driver says; nothing came within `limit`; the domain has ended or does not answer.
    pub fn element_apdu(&mut self, element: &SecureElement, apdu: &[u8], limit: Duration) -> Result<Vec<u8>, NfcError> {
        const COMMAND: &str = "APDU to secure element";
        let message = Message::new(command::SE_IO)
            .with_u32(attr::DEVICE_INDEX, element.adapter)
            .with_u32(attr::SE_INDEX, element.index)
            .with(attr::SE_APDU, apdu);
        self.ask(COMMAND, message)?;
        let end = Instant::now() + limit;
        loop {
            let rest = end.saturating_duration_since(Instant::now());
            for message in self.heard(rest)? {
                let is_it = message.command == command::SE_IO
                    && message.u32(attr::DEVICE_INDEX) == Some(element.adapter)
                    && message.u32(attr::SE_INDEX) == Some(element.index);
                if let Some(answer) = message.bytes(attr::SE_APDU).filter(|_| is_it) {
                    return Ok(answer.to_vec());
                }
            }
            if rest.is_zero() {
                return Err(NfcError::Timeout(COMMAND, limit.as_millis()));
            }
        }
    }
}
