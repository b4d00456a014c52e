// SPDX-License-Identifier: GPL-2.0-only
//! `run`: builds the images, starts the domains, and shows what they say until the end.
//!
//! ```text
//!  domain ── reader thread ──┐
//!  domain ── reader thread ──┼──▶ updates ──▶ this thread ──▶ plain lines, JSON or the live table
//!  logs   ── kernel threads ─┘
//! ```
//!
//! Only readers wait for domains, so a domain that hangs keeps nobody else from being seen, or from ending.

mod reader;

use self::reader::Reader;
use super::args::{RunArgs, board};
use super::nfc::TagReport;
use super::report::DomainReport;
use super::{Outcome, catch_signals, live, plain};
use ::board::{BoardOptions, Fault, SimBoard};
use anyhow::{Context, Result, anyhow};
use linux_compat::build::Built;
use linux_compat::iio::Unit;
use linux_compat::policy::{Audit, OnAudit};
use linux_compat::solution::{self, StaticChannels};
use linux_compat::system::{ClockKind, DeathReport, DriverSpec, LogLine, System};
use linux_compat::{Board, Domain};
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the showing thread hears.
pub(crate) enum Update {
    /// A domain is up.
    Up(Box<DomainReport>),
    /// A line of a domain's log.
    Log(String, LogLine),
    /// New values of all channels of a device.
    Reading(Reading),
    /// A tag came.
    Tag(TagReport),
    /// A domain died.
    Died(DeathReport),
    /// A domain lives, but cannot be read.
    Failed {
        /// Its driver.
        driver: String,
        /// Why.
        error: String,
    },
    /// A reader has ended.
    Ended,
}

/// One reading of a device.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) driver: String,
    pub(crate) device: String,
    /// Seconds since the domain's start.
    pub(crate) time_s: f64,
    pub(crate) values: Vec<(Quantity, Result<f64, String>)>,
}

/// One quantity that a device measures.
#[derive(Clone, Debug)]
pub(crate) struct Quantity {
    pub(crate) id: String,
    pub(crate) unit: Unit,
}

/// Shows updates.
pub(crate) trait View {
    /// Shows one update.
    fn show(&mut self, update: &Update) -> Result<()>;

    /// Called again and again: draws, and returns whether the user wants to end.
    fn tick(&mut self) -> Result<bool> {
        Ok(false)
    }
}

/// What the showing thread is sent.
struct Inbox {
    updates: Receiver<Update>,
    /// Lines of logs. They are looked for and wake nobody: the domain would wait for that with each line.
    lines: Receiver<Update>,
}

impl Inbox {
    fn show_lines(&self, view: &mut dyn View) -> Result<()> {
        self.lines.try_iter().try_for_each(|line| view.show(&line))
    }
}

/// How often the showing thread looks at signals, keys and logs.
const TICK: Duration = Duration::from_millis(40);

/// A driver with its image, ready to start.
struct Ready {
    spec: DriverSpec,
    built: Built,
    channels: Option<StaticChannels>,
}

/// The drivers, each with its board and, from an `init.yaml`, its channels.
fn wanted(args: &RunArgs, system: &System) -> Result<Vec<(String, Board, Option<StaticChannels>)>> {
    let Some(path) = &args.init else {
        let drivers = args.drivers.iter();
        let with_board = drivers.map(|driver| {
            let board = board(args.board.as_ref(), driver, system.tree())?;
            Ok((driver.clone(), board, None))
        });
        return with_board.collect();
    };
    let name = path.display().to_string();
    let bytes = std::fs::read(path).with_context(|| name.clone())?;
    let text = kos_init::text_of(&name, &bytes)?;
    let planned = solution::plan(&name, text)?.into_iter();
    Ok(planned
        .map(|planned| (planned.driver, planned.board, Some(planned.channels)))
        .collect())
}

