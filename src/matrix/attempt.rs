// SPDX-License-Identifier: GPL-2.0-only
//! One module: built, and tried with each stand-in in a domain of its own.

use super::leftovers;
use super::select::Candidate;
use super::{Level, Meeting, Missing, Row};
use crate::board::Board;
use crate::build::{BuildError, BuildRequest, Built, Report, Workshop};
use crate::client::ClientError;
use crate::shim;
use crate::skeleton::{Bindings, Origin, Skeleton};
use crate::system::{Domain, DriverSpec, System, SystemError};
use ::board::StandIn;
use linux_headers::Profile;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Time in which deferred probes and work that a probe queues are over, in ns of virtual time.
const SETTLE_NS: u64 = 12_000_000_000;
/// Time in which everything that runs out has run out: a driver's polls, a core's idle time.
const RUN_OUT_NS: u64 = 70_000_000_000;
/// How often a module is loaded and removed.
const LOADS: usize = 3;

/// Lines of a domain's log that a row keeps.
const WARNINGS: usize = 6;
/// `LOGLEVEL_WARNING` (`include/linux/kern_levels.h`).
const WARNING: u8 = 4;

/// What a module may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Real time for one answer of its domain.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(20),
        }
    }
}

/// What it takes to try modules of one tree.
pub struct Maker<'a> {
    /// Builds the images.
    pub workshop: &'a Workshop,
    /// Runs the domains.
    pub system: &'a System,
    /// The binding documents.
    pub bindings: &'a Bindings,
    /// What a module may take.
    pub limits: Limits,
    /// With Linux's debugging options, or without.
    pub profile: Profile,
    /// Where images are made that go as soon as they were tried; `None`: in the cache, where they stay. Other processes
    /// must not know of it: what goes there would go for them, too.
    pub scratch: Option<PathBuf>,
}

/// All that was found out about one module.
#[derive(Debug)]
pub struct Inspection {
    /// How far it came.
    pub row: Row,
    /// What went into its image, if there is one.
    pub report: Option<Report>,
    /// Why there is none.
    pub error: Option<BuildError>,
    /// Its board's text.
    pub board: String,
    /// Examples that `dtc` rejected.
    pub rejected: Vec<String>,
}

/// Why a module came no further.
struct Stopped {
    level: Level,
    reason: String,
}

