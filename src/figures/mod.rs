// SPDX-License-Identifier: GPL-2.0-only
//! The project's own figures: computed, never typed.
//!
//! | module | what it holds |
//! |---|---|
//! | [`upstream`] | upstream's files that end up in images, each compared with its package by hash |
//! | [`rooms`] | our own lines, by room of this repository, and which of them name a driver |
//! | [`levels`] | how far each module comes: the boards are run, and a recorded matrix is read |
//! | [`show`] | the outcome for a terminal, as a page, and as the block in the README |
//!
//! *Reused* lines are those of upstream source files of which some code is linked into an image, each file once however
//! many images have it; headers are not counted. A matrix adds the files of all modules that unload clean. *Glue* is
//! what was written by hand so that they run: the shim, its C files, the architecture's headers and Kconfig answers.
//! Both are counted alike: all lines, or lines of code.

pub mod levels;
pub mod rooms;
pub mod show;
pub mod upstream;

use crate::board::{Board, BoardError, boards};
use crate::build::{BuildError, Built, Report};
use crate::diff::count::ratio;
use crate::system::{System, SystemError, SystemOptions};
use levels::{Matrix, MatrixFrom, ModuleLevel};
use rooms::Room;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use upstream::{Hashes, Upstream, UpstreamFile};

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum FiguresError {
    /// A driver cannot be built.
    #[error("{driver}: {error}")]
    System {
        /// The driver.
        driver: String,
        /// Why.
        error: Box<SystemError>,
    },
    /// The hosted kernel does not start.
    #[error(transparent)]
    Start(#[from] SystemError),
    /// A board of ours cannot be read.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// A file of this repository or of the kernel tree cannot be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file is no matrix.
    #[error("{name}: no matrix as `linux-compat matrix --json` writes it: {error}")]
    Matrix {
        /// The file, or which recorded one.
        name: String,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// A file that went into an image cannot be compared with upstream's.
    #[error("{path}: {what}: how many lines of it changed cannot be told")]
    Unproven {
        /// The file.
        path: String,
        /// Why.
        what: String,
    },
}

/// One driver that this project runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriverFigures {
    /// The driver.
    pub driver: String,
    /// Its modules.
    pub modules: Vec<String>,
    /// Upstream files in its image.
    pub files: u64,
    /// Their lines.
    pub lines: u64,
    /// Lines of code that are written by hand for this driver: those in the shim, its C files, headers and answers
    /// that name its chips.
    pub hand_lines: u64,
    /// Lines of its board's device tree, which says what is soldered where.
    pub board_lines: u64,
}

/// The figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// The kernel's full version.
    pub kernel: String,
    /// Lines of upstream files that end up in images, unchanged lines only.
    pub reused_lines: u64,
    /// Of them those with code.
    pub reused_code_lines: u64,
    /// The files.
    pub reused_files: u64,
    /// Lines of the matrix' modules that unload clean, without what else their images hold.
    pub module_lines: u64,
    /// Lines of the shim, its C files, the headers and Kconfig answers.
    pub glue_lines: u64,
    /// Of them those with code.
    pub glue_code_lines: u64,
    /// `glue_lines` ÷ `reused_lines`.
    pub glue_over_reused: f64,
    /// `glue_code_lines` ÷ `reused_code_lines`.
    pub glue_over_reused_code: f64,
    /// By driver.
    pub hand_lines_per_driver: BTreeMap<String, u64>,
    /// Changed lines of upstream files, headers included.
    pub changed_lines: u64,
    /// What proves it.
    pub hashes: Hashes,
    /// How many modules came how far.
    pub modules: BTreeMap<String, u64>,
    /// Where the levels come from.
    pub levels_from: String,
    /// Each module.
    pub module_levels: Vec<ModuleLevel>,
    /// Each driver that is run here.
    pub drivers: Vec<DriverFigures>,
    /// Our lines.
    pub rooms: Vec<Room>,
    /// The upstream files.
    pub upstream: Vec<UpstreamFile>,
}

