// SPDX-License-Identifier: GPL-2.0-only
//! Words and paths that the record of compiled objects names again and again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Texts that come again and again, each kept once.
#[derive(Debug, Default)]
pub(super) struct Words {
    numbers: HashMap<String, u32>,
    paths: HashMap<PathBuf, Arc<Path>>,
}

impl Words {
    /// The number of a word, the same each time.
    pub(super) fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(word.to_owned(), number);
        number
    }

    /// A path, the same allocation each time.
    pub(super) fn path(&mut self, path: PathBuf) -> Arc<Path> {
        let kept = self
            .paths
            .entry(path)
            .or_insert_with_key(|path| Arc::from(path.as_path()));
        Arc::clone(kept)
    }
}
