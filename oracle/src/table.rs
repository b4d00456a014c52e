// SPDX-License-Identifier: GPL-2.0-only
//! What came of all scenarios: a line for each, and the table of the documentation.

use crate::pair::Outcome;
use crate::scenario::Scenario;
use anyhow::{Context, Result};
use linux_headers::Series;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

struct Row {
    driver: String,
    scenario: String,
    series: Series,
    /// `None` if it was skipped.
    outcome: Option<Outcome>,
}

/// The outcomes of all scenarios.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    /// Where they are noted, one a line.
    notes: Option<PathBuf>,
    /// Those of earlier runs, by scenario and series.
    noted: BTreeMap<(String, String), Outcome>,
}

impl Table {
    /// Goes on with what is noted in a file, if there is one.
    pub(crate) fn resume(notes: Option<&Path>) -> Result<Self> {
        let mut table = Self {
            notes: notes.map(Path::to_owned),
            ..Self::default()
        };
        let Some(path) = notes.filter(|path| path.exists()) else {
            return Ok(table);
        };
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        for line in text.lines() {
            let (key, outcome) = noted(line).with_context(|| format!("{}: {line:?}", path.display()))?;
            table.noted.insert(key, outcome);
        }
        Ok(table)
    }

    /// Whether a scenario need not run since an earlier run found it identical, which counts as this one's.
    pub(crate) fn takes_over(&mut self, scenario: &Scenario, series: Series) -> bool {
        let key = (scenario.name.clone(), series.to_string());
        let done = self.noted.get(&key).copied().filter(|outcome| outcome.different == 0);
        if done.is_some() {
            self.push(scenario, series, done);
        }
        done.is_some()
    }

    pub(crate) fn add(&mut self, scenario: &Scenario, series: Series, outcome: Outcome) -> Result<()> {
        self.push(scenario, series, Some(outcome));
        let Some(path) = &self.notes else { return Ok(()) };
        let Outcome {
            runs,
            different,
            unsteady,
            transfers,
        } = outcome;
        let line = format!("{} {series} {runs} {different} {unsteady} {transfers}\n", scenario.name);
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .with_context(|| path.display().to_string())
    }

    pub(crate) fn skip(&mut self, scenario: &Scenario, series: Series) {
        self.push(scenario, series, None);
    }

    fn push(&mut self, scenario: &Scenario, series: Series, outcome: Option<Outcome>) {
        self.rows.push(Row {
            driver: scenario.driver.clone(),
            scenario: scenario.name.clone(),
            series,
            outcome,
        });
    }

    pub(crate) fn is_all_identical(&self, skips_fail: bool) -> bool {
        self.rows
            .iter()
            .all(|row| row.outcome.map_or(!skips_fail, |outcome| outcome.different == 0))
    }

    pub(crate) fn is_all_different(&self) -> bool {
        self.rows
            .iter()
            .all(|row| row.outcome.is_some_and(|outcome| outcome.different > 0))
    }

    /// One line, with what differs and what was skipped by name.
    pub(crate) fn text(&self) -> String {
        let done: Vec<Outcome> = self.rows.iter().filter_map(|row| row.outcome).collect();
        let sum = |part: fn(&Outcome) -> usize| done.iter().map(part).sum::<usize>();
        let (runs, different, transfers) = (sum(|o| o.runs), sum(|o| o.different), sum(|o| o.transfers));
        let mut text = format!(
            "{} scenarios, {} of {runs} runs identical ({} at a second try), {transfers} transfers, {} skipped\n",
            self.rows.len(),
            runs - different,
            sum(|o| o.unsteady),
            self.rows.len() - done.len()
        );
        for row in &self.rows {
            let what = match row.outcome {
                None => "skipped",
                Some(outcome) if outcome.different > 0 => "differs",
                Some(_) => continue,
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {} on {}: {what}", row.scenario, row.series);
        }
        text
    }

    /// A row for each driver and series.
    pub(crate) fn markdown(&self) -> String {
        let mut rows: BTreeMap<(&str, String), (usize, usize, usize, Outcome)> = BTreeMap::new();
        for row in &self.rows {
            let (scenarios, skipped, failing, sum) = rows.entry((&row.driver, row.series.to_string())).or_default();
            *scenarios += 1;
            match row.outcome {
                None => *skipped += 1,
                Some(outcome) => {
                    // The first run of each is the one without.
                    *failing += outcome.runs.saturating_sub(1);
                    sum.runs += outcome.runs;
                    sum.different += outcome.different;
                    sum.transfers += outcome.transfers;
                }
            }
        }
        let mut text = String::from(
            "<!-- SPDX-License-Identifier: GPL-2.0-only -->\n<!-- Written by `cargo xtask oracle --table`. -->\n\
             | driver | kernel | identical | scenarios | runs | with a failing transfer | transfers compared |\n\
             |---|---|---|---|---|---|---|\n",
        );
        for ((driver, series), (scenarios, skipped, failing, sum)) in rows {
            let identical = match (skipped, sum.different) {
                (1.., _) => "skipped".to_owned(),
                (_, 0) => "yes".to_owned(),
                (_, different) => format!("no, {different} runs differ"),
            };
            let (runs, transfers) = (sum.runs, sum.transfers);
            let _ = writeln!(
                text,
                "| {driver} | {series} | {identical} | {scenarios} | {runs} | {failing} | {transfers} |"
            );
        }
        text
    }
}

/// A line of the notes: scenario, series, runs, different, unsteady, transfers.
fn noted(line: &str) -> Option<((String, String), Outcome)> {
    let mut words = line.split(' ');
    let key = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut number = || words.next()?.parse().ok();
    let outcome = Outcome {
        runs: number()?,
        different: number()?,
        unsteady: number()?,
        transfers: number()?,
    };
    Some((key, outcome))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_taken_over_if_it_was_identical() {
        let scenarios = Scenario::find(&["lm75".to_owned(), "at24".to_owned()]).expect("scenarios");
        let dir = std::env::temp_dir().join(format!("oracle-{}-notes", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory");
        let path = dir.join("notes");
        let mut first = Table::resume(Some(&path)).expect("no notes yet");
        for (scenario, different) in scenarios.iter().zip([0, 1]) {
            let outcome = Outcome {
                runs: 3,
                different,
                unsteady: 0,
                transfers: 7,
            };
            assert!(!first.takes_over(scenario, Series::V6_12));
            first.add(scenario, Series::V6_12, outcome).expect("noted");
        }
        let mut second = Table::resume(Some(&path)).expect("notes");
        assert!(second.takes_over(&scenarios[0], Series::V6_12));
        assert!(!second.takes_over(&scenarios[0], Series::V6_1));
        assert!(!second.takes_over(&scenarios[1], Series::V6_12));
        assert!(second.markdown().contains("| lm75 | 6.12 | yes | 1 | 3 | 2 | 7 |"));
        std::fs::write(&path, "lm75 6.12 x\n").expect("written");
        assert!(Table::resume(Some(&path)).is_err());
        std::fs::remove_dir_all(&dir).expect("removed");
    }
}