impl Maker<'_> {
    /// Tries one module.
    ///
    /// # Errors
    ///
    /// It was told to end, or this machine lacks something that every module needs.
    pub fn attempt(&self, candidate: &Candidate) -> Result<Row, SystemError> {
        Ok(self.inspect(candidate, None)?.row)
    }

    /// The same, and all that was found out on the way. With a board, none is made.
    ///
    /// # Errors
    ///
    /// As [`attempt`](Self::attempt).
    pub fn inspect(&self, candidate: &Candidate, board: Option<Board>) -> Result<Inspection, SystemError> {
        let begun = Instant::now();
        let tree = self.workshop.tree();
        let skeleton = match board {
            Some(board) => Skeleton {
                board,
                origin: Origin::Given,
                asks: super::Asks::default(),
                rejected: Vec::new(),
            },
            None => Skeleton::new(tree, self.bindings, &candidate.drives, &candidate.module)?,
        };
        let row = Row {
            module: candidate.module.clone(),
            kernel: tree.series.to_string(),
            subsystem: candidate.subsystem(),
            buses: format!("{:?}", candidate.drives.buses).to_lowercase(),
            files: candidate.files.clone(),
            lines: 0,
            image_files: 0,
            image_lines: 0,
            image: Vec::new(),
            changed: 0,
            level: Level::Nothing,
            reason: None,
            missing: Vec::new(),
            config: Vec::new(),
            board: Some(skeleton.origin.clone()),
            asks: skeleton.asks.clone(),
            meetings: Vec::new(),
            time_ms: 0,
            program: String::new(),
        };
        let mut inspection = Inspection {
            row,
            report: None,
            error: None,
            board: skeleton.board.source().to_owned(),
            rejected: skeleton.rejected.clone(),
        };
        self.climb(&mut inspection, candidate, skeleton)?;
        inspection.row.time_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(inspection)
    }

    fn climb(&self, inspection: &mut Inspection, candidate: &Candidate, skeleton: Skeleton) -> Result<(), SystemError> {
        let row = &mut inspection.row;
        let built = match self.build(candidate, &skeleton) {
            Ok(built) => built,
            Err(SystemError::Build(error)) if is_of_module(&error) => {
                row.reason = Some(error.to_string());
                inspection.error = Some(error);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        describe(row, &built);
        row.level = Level::Compiles;
        if row.missing.is_empty() {
            row.level = Level::Links;
            let met = self.meet_all(row, candidate, skeleton, &built);
            // The policy of a thousand drivers would take longer to compile than any of them.
            self.system.policies().dismiss(&candidate.module);
            met?;
        } else {
            let names: Vec<&str> = row.missing.iter().map(|missing| missing.name.as_str()).collect();
            row.reason = Some(format!("missing: {}", names.join(", ")));
        }
        if let Some(dir) = built.image.parent().filter(|_| self.scratch.is_some()) {
            // Thousands of them would fill the disk; each is made again in a second.
            let _ = std::fs::remove_dir_all(dir);
        }
        inspection.report = Some(built.report);
        Ok(())
    }

    fn build(&self, candidate: &Candidate, skeleton: &Skeleton) -> Result<Built, SystemError> {
        let tree = self.workshop.tree();
        let mut request = BuildRequest::new(tree.clone(), &candidate.driver);
        request.board_dtb = Some(match &self.scratch {
            Some(dir) => {
                let path = dir.join(format!("{}.dtb", candidate.module));
                let io = |error| BuildError::Io {
                    path: path.clone(),
                    error,
                };
                linux_headers::cache::write_atomic(&path, skeleton.board.dtb()).map_err(io)?;
                path
            }
            None => skeleton.board.dtb_file()?,
        });
        request.images.clone_from(&self.scratch);
        request.profile = self.profile;
        request.shim_archive = Some(shim::archive(tree.series, self.profile)?);
        request.glue_dir = Some(shim::glue_dir());
        request.is_module = true;
        Ok(self.workshop.build(&request)?)
    }

    fn meet_all(
        &self,
        row: &mut Row,
        candidate: &Candidate,
        skeleton: Skeleton,
        built: &Built,
    ) -> Result<(), SystemError> {
        let mut spec = DriverSpec {
            name: candidate.module.clone(),
            board: skeleton.board,
            stimulus: ::board::Stimulus::default(),
            faults: Vec::new(),
            stand_in: None,
        };
        let mut lowest: Option<Stopped> = None;
        for stand_in in StandIn::ALL {
            spec.stand_in = Some(stand_in);
            let domain = self.system.start(&spec, built)?;
            let ended = self.meet(&domain);
            domain.stop();
            let probe = probe_of(&domain);
            let ended = match ended {
                // A domain that died says why itself.
                Err(stopped) => Err(Stopped {
                    reason: died(&domain).unwrap_or(stopped.reason),
                    ..stopped
                }),
                Ok(()) if probe.is_none() => Err(Stopped {
                    level: Level::Loads,
                    reason: "its probe was not called: it matches no device of its board".to_owned(),
                }),
                Ok(()) => Ok(()),
            };
            let is_well = ended.is_ok() && probe == Some(0);
            row.meetings.push(Meeting {
                stand_in: stand_in.to_string(),
                probe,
                failure: ended.as_ref().err().map(|stopped| stopped.reason.clone()),
                warnings: if is_well { Vec::new() } else { warnings(&domain) },
            });
            if let Err(mut stopped) = ended
                && lowest.as_ref().is_none_or(|lowest| stopped.level < lowest.level)
            {
                stopped.reason = format!("{stand_in}: {}", stopped.reason);
                lowest = Some(stopped);
            }
        }
        match lowest {
            None => row.level = Level::UnloadsClean,
            Some(stopped) => {
                row.level = stopped.level;
                row.reason = Some(stopped.reason);
            }
        }
        Ok(())
    }

    /// Loads and removes the module as often as it takes to see what it leaves.
    fn meet(&self, domain: &Domain) -> Result<(), Stopped> {
        let at = |level: Level| {
            move |error: SystemError| Stopped {
                level,
                reason: error.to_string(),
            }
        };
        let asked = |level: Level| {
            move |error: ClientError| Stopped {
                level,
                reason: error.to_string(),
            }
        };
        let mut client = domain.client_within(self.limits.answer).map_err(at(Level::Links))?;
        let mut keeper = domain.supervisor(self.limits.answer).map_err(at(Level::Links))?;
        client.state().map_err(asked(Level::Links))?;
        client.advance(RUN_OUT_NS).map_err(asked(Level::Links))?;
        let before = keeper.census().map_err(asked(Level::Links))?;
        let mut after = Vec::new();
        for number in 0..LOADS {
            let level = if number == 0 {
                Level::Links
            } else {
                Level::MeetsHardware
            };
            keeper.load().map_err(asked(level))?;
            let level = if number == 0 {
                Level::Loads
            } else {
                Level::MeetsHardware
            };
            client.advance(SETTLE_NS).map_err(asked(level))?;
            let exits = keeper.unload().map_err(asked(Level::MeetsHardware))?;
            if exits == 0 {
                return Err(Stopped {
                    level: Level::MeetsHardware,
                    reason: "it has no exit function: it cannot be removed".to_owned(),
                });
            }
            client.advance(RUN_OUT_NS).map_err(asked(Level::MeetsHardware))?;
            after.push(keeper.census().map_err(asked(Level::MeetsHardware))?);
        }
        let left = leftovers::of(&before, &after);
        if left.is_empty() {
            return Ok(());
        }
        Err(Stopped {
            level: Level::MeetsHardware,
            reason: format!("left behind by each load: {}", left.join(", ")),
        })
    }
}

/// Whether a failure is the module's own, and not one that every module would have.
fn is_of_module(error: &BuildError) -> bool {
    matches!(
        error,
        BuildError::Config { .. }
            | BuildError::Compile { .. }
            | BuildError::NoNode { .. }
            | BuildError::Unknown { .. }
            | BuildError::Link { .. }
            | BuildError::Object { .. }
    )
}

fn describe(row: &mut Row, built: &Built) {
    let report = &built.report;
    let glue = shim::glue_dir();
    let upstream = report
        .sources
        .iter()
        .filter(|source| !std::path::Path::new(&source.path).starts_with(&glue));
    for source in upstream {
        row.image_files += 1;
        row.image_lines += source.lines;
        row.image.push(source.path.clone());
        if row.files.contains(&source.path) {
            row.lines += source.lines;
        }
    }
    row.changed = u32::try_from(report.changed.len()).unwrap_or(u32::MAX);
    row.config.clone_from(&report.config);
    row.missing = report
        .missing
        .iter()
        .map(|missing| Missing {
            name: missing.name.clone(),
            callers: missing.callers.clone(),
            hint: missing.hint.clone(),
        })
        .collect();
}

/// What the last probe of the board's chip returned, as `initcall_debug` has it told (drivers/base/dd.c).
fn probe_of(domain: &Domain) -> Option<i32> {
    domain.log().into_iter().rev().find_map(|line| {
        let rest = line.text.trim_start().strip_prefix("probe of ")?.to_owned();
        let (device, rest) = rest.split_once(" returned ")?;
        // Devices of an I²C bus are called by its number, those of an SPI bus by its name.
        let is_chip = device.starts_with("0-") || device.starts_with("spi");
        // The driver core makes a probe's error positive, to tell it from its own.
        let code: i32 = rest.split_whitespace().next()?.parse().ok()?;
        is_chip.then_some(-code.abs())
    })
}

/// What a domain warned of, each line once, the last of them.
fn warnings(domain: &Domain) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let log = domain.log();
    for line in log.iter().rev().filter(|line| line.level <= WARNING) {
        let text = line.text.trim();
        // Addresses of a call trace say nothing without the image.
        if text.starts_with("[<") {
            continue;
        }
        if !found.iter().any(|known| known == text) {
            found.push(text.to_owned());
        }
        if found.len() == WARNINGS {
            break;
        }
    }
    found.reverse();
    found
}

/// How a domain died, in a line: the cause, and the innermost functions.
fn died(domain: &Domain) -> Option<String> {
    let death = domain.death().filter(|death| !death.is_orderly)?;
    let trace: Vec<String> = death.trace.iter().take(3).map(ToString::to_string).collect();
    Some(format!("{}; {}", death.cause, trace.join(" < ")))
}
