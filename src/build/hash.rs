// SPDX-License-Identifier: GPL-2.0-only
//! Content hashes of files, remembered by size, time and inode so that an unchanged file is read once.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// A SHA-256.
pub type Digest256 = [u8; 32];

/// The hash of some bytes.
#[must_use]
pub fn bytes(data: &[u8]) -> Digest256 {
    Sha256::digest(data).into()
}

/// The hash of a text, in hexadecimal.
#[must_use]
pub fn text(text: &str) -> String {
    hex(&bytes(text.as_bytes()))
}

/// A hash in hexadecimal.
#[must_use]
pub fn hex(hash: &Digest256) -> String {
    let mut out = String::with_capacity(64);
    for byte in hash {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// What tells a changed file from an unchanged one without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamp {
    size: u64,
    mtime: i64,
    mtime_nsec: i64,
    inode: u64,
}

impl Stamp {
    /// The stamp of the file at `path`, if it is there.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok()?;
        Some(Self {
            size: meta.len(),
            mtime: meta.mtime(),
            mtime_nsec: meta.mtime_nsec(),
            inode: meta.ino(),
        })
    }
}

/// What is known of one file's content.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Facts {
    /// The hash of the content.
    pub hash: Digest256,
    /// Lines.
    pub lines: u32,
    /// The configuration symbols that the text names.
    pub symbols: Vec<String>,
}

/// A memory of files' contents, kept between runs.
#[derive(Debug, Default)]
pub struct Memory {
    path: PathBuf,
    known: Mutex<HashMap<PathBuf, (Stamp, std::sync::Arc<Facts>)>>,
    /// What was looked at since this memory was loaded, if files are taken to stay as they are while it is used.
    seen: Option<Mutex<HashMap<PathBuf, std::sync::Arc<Facts>>>>,
    changed: std::sync::atomic::AtomicBool,
}

impl Memory {
    /// Loads the memory that is kept in `path`.
    #[must_use]
    pub fn load(path: PathBuf) -> Self {
        let known: HashMap<PathBuf, (Stamp, Facts)> = std::fs::read(&path)
            .ok()
            .and_then(|data| postcard::from_bytes(&data).ok())
            .unwrap_or_default();
        let known = known
            .into_iter()
            .map(|(path, (stamp, facts))| (path, (stamp, std::sync::Arc::new(facts))))
            .collect();
        Self {
            path,
            known: Mutex::new(known),
            seen: None,
            changed: false.into(),
        }
    }

    /// The same, for a process that builds many images from files that stay as they are meanwhile: each is looked at
    /// once.
    #[must_use]
    pub fn trusting(self) -> Self {
        Self {
            seen: Some(Mutex::default()),
            ..self
        }
    }

    /// The facts of a file; `None` if it cannot be read.
    pub fn facts(&self, path: &Path) -> Option<std::sync::Arc<Facts>> {
        let Some(seen) = &self.seen else {
            return self.look(path);
        };
        if let Ok(seen) = seen.lock()
            && let Some(facts) = seen.get(path)
        {
            return Some(facts.clone());
        }
        let facts = self.look(path)?;
        if let Ok(mut seen) = seen.lock() {
            seen.insert(path.to_owned(), facts.clone());
        }
        Some(facts)
    }

    fn look(&self, path: &Path) -> Option<std::sync::Arc<Facts>> {
        let stamp = Stamp::of(path)?;
        if let Ok(known) = self.known.lock()
            && let Some((old, facts)) = known.get(path)
            && *old == stamp
        {
            return Some(facts.clone());
        }
        let data = std::fs::read(path).ok()?;
        let lines = u32::try_from(data.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX);
        let facts = std::sync::Arc::new(Facts {
            hash: bytes(&data),
            lines,
            symbols: symbols(&data),
        });
        if let Ok(mut known) = self.known.lock() {
            known.insert(path.to_owned(), (stamp, facts.clone()));
            self.changed.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        Some(facts)
    }

    /// Writes the memory back, if it learnt anything.
    pub fn save(&self) {
        if !self.changed.swap(false, std::sync::atomic::Ordering::Relaxed) {
            return;
        }
        let Ok(known) = self.known.lock() else { return };
        let plain: HashMap<&PathBuf, (Stamp, &Facts)> = known
            .iter()
            .map(|(path, (stamp, facts))| (path, (*stamp, facts.as_ref())))
            .collect();
        if let Ok(data) = postcard::to_stdvec(&plain) {
            // A memory that cannot be kept costs time in the next run and nothing else.
            let _ = linux_headers::cache::write_atomic(&self.path, &data);
        }
    }
}

/// The `CONFIG_` words of a text, without the prefix, each once.
fn symbols(data: &[u8]) -> Vec<String> {
    const PREFIX: &[u8] = b"CONFIG_";
    let mut out = std::collections::BTreeSet::new();
    let mut at = 0;
    while let Some(found) = data
        .get(at..)
        .and_then(|rest| rest.windows(PREFIX.len()).position(|window| window == PREFIX))
    {
        let start = at + found + PREFIX.len();
        let rest = data.get(start..).unwrap_or_default();
        let len = rest
            .iter()
            .position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))
            .unwrap_or(rest.len());
        let name = String::from_utf8_lossy(&rest[..len]).into_owned();
        // IS_ENABLED(CONFIG_X_MODULE) asks about X.
        out.insert(name.strip_suffix("_MODULE").map(str::to_owned).unwrap_or(name));
        at = start + len;
    }
    out.into_iter().collect()
}
