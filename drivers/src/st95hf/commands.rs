// SPDX-License-Identifier: GPL-2.0-only
//! Commands and their answers: the data sheet's chapter 5.

use crate::chip::NEVER;
use crate::nfc::rf::{Bits, Field, Heard, with_crc, without_crc};
use crate::stimulus::Stimulus;

/// Command codes (table 11).
mod code {
    pub(super) const IDN: u8 = 0x01;
    pub(super) const PROTOCOL_SELECT: u8 = 0x02;
    pub(super) const POLL_FIELD: u8 = 0x03;
    pub(super) const SEND_RECV: u8 = 0x04;
    pub(super) const LISTEN: u8 = 0x05;
    pub(super) const SEND: u8 = 0x06;
    pub(super) const IDLE: u8 = 0x07;
    pub(super) const RD_REG: u8 = 0x08;
    pub(super) const WR_REG: u8 = 0x09;
    pub(super) const AC_FILTER: u8 = 0x0d;
    pub(super) const ECHO: u8 = 0x55;
}

/// Result codes (tables 14 and 16).
mod result {
    pub(super) const OK: u8 = 0x00;
    pub(super) const RECEIVED: u8 = 0x80;
    pub(super) const INVALID_LENGTH: u8 = 0x82;
    pub(super) const INVALID_PROTOCOL: u8 = 0x83;
    pub(super) const COMMUNICATION_ERROR: u8 = 0x86;
    pub(super) const FRAME_TIMEOUT: u8 = 0x87;
    pub(super) const RESIDUAL_BITS: u8 = 0x90;
}

/// Flags behind what goes out (table 17).
mod flag {
    pub(super) const TOPAZ: u8 = 0x80;
    pub(super) const SPLIT_FRAME: u8 = 0x40;
    pub(super) const APPEND_CRC: u8 = 0x20;
    pub(super) const PARITY_FRAMING: u8 = 0x10;
}

/// Wake-up sources of IDLE (table 20).
mod wake {
    pub(super) const TIME_OUT: u8 = 0x01;
    pub(super) const TAG: u8 = 0x02;
    pub(super) const IRQ_IN: u8 = 0x08;
}

/// Protocols of PROTOCOLSELECT (table 13).
const OFF: u8 = 0x00;
const ISO_14443_A: u8 = 0x02;
const LAST_READER_PROTOCOL: u8 = 0x04;
const CARD_EMULATION_A: u8 = 0x12;

/// From a command to its answer in ns; no document says.
const ANSWER_NS: u64 = 200_000;
/// IDN computes a checksum over the ROM (5.3).
const IDN_NS: u64 = 6_000_000;
/// IDLE's unit of time in ns: 256 periods of the 32 kHz oscillator (5.7).
const IDLE_NS: u64 = 8_000_000;

/// What comes of a command or of time.
pub(super) enum Outcome {
    /// Nothing yet.
    Nothing,
    /// An answer, after so many ns.
    Answer(u64, Vec<u8>),
}

/// A chip that sleeps.
struct Sleep {
    sources: u8,
    until: u64,
}

/// The firmware.
pub(super) struct Commands {
    pub(super) field: Field,
    pub(super) revision: u8,
    protocol: u8,
    /// Frame waiting time in ns.
    waiting_ns: u64,
    sleep: Option<Sleep>,
    /// The analog registers (5.9): the index, and their values.
    arc_index: u8,
    arc: [u8; 16],
    timer_window: u8,
}

fn short(code: u8) -> Vec<u8> {
    vec![code, 0x00]
}

fn answer(data: Vec<u8>) -> Outcome {
    Outcome::Answer(ANSWER_NS, data)
}

/// FWT = 2^PP · (MM + 1) · (DD + 128) · 32 / 13.56 MHz (table 13).
fn waiting_ns(pp: u8, mm: u8, dd: u8) -> u64 {
    let periods = (u64::from(mm) + 1) * (u64::from(dd) + 128) * 32;
    (periods << pp.min(15)) * 1_000 / 13_560 * 1_000
}

impl Commands {
    pub(super) fn new() -> Self {
        Commands {
            field: Field::default(),
            revision: b'4',
            protocol: OFF,
            waiting_ns: 0,
            sleep: None,
            arc_index: 1,
            arc: [0xd3; 16],
            timer_window: 0x52,
        }
    }

