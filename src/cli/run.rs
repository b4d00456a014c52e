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

use super::args::{RunArgs, board};
use super::nfc::{self, TagReport};
use super::report::{self, DomainReport};
use super::{Outcome, catch_signals, live, plain};
use ::board::{BoardOptions, Fault, SimBoard};
use anyhow::{Context, Result, anyhow};
use linux_compat::build::Built;
use linux_compat::client::{ClientError, Errno};
use linux_compat::gauge::Gauge;
use linux_compat::iio::{Device, IioError, Unit};
use linux_compat::nfc::{Nfc, NfcError};
use linux_compat::policy::{Audit, OnAudit};
use linux_compat::system::{ClockKind, DeathReport, DriverSpec, LogLine, System};
use linux_compat::{Board, Client, Domain};
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

/// How often the showing thread looks at signals and keys.
const TICK: Duration = Duration::from_millis(40);

/// A driver with its image, ready to start.
struct Ready {
    spec: DriverSpec,
    built: Built,
}

/// Runs drivers.
///
/// # Errors
///
/// A step before the first domain's start failed.
pub(crate) fn command(args: &RunArgs) -> Result<Outcome> {
    let (updates, inbox) = channel();
    let mut options = args.system();
    let logs = updates.clone();
    options.on_log = Some(Arc::new(move |driver, line| {
        // After the end nobody listens any more.
        let _ = logs.send(Update::Log(driver.to_owned(), line.clone()));
    }));
    let audit = args.audit.as_deref().map(open_audit).transpose()?;
    options.on_audit = Some(on_audit(audit.as_ref(), &updates));
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
fn on_audit(audit: Option<&Audit>, updates: &Sender<Update>) -> OnAudit {
    const MAX_SHOWN: u64 = 100;
    let file = audit.map(Audit::sink);
    let updates = updates.clone();
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
            let _ = updates.send(Update::Log("policy".to_owned(), line));
        }
    })
}

