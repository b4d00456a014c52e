// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask test`: every test there is, and one line at the end that adds the runners' own totals up.
//!
//! [`tally`] reads what the test runners say; [`aarch64`] runs the domain side on that architecture;
//! [`oracle`] compares with real Linux; [`fuzz`] runs each fuzz target for a minute.

pub(crate) mod aarch64;
mod fuzz;
mod oracle;
mod tally;

use crate::{Usage, run, setup};
use anyhow::Result;
use std::time::{Duration, Instant};
use tally::Tally;

/// Unattended, the tests together take minutes; what takes longer hangs.
const LIMIT: Duration = Duration::from_secs(43 * 60);

/// Runs the suite; false if anything failed.
pub(crate) fn command(args: &[String]) -> Result<bool> {
    let mut is_quick = false;
    let mut filter = None;
    for arg in args {
        match arg.as_str() {
            "--quick" => is_quick = true,
            flag if flag.starts_with('-') => return Err(Usage(format!("test: unknown option {flag:?}")).into()),
            name if filter.is_none() => filter = Some(name),
            more => return Err(Usage(format!("test: one filter at most, found {more:?} too")).into()),
        }
    }
    let begun = Instant::now();
    setup::ensure()?;
    let mut tally = Tally::default();
    if !is_quick && let Err(error) = setup::ensure_browser() {
        // Those tests say so themselves; whoever runs all should read it at the end, too.
        tally.skip(format!("pages in a browser: {error:#}"));
    }
    workspace(filter, &mut tally)?;
    if filter.is_none() {
        aarch64::run(is_quick, &mut tally)?;
        fuzz::smoke(is_quick, &mut tally)?;
        oracle::run(is_quick, begun, &mut tally)?;
    }
    tally.print(begun.elapsed());
    Ok(tally.is_clean())
}

/// Unit tests, documentation's examples and acceptance tests of all packages; cargo builds and starts them.
fn workspace(filter: Option<&str>, tally: &mut Tally) -> Result<()> {
    let mut args = vec!["test", "--workspace", "--no-fail-fast"];
    args.extend(filter.map(|name| ["--", name]).iter().flatten());
    let status = run::lines(run::limited(setup::workspace_cargo(&args)?, LIMIT), |line| {
        println!("{line}");
        tally.read(line);
    })?;
    if run::timed_out(status) {
        tally.fail("cargo test: still running after the limit, ended");
    } else if !status.success() && tally.is_clean() {
        // No test says so, so it is the build, or a test's process that died before its totals.
        tally.fail("cargo test: failed without a test's name (see above)");
    }
    Ok(())
}
