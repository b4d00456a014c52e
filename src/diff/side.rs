// SPDX-License-Identifier: GPL-2.0-only
//! One side of a comparison: a folder or a file on the disk, or a revision in a git repository.
//!
//! Symbolic links are compared as links, by where they point, as git does: none is followed, so none can lead in
//! circles or out of the folder. Sockets, pipes and devices are never opened.

pub use super::git::{Repo, range};

use super::git::Batch;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Above this a file is compared byte by byte and its lines are not counted.
pub const MAX_BYTES: u64 = 64 << 20;

/// What is compared.
#[derive(Debug)]
pub enum Side {
    /// A folder or a file.
    Disk(PathBuf),
    /// A revision.
    Git(Repo),
}

/// Where a file's content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    Disk(PathBuf),
    /// A link's target.
    Link(Vec<u8>),
    /// An object's name.
    Blob(String),
}

/// A file of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) content: Content,
    pub(super) size: u64,
}

/// What could not be compared, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The file or folder, as the side calls it.
    pub path: String,
    /// Why.
    pub what: String,
}

/// The files of one side, by their paths in it.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: BTreeMap<PathBuf, Entry>,
    pub(super) problems: Vec<Problem>,
    /// The side is a single file.
    pub(super) is_file: bool,
}

impl Side {
    /// How it was named.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Disk(path) => path.display().to_string(),
            Self::Git(repo) => repo.name.clone(),
        }
    }

    /// Lists its files below `within`, or all if that is empty.
    pub(super) fn list(&self, within: &[PathBuf], leave_out: &[PathBuf]) -> io::Result<Listing> {
        match self {
            Self::Git(repo) => repo.list(within),
            Self::Disk(top) => {
                let mut listing = Listing::default();
                let found = fs::metadata(top)?;
                if found.is_file() {
                    listing.is_file = true;
                    let name = PathBuf::from(top.file_name().unwrap_or_default());
                    listing.files.insert(name, on_disk(top, found.len()));
                } else if found.is_dir() {
                    walk(top, Path::new(""), &mut listing, leave_out)?;
                    let is_in = |path: &Path| within.is_empty() || within.iter().any(|part| path.starts_with(part));
                    listing.files.retain(|path, _| is_in(path));
                } else {
                    return Err(io::Error::other("neither a file nor a folder"));
                }
                Ok(listing)
            }
        }
    }

    /// What reads its files.
    pub(super) fn reader(&self) -> io::Result<Reader> {
        Ok(Reader(match self {
            Self::Disk(_) => None,
            Self::Git(repo) => Some(repo.batch()?),
        }))
    }
}

fn on_disk(path: &Path, size: u64) -> Entry {
    Entry {
        content: Content::Disk(path.to_owned()),
        size,
    }
}

fn walk(dir: &Path, prefix: &Path, listing: &mut Listing, leave_out: &[PathBuf]) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let (path, name) = (entry.path(), prefix.join(entry.file_name()));
        let mut problem = |what: String| {
            listing.problems.push(Problem {
                path: name.display().to_string(),
                what,
            });
        };
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => {
                problem(error.to_string());
                continue;
            }
        };
        if kind.is_dir() {
            let is_left_out = leave_out
                .iter()
                .any(|dir| path.canonicalize().is_ok_and(|path| path == *dir));
            if entry.file_name() != ".git"
                && !is_left_out
                && let Err(error) = walk(&path, &name, listing, leave_out)
            {
                listing.problems.push(Problem {
                    path: name.display().to_string(),
                    what: error.to_string(),
                });
            }
        } else if kind.is_symlink() {
            match fs::read_link(&path) {
                Ok(target) => {
                    let target = target.as_os_str().as_bytes().to_vec();
                    let size = target.len() as u64;
                    let content = Content::Link(target);
                    listing.files.insert(name, Entry { content, size });
                }
                Err(error) => problem(error.to_string()),
            }
        } else if kind.is_file() {
            match entry.metadata() {
                Ok(found) => {
                    listing.files.insert(name, on_disk(&path, found.len()));
                }
                Err(error) => problem(error.to_string()),
            }
        } else {
            problem("neither a file nor a folder".to_owned());
        }
    }
    Ok(())
}

/// Reads the files of one side; threads may share it.
#[derive(Debug)]
pub(super) struct Reader(Option<Batch>);

impl Reader {
    /// The content of a file, at most [`MAX_BYTES`] of it.
    pub(super) fn read(&self, entry: &Entry) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        match (&entry.content, &self.0) {
            (Content::Disk(path), _) => {
                open(path)?.take(MAX_BYTES + 1).read_to_end(&mut data)?;
            }
            (Content::Link(target), _) => data.clone_from(target),
            (Content::Blob(object), Some(batch)) => data = batch.read(object)?,
            (Content::Blob(_), None) => return Err(io::Error::other("an object without a repository")),
        }
        if data.len() as u64 > MAX_BYTES {
            return Err(io::Error::other("it grew while it was read"));
        }
        Ok(data)
    }

    /// Whether two files that are too large to be held are the same.
    pub(super) fn same(a: &Entry, b: &Entry) -> io::Result<bool> {
        match (&a.content, &b.content) {
            _ if a.size != b.size => Ok(false),
            (Content::Disk(a), Content::Disk(b)) => same_stream(&mut open(a)?, &mut open(b)?),
            (a, b) => Ok(a == b),
        }
    }
}

/// Opens a regular file, which another process may have replaced by a pipe since it was listed.
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
    let file = match File::options()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
    {
        // The side itself may be named by a link.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => File::open(path)?,
        opened => opened?,
    };
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("no longer a regular file"))
    }
}

fn same_stream(a: &mut impl Read, b: &mut impl Read) -> io::Result<bool> {
    const STEP: u64 = 1 << 16;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    loop {
        left.clear();
        right.clear();
        a.take(STEP).read_to_end(&mut left)?;
        b.take(STEP).read_to_end(&mut right)?;
        if left != right {
            return Ok(false);
        }
        if left.is_empty() {
            return Ok(true);
        }
    }
}
