// SPDX-License-Identifier: GPL-2.0-only
//! Commands and their responses: NCI 1.0, chapters 4, 6 and 7, and NXP's own.

use super::RESPONSE_NS;
use super::config::Config;
use super::nci::{self, HEAD, PBF, interface, mt, op, status};
use super::radio::Radio;
use crate::stimulus::Stimulus;
use std::collections::VecDeque;

/// How far the host has come since the last reset (4.1 and 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Session {
    /// Only CORE_RESET_CMD may come.
    PoweredOn,
    /// Only CORE_INIT_CMD may come.
    Reset,
    Initialised,
}

/// The longest message from the host that is put together: an extended APDU.
const MAX_MESSAGE: usize = 65_544;

/// The firmware.
pub(super) struct Control {
    session: Session,
    config: Config,
    pub(super) radio: Radio,
    /// Packets to the host, each with its delay in ns.
    out: VecDeque<(u64, Vec<u8>)>,
    /// Segments of a message that is not complete: control, data.
    command: Vec<u8>,
    data: Vec<u8>,
    pub(super) manufacturer: u8,
}

impl Control {
    pub(super) fn new(is_instant: bool) -> Self {
        Control {
            session: Session::PoweredOn,
            config: Config::default(),
            radio: Radio::new(is_instant),
            out: VecDeque::new(),
            command: Vec::new(),
            data: Vec::new(),
            manufacturer: 0x04,
        }
    }

    /// As after VEN.
    pub(super) fn reset(&mut self) {
        self.session = Session::PoweredOn;
        self.config = Config::default();
        self.radio.reset();
        self.out.clear();
        self.command.clear();
        self.data.clear();
    }

    /// The next packet to the host and its delay in ns.
    pub(super) fn take(&mut self) -> Option<(u64, Vec<u8>)> {
        self.out.pop_front()
    }

    pub(super) fn advance(&mut self, now: u64, world: &Stimulus) {
        self.radio.advance(now, world, self.config.period_ns(), &mut self.out);
    }

    pub(super) fn next_event(&self) -> u64 {
        self.radio.next_event()
    }

    /// A packet from the host.
    pub(super) fn packet(&mut self, now: u64, packet: &[u8]) {
        let Some((&[first, second, _], payload)) = packet.split_first_chunk::<HEAD>() else {
            return;
        };
        let is_last = first & PBF == 0;
        match first & 0xe0 {
            mt::COMMAND => {
                self.command.extend(payload);
                if is_last || self.command.len() > MAX_MESSAGE {
                    let payload = std::mem::take(&mut self.command);
                    self.command(now, (first & 0x0f, second & 0x3f), &payload);
                }
            }
            // Only the static RF connection exists: a packet on another is dropped (3.3.3).
            mt::DATA if first & 0x0f == 0 => self.data(payload, is_last),
            // The host sends nothing else (3.1).
            _ => {}
        }
    }

    fn data(&mut self, payload: &[u8], is_last: bool) {
        if !self.radio.is_active() {
            return;
        }
        self.data.extend(payload);
        // The credit comes back as soon as the packet has left the buffer (4.4.4).
        let credit = nci::control(mt::NOTIFICATION, op::CORE_CONN_CREDITS, &[1, 0, 1]);
        self.out.push_back((0, credit));
        if is_last || self.data.len() > MAX_MESSAGE {
            let message = std::mem::take(&mut self.data);
            self.radio.data(&message, &mut self.out);
        }
    }

    fn respond(&mut self, op: op::Op, payload: &[u8]) {
        self.out
            .push_back((RESPONSE_NS, nci::control(mt::RESPONSE, op, payload)));
    }