    /// As after power-on, but for the tags.
    pub(super) fn reset(&mut self) {
        self.field.switch(false);
        let field = std::mem::take(&mut self.field);
        *self = Commands {
            field,
            revision: self.revision,
            ..Commands::new()
        };
    }

    pub(super) fn advance(&mut self, now: u64, world: &Stimulus) -> Outcome {
        self.field.advance(now, world);
        match &self.sleep {
            Some(sleep) if sleep.sources & wake::TAG != 0 && self.field.has_tags() => self.wake(wake::TAG),
            Some(sleep) if sleep.sources & wake::TIME_OUT != 0 && now >= sleep.until => self.wake(wake::TIME_OUT),
            _ => Outcome::Nothing,
        }
    }

    pub(super) fn next_event(&self) -> u64 {
        let until = match &self.sleep {
            Some(sleep) if sleep.sources & wake::TIME_OUT != 0 => sleep.until,
            _ => NEVER,
        };
        until.min(self.field.next_change())
    }

    /// A low pulse at IRQ_IN has ended.
    pub(super) fn pulse(&mut self) -> Outcome {
        match &self.sleep {
            Some(sleep) if sleep.sources & wake::IRQ_IN != 0 => self.wake(wake::IRQ_IN),
            _ => Outcome::Nothing,
        }
    }

    fn wake(&mut self, source: u8) -> Outcome {
        self.sleep = None;
        answer(vec![result::OK, 0x01, source])
    }

    pub(super) fn command(&mut self, now: u64, command: &[u8]) -> Outcome {
        if self.sleep.is_some() {
            // Asleep, it hears nothing.
            return Outcome::Nothing;
        }
        let (code, data) = match *command {
            [code::ECHO] => return answer(vec![code::ECHO]),
            [code, len, ref data @ ..] if usize::from(len) == data.len() => (code, data),
            _ => return answer(short(result::INVALID_LENGTH)),
        };
        match (code, data) {
            (code::IDN, []) => {
                let name = [&b"NFC FS2JAST"[..], &[self.revision, 0x00]].concat();
                // Its end is the ROM's checksum, here the one of the data sheet's example.
                Outcome::Answer(IDN_NS, [&[result::OK, 0x0f][..], &name, &[0x2a, 0xce]].concat())
            }
            (code::PROTOCOL_SELECT, [protocol, parameters @ ..]) => answer(self.select(*protocol, parameters)),
            (code::POLL_FIELD, _) => answer(vec![result::OK, 0x01, 0x00]),
            (code::SEND_RECV, data) => self.send_recv(data),
            (code::LISTEN | code::SEND | code::AC_FILTER, _) => answer(short(result::INVALID_PROTOCOL)),
            (code::IDLE, data) if data.len() == 14 => self.idle(now, data),
            (code::RD_REG, &[register, 0x01, 0x00]) => answer(vec![result::OK, 0x01, self.read_register(register)]),
            (code::WR_REG, [register, rest @ ..]) => answer(self.write_register(*register, rest)),
            _ => answer(short(result::INVALID_LENGTH)),
        }
    }

    /// PROTOCOLSELECT (5.4): switches the carrier too.
    fn select(&mut self, protocol: u8, parameters: &[u8]) -> Vec<u8> {
        let is_known = protocol <= LAST_READER_PROTOCOL || protocol == CARD_EMULATION_A;
        if !is_known || protocol == CARD_EMULATION_A {
            return short(result::INVALID_PROTOCOL);
        }
        if protocol != OFF && parameters.is_empty() {
            return short(result::INVALID_LENGTH);
        }
        self.protocol = protocol;
        let byte = |at: usize| parameters.get(at).copied().unwrap_or(0);
        self.waiting_ns = waiting_ns(byte(1), byte(2), byte(3));
        // A new protocol begins with a carrier that was off.
        self.field.switch(false);
        self.field.switch(protocol != OFF);
        short(result::OK)
    }

