// SPDX-License-Identifier: GPL-2.0-only
//! What the family `nfc` tells everybody who listens.

use super::adapter::{Adapter, attr, command};
use super::netlink::Message;
use super::{SecureElement, SecureElementKind};
use crate::client::Errno;

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A poll has found targets.
    TargetsFound {
        /// Where.
        adapter: u32,
    },
    /// A target has left the field.
    TargetLost {
        /// Where.
        adapter: u32,
        /// Which.
        target: u32,
    },
    /// Another device has made this one its target ([`Nfc::listen`](super::Nfc::listen)).
    Activated {
        /// Where.
        adapter: u32,
    },
    /// The link to a peer is up: services can be connected to.
    LinkUp {
        /// Where.
        adapter: u32,
        /// The peer.
        target: u32,
    },
    /// A controller has come.
    AdapterAdded(Adapter),
    /// A controller has gone.
    AdapterRemoved {
        /// Which.
        adapter: u32,
    },
    /// A firmware download has ended.
    Firmware {
        /// Where.
        adapter: u32,
        /// The firmware.
        name: String,
        /// How.
        result: Result<(), Errno>,
    },
    /// A secure element was found.
    SecureElementAdded(SecureElement),
    /// A secure element has gone.
    SecureElementRemoved {
        /// Where.
        adapter: u32,
        /// Which.
        index: u32,
    },
    /// Another one, or one that lacks something: its number in `enum nfc_commands`.
    Other(u8),
}

impl Event {
    pub(super) fn of(message: &Message) -> Self {
        let adapter = message.u32(attr::DEVICE_INDEX);
        let known = match message.command {
            command::TARGETS_FOUND => adapter.map(|adapter| Self::TargetsFound { adapter }),
            command::TARGET_LOST => {
                let both = adapter.zip(message.u32(attr::TARGET_INDEX));
                both.map(|(adapter, target)| Self::TargetLost { adapter, target })
            }
            command::TM_ACTIVATED => adapter.map(|adapter| Self::Activated { adapter }),
            command::DEP_LINK_UP => {
                let both = adapter.zip(message.u32(attr::TARGET_INDEX));
                both.map(|(adapter, target)| Self::LinkUp { adapter, target })
            }
            command::DEVICE_ADDED => Adapter::of(message).map(Self::AdapterAdded),
            command::DEVICE_REMOVED => adapter.map(|adapter| Self::AdapterRemoved { adapter }),
            command::FW_DOWNLOAD => firmware(message),
            command::SE_ADDED => adapter.zip(message.u32(attr::SE_INDEX)).and_then(|(adapter, index)| {
                let kind = SecureElementKind::of(message.u8(attr::SE_TYPE)?);
                Some(Self::SecureElementAdded(SecureElement { adapter, index, kind }))
            }),
            command::SE_REMOVED => {
                let both = adapter.zip(message.u32(attr::SE_INDEX));
                both.map(|(adapter, index)| Self::SecureElementRemoved { adapter, index })
            }
            _ => None,
        };
        known.unwrap_or(Self::Other(message.command))
    }
}

fn firmware(message: &Message) -> Option<Event> {
    let status = message.u32(attr::FIRMWARE_DOWNLOAD_STATUS)?;
    // The positive value of an errno (`nfc_fw_download_done`, net/nfc/core.c); nfcmrvl gives its negative one.
    let errno = status.cast_signed().wrapping_abs();
    Some(Event::Firmware {
        adapter: message.u32(attr::DEVICE_INDEX)?,
        name: message.text(attr::FIRMWARE_NAME)?,
        result: if errno == 0 { Ok(()) } else { Err(Errno(errno)) },
    })
}
