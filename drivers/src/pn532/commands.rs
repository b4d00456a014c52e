// SPDX-License-Identifier: GPL-2.0-only
//! Commands and their answers: UM0701-02, chapter 7.
//!
//! A command either has its answer at once, later by what it took on the air, or waits for a tag ([`listing`]).

mod listing;

use super::ANSWER_NS;
use crate::chip::NEVER;
use crate::nfc::pcd::{Found, Heard14443, Pcd, RfError};
use crate::stimulus::Stimulus;
use listing::{AUTO_POLL_NS, TRY_NS, Waiting, Wanted, plain_uid};
use std::collections::BTreeMap;

/// Command codes (table 7). An answer's code is one more.
mod code {
    pub(super) const DIAGNOSE: u8 = 0x00;
    pub(super) const GET_FIRMWARE_VERSION: u8 = 0x02;
    pub(super) const GET_GENERAL_STATUS: u8 = 0x04;
    pub(super) const READ_REGISTER: u8 = 0x06;
    pub(super) const WRITE_REGISTER: u8 = 0x08;
    pub(super) const READ_GPIO: u8 = 0x0c;
    pub(super) const WRITE_GPIO: u8 = 0x0e;
    pub(super) const SET_PARAMETERS: u8 = 0x12;
    pub(super) const SAM_CONFIGURATION: u8 = 0x14;
    pub(super) const POWER_DOWN: u8 = 0x16;
    pub(super) const RF_CONFIGURATION: u8 = 0x32;
    pub(super) const IN_DATA_EXCHANGE: u8 = 0x40;
    pub(super) const IN_COMMUNICATE_THRU: u8 = 0x42;
    pub(super) const IN_DESELECT: u8 = 0x44;
    pub(super) const IN_JUMP_FOR_PSL: u8 = 0x46;
    pub(super) const IN_LIST_PASSIVE_TARGET: u8 = 0x4a;
    pub(super) const IN_ATR: u8 = 0x50;
    pub(super) const IN_RELEASE: u8 = 0x52;
    pub(super) const IN_SELECT: u8 = 0x54;
    pub(super) const IN_JUMP_FOR_DEP: u8 = 0x56;
    pub(super) const IN_AUTO_POLL: u8 = 0x60;
    pub(super) const TG_GET_DATA: u8 = 0x86;
    pub(super) const TG_GET_INITIATOR_COMMAND: u8 = 0x88;
    pub(super) const TG_GET_TARGET_STATUS: u8 = 0x8a;
    pub(super) const TG_INIT_AS_TARGET: u8 = 0x8c;
    pub(super) const TG_SET_DATA: u8 = 0x8e;
    pub(super) const TG_RESPONSE_TO_INITIATOR: u8 = 0x90;
}

/// Error codes in the status byte (7.1).
mod error {
    pub(super) const NONE: u8 = 0x00;
    pub(super) const TIMEOUT: u8 = 0x01;
    pub(super) const CRC: u8 = 0x02;
    pub(super) const PROTOCOL: u8 = 0x0b;
    pub(super) const DATA_FORMAT: u8 = 0x13;
    pub(super) const MIFARE: u8 = 0x14;
    pub(super) const DEP_STATE: u8 = 0x25;
    pub(super) const CONTEXT: u8 = 0x27;
    /// More of the answer is to be fetched.
    pub(super) const MORE: u8 = 0x40;
}

/// In the target number of InDataExchange: more data follow.
const MORE_INFORMATION: u8 = 0x40;
/// The most data of one answer of InDataExchange.
const MAX_DATA: usize = 262;
/// The longest APDU that is put together.
const MAX_APDU: usize = 65_544;
/// For ever, as a number of tries.
const FOR_EVER: u8 = 0xff;

/// RFConfiguration's items that are only stored, with their lengths (7.3.1).
const ITEMS: [(u8, usize); 6] = [(0x02, 3), (0x04, 1), (0x0a, 11), (0x0b, 8), (0x0c, 3), (0x0d, 9)];

