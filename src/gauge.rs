// SPDX-License-Identifier: GPL-2.0-only
//! What devices measure that are no IIO devices: hardware monitors and clocks.
//!
//! The rules are those of `Documentation/hwmon/sysfs-interface.rst` and `Documentation/ABI/testing/sysfs-class-rtc`;
//! nothing about a chip is known here.

use crate::client::{Client, ClientError, Errno};
use crate::iio::Unit;
use std::collections::BTreeMap;

/// Kinds of a hardware monitor's inputs, and their units.
const HWMON: &[(&str, Unit)] = &[
    ("curr", unit("A", 1e-3)),
    ("energy", unit("J", 1e-6)),
    ("fan", unit("rpm", 1.0)),
    ("humidity", unit("%", 1e-3)),
    ("in", unit("V", 1e-3)),
    ("power", unit("W", 1e-6)),
    ("temp", unit("°C", 1e-3)),
];

const fn unit(symbol: &'static str, factor: f64) -> Unit {
    Unit { symbol, factor }
}

/// One quantity of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its attribute, such as `temp1_input`.
    pub attribute: String,
    /// Its name, such as `temp1`.
    pub id: String,
    /// Its unit.
    pub unit: Unit,
}

impl Input {
    /// What an attribute of a device of this class measures, if it does.
    ///
    /// # Examples
    ///
    /// ```
    /// use linux_compat::gauge::Input;
    ///
    /// let input = Input::of("hwmon", "in0_input").unwrap();
    /// assert_eq!((input.id.as_str(), input.unit.symbol), ("in0", "V"));
    /// assert_eq!(Input::of("hwmon", "temp1_max"), None);
    /// ```
    #[must_use]
    pub fn of(class: &str, attribute: &str) -> Option<Self> {
        let (id, unit) = match class {
            "hwmon" => {
                let id = attribute.strip_suffix("_input")?;
                let kind = id.trim_end_matches(|digit: char| digit.is_ascii_digit());
                let (_, unit) = HWMON.iter().find(|(known, _)| *known == kind)?;
                (id, *unit)
            }
            "rtc" if attribute == "since_epoch" => ("time", unit("s", 1.0)),
            _ => return None,
        };
        Some(Self {
            attribute: attribute.to_owned(),
            id: id.to_owned(),
            unit,
        })
    }

    /// The value that a text of the attribute stands for, in SI units.
    #[must_use]
    pub fn si(&self, text: &str) -> Option<f64> {
        Some(text.trim().parse::<f64>().ok()? * self.unit.factor)
    }
}

/// Computes every input of a device in SI units from the texts of attributes that were read before.
#[must_use]
pub fn si_from(class: &str, texts: &BTreeMap<String, String>) -> BTreeMap<String, f64> {
    let value = |(attribute, text): (&String, &String)| {
        let input = Input::of(class, attribute)?;
        let value = input.si(text)?;
        Some((input.id, value))
    };
    texts.iter().filter_map(value).collect()
}

/// A device with inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauge {
    /// What the driver calls it.
    pub name: String,
    /// Its directory in sysfs.
    pub path: String,
    /// What it measures.
    pub inputs: Vec<Input>,
}

impl Gauge {
    /// Finds all hardware monitors and clocks of a domain.
    ///
    /// # Errors
    ///
    /// The domain has ended or does not answer. A domain without such devices is no error.
    pub fn all(client: &mut Client) -> Result<Vec<Self>, ClientError> {
        let mut found = Vec::new();
        for class in ["hwmon", "rtc"] {
            let dir = format!("class/{class}");
            let mut entries = match client.list(&dir) {
                Err(error) if error.errno() == Some(Errno::ENOENT) => continue,
                entries => entries?,
            };
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            for entry in entries {
                let path = client.canonical(&format!("{dir}/{}", entry.name))?;
                let files = client.list(&path)?;
                let inputs: Vec<Input> = files.iter().filter_map(|file| Input::of(class, &file.name)).collect();
                if !inputs.is_empty() {
                    let name = client.read_text(&format!("{path}/name")).unwrap_or(entry.name);
                    found.push(Self { name, path, inputs });
                }
            }
        }
        Ok(found)
    }

    /// Reads one of its inputs in SI units; `None` if what is there is no number.
    ///
    /// # Errors
    ///
    /// What the driver returns; the domain has ended or does not answer.
    pub fn read(&self, client: &mut Client, input: &Input) -> Result<Option<f64>, ClientError> {
        let text = client.read_text(&format!("{}/{}", self.path, input.attribute))?;
        Ok(input.si(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_come_from_texts() {
        let texts = [
            ("temp1_input", "-25500"),
            ("temp1_max", "80000"),
            ("power2_input", "1500000"),
            ("in0_input", "junk"),
            ("name", "lm75"),
        ];
        let texts: BTreeMap<String, String> = texts.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let wanted = BTreeMap::from([("temp1".to_owned(), -25.5), ("power2".to_owned(), 1.5)]);
        assert_eq!(si_from("hwmon", &texts), wanted);
        assert!(si_from("leds", &texts).is_empty());
    }
}
