// SPDX-License-Identifier: GPL-2.0-only
//! A user of an NFC controller: the generic netlink family `nfc`, and a raw socket of `AF_NFC`.
//!
//! | word | |
//! |---|---|
//! | `open`, `close` | the sockets of the family: one for requests, one in its group of events; `close` closes all |
//! | `COMMAND ATTRIBUTE=VALUE…` | a request and what is answered, such as `DEV_UP DEVICE_INDEX=0` (`netlink.rs`) |
//! | `list COMMAND ATTRIBUTE=VALUE…` | the same as a dump |
//! | `datagram HEX` | sends these bytes to the family, whose number takes the place of the message's type |
//! | `events MS` | the events that come until so long none has come |
//! | `connect TARGET PROTOCOL` | a raw socket to a target of the controller 0; `found` is the last one listed |
//! | `send HEX`, `receive MS` | with it |
//! | `exchange HEX` | both, within as long as a card may ask for |
//! | `hangup` | closes it |

use crate::linux::machine::{Failure, unhex};
use crate::netlink::{self, Answer, CONTROLLER, GET_FAMILY, Request};
use crate::run::{Outcome, digits, errno};
use crate::side::Side;
use anyhow::{Context, anyhow};
use linux_compat::client::family::{
    AF_NETLINK, AF_NFC, NETLINK_ADD_MEMBERSHIP, NETLINK_GENERIC, NFC_SOCKPROTO_RAW, SOCK_RAW, SOCK_SEQPACKET,
    SOL_NETLINK,
};
use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST};
use std::time::Duration;

/// Most bytes of one message.
const RECEIVE_BYTES: usize = 32 * 1024;
/// `EAGAIN`.
const NOTHING_YET: i32 = 11;
/// What answers to requests take at the most, in the kernel's time: they come while the request is served.
const ANSWER: Duration = Duration::from_secs(1);
/// No target has this number.
const NO_TARGET: u32 = 0x00ff_ffff;
/// ISO/IEC 14443-4 lets a card ask for up to 4.9 s of waiting.
const EXCHANGE: Duration = Duration::from_secs(6);

/// What a user has open.
#[derive(Default)]
pub(crate) struct User {
    door: Option<Door>,
    link: Option<i64>,
    /// The target that the last list ended with.
    found: Option<u32>,
}

/// The sockets of generic netlink.
struct Door {
    requests: i64,
    events: i64,
    family: u16,
    sequence: u32,
}

/// `struct sockaddr_nl` with no port: Linux chooses one.
fn any_port() -> Vec<u8> {
    let mut addr = AF_NETLINK.to_ne_bytes().to_vec();
    addr.resize(12, 0);
    addr
}

/// `struct sockaddr_nfc` of the first controller.
fn target_address(target: u32, protocol: u32) -> Vec<u8> {
    let mut addr = u32::from(AF_NFC).to_ne_bytes().to_vec();
    for number in [0, target, protocol] {
        addr.extend(number.to_ne_bytes());
    }
    addr
}

fn number(text: &str) -> Result<u32, Failure> {
    Ok(text.parse().with_context(|| text.to_owned())?)
}

fn bytes(text: &str) -> Result<Vec<u8>, Failure> {
    Ok(unhex(text).with_context(|| format!("{text:?}: no hexadecimal digits"))?)
}