/// The firmware.
pub(super) struct Commands {
    pub(super) pcd: Pcd,
    is_instant: bool,
    pub(super) circuit: u8,
    pub(super) uses_irq: bool,
    /// The wake-up sources that PowerDown named, once.
    pub(super) power_down: Option<u8>,
    has_automatic_rats: bool,
    max_tries: u8,
    registers: BTreeMap<u16, u8>,
    ports: [u8; 2],
    targets: Vec<(Found, Vec<u8>)>,
    /// The index of the target that is selected.
    current: Option<usize>,
    waiting: Option<Waiting>,
    /// The answer and its delay in ns; `None` is the error frame.
    answer: Option<(u64, Option<Vec<u8>>)>,
    /// Parts of an APDU from the host, and of its answer.
    apdu: Vec<u8>,
    rest: Vec<u8>,
}

impl Commands {
    pub(super) fn new(is_instant: bool) -> Self {
        Commands {
            pcd: Pcd::default(),
            is_instant,
            circuit: 0x32,
            uses_irq: true,
            power_down: None,
            has_automatic_rats: true,
            max_tries: FOR_EVER,
            registers: BTreeMap::new(),
            ports: [0xff; 2],
            targets: Vec::new(),
            current: None,
            waiting: None,
            answer: None,
            apdu: Vec::new(),
            rest: Vec::new(),
        }
    }

    /// As after power-on, but for the tags.
    pub(super) fn reset(&mut self) {
        self.pcd.off();
        let pcd = std::mem::take(&mut self.pcd);
        *self = Commands {
            pcd,
            circuit: self.circuit,
            ..Commands::new(self.is_instant)
        };
    }

    /// Ends the command that runs.
    pub(super) fn abort(&mut self) {
        (self.waiting, self.answer, self.power_down) = (None, None, None);
    }

    /// The answer, once.
    pub(super) fn take(&mut self) -> Option<(u64, Option<Vec<u8>>)> {
        self.answer.take()
    }

    pub(super) fn advance(&mut self, now: u64, world: &Stimulus) {
        self.pcd.field.advance(now, world);
        self.look(now);
    }

    pub(super) fn next_event(&self) -> u64 {
        let deadline = self.waiting.as_ref().map_or(NEVER, |waiting| waiting.deadline);
        deadline.min(self.pcd.field.next_change())
    }

    fn done(&mut self, code: u8, data: &[u8]) {
        let elapsed = self.pcd.elapsed();
        let answer = [&[code + 1], data].concat();
        self.answer = Some((ANSWER_NS + elapsed, Some(answer)));
    }

    /// The syntax error of the application layer.
    fn syntax_error(&mut self) {
        self.answer = Some((ANSWER_NS, None));
    }

