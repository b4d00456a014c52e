// SPDX-License-Identifier: GPL-2.0-only
//! Runs groups of tests: one image and one domain for many of them, under virtual time, on a board with an empty bus.

use super::count::{self, Count};
use super::ktap::{self, Suite};
use super::suites::{Group, Plan};
use crate::board::Board;
use crate::build::{BuildError, BuildRequest, Built};
use crate::policy::PolicyChoice;
use crate::system::{self, ClockKind, DriverSpec, OnLog, System, SystemError, SystemOptions};
use linux_headers::{Locate, Profile, Series, Tree};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long an image may run: many times what the longest takes.
const LIMIT: Duration = Duration::from_secs(300);

/// What an image may write: `test_rhashtable` alone has half a million objects.
const MEMORY_BYTES: u64 = 256 << 20;

/// How much of the log goes with the report on a domain's end.
const LAST_LINES: usize = 6;

/// What came of a group.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// Its suites' results; empty for a module that counts for itself.
    pub suites: Vec<Suite>,
    /// What the module says, if it counts for itself.
    pub count: Option<Count>,
    /// Why it could not be run to its end: its image cannot be built, or its domain died.
    pub trouble: Option<String>,
}

/// Runs groups on one kernel.
#[derive(Clone, Debug)]
pub struct Runner {
    /// The kernel tree.
    pub tree: Tree,
    /// Optimised, or with Linux's debugging options.
    pub profile: Profile,
    /// Builds files that differ from upstream's.
    pub allow_modified: bool,
    /// What is broken on purpose, to see the tests fail.
    pub sabotage: Option<super::sabotage::Sabotage>,
}

fn board() -> Result<Board, SystemError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kunit/kunit.dts");
    Ok(Board::open(&path)?)
}

impl Runner {
    /// Runs on the tree of a series, or on another.
    ///
    /// # Errors
    ///
    /// There is no tree.
    pub fn new(linux: Option<PathBuf>, series: Option<Series>) -> Result<Self, SystemError> {
        Ok(Self {
            // Some tests include files that no driver needs.
            tree: Tree::locate(&Locate { linux, series })?.completed()?,
            profile: Profile::Release,
            allow_modified: false,
            sabotage: None,
        })
    }

    /// Builds one image for some groups, or finds it built.
    ///
    /// # Errors
    ///
    /// One variant per step.
    pub fn build(&self, groups: &[&Group]) -> Result<Built, SystemError> {
        let change = |request: &mut BuildRequest| {
            request.wishes = groups.iter().flat_map(|group| group.wishes.clone()).collect();
            request.wishes.sort();
            request.wishes.dedup();
            if let Some(sabotage) = self.sabotage {
                sabotage.apply(request);
            }
        };
        let symbols: Vec<String> = groups.iter().map(|group| format!("CONFIG_{}", group.symbol)).collect();
        system::build_image_with(
            self.tree.clone(),
            &symbols.join(" "),
            &board()?,
            self.profile,
            self.allow_modified,
            change,
        )
    }

    /// Builds and runs groups, several in one image and domain; the results are in the order of `groups`.
    ///
    /// # Errors
    ///
    /// A domain cannot be made, or a signal ended it. That an image cannot be built, or that a domain dies, is a
    /// result.
    pub fn run(&self, groups: &[&Group]) -> Result<Vec<Ran>, SystemError> {
        let mut results: Vec<Ran> = vec![Ran::default(); groups.len()];
        let mut batches: Vec<Vec<usize>> = vec![Vec::new(), Vec::new()];
        for (number, group) in groups.iter().enumerate() {
            let shared = usize::from(matches!(group.plan, Plan::Count(_)));
            if group.is_alone {
                batches.push(vec![number]);
            } else if let Some(batch) = batches.get_mut(shared) {
                batch.push(number);
            }
        }
        for mut batch in batches {
            while !batch.is_empty() {
                batch = self.run_batch(groups, batch, &mut results)?;
            }
        }
        Ok(results)
    }

