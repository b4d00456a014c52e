// SPDX-License-Identifier: GPL-2.0-only
//! What is said of a domain: its sources, its cost, its devices and what they measure.

use anyhow::{Result, anyhow};
use kos_bindings::hosted::{ALLOWED, NAMESPACES};
use linux_compat::build::Report;
use linux_compat::client::{ClientError, EntryKind, Errno};
use linux_compat::gauge::{self, Gauge};
use linux_compat::iio::Device;
use linux_compat::system::{DeathReport, Isolation};
use linux_compat::{Client, Domain, shim};
use serde::Serialize;
use std::collections::BTreeMap;

/// The report on a running domain.
#[derive(Debug, Serialize)]
pub(crate) struct DomainReport {
    pub(crate) driver: String,
    pub(crate) kernel: String,
    pub(crate) sources: Vec<SourceReport>,
    pub(crate) image_bytes: u64,
    pub(crate) domain: Cost,
    pub(crate) devices: Vec<DeviceReport>,
    /// Some source or header is not upstream's, and was allowed to be.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) modified: bool,
    /// Which.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) changed: Vec<String>,
}

/// One upstream file.
#[derive(Debug, Serialize)]
pub(crate) struct SourceReport {
    pub(crate) path: String,
    pub(crate) lines: u32,
    pub(crate) sha256: String,
    pub(crate) pristine: bool,
}

/// What the domain costs, and what keeps it apart.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    pub(crate) pid: i32,
    pub(crate) isolation: Sandbox,
    pub(crate) private_kib: u64,
    /// From the decision to start until the first sample was in the client's hands.
    pub(crate) start_us: u64,
    /// Of it: from the image's first instruction to the end of the last initcall, probing included.
    pub(crate) boot_us: u32,
}

/// What keeps a domain apart; without isolation nothing does.
#[derive(Debug, Serialize)]
pub(crate) struct Sandbox {
    pub(crate) namespaces: Vec<&'static str>,
    /// How many system calls it may make; without isolation there is no limit.
    pub(crate) syscalls: Option<usize>,
}

impl Sandbox {
    fn of(isolation: Isolation) -> Self {
        match isolation {
            Isolation::Process => Self {
                namespaces: NAMESPACES.to_vec(),
                syscalls: Some(ALLOWED.len()),
            },
            Isolation::None => Self {
                namespaces: Vec::new(),
                syscalls: None,
            },
        }
    }
}

/// One device.
#[derive(Debug, Serialize)]
pub(crate) struct DeviceReport {
    pub(crate) name: String,
    pub(crate) class: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) si: BTreeMap<String, f64>,
    /// What could not be read, and why: the driver's own words.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) errors: BTreeMap<String, String>,
}

/// A domain that failed or died.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorReport<'a> {
    pub(crate) driver: &'a str,
    pub(crate) error: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) trace: Vec<String>,
}

impl<'a> ErrorReport<'a> {
    pub(crate) fn of_death(death: &'a DeathReport) -> Self {
        let trace = death.trace.iter().map(ToString::to_string).collect();
        Self {
            driver: &death.driver,
            error: death.cause.clone(),
            trace,
        }
    }
}

/// The upstream files of an image; our own C files are not among them.
pub(crate) fn sources(report: &Report) -> Vec<SourceReport> {
    let glue = shim::glue_dir();
    let upstream = report
        .sources
        .iter()
        .filter(|source| !std::path::Path::new(&source.path).starts_with(&glue));
    let source = |source: &linux_compat::build::report::Source| SourceReport {
        path: source.path.clone(),
        lines: source.lines,
        sha256: source.sha256.clone(),
        pristine: source.pristine,
    };
    upstream.map(source).collect()
}

/// Takes the first sample and notes when it was there, in µs; a domain without a sensor counts until it has booted.
///
/// # Errors
///
/// The domain died or does not answer. A chip that cannot be read is no error here.
pub(crate) fn first_sample(domain: &Domain, client: &mut Client) -> Result<u64, ClientError> {
    if take_sample(client).is_none() {
        client.state()?;
    }
    Ok(u64::try_from(domain.since_start().as_micros()).unwrap_or(u64::MAX))
}

fn take_sample(client: &mut Client) -> Option<f64> {
    let devices = Device::all(client).ok()?;
    if let Some(device) = devices.first() {
        return device.raw(client, device.channels().first()?).ok();
    }
    let gauges = Gauge::all(client).ok()?;
    let gauge = gauges.first()?;
    gauge.read(client, gauge.inputs.first()?).ok()?
}

