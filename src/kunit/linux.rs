// SPDX-License-Identifier: GPL-2.0-only
//! What real Linux said of the same cases: a run under User-Mode Linux of the same tree, kept as a table.

use super::count::Count;
use super::ktap::{Case, Outcome, Suite};
use linux_headers::Series;
use std::collections::BTreeMap;

/// What stands for a case's name where a module counts for itself.
const CHECKS: &str = "(checks)";

/// The results of one series, by suite.
#[derive(Clone, Debug, Default)]
pub struct Linux {
    suites: BTreeMap<String, Vec<Case>>,
}

/// How a suite here stands to the same suite on Linux.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Cases that passed here.
    pub passed: usize,
    /// Cases that Linux passes; those of the suite itself where there is no run of Linux.
    pub expected: usize,
    /// What is wrong, a line each.
    pub wrong: Vec<String>,
}

impl Linux {
    /// The run that was kept of a series; empty if there is none.
    #[must_use]
    pub fn of(series: Series) -> Self {
        match series {
            Series::V6_12 => Self::parse(include_str!("uml-6.12.tsv")),
            Series::V6_1 => Self::parse(include_str!("uml-6.1.tsv")),
        }
    }

    /// The table of a run: what [`Linux::of`] reads.
    #[must_use]
    pub fn text<'a>(version: &str, suites: &[Suite], counts: impl Iterator<Item = (&'a str, Count)>) -> String {
        let head = format!(
            "# KUnit on Linux {version} under User-Mode Linux, written by `cargo xtask oracle --kunit`: suite, case, \
             rows of\n# parameters, result. For a module that counts for itself: module, \"{CHECKS}\", how many, \
             result.\n\
             suite\tcase\tparam_rows\tresult\n"
        );
        let cases = suites.iter().flat_map(|suite| {
            let row = |case: &Case| format!("{}\t{}\t{}\t{}\n", suite.name, case.name, case.rows, case.outcome);
            suite.cases.iter().map(row)
        });
        let counts = counts.map(|(module, count)| format!("{module}\t{CHECKS}\t{}\t{}\n", count.checks, count.outcome));
        std::iter::once(head).chain(cases).chain(counts).collect()
    }

    /// Compares a module that counts for itself: as many of its checks must pass as on Linux. Where one fails on Linux
    /// too, that is all that can be asked.
    #[must_use]
    pub fn compare_count(&self, module: &str, count: &Count) -> Compared {
        let there = self
            .suites
            .get(module)
            .and_then(|cases| cases.iter().find(|case| case.name == CHECKS));
        let passed = usize::try_from(count.checks).unwrap_or(usize::MAX);
        let expected = there.map_or(passed, |there| there.rows);
        let fails_there = there.is_some_and(|there| there.outcome == Outcome::NotOk && there.rows > 0);
        let mut wrong: Vec<String> = Vec::new();
        if count.outcome != Outcome::Ok && !fails_there {
            wrong.extend(count.lines.iter().map(|line| format!("{module}: {line}")));
        }
        if passed != expected {
            wrong.push(format!("{module}: {passed} checks passed, {expected} on Linux"));
        }
        Compared {
            passed,
            expected,
            wrong,
        }
    }

    fn parse(text: &str) -> Self {
        let mut suites: BTreeMap<String, Vec<Case>> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let &[suite, name, rows, outcome] = fields.as_slice() else {
                continue;
            };
            let outcome = match outcome {
                "ok" => Outcome::Ok,
                "SKIP" => Outcome::Skip,
                "NOT_OK" => Outcome::NotOk,
                _ => continue,
            };
            suites.entry(suite.to_owned()).or_default().push(Case {
                name: name.to_owned(),
                outcome,
                rows: rows.parse().unwrap_or_default(),
            });
        }
        Self { suites }
    }

    /// Whether Linux ran the suite.
    #[must_use]
    pub fn has(&self, suite: &str) -> bool {
        self.suites.contains_key(suite)
    }

    /// Compares a suite that ran here, case by case.
    #[must_use]
    pub fn compare(&self, suite: &Suite) -> Compared {
        let mut compared = Compared::default();
        let there = self.suites.get(&suite.name).map(Vec::as_slice).unwrap_or_default();
        let name = &suite.name;
        for case in &suite.cases {
            let twin = there.iter().find(|twin| twin.name == case.name);
            compared.passed += usize::from(case.outcome == Outcome::Ok);
            // Where Linux itself fails, nothing can be asked of us.
            if case.outcome == Outcome::NotOk && twin.is_none_or(|twin| twin.outcome != Outcome::NotOk) {
                compared.wrong.push(format!("{name}.{}: not ok", case.name));
            }
        }
        for twin in there {
            let Some(case) = suite.cases.iter().find(|case| case.name == twin.name) else {
                compared
                    .wrong
                    .push(format!("{name}.{}: missing, Linux has it", twin.name));
                continue;
            };
            if case.outcome == Outcome::Skip && twin.outcome == Outcome::Ok {
                compared
                    .wrong
                    .push(format!("{name}.{}: skipped, Linux passes it", twin.name));
            }
            if case.rows != twin.rows {
                compared.wrong.push(format!(
                    "{name}.{}: {} rows of parameters, Linux has {}",
                    twin.name, case.rows, twin.rows
                ));
            }
        }
        let has_failed_case = suite.cases.iter().any(|case| case.outcome == Outcome::NotOk);
        match suite.outcome {
            None => compared.wrong.push(format!("{name}: it did not end")),
            Some(Outcome::NotOk) if !has_failed_case => {
                compared
                    .wrong
                    .push(format!("{name}: not ok, though none of its cases is"));
            }
            Some(_) => {}
        }
        let passes = |cases: &[Case]| cases.iter().filter(|case| case.outcome == Outcome::Ok).count();
        compared.expected = if there.is_empty() {
            suite.cases.iter().filter(|case| case.outcome != Outcome::Skip).count()
        } else {
            passes(there)
        };
        compared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(cases: &[(&str, Outcome, usize)]) -> Suite {
        Suite {
            name: "s".to_owned(),
            cases: cases
                .iter()
                .map(|(name, outcome, rows)| Case {
                    name: (*name).to_owned(),
                    outcome: *outcome,
                    rows: *rows,
                })
                .collect(),
            outcome: Some(Outcome::Ok),
            lines: Vec::new(),
        }
    }

    #[test]
    fn what_differs_from_linux_is_found() {
        let linux = Linux::parse("# x\nsuite\tcase\tparam_rows\tresult\ns\ta\t0\tok\ns\tb\t2\tok\ns\tc\t0\tNOT_OK\n");
        let same = here(&[("a", Outcome::Ok, 0), ("b", Outcome::Ok, 2), ("c", Outcome::NotOk, 0)]);
        let compared = linux.compare(&same);
        assert_eq!((compared.passed, compared.expected), (2, 2));
        assert!(compared.wrong.is_empty(), "{compared:?}");
        for (cases, word) in [
            (vec![("b", Outcome::Ok, 2), ("c", Outcome::Ok, 0)], "s.a: missing"),
            (
                vec![("a", Outcome::Skip, 0), ("b", Outcome::Ok, 2), ("c", Outcome::Ok, 0)],
                "s.a: skipped",
            ),
            (
                vec![("a", Outcome::Ok, 0), ("b", Outcome::Ok, 1), ("c", Outcome::Ok, 0)],
                "1 rows of parameters, Linux has 2",
            ),
            (
                vec![("a", Outcome::NotOk, 0), ("b", Outcome::Ok, 2), ("c", Outcome::Ok, 0)],
                "s.a: not ok",
            ),
        ] {
            let wrong = linux.compare(&here(&cases)).wrong;
            assert!(wrong.len() == 1 && wrong[0].contains(word), "{word}: {wrong:?}");
        }
    }

    #[test]
    fn a_suite_that_fails_without_a_case_is_wrong() {
        let mut suite = here(&[]);
        suite.outcome = Some(Outcome::NotOk);
        let wrong = Linux::default().compare(&suite).wrong;
        assert_eq!(wrong, ["s: not ok, though none of its cases is"]);
        suite.cases = here(&[("a", Outcome::NotOk, 0)]).cases;
        assert_eq!(Linux::default().compare(&suite).wrong, ["s.a: not ok"]);
    }

    #[test]
    fn a_module_passes_as_many_checks_as_on_linux() {
        let linux = Linux::parse("a\t(checks)\t12\tok\nb\t(checks)\t11\tNOT_OK\nc\t(checks)\t0\tNOT_OK\n");
        let wrong = |module: &str, checks, outcome| {
            let lines = vec!["said".to_owned()];
            linux.compare_count(module, &Count { checks, outcome, lines }).wrong
        };
        assert!(wrong("a", 12, Outcome::Ok).is_empty());
        assert_eq!(wrong("a", 11, Outcome::Ok), ["a: 11 checks passed, 12 on Linux"]);
        assert_eq!(wrong("a", 12, Outcome::NotOk), ["a: said"]);
        // One fails there too; more than that one is ours.
        assert!(wrong("b", 11, Outcome::NotOk).is_empty());
        assert_eq!(wrong("b", 10, Outcome::NotOk).len(), 1);
        // What says nothing on Linux excuses nothing.
        assert_eq!(wrong("c", 0, Outcome::NotOk), ["c: said"]);
    }

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let suite = here(&[("a", Outcome::Ok, 2), ("b", Outcome::Skip, 0)]);
        let count = Count {
            checks: 12,
            outcome: Outcome::Ok,
            lines: Vec::new(),
        };
        let linux = Linux::parse(&Linux::text(
            "6",
            std::slice::from_ref(&suite),
            std::iter::once(("m", count.clone())),
        ));
        assert!(linux.compare(&suite).wrong.is_empty() && linux.compare_count("m", &count).wrong.is_empty());
        assert!(linux.has("s") && linux.has("m"));
    }

    #[test]
    fn the_run_of_linux_is_whole() {
        let linux = Linux::of(Series::V6_12);
        let all: Vec<&Case> = linux.suites.values().flatten().collect();
        let count = |outcome| all.iter().filter(|case| case.outcome == outcome).count();
        assert_eq!(
            (count(Outcome::Ok), count(Outcome::Skip), count(Outcome::NotOk)),
            (953, 9, 9)
        );
    }
}