/// Runs drivers.
///
/// # Errors
///
/// A step before the first domain's start failed.
pub(crate) fn command(args: &RunArgs) -> Result<Outcome> {
    let (updates, inbox) = channel();
    let (log, lines) = channel();
    let inbox = Inbox { updates: inbox, lines };
    let mut options = args.system();
    let logs = log.clone();
    options.on_log = Some(Arc::new(move |driver, line| {
        // After the end nobody listens any more.
        let _ = logs.send(Update::Log(driver.to_owned(), line.clone()));
    }));
    let audit = args.audit.as_deref().map(open_audit).transpose()?;
    options.on_audit = Some(on_audit(audit.as_ref(), log));
    let system = System::new(options)?;
    let stop = Arc::default();
    catch_signals(&stop)?;
    let ready = prepare(args, &system)?;
    // Without a door the domains still run; only other processes cannot ask them.
    let door = system.open_door();
    if let Err(error) = &door {
        eprintln!("linux-compat: {error}");
    }
    let is_live = !args.once && !args.json && std::io::stdout().is_terminal();
    let mut view: Box<dyn View> = if is_live {
        Box::new(live::Live::new()?)
    } else {
        Box::new(plain::Plain::new(args))
    };
    let mut run = Run {
        args,
        system: &system,
        stop: &stop,
        updates,
        readers: Vec::new(),
        domains: Vec::new(),
        outcome: Outcome::Success,
    };
    let shown = run.start_and_show(ready, &inbox, view.as_mut());
    stop.store(true, Relaxed);
    drop(view);
    run.end();
    shown?;
    for notice in system.take_notices() {
        eprintln!("linux-compat: {notice}");
    }
    let outcome = run.outcome;
    if let Some(audit) = audit {
        // The sinks end with the system: only then is everything written.
        drop(run);
        drop(door);
        drop(system);
        audit.close().context("audit log")?;
    }
    Ok(outcome)
}

fn open_audit(path: &Path) -> Result<Audit> {
    Audit::create(path).with_context(|| path.display().to_string())
}

/// Refusals are shown like warnings; more of them than anybody reads are in the file only.
fn on_audit(audit: Option<&Audit>, log: Sender<Update>) -> OnAudit {
    const MAX_SHOWN: u64 = 100;
    let file = audit.map(Audit::sink);
    let shown = AtomicU64::new(0);
    Arc::new(move |record| {
        if let Some(file) = &file {
            file(record);
        }
        if !record.granted && shown.fetch_add(1, Relaxed) < MAX_SHOWN {
            let line = LogLine {
                level: 4,
                time_ns: 0,
                text: record.text(),
            };
            // After the end nobody listens any more.
            let _ = log.send(Update::Log("policy".to_owned(), line));
        }
    })
}

/// Builds all images before the first domain starts: what can be wrong is said before anything runs.
fn prepare(args: &RunArgs, system: &System) -> Result<Vec<Ready>> {
    let stimulus = args.stimulus()?;
    let faults: Vec<Fault> = args.fault.iter().flat_map(|faults| faults.0.iter().cloned()).collect();
    let mut is_used = vec![false; faults.len()];
    let mut ready = Vec::new();
    for (driver, board, channels) in wanted(args, system)? {
        let mine = faults_of(&board, &faults, &mut is_used);
        let built = system.build(&driver, &board).with_context(|| driver.clone())?;
        ready.push(Ready {
            spec: DriverSpec {
                stand_in: None,
                name: driver,
                board,
                stimulus: stimulus.clone(),
                faults: mine,
            },
            built,
            channels,
        });
    }
    let unused = faults.iter().zip(&is_used).find(|(_, is_used)| !**is_used);
    if let Some((fault, _)) = unused {
        let refusals = ready.iter().filter_map(|ready| {
            let mut trial = SimBoard::new(ready.spec.board.dtb(), BoardOptions::default()).ok()?;
            let refusal = trial.inject(fault).err()?;
            Some(format!("{}: {refusal}", ready.spec.board.path().display()))
        });
        return Err(anyhow!(refusals.collect::<Vec<_>>().join("\n")));
    }
    Ok(ready)
}

