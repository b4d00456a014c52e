// SPDX-License-Identifier: GPL-2.0-only
//! Messages of generic netlink as scenarios write them and records show them: commands and attributes of the family
//! `nfc` by the names of `include/uapi/linux/nfc.h`, or by their numbers.

use crate::linux::machine::unhex;
use crate::run::{digits, errno};
use anyhow::{Context, Result, anyhow};
use netlink_packet_core::{NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer, NlaBuffer, NlasIterator};
use std::fmt::Write;

/// `GENL_ID_CTRL`, `CTRL_CMD_GETFAMILY`.
pub(crate) const CONTROLLER: u16 = 0x10;
pub(crate) const GET_FAMILY: u8 = 3;
/// `struct nlmsghdr` and `struct genlmsghdr`.
const HEAD: usize = 16;
const GENERIC_HEAD: usize = 4;

/// `enum nfc_commands`, from 1 on.
const COMMANDS: &[&str] = &[
    "GET_DEVICE",
    "DEV_UP",
    "DEV_DOWN",
    "DEP_LINK_UP",
    "DEP_LINK_DOWN",
    "START_POLL",
    "STOP_POLL",
    "GET_TARGET",
    "TARGETS_FOUND",
    "DEVICE_ADDED",
    "DEVICE_REMOVED",
    "TARGET_LOST",
    "TM_ACTIVATED",
    "TM_DEACTIVATED",
    "LLC_GET_PARAMS",
    "LLC_SET_PARAMS",
    "ENABLE_SE",
    "DISABLE_SE",
    "LLC_SDREQ",
    "LLC_SDRES",
    "FW_DOWNLOAD",
    "SE_ADDED",
    "SE_REMOVED",
    "SE_CONNECTIVITY",
    "SE_TRANSACTION",
    "GET_SE",
    "SE_IO",
    "ACTIVATE_TARGET",
    "VENDOR",
    "DEACTIVATE_TARGET",
];

/// `enum nfc_attrs`, from 1 on.
const ATTRIBUTES: &[&str] = &[
    "DEVICE_INDEX",
    "DEVICE_NAME",
    "PROTOCOLS",
    "TARGET_INDEX",
    "TARGET_SENS_RES",
    "TARGET_SEL_RES",
    "TARGET_NFCID1",
    "TARGET_SENSB_RES",
    "TARGET_SENSF_RES",
    "COMM_MODE",
    "RF_MODE",
    "DEVICE_POWERED",
    "IM_PROTOCOLS",
    "TM_PROTOCOLS",
    "LLC_PARAM_LTO",
    "LLC_PARAM_RW",
    "LLC_PARAM_MIUX",
    "SE",
    "LLC_SDP",
    "FIRMWARE_NAME",
    "SE_INDEX",
    "SE_TYPE",
    "SE_AID",
    "FIRMWARE_DOWNLOAD_STATUS",
    "SE_APDU",
    "TARGET_ISO15693_DSFID",
    "TARGET_ISO15693_UID",
    "SE_PARAMS",
    "VENDOR_ID",
    "VENDOR_SUBCMD",
    "VENDOR_DATA",
];

fn number_of(names: &[&str], text: &str) -> Result<u16> {
    match names.iter().position(|name| *name == text) {
        Some(index) => Ok(u16::try_from(index + 1)?),
        None => text
            .parse()
            .with_context(|| format!("{text:?} is no name and no number")),
    }
}

fn name_of(names: &[&str], number: u16) -> String {
    let name = usize::from(number).checked_sub(1).and_then(|index| names.get(index));
    name.map_or_else(|| number.to_string(), |name| (*name).to_owned())
}

/// An attribute's bytes: `x:HEX`, `t:TEXT` with a 0 behind it, or a number of 32 bits.
fn value(text: &str) -> Result<Vec<u8>> {
    if let Some(digits) = text.strip_prefix("x:") {
        return unhex(digits).with_context(|| format!("{text:?}: no hexadecimal digits"));
    }
    if let Some(text) = text.strip_prefix("t:") {
        return Ok([text.as_bytes(), &[0]].concat());
    }
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    Ok(number.with_context(|| text.to_owned())?.to_ne_bytes().to_vec())
}

/// A request: command and attributes.
pub(crate) struct Request {
    pub(crate) command: u8,
    pub(crate) attributes: Vec<(u16, Vec<u8>)>,
}

