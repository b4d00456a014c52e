// SPDX-License-Identifier: GPL-2.0-only
//! Channels, read out of the names of a device's attributes.
//!
//! An attribute is called `DIRECTION_TYPE[INDEX][_MODIFIER][_NAME]_INFO`. What several channels share
//! leaves parts out: `in_accel_scale` is the scale of `in_accel_x_raw`, and `sampling_frequency` is everybody's
//! (`drivers/iio/industrialio-core.c`, `__iio_device_attr_init`).

use super::units::{Unit, unit_of};

/// Where values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From the chip.
    In,
    /// To the chip.
    Out,
}

/// A channel's name, in parts.
///
/// # Examples
///
/// ```
/// use linux_compat::iio::ChannelName;
///
/// let x = ChannelName::of_attribute("in_accel_x_raw").unwrap();
/// assert_eq!((x.id.as_str(), x.kind.as_str(), x.unit().symbol), ("accel_x", "accel", "m/s²"));
/// let names: Vec<String> = x.attribute_names("scale").collect();
/// assert_eq!(names, ["in_accel_x_scale", "in_accel_scale", "in_scale", "scale"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChannelName {
    /// Where its values go.
    pub direction: Direction,
    /// Its name without the direction, such as `accel_x`: unique among the channels of one direction.
    pub id: String,
    /// Its type, such as `accel`.
    pub kind: String,
    /// Its number, if the driver numbers its channels.
    pub index: Option<u32>,
    /// Modifier and name, such as `x`; empty if there is none.
    pub modifier: String,
}

/// What an attribute that makes a channel ends with: it holds a value.
const VALUES: [&str; 2] = ["_raw", "_input"];

impl ChannelName {
    /// The channel whose value this attribute is (`in_accel_x_raw`, `in_temp_input`), if it is one.
    #[must_use]
    pub fn of_attribute(name: &str) -> Option<Self> {
        VALUES.iter().find_map(|end| Self::parse(name.strip_suffix(end)?))
    }

    /// The channel of a scan element's attribute, such as `in_accel_x_en`.
    #[must_use]
    pub fn of_scan_element(name: &str) -> Option<Self> {
        Self::parse(name.strip_suffix("_en")?)
    }

    fn parse(text: &str) -> Option<Self> {
        let (direction, id) = match text.split_once('_')? {
            ("in", id) => (Direction::In, id),
            ("out", id) => (Direction::Out, id),
            _ => return None,
        };
        let (head, modifier) = id.split_once('_').unwrap_or((id, ""));
        // A differential channel is `voltage0-voltage1`: its type is that of its first half.
        let first = head.split('-').next().unwrap_or(head);
        let kind = first.trim_end_matches(|digit: char| digit.is_ascii_digit());
        if kind.is_empty() {
            return None;
        }
        Some(Self {
            direction,
            id: id.to_owned(),
            kind: kind.to_owned(),
            index: first.get(kind.len()..).and_then(|digits| digits.parse().ok()),
            modifier: modifier.to_owned(),
        })
    }

    fn prefix(&self) -> &'static str {
        match self.direction {
            Direction::In => "in",
            Direction::Out => "out",
        }
    }

    /// The name of the channel's own attribute for `info`, such as `raw`.
    #[must_use]
    pub fn attribute(&self, info: &str) -> String {
        format!("{}_{}_{info}", self.prefix(), self.id)
    }

    /// The names under which the attribute `info` may stand, the channel's own first, then the shared ones.
    pub fn attribute_names(&self, info: &str) -> impl Iterator<Item = String> {
        let (prefix, info) = (self.prefix(), info.to_owned());
        let mut shared = vec![format!("{prefix}_{}_{info}", self.id)];
        let by_type = format!("{prefix}_{}_{info}", self.kind);
        if !shared.contains(&by_type) {
            shared.push(by_type);
        }
        shared.push(format!("{prefix}_{info}"));
        shared.push(info);
        shared.into_iter()
    }

    /// The SI unit of the channel's values.
    #[must_use]
    pub fn unit(&self) -> Unit {
        unit_of(&self.kind)
    }
}

/// Finds the channels among a device's attributes, in the order of their names.
pub(super) fn channels<'a>(attributes: impl Iterator<Item = &'a str>) -> Vec<ChannelName> {
    let mut found: Vec<ChannelName> = attributes.filter_map(ChannelName::of_attribute).collect();
    found.sort();
    // A channel may have both a raw and a processed value.
    found.dedup();
    found
}

