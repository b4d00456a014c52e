// SPDX-License-Identifier: GPL-2.0-only
//! All modules: several at a time, each row kept as soon as it is there.

use super::attempt::Maker;
use super::select::Candidate;
use super::{Level, Row};
use crate::build::hash;
use crate::system::SystemError;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What became of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The rows, in the order of the modules.
    pub rows: Vec<Row>,
    /// It was told to end before all were tried.
    pub is_interrupted: bool,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The file of rows cannot be written or read.
    #[error("{}: {error}", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Something that every module needs is not there.
    #[error(transparent)]
    System(#[from] SystemError),
}

/// Which rows of an earlier run are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// None: all modules are tried.
    None,
    /// Those of modules that came to the end; the others are tried again.
    Clean,
    /// All.
    All,
}

/// Tries modules, `jobs` at a time. Rows go to the file at `kept` as they come; of those that are there already,
/// `earlier` says which hold. `on_row` hears of each row, and of how many there are.
///
/// # Errors
///
/// The file cannot be written, or something is missing that every module needs.
pub fn run(
    maker: &Maker<'_>,
    candidates: &[Candidate],
    (kept, earlier): (&Path, Earlier),
    jobs: usize,
    stop: &AtomicBool,
    on_row: &(dyn Fn(&Row, usize) + Sync),
) -> Result<Outcome, RunError> {
    let rows_error = |error| RunError::Rows {
        path: kept.to_owned(),
        error,
    };
    let mut known = read(kept);
    known.retain(|module, row| {
        let holds = match earlier {
            Earlier::None => false,
            Earlier::Clean => row.level == Level::UnloadsClean,
            Earlier::All => true,
        };
        holds && candidates.iter().any(|candidate| candidate.module == *module)
    });
    let file = open(kept, known.values()).map_err(rows_error)?;
    let file = Mutex::new(file);
    let rows: Mutex<HashMap<String, Row>> = Mutex::new(known);
    let failure: Mutex<Option<RunError>> = Mutex::new(None);
    let next = AtomicUsize::new(0);
    let program = program();
    let work = || {
        while let Some(candidate) = candidates.get(next.fetch_add(1, Ordering::Relaxed)) {
            let has_failed = failure.lock().is_ok_and(|failure| failure.is_some());
            if stop.load(Ordering::Relaxed) || has_failed {
                return;
            }
            if rows.lock().is_ok_and(|rows| rows.contains_key(&candidate.module)) {
                continue;
            }
            let made = maker.attempt(candidate).map_err(RunError::from);
            // What was under way when a signal came says nothing about the module.
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let done = made.and_then(|mut row| {
                row.program.clone_from(&program);
                append(&file, &row).map_err(rows_error)?;
                let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
                rows.insert(candidate.module.clone(), row.clone());
                on_row(&row, rows.len());
                Ok(())
            });
            if let Err(error) = done {
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(work);
        }
    });
    maker.workshop.save();
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    let rows: Vec<Row> = candidates
        .iter()
        .filter_map(|candidate| rows.remove(&candidate.module))
        .collect();
    Ok(Outcome {
        is_interrupted: rows.len() < candidates.len(),
        rows,
    })
}

/// This program, by the start of its file's hash; nothing if the system does not show it.
fn program() -> String {
    let file = std::env::current_exe().and_then(std::fs::read);
    file.map(|data| hash::hex(&hash::bytes(&data)).chars().take(12).collect())
        .unwrap_or_default()
}

/// The rows of an earlier run; a line that was not written whole is none.
fn read(path: &Path) -> HashMap<String, Row> {
    let Ok(file) = File::open(path) else {
        return HashMap::new();
    };
    let rows = BufReader::new(file).lines().map_while(Result::ok);
    let rows = rows.filter_map(|line| serde_json::from_str::<Row>(&line).ok());
    rows.map(|row| (row.module.clone(), row)).collect()
}

fn open<'r>(path: &Path, known: impl Iterator<Item = &'r Row>) -> io::Result<File> {
    let mut text = String::new();
    for row in known {
        text.push_str(&serde_json::to_string(row)?);
        text.push('\n');
    }
    linux_headers::cache::write_atomic(path, text.as_bytes())?;
    File::options().append(true).open(path)
}

fn append(file: &Mutex<File>, row: &Row) -> io::Result<()> {
    let mut line = serde_json::to_string(row)?;
    line.push('\n');
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    file.write_all(line.as_bytes())
}
