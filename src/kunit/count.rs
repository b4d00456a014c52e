// SPDX-License-Identifier: GPL-2.0-only
//! Modules from before `KUnit`: they test when they are initialised, and print how many checks they made.

use super::ktap::Outcome;

/// What a module prints when all went well: words, and `{}` for a number. Where there are two numbers they are how many
/// passed and how many there were; with `{=0}` the number must be 0, with `{}` it must not; `{*}` is anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Number,
    Zero,
    Anything,
}

/// What a module said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many checks it passed, if it says so.
    pub checks: u64,
    /// Whether all of them passed.
    pub outcome: Outcome,
    /// The lines that say so, or what is wrong.
    pub lines: Vec<String>,
}

/// What a line that fits says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Match {
    /// All went well, with so many checks.
    Well(u64),
    /// The line is there, and its numbers are wrong; so many checks passed.
    Wrong(u64),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (what, after) = after.split_once('}').unwrap_or((after, ""));
            parts.push(match what {
                "=0" => Part::Zero,
                "*" => Part::Anything,
                _ => Part::Number,
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Self { parts }
    }

    fn fit(&self, line: &str) -> Option<Match> {
        let mut rest = line.trim();
        let mut numbers = Vec::new();
        let mut is_wrong = false;
        for (number, part) in self.parts.iter().enumerate() {
            match part {
                Part::Text(text) => rest = rest.strip_prefix(text.as_str())?,
                Part::Anything => {
                    rest = match self.parts.get(number + 1) {
                        Some(Part::Text(next)) => rest.get(rest.find(next.as_str())?..)?,
                        _ => "",
                    };
                }
                Part::Number | Part::Zero => {
                    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                    let (digits, after) = rest.split_at(end);
                    let value: u64 = digits.parse().ok()?;
                    rest = after;
                    if *part == Part::Zero {
                        is_wrong |= value != 0;
                    } else {
                        numbers.push(value);
                    }
                }
            }
        }
        is_wrong |= numbers.contains(&0) || numbers.windows(2).any(|pair| pair.first() != pair.last());
        rest.is_empty().then(|| {
            let passed = numbers.first().copied().unwrap_or(0);
            if is_wrong {
                Match::Wrong(passed)
            } else {
                Match::Well(passed)
            }
        })
    }
}

/// Judges a module by its log: for each pattern there must be a line of its own, and no complaint of Linux's about one
/// of its `sources`.
#[must_use]
pub fn judge(patterns: &[Pattern], sources: &[String], log: &[String]) -> Count {
    let mut count = Count {
        checks: 0,
        outcome: Outcome::Ok,
        lines: Vec::new(),
    };
    let mut rest: Vec<&String> = log.iter().collect();
    for pattern in patterns {
        let place = rest.iter().rposition(|line| pattern.fit(line).is_some());
        let line = place.map(|place| rest.remove(place));
        match line.and_then(|line| Some((line, pattern.fit(line)?))) {
            Some((line, Match::Well(checks))) => {
                count.checks += checks;
                count.lines.push(line.trim().to_owned());
            }
            Some((line, Match::Wrong(checks))) => {
                count.checks += checks;
                count.outcome = Outcome::NotOk;
                count.lines.push(line.trim().to_owned());
            }
            None => {
                count.outcome = Outcome::NotOk;
                count.lines.push(format!("it does not say {pattern}"));
            }
        }
    }
    // Some provoke warnings in what they test; their own are meant.
    let complains = |line: &&String| {
        let is_one = ["WARNING: ", "BUG: ", "BUG at "].iter().any(|word| line.contains(word));
        is_one && sources.iter().any(|source| line.contains(source.as_str()))
    };
    if let Some(complaint) = log.iter().find(complains) {
        count.outcome = Outcome::NotOk;
        count.lines.push(complaint.clone());
    }
    count
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"")?;
        for part in &self.parts {
            f.write_str(match part {
                Part::Text(text) => text,
                Part::Number => "N",
                Part::Zero => "0",
                Part::Anything => "…",
            })?;
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(pattern: &str, line: &str) -> Outcome {
        judge(&[Pattern::parse(pattern)], &[], &[line.to_owned()]).outcome
    }

    #[test]
    fn totals_are_believed_only_when_they_are_whole() {
        let xarray = "XArray: {} of {} tests passed";
        assert_eq!(said(xarray, "XArray: 12 of 12 tests passed"), Outcome::Ok);
        assert_eq!(said(xarray, "XArray: 11 of 12 tests passed"), Outcome::NotOk);
        assert_eq!(said(xarray, "XArray: 0 of 0 tests passed"), Outcome::NotOk);
        assert_eq!(said(xarray, "nothing"), Outcome::NotOk);
        let glob = "glob: {} self-tests passed, {=0} failed";
        assert_eq!(said(glob, "glob: 64 self-tests passed, 0 failed"), Outcome::Ok);
        assert_eq!(said(glob, "glob: 64 self-tests passed, 1 failed"), Outcome::NotOk);
        assert_eq!(said("a {*} ns", "a x y ns"), Outcome::Ok);
    }

    #[test]
    fn what_is_wanted_twice_must_be_said_twice() {
        let twice = [Pattern::parse("test passed"), Pattern::parse("test passed")];
        let log = |lines: usize| vec!["test passed".to_owned(); lines];
        assert_eq!(judge(&twice, &[], &log(1)).outcome, Outcome::NotOk);
        assert_eq!(judge(&twice, &[], &log(2)).outcome, Outcome::Ok);
    }

    #[test]
    fn a_complaint_is_a_failure() {
        let log = ["all 3 tests passed".to_owned(), "WARNING: at lib/test_x.c:3".to_owned()];
        let of = |source: &str| judge(&[Pattern::parse("all {} tests passed")], &[source.to_owned()], &log);
        assert_eq!(
            (of("lib/test_x.c").checks, of("lib/test_x.c").outcome),
            (3, Outcome::NotOk)
        );
        assert_eq!(of("lib/test_y.c").outcome, Outcome::Ok);
    }
}
