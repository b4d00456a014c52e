// SPDX-License-Identifier: GPL-2.0-only
//! The conversation with a generic netlink family: requests, dumps, events.

use super::NfcError;
use crate::client::family::{AF_NETLINK, NETLINK_ADD_MEMBERSHIP, NETLINK_GENERIC, SOCK_RAW, SOL_NETLINK};
use crate::client::{Client, Errno, Socket, poll};
use netlink_packet_core::{
    DecodeError, Emitable, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, Nla, NlaBuffer, NlasIterator, ParseableParametrized,
};
use netlink_packet_generic::ctrl::nlas::{GenlCtrlAttrs, McastGrpAttrs};
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};
use std::time::Duration;

/// Most bytes of one datagram: what Linux fills for a dump, and more.
const RECEIVE_BYTES: usize = 32 * 1024;
/// Messages of one answer; a dump of more is a domain that does not end.
const MOST_MESSAGES: usize = 4096;
/// Answers come while the request is served; this is for a domain that is slow.
const LIMIT: Duration = Duration::from_secs(10);

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attr {
    pub(super) kind: u16,
    pub(super) value: Vec<u8>,
}

impl Nla for Attr {
    fn value_len(&self) -> usize {
        self.value.len()
    }

    fn kind(&self) -> u16 {
        self.kind
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.value);
    }
}

/// Splits a list of attributes.
pub(super) fn attrs(bytes: &[u8]) -> Result<Vec<Attr>, DecodeError> {
    let attr = |nla: Result<NlaBuffer<&[u8]>, DecodeError>| {
        nla.map(|nla| Attr {
            kind: nla.kind(),
            value: nla.value().to_vec(),
        })
    };
    NlasIterator::new(bytes).map(attr).collect()
}

/// A message of the family `nfc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) command: u8,
    pub(super) attrs: Vec<Attr>,
}

impl Message {
    pub(super) fn new(command: u8) -> Self {
        Self {
            command,
            attrs: Vec::new(),
        }
    }

    pub(super) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        self.attrs.push(Attr {
            kind,
            value: value.to_vec(),
        });
        self
    }

    pub(super) fn with_u32(self, kind: u16, value: u32) -> Self {
        self.with(kind, &value.to_ne_bytes())
    }

    pub(super) fn bytes(&self, kind: u16) -> Option<&[u8]> {
        let attr = self.attrs.iter().find(|attr| attr.kind == kind);
        attr.map(|attr| attr.value.as_slice())
    }

    pub(super) fn u32(&self, kind: u16) -> Option<u32> {
        Some(u32::from_ne_bytes(self.bytes(kind)?.try_into().ok()?))
    }

    pub(super) fn u16(&self, kind: u16) -> Option<u16> {
        Some(u16::from_ne_bytes(self.bytes(kind)?.try_into().ok()?))
    }

    pub(super) fn u8(&self, kind: u16) -> Option<u8> {
        self.bytes(kind)?.first().copied()
    }

    pub(super) fn text(&self, kind: u16) -> Option<String> {
        let bytes = self.bytes(kind)?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        Some(String::from_utf8_lossy(bytes.get(..end)?).into_owned())
    }
}

impl GenlFamily for Message {
    fn family_name() -> &'static str {
        "nfc"
    }

    fn command(&self) -> u8 {
        self.command
    }

    fn version(&self) -> u8 {
        1
    }
}

