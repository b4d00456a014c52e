// SPDX-License-Identifier: GPL-2.0-only
//! The shortest list of lines that go and come between two texts, as places.
//!
//! `similar` finds it (Myers' algorithm, without shortcuts). Before that, lines that only one side has are put aside:
//! no list can keep them, so it stays the shortest. After that, each place is moved to where git would show it: a place
//! may slide if the line before it is its last or the line after it is its first; it slides so that places become one,
//! and a line that goes meets one that comes, or else down.

use similar::algorithms::{DiffHook, myers};
use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::Range;

/// Above so many lines that both sides have the shortest list may take minutes, and `similar`'s heuristics find one.
const MAX_MINIMAL: usize = 60_000;

/// Lines that went, and lines that came in their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) old: Range<usize>,
    pub(super) new: Range<usize>,
}

/// All places, in order.
pub(super) struct Script {
    pub(super) places: Vec<Place>,
    /// No shorter one exists.
    pub(super) is_minimal: bool,
}

/// Lines as numbers, and which of them the other side has not.
struct Side {
    ids: Vec<usize>,
    changed: Vec<bool>,
}

struct Kept<'a> {
    sides: [&'a mut Side; 2],
    indices: [&'a [usize]; 2],
}

impl DiffHook for Kept<'_> {
    type Error = Infallible;

    fn equal(&mut self, old: usize, new: usize, count: usize) -> Result<(), Infallible> {
        for ((side, indices), from) in self.sides.iter_mut().zip(self.indices).zip([old, new]) {
            for &index in &indices[from..from + count] {
                side.changed[index] = false;
            }
        }
        Ok(())
    }
}

/// Compares two texts, line by line.
pub(super) fn script<'a>(
    old: impl Iterator<Item = &'a [u8]> + Clone,
    new: impl Iterator<Item = &'a [u8]> + Clone,
) -> Script {
    let mut known: HashMap<&[u8], usize> = HashMap::new();
    let mut side = |lines: &mut dyn Iterator<Item = &'a [u8]>| {
        let mut ids = Vec::new();
        for line in lines {
            let next = known.len();
            ids.push(*known.entry(line).or_insert(next));
        }
        let changed = vec![true; ids.len()];
        Side { ids, changed }
    };
    let (mut old, mut new) = (side(&mut old.clone()), side(&mut new.clone()));
    let is_minimal = keep(&mut old, &mut new, known.len());
    let gaps = gaps(&new.changed);
    compact(&mut old, &gaps);
    let gaps = self::gaps(&old.changed);
    compact(&mut new, &gaps);
    Script {
        places: places(&old.changed, &new.changed),
        is_minimal,
    }
}

/// Marks the lines that stay; whether they are as many as can be.
fn keep(old: &mut Side, new: &mut Side, ids: usize) -> bool {
    let mut seen = vec![[false; 2]; ids];
    for (which, side) in [&*old, &*new].into_iter().enumerate() {
        side.ids.iter().for_each(|&id| seen[id][which] = true);
    }
    let common = |side: &Side| -> (Vec<usize>, Vec<usize>) {
        let indices: Vec<usize> = (0..side.ids.len())
            .filter(|&index| seen[side.ids[index]] == [true; 2])
            .collect();
        let ids = indices.iter().map(|&index| side.ids[index]).collect();
        (indices, ids)
    };
    let ((old_indices, old_ids), (new_indices, new_ids)) = (common(old), common(new));
    let is_minimal = old_ids.len() + new_ids.len() <= MAX_MINIMAL;
    let mut kept = Kept {
        sides: [old, new],
        indices: [&old_indices, &new_indices],
    };
    let (a, b) = (0..old_ids.len(), 0..new_ids.len());
    let Ok(()) = if is_minimal {
        myers::diff_deadline_raw(&mut kept, &old_ids[..], a, &new_ids[..], b, None)
    } else {
        myers::diff(&mut kept, &old_ids[..], a, &new_ids[..], b)
    };
    is_minimal
}

/// For each number of unchanged lines, whether changed ones stand right after so many.
fn gaps(changed: &[bool]) -> Vec<bool> {
    let mut gaps = vec![false];
    for &is_changed in changed {
        if !is_changed {
            gaps.push(false);
        } else if let Some(last) = gaps.last_mut() {
            *last = true;
        }
    }
    gaps
}

