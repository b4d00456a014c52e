// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a domain's process costs.

use std::io;

/// Memory of a process, in KiB, from `/proc/PID/smaps_rollup`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Memory that only this process has and that it wrote (`Private_Dirty`).
    pub private_kib: u64,
    /// Resident memory, its part of what it shares included (`Pss`).
    pub pss_kib: u64,
    /// All resident memory (`Rss`).
    pub resident_kib: u64,
}

impl Memory {
    /// Reads the figures of process `pid`.
    ///
    /// # Errors
    ///
    /// If the process is gone or belongs to somebody else.
    pub fn of(pid: i32) -> io::Result<Self> {
        let text = std::fs::read_to_string(std::format!("/proc/{pid}/smaps_rollup"))?;
        let kib = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse().ok())
                .unwrap_or(0)
        };
        Ok(Self {
            private_kib: kib("Private_Dirty:"),
            pss_kib: kib("Pss:"),
            resident_kib: kib("Rss:"),
        })
    }
}
