// SPDX-License-Identifier: GPL-2.0-only
//! NXP PN7150: an NFC controller that speaks NCI over I²C.
//!
//! From the data sheet (revision 3.9), the user manual UM10936 (revision 2.0) and NFC Forum NCI 1.0.
//!
//! | file | what it holds |
//! |---|---|
//! | this | power and I²C: VEN, start-up, the packets' way in and out, the IRQ pin |
//! | [`nci`] | numbers and packets |
//! | `config` | configuration parameters |
//! | `control` | commands and their responses |
//! | `radio` | discovery, activation, data |
//! | `download` | the boot loader that takes firmware |
//!
//! A packet to the host waits with IRQ high until its last byte has been read, in as many reads as the host likes
//! (UM10936, 3.6). Reading when nothing waits is not acknowledged.
//!
//! Not modelled: listening, NFC-B, NFC-F, NFC-V and MIFARE Classic; the TAG-CMD interface and logical connections;
//! standby with its unacknowledged first write.

mod config;
mod control;
mod download;
pub mod nci;
mod radio;
#[cfg(test)]
mod tests;

use crate::chip::{Chip, ChipOptions, Dir, NEVER, PINS, Pin, StartUp, Status};
use crate::fault::FaultKind;
use crate::nfc::outbox::{Outbox, Sent, Shape};
use crate::stimulus::Stimulus;
use control::Control;
use download::{Loaded, Loader};
use nci::{HEAD, mt, op};

/// From VEN high to the first command in ns (data sheet, table 18: at most 2.5 ms).
const BOOT_NS: u64 = 2_500_000;
/// From a command to its response in ns. No document says; a logic analyser shows some hundred µs.
const RESPONSE_NS: u64 = 100_000;
/// IRQ is low for at least so long between two packets, in ns.
const IRQ_GAP_NS: u64 = 10_000;

/// How its packets go wrong. NCI over I²C has no checksum.
static SHAPE: Shape = Shape {
    oversize: |packet| {
        // A control packet's length says more than the message may have, and so much comes.
        packet.resize(HEAD + nci::MAX_PAYLOAD, 0xa5);
        packet[2] = 0xff;
    },
    checksum: None,
    stray: || nci::control(mt::RESPONSE, op::RF_DISCOVER_SELECT, &[nci::status::OK]),
    notification: || nci::control(mt::NOTIFICATION, op::RF_FIELD_INFO, &[1]),
};

/// The pins that the host drives.
const VEN: usize = 0;
const DOWNLOAD: usize = 1;

/// Whether the chip runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    /// VEN is low.
    Off,
    /// It starts, until this time in ns.
    Boots(u64),
    On,
    /// It started with the firmware line high.
    Download,
}

/// The chip.
pub struct Pn7150 {
    power: Power,
    wants_download: bool,
    loader: Loader,
    now: u64,
    control: Control,
    outbox: Outbox,
    /// How much of the first packet has been read.
    cursor: usize,
    /// It has been read to its end.
    is_read: bool,
    /// What has been written of the next packet.
    inbox: Vec<u8>,
}

impl Pn7150 {
    /// A chip whose VEN pin is tied high, until the board says otherwise.
    pub fn new(options: &ChipOptions) -> Self {
        Pn7150 {
            power: Power::On,
            wants_download: false,
            loader: Loader::default(),
            now: 0,
            control: Control::new(options.start_up == StartUp::Instant),
            outbox: Outbox::new(&SHAPE),
            cursor: 0,
            is_read: false,
            inbox: Vec::new(),
        }
    }

    fn runs(&self) -> bool {
        matches!(self.power, Power::On | Power::Download)
    }

    /// As after VEN.
    fn reset(&mut self) {
        self.control.reset();
        self.outbox.reset();
        self.loader = Loader::default();
        self.inbox.clear();
        (self.cursor, self.is_read) = (0, false);
    }

    /// The packets that the firmware has made go to the host.
    fn send(&mut self) {
        while let Some((delay_ns, packet)) = self.control.take() {
            let at = self.now.saturating_add(delay_ns);
            if self.outbox.push(at, packet) == Sent::MustReset {
                // An internal reboot is told by CORE_RESET_NTF with NXP's reason (UM10936, 4.3.8).
                self.control.reset();
                self.outbox.clear();
                (self.cursor, self.is_read) = (0, false);
                let reset = nci::control(mt::NOTIFICATION, op::CORE_RESET, &[0xa0, 0x00, 0, 0, 0, 0]);
                let _ = self.outbox.push(at.saturating_add(BOOT_NS), reset);
            }
        }
    }

