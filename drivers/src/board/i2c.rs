// SPDX-License-Identifier: GPL-2.0-only
//! The simulated I²C master: from messages to STARTs, bytes and STOPs at the chips.
//!
//! Behaves as a Linux adapter does (`Documentation/i2c/i2c-protocol.rst`, `fault-codes.rst`): the messages of a transfer are
//! joined by repeated STARTs; an address that nobody acknowledges is `ENXIO`; a data byte that the chip does not acknowledge is
//! `EREMOTEIO`; a held bus is `ETIMEDOUT`; the result is the number of messages.

use super::{BusId, BusKind, NO_CHIP, SimBoard};
use crate::chip::Dir;
use crate::errno::Errno;

/// Flags of a message, with Linux's values (`include/uapi/linux/i2c.h`).
pub mod flags {
    /// `I2C_M_RD`: the chip sends. In [`I2cMsg`](super::I2cMsg) the data's direction says this already.
    pub const RD: u16 = 0x0001;
    /// `I2C_M_TEN`: a ten-bit address. Not supported.
    pub const TEN: u16 = 0x0010;
    /// `I2C_M_RECV_LEN`: the first byte received is the length. Not supported.
    pub const RECV_LEN: u16 = 0x0400;
    /// `I2C_M_IGNORE_NAK`: go on as if the chip had acknowledged.
    pub const IGNORE_NAK: u16 = 0x1000;
    /// `I2C_M_NOSTART`: no START and no address, the bytes follow those of the message before.
    pub const NOSTART: u16 = 0x4000;
    /// `I2C_M_STOP`: a STOP after this message.
    pub const STOP: u16 = 0x8000;

    /// `I2C_FUNC_*` word of this master: plain I²C, protocol mangling, NOSTART, and all of SMBus that can be
    /// emulated with messages of known length.
    pub const FUNCTIONALITY: u32 = 0x0000_0001 | 0x0000_0004 | 0x0000_0010 | 0x0eff_0008;
}

/// How long a master waits for a held bus: Linux's usual adapter timeout. Virtual time only.
const TIMEOUT_NS: u64 = 1_000_000_000;

/// No chip of this transfer has been addressed yet, or nobody answered.
const NOBODY: usize = usize::MAX;

/// One message.
pub struct I2cMsg<'a> {
    /// Seven-bit address.
    pub addr: u16,
    /// See [`flags`].
    pub flags: u16,
    /// The bytes and their direction.
    pub data: I2cData<'a>,
}

/// The bytes of a message.
pub enum I2cData<'a> {
    /// To the chip.
    Write(&'a [u8]),
    /// From the chip.
    Read(&'a mut [u8]),
}

/// A transfer under way: for callers that cannot lay their messages out in an array.
///
/// After a message has failed the others do nothing; [`finish`](Self::finish) tells the outcome.
pub struct I2cTransfer<'b> {
    board: &'b mut SimBoard,
    bus: usize,
    slot: usize,
    dir: Dir,
    bits: u64,
    extra_ns: u64,
    done: usize,
    failed: Option<Errno>,
}

impl SimBoard {
    /// Does one transfer and returns the number of messages.
    ///
    /// # Errors
    ///
    /// `ENODEV` for a bus that is no I²C bus, else as the [module](self) says, or what a fault on the board asks for.
    pub fn i2c_xfer(&mut self, bus: BusId, msgs: &mut [I2cMsg<'_>]) -> Result<usize, Errno> {
        let mut transfer = self.i2c_begin(bus)?;
        for msg in msgs {
            match &mut msg.data {
                I2cData::Write(bytes) => transfer.write(msg.addr, msg.flags, bytes),
                I2cData::Read(bytes) => transfer.read(msg.addr, msg.flags, bytes),
            }
        }
        transfer.finish()
    }

    /// Begins a transfer.
    ///
    /// # Errors
    ///
    /// `ENODEV` for a bus that is no I²C bus.
    pub fn i2c_begin(&mut self, bus: BusId) -> Result<I2cTransfer<'_>, Errno> {
        let bus = self.bus_of(bus, BusKind::I2c)?;
        self.catch_up();
        let dir = Dir::Write;
        Ok(I2cTransfer {
            board: self,
            bus,
            slot: NOBODY,
            dir,
            bits: 0,
            extra_ns: 0,
            done: 0,
            failed: None,
        })
    }
}

