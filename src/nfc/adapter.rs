// SPDX-License-Identifier: GPL-2.0-only
//! Commands of the family `nfc` (`net/nfc/netlink.c`).

use super::netlink::{Message, Netlink};
use super::{Event, Link, NfcError};
use crate::client::Client;
use std::fmt;
use std::time::Duration;

/// `enum nfc_commands`.
pub(super) mod command {
    pub(crate) const GET_DEVICE: u8 = 1;
    pub(crate) const DEV_UP: u8 = 2;
    pub(crate) const DEV_DOWN: u8 = 3;
    pub(crate) const DEP_LINK_UP: u8 = 4;
    pub(crate) const DEP_LINK_DOWN: u8 = 5;
    pub(crate) const START_POLL: u8 = 6;
    pub(crate) const STOP_POLL: u8 = 7;
    pub(crate) const GET_TARGET: u8 = 8;
    pub(crate) const TARGETS_FOUND: u8 = 9;
    pub(crate) const DEVICE_ADDED: u8 = 10;
    pub(crate) const DEVICE_REMOVED: u8 = 11;
    pub(crate) const TARGET_LOST: u8 = 12;
    pub(crate) const TM_ACTIVATED: u8 = 16;
    pub(crate) const ENABLE_SE: u8 = 17;
    pub(crate) const DISABLE_SE: u8 = 18;
    pub(crate) const FW_DOWNLOAD: u8 = 21;
    pub(crate) const SE_ADDED: u8 = 22;
    pub(crate) const SE_REMOVED: u8 = 23;
    pub(crate) const GET_SE: u8 = 26;
    pub(crate) const SE_IO: u8 = 27;
    pub(crate) const ACTIVATE_TARGET: u8 = 28;
    pub(crate) const DEACTIVATE_TARGET: u8 = 30;
}

/// `enum nfc_attrs`.
pub(super) mod attr {
    pub(crate) const DEVICE_INDEX: u16 = 1;
    pub(crate) const DEVICE_NAME: u16 = 2;
    pub(crate) const PROTOCOLS: u16 = 3;
    pub(crate) const TARGET_INDEX: u16 = 4;
    pub(crate) const TARGET_SENS_RES: u16 = 5;
    pub(crate) const TARGET_SEL_RES: u16 = 6;
    pub(crate) const TARGET_NFCID1: u16 = 7;
    pub(crate) const TARGET_SENSB_RES: u16 = 8;
    pub(crate) const TARGET_SENSF_RES: u16 = 9;
    pub(crate) const COMM_MODE: u16 = 10;
    pub(crate) const DEVICE_POWERED: u16 = 12;
    pub(crate) const IM_PROTOCOLS: u16 = 13;
    pub(crate) const TM_PROTOCOLS: u16 = 14;
    pub(crate) const FIRMWARE_NAME: u16 = 20;
    pub(crate) const SE_INDEX: u16 = 21;
    pub(crate) const SE_TYPE: u16 = 22;
    pub(crate) const FIRMWARE_DOWNLOAD_STATUS: u16 = 24;
    pub(crate) const SE_APDU: u16 = 25;
    pub(crate) const TARGET_ISO15693_UID: u16 = 27;
}

/// A set of protocols (`NFC_PROTO_*_MASK`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Protocols(pub u32);

impl Protocols {
    /// NFC Forum Type 1.
    pub const JEWEL: Self = Self(1 << 1);
    /// NFC Forum Type 2, and MIFARE Classic.
    pub const MIFARE: Self = Self(1 << 2);
    /// NFC Forum Type 3.
    pub const FELICA: Self = Self(1 << 3);
    /// NFC Forum Type 4 on ISO/IEC 14443 type A.
    pub const ISO14443: Self = Self(1 << 4);
    /// Peer to peer.
    pub const NFC_DEP: Self = Self(1 << 5);
    /// NFC Forum Type 4 on ISO/IEC 14443 type B.
    pub const ISO14443_B: Self = Self(1 << 6);
    /// NFC Forum Type 5.
    pub const ISO15693: Self = Self(1 << 7);

