// SPDX-License-Identifier: GPL-2.0-only
//! How large is a port's change: two trees, folders, files or git revisions, measured.
//!
//! | module | what it holds |
//! |---|---|
//! | [`side`] | what is compared: [`Side`], from the disk or out of git |
//! | `pair` | which file of one side is which of the other: by path, by content, by likeness |
//! | `syntax`, `lines` | each line as blank, comment or code, and its code without comments and layout |
//! | `script` | the shortest list of lines that go and come |
//! | `hunks` | what differs in one file, and of which kind it is |
//! | [`glue`] | the lines beside a port, counted by tokei |
//! | `driver` | which driver a file belongs to |
//! | [`count`] | the counts, and how they add up |
//! | [`mod@measure`] | two sides compared, file by file |
//! | [`outcome`] | what it comes to: [`Measured`] |
//! | [`text`], [`page`] | the outcome for a terminal, and as a page |
//!
//! What is counted, and by which rules, is in `docs/diff.md`.

pub mod count;
mod driver;
mod git;
pub mod glue;
mod hunks;
mod lines;
pub mod measure;
pub mod outcome;
pub mod page;
mod pair;
mod script;
pub mod side;
mod syntax;
#[cfg(test)]
mod tests;
pub mod text;

pub use count::{Change, Counts, Lines};
pub use measure::{DiffError, Options, measure};
pub use outcome::{FileDiff, Measured, Status};
pub use side::Side;

use std::path::Path;

/// How two contents of one file differ, in all lines.
#[must_use]
pub(crate) fn changed_lines(path: &Path, old: &[u8], new: &[u8]) -> Change {
    let syntax = syntax::Syntax::of_path(path);
    hunks::compare(&lines::Text::new(old, &syntax), &lines::Text::new(new, &syntax))
        .counts
        .total
}

/// The lines of a file that have code, without their comments.
#[must_use]
pub(crate) fn code_of(path: &Path, data: &[u8]) -> Vec<String> {
    let text = lines::Text::new(data, &syntax::Syntax::of_path(path));
    let code = (0..text.len()).map(|line| String::from_utf8_lossy(text.code(line)).into_owned());
    code.filter(|code| !code.is_empty()).collect()
}
