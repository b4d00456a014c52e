// SPDX-License-Identifier: GPL-2.0-only
//! Buffered capture: the chip samples at its own pace, a trigger starts each scan, and the samples come through the
//! character device (`Documentation/iio/iio_devbuf.rst`).

use super::IioError;
use super::channel::{ChannelName, FormatError};
use super::device::{Conversion, Device, nodes};
use super::scan::{Layout, SampleType};
use crate::client::{Client, ClientError, DeviceFile, Errno, poll};
use std::time::{Duration, Instant};

/// What starts a scan: a chip's data-ready line, a timer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Its name, by which it is chosen, such as `bmg160-dev0`.
    pub name: String,
    /// Its directory in sysfs.
    pub path: String,
}

impl Trigger {
    /// Finds all triggers of a domain.
    ///
    /// # Errors
    ///
    /// The domain has ended or does not answer.
    pub fn all(client: &mut Client) -> Result<Vec<Self>, IioError> {
        let mut found = Vec::new();
        for (_, path) in nodes(client, "trigger")? {
            let name = client.read_text(&format!("{path}/name"))?;
            found.push(Self { name, path });
        }
        Ok(found)
    }
}

/// How to capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureOptions {
    /// Channels by id; empty for all that the buffer can hold.
    pub channels: Vec<String>,
    /// Scans that the domain keeps for a slow reader.
    pub length: u32,
    /// The trigger by name; `None` leaves it as it is.
    pub trigger: Option<String>,
    /// Whether each scan bears the time at which it was taken.
    pub has_timestamp: bool,
}

impl Default for CaptureOptions {
    fn default() -> Self {
        Self {
            channels: Vec::new(),
            length: 64,
            trigger: None,
            has_timestamp: true,
        }
    }
}

/// One sample of each channel of a [`Capture`].
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// Raw values, in the order of [`Capture::channels`].
    pub raw: Vec<i64>,
    /// The same in SI units.
    pub si: Vec<f64>,
    /// When it was taken, in ns of the domain's clock.
    pub timestamp_ns: Option<i64>,
}

/// A running capture. While it runs the driver may refuse single readings with `EBUSY`.
#[derive(Debug)]
pub struct Capture<'a> {
    client: &'a mut Client,
    device: &'a Device,
    file: DeviceFile,
    layout: Layout,
    /// For each field that is no timestamp.
    conversions: Vec<Conversion>,
    timestamp: Option<usize>,
    trigger: String,
    rest: Vec<u8>,
}

const TIMESTAMP: &str = "timestamp";

impl Device {
    /// Starts a capture.
    ///
    /// # Errors
    ///
    /// What the driver returns; the device has no buffer, or a channel is not one of it.
    pub fn capture<'a>(&'a self, client: &'a mut Client, options: &CaptureOptions) -> Result<Capture<'a>, IioError> {
        let elements = self.scan_elements(client)?;
        for id in &options.channels {
            if !elements.iter().any(|channel| channel.id == *id) {
                return Err(self.absent(&format!("scan element {id:?}")));
            }
        }
        // Elements cannot be changed while the buffer is on.
        client.write(&self.file("buffer/enable"), b"0")?;
        let mut enabled = Vec::new();
        for channel in elements {
            let is_wanted = match channel.id.as_str() {
                TIMESTAMP => options.has_timestamp,
                id => options.channels.is_empty() || options.channels.iter().any(|wanted| wanted == id),
            };
            let file = |info| self.file(&format!("scan_elements/{}", channel.attribute(info)));
            client.write(&file("en"), if is_wanted { b"1" } else { b"0" })?;
            if is_wanted {
                let index = parse(&file("index"), client, "a number")?;
                let sample = parse_type(&file("type"), client)?;
                enabled.push((channel, index, sample));
            }
        }
        client.write(&self.file("buffer/length"), options.length.to_string().as_bytes())?;
        let trigger = self.choose_trigger(client, options.trigger.as_deref())?;
        let layout = Layout::new(enabled);
        let conversions = self.conversions(client, &layout)?;
        let file = client.device_open(&self.node, false)?;
        if let Err(error) = client.write(&self.file("buffer/enable"), b"1") {
            // The error that matters is the first one.
            let _ = client.device_close(file);
            return Err(error.into());
        }
        let timestamp = layout.fields().iter().position(|field| field.channel.id == TIMESTAMP);
        Ok(Capture {
            client,
            device: self,
            file,
            layout,
            conversions,
            timestamp,
            trigger,
            rest: Vec::new(),
        })
    }

