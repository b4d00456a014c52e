// SPDX-License-Identifier: GPL-2.0-only
//! The simulated SPI master: full-duplex bytes while a chip is selected.
//!
//! SPI has no acknowledge: where no chip answers, or one that does not understand the mode, the master reads 0xff.

use super::{BusId, BusKind, NO_CHIP, SimBoard};
use crate::errno::Errno;

/// No master is slower than 10 kHz. Bounds the virtual time, and the hardware events in it, that a request can ask for.
const SLOWEST_NS_PER_BIT: u64 = 100_000;

/// One piece of a message: bytes out, bytes in, or both. The longest of `tx`, `rx` and `len` gives the length.
#[derive(Default)]
pub struct SpiXfer<'a> {
    /// Clock at least so many bytes.
    pub len: usize,
    /// Bytes to the chip; zeros if there are fewer than bytes to receive.
    pub tx: &'a [u8],
    /// Room for bytes from the chip.
    pub rx: &'a mut [u8],
    /// Clock in Hz; 0 for the bus's own.
    pub speed_hz: u32,
    /// Release the chip select after this piece; after the last one, keep it for the next message (as `cs_change` in
    /// Linux's `struct spi_transfer`).
    pub cs_change: bool,
    /// Pause after this piece in ns.
    pub delay_ns: u32,
    /// 0 or 8: chip models support no other word size.
    pub bits_per_word: u8,
}

/// A message under way. After a piece has failed the others do nothing.
pub struct SpiTransfer<'b> {
    board: &'b mut SimBoard,
    bus: usize,
    slot: Option<usize>,
    mode: u32,
    stuck: Option<u8>,
    selected: bool,
    /// The last piece wanted the chip select changed.
    cs_change: bool,
    ns: u64,
    done: usize,
    failed: Option<Errno>,
}

impl SimBoard {
    /// Does one message: all pieces with the chip selected.
    ///
    /// # Errors
    ///
    /// `ENODEV` for a bus or chip select that there is not, `EINVAL` for a word size other than 8, or what a
    /// fault on the board asks for.
    pub fn spi_transfer(&mut self, bus: BusId, cs: u32, mode: u32, xfers: &mut [SpiXfer<'_>]) -> Result<(), Errno> {
        let mut transfer = self.spi_begin(bus, cs, mode)?;
        for xfer in xfers {
            transfer.piece(xfer);
        }
        transfer.finish()
    }

    /// Begins a message to the chip at chip select `cs`; `mode` is Linux's SPI mode word.
    ///
    /// # Errors
    ///
    /// `ENODEV` for a bus or chip select that there is not.
    pub fn spi_begin(&mut self, bus: BusId, cs: u32, mode: u32) -> Result<SpiTransfer<'_>, Errno> {
        let bus_index = self.bus_of(bus, BusKind::Spi)?;
        let bus = &mut self.buses[bus_index];
        let cs = usize::try_from(cs).map_err(|_| Errno::ENODEV)?;
        let slot = match bus.chips.get(cs) {
            None => return Err(Errno::ENODEV),
            Some(&NO_CHIP) => None,
            Some(&slot) => Some(usize::from(slot)),
        };
        let mut failed = bus.faults.transfer();
        let mut stuck = bus.faults.stuck;
        bus.held |= bus.faults.hold;
        self.catch_up();
        let mut slot = slot;
        if let Some(chip) = slot.and_then(|slot| self.slots.get_mut(slot)) {
            failed = failed.or(chip.faults.transfer());
            stuck = chip.faults.stuck.or(stuck);
            self.buses[bus_index].held |= chip.faults.hold;
            if chip.faults.absent {
                slot = None;
            } else {
                chip.chip.advance(self.now, &self.world);
            }
        }
        // SPI has nothing to hold: a transfer that never ends is how Linux's core sees a stuck controller.
        let ns = if self.buses[bus_index].held { 1_000_000_000 } else { 0 };
        let failed = if ns > 0 { Some(Errno::ETIMEDOUT) } else { failed };
        if let Some(record) = &mut self.transcript {
            record.begin(
                self.now,
                &self.buses[bus_index].channel,
                u16::try_from(cs).unwrap_or(u16::MAX),
            );
        }
        // A message to somebody else ends what the last one has kept.
        let kept = self.buses[bus_index].kept.take();
        let is_kept = kept.is_some() && kept == slot;
        if let Some(other) = kept.filter(|_| !is_kept) {
            self.deselect(other);
        }
        let bus = bus_index;
        Ok(SpiTransfer {
            board: self,
            bus,
            slot,
            mode,
            stuck,
            selected: is_kept,
            cs_change: false,
            ns,
            done: 0,
            failed,
        })
    }
}

