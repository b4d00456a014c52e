// SPDX-License-Identifier: GPL-2.0-only
//! What can go wrong, on request: faults of chips and buses.
//!
//! A fault is written `TARGET=FAULT`:
//!
//! | target | |
//! |---|---|
//! | `accelerometer@53` | the node's name |
//! | `chip@53`, `@53` | the chip with this unit address |
//! | `i2c@0`, `i2c0` | a bus, by its node's name or its channel |
//!
//! | fault | what happens |
//! |---|---|
//! | `absent` | nobody acknowledges (`ENXIO`); on SPI all bytes read 0xff |
//! | `whoami=0xNN` | the identification register reads NN |
//! | `hold` | from the first transfer on, the bus is held low: each transfer ends with `ETIMEDOUT` |
//! | `stuck=0xNN` | all bytes read are NN |
//! | `fail-nth=N:ERRNO` | the N-th transfer from now on (the first is 1) ends with ERRNO |
//! | `fail-from=N:ERRNO` | so do all after it: a chip that falls off the board |
//! | `no-irq` | the interrupt pins stay at rest |
//!
//! Chips that talk in frames (the NFC controllers) have more. Each may bear `=N`: it is the N-th frame from now on,
//! else the first.
//!
//! | fault | what happens |
//! |---|---|
//! | `truncated`, `oversized` | the frame to the host ends early, is longer than it may be |
//! | `random`, `checksum` | the frame to the host is noise, has a wrong checksum |
//! | `out-of-order` | before it comes an answer to a command that nobody gave |
//! | `flood` | from it on, notifications without end |
//! | `silence` | from it on, nothing |
//! | `self-reset` | instead of it, the chip restarts by itself |
//! | `tag-leaves` | the frame to a selected tag gets no answer, and all tags are away for 100 ms |
//! | `bad-crc` | the answer of a selected tag is damaged on the air |
//!
//! A reset of the chip, by its pin or its supply, ends `flood` and `silence`. Two tags at once are no fault but a
//! stimulus.

use crate::errno::Errno;
use crate::nfc::outbox::FrameFault;
use crate::nfc::rf::AirFault;
use std::fmt;

/// One fault and where it sits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The node or channel, as written.
    pub target: String,
    /// What goes wrong there.
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The chip is not there.
    Absent,
    /// The chip identifies itself as something else.
    WhoAmI(u8),
    /// The bus is held from the first transfer on.
    Hold,
    /// All bytes read have this value.
    Stuck(u8),
    /// The n-th transfer fails; with `on`, so do all after it.
    Fail {
        /// Counted from 1.
        nth: u64,
        /// Whether the failure stays.
        on: bool,
        /// How it fails.
        errno: Errno,
    },
    /// Interrupts do not come.
    NoIrq,
    /// The n-th frame to the host, counted from 1.
    Frame(FrameFault, u64),
    /// The n-th frame to a selected tag, counted from 1.
    Air(AirFault, u64),
}

/// From the number of a frame to its fault.
type OfFrame = fn(u64) -> FaultKind;

/// The faults of chips with frames.
const FRAMES: &[(&str, OfFrame)] = &[
    ("truncated", |nth| FaultKind::Frame(FrameFault::Truncated, nth)),
    ("oversized", |nth| FaultKind::Frame(FrameFault::Oversized, nth)),
    ("out-of-order", |nth| FaultKind::Frame(FrameFault::OutOfOrder, nth)),
    ("random", |nth| FaultKind::Frame(FrameFault::Random, nth)),
    ("checksum", |nth| FaultKind::Frame(FrameFault::Checksum, nth)),
    ("flood", |nth| FaultKind::Frame(FrameFault::Flood, nth)),
    ("silence", |nth| FaultKind::Frame(FrameFault::Silence, nth)),
    ("self-reset", |nth| FaultKind::Frame(FrameFault::SelfReset, nth)),
    ("tag-leaves", |nth| FaultKind::Air(AirFault::TagLeaves, nth)),
    ("bad-crc", |nth| FaultKind::Air(AirFault::BadCrc, nth)),
];

const FORMS: &str = "absent, whoami=0xNN, hold, stuck=0xNN, fail-nth=N:ERRNO, fail-from=N:ERRNO or no-irq; \
    of a chip with frames, with =N for the N-th: truncated, oversized, out-of-order, random, checksum, flood, \
    silence, self-reset, tag-leaves or bad-crc";

impl Fault {
    /// Parses `TARGET=FAULT`; several faults of one target are separated by `|`.
    ///
    /// # Errors
    ///
    /// A [`FaultError`] that says what was expected.
    ///
    /// # Examples
    ///
    /// ```
    /// use board::fault::{Fault, FaultKind};
    ///
    /// let faults = Fault::parse("chip@53=whoami=0x42|fail-nth=3:EIO").unwrap();
    /// assert_eq!(faults[0].kind, FaultKind::WhoAmI(0x42));
    /// ```
    pub fn parse(text: &str) -> Result<Vec<Fault>, FaultError> {
        let fail = |fact: String| FaultError {
            text: text.to_owned(),
            fact,
        };
        let Some((target, kinds)) = text.split_once('=') else {
            return Err(fail(format!("no \"=\", expected TARGET=FAULT where FAULT is {FORMS}")));
        };
        if target.trim().is_empty() {
            return Err(fail(
                "no target, expected a node such as \"chip@53\" or a bus such as \"i2c0\"".to_owned(),
            ));
        }
        kinds
            .split('|')
            .map(|kind| {
                let kind = FaultKind::parse(kind.trim()).map_err(fail)?;
                Ok(Fault {
                    target: target.trim().to_owned(),
                    kind,
                })
            })
            .collect()
    }
}

