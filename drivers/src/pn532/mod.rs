// SPDX-License-Identifier: GPL-2.0-only
//! NXP PN532: an NFC controller with its own frame protocol, here over I²C.
//!
//! From the user manual UM0701-02 (revision 02) and the data sheet; section numbers are the manual's.
//!
//! | file | what it holds |
//! |---|---|
//! | this | I²C: the ready byte, acknowledges, the IRQ pin, power down |
//! | [`frame`] | frames |
//! | `commands` | commands and their answers |
//!
//! A command is acknowledged by a frame of its own, then answered by another; P70_IRQ is low while one waits. Each read
//! begins with a byte that says whether one does (6.2.4). A read of that byte alone takes nothing; a longer one takes
//! the frame, and NACK brings it again. ACK from the host ends a command that runs.
//!
//! Not modelled: being a target (its commands wait for a reader that never comes), NFC-B, FeliCa and Jewel (nothing is
//! found), MIFARE Classic authentication, the SAM; registers and ports hold what is written and do nothing.

mod commands;
pub mod frame;
#[cfg(test)]
mod tests;

use crate::chip::{Chip, ChipOptions, Dir, NEVER, PINS, Pin, StartUp, Status};
use crate::fault::FaultKind;
use crate::nfc::outbox::{Outbox, Sent, Shape};
use crate::stimulus::Stimulus;
use commands::Commands;
use frame::FromHost;

/// From a command to its acknowledge in ns. The manual promises less than 15 ms (6.2.1.1).
const ACK_NS: u64 = 200_000;
/// From a command to an answer that takes no time on the air, in ns.
const ANSWER_NS: u64 = 500_000;
/// IRQ is high for at least so long between two frames, in ns.
const IRQ_GAP_NS: u64 = 10_000;

/// How its frames go wrong.
static SHAPE: Shape = Shape {
    oversize: |frame| {
        // An extended frame of 32,767 bytes that ends after some hundred.
        *frame = vec![0x00, 0x00, 0xff, 0xff, 0xff, 0x7f, 0xff, 0x82, frame::TO_HOST];
        frame.resize(400, 0xa5);
    },
    checksum: Some(|frame| {
        if let Some(dcs) = frame.len().checked_sub(2).and_then(|at| frame.get_mut(at)) {
            *dcs = !*dcs;
        }
    }),
    // InRelease's, which nobody asked for.
    stray: || frame::encode(&[0x53, 0x00]),
    notification: || frame::encode(&[0x4b, 0x00]),
};

/// The chip.
pub struct Pn532 {
    now: u64,
    commands: Commands,
    outbox: Outbox,
    /// What the first frame was when it was read, for NACK.
    last: Vec<u8>,
    /// Bytes read of the first frame in this read, the ready byte included.
    cursor: usize,
    inbox: Vec<u8>,
    /// The wake-up sources of PowerDown, while it sleeps.
    asleep: Option<u8>,
}

/// In PowerDown's wake-up sources: I²C (7.2.11).
const WAKE_I2C: u8 = 0x80;

impl Pn532 {
    /// A chip after power-on.
    pub fn new(options: &ChipOptions) -> Self {
        Pn532 {
            now: 0,
            commands: Commands::new(options.start_up == StartUp::Instant),
            outbox: Outbox::new(&SHAPE),
            last: Vec::new(),
            cursor: 0,
            inbox: Vec::new(),
            asleep: None,
        }
    }

    fn push(&mut self, at: u64, frame: Vec<u8>) {
        if self.outbox.push(at, frame) == Sent::MustReset {
            // It says nothing of it: the host sees a command without an answer.
            self.commands.reset();
            self.outbox.clear();
        }
    }

    /// The answer of the command that runs, if it is there.
    fn answer(&mut self) {
        let Some((delay_ns, answer)) = self.commands.take() else {
            return;
        };
        let at = self.now.saturating_add(delay_ns);
        match answer {
            Some(data) => self.push(at, frame::encode(&data)),
            None => self.push(at, frame::ERROR.to_vec()),
        }
    }

    fn receive(&mut self, now: u64) {
        match frame::decode(&std::mem::take(&mut self.inbox)) {
            Some(FromHost::Ack) => {
                self.commands.abort();
                self.outbox.clear();
            }
            Some(FromHost::Nack) => {
                let last = self.last.clone();
                if !last.is_empty() {
                    self.push(now.saturating_add(ACK_NS), last);
                }
            }
            Some(FromHost::Command(command)) => {
                // A new command ends one that runs (6.2.1.4).
                self.commands.abort();
                self.outbox.clear();
                self.push(now.saturating_add(ACK_NS), frame::ACK.to_vec());
                self.commands.begin(now, &command);
                self.answer();
            }
            // A damaged frame is not acknowledged: the host asks again (6.2.1.3).
            None => {}
        }
    }
}

impl Chip for Pn532 {
    fn name(&self) -> &'static str {
        "PN532"
    }

    fn pin_names(&self) -> &'static [&'static str] {
        &["P70_IRQ"]
    }

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        self.commands.advance(now, world);
        self.answer();
    }

    fn status(&self) -> Status {
        let is_ready = self.cursor < 2 && self.outbox.front(self.now).is_some();
        let mut pins = [Pin::High; PINS];
        if is_ready && self.commands.uses_irq {
            pins[0] = Pin::Low;
        }
        let frame = if is_ready || self.cursor > 1 {
            NEVER
        } else {
            self.outbox.next_at()
        };
        Status {
            next_event: frame.min(self.commands.next_event()),
            pins,
        }
    }

    fn i2c_start(&mut self, dir: Dir) -> bool {
        if let Some(sources) = self.asleep {
            if sources & WAKE_I2C == 0 {
                return false;
            }
            if dir == Dir::Write {
                self.asleep = None;
            }
        }
        self.cursor = 0;
        true
    }

    fn i2c_write(&mut self, bytes: &[u8]) -> usize {
        self.inbox.extend(bytes);
        bytes.len()
    }

    fn i2c_read(&mut self, bytes: &mut [u8]) {
        let waiting = self.outbox.front(self.now);
        for byte in bytes {
            *byte = match (waiting, self.cursor.checked_sub(1)) {
                (waiting, None) => u8::from(waiting.is_some()),
                (Some(frame), Some(at)) => frame.get(at).copied().unwrap_or(0),
                (None, Some(_)) => 0,
            };
            self.cursor += 1;
        }
    }

    fn transfer_end(&mut self, now: u64) {
        self.now = now;
        if std::mem::take(&mut self.cursor) > 1
            && let Some(frame) = self.outbox.front(now)
        {
            self.last = frame.to_vec();
            self.outbox.pop(now, IRQ_GAP_NS);
            // It goes to sleep when its answer has been fetched (7.2.11).
            if self.outbox.next_at() == NEVER {
                self.asleep = self.commands.power_down.take();
            }
        }
        if !self.inbox.is_empty() {
            self.receive(now);
        }
    }

    /// Step by step: what it is sent must be through before it answers.
    fn i2c_write_read(&mut self, _: u64, _: &Stimulus, _: &[u8], _: &mut [u8]) -> Option<Status> {
        None
    }

    /// The version of the circuit in GetFirmwareVersion: 0x32 is PN532.
    fn fake_id(&mut self, id: u8) {
        self.commands.circuit = id;
    }

    fn misbehave(&mut self, fault: FaultKind) -> bool {
        match fault {
            FaultKind::Frame(fault, nth) => self.outbox.set_fault(fault, nth),
            FaultKind::Air(fault, nth) => {
                self.commands.pcd.field.set_fault(fault, nth);
                true
            }
            _ => false,
        }
    }
}