    const NAMES: [(Self, &str); 7] = [
        (Self::JEWEL, "jewel"),
        (Self::MIFARE, "mifare"),
        (Self::FELICA, "felica"),
        (Self::ISO14443, "iso14443"),
        (Self::NFC_DEP, "nfc-dep"),
        (Self::ISO14443_B, "iso14443-b"),
        (Self::ISO15693, "iso15693"),
    ];

    /// Whether one of `others` is in the set.
    #[must_use]
    pub fn has(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// The protocols of the set by the names that Linux's own code gives them.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let names = Self::NAMES.iter().filter(|(protocol, _)| self.has(*protocol));
        names.map(|(_, name)| *name).collect()
    }

    /// The number of a set's only protocol, as sockets and activations take it.
    pub(super) fn number(self) -> u32 {
        self.0.trailing_zeros()
    }
}

impl std::ops::BitOr for Protocols {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Protocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// A controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// Its number.
    pub index: u32,
    /// Its name, such as `nfc0`.
    pub name: String,
    /// What it can poll for.
    pub protocols: Protocols,
    /// Whether it is powered.
    pub is_powered: bool,
}

impl Adapter {
    pub(super) fn of(message: &Message) -> Option<Self> {
        Some(Self {
            index: message.u32(attr::DEVICE_INDEX)?,
            name: message.text(attr::DEVICE_NAME)?,
            protocols: Protocols(message.u32(attr::PROTOCOLS)?),
            is_powered: message.u8(attr::DEVICE_POWERED)? != 0,
        })
    }
}

/// A tag, or another device, that polling found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its number.
    pub index: u32,
    /// What it can speak.
    pub protocols: Protocols,
    /// NFC-A: SENS_RES, which ISO/IEC 14443 calls ATQA.
    pub sens_res: u16,
    /// NFC-A: SEL_RES, which ISO/IEC 14443 calls SAK.
    pub sel_res: u8,
    /// NFC-A: NFCID1, which ISO/IEC 14443 calls UID.
    pub nfcid1: Vec<u8>,
    /// NFC-B: SENSB_RES.
    pub sensb_res: Vec<u8>,
    /// NFC-F: SENSF_RES.
    pub sensf_res: Vec<u8>,
    /// NFC-V: the UID.
    pub iso15693_uid: Vec<u8>,
}

impl Target {
    fn of(message: &Message) -> Option<Self> {
        let bytes = |kind| message.bytes(kind).unwrap_or_default().to_vec();
        Some(Self {
            index: message.u32(attr::TARGET_INDEX)?,
            protocols: Protocols(message.u32(attr::PROTOCOLS)?),
            sens_res: message.u16(attr::TARGET_SENS_RES)?,
            sel_res: message.u8(attr::TARGET_SEL_RES)?,
            nfcid1: bytes(attr::TARGET_NFCID1),
            sensb_res: bytes(attr::TARGET_SENSB_RES),
            sensf_res: bytes(attr::TARGET_SENSF_RES),
            iso15693_uid: bytes(attr::TARGET_ISO15693_UID),
        })
    }

    /// What identifies it, whatever its technology.
    #[must_use]
    pub fn uid(&self) -> &[u8] {
        if !self.nfcid1.is_empty() {
            &self.nfcid1
        } else if !self.iso15693_uid.is_empty() {
            &self.iso15693_uid
        } else if let Some(nfcid2) = self.sensf_res.get(..8) {
            // include/uapi/linux/nfc.h, NFC_NFCID2_MAXSIZE; net/nfc takes the response from NFCID2 on.
            nfcid2
        } else {
            self.sensb_res.get(..4).unwrap_or_default()
        }
    }
}

/// The family `nfc` of a domain, and a client of it.
///
/// # Examples
///
/// ```no_run
/// use linux_compat::nfc::{Nfc, Protocols};
/// use std::time::Duration;
///
/// # let domain: linux_compat::Domain = unimplemented!();
/// let mut nfc = Nfc::open(domain.client()?)?;
/// let adapter = nfc.first()?;
/// nfc.up(adapter.index)?;
/// for target in nfc.poll(adapter.index, adapter.protocols, Duration::from_secs(5))? {
///     println!("{:?}", target.uid());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Nfc {
    pub(super) client: Client,
    requests: Netlink,
    events: Netlink,
    family: u16,
    pending: std::collections::VecDeque<Event>,
}

