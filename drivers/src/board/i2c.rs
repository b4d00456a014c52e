// SPDX-License-Identifier: GPL-2.0-only
//! The simulated I²C master: from messages to STARTs, bytes and STOPs at the chips.
//!
//! Behaves as a Linux adapter does (`Documentation/i2c/i2c-protocol.rst`, `fault-codes.rst`): the messages of a
//! transfer are joined by repeated STARTs; an address that nobody acknowledges is `ENXIO`; a data byte that the chip
//! does not acknowledge is `EREMOTEIO`; a held bus is `ETIMEDOUT`; the result is the number of messages.

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

    /// `I2C_FUNC_*` word of Linux's `i2c-virtio`: plain I²C and what of SMBus can be emulated.
    pub const FUNCTIONALITY_VIRTIO: u32 = 0x0000_0001 | 0x0eff_0008;
}

/// How long a master waits for a held bus: Linux's usual adapter timeout. Virtual time only.
const TIMEOUT_NS: u64 = 1_000_000_000;

/// No chip of this transfer has been addressed yet, or nobody answered.
const NOBODY: usize = usize::MAX;

/// No address: before the first START and after a STOP.
const NO_ADDR: u16 = u16::MAX;

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
    addr: u16,
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
    /// `ENODEV`: this is no I²C bus. `ENXIO`: nobody acknowledged the address. `EREMOTEIO`: the chip did not
    /// acknowledge a byte. `ETIMEDOUT`: the bus is held. `EINVAL`: the address has more than seven bits.
    /// `EOPNOTSUPP`: a flag that this master lacks. Or what a fault on the board asks for.
    #[inline]
    pub fn i2c_xfer(&mut self, bus: BusId, msgs: &mut [I2cMsg<'_>]) -> Result<usize, Errno> {
        if let [
            I2cMsg {
                addr,
                flags: 0,
                data: I2cData::Write(out),
            },
            I2cMsg {
                addr: again,
                flags,
                data: I2cData::Read(into),
            },
        ] = msgs
            && addr == again
            && *flags & !self::flags::RD == 0
            && self.i2c_write_read(bus, *addr, out, into)?
        {
            return Ok(2);
        }
        let mut transfer = self.i2c_begin(bus)?;
        for msg in msgs {
            match &mut msg.data {
                I2cData::Write(bytes) => transfer.write(msg.addr, msg.flags, bytes),
                I2cData::Read(bytes) => transfer.read(msg.addr, msg.flags, bytes),
            }
        }
        transfer.finish()
    }

    /// Writes, then reads, one chip: nearly every transfer is of this kind. Returns false, with nothing done, if it
    /// is not that simple here: somebody watches, or nobody answers.
    ///
    /// # Errors
    ///
    /// `ENODEV` for a bus that is no I²C bus.
    #[inline]
    pub(crate) fn i2c_write_read(&mut self, bus: BusId, addr: u16, out: &[u8], into: &mut [u8]) -> Result<bool, Errno> {
        let bus = self.bus_of(bus, BusKind::I2c)?;
        if self.is_watched {
            return Ok(false);
        }
        self.catch_up();
        let bus = &self.buses[bus];
        let index = bus.chips.get(usize::from(addr)).copied().unwrap_or(NO_CHIP);
        let ns_per_bit = bus.ns_per_bit;
        let Some(slot) = self.slots.get_mut(usize::from(index)) else {
            return Ok(false);
        };
        let Some(status) = slot.chip.i2c_write_read(self.now, &self.world, out, into) else {
            return Ok(false);
        };
        self.settle_with(usize::from(index), status);
        // Two STARTs with addresses, the bytes, the STOP.
        let bits = 21 + 9 * (out.len() as u64 + into.len() as u64);
        self.spend(bits, ns_per_bit, 0);
        Ok(true)
    }

    /// Begins a transfer.
    ///
    /// # Errors
    ///
    /// `ENODEV` for a bus that is no I²C bus.
    #[inline]
    pub fn i2c_begin(&mut self, bus: BusId) -> Result<I2cTransfer<'_>, Errno> {
        let bus = self.bus_of(bus, BusKind::I2c)?;
        self.catch_up();
        let dir = Dir::Write;
        Ok(I2cTransfer {
            board: self,
            bus,
            addr: NO_ADDR,
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
    #[inline]
    pub fn write(&mut self, addr: u16, flags: u16, bytes: &[u8]) {
        if !self.start(addr, flags, Dir::Write, bytes.len()) {
            return;
        }
        let acked = match self.board.slots.get_mut(self.slot) {
            Some(slot) => slot.chip.i2c_write(bytes),
            None => 0,
        };
        if self.board.is_watched
            && let Some(record) = &mut self.board.transcript
        {
            record.segment(false, bytes);
        }
        if acked < bytes.len() && flags & self::flags::IGNORE_NAK == 0 {
            return self.fail(Errno::EREMOTEIO);
        }
        self.message_done(flags);
    }

    /// A message from the chip.
    #[inline]
    pub fn read(&mut self, addr: u16, flags: u16, bytes: &mut [u8]) {
        if !self.start(addr, flags, Dir::Read, bytes.len()) {
            return;
        }
        match self.board.slots.get_mut(self.slot) {
            Some(slot) => slot.chip.i2c_read(bytes),
            // Nobody answered and the caller wants to go on: the wire is high.
            None => bytes.fill(0xff),
        }
        if self.board.is_watched
            && let Err(errno) = self.watch_read(bytes)
        {
            return self.fail(errno);
        }
        self.message_done(flags);
    }

    /// How many messages are done so far, also when one after them has failed.
    #[must_use]
    pub fn done(&self) -> usize {
        self.done
    }

    /// STOP. Returns the number of messages done.
    ///
    /// # Errors
    ///
    /// How the transfer failed.
    #[inline]
    pub fn finish(mut self) -> Result<usize, Errno> {
        self.stop();
        let ns_per_bit = self.board.buses[self.bus].ns_per_bit;
        let result = self.failed.map_or(Ok(self.done), Err);
        if self.board.is_watched
            && let Some(record) = &mut self.board.transcript
        {
            record.end(result);
        }
        self.board.spend(self.bits, ns_per_bit, self.extra_ns);
        self.board.transfer_end(self.slot);
        result
    }

    /// START, address and acknowledge; counts the bits of the whole message. Returns whether bytes can flow.
    ///
    /// Each message of each transfer comes through here: what is not usual is elsewhere.
    #[inline]
    fn start(&mut self, addr: u16, flags: u16, dir: Dir, len: usize) -> bool {
        use self::flags::{IGNORE_NAK, NOSTART, RECV_LEN, TEN};
        if self.failed.is_some() {
            return false;
        }
        if flags & (TEN | RECV_LEN | NOSTART) != 0 {
            return self.start_unusual(addr, flags, dir, len);
        }
        let is_first = addr != self.addr;
        if is_first {
            self.address(addr);
        }
        if self.board.is_watched && self.is_failing(is_first) {
            return false;
        }
        self.dir = dir;
        // START and address; each byte is 8 bits and an acknowledge.
        self.bits += 10;
        let is_acked = self
            .board
            .slots
            .get_mut(self.slot)
            .is_some_and(|slot| slot.chip.i2c_start(dir));
        if is_acked || flags & IGNORE_NAK != 0 {
            self.bits += 9 * len as u64;
            return true;
        }
        self.fail(if addr < 0x80 { Errno::ENXIO } else { Errno::EINVAL });
        false
    }

    /// Finds the chip with this address and brings it to the present.
    #[inline]
    fn address(&mut self, addr: u16) {
        if self.slot != NOBODY {
            // The chip before sees the START of somebody else's message: for it the transfer is over.
            self.stop();
        }
        self.addr = addr;
        let bus = &self.board.buses[self.bus];
        let chip = bus.chips.get(usize::from(addr)).copied().unwrap_or(NO_CHIP);
        self.slot = if chip == NO_CHIP { NOBODY } else { usize::from(chip) };
        if let Some(slot) = self.board.slots.get_mut(self.slot) {
            slot.chip.advance(self.board.now, &self.board.world);
        }
    }

    /// Messages with rare flags: only NOSTART in the middle of a burst is one that this master can do.
    #[cold]
    fn start_unusual(&mut self, addr: u16, flags: u16, dir: Dir, len: usize) -> bool {
        if flags & self::flags::NOSTART != 0 && self.addr != NO_ADDR && dir == self.dir {
            self.bits += 9 * len as u64;
            return true;
        }
        self.addr = addr;
        self.is_failing(true);
        self.fail(Errno::EOPNOTSUPP);
        false
    }

    /// On a board with faults or a record: whether the message fails before its address is out.
    #[cold]
    fn is_failing(&mut self, is_first: bool) -> bool {
        let (bus, now) = (&self.board.buses[self.bus], self.board.now);
        if let Some(record) = self.board.transcript.as_mut().filter(|record| !record.is_open()) {
            record.begin(now, &bus.channel, self.addr);
        }
        let Some(errno) = self.faulty(is_first) else {
            return false;
        };
        self.fail(errno);
        true
    }

    /// The faults of the bus and of the chip: whether and how this message has to fail.
    fn faulty(&mut self, is_first: bool) -> Option<Errno> {
        let bus = &mut self.board.buses[self.bus];
        let slot = self.board.slots.get_mut(self.slot);
        let mut faults = [Some(&mut bus.faults), slot.map(|slot| &mut slot.faults)];
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
        if !is_first {
            return None;
        }
        faults.iter_mut().flatten().find_map(|faults| faults.transfer())
    }

    /// On a board with faults, a liar or a record: what a read message really brought.
    #[cold]
    fn watch_read(&mut self, bytes: &mut [u8]) -> Result<(), Errno> {
        let of_chip = self.board.slots.get(self.slot).and_then(|slot| slot.faults.stuck);
        if let Some(value) = of_chip.or(self.board.buses[self.bus].faults.stuck) {
            bytes.fill(value);
        }
        if let Some(liar) = &mut self.board.liar {
            liar(bytes)?;
        }
        if let Some(record) = &mut self.board.transcript {
            record.segment(true, bytes);
        }
        Ok(())
    }

    #[cold]
    fn fail(&mut self, errno: Errno) {
        self.failed = Some(errno);
    }

    #[inline]
    fn message_done(&mut self, flags: u16) {
        self.done += 1;
        if flags & self::flags::STOP != 0 {
            self.stop();
            (self.addr, self.slot) = (NO_ADDR, NOBODY);
        }
    }

    /// STOP for the chip that was addressed last.
    #[inline]
    fn stop(&mut self) {
        self.bits += 1;
        if let Some(slot) = self.board.slots.get_mut(self.slot) {
            slot.chip.i2c_stop();
            self.board.settle(self.slot);
        }
    }
}