    /// Runs groups in one image and returns those that did not get their turn, because another's failed.
    fn run_batch(&self, all: &[&Group], batch: Vec<usize>, results: &mut [Ran]) -> Result<Vec<usize>, SystemError> {
        let groups: Vec<&Group> = batch.iter().filter_map(|number| all.get(*number).copied()).collect();
        let built = match self.build(&groups) {
            Ok(built) => built,
            Err(SystemError::Build(BuildError::Cancelled)) => return Err(BuildError::Cancelled.into()),
            Err(error) => {
                let (out, left): (Vec<usize>, Vec<usize>) = batch
                    .iter()
                    .partition(|number| all.get(**number).is_some_and(|group| is_to_blame(group, &error)));
                let (out, left) = if out.is_empty() { (left, out) } else { (out, left) };
                for number in out {
                    blame(results, number, error.to_string());
                }
                return Ok(left);
            }
        };
        let (log, death) = self.boot(&built)?;
        let suites = ktap::parse(log.iter().map(String::as_str));
        let mut left = Vec::new();
        let mut is_explained = death.is_none();
        for (number, group) in batch.iter().zip(&groups) {
            let Some(result) = results.get_mut(*number) else {
                continue;
            };
            if let Plan::Count(patterns) = &group.plan {
                result.count = Some(count::judge(patterns, &group.sources, &log));
                continue;
            }
            let own = suites.iter().filter(|suite| group.suites.contains(&suite.name));
            result.suites = own.cloned().collect();
            if result.suites.iter().any(|suite| suite.outcome.is_none()) {
                result.trouble.clone_from(&death);
                is_explained = true;
            } else if result.suites.is_empty() && death.is_some() {
                left.push(*number);
            }
        }
        if !is_explained || left.len() == batch.len() {
            // Nobody was at it: all that did not end are concerned.
            for number in batch.iter().filter(|number| !is_explained || left.contains(number)) {
                blame(results, *number, death.clone().unwrap_or_default());
            }
            left.clear();
        }
        Ok(left)
    }

    /// Runs an image until it has booted, which is when all tests have run: its log, and how it died if it did.
    fn boot(&self, built: &Built) -> Result<(Vec<String>, Option<String>), SystemError> {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let on_log: OnLog = {
            let lines = Arc::clone(&lines);
            Arc::new(move |_, line| {
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push(line.text.clone());
            })
        };
        let system = System::new(SystemOptions {
            series: Some(self.tree.series),
            linux: Some(self.tree.dir.clone()),
            profile: self.profile,
            allow_modified: self.allow_modified,
            clock: ClockKind::Virtual,
            on_log: Some(on_log),
            policy: PolicyChoice::Generated,
            patience: Some(LIMIT),
            memory_bytes: Some(MEMORY_BYTES),
            ..SystemOptions::default()
        })?;
        let spec = DriverSpec {
            stand_in: None,
            name: "kunit".to_owned(),
            board: board()?,
            stimulus: board::Stimulus::default(),
            faults: Vec::new(),
        };
        let domain = system.start(&spec, built)?;
        let death = domain.client()?.state().err().map(|error| {
            let death = domain.wait_death(Duration::from_secs(2));
            death.map_or_else(|| error.to_string(), |death| death.to_string())
        });
        domain.stop();
        let log = std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
        // Where it was is half of the reason.
        let death = death.map(|death| {
            let last = log.iter().rev().take(LAST_LINES).rev();
            last.fold(death, |text, line| format!("{text}\n  said: {line}"))
        });
        Ok((log, death))
    }
}

/// Whether a build's failure is about this group.
fn is_to_blame(group: &Group, error: &SystemError) -> bool {
    match error {
        SystemError::Build(BuildError::Config { symbol, .. }) => {
            *symbol == group.symbol || group.wishes.contains(symbol)
        }
        SystemError::Build(BuildError::Compile { path, .. }) => group.sources.contains(path),
        SystemError::Build(BuildError::Unknown { name, .. }) => *name == group.symbol,
        _ => false,
    }
}

fn blame(results: &mut [Ran], number: usize, trouble: String) {
    if let Some(result) = results.get_mut(number) {
        result.trouble = Some(trouble);
    }
}
