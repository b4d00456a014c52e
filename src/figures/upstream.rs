// SPDX-License-Identifier: GPL-2.0-only
//! The upstream files that end up in images: how many lines, and whether they are upstream's.
//!
//! Each file is read and hashed anew, whatever the build remembers.

use super::FiguresError;
use super::levels::Matrix;
use crate::build::{Report, hash};
use crate::diff::count::{Change, Lines};
use crate::diff::glue;
use linux_headers::manifest::hash_of;
use linux_headers::{Locate, Tree};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpstreamFile {
    /// Its path in the tree.
    pub path: String,
    /// Its lines.
    #[serde(flatten)]
    pub counts: Lines,
    /// Its content's hash, in hexadecimal.
    pub sha256: String,
    /// The package's copy has the same.
    pub pristine: bool,
    /// Lines that were added, removed or modified.
    pub changed_lines: u64,
}

/// What proves that files are upstream's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Hashes {
    /// The package whose own hashes they were compared with.
    pub package: String,
    /// Files that are the package's, byte for byte.
    pub pristine: u64,
    /// Files that are not.
    pub modified: u64,
    /// Headers that are not; they are not among the files.
    pub modified_headers: Vec<String>,
    /// SHA-256 of the lines `SHA-256 path` of all files in order of their paths, as `sha256sum` would write them.
    pub sha256: String,
}

/// Files as they come in.
pub(super) struct Upstream<'a> {
    tree: &'a Tree,
    files: BTreeMap<String, UpstreamFile>,
    /// Changed lines of headers.
    headers: BTreeMap<String, u64>,
}

impl<'a> Upstream<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        Self {
            tree,
            files: BTreeMap::new(),
            headers: BTreeMap::new(),
        }
    }

    /// Adds the files of an image; how many it has, and their lines.
    pub(super) fn add(&mut self, report: &Report) -> Result<(u64, u64), FiguresError> {
        let (mut files, mut lines) = (0, 0);
        for path in super::upstream_paths(report) {
            files += 1;
            lines += self.file(path)?;
        }
        // The build looked at headers, too, which are no part of an image but change it.
        for changed in report
            .changed
            .iter()
            .filter(|changed| !self.files.contains_key(&changed.path))
        {
            let (data, expected) = (self.read(&changed.path)?, self.tree.expected(&changed.path));
            let expected = expected.ok_or_else(|| unproven(&changed.path, "the package has no such file"))?;
            let lines = self::changed(self.tree, &changed.path, &data, expected)?.changed();
            self.headers.insert(changed.path.clone(), lines);
        }
        Ok((files, lines))
    }

    /// Adds the files in the images of modules that unload clean.
    pub(super) fn add_matrix(&mut self, matrix: &Matrix) -> Result<(), FiguresError> {
        for path in matrix.files() {
            self.file(path)?;
        }
        Ok(())
    }

    /// Looks at a file, and returns its lines.
    fn file(&mut self, path: &str) -> Result<u64, FiguresError> {
        if let Some(file) = self.files.get(path) {
            return Ok(file.counts.lines);
        }
        let data = self.read(path)?;
        let (found, expected) = (hash_of(&data), self.tree.expected(path));
        let counts = glue::count(Path::new(path), &data);
        let pristine = expected == Some(found);
        let changed_lines = match expected {
            Some(_) if pristine => 0,
            Some(expected) => changed(self.tree, path, &data, expected)?.changed(),
            None => {
                let what = "the package has no such file, or there is none to compare with";
                return Err(unproven(path, what));
            }
        };
        let file = UpstreamFile {
            path: path.to_owned(),
            counts,
            sha256: hash::hex(&found),
            pristine,
            changed_lines,
        };
        self.files.insert(path.to_owned(), file);
        Ok(counts.lines)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, FiguresError> {
        let path = self.tree.dir.join(path);
        std::fs::read(&path).map_err(|error| FiguresError::Io { path, error })
    }

    /// The files, the proof, and how many lines of sources and headers changed.
    pub(super) fn finish(self) -> (Vec<UpstreamFile>, Hashes, u64) {
        let files: Vec<UpstreamFile> = self.files.into_values().collect();
        let mut all = Sha256::new();
        for file in &files {
            all.update(format!("{}  {}\n", file.sha256, file.path));
        }
        let pristine = files.iter().filter(|file| file.pristine).count() as u64;
        let package = self.tree.manifest.as_ref().map_or("", |manifest| manifest.package());
        let hashes = Hashes {
            package: package.to_owned(),
            pristine,
            modified: files.len() as u64 - pristine,
            modified_headers: self.headers.keys().cloned().collect(),
            sha256: hash::hex(&all.finalize().into()),
        };
        let changed: u64 = files
            .iter()
            .map(|file| file.changed_lines)
            .chain(self.headers.into_values())
            .sum();
        (files, hashes, changed)
    }
}

fn unproven(path: &str, what: &str) -> FiguresError {
    FiguresError::Unproven {
        path: path.to_owned(),
        what: what.to_owned(),
    }
}

/// How a file differs from the package's copy, which is in the tree that was set up.
fn changed(tree: &Tree, path: &str, data: &[u8], expected: [u8; 32]) -> Result<Change, FiguresError> {
    let unproven = |what: &str| unproven(path, what);
    let wanted = Locate {
        linux: None,
        series: Some(tree.series),
    };
    let package = Tree::locate(&wanted).map_err(|error| unproven(&error.to_string()))?;
    let original = std::fs::read(package.dir.join(path)).map_err(|error| unproven(&error.to_string()))?;
    if hash_of(&original) != expected {
        return Err(unproven("changed, and the package's own copy is not at hand"));
    }
    Ok(crate::diff::changed_lines(Path::new(path), &original, data))
}
