// SPDX-License-Identifier: GPL-2.0-only
//! The oracle's scenarios, on real Linux of both series and in a domain. That each transfer fails once is left to
//! `cargo xtask oracle`, which takes longer.

use super::tally::Tally;
use crate::{run, setup};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// The whole suite ends within the hour, also from an empty cache; the oracle is its last part.
const SUITE_LIMIT: Duration = Duration::from_secs(57 * 60);
/// What building real Linux twice and the scenarios take at the most.
const NEEDED: Duration = Duration::from_secs(15 * 60);

/// Captures that are there for their failing transfers; without them they are like other captures.
const LEFT_OUT: &str = "-capture-faults";

/// All other scenarios.
fn scenarios() -> Result<Vec<String>> {
    let dir = run::root().join("oracle/scenarios");
    let mut names = Vec::new();
    for entry in dir.read_dir().with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        let is_one = path.extension().is_some_and(|ext| ext == "toml");
        let name = path.file_stem().filter(|_| is_one);
        names.extend(name.map(|name| name.to_string_lossy().into_owned()));
    }
    names.retain(|name| !name.ends_with(LEFT_OUT));
    names.sort();
    Ok(names)
}

/// Builds real Linux, or finds it in the cache, and counts scenarios.
pub(super) fn run(is_quick: bool, begun: Instant, tally: &mut Tally) -> Result<()> {
    let left = SUITE_LIMIT.saturating_sub(begun.elapsed());
    let reason = if is_quick {
        Some("--quick was given".to_owned())
    } else if left < NEEDED {
        Some("the hour is nearly over (cargo xtask oracle runs it)".to_owned())
    } else {
        setup::ensure_oracle()
            .err()
            .map(|error| format!("{error:#}").replace('\n', " "))
    };
    if let Some(reason) = reason {
        tally.skip(format!("oracle: {reason}"));
        return Ok(());
    }
    println!("\noracle");
    let scenarios = scenarios()?;
    let mut args = vec!["run", "--quiet", "--package", "oracle", "--", "--no-faults"];
    args.extend(scenarios.iter().map(String::as_str));
    let oracle = setup::workspace_cargo(&args)?;
    let mut verdicts = Verdicts {
        is_ci: std::env::var_os("CI").is_some_and(|value| !value.is_empty()),
        ..Verdicts::default()
    };
    let status = run::lines(run::limited(oracle, left), |line| {
        println!("{line}");
        verdicts.read(line, tally);
    })?;
    if run::timed_out(status) {
        tally.fail("oracle: still running after the limit, ended");
    } else if !status.success() && !verdicts.is_any_bad {
        tally.fail("oracle: failed before its scenarios had run (see above)");
    }
    Ok(())
}

/// What the oracle's last lines say: `34 scenarios, …`, then those that are not identical, `  NAME on SERIES: differs`.
#[derive(Default)]
struct Verdicts {
    is_ci: bool,
    is_end: bool,
    is_any_bad: bool,
}

impl Verdicts {
    fn read(&mut self, line: &str, tally: &mut Tally) {
        let count = line
            .split_once(" scenarios, ")
            .and_then(|(count, _)| count.parse().ok());
        if let Some(count) = count {
            self.is_end = true;
            tally.pass_many(count);
        } else if self.is_end
            && let Some(name) = line.strip_suffix(": differs")
        {
            self.is_any_bad = true;
            tally.take_back(1);
            tally.fail(format!("oracle {}", name.trim()));
        } else if self.is_end
            && let Some(name) = line.strip_suffix(": skipped")
        {
            self.is_any_bad = true;
            tally.take_back(1);
            let what = format!("oracle {}", name.trim());
            // Where nobody looks, a comparison that did not take place is one that failed.
            if self.is_ci {
                tally.fail(format!("{what}: skipped"));
            } else {
                tally.skip(what);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Tally, Verdicts};

    #[test]
    fn what_differs_is_failed_and_the_rest_has_passed() {
        let (mut verdicts, mut tally) = (Verdicts::default(), Tally::default());
        for line in [
            "numbers on 6.12: signs: differs",
            "3 scenarios, 1 of 2 runs identical (0 at a second try), 7 transfers, 1 skipped",
            "  numbers on 6.12: differs",
            "  device-node on 6.1: skipped",
        ] {
            verdicts.read(line, &mut tally);
        }
        assert_eq!(tally.totals(), (1, 1, 1));
        assert!(verdicts.is_any_bad);
    }
}
