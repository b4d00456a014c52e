// SPDX-License-Identifier: GPL-2.0-only
//! How far each module comes. A board's driver is run, in its sandbox, and read; the rest stands in a matrix that
//! `linux-compat matrix --json` wrote.

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
use std::path::{Path, PathBuf};

/// One module, as far as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModuleLevel {
    /// The module.
    pub module: String,
    /// The level: one of the matrix', or of a board's run `links`, `loads`, `probes`, `measures`.
    pub level: String,
    /// Why it came no further, if it should have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A row of a matrix: of all that stands in it only what is needed here.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Row {
    pub(super) module: String,
    pub(super) level: String,
    #[serde(default)]
    reason: Option<String>,
}

/// The modules of one series.
#[derive(Deserialize)]
struct Table {
    kernel: String,
    clean_files: BTreeMap<String, u32>,
    rows: Vec<Row>,
}

/// A stored matrix.
#[derive(Debug, Clone)]
pub(super) struct Matrix {
    pub(super) path: PathBuf,
    pub(super) rows: Vec<Row>,
    /// Upstream files in the images of modules that unload clean.
    pub(super) files: Vec<String>,
}

impl Matrix {
    /// Reads what it has of the tree's own series.
    pub(super) fn read(path: &Path, tree: &Tree) -> Result<Self, FiguresError> {
        let text = std::fs::read_to_string(path).map_err(|error| FiguresError::Io {
            path: path.to_owned(),
            error,
        })?;
        let no_matrix = |error| FiguresError::Matrix {
            path: path.to_owned(),
            error,
        };
        let mut tables: Vec<Table> = serde_json::from_str(&text).map_err(no_matrix)?;
        tables.retain(|table| Series::of_version(&table.kernel) == Some(tree.series));
        if tables.is_empty() {
            let what = format!("it has no table of Linux {}", tree.series);
            return Err(no_matrix(serde::de::Error::custom(what)));
        }
        let (mut rows, mut files) = (Vec::new(), BTreeSet::new());
        for table in tables {
            rows.extend(table.rows);
            files.extend(table.clean_files.into_keys());
        }
        Ok(Self {
            path: path.to_owned(),
            rows,
            files: files.into_iter().collect(),
        })
    }

    /// Its modules, and those of boards, which come further.
    pub(super) fn merged(&self, mut boards: Vec<ModuleLevel>) -> Vec<ModuleLevel> {
        let known: BTreeSet<String> = boards.iter().map(|module| module.module.clone()).collect();
        let rows = self.rows.iter().filter(|row| !known.contains(&row.module));
        boards.extend(rows.map(|row| ModuleLevel {
            module: row.module.clone(),
            level: row.level.clone(),
            reason: row.reason.clone(),
        }));
        boards.sort_by(|a, b| a.module.cmp(&b.module));
        boards
    }
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
