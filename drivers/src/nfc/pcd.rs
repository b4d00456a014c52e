// SPDX-License-Identifier: GPL-2.0-only
//! What a reader chip does by itself: polling, anticollision, selection, and ISO-DEP.
//!
//! The reader's side of ISO/IEC 14443-3 and -4 (the proximity coupling device, PCD), as a chip such as PN7150 or PN532
//! has it in its firmware. Everything happens at once; [`Pcd::elapsed`] says how long it took on the air, and the chip
//! shows the result that much later.

use super::rf::{Bits, Field, Heard, with_crc, without_crc};
use super::tag::isodep::{FRAME_SIZES, pcb};

/// How an exchange fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RfError {
    /// Nobody answered in time.
    Timeout,
    /// The answer was damaged, or several answered.
    Transmission,
    /// The answer does not follow the protocol.
    Protocol,
}

/// An answer on the air.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard14443 {
    /// Bytes; their CRC was right and is gone.
    Bytes(Vec<u8>),
    /// Fewer than eight bits, without a CRC: an acknowledge of a Type 2 tag.
    Bits(u8, u8),
}

/// A tag that has been found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// In the order on the air.
    pub atqa: [u8; 2],
    /// The last level's.
    pub sak: u8,
    /// Four, seven or ten bytes.
    pub uid: Vec<u8>,
}

impl Found {
    /// Whether it knows ISO/IEC 14443-4 (bit 6 of SAK).
    pub fn is_iso_dep(&self) -> bool {
        self.sak & 0x20 != 0
    }
}

/// A session of blocks.
#[derive(Clone, Debug)]
struct Blocks {
    number: u8,
    /// What fits into one block beside PCB and CRC.
    chunk: usize,
    waiting_ns: u64,
}

/// How long a reader waits for a frame that no session times, in ns: a Type 2 tag has 5 ms (Digital 1.0, FDT of READ),
/// 10 ms for WRITE.
const WAIT_NS: u64 = 10_000_000;
/// How long it waits during anticollision, in ns.
const WAIT_SHORT_NS: u64 = 100_000;
/// How often a block is asked for again (EMV Contactless Book D, 10.3.5.1).
const RETRIES: usize = 2;
/// As many blocks in a row as no APDU has: a card that chains without end.
const MAX_BLOCKS: usize = 4_096;
/// Frame size that the reader offers: 256 bytes.
const FSDI: u8 = 8;

/// A reader.
#[derive(Default)]
pub struct Pcd {
    /// The field before the antenna.
    pub field: Field,
    elapsed: u64,
    blocks: Option<Blocks>,
    selected: Option<Found>,
    /// Several tags have answered at once since the poll began.
    has_collided: bool,
}

impl Pcd {
    /// Time on the air since the last call, in ns.
    pub fn elapsed(&mut self) -> u64 {
        std::mem::take(&mut self.elapsed)
    }

    /// Whether blocks are exchanged.
    pub fn has_blocks(&self) -> bool {
        self.blocks.is_some()
    }

    /// Sends bits as they are and listens.
    pub fn raw(&mut self, frame: &Bits, wait_ns: u64) -> Option<Heard> {
        let reply = self.field.exchange(frame);
        self.elapsed += reply.ns + if reply.heard.is_none() { wait_ns } else { 0 };
        reply.heard
    }

    /// Sends bytes with their CRC and takes the answer's CRC off.
    ///
    /// # Errors
    ///
    /// See [`RfError`].
    pub fn transceive(&mut self, bytes: &[u8], wait_ns: u64) -> Result<Heard14443, RfError> {
        let heard = self.try_transceive(bytes, wait_ns);
        // After an error or a NAK a tag waits to be selected again.
        if !matches!(heard, Ok(Heard14443::Bytes(_) | Heard14443::Bits(0x0a, 4))) {
            self.selected = None;
        }
        heard
    }

    fn try_transceive(&mut self, bytes: &[u8], wait_ns: u64) -> Result<Heard14443, RfError> {
        let heard = self
            .raw(&Bits::bytes(&with_crc(bytes)), wait_ns)
            .ok_or(RfError::Timeout)?;
        if heard.collision.is_some() {
            return Err(RfError::Transmission);
        }
        let answer = heard.bits.to_bytes();
        match heard.bits.len() {
            count @ 1..8 => Ok(Heard14443::Bits(answer[0], u8::try_from(count).unwrap_or(0))),
            count if count % 8 == 0 => without_crc(&answer)
                .map(|bytes| Heard14443::Bytes(bytes.to_vec()))
                .ok_or(RfError::Transmission),
            _ => Err(RfError::Transmission),
        }
    }

    /// One frame to the selected tag, answered within the time of a Type 2 tag or of the session.
    ///
    /// # Errors
    ///
    /// See [`RfError`].
    pub fn frame(&mut self, bytes: &[u8]) -> Result<Heard14443, RfError> {
        let wait_ns = self.blocks.as_ref().map_or(WAIT_NS, |blocks| blocks.waiting_ns);
        self.transceive(bytes, wait_ns)
    }