/// The faults that have a target on this board, tried on a board of its own.
fn faults_of(board: &Board, faults: &[Fault], is_used: &mut [bool]) -> Vec<Fault> {
    let Ok(mut trial) = SimBoard::new(board.dtb(), BoardOptions::default()) else {
        return faults.to_vec();
    };
    let mut mine = Vec::new();
    for (fault, is_used) in faults.iter().zip(is_used) {
        if trial.inject(fault).is_ok() {
            *is_used = true;
            mine.push(fault.clone());
        }
    }
    mine
}

struct Run<'a> {
    args: &'a RunArgs,
    system: &'a System,
    stop: &'a Arc<AtomicBool>,
    updates: Sender<Update>,
    readers: Vec<JoinHandle<()>>,
    domains: Vec<Arc<Domain>>,
    outcome: Outcome,
}

impl Run<'_> {
    fn start_and_show(&mut self, ready: Vec<Ready>, inbox: &Inbox, view: &mut dyn View) -> Result<()> {
        // Only readers take turns with domains. With one core alone, all take turns.
        let _ = self.system.leave_core();
        let mut open = 0;
        for ready in ready {
            self.start(ready)?;
            open += 1;
            // One after the other: each start is measured, and two at once would be measured together.
            while !self.is_stopped() && !self.show_one(inbox, view, &mut open)? {}
        }
        while open > 0 && !self.is_stopped() {
            self.show_one(inbox, view, &mut open)?;
        }
        // What is there already is still shown.
        inbox.show_lines(view)?;
        while let Ok(update) = inbox.updates.try_recv() {
            self.note(&update);
            view.show(&update)?;
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    fn start(&mut self, ready: Ready) -> Result<()> {
        let started = match &ready.channels {
            Some(channels) => self.system.start_connected(&ready.spec, &ready.built, channels),
            None => self.system.start(&ready.spec, &ready.built),
        };
        let domain = Arc::new(started.with_context(|| ready.spec.name.clone())?);
        self.domains.push(Arc::clone(&domain));
        let reader = Reader {
            domain,
            board: ready.spec.board,
            updates: self.updates.clone(),
            stop: Arc::clone(self.stop),
            is_once: self.args.once,
            is_virtual: self.system.options().clock == ClockKind::Virtual,
            interval: self
                .args
                .interval(if std::io::stdout().is_terminal() && !self.args.json {
                    100
                } else {
                    1000
                }),
        };
        self.readers.push(
            std::thread::Builder::new()
                .name("reader".to_owned())
                .spawn(move || reader.run())?,
        );
        Ok(())
    }

    /// Shows one update, if one comes. Returns whether a domain's start is over.
    fn show_one(&mut self, inbox: &Inbox, view: &mut dyn View, open: &mut usize) -> Result<bool> {
        if view.tick()? {
            self.stop.store(true, Relaxed);
        }
        let update = inbox.updates.recv_timeout(TICK);
        inbox.show_lines(view)?;
        let Ok(update) = update else {
            return Ok(false);
        };
        self.note(&update);
        view.show(&update)?;
        if matches!(update, Update::Ended) {
            *open = open.saturating_sub(1);
        }
        Ok(matches!(update, Update::Up(_) | Update::Ended))
    }

    fn note(&mut self, update: &Update) {
        match update {
            Update::Died(_) => self.outcome = Outcome::DomainDied,
            Update::Failed { .. } if self.outcome == Outcome::Success => self.outcome = Outcome::Failed,
            _ => {}
        }
    }

    fn end(&mut self) {
        for domain in &self.domains {
            domain.stop();
        }
        for reader in self.readers.drain(..) {
            // A reader that panicked has said so.
            let _ = reader.join();
        }
    }
}
