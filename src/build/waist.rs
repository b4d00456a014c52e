// SPDX-License-Identifier: GPL-2.0-only
//! Where upstream ends: files that are never pulled in because they are the machine.
//!
//! `linux-headers/config/waist` lists path prefixes, one a line; a line that starts with `!` takes a path
//! out again. The longest match counts.

use super::error::BuildError;
use std::path::Path;

/// The list.
#[derive(Debug, Clone, Default)]
pub struct Waist {
    lines: Vec<(String, bool)>,
}

impl Waist {
    /// Reads the list.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read(path: &Path) -> Result<Self, BuildError> {
        let text = std::fs::read_to_string(path).map_err(|error| BuildError::Io { path: path.to_owned(), error })?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let lines = lines.map(|line| match line.strip_prefix('!') {
            Some(path) => (path.to_owned(), false),
            None => (line.to_owned(), true),
        });
        Self { lines: lines.collect() }
    }

    /// Whether `source` is below the waist.
    #[must_use]
    pub fn holds(&self, source: &str) -> bool {
        let matching = self.lines.iter().filter(|(prefix, _)| source.starts_with(prefix.as_str()));
        matching.max_by_key(|(prefix, _)| prefix.len()).is_some_and(|(_, below)| *below)
    }

    /// Whether the linker script defines `name`.
    #[must_use]
    pub fn is_linker_symbol(&self, name: &str) -> bool {
        const NAMES: [&str; 8] = ["_text", "_etext", "_stext", "_edata", "_end", "_sinittext", "_einittext", "IMAGE_BASE"];
        name.starts_with("__start_") || name.starts_with("__stop_") || name.ends_with("_start") && name.starts_with("__initcall")
            || name.starts_with("__initcall") && name.ends_with("_end") || NAMES.contains(&name)
    }
}
