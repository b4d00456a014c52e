// SPDX-License-Identifier: GPL-2.0-only
//! What the package's own copy of each file hashes to.
//!
//! A text: a first line `# PACKAGE VERSION`, then `SHA-256 path` lines in order of path, so that one path is
//! found without reading the rest.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The hashes of one package's files.
#[derive(Clone)]
pub struct Manifest {
    text: Arc<str>,
    first: usize,
}

impl std::fmt::Debug for Manifest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Only the package: a request's text form is part of the build's memory and stays short.
        f.write_str(self.package())
    }
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no manifest.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        Self::of(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a manifest"))
    }

    fn of(text: &str) -> Option<Self> {
        let first = text.find('\n')? + 1;
        text.starts_with("# ").then(|| Self {
            text: text.into(),
            first,
        })
    }

    /// The package and its version.
    #[must_use]
    pub fn package(&self) -> &str {
        self.text.get(2..self.first - 1).unwrap_or("")
    }

    /// The hash of one file, if the package has it.
    #[must_use]
    pub fn hash(&self, path: &str) -> Option<[u8; 32]> {
        let text = self.text.get(self.first..)?;
        let (mut low, mut high) = (0, text.len());
        while low < high {
            let middle = low + (high - low) / 2;
            // To the start of the line that the middle is in.
            let start = text.get(low..middle)?.rfind('\n').map_or(low, |at| low + at + 1);
            let end = text.get(start..)?.find('\n').map_or(text.len(), |at| start + at);
            let (hash, name) = text.get(start..end)?.split_once(' ')?;
            match name.cmp(path) {
                std::cmp::Ordering::Equal => return decode(hash),
                std::cmp::Ordering::Less => low = end + 1,
                std::cmp::Ordering::Greater => high = start,
            }
        }
        None
    }

    /// The text of a manifest.
    #[must_use]
    pub fn text(package: &str, files: &BTreeMap<String, [u8; 32]>) -> String {
        let mut out = format!("# {package}\n");
        for (path, hash) in files {
            for byte in hash {
                // Writing to a String cannot fail.
                let _ = write!(out, "{byte:02x}");
            }
            out.push(' ');
            out.push_str(path);
            out.push('\n');
        }
        out
    }
}

/// The hash of a file's content.
#[must_use]
pub fn hash_of(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

fn decode(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (index, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{Manifest, hash_of};
    use std::collections::BTreeMap;

    #[test]
    fn each_path_is_found_and_no_other() {
        let names: Vec<String> = (0..257).map(|n| format!("dir{}/file{n}.c", n % 7)).collect();
        let files: BTreeMap<String, [u8; 32]> = names
            .iter()
            .map(|name| (name.clone(), hash_of(name.as_bytes())))
            .collect();
        let manifest = Manifest::of(&Manifest::text("linux-source-6.12 1", &files)).expect("is a manifest");
        assert_eq!(manifest.package(), "linux-source-6.12 1");
        for name in &names {
            assert_eq!(manifest.hash(name), Some(hash_of(name.as_bytes())), "{name}");
        }
        assert_eq!(manifest.hash("dir0/file.c"), None);
        assert_eq!(manifest.hash(""), None);
        assert_eq!(manifest.hash("zzz"), None);
    }
}
