// SPDX-License-Identifier: GPL-2.0-only
//! The index of a tree: its Kbuild, which file defines which symbol, which drives which `compatible`.
//!
//! Made once per tree (a few seconds), kept in the cache directory. It holds for all configurations.

mod lex;

use super::error::BuildError;
use super::hash::Stamp;
use super::kbuild::Kbuild;
use linux_headers::{Tree, cache};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

/// What reads the tree: another reader may find other things in the same files.
const READER: [&str; 5] = [
    include_str!("lex.rs"),
    include_str!("mod.rs"),
    include_str!("../kbuild/expand.rs"),
    include_str!("../kbuild/make.rs"),
    include_str!("../kbuild/walk.rs"),
];

/// The index of one tree. Files are numbers of [`Kbuild::objects`].
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Index {
    /// The tree's objects.
    pub kbuild: Kbuild,
    strong: HashMap<String, Vec<u32>>,
    weak: HashMap<String, Vec<u32>>,
    compatible: HashMap<String, Vec<u32>>,
    suites: HashMap<String, Vec<u32>>,
    /// The sizes and times of all files that were read.
    stamp: u64,
}

impl Index {
    /// Loads the tree's index, or makes it.
    ///
    /// # Errors
    ///
    /// The cache directory cannot be written.
    pub fn load(tree: &Tree) -> Result<Self, BuildError> {
        let path = Self::path(tree);
        let stored = std::fs::read(&path)
            .ok()
            .and_then(|data| postcard::from_bytes::<Self>(&data).ok());
        if let Some(index) = stored.filter(|index| index.stamp == stamp(tree, &index.kbuild)) {
            return Ok(index);
        }
        let index = Self::make(tree);
        let data = postcard::to_stdvec(&index).unwrap_or_default();
        cache::write_atomic(&path, &data).map_err(|error| BuildError::Io { path, error })?;
        Ok(index)
    }

    fn path(tree: &Tree) -> PathBuf {
        let id = super::hash::text(&format!("{}\n{}", tree.dir.display(), READER.concat()));
        cache::dir()
            .join("index")
            .join(format!("{}-{}", tree.full_version, &id[..16]))
    }

    /// Reads the whole tree.
    #[must_use]
    pub fn make(tree: &Tree) -> Self {
        let kbuild = Kbuild::read(&tree.dir);
        // Some files are part of many modules; each is read once.
        let sources: HashSet<&str> = kbuild.objects.iter().map(|object| object.source.as_str()).collect();
        let found: HashMap<&str, lex::Found> = sources
            .into_par_iter()
            .map(|source| (source, scan(&tree.dir.join(source), 0)))
            .collect();
        let mut index = Self {
            stamp: stamp(tree, &kbuild),
            ..Self::default()
        };
        for (number, object) in (0u32..).zip(&kbuild.objects) {
            let Some(found) = found.get(object.source.as_str()) else {
                continue;
            };
            for (list, into) in [
                (&found.strong, &mut index.strong),
                (&found.weak, &mut index.weak),
                (&found.compatible, &mut index.compatible),
                (&found.suites, &mut index.suites),
            ] {
                for name in list {
                    let files = into.entry(name.clone()).or_default();
                    if files.last() != Some(&number) {
                        files.push(number);
                    }
                }
            }
        }
        index.kbuild = kbuild;
        index
    }

    /// The objects that seem to define `symbol`, those that define it strongly first.
    pub fn defining(&self, symbol: &str) -> impl Iterator<Item = u32> {
        let of = |map: &'static str| match map {
            "strong" => self.strong.get(symbol),
            _ => self.weak.get(symbol),
        };
        let files = [of("strong"), of("weak")];
        files
            .into_iter()
            .flatten()
            .flatten()
            .copied()
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// The symbols that a file seems to define.
    pub fn defined_in(&self, source: &str) -> impl Iterator<Item = &str> {
        let numbers = (0u32..).zip(&self.kbuild.objects);
        let files: HashSet<u32> = numbers
            .filter(|(_, object)| object.source == source)
            .map(|(n, _)| n)
            .collect();
        let names = self.strong.iter().chain(&self.weak);
        names
            .filter(move |(_, in_files)| in_files.iter().any(|file| files.contains(file)))
            .map(|(name, _)| name.as_str())
    }

    /// The objects that name `compatible` in a match table.
    #[must_use]
    pub fn driving(&self, compatible: &str) -> &[u32] {
        self.compatible.get(compatible).map_or(&[], Vec::as_slice)
    }

    /// All `compatible` strings.
    pub fn compatibles(&self) -> impl Iterator<Item = &str> {
        self.compatible.keys().map(String::as_str)
    }
}

impl Index {
    /// The `KUnit` suites: their names, and the objects that define them.
    pub fn suites(&self) -> impl Iterator<Item = (&str, &[u32])> {
        self.suites
            .iter()
            .map(|(name, files)| (name.as_str(), files.as_slice()))
    }
}

/// One number for the sizes and times of all files that the index was made from.
fn stamp(tree: &Tree, kbuild: &Kbuild) -> u64 {
    let sources: HashSet<&str> = kbuild.objects.iter().map(|object| object.source.as_str()).collect();
    let files: Vec<&str> = sources
        .into_iter()
        .chain(kbuild.files.iter().map(String::as_str))
        .collect();
    // A sum does not depend on the order in which threads get to the files.
    let one = |file: &str| {
        let mut hasher = DefaultHasher::new();
        (file, Stamp::of(&tree.dir.join(file))).hash(&mut hasher);
        hasher.finish()
    };
    files.par_iter().map(|file| one(file)).reduce(|| 0, u64::wrapping_add)
}

/// The `compatible` strings that a file outside the tree drives.
#[must_use]
pub fn compatibles_of(path: &Path) -> Vec<String> {
    scan(path, 0).compatible
}

/// Reads one file, and the C files that it includes.
fn scan(path: &Path, depth: u8) -> lex::Found {
    let is_text = path
        .extension()
        .is_some_and(|extension| extension == "S" || extension == "dtso");
    if is_text || depth > 3 {
        return lex::Found::default();
    }
    let mut found = lex::scan(&std::fs::read(path).unwrap_or_default());
    for include in std::mem::take(&mut found.includes) {
        let inner = scan(&path.with_file_name(include), depth + 1);
        found.strong.extend(inner.strong);
        found.weak.extend(inner.weak);
        found.compatible.extend(inner.compatible);
        found.suites.extend(inner.suites);
    }
    found
}