impl SimBoard {
    fn deselect(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.chip.spi_deselect();
            self.settle(index);
        }
    }
}

impl SpiTransfer<'_> {
    /// One piece of the message.
    pub fn piece(&mut self, xfer: &mut SpiXfer<'_>) {
        if self.failed.is_some() {
            return;
        }
        // For who answers the same whatever it is asked, a word's size makes no difference.
        let has_model = self.slot.is_some() && self.board.chip_options.stand_in.is_none();
        if has_model && !matches!(xfer.bits_per_word, 0 | 8) {
            self.failed = Some(Errno::EINVAL);
            return;
        }
        let len = xfer.tx.len().max(xfer.rx.len()).max(xfer.len);
        if std::mem::take(&mut self.cs_change) {
            self.select(false);
        }
        self.select(true);
        match self.slot.and_then(|slot| self.board.slots.get_mut(slot)) {
            Some(slot) => slot.chip.spi_bytes(len, xfer.tx, xfer.rx),
            // Nobody drives the wire, and it is pulled up.
            None => xfer.rx.fill(0xff),
        }
        if self.board.is_watched
            && let Err(errno) = self.watch(xfer)
        {
            self.failed = Some(errno);
            return;
        }
        let ns_per_bit = match xfer.speed_hz {
            0 => self.board.buses[self.bus].ns_per_bit,
            hz => 1_000_000_000u64.div_ceil(u64::from(hz)).min(SLOWEST_NS_PER_BIT),
        };
        self.ns += (8 * len as u64)
            .saturating_mul(ns_per_bit)
            .saturating_add(u64::from(xfer.delay_ns));
        self.cs_change = xfer.cs_change;
        self.done += 1;
    }

    /// On a board with faults, a liar or a record: what the piece really brought.
    #[cold]
    fn watch(&mut self, xfer: &mut SpiXfer<'_>) -> Result<(), Errno> {
        if let Some(value) = self.stuck {
            xfer.rx.fill(value);
        }
        if let Some(liar) = &mut self.board.liar {
            liar(xfer.rx)?;
        }
        if let Some(record) = &mut self.board.transcript {
            if !xfer.tx.is_empty() {
                record.segment(false, xfer.tx);
            }
            if !xfer.rx.is_empty() {
                record.segment(true, xfer.rx);
            }
        }
        Ok(())
    }

    /// Releases the chip select.
    ///
    /// # Errors
    ///
    /// How the message failed.
    pub fn finish(mut self) -> Result<(), Errno> {
        if self.cs_change && self.failed.is_none() && self.slot.is_some() {
            self.board.buses[self.bus].kept = self.slot;
        } else {
            self.select(false);
        }
        let result = self.failed.map_or(Ok(()), Err);
        if let Some(record) = &mut self.board.transcript {
            record.end(result.map(|()| self.done));
        }
        self.board.spend(0, 0, self.ns);
        if let Some(slot) = self.slot {
            self.board.transfer_end(slot);
        }
        result
    }

    fn select(&mut self, on: bool) {
        if on == self.selected {
            return;
        }
        self.selected = on;
        let Some(index) = self.slot else {
            return;
        };
        if !on {
            self.board.deselect(index);
        } else if let Some(slot) = self.board.slots.get_mut(index) {
            slot.chip.spi_select(self.mode);
        }
    }
}
