// SPDX-License-Identifier: GPL-2.0-only
//! One driver: can it run here, and what is missing?
//!
//! * [`subject`]: what a user names: a module, a `compatible`, a file or a folder, in the tree or outside.
//! * [`other_series`]: symbols that a driver expects of another kernel series.

pub mod other_series;
pub mod subject;

pub use subject::{Subject, SubjectError};

use crate::board::Board;
use crate::build::{BuildError, Report, Workshop};
use crate::matrix::attempt::Inspection;
use crate::matrix::{Level, Maker, Row};
use crate::system::SystemError;
use linux_headers::Tree;
use serde::Serialize;
use std::path::Path;

/// What is known of a missing symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lack {
    /// Its name.
    pub name: String,
    /// Who refers to it, as `file: function`.
    pub callers: Vec<String>,
    /// The header of the tree that declares it.
    pub header: Option<String>,
    /// Where upstream has it, and why that file was not taken.
    pub hint: Option<String>,
    /// What became of it in this series, if another has it.
    pub other_series: Option<String>,
}

/// What a port comes to.
#[derive(Debug, Serialize)]
pub struct Port {
    /// How far it came.
    pub row: Row,
    /// What went into the image, if there is one.
    pub report: Option<Report>,
    /// What nobody provides.
    pub lacks: Vec<Lack>,
    /// The board's text.
    pub board: String,
    /// Examples of binding documents that `dtc` rejected.
    pub rejected: Vec<String>,
    /// How it ended, for the exit status.
    pub end: End,
}

/// How a port ended: each has an exit status of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It runs, and leaves nothing behind.
    UnloadsClean,
    /// The configuration cannot have it.
    Configuration,
    /// It does not compile.
    DoesNotCompile,
    /// Symbols are missing.
    Missing,
    /// It does not load.
    DoesNotLoad,
    /// It was not probed, or its domain died.
    MeetsNoHardware,
    /// It cannot be removed, or leaves something behind.
    LeavesSomething,
    /// `dtc` rejects the example of its binding document; it went on with a board made without.
    RejectedExample,
}

impl End {
    /// The exit status.
    #[must_use]
    pub fn status(self) -> u8 {
        match self {
            Self::UnloadsClean => 0,
            Self::Configuration => 12,
            Self::DoesNotCompile => 13,
            Self::Missing => 14,
            Self::DoesNotLoad => 15,
            Self::MeetsNoHardware => 16,
            Self::LeavesSomething => 17,
            Self::RejectedExample => 18,
        }
    }

    fn of(inspection: &Inspection) -> Self {
        match inspection.row.level {
            Level::Nothing if matches!(inspection.error, Some(BuildError::Config { .. })) => Self::Configuration,
            Level::Nothing => Self::DoesNotCompile,
            Level::Compiles => Self::Missing,
            Level::Links => Self::DoesNotLoad,
            Level::Loads => Self::MeetsNoHardware,
            Level::MeetsHardware => Self::LeavesSomething,
            Level::UnloadsClean if inspection.rejected.is_empty() => Self::UnloadsClean,
            Level::UnloadsClean => Self::RejectedExample,
        }
    }
}

/// Ports a driver: builds it, makes a board for it or takes `board`, and tries it with each stand-in.
///
/// # Errors
///
/// Something is missing on this machine that every driver needs.
pub fn port(maker: &Maker<'_>, subject: &Subject, board: Option<Board>) -> Result<Port, SystemError> {
    let inspection = maker.inspect(&subject.candidate, board)?;
    let end = End::of(&inspection);
    let tree = maker.workshop.tree();
    let mut lacks: Vec<Lack> = inspection
        .row
        .missing
        .iter()
        .map(|missing| Lack {
            name: missing.name.clone(),
            callers: missing.callers.clone(),
            header: None,
            hint: missing.hint.clone(),
            other_series: None,
        })
        .collect();
    explain(tree, maker.workshop, &mut lacks);
    let mut row = inspection.row;
    if let Some(BuildError::Compile { message, .. }) = &inspection.error {
        let unknown = other_series::unknown_names(message);
        let became = other_series::what_became_of(tree, maker.workshop.index(), &unknown);
        for (name, words) in became {
            let reason = row.reason.get_or_insert_default();
            reason.push_str(&format!("\n{name}: {words}"));
        }
    }
    Ok(Port {
        row,
        report: inspection.report,
        lacks,
        board: inspection.board,
        rejected: inspection.rejected,
        end,
    })
}

fn explain(tree: &Tree, workshop: &Workshop, lacks: &mut [Lack]) {
    if lacks.is_empty() {
        return;
    }
    let mut headers = Vec::new();
    collect(&tree.dir.join("include"), &mut headers);
    headers.sort();
    for header in headers {
        let text = std::fs::read(&header).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        for lack in lacks.iter_mut().filter(|lack| lack.header.is_none()) {
            if other_series::names(&text, &lack.name) {
                let path = header.strip_prefix(&tree.dir).unwrap_or(&header);
                lack.header = Some(path.display().to_string());
            }
        }
    }
    let unknown: Vec<String> = lacks
        .iter()
        .filter(|lack| lack.hint.is_none())
        .map(|lack| lack.name.clone())
        .collect();
    for (name, words) in other_series::what_became_of(tree, workshop.index(), &unknown) {
        for lack in lacks.iter_mut().filter(|lack| lack.name == name) {
            lack.other_series = Some(words.clone());
        }
    }
}

fn collect(dir: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, into);
        } else if path.extension().is_some_and(|end| end == "h") {
            into.push(path);
        }
    }
}
