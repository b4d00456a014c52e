// SPDX-License-Identifier: GPL-2.0-only
//! A sensor and its settings.

use super::IioError;
use super::channel::{self, Available, ChannelName, FormatError, number};
use crate::client::{Client, Entry, EntryKind, sysfs_follow};
use std::collections::{BTreeMap, BTreeSet};

/// The directory that holds all devices and triggers.
pub(super) const BUS: &str = "bus/iio/devices";

/// A sensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub(super) path: String,
    pub(super) node: String,
    attributes: BTreeSet<String>,
    channels: Vec<ChannelName>,
}

/// From raw values to SI: `(raw + offset) × scale`.
///
/// # Examples
///
/// ```
/// use linux_compat::iio::Conversion;
///
/// let conversion = Conversion { offset: 0.0, scale: 0.0383 };
/// assert_eq!(conversion.si(256.0), 9.8048);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conversion {
    /// Added to the raw value.
    pub offset: f64,
    /// Then multiplied, the unit's own factor included.
    pub scale: f64,
}

impl Conversion {
    /// The raw value in SI units.
    #[must_use]
    pub fn si(&self, raw: f64) -> f64 {
        (raw + self.offset) * self.scale
    }
}

impl Device {
    /// Finds all sensors of a domain, in the order of their numbers.
    ///
    /// # Errors
    ///
    /// The domain has ended or does not answer. A domain without IIO has no sensors, and that is no error.
    pub fn all(client: &mut Client) -> Result<Vec<Self>, IioError> {
        let mut found = Vec::new();
        for (node, path) in nodes(client, "iio:device")? {
            found.push(Self::open(client, &node, path)?);
        }
        Ok(found)
    }

    fn open(client: &mut Client, node: &str, path: String) -> Result<Self, IioError> {
        let entries = client.list(&path)?;
        let is_file = |entry: &&Entry| entry.kind == EntryKind::File;
        let attributes: BTreeSet<String> = entries.iter().filter(is_file).map(|entry| entry.name.clone()).collect();
        let channels = channel::channels(attributes.iter().map(String::as_str));
        Ok(Self {
            path,
            node: node.to_owned(),
            attributes,
            channels,
        })
    }

    /// Its node, such as `iio:device0`: its name below `/dev`.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Its directory in sysfs.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The channels that can be read or set at any time.
    #[must_use]
    pub fn channels(&self) -> &[ChannelName] {
        &self.channels
    }