/// Reads the first number of an attribute's text: `0.038307`, `-3.5 dB`, `1 2` (a fraction is written out by Linux).
pub(super) fn number(text: &str) -> Option<f64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// What an attribute can be set to, from its `…_available` neighbour.
///
/// # Examples
///
/// ```
/// use linux_compat::iio::Available;
///
/// assert_eq!("100 200 400\n".parse(), Ok(Available::Values(vec![100.0, 200.0, 400.0])));
/// assert_eq!("[0 1 255]".parse(), Ok(Available::Range { min: 0.0, step: 1.0, max: 255.0 }));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Available {
    /// One of these.
    Values(Vec<f64>),
    /// Anything from `min` to `max` in steps.
    Range {
        /// The least.
        min: f64,
        /// The step.
        step: f64,
        /// The greatest.
        max: f64,
    },
}

/// An attribute's text that is not as the ABI says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?}: expected {expected}")]
pub struct FormatError {
    /// The text.
    pub text: String,
    /// What should be there.
    pub expected: &'static str,
}

impl FormatError {
    pub(super) fn new(text: &str, expected: &'static str) -> Self {
        Self {
            text: text.trim().to_owned(),
            expected,
        }
    }
}

impl std::str::FromStr for Available {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let fail = || FormatError::new(text, "numbers, or [min step max]");
        let trimmed = text.trim();
        let range = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let numbers = range.unwrap_or(trimmed).split_ascii_whitespace().map(str::parse);
        let numbers: Vec<f64> = numbers.collect::<Result<_, _>>().map_err(|_| fail())?;
        match (range, numbers.as_slice()) {
            (Some(_), &[min, step, max]) => Ok(Self::Range { min, step, max }),
            (Some(_), _) => Err(fail()),
            (None, _) => Ok(Self::Values(numbers)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_and_kind(name: &str) -> Option<(String, String, Option<u32>, String)> {
        ChannelName::of_attribute(name).map(|name| (name.id, name.kind, name.index, name.modifier))
    }

    #[test]
    fn every_form_of_name() {
        let own = |id: &str, kind: &str, index, modifier: &str| {
            Some((id.to_owned(), kind.to_owned(), index, modifier.to_owned()))
        };
        assert_eq!(id_and_kind("in_accel_x_raw"), own("accel_x", "accel", None, "x"));
        assert_eq!(id_and_kind("in_temp_raw"), own("temp", "temp", None, ""));
        assert_eq!(id_and_kind("in_voltage3_raw"), own("voltage3", "voltage", Some(3), ""));
        assert_eq!(
            id_and_kind("in_voltage0-voltage1_raw"),
            own("voltage0-voltage1", "voltage", Some(0), "")
        );
        assert_eq!(
            id_and_kind("in_temp0_ambient_input"),
            own("temp0_ambient", "temp", Some(0), "ambient")
        );
        assert_eq!(id_and_kind("out_voltage0_raw"), own("voltage0", "voltage", Some(0), ""));
        for other in [
            "in_accel_scale",
            "sampling_frequency",
            "name",
            "in_raw",
            "raw",
            "in__raw",
            "uevent",
        ] {
            assert_eq!(id_and_kind(other), None, "{other}");
        }
    }

    #[test]
    fn channels_are_found_once_and_in_order() {
        let names = [
            "in_accel_y_raw",
            "in_accel_scale",
            "in_accel_x_raw",
            "in_accel_x_input",
            "out_voltage0_raw",
        ];
        let found: Vec<String> = channels(names.into_iter())
            .into_iter()
            .map(|channel| channel.id)
            .collect();
        assert_eq!(found, ["accel_x", "accel_y", "voltage0"]);
    }

    #[test]
    fn an_unshared_attribute_is_asked_for_once() {
        let temp = ChannelName::of_attribute("in_temp_raw").unwrap();
        assert_eq!(
            temp.attribute_names("offset").collect::<Vec<_>>(),
            ["in_temp_offset", "in_offset", "offset"]
        );
    }

    #[test]
    fn malformed_ranges_are_errors() {
        assert!("[1 2]".parse::<Available>().is_err());
        assert!("fast slow".parse::<Available>().is_err());
        assert_eq!("".parse(), Ok(Available::Values(Vec::new())));
    }
}
