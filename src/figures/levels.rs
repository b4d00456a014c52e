// SPDX-License-Identifier: GPL-2.0-only
//! How far each module comes. A board's driver is run, in its sandbox, and read; the rest stands in a matrix that
//! `linux-compat matrix --json` wrote: a file, or the run through the whole tree that is recorded here, since it is too
//! long to be repeated for each report. `tests/matrix.rs` tries a part of its modules again.

use super::FiguresError;
use crate::board::Board;
use crate::build::Built;
use crate::client::EntryKind;
use crate::iio::Device;
use crate::system::{DriverSpec, System};
use crate::{Client, Domain};
use ::board::Stimulus;
use linux_headers::{Series, Tree};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One module, as far as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleLevel {
    /// The module.
    pub module: String,
    /// The level: one of the matrix', or of a board's run `links`, `loads`, `probes`, `measures`.
    pub level: String,
    /// Why it came no further, if it should have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The modules of one series: of all that stands in a matrix only what is needed here.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Table {
    kernel: String,
    #[serde(default)]
    total: Total,
    clean_files: BTreeMap<String, u32>,
    rows: Vec<ModuleLevel>,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Total {
    clean_lines: u64,
}

/// Where the figures take modules and levels from, besides the boards that are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatrixFrom<'a> {
    /// The matrix of the whole tree that was recorded last.
    Recorded,
    /// A file that `linux-compat matrix --json` wrote.
    File(&'a Path),
    /// Nowhere.
    Nowhere,
}

/// A stored matrix.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// What it is called where figures come from it.
    pub(super) name: String,
    tables: Vec<Table>,
}

impl Matrix {
    /// Reads what a file has of the tree's own series.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no matrix of that series.
    pub fn read(path: &Path, tree: &Tree) -> Result<Self, FiguresError> {
        let matrix = Self::parse(path.display().to_string(), &text(path)?, |kernel| {
            Series::of_version(kernel) == Some(tree.series)
        })?;
        matrix.ok_or_else(|| {
            let what = format!("it has no table of Linux {}", tree.series);
            no_matrix(path.display().to_string(), serde::de::Error::custom(what))
        })
    }

    /// The run through the whole tree that was recorded last, as [`Matrix::record`] writes it, if it was made of this
    /// very Linux: another's files may be others.
    pub(super) fn recorded(root: &Path, tree: &Tree) -> Result<Option<Self>, FiguresError> {
        let path = root.join(format!("src/figures/matrix-{}.json", tree.series));
        let name = format!("the recorded matrix of Linux {}", tree.series);
        Self::parse(name, &text(&path)?, |kernel| kernel == tree.full_version)
    }

    fn parse(name: String, text: &str, is_wanted: impl Fn(&str) -> bool) -> Result<Option<Self>, FiguresError> {
        let tables: serde_json::Result<Vec<Table>> = serde_json::from_str(text);
        let mut tables = tables.map_err(|error| no_matrix(name.clone(), error))?;
        tables.retain(|table| is_wanted(&table.kernel));
        Ok((!tables.is_empty()).then_some(Self { name, tables }))
    }

    /// What is kept of it in this repository, a line for each file and module.
    ///
    /// # Errors
    ///
    /// None that is known: all of it is text and numbers.
    pub fn record(&self) -> serde_json::Result<String> {
        let mut tables = Vec::new();
        for table in &self.tables {
            let mut files = Vec::new();
            for (path, images) in &table.clean_files {
                files.push(format!("{}:{images}", serde_json::to_string(path)?));
            }
            let files = files.join(",\n");
            let rows = table.rows.iter().map(serde_json::to_string);
            let rows = rows.collect::<serde_json::Result<Vec<_>>>()?.join(",\n");
            let (kernel, total) = (
                serde_json::to_string(&table.kernel)?,
                serde_json::to_string(&table.total)?,
            );
            tables.push(format!(
                "{{\"kernel\":{kernel},\n\"total\":{total},\n\"clean_files\":{{{files}}},\n\"rows\":[\n{rows}]}}"
            ));
        }
        Ok(format!("[{}]\n", tables.join(",\n")))
    }

    /// Lines of the modules that unload clean, without what else their images hold.
    pub(super) fn clean_lines(&self) -> u64 {
        self.tables.iter().map(|table| table.total.clean_lines).sum()
    }

    /// Upstream files in the images of modules that unload clean.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let files = self.tables.iter().flat_map(|table| table.clean_files.keys());
        files.map(String::as_str)
    }

    /// Its modules, and those of boards, which come further.
    pub(super) fn merged(&self, mut boards: Vec<ModuleLevel>) -> Vec<ModuleLevel> {
        let known: BTreeSet<String> = boards.iter().map(|module| module.module.clone()).collect();
        let rows = self.tables.iter().flat_map(|table| &table.rows);
        boards.extend(rows.filter(|row| !known.contains(&row.module)).cloned());
        boards.sort_by(|a, b| a.module.cmp(&b.module));
        boards
    }
}

fn text(path: &Path) -> Result<String, FiguresError> {
    std::fs::read_to_string(path).map_err(|error| FiguresError::Io {
        path: path.to_owned(),
        error,
    })
}

fn no_matrix(name: String, error: serde_json::Error) -> FiguresError {
    FiguresError::Matrix { name, error }
}

/// Runs a driver on its board, and says how far its modules came.
pub(super) fn run(system: &System, driver: &str, board: Board, built: &Built) -> Vec<ModuleLevel> {
    let modules = built.report.modules.clone();
    let (level, reason) = match start(system, driver, board, built) {
        Ok(domain) => {
            let reached = domain
                .client()
                .map_err(|error| error.to_string())
                .and_then(|mut client| reached(&mut client));
            domain.stop();
            match reached {
                Ok(level) => (level, None),
                Err(reason) => ("loads", Some(reason)),
            }
        }
        Err(reason) => ("links", Some(reason)),
    };
    let of = |module| ModuleLevel {
        module,
        level: level.to_owned(),
        reason: reason.clone(),
    };
    modules.into_iter().map(of).collect()
}

fn start(system: &System, driver: &str, board: Board, built: &Built) -> Result<Domain, String> {
    let spec = DriverSpec {
        stand_in: None,
        name: driver.to_owned(),
        board,
        stimulus: Stimulus::default(),
        faults: Vec::new(),
    };
    let domain = system.start(&spec, built).map_err(|error| error.to_string())?;
    let mut client = domain.client().map_err(|error| error.to_string())?;
    client.state().map_err(|error| error.to_string())?;
    Ok(domain)
}

/// `measures` if a sensor of the domain gives a value, `probes` if a driver took its chip, `loads` if it runs.
fn reached(client: &mut Client) -> Result<&'static str, String> {
    for device in Device::all(client).map_err(|error| error.to_string())? {
        for channel in device.channels().to_vec() {
            if device.read(client, &channel).is_ok() {
                return Ok("measures");
            }
        }
    }
    // Platform devices are the machine's own: bus masters, lines.
    for bus in ["i2c", "spi"] {
        let drivers = format!("bus/{bus}/drivers");
        let found = client.list(&drivers).unwrap_or_default();
        // Upstream's `dummy` holds a chip's second address and drives nothing.
        for driver in found.into_iter().filter(|driver| driver.name != "dummy") {
            let bound = client.list(&format!("{drivers}/{}", driver.name)).unwrap_or_default();
            // A link to a device stands for a driver that took it; `module` is one to its module.
            if bound
                .iter()
                .any(|entry| entry.kind == EntryKind::Link && entry.name != "module")
            {
                return Ok("probes");
            }
        }
    }
    Ok("loads")
}
