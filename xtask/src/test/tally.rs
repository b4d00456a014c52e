// SPDX-License-Identifier: GPL-2.0-only
//! Totals, added up from what the runners print.

use std::time::Duration;

/// What has been run so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    failures: Vec<String>,
    skips: Vec<String>,
}

impl Tally {
    /// Reads a line of libtest's output: a test's own (`test NAME ... FAILED`) or a binary's totals.
    pub(super) fn read(&mut self, line: &str) {
        if let Some(totals) = line.strip_prefix("test result: ") {
            self.add_totals(totals);
        } else if let Some((name, outcome)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) {
            match outcome {
                "FAILED" => self.failures.push(name.to_owned()),
                _ if outcome.starts_with("ignored") => self.skips.push(format!("{name}: {outcome}")),
                _ => {}
            }
        }
    }

    /// `ok. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s`
    fn add_totals(&mut self, totals: &str) {
        let fields = totals.split(['.', ';']).map(str::trim);
        for (count, what) in fields.filter_map(|field| field.split_once(' ')) {
            let Ok(count) = count.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.skipped += count,
                _ => {}
            }
        }
    }

    /// Counts one thing that passed and is no libtest test.
    pub(super) fn pass(&mut self) {
        self.passed += 1;
    }

    /// Counts several, as a runner's last line tells them.
    pub(super) fn pass_many(&mut self, count: u64) {
        self.passed += count;
    }

    /// Of what was counted as passed, so many turn out not to have.
    pub(super) fn take_back(&mut self, count: u64) {
        self.passed = self.passed.saturating_sub(count);
    }

    /// Passed, failed, skipped.
    #[cfg(test)]
    pub(super) fn totals(&self) -> (u64, u64, u64) {
        (self.passed, self.failed, self.skipped)
    }

    /// Counts one thing that failed and is no libtest test.
    pub(super) fn fail(&mut self, what: impl Into<String>) {
        self.failed += 1;
        self.failures.push(what.into());
    }

    /// Counts one thing that was not run, and says so at once and at the end.
    pub(super) fn skip(&mut self, what: impl Into<String>) {
        let what = what.into();
        eprintln!("SKIPPED {what}");
        self.skipped += 1;
        self.skips.push(what);
    }

    /// Nothing failed.
    pub(super) fn is_clean(&self) -> bool {
        self.failed == 0
    }

    /// Prints what failed and what was skipped, by name, then the totals.
    pub(super) fn print(&self, took: Duration) {
        println!();
        for name in &self.skips {
            println!("skipped  {name}");
        }
        for name in &self.failures {
            println!("FAILED   {name}");
        }
        println!("in {:.0} s", took.as_secs_f64());
        println!(
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        );
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn totals_of_all_binaries_are_added() {
        let mut tally = Tally::default();
        for line in [
            "test nk::tests::header ... ok",
            "test nk::tests::arena ... FAILED",
            "test slow ... ignored, needs real hardware",
            "test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.00s",
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s",
        ] {
            tally.read(line);
        }
        assert_eq!((tally.passed, tally.failed, tally.skipped), (13, 1, 1));
        assert_eq!(tally.failures, ["nk::tests::arena"]);
        assert_eq!(tally.skips, ["slow: ignored, needs real hardware"]);
        assert!(!tally.is_clean());
    }
}