/// Reads everything that there is to say of a domain.
///
/// # Errors
///
/// The domain died or does not answer.
pub(crate) fn domain(domain: &Domain, client: &mut Client, start_us: u64) -> Result<DomainReport, ClientError> {
    let devices = devices(client)?;
    let report = domain.report();
    Ok(DomainReport {
        driver: domain.name().to_owned(),
        kernel: report.kernel.clone(),
        sources: sources(report),
        image_bytes: report.image_bytes,
        domain: Cost {
            pid: domain.pid(),
            isolation: Sandbox::of(domain.isolation()),
            // It ended just now: whoever asks it next will hear.
            private_kib: domain.private_kib().unwrap_or(0),
            start_us,
            boot_us: client.state()?.boot_us,
        },
        devices,
        modified: report.modified,
        changed: report.changed.iter().map(|changed| changed.path.clone()).collect(),
    })
}

/// A device's place in sysfs.
struct Place {
    name: String,
    class: String,
    path: String,
}

/// Lists a directory that may not exist.
fn list(client: &mut Client, path: &str) -> Result<Vec<linux_compat::client::Entry>, ClientError> {
    match client.list(path) {
        Err(error) if error.errno() == Some(Errno::ENOENT) => Ok(Vec::new()),
        other => other,
    }
}

/// The directories of the chips on the buses, and whether somebody drives them.
fn chips(client: &mut Client) -> Result<Vec<(String, bool)>, ClientError> {
    let mut found = Vec::new();
    for bus in ["i2c", "spi"] {
        let dir = format!("bus/{bus}/devices");
        for entry in list(client, &dir)? {
            // Adapters are devices of the I2C bus too.
            if entry.name.starts_with("i2c-") {
                continue;
            }
            let path = client.canonical(&format!("{dir}/{}", entry.name))?;
            let is_driven = list(client, &path)?.iter().any(|entry| entry.name == "driver");
            found.push((path, is_driven));
        }
    }
    Ok(found)
}

/// The devices that drivers made of the chips, and their classes; IIO and nvmem are buses, and are taken for classes
/// here.
fn places(client: &mut Client) -> Result<Vec<Place>, ClientError> {
    let chips = chips(client)?;
    let mut dirs: Vec<(String, String)> = ["iio", "nvmem"]
        .map(|bus| (bus.to_owned(), format!("bus/{bus}/devices")))
        .into();
    for class in list(client, "class")? {
        dirs.push((class.name.clone(), format!("class/{}", class.name)));
    }
    let mut found: Vec<Place> = Vec::new();
    for (class, dir) in dirs {
        let mut entries = list(client, &dir)?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        for entry in entries {
            if entry.kind == EntryKind::File {
                continue;
            }
            let path = client.canonical(&format!("{dir}/{}", entry.name))?;
            let is_ours = chips.iter().any(|(chip, _)| path.starts_with(&format!("{chip}/")));
            if is_ours && !found.iter().any(|place| place.path == path) {
                found.push(Place {
                    name: entry.name,
                    class: class.clone(),
                    path,
                });
            }
        }
    }
    Ok(found)
}

/// A sensor of which nothing can be read, in the driver's own words.
pub(crate) fn mute(report: &DomainReport) -> Option<anyhow::Error> {
    report
        .devices
        .iter()
        .filter(|device| device.si.is_empty())
        .find_map(|device| {
            let mut errors = device.errors.iter();
            let (attribute, error) = errors.find(|(name, _)| name.ends_with("_raw") || name.ends_with("_input"))?;
            Some(anyhow!("{}: no channel can be read: {attribute}: {error}", device.name))
        })
}