impl Emitable for Message {
    fn buffer_len(&self) -> usize {
        self.attrs.as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.attrs.as_slice().emit(buffer);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for Message {
    fn parse_with_param(bytes: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        Ok(Self {
            command: header.cmd,
            attrs: attrs(bytes)?,
        })
    }
}

fn malformed(command: &'static str, fact: impl ToString) -> NfcError {
    NfcError::Malformed {
        command,
        fact: fact.to_string(),
    }
}

/// A socket of generic netlink.
pub(super) struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    pub(super) fn open(client: &mut Client) -> Result<Self, NfcError> {
        let socket = client.socket_open(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC)?;
        // `struct sockaddr_nl` with no port: Linux chooses one. A socket without a port hears no group.
        let mut addr = [0; 12];
        addr[..2].copy_from_slice(&AF_NETLINK.to_ne_bytes());
        client.socket_bind(socket, &addr)?;
        Ok(Self { socket, sequence: 0 })
    }

    pub(super) fn join(&self, client: &mut Client, group: u32) -> Result<(), NfcError> {
        Ok(client.socket_set_option(self.socket, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group.to_ne_bytes())?)
    }

    fn send<F>(&mut self, client: &mut Client, message: GenlMessage<F>, flags: u16) -> Result<(), NfcError>
    where
        F: GenlFamily + Emitable + std::fmt::Debug,
    {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut packet = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        packet.finalize();
        let mut bytes = vec![0; packet.buffer_len()];
        packet.serialize(&mut bytes);
        client.socket_send(self.socket, &bytes, &[])?;
        Ok(())
    }

    /// The next datagram; `None` if none comes within `limit`.
    fn datagram(&self, client: &mut Client, limit: Duration) -> Result<Option<Vec<u8>>, NfcError> {
        if client.socket_poll(self.socket, poll::IN, limit)? == 0 {
            return Ok(None);
        }
        match client.socket_receive(self.socket, RECEIVE_BYTES) {
            Ok(datagram) if datagram.is_cut => Err(malformed("receive", "a datagram longer than any of Linux's")),
            Ok(datagram) => Ok(Some(datagram.data)),
            Err(error) if error.errno() == Some(Errno::EAGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a request and collects what is answered to it.
    fn exchange<F>(
        &mut self,
        client: &mut Client,
        command: &'static str,
        message: GenlMessage<F>,
        flags: u16,
    ) -> Result<Vec<F>, NfcError>
    where
        F: GenlFamily + Emitable + ParseableParametrized<[u8], GenlHeader> + std::fmt::Debug,
    {
        self.send(client, message, flags)?;
        let mut answers = Vec::new();
        loop {
            let Some(bytes) = self.datagram(client, LIMIT)? else {
                return Err(NfcError::Timeout(command, LIMIT.as_millis()));
            };
            for packet in packets::<F>(&bytes) {
                let packet = packet.map_err(|error| malformed(command, error))?;
                if packet.header.sequence_number != self.sequence {
                    continue;
                }
                match packet.payload {
                    NetlinkPayload::InnerMessage(message) => answers.push(message.into_parts().1),
                    NetlinkPayload::Error(error) => {
                        return match error.code {
                            None => Ok(answers),
                            Some(code) => Err(NfcError::Command {
                                command,
                                errno: Errno(code.get().wrapping_neg()),
                            }),
                        };
                    }
                    NetlinkPayload::Done(done) if done.code < 0 => {
                        return Err(NfcError::Command {
                            command,
                            errno: Errno(done.code.wrapping_neg()),
                        });
                    }
                    NetlinkPayload::Done(_) => return Ok(answers),
                    _ => {}
                }
            }
            if answers.len() > MOST_MESSAGES {
                return Err(malformed(command, "an answer without an end"));
            }
        }
    }

    /// Asks for something, and waits until it is done.
    pub(super) fn request(
        &mut self,
        client: &mut Client,
        family: u16,
        command: &'static str,
        message: Message,
    ) -> Result<Vec<Message>, NfcError> {
        let mut message = GenlMessage::from_payload(message);
        message.set_resolved_family_id(family);
        self.exchange(client, command, message, NLM_F_ACK)
    }

    /// Asks for a list.
    pub(super) fn dump(
        &mut self,
        client: &mut Client,
        family: u16,
        command: &'static str,
        message: Message,
    ) -> Result<Vec<Message>, NfcError> {
        let mut message = GenlMessage::from_payload(message);
        message.set_resolved_family_id(family);
        self.exchange(client, command, message, NLM_F_DUMP)
    }

    /// The messages of the next datagram; none if none comes within `limit`.
    pub(super) fn events(&self, client: &mut Client, limit: Duration) -> Result<Vec<Message>, NfcError> {
        let Some(bytes) = self.datagram(client, limit)? else {
            return Ok(Vec::new());
        };
        let mut events = Vec::new();
        for packet in packets::<Message>(&bytes) {
            if let NetlinkPayload::InnerMessage(message) = packet.map_err(|error| malformed("event", error))?.payload {
                events.push(message.into_parts().1);
            }
        }
        Ok(events)
    }

    /// The family's number, and that of its group of events.
    pub(super) fn resolve(&mut self, client: &mut Client) -> Result<(u16, u32), NfcError> {
        const COMMAND: &str = "find the family nfc";
        let ask = GenlMessage::from_payload(GenlCtrl {
            cmd: GenlCtrlCmd::GetFamily,
            nlas: vec![GenlCtrlAttrs::FamilyName(Message::family_name().to_owned())],
        });
        let answers = self.exchange(client, COMMAND, ask, NLM_F_ACK)?;
        let (mut family, mut group) = (None, None);
        for attr in answers.into_iter().flat_map(|answer| answer.nlas) {
            match attr {
                GenlCtrlAttrs::FamilyId(id) => family = Some(id),
                GenlCtrlAttrs::McastGroups(groups) => {
                    group = groups.iter().find_map(|group| id_of(group, "events"));
                }
                _ => {}
            }
        }
        family
            .zip(group)
            .ok_or_else(|| malformed(COMMAND, "no number, or no group of events"))
    }
}

fn id_of(group: &[McastGrpAttrs], wanted: &str) -> Option<u32> {
    let is_it = |attr: &McastGrpAttrs| matches!(attr, McastGrpAttrs::Name(name) if name == wanted);
    group.iter().find(|attr| is_it(attr))?;
    group.iter().find_map(|attr| match attr {
        McastGrpAttrs::Id(id) => Some(*id),
        McastGrpAttrs::Name(_) => None,
    })
}

/// The messages of a datagram. After one that is malformed there is no next.
fn packets<F>(mut bytes: &[u8]) -> impl Iterator<Item = Result<NetlinkMessage<GenlMessage<F>>, DecodeError>>
where
    F: ParseableParametrized<[u8], GenlHeader> + std::fmt::Debug,
{
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let packet = NetlinkBuffer::new_checked(bytes).and_then(|buffer| {
            let len = buffer.length() as usize;
            let one = bytes.get(..len).unwrap_or_default();
            bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
            NetlinkMessage::deserialize(one)
        });
        if packet.is_err() {
            bytes = &[];
        }
        Some(packet)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Result<NetlinkMessage<GenlMessage<Message>>, DecodeError>> {
        packets(bytes).collect()
    }

    fn encoded(message: Message) -> Vec<u8> {
        let mut message = GenlMessage::from_payload(message);
        message.set_resolved_family_id(21);
        let mut packet = NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::InnerMessage(message));
        packet.finalize();
        let mut bytes = vec![0; packet.buffer_len()];
        packet.serialize(&mut bytes);
        bytes
    }

    #[test]
    fn messages_behind_one_another_are_read() {
        let first = Message::new(9).with_u32(1, 7).with(6, &[4, 1, 2]);
        let mut bytes = encoded(first.clone());
        bytes.extend(encoded(Message::new(12)));
        let read = all(&bytes);
        assert_eq!(read.len(), 2);
        let NetlinkPayload::InnerMessage(message) = &read[0].as_ref().unwrap().payload else {
            panic!("a message");
        };
        assert_eq!(message.payload, first);
        assert_eq!((message.payload.u32(1), message.payload.u32(6)), (Some(7), None));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let good = encoded(Message::new(9).with_u32(1, 7));
        for len in 0..good.len() {
            let _ = all(&good[..len]);
        }
        for at in 0..good.len() {
            for value in [0, 1, 3, 4, 15, 16, 0x7f, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                let _ = all(&bad);
            }
        }
    }
}