impl Request {
    /// Reads `COMMAND ATTRIBUTE=VALUE…`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut words = text.split_whitespace();
        let command = number_of(COMMANDS, words.next().unwrap_or_default())?;
        let attribute = |word: &str| {
            let (name, text) = word
                .split_once('=')
                .with_context(|| format!("{word:?}: no ATTRIBUTE=VALUE"))?;
            Ok((number_of(ATTRIBUTES, name)?, value(text)?))
        };
        Ok(Self {
            command: command.try_into()?,
            attributes: words.map(attribute).collect::<Result<_>>()?,
        })
    }

    pub(crate) fn bytes(&self, family: u16, flags: u16, sequence: u32) -> Vec<u8> {
        let mut body = vec![self.command, 1, 0, 0];
        for (kind, value) in &self.attributes {
            let len = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
            body.extend(len.to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let len = u32::try_from(HEAD + body.len()).unwrap_or(u32::MAX);
        let mut bytes = len.to_ne_bytes().to_vec();
        bytes.extend(family.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        // The port: whose it is, the socket knows.
        bytes.extend([0; 4]);
        bytes.extend(body);
        bytes
    }
}

/// One message that came.
pub(crate) enum Answer {
    /// Of a family: its flags, command, attributes.
    Message(u16, u8, Vec<(u16, Vec<u8>)>),
    /// The end of what was asked, with its errno.
    End(i32),
}

/// The attributes of a list.
pub(crate) fn attributes(bytes: &[u8]) -> Result<Vec<(u16, Vec<u8>)>> {
    let attribute = |nla: Result<NlaBuffer<&[u8]>, _>| {
        let nla = nla.map_err(|error| anyhow!("attributes {}: {error}", digits(bytes)))?;
        Ok((nla.kind(), nla.value().to_vec()))
    };
    NlasIterator::new(bytes).map(attribute).collect()
}

/// The messages of a datagram, with their sequence numbers.
pub(crate) fn answers(mut bytes: &[u8]) -> Result<Vec<(u32, Answer)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let malformed = || anyhow!("no netlink message: {}", digits(bytes));
        let packet = NetlinkBuffer::new_checked(bytes).map_err(|error| anyhow!("{}: {error}", digits(bytes)))?;
        let payload = packet.payload();
        let answer = match packet.message_type() {
            // An error of 0 is an acknowledgement.
            NLMSG_ERROR | NLMSG_DONE => {
                let code = payload.first_chunk().ok_or_else(malformed)?;
                Answer::End(i32::from_ne_bytes(*code).wrapping_neg())
            }
            _ => {
                let (head, rest) = payload.split_at_checked(GENERIC_HEAD).ok_or_else(malformed)?;
                Answer::Message(packet.flags(), head[0], attributes(rest)?)
            }
        };
        found.push((packet.sequence_number(), answer));
        let len = usize::try_from(packet.length())?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(found)
}

impl Answer {
    /// The target that it is about.
    pub(crate) fn target(&self) -> Option<u32> {
        const TARGET_INDEX: u16 = 4;
        let Self::Message(_, _, attributes) = self else {
            return None;
        };
        let (_, value) = attributes.iter().find(|(kind, _)| *kind == TARGET_INDEX)?;
        Some(u32::from_ne_bytes(value.as_slice().try_into().ok()?))
    }

    /// As records show it.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::End(0) => "done".to_owned(),
            Self::End(number) => format!("! {}", errno(*number)),
            Self::Message(flags, command, attributes) => {
                let mut line = name_of(COMMANDS, (*command).into());
                if *flags != 0 {
                    // Writing to a string cannot fail.
                    let _ = write!(line, " flags={flags:#x}");
                }
                for (kind, value) in attributes {
                    let _ = write!(line, " {}={}", name_of(ATTRIBUTES, *kind), digits(value));
                }
                line
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read_again() {
        let text = "START_POLL DEVICE_INDEX=0 IM_PROTOCOLS=0x14 FIRMWARE_NAME=t:ab 77=x:0102ff";
        let bytes = Request::parse(text)
            .expect("a request")
            .bytes(29, netlink_packet_core::NLM_F_REQUEST, 7);
        assert_eq!(bytes.len() % 4, 0);
        let read = answers(&[bytes.clone(), bytes].concat()).expect("messages");
        assert_eq!(read.len(), 2);
        assert_eq!(read[1].0, 7);
        assert_eq!(
            read[1].1.line(),
            "START_POLL flags=0x1 DEVICE_INDEX=00000000 IM_PROTOCOLS=14000000 FIRMWARE_NAME=616200 77=0102ff"
        );
    }

    #[test]
    fn names_stand_at_their_numbers() {
        // `include/uapi/linux/nfc.h`: the last of each, and one in the middle.
        assert_eq!(number_of(COMMANDS, "DEACTIVATE_TARGET").expect("a number"), 30);
        assert_eq!(number_of(COMMANDS, "FW_DOWNLOAD").expect("a number"), 21);
        assert_eq!(number_of(ATTRIBUTES, "VENDOR_DATA").expect("a number"), 31);
        assert_eq!(number_of(ATTRIBUTES, "FIRMWARE_NAME").expect("a number"), 20);
        assert_eq!((name_of(COMMANDS, 0), name_of(COMMANDS, 31)), ("0".into(), "31".into()));
        assert!(Request::parse("START_PULL").is_err());
        assert!(Request::parse("DEV_UP DEVICE_INDEX").is_err());
    }

    #[test]
    fn an_end_has_its_errno() {
        let mut bytes = Request::parse("0").expect("a request").bytes(NLMSG_ERROR, 0, 3);
        bytes[HEAD..].copy_from_slice(&(-16_i32).to_ne_bytes());
        let read = answers(&bytes).expect("a message");
        assert_eq!(read[0].1.line(), "! EBUSY");
        assert!(answers(&bytes[..HEAD + 2]).is_err());
    }
}
