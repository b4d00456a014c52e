// SPDX-License-Identifier: GPL-2.0-only
//! The counts of a comparison, and how they add up.

use serde::Serialize;
use std::ops::AddAssign;

/// The lines of a file or of many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Lines {
    /// All.
    pub lines: u64,
    /// With some code on them.
    pub code: u64,
    /// With comment and nothing else.
    pub comments: u64,
    /// With nothing but blanks, outside of comments.
    pub blanks: u64,
}

/// Changed lines. Of the lines that go and the lines that come in one place, as many as there are of both are
/// *modified*, one for one; the rest are *removed* or *added*. `diffstat -m` counts so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Lines that came where none went.
    pub added: u64,
    /// Lines that went where none came.
    pub removed: u64,
    /// Lines in whose place another stands.
    pub modified: u64,
}

impl Change {
    /// What `removed` lines that went and `added` that came in one place amount to.
    #[must_use]
    pub fn pair(removed: u64, added: u64) -> Self {
        let modified = removed.min(added);
        Self {
            added: added - modified,
            removed: removed - modified,
            modified,
        }
    }

    /// Lines that the new side has and the old has not: `git diff --numstat`'s first column.
    #[must_use]
    pub fn insertions(&self) -> u64 {
        self.added + self.modified
    }

    /// Lines that the old side has and the new has not: `git diff --numstat`'s second column.
    #[must_use]
    pub fn deletions(&self) -> u64 {
        self.removed + self.modified
    }

    /// Changed lines, each counted once.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.added + self.removed + self.modified
    }

    /// Changed lines per hundred of `lines`; `None` if there are none to be a part of.
    #[must_use]
    pub fn percent_of(&self, lines: u64) -> Option<f64> {
        (lines > 0).then(|| ratio(self.changed(), lines) * 100.0)
    }
}

/// `part` ÷ `whole`.
#[must_use]
pub fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of lines are far below 2^52")]
    {
        part as f64 / whole as f64
    }
}

/// Everything that is counted of a file, a driver or a tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Upstream's lines.
    pub upstream: Lines,
    /// The port's lines.
    pub ported: Lines,
    /// All changed lines.
    pub total: Change,
    /// Changed lines of code.
    pub code: Change,
    /// Lines of which only comments changed.
    pub comments: Change,
    /// Lines of which only layout changed, and blank lines.
    pub whitespace: Change,
    /// Lines of code that stand as they stood, but are now comment, or were: counted in `code` and not in `total`.
    pub masked: u64,
}

impl AddAssign for Lines {
    fn add_assign(&mut self, other: Self) {
        self.lines += other.lines;
        self.code += other.code;
        self.comments += other.comments;
        self.blanks += other.blanks;
    }
}

impl AddAssign for Change {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.removed += other.removed;
        self.modified += other.modified;
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.upstream += other.upstream;
        self.ported += other.ported;
        self.total += other.total;
        self.code += other.code;
        self.comments += other.comments;
        self.whitespace += other.whitespace;
        self.masked += other.masked;
    }
}
