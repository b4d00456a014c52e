// SPDX-License-Identifier: GPL-2.0-only
//! Two sides compared, file by file.

use super::count::Counts;
use super::driver::Drivers;
use super::glue::{self, Glue};
use super::hunks::{self, Compared};
use super::lines::Text;
use super::outcome::{FileDiff, Measured, Status, by_driver, cost, group};
use super::pair::{Pair, is_binary, pairs};
use super::side::{Content, Entry, Listing, MAX_BYTES, Problem, Reader, Side};
use super::syntax::Syntax;
use rayon::prelude::*;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// What is measured, and how.
pub struct Options<'a> {
    /// Only what is below these folders of both sides; all, if there are none.
    pub within: Vec<PathBuf>,
    /// What stands beside the port; not part of it, if it lies in it.
    pub glue: Vec<PathBuf>,
    /// Ends it.
    pub stop: &'a AtomicBool,
    /// Is told how many files of how many are compared.
    pub on_file: &'a (dyn Fn(u64, u64) + Sync),
}

/// Why two sides could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// A side, or the glue, is not there or cannot be listed.
    #[error("{name}: {error}")]
    Side {
        /// Which.
        name: String,
        /// What the system or git says.
        error: io::Error,
    },
    /// A side has no file.
    #[error("{name}: no files{}", if *is_part { " below what --path names" } else { "" })]
    Empty {
        /// Which.
        name: String,
        /// It may have some elsewhere.
        is_part: bool,
    },
    /// A folder cannot be compared with a file.
    #[error("{file} is a file and {folder} is none; name two files or two folders")]
    Mixed {
        /// The one.
        file: String,
        /// The other.
        folder: String,
    },
    /// No file of one side is any of the other.
    #[error(
        "{upstream} and {ported} have nothing in common: of {old_files} and {new_files} files no two have one path, \
         one content or half of their lines in common; name the folders that correspond"
    )]
    Disjoint {
        /// The one.
        upstream: String,
        /// The other.
        ported: String,
        /// How many files the one has.
        old_files: usize,
        /// How many the other.
        new_files: usize,
    },
    /// It was told to end.
    #[error("interrupted")]
    Cancelled,
}

/// Compares two sides.
///
/// # Errors
///
/// A side is missing, empty or of another kind, the two have nothing in common, or it was told to end.
pub fn measure(upstream: &Side, ported: &Side, options: &Options<'_>) -> Result<Measured, DiffError> {
    let mut problems = Vec::new();
    let glue_places: Vec<PathBuf> = options
        .glue
        .iter()
        .filter_map(|place| place.canonicalize().ok())
        .collect();
    let (old, old_reader) = open(upstream, &options.within, &[])?;
    let (new, new_reader) = open(ported, &options.within, &glue_places)?;
    if old.is_file != new.is_file {
        let (file, folder) = if old.is_file {
            (upstream, ported)
        } else {
            (ported, upstream)
        };
        return Err(DiffError::Mixed {
            file: file.name(),
            folder: folder.name(),
        });
    }
    problems.extend(old.problems.iter().chain(&new.problems).cloned());
    let glue = match options.glue.as_slice() {
        [] => None,
        places => Some(
            Glue::count(places, &mut problems).map_err(|(place, error)| DiffError::Side {
                name: place.display().to_string(),
                error,
            })?,
        ),
    };
    let readers = (&old_reader, &new_reader);
    let found = pairs(&old, &new, readers, options.stop);
    if options.stop.load(Relaxed) {
        return Err(DiffError::Cancelled);
    }
    if !found.pairs.iter().any(|pair| pair.old.is_some() && pair.new.is_some()) {
        return Err(DiffError::Disjoint {
            upstream: upstream.name(),
            ported: ported.name(),
            old_files: old.files.len(),
            new_files: new.files.len(),
        });
    }
    let drivers = Drivers::new([(&old, &old_reader), (&new, &new_reader)]);
    let (done, total) = (AtomicU64::new(0), found.pairs.len() as u64);
    let work = found.pairs.par_iter().map(|pair| {
        if options.stop.load(Relaxed) {
            return None;
        }
        let file = compare(pair, (&old, &new), readers, &drivers);
        (options.on_file)(done.fetch_add(1, Relaxed) + 1, total);
        Some(file)
    });
    let files: Option<Vec<FileDiff>> = work.collect();
    let files = files.ok_or(DiffError::Cancelled)?;
    problems.extend(files.iter().filter_map(|file| {
        let what = file.problem.clone()?;
        let path = file.path.clone();
        Some(Problem { path, what })
    }));
    Ok(Measured {
        upstream: upstream.name(),
        ported: ported.name(),
        all: group("", files.iter()),
        cost: cost(&files, glue.as_ref()),
        glue,
        drivers: by_driver(&files),
        files,
        problems,
        is_limited: found.is_limited,
    })
}

fn open(side: &Side, within: &[PathBuf], leave_out: &[PathBuf]) -> Result<(Listing, Reader), DiffError> {
    let failed = |error| DiffError::Side {
        name: side.name(),
        error,
    };
    let listing = side.list(within, leave_out).map_err(failed)?;
    if listing.files.is_empty() {
        return Err(DiffError::Empty {
            name: side.name(),
            is_part: !within.is_empty(),
        });
    }
    Ok((listing, side.reader().map_err(failed)?))
}