    pub(super) fn begin(&mut self, now: u64, command: &[u8]) {
        let Some((&code, parameters)) = command.split_first() else {
            return self.syntax_error();
        };
        match (code, parameters) {
            // Communication line test: everything comes back (7.2.1).
            (code::DIAGNOSE, [0x00, ..]) => self.done(code, parameters),
            // Attention request: whether the ISO-DEP card is still there.
            (code::DIAGNOSE, [0x06]) => {
                let is_present = self.pcd.is_present();
                self.done(code, &[if is_present { error::NONE } else { error::TIMEOUT }]);
            }
            (code::GET_FIRMWARE_VERSION, []) => self.done(code, &[self.circuit, 0x01, 0x06, 0x07]),
            (code::GET_GENERAL_STATUS, []) => self.general_status(),
            (code::READ_REGISTER, addresses) if addresses.len() % 2 == 0 => {
                let value = |at: &[u8]| {
                    self.registers
                        .get(&u16::from_be_bytes([at[0], at[1]]))
                        .copied()
                        .unwrap_or(0)
                };
                let values: Vec<u8> = addresses.chunks_exact(2).map(value).collect();
                self.done(code, &values);
            }
            (code::WRITE_REGISTER, writes) if writes.len() % 3 == 0 => {
                for write in writes.chunks_exact(3) {
                    self.registers
                        .insert(u16::from_be_bytes([write[0], write[1]]), write[2]);
                }
                self.done(code, &[]);
            }
            (code::READ_GPIO, []) => self.done(code, &[self.ports[0], self.ports[1], 0]),
            (code::WRITE_GPIO, &[p3, p7]) => {
                self.write_ports([p3, p7]);
                self.done(code, &[]);
            }
            (code::SET_PARAMETERS, &[flags]) => {
                self.has_automatic_rats = flags & 0x10 != 0;
                self.done(code, &[]);
            }
            // Only the normal mode, without a SAM, exists; the last byte says whether P70_IRQ is used (7.2.10).
            (code::SAM_CONFIGURATION, &[0x01, ref rest @ ..]) if rest.len() <= 2 => {
                self.uses_irq = rest.get(1) != Some(&0);
                self.done(code, &[]);
            }
            (code::POWER_DOWN, &[sources, ..]) => {
                self.pcd.off();
                self.power_down = Some(sources);
                self.done(code, &[error::NONE]);
            }
            (code::RF_CONFIGURATION, &[item, ref data @ ..]) => self.rf_configuration(item, data),
            (code::IN_DATA_EXCHANGE, &[tg, ref data @ ..]) => self.data_exchange(tg, data),
            (code::IN_COMMUNICATE_THRU, data) if !data.is_empty() => self.communicate_thru(data),
            (code::IN_RELEASE | code::IN_DESELECT, &[tg]) => self.release(code, tg),
            (code::IN_SELECT, &[tg]) => {
                let status = self.select(tg);
                self.done(code, &[status]);
            }
            (code::IN_LIST_PASSIVE_TARGET, &[max @ (1 | 2), rate @ 0..=4, ref data @ ..]) => {
                // Rate 0 is NFC-A at 106 kbit/s.
                let wanted = match rate {
                    0 => Wanted::List {
                        max: max.into(),
                        uid: plain_uid(data),
                    },
                    _ => Wanted::Nothing,
                };
                self.wait(now, code, wanted, self.max_tries, TRY_NS);
            }
            (code::IN_AUTO_POLL, &[tries, period @ 1..=15, ref types @ ..]) if !types.is_empty() && tries > 0 => {
                let each = u64::from(period) * AUTO_POLL_NS * types.len() as u64;
                self.wait(now, code, Wanted::AutoPoll(types.to_vec()), tries, each);
            }
            // No tag here speaks NFC-DEP: activation ends with a time-out (7.3.3).
            (code::IN_JUMP_FOR_DEP | code::IN_JUMP_FOR_PSL, [_, _, _, ..]) => {
                self.wait(now, code, Wanted::Nothing, self.max_tries, TRY_NS);
            }
            (code::IN_ATR, [_, _, ..]) => self.done(code, &[error::TIMEOUT]),
            // Nor is there a reader to which it could be a target.
            (code::TG_GET_TARGET_STATUS, []) => self.done(code, &[0, 0]),
            (
                code::TG_GET_DATA | code::TG_GET_INITIATOR_COMMAND | code::TG_SET_DATA | code::TG_RESPONSE_TO_INITIATOR,
                _,
            ) => self.done(code, &[error::DEP_STATE]),
            (code::TG_INIT_AS_TARGET, _) => self.wait(now, code, Wanted::Nothing, FOR_EVER, TRY_NS),
            _ => self.syntax_error(),
        }
    }

    fn general_status(&mut self) {
        let count = u8::try_from(self.targets.len()).unwrap_or(0);
        let mut data = vec![error::NONE, u8::from(self.pcd.field.is_on()), count];
        // Number, both bit rates, modulation.
        (1..=count).for_each(|tg| data.extend([tg, 0, 0, 0]));
        data.push(0x80);
        self.done(code::GET_GENERAL_STATUS, &data);
    }

    /// Bit 7 says whether a port is written at all (7.2.7).
    fn write_ports(&mut self, values: [u8; 2]) {
        for (port, value) in self.ports.iter_mut().zip(values) {
            if value & 0x80 != 0 {
                *port = value & 0x7f;
            }
        }
    }

    /// RFConfiguration (7.3.1): the carrier, and how often to try.
    fn rf_configuration(&mut self, item: u8, data: &[u8]) {
        match (item, data) {
            (0x01, &[flags]) => {
                if flags & 1 == 0 {
                    self.pcd.off();
                    self.targets.clear();
                    self.current = None;
                } else {
                    self.pcd.field.switch(true);
                }
            }
            (0x05, &[_, _, passive]) => self.max_tries = passive,
            // Time-outs and the analog part change nothing here, but their lengths are known.
            (item, data) if ITEMS.contains(&(item, data.len())) => {}
            _ => return self.syntax_error(),
        }
        self.done(code::RF_CONFIGURATION, &[]);
    }

