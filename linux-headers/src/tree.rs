// SPDX-License-Identifier: GPL-2.0-only
//! The kernel tree: where it is, which version, and whether its files are upstream's.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A supported LTS series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Series {
    /// Linux 6.1
    V6_1,
    /// Linux 6.12
    V6_12,
}

impl Series {
    /// Every series, the one taken by default first.
    pub const ALL: [Self; 2] = [Self::V6_12, Self::V6_1];

    /// The series that a version such as `6.12.117` or `6.12` belongs to.
    #[must_use]
    pub fn of_version(version: &str) -> Option<Self> {
        let mut parts = version.split(['.', '-']);
        match (parts.next()?, parts.next()?) {
            ("6", "12") => Some(Self::V6_12),
            ("6", "1") => Some(Self::V6_1),
            _ => None,
        }
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
        })
    }
}

/// A kernel tree.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Its top directory.
    pub dir: PathBuf,
    /// The series it belongs to.
    pub series: Series,
    /// Its full version, such as `6.12.117`.
    pub full_version: String,
}

/// What went wrong with a tree.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A file could not be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A line of an answer file is no answer.
    #[error("{}:{line}: expected CONFIG_NAME=value, found {text:?}", path.display())]
    Answer {
        /// The answer file.
        path: PathBuf,
        /// The line's number.
        line: usize,
        /// The line.
        text: String,
    },
    /// A generated header could not be made.
    #[error("{}: does not compile:\n{message}", path.display())]
    Compiler {
        /// The file.
        path: PathBuf,
        /// What the compiler says.
        message: String,
    },
    /// The directory holds no kernel, or one of another series.
    #[error("{}: {found}; supported are the series 6.12 and 6.1", path.display())]
    Unsupported {
        /// The directory.
        path: PathBuf,
        /// What it holds.
        found: String,
    },
}

impl Tree {
    /// Opens the tree in `dir`.
    ///
    /// # Errors
    ///
    /// It is no kernel tree, or one of an unsupported version.
    pub fn open(dir: &Path) -> Result<Self, TreeError> {
        let path = dir.join("Makefile");
        let text = std::fs::read_to_string(&path).map_err(|error| TreeError::Io { path, error })?;
        let field = |name: &str| {
            text.lines().take(12).find_map(|line| {
                let (key, value) = line.split_once('=')?;
                (key.trim() == name).then(|| value.trim().to_owned())
            })
        };
        let full_version = [field("VERSION"), field("PATCHLEVEL"), field("SUBLEVEL")].into_iter().flatten().collect::<Vec<_>>().join(".");
        let found = if full_version.is_empty() { "not a kernel tree".to_owned() } else { format!("Linux {full_version}") };
        let series = Series::of_version(&full_version).ok_or(TreeError::Unsupported { path: dir.to_owned(), found })?;
        let dir = dir.canonicalize().map_err(|error| TreeError::Io { path: dir.to_owned(), error })?;
        Ok(Self { dir, series, full_version })
    }

    /// The SHA-256 of a file as the package has it; `None` if the package does not know the file.
    #[must_use]
    pub fn expected(&self, _path: &str) -> Option<[u8; 32]> {
        None
    }
}
