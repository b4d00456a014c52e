// SPDX-License-Identifier: GPL-2.0-only
//! What differs between two texts: places, and of each line whether its code, its comment or its layout changed.

use super::count::{Change, Counts};
use super::lines::{Kind, Text};
use super::script::{Place, script};
use serde::Serialize;

/// A place where the sides differ; lines count from 1, as in a unified diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Hunk {
    /// Upstream's first line here, or the line before, if nothing went.
    pub old_start: u32,
    /// How many lines went.
    pub old_lines: u32,
    /// The port's first line here, or the line before, if nothing came.
    pub new_start: u32,
    /// How many lines came.
    pub new_lines: u32,
    /// What changed.
    pub class: Class,
}

/// The gravest that changed in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Layout and blank lines.
    Whitespace,
    /// Comments.
    Comments,
    /// Code.
    Code,
}

/// Two texts compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compared {
    pub(super) counts: Counts,
    pub(super) hunks: Vec<Hunk>,
    /// The count is the least there can be.
    pub(super) is_minimal: bool,
}

/// Compares two texts.
pub(super) fn compare(old: &Text<'_>, new: &Text<'_>) -> Compared {
    let script = script(
        (0..old.len()).map(|line| old.raw(line)),
        (0..new.len()).map(|line| new.raw(line)),
    );
    let mut counts = Counts {
        upstream: old.counts(),
        ported: new.counts(),
        ..Counts::default()
    };
    let mut hunks = Vec::new();
    let (mut old_at, mut new_at) = (0, 0);
    for place in &script.places {
        masked(old, old_at..place.old.start, new, new_at, &mut counts);
        hunks.push(hunk(old, new, place, &mut counts));
        (old_at, new_at) = (place.old.end, place.new.end);
    }
    masked(old, old_at..old.len(), new, new_at, &mut counts);
    Compared {
        counts,
        hunks,
        is_minimal: script.is_minimal,
    }
}

/// All of a text as one place that came or went.
pub(super) fn whole(text: &Text<'_>, is_new: bool) -> Compared {
    let empty = Text::new(b"", &super::syntax::Syntax::of_path("".as_ref()));
    if is_new {
        compare(&empty, text)
    } else {
        compare(text, &empty)
    }
}

fn count(lines: usize) -> u64 {
    lines as u64
}

/// Lines that are the same on both sides, but code on one and comment on the other.
fn masked(old: &Text<'_>, lines: std::ops::Range<usize>, new: &Text<'_>, new_start: usize, counts: &mut Counts) {
    let pairs = lines.clone().zip(new_start..);
    for (old_line, new_line) in pairs.filter(|&(a, b)| old.code(a) != new.code(b)) {
        counts.masked += 1;
        counts.code += match (old.code(old_line).is_empty(), new.code(new_line).is_empty()) {
            (false, true) => Change::pair(1, 0),
            (true, false) => Change::pair(0, 1),
            _ => Change::pair(1, 1),
        };
    }
}

/// Lines of one class that went and came in one place.
#[derive(Default)]
struct Tally {
    removed: [u64; 3],
    added: [u64; 3],
}

impl Tally {
    fn change(&self, class: Class) -> Change {
        let index = class as usize;
        Change::pair(self.removed[index], self.added[index])
    }
}

fn hunk(old: &Text<'_>, new: &Text<'_>, place: &Place, counts: &mut Counts) -> Hunk {
    let before: Vec<usize> = place.old.clone().collect();
    let after: Vec<usize> = place.new.clone().collect();
    let mut tally = Tally::default();
    if same_but_blanks(old, &before, new, &after) {
        tally.removed[Class::Whitespace as usize] = count(before.len());
        tally.added[Class::Whitespace as usize] = count(after.len());
    } else {
        let (old_code, new_code) = code_lines(old, &before, new, &after);
        for &line in &before {
            tally.removed[class_of(old, line, &old_code) as usize] += 1;
        }
        for &line in &after {
            tally.added[class_of(new, line, &new_code) as usize] += 1;
        }
    }
    counts.total += Change::pair(count(before.len()), count(after.len()));
    counts.code += tally.change(Class::Code);
    counts.comments += tally.change(Class::Comments);
    counts.whitespace += tally.change(Class::Whitespace);
    let class = [Class::Code, Class::Comments, Class::Whitespace]
        .into_iter()
        .find(|&class| tally.change(class) != Change::default());
    // A file of more lines than that is over the limit of bytes.
    let number = |line: usize| u32::try_from(line).unwrap_or(u32::MAX);
    let start = |range: &std::ops::Range<usize>| number(range.start + usize::from(!range.is_empty()));
    Hunk {
        old_start: start(&place.old),
        old_lines: number(place.old.len()),
        new_start: start(&place.new),
        new_lines: number(place.new.len()),
        class: class.unwrap_or(Class::Whitespace),
    }
}

fn class_of(text: &Text<'_>, line: usize, changed_code: &[usize]) -> Class {
    // In ascending order, as the lines of a place are.
    if changed_code.binary_search(&line).is_ok() {
        Class::Code
    } else if text.kind(line) != Kind::Blank && text.has_comment(line) {
        Class::Comments
    } else {
        Class::Whitespace
    }
}

/// The lines differ in blanks and line breaks only, if at all.
fn same_but_blanks(old: &Text<'_>, before: &[usize], new: &Text<'_>, after: &[usize]) -> bool {
    let bytes = |text: &Text<'_>, lines: &[usize]| -> Vec<u8> {
        let lines = lines.iter().flat_map(|&line| text.raw(line));
        lines.copied().filter(|byte| !byte.is_ascii_whitespace()).collect()
    };
    let streams = (old.stream(before.iter().copied()), new.stream(after.iter().copied()));
    streams.0 == streams.1 && bytes(old, before) == bytes(new, after)
}

/// Of the lines of one place those whose code changed. The code alone is compared once more, so that a line whose
/// comment changed is none of them, nor are lines that were only broken elsewhere.
fn code_lines(old: &Text<'_>, before: &[usize], new: &Text<'_>, after: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let with_code = |text: &Text<'_>, lines: &[usize]| -> Vec<usize> {
        lines
            .iter()
            .copied()
            .filter(|&line| !text.code(line).is_empty())
            .collect()
    };
    let (before, after) = (with_code(old, before), with_code(new, after));
    let script = script(
        before.iter().map(|&line| old.code(line)),
        after.iter().map(|&line| new.code(line)),
    );
    let mut changed = (Vec::new(), Vec::new());
    for place in script.places {
        let (went, came) = (&before[place.old], &after[place.new]);
        if old.stream(went.iter().copied()) != new.stream(came.iter().copied()) {
            changed.0.extend_from_slice(went);
            changed.1.extend_from_slice(came);
        }
    }
    changed
}
