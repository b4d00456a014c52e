// SPDX-License-Identifier: GPL-2.0-only
//! Discovery, activation and data: NCI 1.0, chapters 5, 7 and 8.
//!
//! ```text
//!          RF_DISCOVER           one tag                     data, both ways
//!   idle ──────────────> discovery ───────────────────────> active
//!    ^                      │ several      RF_DISCOVER_SELECT ^ │ RF_DEACTIVATE sleep
//!    │                      └──────────> host selects ────────┘<┘
//!    └── RF_DEACTIVATE idle, from everywhere; RF_DEACTIVATE discovery: back to there
//! ```
//!
//! With [`StartUp::Instant`](crate::chip::StartUp::Instant) a tag is found, and its activation told, when it comes
//! near: as if polling took no time. With the data sheet's times it is found by the next poll, every TOTAL_DURATION,
//! and what is sent on the air takes the time that it takes.

use super::RESPONSE_NS;
use super::nci::{self, NFC_A_POLL, interface, mt, op, protocol, status};
use crate::chip::NEVER;
use crate::nfc::pcd::{Found, Heard14443, Pcd, RfError};
use crate::stimulus::Stimulus;
use std::collections::VecDeque;

type Out = VecDeque<(u64, Vec<u8>)>;

/// As many tags as are told apart.
const MAX_TAGS: usize = 3;
/// A poll that follows another at once begins so much later, in ns.
const POLL_GAP_NS: u64 = 1_000_000;

/// RF_DEACTIVATE's types (table 63).
const TO_IDLE: u8 = 0;
const TO_SLEEP: u8 = 1;
const TO_SLEEP_AF: u8 = 2;
const TO_DISCOVERY: u8 = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// The time of the next poll in ns.
    Discovery(u64),
    HostSelects,
    /// With this interface.
    Active(u8),
}

/// The radio.
pub(super) struct Radio {
    pub(super) pcd: Pcd,
    is_instant: bool,
    state: State,
    /// By protocol, the interface that RF_DISCOVER_MAP chose.
    map: Vec<(u8, u8)>,
    polls_a: bool,
    found: Vec<Found>,
    /// What was in the field at the last poll.
    generation: Option<u64>,
    period_ns: u64,
}

impl Radio {
    pub(super) fn new(is_instant: bool) -> Self {
        Radio {
            pcd: Pcd::default(),
            is_instant,
            state: State::Idle,
            map: Vec::new(),
            polls_a: false,
            found: Vec::new(),
            generation: None,
            period_ns: 0,
        }
    }