/// Builds all images before the first domain starts: what can be wrong is said before anything runs.
fn prepare(args: &RunArgs, system: &System) -> Result<Vec<Ready>> {
    let stimulus = args.stimulus()?;
    let faults: Vec<Fault> = args.fault.iter().flat_map(|faults| faults.0.iter().cloned()).collect();
    let mut is_used = vec![false; faults.len()];
    let mut ready = Vec::new();
    for driver in &args.drivers {
        let board = board(args.board.as_ref(), driver, system.tree())?;
        let mine = faults_of(&board, &faults, &mut is_used);
        let built = system.build(driver, &board).with_context(|| driver.clone())?;
        ready.push(Ready {
            spec: DriverSpec {
                stand_in: None,
                name: driver.clone(),
                board,
                stimulus: stimulus.clone(),
                faults: mine,
            },
            built,
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
    fn start_and_show(&mut self, ready: Vec<Ready>, inbox: &Receiver<Update>, view: &mut dyn View) -> Result<()> {
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
        while let Ok(update) = inbox.try_recv() {
            self.note(&update);
            view.show(&update)?;
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    fn start(&mut self, ready: Ready) -> Result<()> {
        let domain = Arc::new(
            self.system
                .start(&ready.spec, &ready.built)
                .with_context(|| ready.spec.name.clone())?,
        );
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
    fn show_one(&mut self, inbox: &Receiver<Update>, view: &mut dyn View, open: &mut usize) -> Result<bool> {
        if view.tick()? {
            self.stop.store(true, Relaxed);
        }
        let Ok(update) = inbox.recv_timeout(TICK) else {
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

/// The one client of a domain that this command has.
struct Reader {
    domain: Arc<Domain>,
    board: Board,
    updates: Sender<Update>,
    stop: Arc<AtomicBool>,
    is_once: bool,
    is_virtual: bool,
    interval: Duration,
}

/// How long a domain that does not answer any more is given to be dead.
const DEATH_LIMIT: Duration = Duration::from_secs(3);

impl Reader {
    fn run(&self) {
        if let Err(error) = self.read() {
            self.fail(&error);
        }
        self.send(Update::Ended);
    }

    fn send(&self, update: Update) {
        // After the end nobody listens any more.
        let _ = self.updates.send(update);
    }

    fn fail(&self, error: &anyhow::Error) {
        if self.stop.load(Relaxed) {
            return;
        }
        if is_gone(error)
            && let Some(death) = self.domain.wait_death(DEATH_LIMIT)
        {
            self.send(Update::Died(death));
            return;
        }
        self.send(Update::Failed {
            driver: self.domain.name().to_owned(),
            error: format!("{error:#}"),
        });
    }

    fn read(&self) -> Result<()> {
        let mut client = self.domain.client()?;
        let start_us = report::first_sample(&self.domain, &mut client)?;
        let up = report::domain(&self.domain, &mut client, start_us)?;
        let has_device = !up.devices.is_empty();
        let is_driven = has_device || report::has_driven_chip(&mut client)?;
        let mute = self.is_once.then(|| report::mute(&up)).flatten();
        self.send(Update::Up(Box::new(up)));
        if !is_driven {
            return self.without_device(&mut client);
        }
        if let Some(error) = mute {
            return Err(error);
        }
        if report::has_reader(&mut client)? {
            return self.tags(client);
        }
        let devices = Device::all(&mut client)?;
        let mut named = Vec::new();
        for device in &devices {
            named.push((
                device.name(&mut client).unwrap_or_else(|_| device.node().to_owned()),
                device,
            ));
        }
        let gauges = Gauge::all(&mut client)?;
        while !self.is_once && !self.stop.load(Relaxed) {
            for (name, device) in &named {
                let values = sensed(&mut client, device)?;
                self.send(Update::Reading(self.reading(name, values)));
            }
            for gauge in &gauges {
                let values = gauged(&mut client, gauge)?;
                self.send(Update::Reading(self.reading(&gauge.name, values)));
            }
            self.pause(&mut client)?;
        }
        Ok(())
    }

    /// Shows each tag that comes, once for each time that it comes.
    fn tags(&self, client: Client) -> Result<()> {
        const LOOK: Duration = Duration::from_secs(1);
        /// How long `--once` waits for a tag.
        const ONCE: Duration = Duration::from_secs(5);
        let mut nfc = Nfc::open(client)?;
        let adapter = nfc.first()?;
        nfc::power(&mut nfc, &adapter)?;
        if self.is_once {
            let found = nfc::look(&mut nfc, self.domain.name(), &adapter, ONCE)?;
            if found.is_empty() {
                return Err(anyhow!("no tag came within {} s", ONCE.as_secs()));
            }
            found.into_iter().for_each(|tag| self.send(Update::Tag(tag)));
            return Ok(nfc.down(adapter.index)?);
        }
        let mut last = Vec::new();
        while !self.stop.load(Relaxed) {
            let found = match nfc::look(&mut nfc, self.domain.name(), &adapter, LOOK) {
                // Another client polls, or has a tag.
                Err(error) if error.errno() == Some(Errno::EBUSY) => last.clone(),
                found => found?,
            };
            for tag in found.iter().filter(|tag| !last.contains(tag)) {
                self.send(Update::Tag(tag.clone()));
            }
            last = found;
            self.pause(nfc.client())?;
        }
        Ok(())
    }

    /// No driver took a chip: its own words say why, or the board has no chip of it. A domain whose driver refused
    /// stays up, and clients can look at it.
    fn without_device(&self, client: &mut Client) -> Result<()> {
        let log = self.domain.log();
        let said = |level| log.iter().rev().find(|line| line.level <= level);
        let Some(line) = said(3).or_else(|| said(4)) else {
            return Err(anyhow!(self.board.lacks(self.domain.name(), &[])));
        };
        let errno = match errno_in(&line.text) {
            None => report::probe_again(client)?,
            known => known,
        };
        let errno = errno.map_or(String::new(), |errno| format!(": {errno}"));
        let error = anyhow!("no device came to life: {}{errno}", line.text);
        if self.is_once {
            return Err(error);
        }
        self.fail(&error);
        while !self.stop.load(Relaxed) {
            self.pause(client)?;
        }
        Ok(())
    }

    fn reading(&self, device: &str, values: Values) -> Reading {
        Reading {
            driver: self.domain.name().to_owned(),
            device: device.to_owned(),
            time_s: self.domain.since_start().as_secs_f64(),
            values,
        }
    }

    /// Waits for the next reading; under virtual time as much of it passes, and the user still sees it happen.
    fn pause(&self, client: &mut Client) -> Result<()> {
        if self.is_virtual {
            client.advance(u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX))?;
        }
        let mut rest = self.interval;
        while !rest.is_zero() && !self.stop.load(Relaxed) {
            let slice = rest.min(TICK);
            std::thread::sleep(slice);
            rest -= slice;
        }
        // A domain that died while nobody asked it is noticed here.
        client.state()?;
        Ok(())
    }
}

type Values = Vec<(Quantity, Result<f64, String>)>;

/// Reads all channels of a sensor.
fn sensed(client: &mut Client, device: &Device) -> Result<Values, IioError> {
    let mut values = Vec::new();
    for channel in device.channels() {
        let value = match device.read(client, channel) {
            Ok(value) => Ok(value),
            Err(IioError::Client(ClientError::Errno { errno, .. })) => Err(errno.to_string()),
            Err(error) => return Err(error),
        };
        let (id, unit) = (channel.id.clone(), channel.unit());
        values.push((Quantity { id, unit }, value));
    }
    Ok(values)
}

/// Reads all inputs of a device that is no sensor of IIO's.
fn gauged(client: &mut Client, gauge: &Gauge) -> Result<Values, ClientError> {
    let mut values = Vec::new();
    for input in &gauge.inputs {
        let value = match gauge.read(client, input) {
            Ok(value) => value.ok_or_else(|| "no number".to_owned()),
            Err(ClientError::Errno { errno, .. }) => Err(errno.to_string()),
            Err(error) => return Err(error),
        };
        let (id, unit) = (input.id.clone(), input.unit);
        values.push((Quantity { id, unit }, value));
    }
    Ok(values)
}

/// The error number in a line of Linux's log: `… error -6: …`, `… failed with error -110`.
fn errno_in(text: &str) -> Option<Errno> {
    let (_, rest) = text.split_once("error -")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some(Errno(digits.parse().ok()?))
}

/// Whether an error means that the domain is no more.
fn is_gone(error: &anyhow::Error) -> bool {
    let by_client = error.downcast_ref::<ClientError>().is_some_and(ClientError::is_gone);
    let by_iio = match error.downcast_ref::<IioError>() {
        Some(IioError::Client(error)) => error.is_gone(),
        _ => false,
    };
    let by_nfc = error.downcast_ref::<NfcError>().is_some_and(NfcError::is_gone);
    by_client || by_iio || by_nfc
}