impl I2cTransfer<'_> {
    /// A message to the chip.
    pub fn write(&mut self, addr: u16, flags: u16, bytes: &[u8]) {
        if !self.start(addr, flags, Dir::Write, bytes.len()) {
            return;
        }
        let Some(slot) = self.board.slots.get_mut(self.slot) else {
            return self.message_done(flags);
        };
        let acked = slot.chip.i2c_write(bytes);
        if let Some(record) = &mut self.board.transcript {
            record.segment(false, bytes);
        }
        if acked < bytes.len() && flags & self::flags::IGNORE_NAK == 0 {
            self.failed = Some(Errno::EREMOTEIO);
            return;
        }
        self.message_done(flags);
    }

    /// A message from the chip.
    pub fn read(&mut self, addr: u16, flags: u16, bytes: &mut [u8]) {
        if !self.start(addr, flags, Dir::Read, bytes.len()) {
            return;
        }
        match self.board.slots.get_mut(self.slot) {
            Some(slot) => {
                slot.chip.i2c_read(bytes);
                if let Some(value) = slot.faults.stuck.or(self.board.buses[self.bus].faults.stuck) {
                    bytes.fill(value);
                }
            }
            // Nobody answered and the caller wants to go on: the wire is high.
            None => bytes.fill(0xff),
        }
        if let Some(record) = &mut self.board.transcript {
            record.segment(true, bytes);
        }
        self.message_done(flags);
    }

    /// STOP. Returns the number of messages done.
    ///
    /// # Errors
    ///
    /// How the transfer failed.
    pub fn finish(mut self) -> Result<usize, Errno> {
        self.stop();
        let ns_per_bit = self.board.buses[self.bus].ns_per_bit;
        let result = self.failed.map_or(Ok(self.done), Err);
        if let Some(record) = &mut self.board.transcript {
            record.end(result);
        }
        self.board.spend(self.bits, ns_per_bit, self.extra_ns);
        result
    }

    /// START, address and acknowledge; counts the bits of the whole message. Returns whether bytes can flow.
    fn start(&mut self, addr: u16, flags: u16, dir: Dir, len: usize) -> bool {
        use self::flags::{IGNORE_NAK, NOSTART, RECV_LEN, TEN};
        if self.failed.is_some() {
            return false;
        }
        if self.board.transcript.is_some() {
            self.record_start(addr);
        }
        // Each byte is 8 bits and an acknowledge.
        self.bits += 9 * len as u64;
        if flags & NOSTART != 0 && self.done > 0 && dir == self.dir {
            return true;
        }
        if flags & (TEN | RECV_LEN | NOSTART) != 0 {
            return self.fail(Errno::EOPNOTSUPP);
        }
        self.bits += 10;
        let bus = &self.board.buses[self.bus];
        let Some(&chip) = bus.chips.get(usize::from(addr)) else {
            return self.fail(Errno::EINVAL);
        };
        let slot = if chip == NO_CHIP { NOBODY } else { usize::from(chip) };
        if slot != self.slot && self.slot != NOBODY {
            // The chip before sees the START of somebody else's message: for it the transfer is over.
            self.stop();
        }
        let first = slot != self.slot || self.done == 0;
        self.slot = slot;
        self.dir = dir;
        let bus = &self.board.buses[self.bus];
        if (bus.held || bus.faults.any || self.board.slots.get(slot).is_some_and(|slot| slot.faults.any))
            && let Some(errno) = self.faulty(slot, first)
        {
            return self.fail(errno);
        }
        if let Some(slot) = self.board.slots.get_mut(self.slot) {
            if first {
                slot.chip.advance(self.board.now, &self.board.world);
            }
            if slot.chip.i2c_start(dir) || flags & IGNORE_NAK != 0 {
                return true;
            }
        } else if flags & IGNORE_NAK != 0 {
            return true;
        }
        // The data never went over the wire.
        self.bits -= 9 * len as u64;
        self.fail(Errno::ENXIO)
    }

    #[cold]
    fn record_start(&mut self, addr: u16) {
        let (bus, now) = (&self.board.buses[self.bus], self.board.now);
        if let Some(record) = self.board.transcript.as_mut().filter(|record| !record.is_open()) {
            record.begin(now, &bus.channel, addr);
        }
    }

    /// The faults of the bus and of the chip: whether and how this message has to fail.
    #[cold]
    fn faulty(&mut self, slot: usize, first: bool) -> Option<Errno> {
        let bus = &mut self.board.buses[self.bus];
        let mut faults = [
            Some(&mut bus.faults),
            self.board.slots.get_mut(slot).map(|slot| &mut slot.faults),
        ];
        for faults in faults.iter_mut().flatten() {
            bus.held |= faults.hold;
            if faults.absent {
                self.slot = NOBODY;
                return Some(Errno::ENXIO);
            }
        }
        if bus.held {
            self.extra_ns = TIMEOUT_NS;
            self.slot = NOBODY;
            return Some(Errno::ETIMEDOUT);
        }
        if !first {
            return None;
        }
        faults.iter_mut().flatten().find_map(|faults| faults.transfer())
    }

    fn fail(&mut self, errno: Errno) -> bool {
        self.failed = Some(errno);
        false
    }

    fn message_done(&mut self, flags: u16) {
        self.done += 1;
        if flags & self::flags::STOP != 0 {
            self.stop();
            self.slot = NOBODY;
        }
    }

    /// STOP for the chip that was addressed last.
    fn stop(&mut self) {
        self.bits += 1;
        if let Some(slot) = self.board.slots.get_mut(self.slot) {
            slot.chip.i2c_stop();
            self.board.settle(self.slot);
        }
    }
}
