// SPDX-License-Identifier: GPL-2.0-only
//! The driver's source lines behind a domain's transfers: the domain runs once more, and tells the calls that led to
//! each.

use crate::run::Run;
use linux_compat::symbol::Frame;
use linux_compat::system::{Domain, LogLine};
use std::ops::Range;

/// What lies between a driver and its bus: the shim, the bus's core, register maps, and what is inlined from headers.
const BETWEEN: [&str; 5] = ["shim/", "drivers/i2c/i2c-", "drivers/base/", "include/", "lib/"];

/// Where the transfers of one run come from.
pub(crate) struct Sites {
    /// Each transfer as the transcript has it, with the innermost frame of the driver's.
    transfers: Vec<(String, Option<Frame>)>,
    /// The transfers of each step.
    steps: Vec<Range<usize>>,
}

impl Sites {
    /// From a run, its whole log, and the lines of its transcript; none if the two disagree on how many there were.
    pub(crate) fn of_run(run: &Run, domain: &Domain, log: &[LogLine], transcript: Vec<String>) -> Option<Self> {
        let told = domain.callers(log).into_iter();
        let frames: Vec<_> = told.map(|frames| frames.into_iter().find(is_drivers)).collect();
        (frames.len() == transcript.len()).then(|| Self {
            transfers: transcript.into_iter().zip(frames).collect(),
            steps: run.records.iter().map(|record| record.transfers.clone()).collect(),
        })
    }

    /// Where the first transfer of step `step` comes from that `line` tells.
    pub(crate) fn of(&self, step: usize, line: &str) -> Option<&Frame> {
        let line = line.strip_prefix("streams ").unwrap_or(line);
        let transfers = self.transfers.get(self.steps.get(step)?.clone())?;
        let found = transfers.iter().find(|(transfer, _)| transfer == line);
        found.and_then(|(_, frame)| frame.as_ref())
    }

    /// Where a transfer to the same chip comes from that sends the same: for one that only real Linux makes.
    pub(crate) fn like(&self, line: &str) -> Option<&Frame> {
        let wanted = sent(line.strip_prefix("streams ").unwrap_or(line));
        let mut alike = self.transfers.iter().filter(|(transfer, _)| sent(transfer) == wanted);
        alike.find_map(|(_, frame)| frame.as_ref())
    }
}

/// A transfer up to what is read.
fn sent(line: &str) -> &str {
    line.split_once(" r:").map_or(line, |(sent, _)| sent)
}

fn is_drivers(frame: &Frame) -> bool {
    let file = frame.file.as_deref().unwrap_or_default();
    file.ends_with(".c") && !BETWEEN.iter().any(|part| file.starts_with(part))
}
