// SPDX-License-Identifier: GPL-2.0-only
//! What came of all scenarios: a line for each, and the table of the documentation.

use crate::pair::Outcome;
use crate::scenario::Scenario;
use linux_headers::Series;
use std::collections::BTreeMap;
use std::fmt::Write;

struct Row {
    driver: String,
    scenario: String,
    series: Series,
    /// `None` if it was skipped.
    outcome: Option<Outcome>,
}

/// The outcomes of all scenarios.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    pub(crate) fn add(&mut self, scenario: &Scenario, series: Series, outcome: Outcome) {
        self.push(scenario, series, Some(outcome));
    }

    pub(crate) fn skip(&mut self, scenario: &Scenario, series: Series) {
        self.push(scenario, series, None);
    }

    fn push(&mut self, scenario: &Scenario, series: Series, outcome: Option<Outcome>) {
        self.0.push(Row {
            driver: scenario.driver.clone(),
            scenario: scenario.name.clone(),
            series,
            outcome,
        });
    }

    pub(crate) fn is_all_identical(&self, skips_fail: bool) -> bool {
        self.0
            .iter()
            .all(|row| row.outcome.map_or(!skips_fail, |outcome| outcome.different == 0))
    }

    pub(crate) fn is_all_different(&self) -> bool {
        self.0
            .iter()
            .all(|row| row.outcome.is_some_and(|outcome| outcome.different > 0))
    }

    /// One line, with what differs and what was skipped by name.
    pub(crate) fn text(&self) -> String {
        let done: Vec<Outcome> = self.0.iter().filter_map(|row| row.outcome).collect();
        let sum = |part: fn(&Outcome) -> usize| done.iter().map(part).sum::<usize>();
        let (runs, different, transfers) = (sum(|o| o.runs), sum(|o| o.different), sum(|o| o.transfers));
        let mut text = format!(
            "{} scenarios, {} of {runs} runs identical ({} at a second try), {transfers} transfers, {} skipped\n",
            self.0.len(),
            runs - different,
            sum(|o| o.unsteady),
            self.0.len() - done.len()
        );
        for row in &self.0 {
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
        let mut rows: BTreeMap<(&str, String), (usize, usize, Outcome)> = BTreeMap::new();
        for row in &self.0 {
            let (scenarios, skipped, sum) = rows.entry((&row.driver, row.series.to_string())).or_default();
            *scenarios += 1;
            match row.outcome {
                None => *skipped += 1,
                Some(outcome) => {
                    sum.runs += outcome.runs;
                    sum.different += outcome.different;
                    sum.transfers += outcome.transfers;
                }
            }
        }
        let mut text = String::from(
            "<!-- SPDX-License-Identifier: GPL-2.0-only -->\n<!-- Written by `cargo xtask oracle --table`. -->\n\
             | driver | kernel | identical | scenarios | runs | transfers compared |\n|---|---|---|---|---|---|\n",
        );
        for ((driver, series), (scenarios, skipped, sum)) in rows {
            let identical = match (skipped, sum.different) {
                (1.., _) => "skipped".to_owned(),
                (_, 0) => "yes".to_owned(),
                (_, different) => format!("no, {different} runs differ"),
            };
            let (runs, transfers) = (sum.runs, sum.transfers);
            let _ = writeln!(
                text,
                "| {driver} | {series} | {identical} | {scenarios} | {runs} | {transfers} |"
            );
        }
        text
    }
}
