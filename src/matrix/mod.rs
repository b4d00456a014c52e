// SPDX-License-Identifier: GPL-2.0-only
//! Many drivers, one after the other: how far does each come?
//!
//! ```text
//!  compiles ─▶ links ─▶ loads ─▶ meets hardware ─▶ unloads clean
//!              nothing   its      a chip that never answers,  memory, interrupts, devices,
//!              missing   initcalls one of zeros, one of ones   tasks, timers as before
//! ```
//!
//! * [`select`]: which modules. * [`attempt`]: one module. * [`mod@run`]: all of them, in parallel, resumable.
//! * Totals are in [`mod@table`].

pub mod attempt;
pub mod leftovers;
pub mod run;
pub mod select;
pub mod table;

pub use attempt::{Limits, Maker};
pub use run::{Earlier, Outcome, run};
pub use select::{Candidate, Selection};
pub use table::{Table, Total};

use crate::skeleton::{Asks, Origin};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How far a module came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// It does not compile, or the configuration cannot have it.
    #[default]
    Nothing,
    /// Its files compile.
    Compiles,
    /// Nothing that it reaches is missing.
    Links,
    /// Its initcalls return 0.
    Loads,
    /// It was probed with each of the three stand-ins, and the domain lives.
    MeetsHardware,
    /// After its exit functions all is as before.
    UnloadsClean,
}

impl Level {
    /// All of them, the lowest first.
    pub const ALL: [Self; 6] = [
        Self::Nothing,
        Self::Compiles,
        Self::Links,
        Self::Loads,
        Self::MeetsHardware,
        Self::UnloadsClean,
    ];

    /// Its name, as it stands in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Compiles => "compiles",
            Self::Links => "links",
            Self::Loads => "loads",
            Self::MeetsHardware => "meets hardware",
            Self::UnloadsClean => "unloads clean",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A symbol that nobody provides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Its name.
    pub name: String,
    /// Who refers to it, as `file: function`.
    pub callers: Vec<String>,
    /// Where upstream has it, and why that file was not taken.
    pub hint: Option<String>,
}

/// What happened when a module met one stand-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meeting {
    /// `absent`, `zeros` or `ones`.
    pub stand_in: String,
    /// What the probe of the chip returned: 0, or a negative errno; `None` if the driver was not asked.
    pub probe: Option<i32>,
    /// What went wrong, symbolised.
    pub failure: Option<String>,
    /// If something did, or the probe failed: the warnings and errors of the domain's log, each once, the last ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One module, as far as it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The module.
    pub module: String,
    /// The kernel series.
    pub kernel: String,
    /// Where in the tree it belongs: `iio/accel`.
    pub subsystem: String,
    /// The buses that it is for.
    pub buses: String,
    /// Its own source files.
    pub files: Vec<String>,
    /// Their lines.
    pub lines: u32,
    /// Files of the whole image.
    pub image_files: u32,
    /// Their lines.
    pub image_lines: u32,
    /// The upstream files of the whole image; a [`Table`] adds them up, and its rows have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image: Vec<String>,
    /// Files that differ from upstream's.
    pub changed: u32,
    /// The level that it reached.
    pub level: Level,
    /// Why it came no further.
    pub reason: Option<String>,
    /// Symbols that nobody provides.
    pub missing: Vec<Missing>,
    /// Configuration symbols that were turned on for it.
    pub config: Vec<String>,
    /// Where its board came from.
    pub board: Option<Origin>,
    /// What it asks of its board.
    pub asks: Asks,
    /// What happened with each stand-in.
    pub meetings: Vec<Meeting>,
    /// How long it all took, in ms.
    pub time_ms: u64,
    /// The program that tried it, by the start of its file's hash: a run that was resumed may have rows of several.
    #[serde(default)]
    pub program: String,
}