/// A run of changed lines, which may slide.
struct Group<'a> {
    side: &'a mut Side,
    start: usize,
    end: usize,
    /// How many unchanged lines there are above it.
    above: usize,
}

impl Group<'_> {
    fn len(&self) -> usize {
        self.end - self.start
    }

    fn can_rise(&self) -> bool {
        self.start > 0 && self.side.ids[self.start - 1] == self.side.ids[self.end - 1]
    }

    fn can_sink(&self) -> bool {
        self.end < self.side.ids.len() && self.side.ids[self.start] == self.side.ids[self.end]
    }

    /// One line up; a group that is met there becomes part of this one.
    fn rise(&mut self) {
        self.side.changed.swap(self.start - 1, self.end - 1);
        (self.start, self.end, self.above) = (self.start - 1, self.end - 1, self.above - 1);
        while self.start > 0 && self.side.changed[self.start - 1] {
            self.start -= 1;
        }
    }

    /// One line down, likewise.
    fn sink(&mut self) {
        self.side.changed.swap(self.start, self.end);
        (self.start, self.end, self.above) = (self.start + 1, self.end + 1, self.above + 1);
        while self.end < self.side.ids.len() && self.side.changed[self.end] {
            self.end += 1;
        }
    }
}

/// Slides each run of changed lines to where it belongs. `gaps` says where the other side has changed lines.
fn compact(side: &mut Side, gaps: &[bool]) {
    let (mut at, mut above) = (0, 0);
    while at < side.ids.len() {
        if !side.changed[at] {
            (at, above) = (at + 1, above + 1);
            continue;
        }
        let length = side.changed[at..].iter().take_while(|changed| **changed).count();
        let mut group = Group {
            side,
            start: at,
            end: at + length,
            above,
        };
        settle(&mut group, gaps);
        (at, above) = (group.end, group.above);
    }
}

fn settle(group: &mut Group<'_>, gaps: &[bool]) {
    let meets = |group: &Group<'_>| gaps.get(group.above).copied().unwrap_or(false);
    loop {
        let length = group.len();
        while group.can_rise() {
            group.rise();
        }
        let mut best = meets(group).then_some(group.end);
        while group.can_sink() {
            group.sink();
            if meets(group) {
                best = Some(group.end);
            }
        }
        // It met another group: perhaps the two together slide on.
        if group.len() != length {
            continue;
        }
        while best.is_some_and(|best| group.end > best) && group.can_rise() {
            group.rise();
        }
        return;
    }
}

fn places(old: &[bool], new: &[bool]) -> Vec<Place> {
    let run = |changed: &[bool], from: usize| from + changed[from..].iter().take_while(|changed| **changed).count();
    let (mut places, mut a, mut b) = (Vec::new(), 0, 0);
    loop {
        let place = Place {
            old: a..run(old, a),
            new: b..run(new, b),
        };
        (a, b) = (place.old.end, place.new.end);
        if !place.old.is_empty() || !place.new.is_empty() {
            places.push(place);
        }
        if a >= old.len() || b >= new.len() {
            return places;
        }
        (a, b) = (a + 1, b + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, script};

    fn places(old: &str, new: &str) -> Vec<Place> {
        let lines = |text: &'static str| text.split_inclusive(' ').map(str::as_bytes);
        // Leaked, so that both live as long as each other.
        let (old, new) = (String::leak(old.to_owned()), String::leak(new.to_owned()));
        script(lines(old), lines(new)).places
    }

    fn place(old: std::ops::Range<usize>, new: std::ops::Range<usize>) -> Place {
        Place { old, new }
    }

    #[test]
    fn a_place_slides_down() {
        // The second of the two blocks is the one that came.
        assert_eq!(places("f { } g ", "f { } f { } g "), [place(3..3, 3..6)]);
    }

    #[test]
    fn places_that_can_meet_become_one() {
        assert_eq!(places("a x b x c ", "a x c "), [place(2..4, 2..2)]);
    }

    #[test]
    fn a_line_that_goes_meets_one_that_comes() {
        assert_eq!(places("a a b ", "a c b "), [place(1..2, 1..2)]);
    }

    #[test]
    fn ends_and_nothing() {
        assert_eq!(places("", ""), []);
        assert_eq!(places("", "a "), [place(0..0, 0..1)]);
        assert_eq!(places("a b ", ""), [place(0..2, 0..0)]);
        assert_eq!(places("a b ", "b c "), [place(0..1, 0..0), place(2..2, 1..2)]);
    }
}
