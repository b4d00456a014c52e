// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a domain's process costs.

use std::io;

/// Memory of a process, in KiB, from `/proc/PID/smaps_rollup`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Memory that only this process has and that it wrote (`Private_Dirty`).
    pub private_kib: u64,
}

impl Memory {
    /// Reads the figures of process `pid`.
    ///
    /// # Errors
    ///
    /// If the process is gone or belongs to somebody else.
    pub fn of(pid: i32) -> io::Result<Self> {
        let text = std::fs::read_to_string(std::format!("/proc/{pid}/smaps_rollup"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Private_Dirty:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse().ok());
        Ok(Self {
            private_kib: kib.unwrap_or(0),
        })
    }
}
