// SPDX-License-Identifier: GPL-2.0-only
//! Reads one domain and sends what it says, until the domain or the command ends.

use super::super::nfc;
use super::super::report;
use super::{Quantity, Reading, TICK, Update};
use anyhow::{Result, anyhow};
use linux_compat::client::{ClientError, Errno};
use linux_compat::gauge::Gauge;
use linux_compat::iio::{Device, IioError};
use linux_compat::nfc::{Nfc, NfcError};
use linux_compat::{Board, Client, Domain};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::Sender;
use std::time::Duration;

/// The one client of a domain that this command has.
pub(super) struct Reader {
    pub(super) domain: Arc<Domain>,
    pub(super) board: Board,
    pub(super) updates: Sender<Update>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) is_once: bool,
    pub(super) is_virtual: bool,
    pub(super) interval: Duration,
}

/// How long a domain that does not answer any more is given to be dead.
const DEATH_LIMIT: Duration = Duration::from_secs(3);

impl Reader {
    pub(super) fn run(&self) {
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
        // A driver of devices that its clients make has none of its own.
        if !is_driven && self.board.chips().is_empty() && !client.devices()?.is_empty() {
            while !self.is_once && !self.stop.load(Relaxed) {
                self.pause(&mut client)?;
            }
            return Ok(());
        }
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
