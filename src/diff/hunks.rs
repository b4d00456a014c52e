// SPDX-License-Identifier: GPL-2.0-only
//! What differs between two texts: places, and of each line whether its code, its comment or its layout changed.

use super::count::{Change, Counts};
use super::lines::{Kind, Text};
use imara_diff::{Algorithm, Diff, Hunk as Place, InternedInput};
use serde::Serialize;

/// Above so many lines of both sides together the shortest edit script may take minutes, and git's own heuristics are
/// used: the counts are then those of `git diff`, which may be above those of `git diff --minimal`.
const MAX_MINIMAL: usize = 100_000;

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
    let is_minimal = old.len() + new.len() <= MAX_MINIMAL;
    let algorithm = if is_minimal {
        Algorithm::MyersMinimal
    } else {
        Algorithm::Myers
    };
    let mut input = InternedInput::<&[u8]>::default();
    input.update_before((0..old.len()).map(|line| old.raw(line)));
    input.update_after((0..new.len()).map(|line| new.raw(line)));
    let mut diff = Diff::compute(algorithm, &input);
    diff.postprocess_lines(&input);

    let mut counts = Counts {
        upstream: old.counts(),
        ported: new.counts(),
        ..Counts::default()
    };
    let mut hunks = Vec::new();
    let (mut old_at, mut new_at) = (0, 0);
    for place in diff.hunks() {
        masked(old, old_at..index(place.before.start), new, new_at, &mut counts);
        hunks.push(hunk(old, new, &place, &mut counts));
        (old_at, new_at) = (index(place.before.end), index(place.after.end));
    }
    masked(old, old_at..old.len(), new, new_at, &mut counts);
    Compared {
        counts,
        hunks,
        is_minimal,
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

fn index(line: u32) -> usize {
    line as usize
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
    let before: Vec<usize> = place.before.clone().map(index).collect();
    let after: Vec<usize> = place.after.clone().map(index).collect();
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
    let start = |range: &std::ops::Range<u32>| range.start + u32::from(!range.is_empty());
    Hunk {
        old_start: start(&place.before),
        old_lines: place.before.end - place.before.start,
        new_start: start(&place.after),
        new_lines: place.after.end - place.after.start,
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
    let mut input = InternedInput::<&[u8]>::default();
    input.update_before(before.iter().map(|&line| old.code(line)));
    input.update_after(after.iter().map(|&line| new.code(line)));
    let is_minimal = before.len() + after.len() <= MAX_MINIMAL;
    let diff = Diff::compute(
        if is_minimal {
            Algorithm::MyersMinimal
        } else {
            Algorithm::Myers
        },
        &input,
    );
    let mut changed = (Vec::new(), Vec::new());
    for place in diff.hunks() {
        let went = &before[index(place.before.start)..index(place.before.end)];
        let came = &after[index(place.after.start)..index(place.after.end)];
        if old.stream(went.iter().copied()) != new.stream(came.iter().copied()) {
            changed.0.extend_from_slice(went);
            changed.1.extend_from_slice(came);
        }
    }
    changed
}