impl FaultKind {
    fn parse(text: &str) -> Result<FaultKind, String> {
        let (name, value) = text
            .split_once('=')
            .map_or((text, None), |(name, value)| (name, Some(value)));
        match (name, value) {
            ("absent", None) => Ok(FaultKind::Absent),
            ("hold", None) => Ok(FaultKind::Hold),
            ("no-irq", None) => Ok(FaultKind::NoIrq),
            ("whoami", Some(value)) => byte(value).map(FaultKind::WhoAmI),
            ("stuck", Some(value)) => byte(value).map(FaultKind::Stuck),
            ("fail-nth", Some(value)) => failure(value, false),
            ("fail-from", Some(value)) => failure(value, true),
            _ if FRAMES.iter().any(|(known, _)| *known == name) => frame(name, value),
            _ => Err(format!("unknown fault {text:?}, expected {FORMS}")),
        }
    }
}

fn frame(name: &str, nth: Option<&str>) -> Result<FaultKind, String> {
    let nth = nth.map_or(Some(1), |nth| nth.parse().ok().filter(|&nth| nth > 0));
    let kind = FRAMES.iter().find(|(known, _)| *known == name);
    match (kind, nth) {
        (Some((_, kind)), Some(nth)) => Ok(kind(nth)),
        _ => Err(format!(
            "{name} has no such number, expected {name}=N, the N-th frame, from 1 on"
        )),
    }
}

fn byte(text: &str) -> Result<u8, String> {
    let value = text
        .strip_prefix("0x")
        .map_or_else(|| text.parse(), |hex| u8::from_str_radix(hex, 16));
    value.map_err(|_| format!("{text:?} is not a byte, expected 0x00 to 0xff"))
}

fn failure(text: &str, on: bool) -> Result<FaultKind, String> {
    let expected = || {
        format!(
            "{text:?} is not N:ERRNO, such as 3:EIO; errors: {}",
            Errno::NAMES.join(" ")
        )
    };
    let (nth, errno) = text.split_once(':').ok_or_else(expected)?;
    let nth = nth.parse().ok().filter(|&nth| nth > 0).ok_or_else(expected)?;
    let errno = Errno::from_name(errno).ok_or_else(expected)?;
    Ok(FaultKind::Fail { nth, on, errno })
}

/// A fault that does not parse, or has no target on this board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultError {
    pub(crate) text: String,
    pub(crate) fact: String,
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault {:?}: {}", self.text, self.fact)
    }
}

impl std::error::Error for FaultError {}

/// The faults of one chip or one bus. Default: none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) absent: bool,
    pub(crate) hold: bool,
    pub(crate) stuck: Option<u8>,
    pub(crate) no_irq: bool,
    fail: Option<(u64, bool, Errno)>,
    transfers: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, kind: FaultKind) {
        match kind {
            FaultKind::Absent => self.absent = true,
            FaultKind::Hold => self.hold = true,
            FaultKind::Stuck(value) => self.stuck = Some(value),
            FaultKind::NoIrq => self.no_irq = true,
            FaultKind::Fail { nth, on, errno } => {
                self.fail = Some((nth, on, errno));
                self.transfers = 0;
            }
            // The chip itself does these.
            FaultKind::WhoAmI(_) | FaultKind::Frame(..) | FaultKind::Air(..) => {}
        }
    }

    /// Counts a transfer and returns how it has to fail, if it has to.
    pub(crate) fn transfer(&mut self) -> Option<Errno> {
        self.transfers += 1;
        let (nth, on, errno) = self.fail?;
        (self.transfers == nth || on && self.transfers > nth).then_some(errno)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_every_fault() {
        for (text, kind) in [
            ("absent", FaultKind::Absent),
            ("hold", FaultKind::Hold),
            ("no-irq", FaultKind::NoIrq),
            ("flood", FaultKind::Frame(FrameFault::Flood, 1)),
            ("tag-leaves=3", FaultKind::Air(AirFault::TagLeaves, 3)),
            ("whoami=0xFF", FaultKind::WhoAmI(0xff)),
            ("stuck=7", FaultKind::Stuck(7)),
            (
                "fail-nth=2:ETIMEDOUT",
                FaultKind::Fail {
                    nth: 2,
                    on: false,
                    errno: Errno::ETIMEDOUT,
                },
            ),
            (
                "fail-from=1:ENXIO",
                FaultKind::Fail {
                    nth: 1,
                    on: true,
                    errno: Errno::ENXIO,
                },
            ),
        ] {
            assert_eq!(
                Fault::parse(&format!("i2c0={text}")).unwrap(),
                [Fault {
                    target: "i2c0".into(),
                    kind
                }]
            );
        }
    }

    #[test]
    fn errors_say_what_was_expected() {
        for (text, part) in [
            ("chip@53", "expected TARGET=FAULT"),
            ("=hold", "no target"),
            ("chip@53=broken", "unknown fault \"broken\", expected absent"),
            ("chip@53=whoami=0x100", "expected 0x00 to 0xff"),
            ("chip@53=fail-nth=0:EIO", "is not N:ERRNO"),
            ("chip@53=fail-nth=1:EWHAT", "errors: EPERM EIO"),
            ("chip@53=random=0", "expected random=N, the N-th frame, from 1 on"),
        ] {
            let message = Fault::parse(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