impl Figures {
    /// Builds every driver that comes with a board, runs it, and counts.
    ///
    /// # Errors
    ///
    /// A driver cannot be built, a file cannot be read, or a changed file's lines cannot be told.
    pub fn compute(options: SystemOptions, matrix: MatrixFrom) -> Result<Self, FiguresError> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let system = System::new(options)?;
        let matrix = match matrix {
            MatrixFrom::Recorded => Matrix::recorded(root, system.tree())?,
            MatrixFrom::File(path) => Some(Matrix::read(path, system.tree())?),
            MatrixFrom::Nowhere => None,
        };
        let (mut drivers, mut module_levels) = (Vec::new(), Vec::new());
        let mut upstream = Upstream::new(system.tree());
        let glue = rooms::GlueText::read(root)?;
        for path in boards() {
            let board = Board::open(&path)?;
            let (driver, built) = match build(&system, &path, &board)? {
                Ok(found) => found,
                Err(level) => {
                    module_levels.push(level);
                    continue;
                }
            };
            let (files, lines) = upstream.add(&built.report)?;
            drivers.push(DriverFigures {
                modules: built.report.modules.clone(),
                files,
                lines,
                hand_lines: glue.lines_that_name(&chips(&board)),
                board_lines: rooms::code_lines(&path)?,
                driver: driver.clone(),
            });
            module_levels.extend(levels::run(&system, &driver, board, &built));
        }
        let mut levels_from = "the boards of this repository, run now".to_owned();
        if let Some(matrix) = &matrix {
            upstream.add_matrix(matrix)?;
            module_levels = matrix.merged(module_levels);
            levels_from = format!("{}, and {levels_from}", matrix.name);
        }
        let rooms = rooms::count(root)?;
        let mut figures = Self::add_up(&system, upstream.finish(), rooms, drivers, module_levels, levels_from);
        figures.module_lines = matrix.as_ref().map_or(0, Matrix::clean_lines);
        Ok(figures)
    }

    fn add_up(
        system: &System,
        (upstream, hashes, changed_lines): (Vec<UpstreamFile>, Hashes, u64),
        rooms: Vec<Room>,
        drivers: Vec<DriverFigures>,
        module_levels: Vec<ModuleLevel>,
        levels_from: String,
    ) -> Self {
        let sum = |count: fn(&UpstreamFile) -> u64| upstream.iter().map(count).sum::<u64>();
        let changed_sources = sum(|file| file.changed_lines);
        let reused_lines = sum(|file| file.counts.lines).saturating_sub(changed_sources);
        let reused_code_lines = sum(|file| file.counts.code).saturating_sub(changed_sources);
        let glue = rooms.iter().filter(|room| room.is_glue);
        let (glue_lines, glue_code_lines) = glue.fold((0, 0), |(lines, code), room| {
            (lines + room.counts.lines, code + room.counts.code)
        });
        let mut modules = BTreeMap::new();
        for module in &module_levels {
            *modules.entry(module.level.clone()).or_default() += 1;
        }
        Self {
            kernel: system.tree().full_version.clone(),
            reused_lines,
            reused_code_lines,
            reused_files: upstream.len() as u64,
            module_lines: 0,
            glue_lines,
            glue_code_lines,
            glue_over_reused: ratio(glue_lines, reused_lines),
            glue_over_reused_code: ratio(glue_code_lines, reused_code_lines),
            hand_lines_per_driver: drivers
                .iter()
                .map(|driver| (driver.driver.clone(), driver.hand_lines))
                .collect(),
            changed_lines,
            hashes,
            modules,
            levels_from,
            module_levels,
            drivers,
            rooms,
            upstream,
        }
    }
}

/// Builds the driver that a board of ours is for: `adxl345-i2c.dts` is named after `adxl345_i2c`; a board that is not
/// named after a driver has a chip of one. A driver that cannot be built is a module that came nowhere, but a changed
/// file is no figure.
fn build(system: &System, path: &Path, board: &Board) -> Result<Result<(String, Built), ModuleLevel>, FiguresError> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().replace('-', "_");
    let mut names = vec![stem.clone(), format!("{stem}_i2c"), format!("{stem}_spi")];
    names.extend(board.chips());
    let mut reason = None;
    for driver in names {
        match system.build(&driver, board) {
            Ok(built) => return Ok(Ok((driver, built))),
            Err(SystemError::Build(BuildError::Unknown { .. })) => {}
            Err(error @ SystemError::Build(BuildError::Modified { .. } | BuildError::Cancelled)) => {
                let error = Box::new(error);
                return Err(FiguresError::System { driver, error });
            }
            // The next name may be of another of its drivers; the first one's reason is the board's own.
            Err(error) => reason = reason.or(Some(error.to_string())),
        }
    }
    Ok(Err(ModuleLevel {
        module: stem,
        level: "nothing".to_owned(),
        reason: Some(
            reason.unwrap_or_else(|| format!("no driver is named after {}, or after its chips", path.display())),
        ),
    }))
}

/// The names of a board's chips: `adxl345` of `adi,adxl345`.
fn chips(board: &Board) -> Vec<String> {
    let name = |compatible: &String| compatible.rsplit(',').next().unwrap_or_default().to_lowercase();
    board.chips().iter().map(name).collect()
}

/// Paths of an image's upstream files, our own C files left out.
fn upstream_paths(report: &Report) -> impl Iterator<Item = &str> {
    let glue = crate::shim::glue_dir();
    let sources = report.sources.iter().map(|source| source.path.as_str());
    sources.filter(move |path| !Path::new(path).starts_with(&glue))
}
