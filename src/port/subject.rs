// SPDX-License-Identifier: GPL-2.0-only
//! What a user calls a driver, and what is known of it before it is built.

use crate::build::{BuildError, Workshop, index, lookup};
use crate::matrix::Candidate;
use crate::skeleton::source::{self, Buses, Drives};
use std::collections::BTreeSet;
use std::path::Path;

/// A driver that is to be ported.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The driver.
    pub candidate: Candidate,
    /// Its modules.
    pub modules: Vec<String>,
}

/// Why there is nothing to port.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// Nothing is called so; or a folder has no driver, or a makefile that cannot be understood.
    #[error(transparent)]
    Lookup(#[from] BuildError),
    /// It registers a driver of no bus that a board has.
    #[error("{name}: registers no I2C and no SPI driver; give its board with --board FILE.dts")]
    NoBus {
        /// The driver.
        name: String,
    },
}

impl SubjectError {
    /// The exit status.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::Lookup(BuildError::Makefile { .. }) => 11,
            Self::Lookup(BuildError::NoDriver { .. } | BuildError::Unknown { .. } | BuildError::NoFile { .. })
            | Self::NoBus { .. } => 10,
            Self::Lookup(_) => 1,
        }
    }
}

impl Subject {
    /// Finds the driver that is called `name`: a module, a `compatible`, a source file, or a folder.
    ///
    /// # Errors
    ///
    /// Nothing is called so; or the folder has no driver, or a makefile that cannot be understood.
    pub fn find(workshop: &Workshop, name: &str, has_board: bool) -> Result<Self, SubjectError> {
        let (tree, index) = (workshop.tree(), workshop.index());
        let name = if Path::new(name).is_dir() {
            as_folder(name)
        } else {
            name.to_owned()
        };
        let found = lookup::driver(tree, index, &name, &[])?;
        let mut files = BTreeSet::new();
        let mut compatibles = BTreeSet::new();
        for number in &found.objects {
            files.extend(
                index
                    .kbuild
                    .objects
                    .get(*number as usize)
                    .map(|object| object.source.clone()),
            );
        }
        for compatible in index.compatibles() {
            if index
                .driving(compatible)
                .iter()
                .any(|number| found.objects.contains(number))
            {
                compatibles.insert(compatible.to_owned());
            }
        }
        for object in &found.outside {
            files.insert(object.source.clone());
            compatibles.extend(index::compatibles_of(Path::new(&object.source)));
        }
        let mut buses: Option<Buses> = None;
        let (mut names, mut trigger) = (Vec::new(), None);
        for file in &files {
            let path = tree.dir.join(file);
            let text = source::with_macros(source::read(&path), &path, &tree.dir);
            names.extend(source::names(&text));
            trigger = trigger.or_else(|| source::trigger(&text));
            compatibles.extend(source::compatibles(&text));
            if let Some(found) = Buses::of_source(&text) {
                buses = Some(buses.map_or(found, |known| known.and(found)));
            }
        }
        let beside = || {
            files
                .iter()
                .find_map(|file| source::trigger_beside(&tree.dir.join(file)))
        };
        let trigger = trigger.or_else(beside);
        // A user who names a compatible wants its board.
        let mut compatibles: Vec<String> = compatibles.into_iter().collect();
        compatibles.sort_by_key(|known| *known != name);
        let none = SubjectError::NoBus { name: name.clone() };
        let buses = buses.or(has_board.then_some(Buses::Both)).ok_or(none)?;
        let is_outside = !found.outside.is_empty();
        let driver = match found.modules.as_slice() {
            [module] if !is_outside => module.clone(),
            _ => name,
        };
        Ok(Self {
            candidate: Candidate {
                module: found.modules.join(", "),
                driver,
                files: files.into_iter().collect(),
                drives: Drives {
                    buses,
                    compatibles,
                    names,
                    trigger,
                },
            },
            modules: found.modules,
        })
    }
}

/// A folder's name as the build knows it from a module's: with a slash.
fn as_folder(name: &str) -> String {
    if name.contains('/') {
        name.to_owned()
    } else {
        format!("./{name}")
    }
}