/// Asks the drivers of this image to take the chips that nobody took, as a user does who writes to `bind`, and returns
/// what the last one answered: Linux does not log why a driver refused a chip that is not there or is another.
pub(crate) fn probe_again(client: &mut Client) -> Result<Option<Errno>, ClientError> {
    let mut answer = None;
    for (path, _) in chips(client)?.into_iter().filter(|(_, is_driven)| !is_driven) {
        let name = path.rsplit('/').next().unwrap_or(&path);
        for bus in ["i2c", "spi"] {
            for driver in list(client, &format!("bus/{bus}/drivers"))? {
                match client.write(&format!("bus/{bus}/drivers/{}/bind", driver.name), name.as_bytes()) {
                    // A driver for other chips says ENODEV too.
                    Err(ClientError::Errno { errno, .. }) if answer.is_none() || errno != Errno::ENODEV => {
                        answer = Some(errno);
                    }
                    Ok(()) | Err(ClientError::Errno { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(answer)
}

/// Whether a driver took a chip.
pub(crate) fn has_driven_chip(client: &mut Client) -> Result<bool, ClientError> {
    Ok(chips(client)?.iter().any(|(_, is_driven)| *is_driven))
}

/// Whether there is a reader of tags.
pub(crate) fn has_reader(client: &mut Client) -> Result<bool, ClientError> {
    Ok(!list(client, "class/nfc")?.is_empty())
}

/// Reads all devices.
fn devices(client: &mut Client) -> Result<Vec<DeviceReport>, ClientError> {
    let sensors = Device::all(client).unwrap_or_default();
    let mut found = Vec::new();
    for place in places(client)? {
        let mut device = DeviceReport {
            name: place.name,
            class: place.class,
            attributes: BTreeMap::new(),
            si: BTreeMap::new(),
            errors: BTreeMap::new(),
        };
        attributes(client, &place.path, "", &mut device)?;
        if let Some(sensor) = sensors.iter().find(|sensor| sensor.node() == device.name) {
            device.si = sensor.si_from(&device.attributes);
        } else {
            device.si = gauge::si_from(&device.class, &device.attributes);
        }
        // What the driver calls it, rather than its number.
        if let Some(name) = device.attributes.get("name") {
            device.name = name.clone();
        }
        found.push(device);
    }
    Ok(found)
}

/// Reads the attributes of a directory and of those below it, but not of other devices that are linked or lie there.
fn attributes(client: &mut Client, dir: &str, below: &str, device: &mut DeviceReport) -> Result<(), ClientError> {
    let entries = client.list(&format!("{dir}/{below}"))?;
    if !below.is_empty() && entries.iter().any(|entry| entry.name == "subsystem") {
        return Ok(());
    }
    for entry in entries {
        let name = format!("{below}{}", entry.name);
        match entry.kind {
            EntryKind::Directory => attributes(client, dir, &format!("{name}/"), device)?,
            EntryKind::File if entry.is_readable() => match client.read(&format!("{dir}/{name}")) {
                Ok(bytes) => drop(device.attributes.insert(name, as_text(&bytes))),
                Err(ClientError::Errno { errno, .. }) => drop(device.errors.insert(name, errno.to_string())),
                Err(error) => return Err(error),
            },
            EntryKind::File | EntryKind::Link => {}
        }
    }
    Ok(())
}

/// A number for people: a small one, such as a magnetic field in T, has an exponent.
pub(crate) fn digits(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 {
        format!("{value:.3e}")
    } else {
        format!("{value:.4}")
    }
}

/// An attribute's text without its last line end; what is no text (a memory's contents) as hexadecimal digits.
fn as_text(bytes: &[u8]) -> String {
    let is_text = |text: &&str| !text.contains(|c: char| c.is_control() && !c.is_whitespace());
    match std::str::from_utf8(bytes).ok().filter(is_text) {
        Some(text) => text.strip_suffix('\n').unwrap_or(text).to_owned(),
        None => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_keep_their_digits() {
        assert_eq!([9.80481, 0.0, -48e-6].map(digits), ["9.8048", "0.0000", "-4.800e-5"]);
    }

    #[test]
    fn a_memory_is_shown_in_digits_and_text_as_it_is() {
        assert_eq!(as_text(b"25000\n"), "25000");
        assert_eq!(as_text("m/s²\n\n".as_bytes()), "m/s²\n");
        assert_eq!(as_text(&[0xff, 0x00, 0x0a]), "ff000a");
        assert_eq!(as_text(&[0x00]), "00");
    }

    #[test]
    fn the_report_has_the_documented_shape() {
        let report = DomainReport {
            driver: "adxl345".to_owned(),
            kernel: "6.12.1".to_owned(),
            sources: vec![SourceReport {
                path: "a.c".to_owned(),
                lines: 1,
                sha256: "00".to_owned(),
                pristine: true,
            }],
            image_bytes: 1,
            domain: Cost {
                pid: 2,
                isolation: Sandbox::of(Isolation::Process),
                private_kib: 3,
                start_us: 4,
                boot_us: 1,
            },
            devices: vec![DeviceReport {
                name: "adxl345".to_owned(),
                class: "iio".to_owned(),
                attributes: BTreeMap::from([("name".to_owned(), "adxl345".to_owned())]),
                si: BTreeMap::from([("accel_z".to_owned(), 9.81)]),
                errors: BTreeMap::new(),
            }],
            modified: false,
            changed: Vec::new(),
        };
        let json = serde_json::to_value(&report).expect("a report is JSON");
        let keys = |value: &serde_json::Value| {
            value
                .as_object()
                .expect("an object")
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(
            keys(&json),
            ["devices", "domain", "driver", "image_bytes", "kernel", "sources"]
        );
        assert_eq!(
            keys(&json["domain"]),
            ["boot_us", "isolation", "pid", "private_kib", "start_us"]
        );
        assert_eq!(keys(&json["domain"]["isolation"]), ["namespaces", "syscalls"]);
        assert_eq!(keys(&json["sources"][0]), ["lines", "path", "pristine", "sha256"]);
        assert_eq!(keys(&json["devices"][0]), ["attributes", "class", "name", "si"]);
    }
}
