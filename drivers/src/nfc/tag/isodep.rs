// SPDX-License-Identifier: GPL-2.0-only
//! The card's side of ISO/IEC 14443-4: activation, and APDUs in blocks.
//!
//! [`IsoDep`] is a card that answers RATS and then hands whole APDUs to an [`Application`]. Long commands and answers
//! go
//! in chained blocks; the rules by which block numbers advance and blocks are sent again are named as the standard
//! names them (7.5.4 and 7.5.5).

use super::{Answer, Card, Identity, Next};

/// What a card with blocks does with an APDU.
pub trait Application: Send {
    /// The session begins: nothing is selected.
    fn select(&mut self);

    /// Answers a command APDU; the status bytes are at the end.
    fn apdu(&mut self, command: &[u8]) -> Vec<u8>;

    /// How long it thinks about the last command, in ns.
    fn think_ns(&self) -> u64 {
        500_000
    }
}

/// A card that announces and keeps these parameters.
#[derive(Clone, Debug)]
pub struct Params {
    /// What it says when it is asked.
    pub identity: Identity,
    /// Frame size that it takes, as FSCI (5.2.3): 5 is 64 bytes, 8 is 256.
    pub fsci: u8,
    /// Frame waiting time as FWI (7.2): 302 µs · 2^FWI.
    pub fwi: u8,
    /// Historical bytes of the answer to select.
    pub historical: Vec<u8>,
}

/// FSCI and FSDI: the sizes of frames with their two CRC bytes (ISO/IEC 14443-4, table 1).
pub const FRAME_SIZES: [usize; 9] = [16, 24, 32, 40, 48, 64, 96, 128, 256];

/// Protocol control bytes (7.1.1).
pub mod pcb {
    /// I-block.
    pub const I: u8 = 0x02;
    /// In an I-block: more follows.
    pub const CHAINING: u8 = 0x10;
    /// R-block that acknowledges.
    pub const R_ACK: u8 = 0xa2;
    /// R-block that does not.
    pub const R_NAK: u8 = 0xb2;
    /// S-block that ends the session.
    pub const S_DESELECT: u8 = 0xc2;
    /// S-block that asks for more time.
    pub const S_WTX: u8 = 0xf2;
    /// A card identifier follows.
    pub const CID: u8 = 0x08;
    /// The block number.
    pub const NUMBER: u8 = 0x01;
}

/// A card with blocks.
pub struct IsoDep<A> {
    application: A,
    params: Params,
    /// Whether RATS has been answered: before, blocks mean nothing.
    is_active: bool,
    cid: u8,
    /// What fits into one of our blocks.
    chunk: usize,
    number: u8,
    command: Vec<u8>,
    answer: Vec<u8>,
    /// The last block without its CRC, to send again.
    last: Vec<u8>,
}

impl<A: Application> IsoDep<A> {
    /// A card with this application.
    pub fn new(params: Params, application: A) -> Self {
        IsoDep {
            application,
            params,
            is_active: false,
            cid: 0,
            chunk: 0,
            number: 1,
            command: Vec::new(),
            answer: Vec::new(),
            last: Vec::new(),
        }
    }

    /// The answer to select (5.2), with its length byte.
    pub fn ats(&self) -> Vec<u8> {
        // TA: 106 kbit/s both ways; TB: FWI, no extra guard time; TC: a CID is understood.
        let mut ats = vec![0, 0x70 | self.params.fsci, 0x80, self.params.fwi << 4, 0x02];
        ats.extend(&self.params.historical);
        ats[0] = u8::try_from(ats.len()).unwrap_or(u8::MAX);
        ats
    }

    fn activate(&mut self, parameter: u8) -> Answer {
        let fsd = FRAME_SIZES[usize::from(parameter >> 4).min(FRAME_SIZES.len() - 1)];
        // PCB, CID and CRC take four.
        self.chunk = fsd - 4;
        (self.cid, self.number, self.is_active) = (parameter & 0x0f, 1, true);
        self.command.clear();
        self.answer.clear();
        self.last.clear();
        self.application.select();
        Answer::bytes(&self.ats())
    }

