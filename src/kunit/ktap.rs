// SPDX-License-Identifier: GPL-2.0-only
//! Reads what `KUnit` writes into the log: a suite's cases, and a case's rows of parameters, each level indented by
//! four blanks. Other lines may stand between.

use std::fmt;

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// `ok`.
    Ok,
    /// `ok … # SKIP`.
    Skip,
    /// `not ok`.
    NotOk,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Ok => "ok",
            Outcome::Skip => "SKIP",
            Outcome::NotOk => "NOT_OK",
        })
    }
}

/// A case's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How many rows of parameters it ran with; 0 if it has none.
    pub rows: usize,
}

/// A suite's results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// Its cases, in order.
    pub cases: Vec<Case>,
    /// How it ended; `None` if the log ends before it does.
    pub outcome: Option<Outcome>,
    /// All that was printed for it and while it ran, but for its own result.
    pub lines: Vec<String>,
}

/// `ok N NAME` at some level.
struct ResultLine<'a> {
    level: usize,
    outcome: Outcome,
    name: &'a str,
}

fn level_of(line: &str) -> (usize, &str) {
    let text = line.trim_start_matches(' ');
    ((line.len() - text.len()) / 4, text)
}

fn result(line: &str) -> Option<ResultLine<'_>> {
    let (level, text) = level_of(line);
    let (is_ok, rest) = match text.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => (true, text.strip_prefix("ok ")?),
    };
    let (number, rest) = rest.split_once(' ')?;
    number.parse::<u32>().ok()?;
    // Older series write a dash before the name.
    let rest = rest.strip_prefix("- ").unwrap_or(rest);
    let (name, directive) = rest.split_once(" # ").unwrap_or((rest, ""));
    let outcome = match (is_ok, directive.trim_start().starts_with("SKIP")) {
        (_, true) => Outcome::Skip,
        (true, false) => Outcome::Ok,
        (false, false) => Outcome::NotOk,
    };
    Some(ResultLine {
        level,
        outcome,
        name: name.trim(),
    })
}

/// Whether a line is one of the format's own, and not something that a test or Linux printed.
#[must_use]
pub fn is_ktap(line: &str) -> bool {
    let (_, text) = level_of(line);
    let is_plan = |text: &str| {
        text.strip_prefix("1..")
            .is_some_and(|count| count.parse::<u32>().is_ok())
    };
    result(line).is_some() || text.starts_with("# ") || text.starts_with("KTAP version") || is_plan(text)
}

/// Reads all suites of a log.
#[must_use]
pub fn parse<'a>(log: impl IntoIterator<Item = &'a str>) -> Vec<Suite> {
    let mut suites: Vec<Suite> = Vec::new();
    let mut open: Option<Suite> = None;
    let mut rows = 0;
    let mut before: Vec<String> = Vec::new();
    for line in log {
        let (level, text) = level_of(line);
        let is_top = level == 0 && is_ktap(line) && !text.starts_with('#');
        if !is_top {
            let lines = open.as_mut().map_or(&mut before, |suite| &mut suite.lines);
            lines.push(line.to_owned());
        }
        if let Some(name) = text.strip_prefix("# Subtest: ").filter(|_| level == 1) {
            if let Some(suite) = open.as_mut() {
                before.extend(suite.lines.pop());
            }
            suites.extend(open.take());
            open = Some(Suite {
                name: name.trim().to_owned(),
                cases: Vec::new(),
                outcome: None,
                lines: std::mem::take(&mut before),
            });
            rows = 0;
            continue;
        }
        let Some(result) = result(line) else { continue };
        match (result.level, open.as_mut()) {
            (0, Some(suite)) if suite.name == result.name => {
                suite.outcome = Some(result.outcome);
                suites.extend(open.take());
            }
            // A suite whose own initialisation fails says no more than this.
            (0, None) if result.outcome == Outcome::NotOk => suites.push(Suite {
                name: result.name.to_owned(),
                cases: Vec::new(),
                outcome: Some(Outcome::NotOk),
                lines: std::mem::take(&mut before),
            }),
            (1, Some(suite)) => {
                suite.cases.push(Case {
                    name: result.name.to_owned(),
                    outcome: result.outcome,
                    rows,
                });
                rows = 0;
            }
            (2, Some(_)) => rows += 1,
            _ => {}
        }
    }
    suites.extend(open);
    suites
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "boot\nKTAP version 1\n1..2\n    KTAP version 1\n    # Subtest: a\n    # module: m\n    1..3\n\
                       \x20   # x: EXPECTATION FAILED at f.c:1\n    not ok 1 x\n        KTAP version 1\n\
                       \x20       # Subtest: y\n        ok 1 row one\n        ok 2 row two\n    ok 2 y\nchatter\n\
                       \x20   ok 3 z # SKIP not now\n# a: pass:1 fail:1 skip:1 total:3\nnot ok 1 a\n    # Subtest: b\n\
                       \x20   ok 1 - one";

    #[test]
    fn suites_cases_and_rows_are_read() {
        let case = |name: &str, outcome, rows| Case {
            name: name.to_owned(),
            outcome,
            rows,
        };
        let suites = parse(LOG.lines());
        assert_eq!(suites.len(), 2);
        assert_eq!(suites[0].lines.first().map(String::as_str), Some("boot"));
        assert_eq!(
            suites[0].lines.last().map(String::as_str),
            Some("# a: pass:1 fail:1 skip:1 total:3")
        );
        assert_eq!(
            suites[0].cases,
            [
                case("x", Outcome::NotOk, 0),
                case("y", Outcome::Ok, 2),
                case("z", Outcome::Skip, 0)
            ]
        );
        assert_eq!(suites[0].outcome, Some(Outcome::NotOk));
        assert_eq!((suites[1].name.as_str(), suites[1].outcome), ("b", None));
        assert_eq!(suites[1].cases, [case("one", Outcome::Ok, 0)]);
    }

    #[test]
    fn a_suite_that_cannot_begin_is_not_lost() {
        let suites =
            parse("    # Subtest: a\n    ok 1 x\nok 1 a\n    # failed to initialize (-12)\nnot ok 2 b".lines());
        assert_eq!(suites.len(), 2);
        assert_eq!((suites[0].name.as_str(), suites[0].outcome), ("a", Some(Outcome::Ok)));
        assert_eq!(
            (suites[1].name.as_str(), suites[1].outcome),
            ("b", Some(Outcome::NotOk))
        );
        assert_eq!(suites[1].lines, ["    # failed to initialize (-12)"]);
    }

    #[test]
    fn chatter_is_told_from_results() {
        assert!(is_ktap("1..2") && is_ktap("    # Subtest: a") && is_ktap("        not ok 1 row"));
        assert!(!is_ktap("boot") && !is_ktap("1..x") && !is_ktap("ok then"));
    }
}
