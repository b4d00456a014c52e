// SPDX-License-Identifier: GPL-2.0-only
//! `ls`, `cat`, `write`, `watch`: clients of a domain that another process runs.

use super::Outcome;
use super::args::{LsArgs, PathArgs, WatchArgs, WriteArgs};
use anyhow::{Context, Result, anyhow};
use kos_bindings::hosted::socket::{Connection, list};
use linux_compat::Client;
use linux_compat::client::{ClientError, EntryKind, Errno};
use linux_compat::iio::Device;
use std::io::{ErrorKind, Write};
use std::time::Duration;

/// A domain that does not answer for this long is said not to.
const LIMIT: Duration = Duration::from_secs(10);

pub(super) fn connect(driver: &str) -> Result<Client> {
    let same: Vec<_> = list().into_iter().filter(|domain| domain.name == driver).collect();
    if same.len() > 1 {
        let names: Vec<_> = same.iter().map(|domain| format!("{driver}@{}", domain.pid)).collect();
        return Err(anyhow!(
            "{driver}: {} domains have this name; say which: {}",
            names.len(),
            names.join(", ")
        ));
    }
    let mut connection = Connection::open(driver).map_err(|error| match error.kind() {
        ErrorKind::NotFound => not_running(driver),
        _ => anyhow!("{driver}: {error}"),
    })?;
    connection.set_timeout_ns(u64::try_from(LIMIT.as_nanos()).unwrap_or(u64::MAX));
    let handle = connection.handle();
    Ok(Client::new(connection, handle))
}

fn not_running(driver: &str) -> anyhow::Error {
    let mut running: Vec<String> = list().into_iter().map(|domain| domain.name).collect();
    running.sort();
    running.dedup();
    let hint = if running.is_empty() {
        format!("start it with: linux-compat run {driver}")
    } else {
        format!("running: {}", running.join(", "))
    };
    anyhow!("{driver}: no such domain is running; {hint}")
}

/// Does something with an attribute: with the path as given or, for a name alone, with the sensor that has it.
fn at<R>(
    client: &mut Client,
    path: &str,
    work: impl Fn(&mut Client, &str) -> Result<R, ClientError>,
) -> Result<R, ClientError> {
    let first = work(client, path);
    let is_absent = matches!(&first, Err(error) if error.errno() == Some(Errno::ENOENT));
    if !is_absent || path.starts_with('/') {
        return first;
    }
    for device in Device::all(client).unwrap_or_default() {
        match work(client, &format!("{}/{path}", device.path())) {
            Err(error) if error.errno() == Some(Errno::ENOENT) => {}
            other => return other,
        }
    }
    first
}

/// `ls`.
///
/// # Errors
///
/// The domain does not run, or there is no such directory.
pub(crate) fn ls(args: &LsArgs) -> Result<Outcome> {
    let mut client = connect(&args.driver)?;
    let mut out = std::io::stdout().lock();
    if args.path.trim_end_matches('/') == "/dev" {
        for node in client.devices().context(args.driver.clone())? {
            writeln!(out, "c  {:<8} {}", node.number, node.name)?;
        }
        return Ok(Outcome::Success);
    }
    let mut entries = at(&mut client, &args.path, |client, path| client.list(path)).context(args.driver.clone())?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    for entry in entries {
        match entry.kind {
            EntryKind::Directory => writeln!(out, "d  {:03o}  {}/", entry.mode & 0o777, entry.name)?,
            EntryKind::File => writeln!(out, "-  {:03o}  {}", entry.mode & 0o777, entry.name)?,
            EntryKind::Link => writeln!(out, "l  {:03o}  {} -> {}", entry.mode & 0o777, entry.name, entry.target)?,
        }
    }
    Ok(Outcome::Success)
}

/// `cat`.
///
/// # Errors
///
/// The domain does not run, there is no such file, or what the driver returns.
pub(crate) fn cat(args: &PathArgs) -> Result<Outcome> {
    let mut client = connect(&args.driver)?;
    if let Some(name) = args.path.strip_prefix("/dev/") {
        return cat_device(&mut client, name).context(args.driver.clone());
    }
    let data = at(&mut client, &args.path, Client::read).context(args.driver.clone())?;
    std::io::stdout().write_all(&data)?;
    Ok(Outcome::Success)
}

/// Copies a device until it has no more to give.
fn cat_device(client: &mut Client, name: &str) -> Result<Outcome> {
    const BYTES: usize = 4096;
    let file = client.device_open(name, true)?;
    let mut out = std::io::stdout().lock();
    loop {
        let data = client.device_read(file, BYTES)?;
        if data.is_empty() {
            return Ok(Outcome::Success);
        }
        out.write_all(&data)?;
        out.flush()?;
    }
}

/// `write`.
///
/// # Errors
///
/// The domain does not run, there is no such file, or what the driver returns.
pub(crate) fn write(args: &WriteArgs) -> Result<Outcome> {
    let mut client = connect(&args.driver)?;
    let value = args.value.as_bytes();
    at(&mut client, &args.path, |client, path| client.write(path, value)).context(args.driver.clone())?;
    Ok(Outcome::Success)
}

/// `watch`.
///
/// # Errors
///
/// The domain does not run or ends, there is no such file, or what the driver returns.
pub(crate) fn watch(args: &WatchArgs) -> Result<Outcome> {
    let mut client = connect(&args.driver)?;
    let mut last = None;
    loop {
        let now = match &args.path {
            Some(path) => at(&mut client, path, Client::read_text).map_err(Into::into),
            None => readings(&mut client),
        };
        let now = match now {
            Err(error) if last.is_some() => Err(end_or(&mut client, error)),
            now => now,
        };
        let now = now.context(args.driver.clone())?;
        if last.as_ref() != Some(&now) {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{now}")?;
            out.flush()?;
            last = Some(now);
        }
        std::thread::sleep(Duration::from_millis(args.interval));
    }
}

/// What is told of a read that failed after others went well. A run that ends in order takes devices away before their
/// domain: an end that follows at once is the reason, and the error only its beginning.
fn end_or(client: &mut Client, error: anyhow::Error) -> anyhow::Error {
    for _ in 0..50 {
        if let Err(gone @ ClientError::Gone { .. }) = client.devices() {
            return gone.into();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    error
}

/// All sensors' channels in one line.
fn readings(client: &mut Client) -> Result<String> {
    let mut parts = Vec::new();
    for device in Device::all(client)? {
        for channel in device.channels() {
            let text = match device.read(client, channel) {
                Ok(value) => format!("{value:.4} {}", channel.unit().symbol),
                Err(linux_compat::iio::IioError::Client(ClientError::Errno { errno, .. })) => errno.to_string(),
                Err(error) => return Err(error.into()),
            };
            parts.push(format!("{} {text}", channel.id));
        }
    }
    if parts.is_empty() {
        return Err(anyhow!("it has no sensor; name a path to watch"));
    }
    Ok(parts.join("  "))
}