    /// Makes the target with this number the selected one.
    fn select(&mut self, tg: u8) -> u8 {
        let index = usize::from(tg & 0x3f).checked_sub(1);
        let Some((index, (tag, ats))) = index.and_then(|index| Some((index, self.targets.get(index)?.clone()))) else {
            return error::CONTEXT;
        };
        if self.current == Some(index) {
            return error::NONE;
        }
        self.pcd.deselect();
        self.current = None;
        let done = self.pcd.select(&tag).and_then(|()| match ats[..] {
            [] => Ok(Vec::new()),
            _ => self.pcd.rats(),
        });
        match done {
            Ok(_) => {
                self.current = Some(index);
                error::NONE
            }
            Err(error) => status_of(error),
        }
    }

    fn data_exchange(&mut self, tg: u8, data: &[u8]) {
        let status = self.select(tg);
        if status != error::NONE {
            return self.done(code::IN_DATA_EXCHANGE, &[status]);
        }
        if self.pcd.has_blocks() {
            return self.apdu(tg & MORE_INFORMATION != 0, data);
        }
        // 60 and 61 are MIFARE Classic's authentication, for which there is no card.
        let answer = match data {
            [0x60 | 0x61, ..] => vec![error::MIFARE],
            [] => vec![error::DATA_FORMAT],
            _ => match self.pcd.frame(data) {
                Ok(Heard14443::Bytes(bytes)) => [&[error::NONE][..], &bytes].concat(),
                Ok(Heard14443::Bits(0x0a, 4)) => vec![error::NONE],
                Ok(Heard14443::Bits(..)) => vec![error::DATA_FORMAT],
                Err(error) => vec![status_of(error)],
            },
        };
        self.done(code::IN_DATA_EXCHANGE, &answer);
    }

    /// An APDU, or a part of one, or the wish for the next part of its answer.
    fn apdu(&mut self, has_more: bool, data: &[u8]) {
        if self.rest.is_empty() || !data.is_empty() {
            self.apdu.extend(data);
            self.rest.clear();
            if self.apdu.len() > MAX_APDU {
                self.apdu.clear();
                return self.done(code::IN_DATA_EXCHANGE, &[error::DATA_FORMAT]);
            }
            if has_more {
                return self.done(code::IN_DATA_EXCHANGE, &[error::NONE]);
            }
            let command = std::mem::take(&mut self.apdu);
            match self.pcd.apdu(&command) {
                Ok(answer) => self.rest = answer,
                Err(error) => return self.done(code::IN_DATA_EXCHANGE, &[status_of(error)]),
            }
        }
        let rest = self.rest.split_off(MAX_DATA.min(self.rest.len()));
        let part = std::mem::replace(&mut self.rest, rest);
        let more = if self.rest.is_empty() { 0 } else { error::MORE };
        self.done(code::IN_DATA_EXCHANGE, &[&[error::NONE | more][..], &part].concat());
    }

    /// A frame as it is, with CRC. Four bits are no frame with a CRC, and so an error (7.3.9).
    fn communicate_thru(&mut self, data: &[u8]) {
        let answer = match self.pcd.frame(data) {
            Ok(Heard14443::Bytes(bytes)) => [&[error::NONE][..], &bytes].concat(),
            Ok(Heard14443::Bits(..)) => vec![error::CRC],
            Err(error) => vec![status_of(error)],
        };
        self.done(code::IN_COMMUNICATE_THRU, &answer);
    }

    /// InRelease and InDeselect; 0 is all targets.
    fn release(&mut self, code: u8, tg: u8) {
        if usize::from(tg) > self.targets.len() {
            return self.done(code, &[error::CONTEXT]);
        }
        if self
            .current
            .is_some_and(|index| tg == 0 || usize::from(tg) == index + 1)
        {
            self.pcd.deselect();
            self.current = None;
        }
        if code == code::IN_RELEASE && tg == 0 {
            self.targets.clear();
        }
        self.done(code, &[error::NONE]);
    }
}

fn status_of(error: RfError) -> u8 {
    match error {
        RfError::Timeout => error::TIMEOUT,
        RfError::Transmission => error::CRC,
        RfError::Protocol => error::PROTOCOL,
    }
}
