// SPDX-License-Identifier: GPL-2.0-only
//! The kernel tree: where it is, which version, and whether its files are upstream's.

use crate::fetch;
use crate::manifest::Manifest;
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
    /// What the package's copy of each file hashes to; absent if no package of this version is at hand.
    pub manifest: Option<Manifest>,
}

/// Whether a file is upstream's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Its content is the package's.
    Pristine,
    /// Its content is not the package's.
    Modified {
        /// The package's hash.
        expected: [u8; 32],
        /// The file's hash.
        found: [u8; 32],
    },
    /// The package does not have it, or there is no package to compare with.
    Unknown,
}

/// How a tree is looked for.
#[derive(Debug, Clone, Default)]
pub struct Locate {
    /// The tree, if the user named one.
    pub linux: Option<PathBuf>,
    /// The series, if the user named one.
    pub series: Option<Series>,
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
    /// The package could not be fetched or unpacked.
    #[error("linux-source-{series}: {what}; or name a tree with --linux DIR")]
    Fetch {
        /// The series.
        series: Series,
        /// What went wrong, and what helps.
        what: String,
    },
    /// The directory holds no kernel, or one of another series.
    #[error("{}: {found}; expected a tree of Linux {expected}", path.display())]
    Unsupported {
        /// The directory.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// The series that could be used.
        expected: String,
    },
}

fn all_series() -> String {
    Series::ALL.map(|series| series.to_string()).join(" or ")
}

impl Tree {
    /// Opens the tree in `dir`, without anything to compare it with.
    ///
    /// # Errors
    ///
    /// It is no kernel tree, or one of an unsupported version.
    pub fn open(dir: &Path) -> Result<Self, TreeError> {
        let path = dir.join("Makefile");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                let is_dir = dir.is_dir();
                let found = if is_dir {
                    "no kernel tree: it has no Makefile"
                } else {
                    "no such directory"
                };
                return Err(TreeError::Unsupported {
                    path: dir.to_owned(),
                    found: found.to_owned(),
                    expected: all_series(),
                });
            }
            Err(error) => return Err(TreeError::Io { path, error }),
        };
        let field = |name: &str| {
            text.lines().take(12).find_map(|line| {
                let (key, value) = line.split_once('=')?;
                (key.trim() == name).then(|| value.trim().to_owned())
            })
        };
        let full_version = [field("VERSION"), field("PATCHLEVEL"), field("SUBLEVEL")]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(".");
        let found = if full_version.is_empty() {
            "no kernel tree: its Makefile has no VERSION".to_owned()
        } else {
            format!("Linux {full_version}")
        };
        let series = Series::of_version(&full_version).ok_or(TreeError::Unsupported {
            path: dir.to_owned(),
            found,
            expected: all_series(),
        })?;
        let dir = dir.canonicalize().map_err(|error| TreeError::Io {
            path: dir.to_owned(),
            error,
        })?;
        Ok(Self {
            dir,
            series,
            full_version,
            manifest: None,
        })
    }

    /// Finds a tree: the named one, else `LINUX_TREE`, else the cache's, else the package is fetched.
    ///
    /// A tree that was named is compared with the package of its version, which is fetched for that if the
    /// cache has none of its series.
    ///
    /// # Errors
    ///
    /// The named directory is no tree of the wanted series, or the package cannot be had.
    pub fn locate(wanted: &Locate) -> Result<Self, TreeError> {
        if let Some(dir) = &wanted.linux {
            let tree = Self::open(dir)?;
            if let Some(series) = wanted.series.filter(|series| *series != tree.series) {
                return Err(TreeError::Unsupported {
                    path: dir.clone(),
                    found: format!("Linux {}", tree.full_version),
                    expected: format!("{series}, as --kernel says"),
                });
            }
            return tree.with_package();
        }
        if let Some(dir) = std::env::var_os("LINUX_TREE").filter(|dir| !dir.is_empty()) {
            let tree = Self::open(Path::new(&dir))?;
            if wanted.series.is_none_or(|series| series == tree.series) {
                return tree.with_package();
            }
        }
        let series = wanted.series.unwrap_or(Series::ALL[0]);
        let mut place = fetch::place(series);
        if !place.manifest.exists() {
            place = fetch::fetch(series)?;
        }
        let manifest = Manifest::read(&place.manifest).map_err(|error| TreeError::Io {
            path: place.manifest,
            error,
        })?;
        Ok(Self {
            manifest: Some(manifest),
            ..Self::open(&place.dir)?
        })
    }

    /// Adds the manifest of the package of this very version. A tree of another version of a supported series
    /// can be built, but not be checked.
    fn with_package(mut self) -> Result<Self, TreeError> {
        let place = fetch::place(self.series);
        let place = if place.manifest.exists() {
            place
        } else {
            fetch::fetch(self.series)?
        };
        let manifest = Manifest::read(&place.manifest).map_err(|error| TreeError::Io {
            path: place.manifest,
            error,
        })?;
        let version = manifest
            .package()
            .split(' ')
            .nth(1)
            .and_then(|version| version.split('-').next());
        if version == Some(self.full_version.as_str()) {
            self.manifest = Some(manifest);
        }
        Ok(self)
    }

    /// Makes it a tree that the kernel's own Kconfig and Make can work on, which takes some files more than a domain.
    /// A tree that the user named is left as it is.
    ///
    /// # Errors
    ///
    /// The package cannot be had.
    pub fn completed(self) -> Result<Self, TreeError> {
        let place = fetch::place(self.series);
        let is_ours = place.dir.canonicalize().is_ok_and(|dir| dir == self.dir);
        if !is_ours || self.manifest.as_ref().is_some_and(fetch::is_whole) {
            return Ok(self);
        }
        fetch::complete(self.series)?;
        Self::locate(&Locate {
            series: Some(self.series),
            ..Locate::default()
        })
    }

    /// The SHA-256 of a file (its path relative to the tree) as the package has it.
    #[must_use]
    pub fn expected(&self, path: &str) -> Option<[u8; 32]> {
        self.manifest.as_ref()?.hash(path)
    }

    /// Compares a file (its path relative to the tree) with the package's.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn verify(&self, path: &str) -> Result<Check, TreeError> {
        let full = self.dir.join(path);
        let data = std::fs::read(&full).map_err(|error| TreeError::Io { path: full, error })?;
        let found = crate::manifest::hash_of(&data);
        Ok(match self.expected(path) {
            None => Check::Unknown,
            Some(expected) if expected == found => Check::Pristine,
            Some(expected) => Check::Modified { expected, found },
        })
    }
}
