// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mistakes in IDL, CDL and EDL files, and where they are.

use std::fmt;

/// A mistake at a byte of the text, before it is known which file that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Byte offset into the text.
    pub at: usize,
    /// What is wrong, in the house's form: lowercase, no full stop.
    pub message: String,
}

impl Mistake {
    /// Makes a mistake at byte `at`.
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
        }
    }
}

/// A mistake in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file's name as given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what was expected.
    pub message: String,
}

impl Error {
    /// Finds the line and column of a mistake.
    pub(crate) fn new(file: &str, text: &str, mistake: Mistake) -> Self {
        let before = text.get(..mistake.at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: mistake.message,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

impl std::error::Error for Error {}