    /// Takes whole frames of firmware out of what has been written.
    fn load(&mut self) {
        loop {
            match self.loader.take(&self.inbox) {
                Loaded::Incomplete => return,
                Loaded::Restart => {
                    self.reset();
                    self.power = Power::Boots(self.now.saturating_add(BOOT_NS));
                    return;
                }
                Loaded::Answer(len, answer) => {
                    self.inbox.drain(..len);
                    if self.outbox.push(self.now.saturating_add(RESPONSE_NS), answer) == Sent::MustReset {
                        self.reset();
                        self.power = Power::Boots(self.now.saturating_add(BOOT_NS));
                        return;
                    }
                }
            }
        }
    }

    /// Takes whole packets out of what has been written.
    fn receive(&mut self) {
        if self.power == Power::Download {
            return self.load();
        }
        while let Some(&[_, _, len]) = self.inbox.first_chunk() {
            let end = HEAD + usize::from(len);
            if self.inbox.len() < end {
                return;
            }
            let packet: Vec<u8> = self.inbox.drain(..end).collect();
            self.control.packet(self.now, &packet);
            self.send();
        }
    }
}

impl Chip for Pn7150 {
    fn name(&self) -> &'static str {
        "PN7150"
    }

    fn pin_names(&self) -> &'static [&'static str] {
        &["IRQ"]
    }

    fn input_names(&self) -> &'static [&'static str] {
        &["enable-gpios", "firmware-gpios"]
    }

    fn set_input(&mut self, pin: usize, level: bool) {
        match (pin, level) {
            (VEN, false) => {
                self.reset();
                self.power = Power::Off;
            }
            (VEN, true) if self.power == Power::Off => self.power = Power::Boots(self.now.saturating_add(BOOT_NS)),
            (DOWNLOAD, level) => self.wants_download = level,
            _ => {}
        }
    }

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.now = now;
        if let Power::Boots(until) = self.power
            && now >= until
        {
            self.power = if self.wants_download {
                Power::Download
            } else {
                Power::On
            };
        }
        self.control.advance(now, world);
        self.send();
    }

    fn status(&self) -> Status {
        let mut pins = [Pin::Low; PINS];
        if self.runs() && !self.is_read && self.outbox.front(self.now).is_some() {
            pins[0] = Pin::High;
        }
        let boot = if let Power::Boots(until) = self.power {
            until
        } else {
            NEVER
        };
        let packet = if pins[0] == Pin::High || self.is_read {
            NEVER
        } else {
            self.outbox.next_at()
        };
        Status {
            next_event: boot.min(packet).min(self.control.next_event()),
            pins,
        }
    }

    fn i2c_start(&mut self, dir: Dir) -> bool {
        match (self.power, dir) {
            (Power::Off | Power::Boots(_), _) => false,
            (_, Dir::Read) => !self.is_read && self.outbox.front(self.now).is_some(),
            (_, Dir::Write) => true,
        }
    }

    fn i2c_write(&mut self, bytes: &[u8]) -> usize {
        if self.runs() {
            self.inbox.extend(bytes);
        }
        bytes.len()
    }

    fn i2c_read(&mut self, bytes: &mut [u8]) {
        bytes.fill(0xff);
        let Some(packet) = self.outbox.front(self.now) else {
            return;
        };
        let rest = packet.get(self.cursor..).unwrap_or(&[]);
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        self.cursor += count;
        self.is_read = self.cursor >= packet.len();
    }

    fn transfer_end(&mut self, now: u64) {
        self.now = now;
        if std::mem::take(&mut self.is_read) {
            self.cursor = 0;
            self.outbox.pop(now, IRQ_GAP_NS);
        }
        self.receive();
    }

    /// Step by step: what it is sent must be through before it answers.
    fn i2c_write_read(&mut self, _: u64, _: &Stimulus, _: &[u8], _: &mut [u8]) -> Option<Status> {
        None
    }

    /// The manufacturer's identifier in CORE_INIT_RSP: 4 is NXP.
    fn fake_id(&mut self, id: u8) {
        self.control.manufacturer = id;
    }

    fn misbehave(&mut self, fault: FaultKind) -> bool {
        match fault {
            FaultKind::Frame(fault, nth) => self.outbox.set_fault(fault, nth),
            FaultKind::Air(fault, nth) => {
                self.control.radio.pcd.field.set_fault(fault, nth);
                true
            }
            _ => false,
        }
    }
}
