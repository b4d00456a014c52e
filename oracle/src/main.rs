// SPDX-License-Identifier: GPL-2.0-only
//! Real Linux as the oracle: the same driver, the same board and the same chip model, in a domain and in User-Mode
//! Linux built from the same tree; every difference that a user, a client or the chip could see is told.
//!
//! * [`linux`]: User-Mode Linux with our chips. [`side`]: both kernels behind one set of questions.
//! * [`scenario`]: what is done, as data. [`run`]: doing it. [`compare`]: what differs, and what may.

mod compare;
mod linux;
mod run;
mod scenario;
mod side;

use anyhow::{Context, Result};
use board::{Fault, Stimulus};
use clap::Parser;
use linux_compat::Board;
use linux_compat::system::{Adapter, ClockKind, System, SystemOptions};
use linux_headers::{Locate, Series, Tree};
use run::{Chip, Run};
use scenario::Scenario;
use side::{DomainSide, LinuxSide, Start};
use std::process::ExitCode;
use std::time::Instant;

/// Runs scenarios in a domain and on real Linux, and says what differs
#[derive(Debug, Parser)]
#[command(name = "oracle")]
struct Options {
    /// Scenarios by name or file [default: all]
    scenarios: Vec<String>,
    /// Kernel series
    #[arg(long, value_delimiter = ',', value_parser = series, default_value = "6.12,6.1")]
    kernel: Vec<Series>,
    /// Run each scenario once only, without a failing transfer
    #[arg(long)]
    no_faults: bool,
    /// Say which differences are allowed, and why
    #[arg(long)]
    allowed: bool,
    /// Only build User-Mode Linux
    #[arg(long)]
    build: bool,
    /// Print what each step did
    #[arg(long, short)]
    verbose: bool,
}

fn series(text: &str) -> Result<Series, String> {
    Series::of_version(text).ok_or_else(|| "expected 6.12 or 6.1".to_owned())
}

fn main() -> ExitCode {
    match command(&Options::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("oracle: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns how many runs differed.
fn command(options: &Options) -> Result<usize> {
    if options.allowed {
        print!("{}", compare::allowed());
        return Ok(0);
    }
    let scenarios = Scenario::find(&options.scenarios)?;
    let mut different = 0;
    for series in &options.kernel {
        let tree = Tree::locate(&Locate {
            series: Some(*series),
            ..Locate::default()
        })?
        .completed()?;
        let kernel = linux::build::kernel(&tree)?;
        if options.build {
            continue;
        }
        let system = System::new(SystemOptions {
            series: Some(*series),
            clock: ClockKind::Virtual,
            adapter: Adapter::Virtio,
            records_buses: true,
            ..SystemOptions::default()
        })?;
        for scenario in &scenarios {
            let pair = Pair {
                options,
                series: *series,
                kernel: &kernel,
                system: &system,
                scenario,
            };
            different += pair.all().with_context(|| format!("{} on {series}", scenario.name))?;
        }
    }
    Ok(different)
}

/// One scenario on one series.
struct Pair<'a> {
    options: &'a Options,
    series: Series,
    kernel: &'a linux::build::Kernel,
    system: &'a System,
    scenario: &'a Scenario,
}

impl Pair<'_> {
    /// The run without a failing transfer, then one for each transfer that can fail.
    fn all(&self) -> Result<usize> {
        let name = &self.scenario.name;
        if self.options.verbose {
            println!("{name} on {}: {}", self.series, self.scenario.about);
        }
        let (mut different, mut runs, mut transfers) = (0, 0, 0);
        let mut nth = 0;
        loop {
            let (domain, linux) = self.both(nth).with_context(|| format!("transfer {nth} fails"))?;
            let found = compare::compare(&domain, &linux);
            runs += 1;
            transfers += linux.transfers;
            if !found.is_empty() {
                different += 1;
                let fault = if nth == 0 { String::new() } else { format!(", transfer {nth} fails") };
                println!("{name} on {}{fault}: differs", self.series);
                for difference in found {
                    print!("{}", difference.table());
                }
            }
            if nth == 0 {
                println!(
                    "{name} on {}: start to bound driver {} µs here, {} µs on real Linux; whole {} µs, {} µs",
                    self.series,
                    domain.start.as_micros(),
                    linux.start.as_micros(),
                    domain.whole.as_micros(),
                    linux.whole.as_micros()
                );
            }
            nth += 1;
            let is_over = nth > domain.transfers.max(linux.transfers);
            if is_over || self.options.no_faults || self.scenario.fail_nth.is_none() {
                break;
            }
        }
        let same = runs - different;
        println!("{name} on {}: {same} of {runs} runs identical, {transfers} transfers", self.series);
        Ok(different)
    }

    fn both(&self, nth: usize) -> Result<(Run, Run)> {
        let scenario = self.scenario;
        let described = Board::of_driver(&scenario.driver)?;
        let part = described.parts().into_iter().next().context("the board has no chip")?;
        let chip = Chip {
            device: format!("0-{:04x}", part.reg),
            driver: scenario.driver.clone(),
        };
        let mut faults = Vec::new();
        for fault in &scenario.faults {
            faults.extend(Fault::parse(fault)?);
        }
        if let (1.., Some(target)) = (nth, &scenario.fail_nth) {
            faults.extend(Fault::parse(&format!("{target}=fail-nth={nth}:EIO"))?);
        }
        let start = Start {
            driver: &scenario.driver,
            stimulus: Stimulus::parse_all(scenario.stimulus.split_whitespace())?,
            faults,
        };
        let built = self.system.build(&scenario.driver, &described)?;
        let begun = Instant::now();
        let mut domain = DomainSide::start(self.system, &built, &start)?;
        let domain = run::run(&mut domain, &chip, scenario, begun).context("in the domain")?;
        let begun = Instant::now();
        let mut linux = LinuxSide::start(self.kernel, &start)?;
        let linux = run::run(&mut linux, &chip, scenario, begun).context("on real Linux")?;
        if self.options.verbose {
            for record in &linux.records {
                println!("{}\n    {}", record.step, record.lines.join("\n    "));
            }
        }
        Ok((domain, linux))
    }
}
