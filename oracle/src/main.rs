// SPDX-License-Identifier: GPL-2.0-only
//! Real Linux as the oracle: the same driver, the same board and the same chip model, in a domain and in User-Mode
//! Linux built from the same tree; every difference that a user, a client or the chip could see is told.
//!
//! * [`linux`]: User-Mode Linux with our chips. [`side`]: both kernels behind one set of questions. [`sockets`]: those
//!   about sockets. [`nfc`]: a user of an NFC controller, over [`netlink`] and raw sockets.
//! * [`scenario`]: what is done, as data. [`run`]: doing it, [`tree`] where in sysfs. [`compare`]: what differs, and
//!   what may.
//! * [`kunit`]: Linux's own tests on real Linux, for `linux-compat kunit` to compare with.
//! * [`sites`]: the driver's source lines behind what differs on the bus.
//! * [`pair`]: a scenario on both sides, with each transfer failing once. [`series`]: all of them on one kernel, some
//!   at once. [`table`]: what came of it.

mod compare;
mod ioctl;
mod kunit;
mod linux;
mod netlink;
mod nfc;
mod pair;
mod run;
mod scenario;
mod series;
mod side;
mod sites;
mod sockets;
mod table;
mod tree;

use anyhow::{Context, Result};
use clap::Parser;
use linux_headers::Series;
use scenario::Scenario;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use table::Table;

const EXIT_STATUS: &str = "\
Exit status:
  0  all runs are identical, or this machine cannot run real Linux and the scenarios were skipped by name
  1  something differs, failed, or was skipped where that counts (--no-skips, or CI is set)
  2  the command line is wrong
  130  a signal ended it";

/// Runs scenarios in a domain and on real Linux, and says what differs
#[derive(Debug, Parser)]
#[command(name = "oracle", after_help = EXIT_STATUS)]
struct Options {
    /// Scenarios by name or file [default: all]
    scenarios: Vec<String>,
    /// Kernel series
    #[arg(long, value_delimiter = ',', value_parser = series_of, default_value = "6.12,6.1")]
    kernel: Vec<Series>,
    /// Run each scenario once only, without a failing transfer
    #[arg(long)]
    no_faults: bool,
    /// Run each scenario once only, with this transfer failing
    #[arg(long, value_name = "N", conflicts_with_all = ["no_faults", "resume"])]
    nth: Option<usize>,
    /// Say which differences are allowed, and why
    #[arg(long)]
    allowed: bool,
    /// Only build User-Mode Linux
    #[arg(long)]
    build: bool,
    /// Let the domain's chips feel something else, and want each scenario to notice
    #[arg(long)]
    sabotage: bool,
    /// Run Linux's own tests on real Linux only, and write their results into a directory, as uml-SERIES.tsv
    #[arg(long, value_name = "DIR", conflicts_with_all = ["scenarios", "no_faults", "nth", "sabotage", "table"])]
    kunit: Option<PathBuf>,
    /// Count what is skipped as failed
    #[arg(long)]
    no_skips: bool,
    /// Write what came of it into a file, as a table in Markdown
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Note what came of each scenario in a file, and leave out what is identical there already
    #[arg(long, value_name = "FILE", conflicts_with_all = ["no_faults", "sabotage"])]
    resume: Option<PathBuf>,
    /// Run so many scenarios at once [default: as many as there are processors]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Print what each step did
    #[arg(long, short)]
    verbose: bool,
}

fn series_of(text: &str) -> Result<Series, String> {
    Series::of_version(text).ok_or_else(|| "expected 6.12 or 6.1".to_owned())
}

/// A signal ends real Linux with us.
fn catch_signals() -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if signals.forever().next().is_some() {
            linux::machine::end_all();
            std::process::exit(130);
        }
    })?;
    Ok(())
}

fn main() -> ExitCode {
    if let Err(error) = catch_signals() {
        eprintln!("oracle: signals: {error}");
        return ExitCode::FAILURE;
    }
    match command(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("oracle: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether all went well.
fn command(options: &Options) -> Result<bool> {
    if options.allowed {
        print!("{}", compare::allowed());
        return Ok(true);
    }
    if let Some(dir) = &options.kunit {
        for series in &options.kernel {
            kunit::record(*series, dir, options.build, options.verbose)?;
        }
        return Ok(true);
    }
    let scenarios = Scenario::find(&options.scenarios)?;
    let mut table = Table::resume(options.resume.as_deref())?;
    for series in &options.kernel {
        series::run(options, *series, &scenarios, &mut table)?;
    }
    if options.build {
        return Ok(true);
    }
    print!("\n{}", table.text());
    if let Some(path) = &options.table {
        std::fs::write(path, table.markdown()).with_context(|| path.display().to_string())?;
    }
    let skips_fail = options.no_skips || std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    Ok(if options.sabotage {
        table.is_all_different()
    } else {
        table.is_all_identical(skips_fail)
    })
}
