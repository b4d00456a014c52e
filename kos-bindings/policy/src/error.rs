// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mistakes in a policy, and where they are.

use std::fmt;

/// A place in the policy's files: which one, and the byte in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pos {
    /// Index into the list of files.
    pub file: u32,
    /// Byte offset.
    pub at: u32,
}

/// A mistake at a place, before it is known what line that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub pos: Pos,
    /// What is wrong: lowercase, no full stop.
    pub message: String,
}

impl Mistake {
    pub(crate) fn new(pos: Pos, message: impl Into<String>) -> Self {
        Self {
            pos,
            message: message.into(),
        }
    }
}

/// Makes the mistake an `Err`, for one-line returns.
pub(crate) fn wrong<T>(pos: Pos, message: impl Into<String>) -> Result<T, Mistake> {
    Err(Mistake::new(pos, message))
}

/// One file of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name as messages and audit records show it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A line and column, both from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file's name.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Finds line and column.
pub(crate) fn place(sources: &[Source], pos: Pos) -> Place {
    let Some(source) = sources.get(pos.file as usize) else {
        return Place {
            file: String::new(),
            line: 1,
            column: 1,
        };
    };
    let before = source.text.get(..pos.at as usize).unwrap_or(&source.text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Place {
        file: source.name.clone(),
        line: before.matches('\n').count() + 1,
        column: before.get(start..).unwrap_or_default().chars().count() + 1,
    }
}

/// What stands from `pos` to the byte `end`, on one line.
pub(crate) fn text(sources: &[Source], pos: Pos, end: u32) -> String {
    let source = sources.get(pos.file as usize);
    let text = source.and_then(|source| source.text.get(pos.at as usize..end as usize));
    let words: Vec<_> = text.unwrap_or_default().split_whitespace().collect();
    words.join(" ")
}

/// A mistake in a policy: file, line, column, what is wrong and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
}

impl Error {
    pub(crate) fn new(sources: &[Source], mistake: Mistake) -> Self {
        Self {
            place: place(sources, mistake.pos),
            message: mistake.message,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for Error {}
