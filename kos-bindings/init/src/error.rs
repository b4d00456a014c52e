// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mistakes, and where they are.

use std::fmt;

/// A place in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1; 0 if it is in no file.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A mistake at a place, before it is known which file that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) place: Place,
    pub(crate) message: String,
}

/// Makes a mistake an `Err`, for one-line returns.
pub(crate) fn wrong<T>(place: Place, message: impl Into<String>) -> Result<T, Mistake> {
    let message = message.into();
    Err(Mistake { place, message })
}

/// A mistake in an `init.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file's name as given.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What is wrong: lowercase, no full stop.
    pub message: String,
}

impl Error {
    pub(crate) fn new(file: &str, mistake: Mistake) -> Self {
        Self {
            file: file.to_owned(),
            place: mistake.place,
            message: mistake.message,
        }
    }
}

/// The text of a file's bytes. `file` is its name for messages.
///
/// # Errors
///
/// The place of the first byte that is not UTF-8.
pub fn text_of<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
        let line = before.rsplit('\n').next().unwrap_or_default();
        let place = Place {
            line: 1 + before.matches('\n').count(),
            column: 1 + line.chars().count(),
        };
        let message = "the text is not UTF-8".to_owned();
        Error::new(file, Mistake { place, message })
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        write!(f, "{}:{line}:{column}: {}", self.file, self.message)
    }
}

impl std::error::Error for Error {}