    /// The channel with this id, such as `accel_x`.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn channel(&self, id: &str) -> Result<&ChannelName, IioError> {
        let found = self.channels.iter().find(|channel| channel.id == id);
        found.ok_or_else(|| self.absent(&format!("channel {id:?}")))
    }

    pub(super) fn absent(&self, what: &str) -> IioError {
        IioError::Absent {
            device: self.node.clone(),
            what: what.to_owned(),
        }
    }

    /// Its name, such as `adxl345`.
    ///
    /// # Errors
    ///
    /// The domain has ended or does not answer.
    pub fn name(&self, client: &mut Client) -> Result<String, IioError> {
        Ok(client.read_text(&self.file("name"))?)
    }

    pub(super) fn file(&self, attribute: &str) -> String {
        format!("{}/{attribute}", self.path)
    }

    fn find(&self, channel: &ChannelName, info: &str) -> Option<String> {
        channel
            .attribute_names(info)
            .find(|name| self.attributes.contains(name))
    }

    fn read_number(&self, client: &mut Client, attribute: &str) -> Result<f64, IioError> {
        let text = client.read_text(&self.file(attribute))?;
        let error = || FormatError::new(&text, "a number");
        number(&text).ok_or_else(|| IioError::Format {
            attribute: attribute.to_owned(),
            error: error(),
        })
    }

    fn read_info(&self, client: &mut Client, channel: &ChannelName, info: &str) -> Result<Option<f64>, IioError> {
        self.find(channel, info)
            .map(|attribute| self.read_number(client, &attribute))
            .transpose()
    }

    /// Reads a channel's raw value.
    ///
    /// # Errors
    ///
    /// What the driver returns, such as `EBUSY` while its buffer is on; or it has no raw value.
    pub fn raw(&self, client: &mut Client, channel: &ChannelName) -> Result<f64, IioError> {
        self.read_number(client, &channel.attribute("raw"))
    }

    /// Reads how a channel's raw values are converted. It changes when the channel's range is set.
    ///
    /// # Errors
    ///
    /// What the driver returns.
    pub fn conversion(&self, client: &mut Client, channel: &ChannelName) -> Result<Conversion, IioError> {
        let offset = self.read_info(client, channel, "offset")?.unwrap_or(0.0);
        let scale = self.read_info(client, channel, "scale")?.unwrap_or(1.0);
        Ok(Conversion {
            offset,
            scale: scale * channel.unit().factor,
        })
    }

    /// Reads a channel in SI units.
    ///
    /// # Errors
    ///
    /// What the driver returns.
    pub fn read(&self, client: &mut Client, channel: &ChannelName) -> Result<f64, IioError> {
        let processed = channel.attribute("input");
        if self.attributes.contains(&processed) {
            return Ok(self.read_number(client, &processed)? * channel.unit().factor);
        }
        Ok(self.conversion(client, channel)?.si(self.raw(client, channel)?))
    }

    /// Computes every channel in SI units from the texts of attributes that were read before, by attribute name. A
    /// channel whose value is not among them is left out.
    #[must_use]
    pub fn si_from(&self, texts: &BTreeMap<String, String>) -> BTreeMap<String, f64> {
        let text = |channel: &ChannelName, info: &str| {
            channel
                .attribute_names(info)
                .find_map(|name| texts.get(&name))
                .and_then(|text| number(text))
        };
        let value = |channel: &ChannelName| {
            let factor = channel.unit().factor;
            let own = |info: &str| texts.get(&channel.attribute(info)).and_then(|text| number(text));
            if let Some(processed) = own("input") {
                return Some(processed * factor);
            }
            let scale = text(channel, "scale").unwrap_or(1.0) * factor;
            Some(
                Conversion {
                    offset: text(channel, "offset").unwrap_or(0.0),
                    scale,
                }
                .si(own("raw")?),
            )
        };
        self.channels
            .iter()
            .filter_map(|channel| Some((channel.id.clone(), value(channel)?)))
            .collect()
    }

    /// Reads a setting of a channel, its own or one that it shares: `scale`, `sampling_frequency`, `calibbias` …;
    /// `None` if it does not have it.
    ///
    /// # Errors
    ///
    /// What the driver returns.
    pub fn setting(&self, client: &mut Client, channel: &ChannelName, info: &str) -> Result<Option<f64>, IioError> {
        self.read_info(client, channel, info)
    }

    /// Reads what a setting of a channel may be.
    ///
    /// # Errors
    ///
    /// What the driver returns; the device does not say.
    pub fn available(&self, client: &mut Client, channel: &ChannelName, info: &str) -> Result<Available, IioError> {
        let name = format!("{info}_available");
        let attribute = self.find(channel, &name).ok_or_else(|| self.absent(&name))?;
        let text = client.read_text(&self.file(&attribute))?;
        text.parse().map_err(|error| IioError::Format { attribute, error })
    }

    /// Changes a setting of a channel. A setting that channels share changes for all of them.
    ///
    /// # Errors
    ///
    /// What the driver returns, such as `EINVAL` for a value that it does not have; the channel has no such setting.
    pub fn set(&self, client: &mut Client, channel: &ChannelName, info: &str, value: f64) -> Result<(), IioError> {
        let attribute = self
            .find(channel, info)
            .ok_or_else(|| self.absent(&format!("{info} of {}", channel.id)))?;
        Ok(client.write(&self.file(&attribute), value.to_string().as_bytes())?)
    }

    /// How often the device samples, in Hz.
    ///
    /// # Errors
    ///
    /// What the driver returns; the device does not say.
    pub fn sampling_frequency(&self, client: &mut Client) -> Result<f64, IioError> {
        let attribute = self.frequency_attribute()?;
        self.read_number(client, &attribute)
    }

    /// Sets how often the device samples, in Hz.
    ///
    /// # Errors
    ///
    /// What the driver returns, such as `EINVAL` for a rate that it does not have.
    pub fn set_sampling_frequency(&self, client: &mut Client, hz: f64) -> Result<(), IioError> {
        let attribute = self.frequency_attribute()?;
        Ok(client.write(&self.file(&attribute), hz.to_string().as_bytes())?)
    }

    fn frequency_attribute(&self) -> Result<String, IioError> {
        let info = "sampling_frequency";
        let shared = Some(info.to_owned()).filter(|name| self.attributes.contains(name));
        let own = || self.channels.iter().find_map(|channel| self.find(channel, info));
        shared.or_else(own).ok_or_else(|| self.absent(info))
    }
}

/// Devices on the IIO bus whose names begin with `prefix`, by number: name and directory.
pub(super) fn nodes(client: &mut Client, prefix: &str) -> Result<Vec<(String, String)>, IioError> {
    let entries = match client.list(BUS) {
        Ok(entries) => entries,
        Err(error) if error.errno() == Some(crate::client::Errno::ENOENT) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut found: Vec<(u32, String, String)> = Vec::new();
    for entry in entries {
        let Some(number) = entry.name.strip_prefix(prefix).and_then(|digits| digits.parse().ok()) else {
            continue;
        };
        let path = match entry.kind {
            EntryKind::Link => sysfs_follow(BUS, &entry.target),
            _ => format!("{BUS}/{}", entry.name),
        };
        found.push((number, entry.name, path));
    }
    found.sort();
    Ok(found.into_iter().map(|(_, name, path)| (name, path)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_come_from_texts() {
        let texts = [
            ("in_accel_z_raw", "256"),
            ("in_accel_scale", "0.038300"),
            ("in_temp_raw", "4"),
            ("in_temp_scale", "500"),
            ("in_temp_offset", "46"),
            ("in_illuminance_input", "12.5"),
            ("name", "many"),
        ];
        let texts: BTreeMap<String, String> = texts.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let device = Device {
            path: String::new(),
            node: "iio:device0".to_owned(),
            attributes: texts.keys().cloned().collect(),
            channels: channel::channels(texts.keys().map(String::as_str)),
        };
        let si = device.si_from(&texts);
        assert_eq!(si["accel_z"], 256.0 * 0.0383);
        assert_eq!(si["temp"], 25.0);
        assert_eq!(si["illuminance"], 12.5);
        assert_eq!(si.len(), 3);
    }
}
