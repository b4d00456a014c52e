// SPDX-License-Identifier: GPL-2.0-only
//! The security policy of drivers: for each driver what it needs, made from its board, and nothing else.
//!
//! * [`generate`]: the policy of one driver, as text to be reviewed. [`Needs`]: what it is made from.
//! * [`Policies`]: the policy of a system, to which domains come while it runs.
//!
//! The language and the compiler are `kos_policy`'s.

mod live;
mod text;

pub use live::{Audit, OnAudit, Policies, PolicyChoice, PolicyError};
pub use text::{COMMON, generate};

use crate::board::{Board, BoardChannel, BoardPart};
use crate::build::Report;
use crate::system::ClockKind;

/// What a driver's policy is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The driver, as it was asked for.
    pub driver: String,
    /// The board's file.
    pub board: String,
    /// Its bus servers.
    pub channels: Vec<BoardChannel>,
    /// The chips on its buses.
    pub parts: Vec<BoardPart>,
    /// The GPIO lines that its chips name, interrupts aside.
    pub lines: Vec<u32>,
    /// The firmware files that its chips name.
    pub firmware: Vec<String>,
    /// What its image has of character devices.
    pub devices: Devices,
    /// Whether its image has Linux's socket layer.
    pub has_sockets: bool,
    /// Whether its modules can be removed and inserted again.
    pub is_module: bool,
    /// Whether its time comes from the board.
    pub is_virtual_time: bool,
}

/// What an image has of character devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    /// None that anybody could open.
    No,
    /// Buffers of sensors: they are read and waited for.
    Buffers,
    /// Any: they are written, and have commands of their own, too.
    Any,
}

impl Devices {
    /// Finds out from the files in an image.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let has = |part: &str| report.sources.iter().any(|source| source.path.contains(part));
        // IIO has a device for each sensor with a buffer. One with events only has one too, whose events come by an
        // ioctl that no client of ours makes: who wants it writes it into a policy of his own.
        if has("drivers/iio/buffer/") {
            Self::Buffers
        } else if has("drivers/iio/industrialio-core.c") {
            Self::No
        } else if has("net/nfc/core.c") && !has("drivers/char/misc.c") {
            // A reader is used through sockets; the devices in its image are those of its lines, which are not for
            // clients. A controller that is a client's to play has one of its own.
            Self::No
        } else if has("fs/char_dev.c") {
            Self::Any
        } else {
            Self::No
        }
    }
}

impl Needs {
    /// What a driver needs on its board.
    #[must_use]
    pub fn of(driver: &str, board: &Board, report: &Report, clock: ClockKind) -> Self {
        let name = board.path().file_name().unwrap_or_default();
        Self {
            driver: driver.to_owned(),
            board: name.to_string_lossy().into_owned(),
            channels: board.channels(),
            parts: board.parts(),
            lines: board.lines(),
            firmware: board.firmware(),
            devices: Devices::of(report),
            has_sockets: report.sources.iter().any(|source| source.path == "net/socket.c"),
            is_module: report.is_module,
            is_virtual_time: clock == ClockKind::Virtual,
        }
    }
}

/// The name of a driver's class: `adxl345_spi` is `driver.Adxl345Spi`. It is one that an EDL file can have.
#[must_use]
pub fn class_of_driver(driver: &str) -> String {
    let name = driver.rsplit('/').next().unwrap_or(driver);
    let name = name.strip_suffix(".c").unwrap_or(name);
    let words = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let name: String = words.map(capital).collect();
    // The name is a file's, and a file's name begins with a capital.
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase());
    format!("driver.{}{name}", if is_name { "" } else { "Chip" })
}

/// The name of a server's class: `i2c0` is `server.I2c0`. Two channels never have the same one: a character that is not
/// allowed in an EDL file's name becomes `X` and its number.
#[must_use]
pub fn class_of_channel(channel: &str) -> String {
    let mut name = String::new();
    for byte in channel.bytes() {
        let is_plain = byte.is_ascii_lowercase() || (byte.is_ascii_digit() && !name.is_empty());
        if is_plain {
            name.push(char::from(byte));
        } else {
            name += &format!("X{byte:02x}");
        }
    }
    format!("server.{}", capital(&name))
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests;
