// SPDX-License-Identifier: GPL-2.0-only
//! ST ST95HF: an NFC transceiver on SPI, whose host does all of the protocol.
//!
//! From the data sheet DocID025630, revision 4; section and table numbers are its.
//!
//! | file | what it holds |
//! |---|---|
//! | this | SPI and both interrupt pins, start-up, sleep |
//! | `commands` | commands and their answers |
//!
//! Each SPI message begins with a control byte: 0 sends a command, 1 resets, 2 reads the answer, 3 asks whether one
//! waits (4.2.2). IRQ_OUT is low while an answer waits. A reset, or power-on, leads to a state in which the chip waits
//! for a low pulse at IRQ_IN (3.2), if the board wires that pin.
//!
//! Not modelled: card emulation (LISTEN, SEND and ACFILTER find no such protocol selected), ISO/IEC 15693, 14443-B and
//! 18092 (nobody answers), parity that the host computes, tag detection's calibration, long frames from the host.

mod commands;
#[cfg(test)]
mod tests;

use crate::chip::{Chip, ChipOptions, NEVER, PINS, Pin, Status};
use crate::fault::FaultKind;
use crate::nfc::outbox::{Outbox, Sent, Shape};
use crate::stimulus::Stimulus;
use commands::{Commands, Outcome};

/// From the wake-up pulse to the first command in ns (table 5: at most 10 ms).
const BOOT_NS: u64 = 10_000_000;

/// How its answers go wrong. SPI has no checksum, and what is on the air has its own fault.
static SHAPE: Shape = Shape {
    oversize: |answer| {
        // Its length, of ten bits, says 1023, more than the buffer of 528 holds.
        *answer = vec![0x80 | 0x60, 0xff];
        answer.resize(1025, 0xa5);
    },
    checksum: None,
    stray: || vec![0x00, 0x00],
    notification: || vec![0x87, 0x00],
};

/// Control bytes of SPI (table 8).
mod control {
    pub(super) const SEND: u8 = 0x00;
    pub(super) const RESET: u8 = 0x01;
    pub(super) const READ: u8 = 0x02;
    pub(super) const POLL: u8 = 0x03;
}

/// Flags that polling gives (table 9).
const FLAG_CAN_SEND: u8 = 0x04;
const FLAG_CAN_READ: u8 = 0x08;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    /// It waits for a pulse at IRQ_IN.
    WaitsForPulse,
    /// It starts, until this time in ns.
    Boots(u64),
    Ready,
}

/// Where an SPI message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not selected, or in a mode that the chip does not understand.
    Deaf,
    /// The next byte is the control byte.
    Control,
    Send,
    Read,
    Poll,
    /// The rest is ignored.
    Ignore,
}

/// The chip.
pub struct St95hf {
    power: Power,
    now: u64,
    commands: Commands,
    outbox: Outbox,
    phase: Phase,
    /// Bytes read of the answer.
    cursor: usize,
    /// The command, while it is sent.
    inbox: Vec<u8>,
    is_command: bool,
    /// Whether the board wires IRQ_IN, and its level.
    irq_in: Option<bool>,
}

impl St95hf {
    /// A chip that is ready at once, unless the board wires IRQ_IN.
    pub fn new(_: &ChipOptions) -> Self {
        St95hf {
            power: Power::Ready,
            now: 0,
            commands: Commands::new(),
            outbox: Outbox::new(&SHAPE),
            phase: Phase::Deaf,
            cursor: 0,
            inbox: Vec::new(),
            is_command: false,
            irq_in: None,
        }
    }

    /// As after power-on.
    fn reset(&mut self) {
        self.commands.reset();
        self.outbox.reset();
        self.inbox.clear();
        self.power = match self.irq_in {
            Some(_) => Power::WaitsForPulse,
            None => Power::Boots(self.now.saturating_add(BOOT_NS)),
        };
    }

    fn push(&mut self, outcome: Outcome) {
        if let Outcome::Answer(delay_ns, answer) = outcome {
            // One thing after another: what runs is done first.
            let at = self.outbox.last_at().max(self.now).saturating_add(delay_ns);
            if self.outbox.push(at, answer) == Sent::MustReset {
                self.reset();
            }
        }
    }

