// SPDX-License-Identifier: GPL-2.0-only
//! The form of the lists in `linux-headers/config`: an entry a line, `#` before a comment.

use super::error::BuildError;
use std::path::Path;

/// Reads a list and makes something of it.
pub(super) fn read<T>(path: &Path, parse: impl FnOnce(&str) -> T) -> Result<T, BuildError> {
    let text = std::fs::read_to_string(path).map_err(|error| BuildError::Io {
        path: path.to_owned(),
        error,
    })?;
    Ok(parse(&text))
}

/// The entries.
pub(super) fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}