    /// The channels that the buffer can hold.
    ///
    /// # Errors
    ///
    /// The device has no buffer; the domain has ended or does not answer.
    pub fn scan_elements(&self, client: &mut Client) -> Result<Vec<ChannelName>, IioError> {
        let entries = match client.list(&self.file("scan_elements")) {
            Ok(entries) => entries,
            Err(error) if error.errno() == Some(Errno::ENOENT) => return Err(self.absent("buffer")),
            Err(error) => return Err(error.into()),
        };
        Ok(entries
            .iter()
            .filter_map(|entry| ChannelName::of_scan_element(&entry.name))
            .collect())
    }

    fn choose_trigger(&self, client: &mut Client, wanted: Option<&str>) -> Result<String, IioError> {
        let file = self.file("trigger/current_trigger");
        if let Some(name) = wanted {
            client.write(&file, name.as_bytes())?;
        }
        match client.read_text(&file) {
            Ok(name) => Ok(name),
            // A device with a hardware buffer has no trigger.
            Err(error) if error.errno() == Some(Errno::ENOENT) => Ok(String::new()),
            Err(error) => Err(error.into()),
        }
    }

    fn conversions(&self, client: &mut Client, layout: &Layout) -> Result<Vec<Conversion>, IioError> {
        layout
            .fields()
            .iter()
            .map(|field| self.conversion(client, &field.channel))
            .collect()
    }
}

fn parse<T: std::str::FromStr>(file: &str, client: &mut Client, expected: &'static str) -> Result<T, IioError> {
    let text = client.read_text(file)?;
    text.trim().parse().map_err(|_| IioError::Format {
        attribute: file.to_owned(),
        error: FormatError::new(&text, expected),
    })
}

fn parse_type(file: &str, client: &mut Client) -> Result<SampleType, IioError> {
    client.read_text(file)?.parse().map_err(|error| IioError::Format {
        attribute: file.to_owned(),
        error,
    })
}

impl Capture<'_> {
    /// The channels, in the order of a scan's values; the timestamp is not among them.
    pub fn channels(&self) -> impl Iterator<Item = &ChannelName> {
        self.layout
            .fields()
            .iter()
            .map(|field| &field.channel)
            .filter(|channel| channel.id != TIMESTAMP)
    }

    /// How a scan is laid out.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Waits for at least `count` scans and returns what has come.
    ///
    /// # Errors
    ///
    /// What the driver returns; for `limit`, of the domain's clock or of ours, too few scans came.
    pub fn read(&mut self, count: usize, limit: Duration) -> Result<Vec<Scan>, IioError> {
        let mut left = limit;
        let mut scans = self.take();
        while scans.len() < count {
            let begun = Instant::now();
            let slice = left.min(SLICE);
            if self.client.device_poll(self.file, poll::IN, slice)? == 0 {
                left -= slice;
            } else {
                self.fetch()?;
                scans.extend(self.take());
                left = left.saturating_sub(begun.elapsed());
            }
            if left.is_zero() && scans.len() < count {
                return Err(IioError::NoData {
                    device: self.device.node.clone(),
                    ms: limit.as_millis(),
                    trigger: self.trigger.clone(),
                });
            }
        }
        Ok(scans)
    }

    /// Reads what is there; of a device that went away, the error.
    fn fetch(&mut self) -> Result<(), IioError> {
        let room = self.layout.bytes().saturating_mul(64);
        match self.client.device_read(self.file, room) {
            Ok(bytes) => self.rest.extend(bytes),
            Err(error) if error.errno() == Some(EAGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Cuts whole scans off what was read.
    fn take(&mut self) -> Vec<Scan> {
        let bytes = self.layout.bytes();
        if bytes == 0 {
            return Vec::new();
        }
        let whole = self.rest.len() / bytes * bytes;
        let read: Vec<u8> = self.rest.drain(..whole).collect();
        read.chunks_exact(bytes).filter_map(|scan| self.scan(scan)).collect()
    }

    fn scan(&self, bytes: &[u8]) -> Option<Scan> {
        let mut raw = self.layout.decode(bytes)?;
        let mut si: Vec<f64> = raw
            .iter()
            .zip(&self.conversions)
            .map(|(raw, conversion)| conversion.si(as_f64(*raw)))
            .collect();
        let timestamp_ns = self.timestamp.map(|at| {
            si.remove(at);
            raw.remove(at)
        });
        Some(Scan { raw, si, timestamp_ns })
    }
}

const EAGAIN: Errno = Errno(11);
/// Longest single wait, far below what the kernel allows a call (`kos_bindings::hosted::Config::call_timeout`).
const SLICE: Duration = Duration::from_secs(5);

/// A sensor's raw value has far fewer bits than the 53 that an `f64` holds exactly.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn as_f64(raw: i64) -> f64 {
    raw as f64
}

impl Drop for Capture<'_> {
    fn drop(&mut self) {
        let off: Result<(), ClientError> = self.client.write(&self.device.file("buffer/enable"), b"0");
        // The domain may be gone, and then its buffer is too.
        drop(off);
        let _ = self.client.device_close(self.file);
    }
}
