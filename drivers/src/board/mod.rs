// SPDX-License-Identifier: GPL-2.0-only
//! The board: chips on buses, lines, and time.
//!
//! [`SimBoard`] is one machine for one domain. All of it moves when somebody calls: a transfer, a line,
//! [`SimBoard::advance`]. Under the virtual clock the board *is* the clock: each transfer takes as long as its bits
//! take on the wire, and hardware events happen in their order on the way. Under the real clock a transfer takes no
//! simulated time, and [`SharedBoard::run_events`] wakes a thread for the events.

mod build;
mod i2c;
mod lines;
mod shared;
mod spi;
#[cfg(test)]
mod tests;
mod time;

pub use build::BoardError;
pub use i2c::{I2cData, I2cMsg, I2cTransfer, flags};
pub use lines::{LineSink, MAX_LINES};
pub use shared::{Events, SharedBoard};
pub use spi::{SpiTransfer, SpiXfer};
pub use time::Clock;

use crate::chip::{Chip, ChipOptions, Make, NEVER, PINS, Pin, Status};
use crate::errno::Errno;
use crate::fault::{Fault, FaultError, FaultKind, Faults};
use crate::stimulus::Stimulus;
use crate::transcript::Transcript;
use lines::{Driver, Lines};

/// Comes between the chips and the domain: changes the bytes of a read, or makes the transfer fail.
pub type Liar = Box<dyn FnMut(&mut [u8]) -> Result<(), Errno> + Send>;

/// How to build a board.
#[derive(Default)]
pub struct BoardOptions {
    /// Where time comes from.
    pub clock: Clock,
    /// What the chips feel at first.
    pub stimulus: Stimulus,
    /// How the chips behave.
    pub chips: ChipOptions,
}

/// A bus of a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusId(usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BusKind {
    I2c,
    Spi,
}

/// In [`Bus::chips`]: nobody has this address.
const NO_CHIP: u8 = 0xff;

struct Bus {
    channel: String,
    node: String,
    kind: BusKind,
    ns_per_bit: u64,
    /// By I²C address or SPI chip select, the index of the chip, or [`NO_CHIP`].
    chips: [u8; 128],
    faults: Faults,
    /// A chip or a fault keeps the bus low.
    held: bool,
    /// SPI: the chip that the last message has left selected.
    kept: Option<usize>,
}

/// A chip in its place.
struct Slot {
    chip: Box<dyn Chip>,
    make: Make,
    node: String,
    drivers: [Option<Driver>; PINS],
    pins: [Option<Pin>; PINS],
    /// What the chip showed last.
    status: Option<Status>,
    next_event: u64,
    faults: Faults,
    fake_id: Option<u8>,
}

/// A line that drives a chip's pin.
#[derive(Clone, Copy)]
struct Input {
    line: u32,
    slot: usize,
    pin: usize,
}

/// A simulated board.
pub struct SimBoard {
    clock: Clock,
    now: u64,
    /// The earliest event of all chips.
    next_event: u64,
    world: Stimulus,
    chip_options: ChipOptions,
    slots: Vec<Slot>,
    buses: Vec<Bus>,
    lines: Lines,
    /// Which line drives which input pin of which chip.
    inputs: Vec<Input>,
    transcript: Option<Transcript>,
    liar: Option<Liar>,
    /// Whether there is a record, a liar or a fault anywhere: the one thing that a transfer asks when all is well.
    is_watched: bool,
    warnings: Vec<String>,
}

impl SimBoard {
    /// What the board's description asks for that the board cannot do, one sentence each: chips without a model.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The bus with this channel name (`linux-compat,channel`).
    pub fn bus(&self, channel: &str) -> Option<BusId> {
        self.buses.iter().position(|bus| bus.channel == channel).map(BusId)
    }

    /// The channels of the I²C buses.
    pub fn i2c_channels(&self) -> impl Iterator<Item = &str> {
        self.channels(BusKind::I2c)
    }

    /// The channels of the SPI buses.
    pub fn spi_channels(&self) -> impl Iterator<Item = &str> {
        self.channels(BusKind::Spi)
    }

    fn channels(&self, kind: BusKind) -> impl Iterator<Item = &str> {
        self.buses
            .iter()
            .filter(move |bus| bus.kind == kind)
            .map(|bus| bus.channel.as_str())
    }

    /// Changes what the chips feel, from now on.
    pub fn set_stimulus(&mut self, world: Stimulus) {
        self.catch_up();
        // Samples that were due before the change must still see the old world.
        for slot in &mut self.slots {
            slot.chip.advance(self.now, &self.world);
        }
        let since_ns = if world.tags == self.world.tags {
            self.world.since_ns
        } else {
            self.now
        };
        self.world = Stimulus { since_ns, ..world };
        for slot in &mut self.slots {
            slot.chip.advance(self.now, &self.world);
        }
        (0..self.slots.len()).for_each(|index| self.settle(index));
    }

    /// What the chips feel.
    pub fn stimulus(&self) -> &Stimulus {
        &self.world
    }

