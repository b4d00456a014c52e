// SPDX-License-Identifier: GPL-2.0-only
//! One scenario on one kernel series: run on both sides, once as it is and once for each transfer that can fail.

use crate::Options;
use crate::compare;
use crate::linux::build::Kernel;
use crate::run::{self, Chip, Record, Run};
use crate::scenario::Scenario;
use crate::series;
use crate::side::{DomainSide, LinuxSide, Start};
use crate::sites::Sites;
use anyhow::{Context, Result};
use board::{Fault, Stimulus};
use linux_compat::system::{LogLine, System, SystemOptions};
use linux_headers::Series;
use std::cell::RefCell;
use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// One scenario on one series.
pub(crate) struct Pair<'a> {
    pub(crate) options: &'a Options,
    pub(crate) series: Series,
    pub(crate) kernel: &'a Kernel,
    pub(crate) system: &'a System,
    pub(crate) scenario: &'a Scenario,
    /// Where the domains' firmware server looks.
    pub(crate) firmware: &'a Path,
    /// What is to be printed when all has run: other scenarios run meanwhile.
    pub(crate) text: RefCell<String>,
}

/// Adds a line to a pair's text.
macro_rules! say {
    ($pair:expr, $($line:tt)*) => {{
        // Writing to a string cannot fail.
        let _ = writeln!($pair.text.borrow_mut(), $($line)*);
    }};
}

/// What came of a scenario.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) runs: usize,
    pub(crate) different: usize,
    /// Runs that differed, and then did not.
    pub(crate) unsteady: usize,
    /// On real Linux, over all runs.
    pub(crate) transfers: usize,
}

impl Outcome {
    /// A run that came to no end.
    pub(crate) const FAILED: Self = Self {
        runs: 1,
        different: 1,
        unsteady: 0,
        transfers: 0,
    };
}