    fn has_answer(&self) -> bool {
        self.power == Power::Ready && self.outbox.front(self.now).is_some()
    }
}

impl Chip for St95hf {
    fn name(&self) -> &'static str {
        "ST95HF"
    }

    fn pin_names(&self) -> &'static [&'static str] {
        &["IRQ_OUT"]
    }

    /// IRQ_IN, under both names that the property has had.
    fn input_names(&self) -> &'static [&'static str] {
        &["enable-gpio", "enable-gpios"]
    }

    fn set_input(&mut self, _pin: usize, level: bool) {
        let before = self.irq_in.replace(level);
        match (before, level, self.power) {
            (None, _, _) => self.power = Power::WaitsForPulse,
            (Some(false), true, Power::WaitsForPulse) => {
                self.power = Power::Boots(self.now.saturating_add(BOOT_NS));
            }
            (Some(false), true, Power::Ready) => {
                let outcome = self.commands.pulse();
                self.push(outcome);
            }
            _ => {}
        }
    }

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        if let Power::Boots(until) = self.power
            && now >= until
        {
            self.power = Power::Ready;
        }
        let outcome = self.commands.advance(now, world);
        self.push(outcome);
    }

    fn status(&self) -> Status {
        let mut pins = [Pin::High; PINS];
        if self.has_answer() {
            pins[0] = Pin::Low;
        }
        let boot = if let Power::Boots(until) = self.power {
            until
        } else {
            NEVER
        };
        let answer = if self.has_answer() {
            NEVER
        } else {
            self.outbox.next_at()
        };
        Status {
            next_event: boot.min(answer).min(self.commands.next_event()),
            pins,
        }
    }

    fn spi_select(&mut self, mode: u32) {
        // Modes 0 and 3, most significant bit first (4.2).
        self.phase = if matches!(mode & 0x1b, 0 | 3) {
            Phase::Control
        } else {
            Phase::Deaf
        };
        self.cursor = 0;
    }

    fn spi_byte(&mut self, mosi: u8) -> u8 {
        match self.phase {
            Phase::Deaf => 0xff,
            Phase::Control => {
                self.phase = match mosi {
                    control::SEND => {
                        self.inbox.clear();
                        self.is_command = true;
                        Phase::Send
                    }
                    control::RESET => {
                        self.reset();
                        Phase::Ignore
                    }
                    control::READ => Phase::Read,
                    control::POLL => Phase::Poll,
                    _ => Phase::Ignore,
                };
                0x00
            }
            Phase::Send => {
                self.inbox.push(mosi);
                0x00
            }
            Phase::Read => {
                let front = self.outbox.front(self.now).filter(|_| self.power == Power::Ready);
                let byte = front.and_then(|answer| answer.get(self.cursor)).copied();
                self.cursor += 1;
                byte.unwrap_or(0x00)
            }
            Phase::Poll if self.has_answer() => FLAG_CAN_READ,
            Phase::Poll if self.power == Power::Ready && self.outbox.last_at() == 0 => FLAG_CAN_SEND,
            Phase::Poll | Phase::Ignore => 0x00,
        }
    }

    fn spi_deselect(&mut self) {
        // A read takes the answer, however much of it was read.
        if self.phase == Phase::Read && self.cursor > 0 && self.has_answer() {
            self.outbox.pop(self.now, 0);
        }
        self.phase = Phase::Deaf;
    }

    fn transfer_end(&mut self, now: u64) {
        self.now = now;
        if std::mem::take(&mut self.is_command) && self.power == Power::Ready {
            let command = std::mem::take(&mut self.inbox);
            // There is one buffer: an answer that nobody has read is gone. While a command runs, the next one waits.
            if self.has_answer() {
                self.outbox.clear();
            }
            let outcome = self.commands.command(now, &command);
            self.push(outcome);
        }
    }

    /// The last letter of the identification: its revision.
    fn fake_id(&mut self, id: u8) {
        self.commands.revision = id;
    }

    fn misbehave(&mut self, fault: FaultKind) -> bool {
        match fault {
            FaultKind::Frame(fault, nth) => self.outbox.set_fault(fault, nth),
            FaultKind::Air(fault, nth) => {
                self.commands.field.set_fault(fault, nth);
                true
            }
            _ => false,
        }
    }
}