    pub(super) fn reset(&mut self) {
        self.pcd.off();
        (self.state, self.polls_a) = (State::Idle, false);
        self.map.clear();
        self.found.clear();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    pub(super) fn is_active(&self) -> bool {
        matches!(self.state, State::Active(_))
    }

    /// Time since the last call on the air, as far as it counts before a tag is known.
    fn discovery_ns(&mut self) -> u64 {
        let elapsed = self.pcd.elapsed();
        RESPONSE_NS + if self.is_instant { 0 } else { elapsed }
    }

    pub(super) fn advance(&mut self, now: u64, world: &Stimulus, period_ns: u64, out: &mut Out) {
        self.pcd.field.advance(now, world);
        self.period_ns = period_ns;
        let State::Discovery(at) = self.state else {
            return;
        };
        let has_changed = self.generation != Some(self.pcd.field.generation());
        let is_due = now >= at && (!self.is_instant || self.pcd.field.has_tags());
        if self.polls_a && (is_due || self.is_instant && has_changed && now >= at) {
            self.poll(now, out);
        }
    }

    /// When the next poll is.
    pub(super) fn next_event(&self) -> u64 {
        let change = self.pcd.field.next_change();
        match self.state {
            // Nothing to find, nothing to wake up for.
            State::Discovery(_) if !self.polls_a => NEVER,
            State::Discovery(_) if self.is_instant && !self.pcd.field.has_tags() => change,
            State::Discovery(at) => at,
            // A tag that leaves and comes back must be seen to have left.
            _ => change,
        }
    }

    fn poll(&mut self, now: u64, out: &mut Out) {
        self.generation = Some(self.pcd.field.generation());
        self.found = self.pcd.poll(MAX_TAGS);
        match &self.found[..] {
            [] => {
                self.pcd.off();
                self.pcd.elapsed();
                self.state = State::Discovery(now.saturating_add(self.period_ns));
            }
            [tag] => {
                let tag = tag.clone();
                let interface = self.interface_for(protocol_of(&tag));
                self.activate(now, 1, &tag, interface, out);
            }
            several => {
                let last = several.len();
                let notifications: Vec<Vec<u8>> = (1u8..)
                    .zip(several)
                    .map(|(id, tag)| discover_ntf(id, tag, usize::from(id) < last))
                    .collect();
                let delay_ns = self.discovery_ns();
                out.extend(notifications.into_iter().map(|packet| (delay_ns, packet)));
                self.state = State::HostSelects;
            }
        }
    }

    fn interface_for(&self, protocol: u8) -> u8 {
        let mapped = self.map.iter().find(|(known, _)| *known == protocol);
        let default = if protocol == protocol::ISO_DEP {
            interface::ISO_DEP
        } else {
            interface::FRAME
        };
        mapped.map_or(default, |(_, interface)| *interface)
    }

    /// Selects the tag and tells of it.
    fn activate(&mut self, now: u64, id: u8, tag: &Found, interface: u8, out: &mut Out) {
        let ats = self.pcd.select(tag).and_then(|()| match interface {
            interface::ISO_DEP => self.pcd.rats().map(Some),
            _ => Ok(None),
        });
        let delay_ns = self.discovery_ns();
        let Ok(ats) = ats else {
            return match self.state {
                // It is simply not found this time.
                State::Discovery(_) => self.state = State::Discovery(now.saturating_add(self.period_ns)),
                _ => {
                    let failed = [status::TARGET_ACTIVATION_FAILED];
                    out.push_back((
                        delay_ns,
                        nci::control(mt::NOTIFICATION, op::CORE_GENERIC_ERROR, &failed),
                    ));
                }
            };
        };
        self.state = State::Active(interface);
        let mut ntf = vec![id, interface, protocol_of(tag), NFC_A_POLL, 0xff, 1];
        push_parameters(tag, &mut ntf);
        // Data exchange: technology and mode, 106 kbit/s both ways.
        ntf.extend([NFC_A_POLL, 0, 0]);
        match ats {
            // The answer to select without its length byte, which is told before it (table 76).
            Some(ats) => {
                let len = u8::try_from(ats.len() - 1).unwrap_or(0);
                ntf.extend([len + 1, len]);
                ntf.extend(&ats[1..]);
            }
            None => ntf.push(0),
        }
        out.push_back((delay_ns, nci::control(mt::NOTIFICATION, op::RF_INTF_ACTIVATED, &ntf)));
    }

    /// RF_DISCOVER_MAP: protocol, mode and interface of each entry.
    pub(super) fn map(&mut self, payload: &[u8]) -> u8 {
        if !self.is_idle() {
            return status::SEMANTIC_ERROR;
        }
        let Some((&count, entries)) = payload.split_first() else {
            return status::SYNTAX_ERROR;
        };
        if entries.len() != usize::from(count) * 3 {
            return status::SYNTAX_ERROR;
        }
        let entries: Vec<[u8; 3]> = entries
            .chunks_exact(3)
            .filter_map(|entry| entry.try_into().ok())
            .collect();
        if entries
            .iter()
            .any(|[_, mode, interface]| *mode > 3 || !interface::ALL.contains(interface))
        {
            return status::INVALID_PARAM;
        }
        // Bit 0 of the mode is polling.
        let polling = entries.iter().filter(|[_, mode, _]| mode & 1 != 0);
        self.map = polling.map(|&[protocol, _, interface]| (protocol, interface)).collect();
        status::OK
    }

    /// RF_DISCOVER: technology and mode, and how often, of each entry.
    pub(super) fn discover(&mut self, now: u64, payload: &[u8]) -> u8 {
        if !self.is_idle() {
            return status::DISCOVERY_ALREADY_STARTED;
        }
        let Some((&count, entries)) = payload.split_first() else {
            return status::SYNTAX_ERROR;
        };
        if count == 0 || entries.len() != usize::from(count) * 2 {
            return status::SYNTAX_ERROR;
        }
        self.polls_a = entries.chunks_exact(2).any(|entry| entry[0] == NFC_A_POLL);
        self.generation = None;
        self.state = State::Discovery(now.saturating_add(POLL_GAP_NS));
        status::OK
    }

    /// Whether RF_DISCOVER_SELECT can be done: identifier, protocol, interface.
    pub(super) fn may_select(&self, payload: &[u8]) -> u8 {
        match (&self.state, payload) {
            (State::HostSelects, &[id, protocol, interface]) => {
                let tag = usize::from(id).checked_sub(1).and_then(|at| self.found.get(at));
                let fits = tag.is_some_and(|tag| protocol_of(tag) == protocol)
                    && (interface == interface::FRAME || interface == self.interface_for(protocol));
                if fits { status::OK } else { status::INVALID_PARAM }
            }
            (State::HostSelects, _) => status::SYNTAX_ERROR,
            _ => status::SEMANTIC_ERROR,
        }
    }

    pub(super) fn select(&mut self, payload: &[u8], out: &mut Out) {
        if let &[id, _, interface] = payload
            && let Some(tag) = self.found.get(usize::from(id).saturating_sub(1)).cloned()
        {
            self.activate(0, id, &tag, interface, out);
        }
    }

    pub(super) fn may_deactivate(&self, payload: &[u8]) -> u8 {
        let &[kind] = payload else {
            return status::SYNTAX_ERROR;
        };
        match (&self.state, kind) {
            (State::Idle, _) => status::SEMANTIC_ERROR,
            (_, TO_IDLE) | (State::Active(_), TO_SLEEP | TO_SLEEP_AF | TO_DISCOVERY) => status::OK,
            (_, TO_SLEEP..=TO_DISCOVERY) => status::SEMANTIC_ERROR,
            _ => status::INVALID_PARAM,
        }
    }

    pub(super) fn deactivate(&mut self, now: u64, payload: &[u8], out: &mut Out) {
        let kind = payload.first().copied().unwrap_or(TO_IDLE);
        // From discovery there is nothing to tell beyond the response (5.2.2).
        if self.is_active() {
            self.pcd.deselect();
            let delay_ns = self.pcd.elapsed() + RESPONSE_NS;
            out.push_back((delay_ns, nci::control(mt::NOTIFICATION, op::RF_DEACTIVATE, &[kind, 0])));
        }
        match kind {
            TO_IDLE => {
                self.pcd.off();
                self.state = State::Idle;
            }
            TO_DISCOVERY => {
                self.pcd.off();
                self.generation = None;
                self.state = State::Discovery(now.saturating_add(POLL_GAP_NS));
            }
            _ => self.state = State::HostSelects,
        }
    }

    /// A message to the tag.
    pub(super) fn data(&mut self, message: &[u8], out: &mut Out) {
        let answer = match self.state {
            State::Active(interface::ISO_DEP) => self.pcd.apdu(message),
            // The Frame interface adds and checks the CRC, and a status byte ends what it gives (8.2.1).
            _ => self.pcd.frame(message).map(|heard| match heard {
                Heard14443::Bytes(mut bytes) => {
                    bytes.push(status::OK);
                    bytes
                }
                Heard14443::Bits(value, count) => vec![value, status::OK_BITS | count],
            }),
        };
        let delay_ns = self.pcd.elapsed();
        match answer {
            Ok(bytes) => out.extend(nci::data(&bytes).into_iter().map(|packet| (delay_ns, packet))),
            Err(error) => {
                let status = match error {
                    RfError::Timeout => status::RF_TIMEOUT_ERROR,
                    RfError::Transmission => status::RF_TRANSMISSION_ERROR,
                    RfError::Protocol => status::RF_PROTOCOL_ERROR,
                };
                out.push_back((
                    delay_ns,
                    nci::control(mt::NOTIFICATION, op::CORE_INTERFACE_ERROR, &[status, 0]),
                ));
            }
        }
    }
}

/// What a tag speaks, from its SAK (Digital 1.0, table 20; NXP AN10833 for MIFARE Classic).
fn protocol_of(tag: &Found) -> u8 {
    match tag.sak & 0x60 {
        0x20 | 0x60 => protocol::ISO_DEP,
        _ if tag.sak & 0x08 != 0 => protocol::MIFARE,
        _ => protocol::T2T,
    }
}

/// The length and the parameters of NFC-A poll mode (table 54).
fn push_parameters(tag: &Found, out: &mut Vec<u8>) {
    let len = |len: usize| u8::try_from(len).unwrap_or(0);
    out.push(len(tag.uid.len() + 5));
    out.extend(tag.atqa);
    out.push(len(tag.uid.len()));
    out.extend(&tag.uid);
    out.extend([1, tag.sak]);
}

/// RF_DISCOVER_NTF; its last byte says whether more follow (table 53).
fn discover_ntf(id: u8, tag: &Found, has_more: bool) -> Vec<u8> {
    let mut ntf = vec![id, protocol_of(tag), NFC_A_POLL];
    push_parameters(tag, &mut ntf);
    ntf.push(if has_more { 2 } else { 0 });
    nci::control(mt::NOTIFICATION, nci::op::RF_DISCOVER, &ntf)
}