impl Pair<'_> {
    /// The run without a failing transfer, then one for each transfer that can fail.
    pub(crate) fn all(&self) -> Result<Outcome> {
        let name = &self.scenario.name;
        say!(self, "{name} on {}: {}", self.series, self.scenario.about);
        let mut outcome = Outcome::default();
        for nth in self.options.nth.unwrap_or(0).. {
            let (domain, linux) = self.steady(nth, &mut outcome)?;
            outcome.runs += 1;
            outcome.transfers += linux.transfers;
            if nth == 0 {
                self.figures(&domain, &linux);
            }
            // Nothing failed in this run that did not fail in the first.
            let is_over = nth > domain.transfers.max(linux.transfers);
            let is_one = self.options.no_faults || self.options.nth.is_some();
            if is_over || is_one || self.scenario.fail_nth.is_none() {
                break;
            }
        }
        let Outcome {
            runs,
            different,
            unsteady,
            transfers,
        } = outcome;
        let same = runs - different;
        say!(
            self,
            "  {same} of {runs} runs identical, {unsteady} of them at a second try, {transfers} transfers"
        );
        Ok(outcome)
    }

    /// Runs until nothing differs, or something has differed or failed three times (docs/oracle.md): what does so only
    /// once is told, and is counted apart. A machine that stood still, for one, ends real Linux.
    fn steady(&self, nth: usize, outcome: &mut Outcome) -> Result<(Run, Run)> {
        const TRIES: usize = 3;
        let (mut tries, mut sites) = (0, None);
        loop {
            tries += 1;
            let (domain, linux) = match self.both(nth).with_context(|| format!("transfer {nth} fails")) {
                Err(error) if tries < TRIES => {
                    say!(self, "  failed, at try {tries}: {error:#}");
                    continue;
                }
                ran => ran?,
            };
            let found = compare::compare(&domain, &linux);
            if found.is_empty() {
                outcome.unsteady += usize::from(tries > 1);
                return Ok((domain, linux));
            }
            if !self.options.sabotage || self.options.verbose {
                let fault = if nth == 0 {
                    String::new()
                } else {
                    format!(" when transfer {nth} fails")
                };
                say!(self, "  differs{fault}, at try {tries}:");
                if sites.is_none() {
                    sites = self.sites(nth).unwrap_or_else(|error| {
                        say!(self, "  where its transfers come from is not known: {error:#}");
                        None
                    });
                }
                for difference in &found {
                    self.text.borrow_mut().push_str(&difference.table(sites.as_ref()));
                }
            }
            if tries == TRIES || self.options.sabotage {
                outcome.different += 1;
                return Ok((domain, linux));
            }
        }
    }

    /// Runs the domain once more, and asks where its transfers come from.
    fn sites(&self, nth: usize) -> Result<Option<Sites>> {
        let log = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&log);
        let lines =
            move |_: &str, line: &LogLine| told.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
        let system = System::new(SystemOptions {
            traces_transfers: true,
            on_log: Some(Arc::new(lines)),
            ..series::domains(self.series, std::slice::from_ref(self.scenario), self.firmware)
        })?;
        let built = system.build(&self.scenario.driver, &self.scenario.board()?)?;
        let mut side = DomainSide::start(&system, &built, &self.domain_start(nth)?)?;
        let run = run::run(&mut side, &self.chip()?, self.scenario, Instant::now())?;
        let transcript = run::transcript(&side, 0).into_iter().map(|(_, line)| line).collect();
        let log = log.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Sites::of_run(&run, side.domain(), &log, transcript))
    }

    fn chip(&self) -> Result<Chip> {
        let described = self.scenario.board()?;
        let part = described.parts().into_iter().next().context("the board has no chip")?;
        let driver = self.scenario.bus_name.as_ref().unwrap_or(&self.scenario.driver);
        Ok(Chip {
            device: format!("0-{:04x}", part.reg),
            driver: driver.clone(),
        })
    }

    fn start(&self, nth: usize) -> Result<Start<'_>> {
        let mut faults = Vec::new();
        for fault in &self.scenario.faults {
            faults.extend(Fault::parse(fault)?);
        }
        if let (1.., Some(target)) = (nth, &self.scenario.fail_nth) {
            faults.extend(Fault::parse(&format!("{target}=fail-nth={nth}:EIO"))?);
        }
        Ok(Start {
            scenario: self.scenario,
            stimulus: Stimulus::parse_all(self.scenario.stimulus.split_whitespace())?,
            faults,
            firmware: self.firmware,
        })
    }

    fn domain_start(&self, nth: usize) -> Result<Start<'_>> {
        let mut start = self.start(nth)?;
        if self.options.sabotage {
            start.stimulus.accel[0] += 1.0;
            start.stimulus.rate[0] += 1.0;
        }
        Ok(start)
    }

    fn both(&self, nth: usize) -> Result<(Run, Run)> {
        let scenario = self.scenario;
        let chip = self.chip()?;
        let built = self.system.build(&scenario.driver, &scenario.board()?)?;
        let start = self.start(nth)?;
        let ours = self.domain_start(nth)?;
        let begun = Instant::now();
        let mut side = DomainSide::start(self.system, &built, &ours)?;
        let domain = run::run(&mut side, &chip, scenario, begun).context("in the domain")?;
        drop(side);
        let begun = Instant::now();
        let mut side = LinuxSide::start(self.kernel, &start)?;
        let linux = run::run(&mut side, &chip, scenario, begun).context("on real Linux")?;
        if self.options.verbose {
            for (ours, theirs) in domain.records.iter().zip(&linux.records) {
                let us = |record: &Record| record.end_ns / 1000;
                say!(
                    self,
                    "    {} ({} us, on real Linux {} us)",
                    theirs.step,
                    us(ours),
                    us(theirs)
                );
                say!(self, "        {}", theirs.lines.join("\n        "));
            }
        }
        Ok((domain, linux))
    }

    /// How long it took, on this machine at this time.
    fn figures(&self, domain: &Run, linux: &Run) {
        let ms = |run: &Run| (run.start.as_secs_f64() * 1e3, run.whole.as_secs_f64() * 1e3);
        let ((start, whole), (start_there, whole_there)) = (ms(domain), ms(linux));
        say!(
            self,
            "  start to bound driver {start:.1} ms, on real Linux {start_there:.1} ms"
        );
        say!(self, "  whole {whole:.1} ms, on real Linux {whole_there:.1} ms");
        if let (Some(here), Some(there)) = (domain.reads_per_s, linux.reads_per_s) {
            say!(self, "  {here:.0} readings/s, on real Linux {there:.0}");
        }
    }
}
