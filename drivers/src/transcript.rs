// SPDX-License-Identifier: GPL-2.0-only
//! What went over the buses: for tests, and to compare a driver's run here with its run elsewhere.
//!
//! One [`Transfer`] is what lies between a START and its STOP, or between chip select and release. Its text form is one
//! line; without the time it does not depend on the machine, so two transcripts can be compared as text:
//!
//! ```text
//! i2c0 53 w:00 r:e5 = 2
//! spi0 0 w:f2 r:00 w:00 r:01 = ok
//! i2c0 1d w! = ENXIO
//! ```

use crate::errno::Errno;
use std::fmt::{self, Write};

/// One message of a transfer: a direction and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Whether the bytes came from the chip.
    pub is_read: bool,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// One transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Board time at its beginning in ns.
    pub time_ns: u64,
    /// The bus's channel.
    pub bus: String,
    /// I²C address or SPI chip select.
    pub address: u16,
    /// The messages; of a message that failed, no bytes.
    pub segments: Vec<Segment>,
    /// Messages done, or how it failed.
    pub result: Result<usize, Errno>,
}

impl Transfer {
    /// The line without the time.
    pub fn line(&self) -> String {
        let mut line = format!("{} {:02x}", self.bus, self.address);
        for segment in &self.segments {
            line.push_str(if segment.is_read { " r:" } else { " w:" });
            for byte in &segment.bytes {
                // Writing to a String cannot fail.
                let _ = write!(line, "{byte:02x}");
            }
        }
        match self.result {
            Ok(done) => line.push_str(&format!(" = {done}")),
            Err(errno) => line.push_str(&format!(" = {errno}")),
        }
        line
    }
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:6}.{:09} {}",
            self.time_ns / 1_000_000_000,
            self.time_ns % 1_000_000_000,
            self.line()
        )
    }
}

/// The record of a board's transfers. It stops at [`LIMIT`](Self::LIMIT) transfers and says how many it left out.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    transfers: Vec<Transfer>,
    open: Option<Transfer>,
    left_out: u64,
}

impl Transcript {
    /// The most transfers that are kept: a domain that never stops asking must not eat the host's memory.
    pub const LIMIT: usize = 100_000;

    /// The transfers so far, oldest first.
    pub fn transfers(&self) -> &[Transfer] {
        &self.transfers
    }

    /// How many came after the limit.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// All lines without times.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for transfer in &self.transfers {
            text.push_str(&transfer.line());
            text.push('\n');
        }
        text
    }

    pub(crate) fn begin(&mut self, time_ns: u64, bus: &str, address: u16) {
        if self.transfers.len() < Self::LIMIT {
            let bus = bus.to_owned();
            self.open = Some(Transfer {
                time_ns,
                bus,
                address,
                segments: Vec::new(),
                result: Ok(0),
            });
        } else {
            self.left_out += 1;
        }
    }

    /// Whether a transfer has begun and not ended.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub(crate) fn segment(&mut self, is_read: bool, bytes: &[u8]) {
        if let Some(open) = &mut self.open {
            open.segments.push(Segment {
                is_read,
                bytes: bytes.to_vec(),
            });
        }
    }

    pub(crate) fn end(&mut self, result: Result<usize, Errno>) {
        if let Some(open) = self.open.take() {
            self.transfers.push(Transfer { result, ..open });
        }
    }
}