    fn command(&mut self, now: u64, op: op::Op, payload: &[u8]) {
        let is_allowed = match self.session {
            Session::PoweredOn => op == op::CORE_RESET,
            Session::Reset => op == op::CORE_RESET || op == op::CORE_INIT,
            Session::Initialised => true,
        };
        if !is_allowed {
            return self.respond(op, &[status::NOT_INITIALIZED]);
        }
        match op {
            op::CORE_RESET => self.core_reset(payload),
            op::CORE_INIT => self.core_init(payload),
            op::CORE_SET_CONFIG | op::CORE_GET_CONFIG => self.configure(op, payload),
            op::CORE_CONN_CREATE => self.respond(op, &[status::REJECTED, 0, 0, 0]),
            op::CORE_CONN_CLOSE => self.respond(op, &[status::REJECTED]),
            op::RF_DISCOVER_MAP => {
                let status = self.radio.map(payload);
                self.respond(op, &[status]);
            }
            op::RF_DISCOVER => {
                let status = self.radio.discover(now, payload);
                self.respond(op, &[status]);
            }
            op::RF_DISCOVER_SELECT => {
                let status = self.radio.may_select(payload);
                self.respond(op, &[status]);
                if status == status::OK {
                    self.radio.select(payload, &mut self.out);
                }
            }
            op::RF_DEACTIVATE => {
                let status = self.radio.may_deactivate(payload);
                self.respond(op, &[status]);
                if status == status::OK {
                    self.radio.deactivate(now, payload, &mut self.out);
                }
            }
            // There is no execution environment behind it.
            op::NFCEE_DISCOVER => self.respond(op, &[status::OK, 0]),
            op::SET_POWER_MODE if payload.len() == 1 => self.respond(op, &[status::OK]),
            // Four bytes of firmware build number, which is nobody's here.
            op::PROPRIETARY_ACT => self.respond(op, &[status::OK, 0, 0, 0, 0]),
            op::RF_PRES_CHECK => self.presence_check(),
            _ => self.respond(op, &[status::SYNTAX_ERROR]),
        }
    }

    /// CORE_RESET (4.1): 0 keeps the configuration, 1 does not.
    fn core_reset(&mut self, payload: &[u8]) {
        let keep = match *payload {
            [kind @ (0 | 1)] => kind == 0,
            [_] => return self.respond(op::CORE_RESET, &[status::INVALID_PARAM]),
            _ => return self.respond(op::CORE_RESET, &[status::SYNTAX_ERROR]),
        };
        let config = if keep {
            std::mem::take(&mut self.config)
        } else {
            Config::default()
        };
        self.reset();
        (self.session, self.config) = (Session::Reset, config);
        // NCI 1.0; whether the configuration has been reset.
        self.respond(op::CORE_RESET, &[status::OK, 0x10, u8::from(!keep)]);
    }

    /// CORE_INIT (4.2): what a PN7150 of firmware 01.A0 answers.
    fn core_init(&mut self, payload: &[u8]) {
        if !payload.is_empty() {
            return self.respond(op::CORE_INIT, &[status::SYNTAX_ERROR]);
        }
        if self.session != Session::Reset {
            return self.respond(op::CORE_INIT, &[status::SEMANTIC_ERROR]);
        }
        self.session = Session::Initialised;
        // Status; features: discovery by host and merging, routing, battery; how many interfaces.
        let head = [status::OK, 0x03, 0x1e, 0x03, 0x00, 0x08];
        // Two logical connections, routing table 720 bytes, control payload 255, large parameters 2; then NXP,
        // hardware, ROM and firmware versions.
        let tail = [
            0x02,
            0xd0,
            0x02,
            0xff,
            0x02,
            0x00,
            self.manufacturer,
            0x88,
            0x10,
            0x01,
            0xa0,
        ];
        self.respond(op::CORE_INIT, &[&head[..], &interface::ALL, &tail].concat());
    }

    fn configure(&mut self, op: op::Op, payload: &[u8]) {
        if op == op::CORE_GET_CONFIG {
            let answer = self.config.get(payload);
            return self.respond(op, &answer);
        }
        // Parameters change while the radio rests (4.3.2).
        let answer = if self.radio.is_idle() {
            self.config.set(payload)
        } else {
            vec![status::SEMANTIC_ERROR, 0]
        };
        self.respond(op, &answer);
    }

    /// RF_PRES-CHECK (UM10936, 6.3.3).
    fn presence_check(&mut self) {
        if !self.radio.is_active() {
            return self.respond(op::RF_PRES_CHECK, &[status::SEMANTIC_ERROR]);
        }
        self.respond(op::RF_PRES_CHECK, &[status::OK]);
        let is_present = self.radio.pcd.is_present();
        let status = if is_present {
            status::OK
        } else {
            status::RF_TIMEOUT_ERROR
        };
        let delay_ns = self.radio.pcd.elapsed() + RESPONSE_NS;
        self.out
            .push_back((delay_ns, nci::control(mt::NOTIFICATION, op::RF_PRES_CHECK, &[status])));
    }
}
