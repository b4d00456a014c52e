// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where descriptions are looked for.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Include directories, and texts in memory, which are looked at first.
#[derive(Clone, Debug, Default)]
pub struct Files {
    texts: BTreeMap<String, String>,
    dirs: Vec<PathBuf>,
}

impl Files {
    /// Looks into directories, the first one first.
    #[must_use]
    pub fn dirs(dirs: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self {
            texts: BTreeMap::new(),
            dirs: dirs.into_iter().map(Into::into).collect(),
        }
    }

    /// Takes texts from memory: paths such as `a/b/Name.idl`, and what stands there.
    #[must_use]
    pub fn texts(texts: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        Self::default().with(texts)
    }

    /// Adds texts, which hide files of the same path.
    #[must_use]
    pub fn with(mut self, texts: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        let texts = texts.into_iter().map(|(path, text)| (path.into(), text.into()));
        self.texts.extend(texts);
        self
    }

    /// Finds a file: its name for messages, and its text.
    pub(crate) fn read(&self, path: &str) -> Result<(String, String), String> {
        if let Some(text) = self.texts.get(path) {
            return Ok((path.to_owned(), text.clone()));
        }
        for dir in &self.dirs {
            let file = dir.join(path);
            match std::fs::read(&file) {
                Ok(bytes) => return text_of(&file, bytes),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(format!("`{}` cannot be read: {error}", file.display())),
            }
        }
        let dirs: Vec<_> = self.dirs.iter().map(|dir| format!("`{}`", dir.display())).collect();
        let place = if dirs.is_empty() {
            String::new()
        } else {
            format!(" below {}", dirs.join(" or "))
        };
        Err(format!("there is no file `{path}`{place}"))
    }
}

/// A file's name and text, or where it is no text.
fn text_of(file: &Path, bytes: Vec<u8>) -> Result<(String, String), String> {
    let name = file.to_string_lossy().into_owned();
    match String::from_utf8(bytes) {
        Ok(text) => Ok((name, text)),
        Err(error) => {
            let (bytes, at) = (error.as_bytes(), error.utf8_error().valid_up_to());
            let line = 1 + bytes.iter().take(at).filter(|byte| **byte == b'\n').count();
            Err(format!("`{name}` is not UTF-8 at line {line}"))
        }
    }
}
