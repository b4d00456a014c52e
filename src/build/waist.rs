// SPDX-License-Identifier: GPL-2.0-only
//! Where upstream ends: files that are never pulled in because they are the machine.
//!
//! `linux-headers/config/waist` lists files, and folders with a trailing slash, one a line.

use super::error::BuildError;
use super::list;
use std::path::Path;

/// The list.
#[derive(Debug, Clone, Default)]
pub struct Waist {
    lines: Vec<String>,
}

impl Waist {
    /// Reads the list.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read(path: &Path) -> Result<Self, BuildError> {
        list::read(path, Self::parse)
    }

    pub(super) fn parse(text: &str) -> Self {
        Self {
            lines: list::entries(text).map(str::to_owned).collect(),
        }
    }

    /// Whether `source` is below the waist.
    #[must_use]
    pub fn holds(&self, source: &str) -> bool {
        self.lines
            .iter()
            .any(|line| source == line || line.ends_with('/') && source.starts_with(line.as_str()))
    }
}