/// Receives a message if one comes in time.
fn receive(side: &mut dyn Side, socket: i64, limit: Duration) -> Result<Option<(i64, Vec<u8>)>, Failure> {
    if !side.poll_socket(socket, limit)? {
        return Ok(None);
    }
    match side.receive(socket, RECEIVE_BYTES) {
        Ok(message) => Ok(Some(message)),
        Err(Failure::Errno(NOTHING_YET)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Door {
    fn open(side: &mut dyn Side) -> Result<Self, Failure> {
        let requests = side.socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC)?;
        let events = side.socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC)?;
        for socket in [requests, events] {
            side.bind(socket, &any_port())?;
        }
        let mut door = Self {
            requests,
            events,
            family: CONTROLLER,
            sequence: 0,
        };
        let ask = Request {
            command: GET_FAMILY,
            attributes: vec![(2, b"nfc\0".to_vec())],
        };
        let mut group = None;
        for answer in door.ask(side, &ask, NLM_F_ACK)? {
            let Answer::Message(_, _, attributes) = answer else {
                continue;
            };
            for (kind, value) in attributes {
                match (kind, value.first_chunk()) {
                    (1, Some(id)) => door.family = u16::from_ne_bytes(*id),
                    (7, _) => group = netlink::attributes(&value)?.into_iter().next(),
                    _ => {}
                }
            }
        }
        // The family's first and only group: a list of its name and its number.
        let (_, group) = group.context("the family nfc has no group of events")?;
        let id = netlink::attributes(&group)?.into_iter().find(|(kind, _)| *kind == 2);
        let (_, id) = id.context("the group has no number")?;
        side.set_option(events, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &id)?;
        Ok(door)
    }

    fn ask(&mut self, side: &mut dyn Side, request: &Request, flags: u16) -> Result<Vec<Answer>, Failure> {
        self.sequence += 1;
        side.send(
            self.requests,
            &request.bytes(self.family, NLM_F_REQUEST | flags, self.sequence),
        )?;
        self.answers(side)
    }

    /// What is answered to the last request.
    fn answers(&self, side: &mut dyn Side) -> Result<Vec<Answer>, Failure> {
        let mut answers = Vec::new();
        while let Some((_, datagram)) = receive(side, self.requests, ANSWER)? {
            for (sequence, answer) in netlink::answers(&datagram)? {
                if sequence != self.sequence {
                    continue;
                }
                let is_end = matches!(answer, Answer::End(_));
                answers.push(answer);
                if is_end {
                    return Ok(answers);
                }
            }
        }
        Ok(answers)
    }

    /// Sends bytes as they are, but for the family's number and what tells the answer.
    fn datagram(&mut self, side: &mut dyn Side, mut bytes: Vec<u8>) -> Result<Vec<Answer>, Failure> {
        self.sequence += 1;
        if let Some(kind) = bytes.get_mut(4..6) {
            kind.copy_from_slice(&self.family.to_ne_bytes());
        }
        if let Some(sequence) = bytes.get_mut(8..12) {
            sequence.copy_from_slice(&self.sequence.to_ne_bytes());
        }
        side.send(self.requests, &bytes)?;
        self.answers(side)
    }

    fn events(&self, side: &mut dyn Side, limit: Duration) -> Result<Vec<Answer>, Failure> {
        let mut events = Vec::new();
        while let Some((_, datagram)) = receive(side, self.events, limit)? {
            events.extend(netlink::answers(&datagram)?.into_iter().map(|(_, event)| event));
        }
        Ok(events)
    }
}

fn lines(answers: Vec<Answer>) -> Vec<String> {
    match answers.as_slice() {
        [] => vec!["nothing".to_owned()],
        answers => answers.iter().map(Answer::line).collect(),
    }
}

impl User {
    /// Does what the words say; an errno ends none but its own word.
    pub(crate) fn run(&mut self, side: &mut dyn Side, words: &[String]) -> Outcome {
        let mut all = Vec::new();
        for word in words {
            match self.word(side, word) {
                Ok(lines) => all.extend(lines.into_iter().map(|line| format!("{word}: {line}"))),
                Err(Failure::Errno(number)) => all.push(format!("{word}: ! {}", errno(number))),
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    fn word(&mut self, side: &mut dyn Side, word: &str) -> Outcome {
        let (verb, rest) = word.split_once(' ').unwrap_or((word, ""));
        let done = |()| vec!["done".to_owned()];
        match verb {
            "open" => {
                self.door = Some(Door::open(side)?);
                Ok(done(()))
            }
            "close" => {
                self.hang_up(side)?;
                if let Some(door) = self.door.take() {
                    side.close_socket(door.requests)?;
                    side.close_socket(door.events)?;
                }
                Ok(done(()))
            }
            "list" => {
                let listed = self.door()?.ask(side, &Request::parse(rest)?, NLM_F_DUMP)?;
                if rest.starts_with("GET_TARGET") {
                    self.found = listed.iter().filter_map(Answer::target).next_back();
                }
                Ok(lines(listed))
            }
            "datagram" => Ok(lines(self.door()?.datagram(side, bytes(rest)?)?)),
            "events" => {
                let limit = Duration::from_millis(number(rest)?.into());
                Ok(lines(self.door()?.events(side, limit)?))
            }
            "connect" => self.connect(side, rest).map(done),
            "send" => Ok(vec![format!("{} bytes", side.send(self.link()?, &bytes(rest)?)?)]),
            "receive" => self.receive(side, Duration::from_millis(number(rest)?.into())),
            "exchange" => {
                side.send(self.link()?, &bytes(rest)?)?;
                self.receive(side, EXCHANGE)
            }
            "hangup" => self.hang_up(side).map(done),
            _ => Ok(lines(self.door()?.ask(side, &Request::parse(word)?, NLM_F_ACK)?)),
        }
    }

    fn door(&mut self) -> Result<&mut Door, Failure> {
        self.door
            .as_mut()
            .ok_or_else(|| Failure::Machine(anyhow!("the family is not open")))
    }

    fn link(&self) -> Result<i64, Failure> {
        self.link
            .ok_or_else(|| Failure::Machine(anyhow!("there is no raw socket")))
    }

    fn connect(&mut self, side: &mut dyn Side, words: &str) -> Result<(), Failure> {
        let (target, protocol) = words.split_once(' ').context("connect TARGET PROTOCOL")?;
        let target = match target {
            "found" => self.found.unwrap_or(NO_TARGET),
            target => number(target)?,
        };
        let addr = target_address(target, number(protocol)?);
        self.hang_up(side)?;
        let socket = side.socket(AF_NFC, SOCK_SEQPACKET, NFC_SOCKPROTO_RAW)?;
        // Also if it is not connected: what it gives then is to be seen too.
        self.link = Some(socket);
        side.connect(socket, &addr)
    }

    fn receive(&self, side: &mut dyn Side, limit: Duration) -> Outcome {
        Ok(vec![match receive(side, self.link()?, limit)? {
            Some((length, data)) => format!("{length} of {}", digits(&data)),
            None => "nothing".to_owned(),
        }])
    }

    fn hang_up(&mut self, side: &mut dyn Side) -> Result<(), Failure> {
        self.link.take().map_or(Ok(()), |socket| side.close_socket(socket))
    }
}