    /// Finds up to `max` tags, beginning with a fresh carrier. The last one stays selected.
    pub fn poll(&mut self, max: usize) -> Vec<Found> {
        (self.blocks, self.selected, self.has_collided) = (None, None, false);
        self.field.switch(false);
        self.field.switch(true);
        let mut found = Vec::new();
        while found.len() < max {
            let Some(atqa) = self.request(0x26) else { break };
            let Ok(tag) = self.resolve(atqa) else { break };
            found.push(tag.clone());
            if !self.has_collided || found.len() == max {
                // Nobody else has been heard.
                self.selected = Some(tag);
                break;
            }
            // HLTA has no answer (ISO/IEC 14443-3, 6.5.3).
            self.raw(&Bits::bytes(&with_crc(&[0x50, 0x00])), 0);
        }
        found
    }

    /// REQA or WUPA.
    fn request(&mut self, command: u8) -> Option<[u8; 2]> {
        let heard = self.raw(&Bits::partial(&[command], 7), WAIT_SHORT_NS)?;
        self.has_collided |= heard.collision.is_some();
        heard.bits.to_bytes().first_chunk().copied()
    }

    /// Anticollision and selection of one of the tags that are ready.
    fn resolve(&mut self, atqa: [u8; 2]) -> Result<Found, RfError> {
        let mut uid = Vec::new();
        for sel in [0x93, 0x95, 0x97] {
            let part = self.anticollision(sel)?;
            let sak = self.select_level(sel, part)?;
            if sak & 0x04 == 0 {
                uid.extend(&part[..4]);
                return Ok(Found { atqa, sak, uid });
            }
            uid.extend(&part[1..4]);
        }
        Err(RfError::Protocol)
    }

    /// Switches the carrier off: the tags forget everything.
    pub fn off(&mut self) {
        (self.blocks, self.selected) = (None, None);
        self.field.switch(false);
    }

    /// Asks for the UID bit by bit where tags differ, and goes the way of those that say 1.
    fn anticollision(&mut self, sel: u8) -> Result<[u8; 5], RfError> {
        let mut known: Vec<bool> = Vec::new();
        // Each round knows one bit more at least.
        for _ in 0..=40 {
            let (whole, rest) = (2 + known.len() / 8, known.len() % 8);
            let nvb = u8::try_from(whole << 4 | rest).unwrap_or(0);
            let frame = [Bits::bytes(&[sel, nvb]).as_slice(), &known].concat();
            let heard = self
                .raw(&Bits::from_bits(&frame), WAIT_SHORT_NS)
                .ok_or(RfError::Timeout)?;
            if known.len() + heard.bits.len() != 40 {
                return Err(RfError::Protocol);
            }
            let Some(at) = heard.collision else {
                known.extend(heard.bits.as_slice());
                let part: [u8; 5] = Bits::from_bits(&known)
                    .to_bytes()
                    .try_into()
                    .map_err(|_| RfError::Protocol)?;
                let check = part.iter().fold(0, |sum, byte| sum ^ byte);
                return if check == 0 {
                    Ok(part)
                } else {
                    Err(RfError::Transmission)
                };
            };
            self.has_collided = true;
            known.extend(&heard.bits.as_slice()[..at]);
            known.push(true);
        }
        Err(RfError::Protocol)
    }

    fn select_level(&mut self, sel: u8, part: [u8; 5]) -> Result<u8, RfError> {
        let frame = [&[sel, 0x70][..], &part].concat();
        match self.transceive(&frame, WAIT_SHORT_NS)? {
            Heard14443::Bytes(bytes) if bytes.len() == 1 => Ok(bytes[0]),
            _ => Err(RfError::Protocol),
        }
    }

    /// Wakes a tag whose UID is known, and selects it.
    ///
    /// # Errors
    ///
    /// See [`RfError`].
    pub fn select(&mut self, tag: &Found) -> Result<(), RfError> {
        if self.selected.as_ref() == Some(tag) && self.blocks.is_none() {
            return Ok(());
        }
        (self.blocks, self.selected) = (None, None);
        // A tag that is active takes this as an error and falls back: the second WUPA finds it waiting.
        if self.request(0x52).is_none() && self.request(0x52).is_none() {
            return Err(RfError::Timeout);
        }
        let mut rest = &tag.uid[..];
        for sel in [0x93, 0x95, 0x97] {
            let mut part = [0x88; 5];
            let is_last = rest.len() <= 4;
            let take = if is_last { 4 } else { 3 };
            let (now, after) = rest.split_at_checked(take).ok_or(RfError::Protocol)?;
            part[4 - take..4].copy_from_slice(now);
            part[4] = part[0] ^ part[1] ^ part[2] ^ part[3];
            rest = after;
            self.select_level(sel, part)?;
            if is_last {
                self.selected = Some(tag.clone());
                return Ok(());
            }
        }
        Err(RfError::Protocol)
    }

