// SPDX-License-Identifier: GPL-2.0-only
//! Runs a group of tests: one image, one domain, under virtual time, on a board with an empty bus.

use super::count::{self, Count};
use super::ktap::{self, Suite};
use super::suites::{Group, Plan};
use crate::board::Board;
use crate::build::{Built, BuildRequest};
use crate::policy::PolicyChoice;
use crate::system::{self, ClockKind, DriverSpec, OnLog, System, SystemError, SystemOptions};
use linux_headers::{Locate, Profile, Series, Tree};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a group may run, image apart: many times what the longest takes.
const LIMIT: Duration = Duration::from_secs(120);

/// Called with each line that tests write, as it comes.
pub type OnLine = Arc<dyn Fn(&str) + Send + Sync>;

/// What came of a group.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its suites' results; empty for a module that counts for itself.
    pub suites: Vec<Suite>,
    /// What the module says, if it counts for itself.
    pub count: Option<Count>,
    /// How the domain died, if it did.
    pub death: Option<String>,
    /// All that it printed.
    pub log: Vec<String>,
    /// How long it ran, image apart.
    pub took: Duration,
    /// The image, and what went into it.
    pub built: Built,
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
            tree: Tree::locate(&Locate { linux, series })?,
            profile: Profile::Release,
            allow_modified: false,
            sabotage: None,
        })
    }

    /// Builds the group's image, or finds it built.
    ///
    /// # Errors
    ///
    /// One variant per step.
    pub fn build(&self, group: &Group) -> Result<Built, SystemError> {
        let change = |request: &mut BuildRequest| {
            request.wishes.clone_from(&group.wishes);
            if let Some(sabotage) = self.sabotage {
                sabotage.apply(request);
            }
        };
        system::build_image_with(
            self.tree.clone(),
            &format!("CONFIG_{}", group.symbol),
            &board()?,
            self.profile,
            self.allow_modified,
            change,
        )
    }

    /// Builds and runs a group.
    ///
    /// # Errors
    ///
    /// The image cannot be built, or the domain cannot be made. That it dies is no error.
    pub fn run(&self, group: &Group, on_line: &OnLine) -> Result<Ran, SystemError> {
        let built = self.build(group)?;
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let on_log: OnLog = {
            let (lines, on_line) = (Arc::clone(&lines), Arc::clone(on_line));
            Arc::new(move |_, line| {
                on_line(&line.text);
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push(line.text.clone());
            })
        };
        let started = Instant::now();
        let death = self.boot(&group.symbol, &built, on_log)?;
        let log = std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
        let count = match &group.plan {
            Plan::Count(patterns) => Some(count::judge(patterns, &log)),
            Plan::Run | Plan::Cannot(_) => None,
        };
        let suites = match count {
            Some(_) => Vec::new(),
            None => ktap::parse(log.iter().map(String::as_str)),
        };
        Ok(Ran {
            suites,
            count,
            death,
            log,
            took: started.elapsed(),
            built,
        })
    }

    /// Starts the domain and waits until it has booted, which is when all tests have run; says how it died if it did.
    fn boot(&self, symbol: &str, built: &Built, on_log: OnLog) -> Result<Option<String>, SystemError> {
        let system = System::new(SystemOptions {
            series: Some(self.tree.series),
            linux: Some(self.tree.dir.clone()),
            profile: self.profile,
            allow_modified: self.allow_modified,
            clock: ClockKind::Virtual,
            on_log: Some(on_log),
            policy: PolicyChoice::Generated,
            ..SystemOptions::default()
        })?;
        let spec = DriverSpec {
            name: symbol.to_lowercase(),
            board: board()?,
            stimulus: board::Stimulus::default(),
            faults: Vec::new(),
        };
        let domain = system.start(&spec, built)?;
        let mut client = domain.client()?;
        let (done, wait) = channel();
        let waiter = std::thread::spawn(move || {
            // Nobody listens any more once the limit is over.
            let _ = done.send(client.state());
        });
        let answer = wait.recv_timeout(LIMIT);
        let death = match &answer {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => {
                let death = domain.wait_death(Duration::from_secs(2));
                Some(death.map_or_else(|| error.to_string(), |death| death.to_string()))
            }
            Err(_) => Some(format!("no end within {} s", LIMIT.as_secs())),
        };
        domain.stop();
        let _ = waiter.join();
        Ok(death)
    }
}