fn compare(pair: &Pair, sides: (&Listing, &Listing), readers: (&Reader, &Reader), drivers: &Drivers) -> FileDiff {
    let entry =
        |listing: &Listing, path: &Option<PathBuf>| path.as_ref().and_then(|path| listing.files.get(path).cloned());
    let (old, new) = (entry(sides.0, &pair.old), entry(sides.1, &pair.new));
    let path = pair
        .new
        .as_ref()
        .or(pair.old.as_ref())
        .map_or(Path::new(""), PathBuf::as_path);
    let is_link = [&old, &new]
        .into_iter()
        .flatten()
        .any(|entry| matches!(entry.content, Content::Link(_)));
    let syntax = Syntax::of_path(if is_link { Path::new("") } else { path });
    let status = match (&old, &new) {
        (Some(_), None) => Status::Removed,
        (None, _) => Status::Added,
        _ if pair.likeness.is_some() => Status::Renamed,
        // Until both contents are at hand.
        _ => Status::Unknown,
    };
    let mut file = FileDiff {
        path: path.display().to_string(),
        from: pair
            .old
            .as_ref()
            .filter(|old| *old != path)
            .map(|old| old.display().to_string()),
        status,
        likeness: pair.likeness,
        driver: drivers.of(path),
        language: syntax.name,
        is_binary: false,
        is_utf8: true,
        is_generated: false,
        is_minimal: true,
        insertions: 0,
        deletions: 0,
        counts: Counts::default(),
        percent: None,
        code_percent: None,
        hunks: Vec::new(),
        problem: None,
    };
    if let Err(error) = contents(&mut file, (old.as_ref(), new.as_ref()), readers, &syntax) {
        file.problem = Some(error.to_string());
    }
    file
}

/// Reads, compares and counts.
fn contents(
    file: &mut FileDiff,
    entries: (Option<&Entry>, Option<&Entry>),
    readers: (&Reader, &Reader),
    syntax: &Syntax,
) -> io::Result<()> {
    let is_large = |entry: Option<&Entry>| entry.is_some_and(|entry| entry.size > MAX_BYTES);
    if is_large(entries.0) || is_large(entries.1) {
        let is_same = match entries {
            (Some(old), Some(new)) => Reader::same(old, new)?,
            _ => false,
        };
        settle(file, is_same);
        let how = if is_same {
            "the same on both sides"
        } else {
            "it differs"
        };
        let limit = MAX_BYTES >> 20;
        return Err(io::Error::other(format!(
            "over {limit} MiB, its lines are not counted; {how}"
        )));
    }
    let read = |entry: Option<&Entry>, reader: &Reader| entry.map(|entry| reader.read(entry)).transpose();
    let (old, new) = (read(entries.0, readers.0)?, read(entries.1, readers.1)?);
    let is_same = old == new;
    settle(file, is_same);
    let both = [old.as_deref(), new.as_deref()];
    file.is_binary = both.iter().flatten().any(|data| is_binary(data));
    file.is_utf8 = both.iter().flatten().all(|data| std::str::from_utf8(data).is_ok());
    file.is_generated = new.as_deref().is_some_and(glue::is_generated);
    if file.is_binary {
        return Ok(());
    }
    let (old_data, new_data) = (old.as_deref().unwrap_or_default(), new.as_deref().unwrap_or_default());
    let old_text = Text::new(old_data, syntax);
    let compared = match (&old, &new) {
        (Some(_), Some(_)) if is_same => Compared {
            counts: Counts {
                upstream: old_text.counts(),
                ported: old_text.counts(),
                ..Counts::default()
            },
            hunks: Vec::new(),
            is_minimal: true,
        },
        (Some(_), None) => hunks::whole(&old_text, false),
        (None, _) => hunks::whole(&Text::new(new_data, syntax), true),
        _ => hunks::compare(&old_text, &Text::new(new_data, syntax)),
    };
    file.counts = compared.counts;
    file.hunks = compared.hunks;
    file.is_minimal = compared.is_minimal;
    file.insertions = file.counts.total.insertions();
    file.deletions = file.counts.total.deletions();
    if file.status.is_in_both() {
        file.percent = file.counts.total.percent_of(file.counts.upstream.lines);
        file.code_percent = file.counts.code.percent_of(file.counts.upstream.code);
    }
    Ok(())
}

/// Says of a file that kept its path whether it changed.
fn settle(file: &mut FileDiff, is_same: bool) {
    if file.status == Status::Unknown {
        file.status = if is_same { Status::Same } else { Status::Changed };
    }
}

/// Reads both contents of a file again, for whoever shows them.
pub(super) struct Contents<'a> {
    sides: [(&'a Side, Listing, Reader); 2],
}

impl<'a> Contents<'a> {
    pub(super) fn new(upstream: &'a Side, ported: &'a Side) -> io::Result<Self> {
        let side = |side: &'a Side| Ok::<_, io::Error>((side, side.list(&[], &[])?, side.reader()?));
        Ok(Self {
            sides: [side(upstream)?, side(ported)?],
        })
    }

    /// The old and the new content; what is not there is empty.
    pub(super) fn of(&self, file: &FileDiff) -> io::Result<[Vec<u8>; 2]> {
        let paths = [file.from.as_ref().unwrap_or(&file.path), &file.path];
        let mut out = [Vec::new(), Vec::new()];
        for ((out, path), (_, listing, reader)) in out.iter_mut().zip(paths).zip(&self.sides) {
            if let Some(entry) = listing.files.get(Path::new(path)) {
                *out = reader.read(entry)?;
            }
        }
        Ok(out)
    }
}