    /// RATS: begins blocks. Returns the answer to select with its length byte.
    ///
    /// # Errors
    ///
    /// See [`RfError`].
    pub fn rats(&mut self) -> Result<Vec<u8>, RfError> {
        let Heard14443::Bytes(ats) = self.transceive(&[0xe0, FSDI << 4], 5_000_000)? else {
            return Err(RfError::Protocol);
        };
        if ats.first().map(|&len| usize::from(len)) != Some(ats.len()) {
            return Err(RfError::Protocol);
        }
        // Without T0: frames of 32 bytes, and FWI 4 (ISO/IEC 14443-4, 5.2).
        let t0 = ats.get(1).copied().unwrap_or(0x02);
        let size = FRAME_SIZES[usize::from(t0 & 0x0f).min(FRAME_SIZES.len() - 1)];
        let at_tb = 2 + usize::from(t0 >> 4 & 1);
        let tb = if t0 & 0x20 != 0 { ats.get(at_tb).copied() } else { None };
        // FWT is 256 · 16 / fc · 2^FWI: 302 µs for FWI 0 (7.2).
        let waiting_ns = 302_065 << (tb.unwrap_or(0x40) >> 4).min(14);
        self.blocks = Some(Blocks {
            number: 0,
            chunk: size - 3,
            waiting_ns,
        });
        Ok(ats)
    }

    /// One APDU to the card and its answer, in as many blocks as they take.
    ///
    /// # Errors
    ///
    /// See [`RfError`].
    pub fn apdu(&mut self, command: &[u8]) -> Result<Vec<u8>, RfError> {
        let chunk = self.blocks.as_ref().ok_or(RfError::Protocol)?.chunk;
        let mut parts = command.chunks(chunk).peekable();
        let mut answer = loop {
            let part = parts.next().unwrap_or(&[]);
            let more = if parts.peek().is_some() { pcb::CHAINING } else { 0 };
            let block = self.block(pcb::I | more, part)?;
            match (block.first().map(|pcb| pcb & !pcb::NUMBER), more) {
                (Some(pcb::R_ACK), pcb::CHAINING) => {}
                (Some(pcb), 0) if pcb & !pcb::CHAINING == pcb::I => break block,
                _ => return Err(RfError::Protocol),
            }
        };
        let mut data = Vec::new();
        for _ in 0..MAX_BLOCKS {
            let (&head, inf) = answer.split_first().ok_or(RfError::Protocol)?;
            if head & !(pcb::NUMBER | pcb::CHAINING) != pcb::I {
                return Err(RfError::Protocol);
            }
            data.extend(inf);
            if head & pcb::CHAINING == 0 {
                return Ok(data);
            }
            answer = self.block(pcb::R_ACK, &[])?;
        }
        Err(RfError::Protocol)
    }

    /// One block and the one that follows it: with the present number, asked for again if it gets lost, with all the
    /// time that the card asks for.
    fn block(&mut self, pcb: u8, inf: &[u8]) -> Result<Vec<u8>, RfError> {
        let Blocks { number, waiting_ns, .. } = *self.blocks.as_ref().ok_or(RfError::Protocol)?;
        let mut send = [&[pcb | number], inf].concat();
        let mut wait_ns = waiting_ns;
        let (mut failures, mut extensions) = (0, 0);
        loop {
            let error = match self.transceive(&send, std::mem::replace(&mut wait_ns, waiting_ns)) {
                Ok(Heard14443::Bytes(block)) if block.first() == Some(&pcb::S_WTX) && extensions < MAX_BLOCKS => {
                    let factor = block.get(1).map_or(1, |wtxm| wtxm & 0x3f);
                    send = vec![pcb::S_WTX, factor];
                    wait_ns = waiting_ns * u64::from(factor);
                    extensions += 1;
                    continue;
                }
                // Rule B: a block with our number moves it on.
                Ok(Heard14443::Bytes(block)) if block.first().is_some_and(|pcb| pcb & pcb::NUMBER == number) => {
                    if let Some(blocks) = &mut self.blocks {
                        blocks.number ^= 1;
                    }
                    return Ok(block);
                }
                Ok(_) => RfError::Protocol,
                Err(error) => error,
            };
            failures += 1;
            if failures > RETRIES {
                return Err(error);
            }
            // Rule 4: not what was expected, say so and get it again.
            send = vec![pcb::R_NAK | number];
        }
    }

    /// Whether the card still answers: an R(NAK) gets an R(ACK) (ISO/IEC 14443-4, 7.5.5.3).
    pub fn is_present(&mut self) -> bool {
        let Some(blocks) = &self.blocks else {
            return false;
        };
        let (number, wait_ns) = (blocks.number, blocks.waiting_ns);
        self.transceive(&[pcb::R_NAK | number], wait_ns).is_ok()
    }

    /// Ends the session with the selected tag: DESELECT, or HLTA where there are no blocks.
    pub fn deselect(&mut self) {
        self.selected = None;
        let Some(blocks) = self.blocks.take() else {
            self.raw(&Bits::bytes(&with_crc(&[0x50, 0x00])), 0);
            return;
        };
        // Its answer changes nothing.
        let _ = self.transceive(&[pcb::S_DESELECT], blocks.waiting_ns);
    }
}