impl Nfc {
    /// Finds the family, and hears its events from now on.
    ///
    /// # Errors
    ///
    /// `EAFNOSUPPORT`: the image has no sockets; `ENOENT`: no family; the domain has ended or does not answer.
    pub fn open(mut client: Client) -> Result<Self, NfcError> {
        let mut requests = Netlink::open(&mut client)?;
        let events = Netlink::open(&mut client)?;
        let (family, group) = requests.resolve(&mut client)?;
        events.join(&mut client, group)?;
        Ok(Self {
            client,
            requests,
            events,
            family,
            pending: std::collections::VecDeque::new(),
        })
    }

    /// The client beneath.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    pub(super) fn ask(&mut self, command: &'static str, message: Message) -> Result<Vec<Message>, NfcError> {
        self.requests.request(&mut self.client, self.family, command, message)
    }

    pub(super) fn list(&mut self, command: &'static str, message: Message) -> Result<Vec<Message>, NfcError> {
        self.requests.dump(&mut self.client, self.family, command, message)
    }

    pub(super) fn on(command: u8, adapter: u32) -> Message {
        Message::new(command).with_u32(attr::DEVICE_INDEX, adapter)
    }

    /// Lists the controllers.
    ///
    /// # Errors
    ///
    /// The domain has ended or does not answer.
    pub fn adapters(&mut self) -> Result<Vec<Adapter>, NfcError> {
        const COMMAND: &str = "list adapters";
        let found = self.list(COMMAND, Message::new(command::GET_DEVICE))?;
        complete(COMMAND, found.iter().map(Adapter::of))
    }

    /// The first controller.
    ///
    /// # Errors
    ///
    /// There is none; the domain has ended or does not answer.
    pub fn first(&mut self) -> Result<Adapter, NfcError> {
        self.adapters()?.into_iter().next().ok_or(NfcError::NoAdapter)
    }

    /// Powers a controller up.
    ///
    /// # Errors
    ///
    /// `EALREADY`: it is up; what the driver says; the domain has ended or does not answer.
    pub fn up(&mut self, adapter: u32) -> Result<(), NfcError> {
        self.ask("power up", Self::on(command::DEV_UP, adapter)).map(drop)
    }

    /// Powers a controller down.
    ///
    /// # Errors
    ///
    /// `EALREADY`: it is down; `EBUSY`: it polls or has a target; the domain has ended or does not answer.
    pub fn down(&mut self, adapter: u32) -> Result<(), NfcError> {
        self.ask("power down", Self::on(command::DEV_DOWN, adapter)).map(drop)
    }

    /// Starts to look for targets. They come as [`Event::TargetsFound`].
    ///
    /// # Errors
    ///
    /// `EBUSY`: it polls already; what the driver says; the domain has ended or does not answer.
    pub fn start_poll(&mut self, adapter: u32, protocols: Protocols) -> Result<(), NfcError> {
        let message = Self::on(command::START_POLL, adapter).with_u32(attr::IM_PROTOCOLS, protocols.0);
        self.ask("start to poll", message).map(drop)
    }

    /// Stops looking for targets.
    ///
    /// # Errors
    ///
    /// `EINVAL`: it does not poll; `EBUSY`: another client started it; the domain has ended or does not answer.
    pub fn stop_poll(&mut self, adapter: u32) -> Result<(), NfcError> {
        self.ask("stop to poll", Self::on(command::STOP_POLL, adapter))
            .map(drop)
    }

    /// Lists the targets that the last poll found.
    ///
    /// # Errors
    ///
    /// `ENODEV`; the domain has ended or does not answer.
    pub fn targets(&mut self, adapter: u32) -> Result<Vec<Target>, NfcError> {
        const COMMAND: &str = "list targets";
        let found = self.list(COMMAND, Self::on(command::GET_TARGET, adapter))?;
        complete(COMMAND, found.iter().map(Target::of))
    }

    /// The next event; `None` if none comes within `limit`.
    ///
    /// # Errors
    ///
    /// `ENOBUFS`: more came than Linux keeps; the domain has ended or does not answer.
    pub fn event(&mut self, limit: Duration) -> Result<Option<Event>, NfcError> {
        if let Some(event) = self.pending.pop_front() {
            return Ok(Some(event));
        }
        self.heard(limit)?;
        Ok(self.pending.pop_front())
    }

    /// The messages of the next datagram of events; each is an [`event`](Self::event) too.
    pub(super) fn heard(&mut self, limit: Duration) -> Result<Vec<Message>, NfcError> {
        let messages = self.events.events(&mut self.client, limit)?;
        self.pending.extend(messages.iter().map(Event::of));
        Ok(messages)
    }

    /// Polls until targets are found; without any within `limit` it stops polling and returns none.
    ///
    /// # Errors
    ///
    /// As [`start_poll`](Self::start_poll).
    pub fn poll(&mut self, adapter: u32, protocols: Protocols, limit: Duration) -> Result<Vec<Target>, NfcError> {
        // What was heard before this poll is not about it.
        for _ in 0..MOST_EVENTS {
            if self.event(Duration::ZERO)?.is_none() {
                break;
            }
        }
        self.start_poll(adapter, protocols)?;
        // Time is the domain's, which may be virtual; an event that is about something else costs a little of it.
        let mut rest = limit;
        while !rest.is_zero() {
            let slice = rest.min(SLICE);
            let spent = match self.event(slice)? {
                Some(Event::TargetsFound { adapter: found }) if found == adapter => return self.targets(adapter),
                Some(Event::AdapterRemoved { adapter: gone }) if gone == adapter => return Err(NfcError::NoAdapter),
                Some(_) => Duration::from_millis(1),
                None => slice,
            };
            rest = rest.saturating_sub(spent);
        }
        self.stop_poll(adapter)?;
        Ok(Vec::new())
    }

    /// Activates a target for one of its protocols, without a [`Link`] to it.
    ///
    /// # Errors
    ///
    /// `EBUSY`: one is active; what the driver says; the domain has ended or does not answer.
    pub fn activate(&mut self, adapter: u32, target: u32, protocol: Protocols) -> Result<(), NfcError> {
        let message = Self::on(command::ACTIVATE_TARGET, adapter)
            .with_u32(attr::TARGET_INDEX, target)
            .with_u32(attr::PROTOCOLS, protocol.number());
        self.ask("activate", message).map(drop)
    }

    /// Deactivates a target.
    ///
    /// # Errors
    ///
    /// `ENOTCONN`: it is not active; the domain has ended or does not answer.
    pub fn deactivate(&mut self, adapter: u32, target: u32) -> Result<(), NfcError> {
        let message = Self::on(command::DEACTIVATE_TARGET, adapter).with_u32(attr::TARGET_INDEX, target);
        self.ask("deactivate", message).map(drop)
    }

    /// Activates a target, for an exchange with it.
    ///
    /// # Errors
    ///
    /// The target has left; what the driver says; the domain has ended or does not answer.
    pub fn link(&mut self, adapter: u32, target: &Target, protocol: Protocols) -> Result<Link<'_>, NfcError> {
        Link::open(self, adapter, target.clone(), protocol)
    }

    /// Has firmware loaded into a controller that is down. Whether it went well comes as [`Event::Firmware`].
    ///
    /// # Errors
    ///
    /// `EBUSY`: it is up; `EOPNOTSUPP`, or what the driver says; the domain has ended or does not answer.
    pub fn download_firmware(&mut self, adapter: u32, name: &str) -> Result<(), NfcError> {
        let mut text = name.as_bytes().to_vec();
        text.push(0);
        let message = Self::on(command::FW_DOWNLOAD, adapter).with(attr::FIRMWARE_NAME, &text);
        self.ask("download firmware", message).map(drop)
    }
}

/// Events that may wait at most; more of them are a domain that floods.
const MOST_EVENTS: usize = 4096;
/// A client asks for no longer at once, so that it hears when the domain is gone.
const SLICE: Duration = Duration::from_secs(1);

/// All of a list, or the first that is not whole.
pub(super) fn complete<T>(command: &'static str, found: impl Iterator<Item = Option<T>>) -> Result<Vec<T>, NfcError> {
    let fact = || NfcError::Malformed {
        command,
        fact: "an attribute is not there, or has another length".to_owned(),
    };
    found.map(|one| one.ok_or_else(fact)).collect()
}