    /// Lets `liar` have a hand in all that the domain reads from the buses, to fuzz drivers from the device's side.
    pub fn set_liar(&mut self, liar: Liar) {
        self.liar = Some(liar);
        self.is_watched = true;
    }

    /// Puts a fault on the board.
    ///
    /// # Errors
    ///
    /// If no chip and no bus has the fault's target.
    pub fn inject(&mut self, fault: &Fault) -> Result<(), FaultError> {
        let is_target = |node: &str| {
            let name = node.rsplit('/').next().unwrap_or(node);
            let unit = name.split_once('@').map(|(_, unit)| unit);
            let by_unit = fault
                .target
                .strip_prefix("chip@")
                .or_else(|| fault.target.strip_prefix('@'));
            fault.target == node || fault.target == name || (unit.is_some() && unit == by_unit)
        };
        self.is_watched = true;
        if let Some(index) = self.slots.iter().position(|slot| is_target(&slot.node)) {
            let slot = &mut self.slots[index];
            if let FaultKind::Frame(..) | FaultKind::Air(..) = fault.kind
                && !slot.chip.misbehave(fault.kind)
            {
                return Err(FaultError {
                    text: fault.target.clone(),
                    fact: format!("{} has no such fault", slot.chip.name()),
                });
            }
            slot.faults.add(fault.kind);
            if let FaultKind::WhoAmI(id) = fault.kind {
                slot.fake_id = Some(id);
                slot.chip.fake_id(id);
            }
            self.settle(index);
            return Ok(());
        }
        let on_bus = |bus: &&mut Bus| fault.target == bus.channel || is_target(&bus.node);
        if let Some(bus) = self.buses.iter_mut().find(on_bus) {
            if let FaultKind::Frame(..) | FaultKind::Air(..) | FaultKind::WhoAmI(_) = fault.kind {
                return Err(FaultError {
                    text: fault.target.clone(),
                    fact: "a bus has no such fault, expected a chip".to_owned(),
                });
            }
            bus.faults.add(fault.kind);
            return Ok(());
        }
        let chips = self.slots.iter().map(|slot| slot.node.as_str());
        let known: Vec<&str> = chips.chain(self.buses.iter().map(|bus| bus.channel.as_str())).collect();
        let fact = format!("no such chip or bus, expected one of {}", known.join(", "));
        Err(FaultError {
            text: fault.target.clone(),
            fact,
        })
    }

    /// Switches the supply off and on: chips as after power-on, faults stay, held buses are free.
    pub fn power_cycle(&mut self) {
        self.catch_up();
        for bus in &mut self.buses {
            bus.held = false;
            bus.kept = None;
        }
        for index in 0..self.slots.len() {
            let slot = &mut self.slots[index];
            slot.chip = (slot.make)(&self.chip_options);
            if let Some(id) = slot.fake_id {
                slot.chip.fake_id(id);
            }
            for input in self.inputs.iter().filter(|input| input.slot == index) {
                slot.chip
                    .set_input(input.pin, self.lines.level(input.line) == Some(true));
            }
            slot.chip.advance(self.now, &self.world);
            self.settle(index);
        }
    }

    /// Starts to record transfers, or starts over.
    pub fn record(&mut self) {
        self.transcript = Some(Transcript::default());
        self.is_watched = true;
    }

    /// The record, if [`record`](Self::record) was called.
    pub fn transcript(&self) -> Option<&Transcript> {
        self.transcript.as_ref()
    }

    /// After something happened to a chip: carries its pins to the lines and its wish for time to the board.
    #[inline]
    fn settle(&mut self, index: usize) {
        let status = self.slots[index].chip.status();
        self.settle_with(index, status);
    }

    #[inline]
    fn settle_with(&mut self, index: usize, status: Status) {
        if self.slots[index].status != Some(status) || status.next_event <= self.now {
            self.settle_change(index, status);
        }
    }

    fn settle_change(&mut self, index: usize, status: Status) {
        let slot = &mut self.slots[index];
        slot.status = Some(status);
        // What was due is done: an event in the past could never end.
        let next_event = if status.next_event == NEVER {
            NEVER
        } else {
            status.next_event.max(self.now + 1)
        };
        if next_event != slot.next_event {
            slot.next_event = next_event;
            self.next_event = self.slots.iter().map(|slot| slot.next_event).min().unwrap_or(NEVER);
        }
        let slot = &mut self.slots[index];
        for (pin, level) in status.pins.into_iter().enumerate() {
            if slot.pins[pin] == Some(level) || (slot.faults.no_irq && slot.pins[pin].is_some()) {
                continue;
            }
            slot.pins[pin] = Some(level);
            if let Some(driver) = slot.drivers[pin] {
                self.lines.drive(driver, level);
            }
        }
    }

    /// Tells a chip that its transfer is through.
    #[inline]
    fn transfer_end(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.chip.transfer_end(self.now);
            self.settle(index);
        }
    }

    #[inline]
    fn bus_of(&self, id: BusId, kind: BusKind) -> Result<usize, Errno> {
        match self.buses.get(id.0) {
            Some(bus) if bus.kind == kind => Ok(id.0),
            _ => Err(Errno::ENODEV),
        }
    }
}