    /// Takes the card identifier off. `None`: the block is for another card.
    fn split<'a>(&self, block: &'a [u8]) -> Option<(u8, bool, &'a [u8])> {
        let (&pcb, rest) = block.split_first()?;
        if pcb & pcb::CID == 0 {
            return (self.cid == 0).then_some((pcb, false, rest));
        }
        let (&cid, rest) = rest.split_first()?;
        (cid & 0x0f == self.cid).then_some((pcb & !pcb::CID, true, rest))
    }

    fn send(&mut self, pcb: u8, has_cid: bool, inf: &[u8]) -> Answer {
        self.last.clear();
        if has_cid {
            self.last.extend([pcb | pcb::CID, self.cid]);
        } else {
            self.last.push(pcb);
        }
        self.last.extend(inf);
        Answer::bytes(&self.last)
    }

    fn block(&mut self, block: &[u8]) -> Answer {
        let Some((pcb, has_cid, inf)) = self.split(block) else {
            return Answer::silence();
        };
        let number = pcb & pcb::NUMBER;
        match pcb & !pcb::NUMBER {
            pcb::I => self.command_end(has_cid, inf),
            chained if chained == pcb::I | pcb::CHAINING => {
                // Rule D, and rule 2: acknowledge and wait for the rest.
                self.number ^= 1;
                self.command.extend(inf);
                self.send(pcb::R_ACK | self.number, has_cid, &[])
            }
            pcb::R_ACK | pcb::R_NAK if number == self.number => {
                // Rule 11: what was sent last did not arrive.
                if self.last.is_empty() {
                    Answer::silence()
                } else {
                    Answer::bytes(&self.last)
                }
            }
            // Rule 12: our last block did not even leave, say where we are.
            pcb::R_NAK => self.send(pcb::R_ACK | self.number, has_cid, &[]),
            pcb::R_ACK if !self.answer.is_empty() => {
                // Rules E and 13: the next part.
                self.number ^= 1;
                self.next_part(has_cid)
            }
            pcb::S_DESELECT if number == 0 && inf.is_empty() => {
                self.is_active = false;
                let answer = self.send(pcb::S_DESELECT, has_cid, &[]);
                Answer {
                    next: Next::Halt,
                    ..answer
                }
            }
            // Rule 6.2 and 7.5.5: a card does not complain, it keeps silent.
            _ => Answer::silence(),
        }
    }

    /// The last block of a command.
    fn command_end(&mut self, has_cid: bool, inf: &[u8]) -> Answer {
        self.number ^= 1;
        self.command.extend(inf);
        let command = std::mem::take(&mut self.command);
        self.answer = self.application.apdu(&command);
        let think_ns = self.application.think_ns();
        self.next_part(has_cid).after(think_ns)
    }

    fn next_part(&mut self, has_cid: bool) -> Answer {
        let rest = self.answer.split_off(self.chunk.min(self.answer.len()));
        let part = std::mem::replace(&mut self.answer, rest);
        let more = if self.answer.is_empty() { 0 } else { pcb::CHAINING };
        self.send(pcb::I | more | self.number, has_cid, &part)
    }
}

/// Longer commands than an extended APDU are noise.
const MAX_COMMAND: usize = 65_544;

impl<A: Application> Card for IsoDep<A> {
    fn identity(&self) -> Identity {
        self.params.identity.clone()
    }

    fn select(&mut self) {
        self.is_active = false;
    }

    fn frame(&mut self, frame: &[u8]) -> Answer {
        match *frame {
            [0xe0, parameter] if !self.is_active => self.activate(parameter),
            // Before RATS, a card of this kind knows nothing else (5.6.2).
            _ if !self.is_active => Answer {
                next: Next::Idle,
                ..Answer::silence()
            },
            // PPS (5.3) is answered for the only rate there is, 106 kbit/s.
            [pps, 0x11, 0x00] | [pps, 0x01] if pps == 0xd0 | self.cid => Answer::bytes(&[pps]),
            _ if self.command.len() > MAX_COMMAND => Answer::silence(),
            _ => self.block(frame),
        }
    }
}
