// SPDX-License-Identifier: GPL-2.0-only
//! All scenarios on one kernel series, some at once: each keeps one processor busy, since the two sides take turns.

use crate::Options;
use crate::linux::build;
use crate::linux::build::Kernel;
use crate::linux::machine::Machine;
use crate::pair::{Outcome, Pair};
use crate::scenario::Scenario;
use crate::table::Table;
use anyhow::{Context, Result, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use linux_compat::policy::{PolicyChoice, class_of_channel, class_of_driver};
use linux_compat::system::{Adapter, ClockKind, System, SystemOptions};
use linux_headers::{Locate, Series, Tree};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Lets everything pass: it is the kernel's own answers that are compared, and a policy would give others.
fn open_policy(scenarios: &[Scenario]) -> PolicyChoice {
    let drivers = scenarios.iter().map(|scenario| class_of_driver(&scenario.driver));
    let ours = ["linuxcompat.Supervisor", "linuxcompat.Client"].map(str::to_owned);
    let servers = ["i2c0", "gpio", "log", "firmware", "clock"].map(class_of_channel);
    let classes: BTreeSet<String> = drivers.chain(ours).chain(servers).collect();
    let grants = ["execute", "request", "response", "error"].map(|kind| format!("{kind} {{ grant () }}\n"));
    let uses: String = classes.iter().map(|class| format!("use EDL {class}\n")).collect();
    PolicyChoice::Text(format!("use nk.base._\n{}{uses}", grants.concat()))
}

/// How domains are here: as much like real Linux's machine as they can be, with firmware from `firmware`.
pub(crate) fn domains(series: Series, scenarios: &[Scenario], firmware: &Path) -> SystemOptions {
    SystemOptions {
        series: Some(series),
        clock: ClockKind::Virtual,
        adapter: Adapter::Virtio,
        records_buses: true,
        policy: open_policy(scenarios),
        firmware: Some(firmware.to_owned()),
        ..SystemOptions::default()
    }
}

/// Runs the scenarios that `table` does not have yet, and adds what came of them.
pub(crate) fn run(options: &Options, series: Series, scenarios: &[Scenario], table: &mut Table) -> Result<()> {
    let mut skip = |why: &str| {
        for scenario in scenarios {
            println!("SKIPPED {} on {series}: {why}", scenario.name);
            table.skip(scenario, series);
        }
    };
    if std::env::consts::ARCH != "x86_64" {
        skip("User-Mode Linux of these kernels runs on x86_64 only");
        return Ok(());
    }
    let tree = Tree::locate(&Locate {
        series: Some(series),
        ..Locate::default()
    })?;
    let kernel = build::kernel(&tree.completed()?)?;
    if options.build {
        return Ok(());
    }
    if let Err(error) = Machine::probe(&kernel) {
        skip(&format!("this machine does not run User-Mode Linux: {error:#}"));
        return Ok(());
    }
    let left: Vec<&Scenario> = scenarios
        .iter()
        .filter(|scenario| !table.takes_over(scenario, series))
        .collect();
    let work = Work {
        options,
        series,
        kernel: &kernel,
        scenarios,
        progress: progress(left.len()),
        left,
        begun: AtomicUsize::new(0),
        table: Mutex::new(table),
    };
    work.run()
}

/// How far it is, on a terminal.
fn progress(count: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {pos} of {len} scenarios, {elapsed}: {msg}");
    let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// What the workers share.
struct Work<'a> {
    options: &'a Options,
    series: Series,
    kernel: &'a Kernel,
    scenarios: &'a [Scenario],
    left: Vec<&'a Scenario>,
    /// How many of them were begun.
    begun: AtomicUsize,
    table: Mutex<&'a mut Table>,
    progress: ProgressBar,
}

impl Work<'_> {
    fn run(&self) -> Result<()> {
        let processors = std::thread::available_parallelism();
        let jobs = self.options.jobs.or(processors.ok()).map_or(1, NonZeroUsize::get);
        let done = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs.min(self.left.len()))
                .map(|number| scope.spawn(move || self.worker(number)))
                .collect();
            let ends = workers.into_iter().map(|worker| match worker.join() {
                Ok(done) => done,
                Err(_) => Err(anyhow!("a worker panicked (see above)")),
            });
            // All are waited for, also behind one that failed.
            ends.collect::<Vec<_>>().into_iter().collect()
        });
        self.progress.finish_and_clear();
        done
    }

    /// Takes one scenario after the other, in a system of its own.
    fn worker(&self, number: usize) -> Result<()> {
        let firmware = FirmwareDir::new(number);
        let system = System::new(domains(self.series, self.scenarios, &firmware.0))?;
        while let Some(scenario) = self.left.get(self.begun.fetch_add(1, Ordering::Relaxed)) {
            self.progress.set_message(scenario.name.clone());
            let pair = Pair {
                options: self.options,
                series: self.series,
                kernel: self.kernel,
                system: &system,
                scenario,
                firmware: &firmware.0,
                text: RefCell::default(),
            };
            let outcome = pair.all().unwrap_or_else(|error| {
                // Real Linux that panics, or a domain that dies: the other scenarios are run all the same.
                pair.text.borrow_mut().push_str(&format!("  failed: {error:#}\n"));
                Outcome::FAILED
            });
            let text = pair.text.into_inner();
            self.progress.suspend(|| print!("{text}"));
            self.progress.inc(1);
            let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
            table.add(scenario, self.series, outcome).context("what came of it")?;
        }
        Ok(())
    }
}

/// A directory of the domains' firmware server.
struct FirmwareDir(PathBuf);

impl FirmwareDir {
    fn new(number: usize) -> Self {
        Self(std::env::temp_dir().join(format!("oracle-{}-firmware-{number}", std::process::id())))
    }
}

impl Drop for FirmwareDir {
    fn drop(&mut self) {
        // There is none if no domain was started.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