    /// SENDRECV (5.5).
    fn send_recv(&mut self, data: &[u8]) -> Outcome {
        if self.protocol == OFF {
            return answer(short(result::INVALID_PROTOCOL));
        }
        if self.protocol != ISO_14443_A {
            return Outcome::Answer(ANSWER_NS + self.waiting_ns, short(result::FRAME_TIMEOUT));
        }
        let Some((&flags, bytes)) = data.split_last().filter(|(_, bytes)| !bytes.is_empty()) else {
            return answer(short(result::INVALID_LENGTH));
        };
        if flags & (flag::TOPAZ | flag::PARITY_FRAMING) != 0 {
            return answer(short(result::COMMUNICATION_ERROR));
        }
        // 8, and what is more, is a whole byte.
        let last_bits = usize::from(flags & 0x0f).clamp(1, 8);
        let frame = match flags & flag::APPEND_CRC {
            0 => Bits::partial(bytes, bytes.len() * 8 - 8 + last_bits),
            _ => Bits::bytes(&with_crc(bytes)),
        };
        let reply = self.field.exchange(&frame);
        match reply.heard {
            Some(heard) if reply.delay_ns <= self.waiting_ns => {
                let split = if flags & flag::SPLIT_FRAME != 0 {
                    last_bits % 8
                } else {
                    0
                };
                Outcome::Answer(ANSWER_NS + reply.ns, received(&heard, split))
            }
            _ => Outcome::Answer(
                ANSWER_NS + frame.air_ns() + self.waiting_ns,
                short(result::FRAME_TIMEOUT),
            ),
        }
    }

    /// IDLE (5.7): 14 bytes, of which the wake-up sources, the period and the number of periods matter here.
    fn idle(&mut self, now: u64, data: &[u8]) -> Outcome {
        let (sources, period, max_sleep) = (data[0], u64::from(data[7]), u64::from(data[13]));
        if sources & (wake::TIME_OUT | wake::TAG | wake::IRQ_IN) == 0 {
            return answer(short(result::INVALID_LENGTH));
        }
        self.field.switch(false);
        self.protocol = OFF;
        let until = now.saturating_add((period + 2) * IDLE_NS * (max_sleep + 1));
        self.sleep = Some(Sleep { sources, until });
        Outcome::Nothing
    }

    /// RDREG (5.8): the analog register at the index.
    fn read_register(&self, register: u8) -> u8 {
        match register {
            0x69 => self.arc[usize::from(self.arc_index & 0x0f)],
            0x3a => self.timer_window,
            _ => 0,
        }
    }

    /// WRREG (5.9): the analog registers by an index, and the timer window.
    fn write_register(&mut self, register: u8, rest: &[u8]) -> Vec<u8> {
        match (register, rest) {
            (0x68, &[0x00, index]) => self.arc_index = index,
            (0x68, &[0x01, index, value]) => {
                self.arc_index = index;
                self.arc[usize::from(index & 0x0f)] = value;
            }
            (0x3a, &[0x00, window, 0x04]) => self.timer_window = window,
            _ => return short(result::INVALID_LENGTH),
        }
        short(result::OK)
    }
}

/// What was received (table 15): result, length, bytes, and three bytes that say how it went. In a split frame, the
/// first byte holds what is missing of a byte of which `split` bits have been sent.
fn received(heard: &Heard, split: usize) -> Vec<u8> {
    let padding = vec![false; split];
    let bits = [&padding[..], heard.bits.as_slice()].concat();
    let bytes = Bits::from_bits(&bits).to_bytes();
    let residue = bits.len() % 8;
    let is_crc_wrong = split != 0 || residue != 0 || without_crc(&bytes).is_none();
    let significant = match (split, residue) {
        (0, 0) => 8,
        (0, residue) => residue,
        (split, _) => 8 - split,
    };
    let mut how = u8::try_from(significant).unwrap_or(8);
    if is_crc_wrong {
        how |= 0x20;
    }
    let mut place = [0, 0];
    if let Some(at) = heard.collision {
        // A collision breaks the parity of its byte too.
        how |= 0x90;
        let at = at + split;
        place = [at / 8, at % 8].map(|part| u8::try_from(part).unwrap_or(u8::MAX));
    }
    let code = if residue == 0 {
        result::RECEIVED
    } else {
        result::RESIDUAL_BITS
    };
    let [high, low] = u16::try_from(bytes.len() + 3).unwrap_or(u16::MAX).to_be_bytes();
    // Bits 8 and 9 of the length are in the result code (5.5).
    [&[code | (high & 3) << 5, low][..], &bytes, &[how, place[0], place[1]]].concat()
}
