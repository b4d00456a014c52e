// SPDX-License-Identifier: GPL-2.0-only
//! The physical world around the chips: what a sensor would feel, in SI units.
//!
//! Chip models read the [`Stimulus`] when they sample and at no other time. It is plain data: the same stimulus
//! and the same sequence of bus transfers give the same bytes. Noise is off by default, and when it is on
//! it is a function of the seed, the axis and the time of the sample, so that it repeats too.
//!
//! # Examples
//!
//! ```
//! use board::Stimulus;
//!
//! let mut world = Stimulus::default();
//! world.apply("accel=0,0,9.81").unwrap();
//! world.apply("temp=31.5").unwrap();
//! assert_eq!(world.accel, [0.0, 0.0, 9.81]);
//!
//! let err = Stimulus::parse("accel=0,0").unwrap_err();
//! assert_eq!(err.to_string(), "stimulus \"accel=0,0\": \"accel\" has 2 values, expected 3: accel=X,Y,Z in m/s²");
//! ```

use crate::nfc::tag::Tag;
use crate::nfc::tag::spec::{self, TagSpec};
use std::fmt;

/// Standard gravity in m/s², by definition (3rd CGPM, 1901).
pub const STANDARD_GRAVITY: f64 = 9.806_65;

/// What the sensors feel.
#[derive(Clone, Debug, PartialEq)]
pub struct Stimulus {
    /// Acceleration along the chip's x, y and z axis in m/s². At rest on a table: `[0, 0, 9.81]`.
    pub accel: [f64; 3],
    /// Rotation rate about the chip's x, y and z axis in rad/s.
    pub rate: [f64; 3],
    /// Magnetic flux density along the chip's x, y and z axis in T.
    pub magn: [f64; 3],
    /// Temperature of the die in °C.
    pub temp: f64,
    /// What a clock showed that has kept time, in s since 1970, when power came on; `None`: its battery was empty.
    pub time: Option<f64>,
    /// Peak noise on each axis of [`accel`](Self::accel) in m/s²; 0 is none.
    pub accel_noise: f64,
    /// Peak noise on each axis of [`rate`](Self::rate) in rad/s; 0 is none.
    pub rate_noise: f64,
    /// Seed of the noise: the same seed gives the same noise.
    pub seed: u64,
    /// The tags that come near an NFC reader. A copy of a stimulus holds the same tags, with what is written to them.
    pub tags: Vec<Tag>,
    /// When this world began, in ns of board time: what the times of tags count from. The board sets it.
    pub since_ns: u64,
}

impl Default for Stimulus {
    /// At rest, z up, at 25 °C, without noise and magnets.
    fn default() -> Self {
        Stimulus {
            accel: [0.0, 0.0, STANDARD_GRAVITY],
            rate: [0.0; 3],
            magn: [0.0; 3],
            temp: 25.0,
            time: None,
            accel_noise: 0.0,
            rate_noise: 0.0,
            seed: 1,
            tags: Vec::new(),
            since_ns: 0,
        }
    }
}

/// The keys that [`Stimulus::apply`] knows, with their form and unit, as error messages show them.
const FORMS: &[(&str, usize, &str)] = &[
    ("accel", 3, "accel=X,Y,Z in m/s²"),
    ("rate", 3, "rate=X,Y,Z in rad/s"),
    ("magn", 3, "magn=X,Y,Z in T"),
    ("temp", 1, "temp=T in °C"),
    ("time", 1, "time=S in s since 1970"),
    ("accel-noise", 1, "accel-noise=PEAK in m/s²"),
    ("rate-noise", 1, "rate-noise=PEAK in rad/s"),
    ("seed", 1, "seed=N, a whole number"),
    ("tag", 1, spec::FORM),
];

impl Stimulus {
    /// Parses one stimulus, the rest being the default.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    pub fn parse(text: &str) -> Result<Stimulus, StimulusError> {
        let mut stimulus = Stimulus::default();
        stimulus.apply(text)?;
        Ok(stimulus)
    }

    /// Parses several stimuli, such as those of several `--stimulus` options; later ones win.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply), for the first text that does not parse.
    pub fn parse_all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Stimulus, StimulusError> {
        let mut stimulus = Stimulus::default();
        for text in texts {
            stimulus.apply(text)?;
        }
        Ok(stimulus)
    }

    /// Changes the quantities that `text` names: `key=value`, or several of them separated by spaces or `;`. Each
    /// `tag=` adds
    /// one more tag; a `;` in its URI is written `%3B`.
    ///
    /// # Errors
    ///
    /// A [`StimulusError`] that says what was expected; the stimulus is then unchanged.
    pub fn apply(&mut self, text: &str) -> Result<(), StimulusError> {
        let mut new = self.clone();
        let mut parts = text
            .split([' ', ';', '\t', '\n'])
            .filter(|part| !part.is_empty())
            .peekable();
        if parts.peek().is_none() {
            return Err(StimulusError::new(
                text,
                format!("it is empty, expected {}", all_forms()),
            ));
        }
        for part in parts {
            new.apply_one(text, part)?;
        }
        *self = new;
        Ok(())
    }

    fn apply_one(&mut self, text: &str, part: &str) -> Result<(), StimulusError> {
        let Some((key, values)) = part.split_once('=') else {
            return Err(StimulusError::new(
                text,
                format!("{part:?} has no \"=\", expected {}", all_forms()),
            ));
        };
        let Some(&(_, count, form)) = FORMS.iter().find(|(name, ..)| *name == key) else {
            return Err(StimulusError::new(
                text,
                format!("unknown quantity {key:?}, expected {}", all_forms()),
            ));
        };
        if key == "seed" {
            self.seed = values.parse().map_err(|_| not_a_number(text, values, form))?;
            return Ok(());
        }
        if key == "tag" {
            let spec = TagSpec::parse(values).map_err(|fact| StimulusError::new(text, fact))?;
            // Tags add up: each has a UID of its own.
            let number = u8::try_from(self.tags.len()).unwrap_or(u8::MAX);
            self.tags.push(Tag::new(spec, number));
            return Ok(());
        }
        let mut numbers = [0.0f64; 3];
        let given = values.split(',').count();
        if given != count {
            let (value, expected) = (if given == 1 { "value" } else { "values" }, count);
            let fact = format!("{key:?} has {given} {value}, expected {expected}: {form}");
            return Err(StimulusError::new(text, fact));
        }
        for (number, value) in numbers.iter_mut().zip(values.split(',')) {
            *number = value.trim().parse().map_err(|_| not_a_number(text, value, form))?;
            if !number.is_finite() {
                return Err(not_a_number(text, value, form));
            }
        }
        match key {
            "accel" => self.accel = numbers,
            "rate" => self.rate = numbers,
            "magn" => self.magn = numbers,
            "temp" => self.temp = numbers[0],
            "time" => self.time = Some(numbers[0]),
            "accel-noise" => self.accel_noise = numbers[0].abs(),
            _ => self.rate_noise = numbers[0].abs(),
        }
        Ok(())
    }

    /// Acceleration along `axis` in m/s² at `time_ns`, noise included.
    pub fn accel_at(&self, axis: usize, time_ns: u64) -> f64 {
        let clean = self.accel.get(axis).copied().unwrap_or(0.0);
        if self.accel_noise == 0.0 {
            clean
        } else {
            clean + self.accel_noise * noise(self.seed, axis, time_ns)
        }
    }

    /// Rotation rate about `axis` in rad/s at `time_ns`, noise included.
    pub fn rate_at(&self, axis: usize, time_ns: u64) -> f64 {
        let clean = self.rate.get(axis).copied().unwrap_or(0.0);
        // The gyroscope's axes have noise of their own, hence the 3.
        if self.rate_noise == 0.0 {
            clean
        } else {
            clean + self.rate_noise * noise(self.seed, axis + 3, time_ns)
        }
    }
}

/// Uniform in -1..1, a pure function of its arguments: the finaliser of SplitMix64 over all of them.
fn noise(seed: u64, axis: usize, time_ns: u64) -> f64 {
    let mut x = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(time_ns)
        .wrapping_add((axis as u64) << 56);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    // The upper 53 bits are exact in an f64.
    (x >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

fn all_forms() -> String {
    let forms: Vec<&str> = FORMS.iter().map(|&(_, _, form)| form).collect();
    format!("one of {}", forms.join("; "))
}

fn not_a_number(text: &str, value: &str, form: &str) -> StimulusError {
    StimulusError::new(text, format!("{value:?} is not a number, expected {form}"))
}

/// A stimulus that does not parse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StimulusError {
    text: String,
    fact: String,
}

impl StimulusError {
    fn new(text: &str, fact: String) -> Self {
        StimulusError {
            text: text.to_owned(),
            fact,
        }
    }
}

impl fmt::Display for StimulusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stimulus {:?}: {}", self.text, self.fact)
    }
}

impl std::error::Error for StimulusError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_in_one_text() {
        let world = Stimulus::parse("accel=1,-2,3.5 rate=0,0,1;temp=-4").unwrap();
        assert_eq!(
            (world.accel, world.rate, world.temp),
            ([1.0, -2.0, 3.5], [0.0, 0.0, 1.0], -4.0)
        );
    }

    #[test]
    fn later_ones_win() {
        let world = Stimulus::parse_all(["temp=1", "temp=2"]).unwrap();
        assert_eq!(world.temp, 2.0);
    }

    #[test]
    fn errors_say_what_was_expected_and_change_nothing() {
        let mut world = Stimulus::default();
        for (text, part) in [
            ("", "it is empty, expected one of accel=X,Y,Z"),
            ("accel", "has no \"=\""),
            ("speed=1", "unknown quantity \"speed\""),
            ("temp=warm", "\"warm\" is not a number, expected temp=T in °C"),
            ("temp=inf", "\"inf\" is not a number"),
            ("temp=3 rate=1", "\"rate\" has 1 value, expected 3"),
            ("tag=ppse tag=card", "unknown tag \"card\", expected tag=ntag213:URI"),
        ] {
            let message = world.apply(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
            assert_eq!(world, Stimulus::default());
        }
    }

    #[test]
    fn noise_is_bounded_and_repeats() {
        let world = Stimulus::parse("accel=0,0,0 accel-noise=0.5").unwrap();
        let one: Vec<f64> = (0..1000).map(|t| world.accel_at(0, t * 10_000_000)).collect();
        let two: Vec<f64> = (0..1000).map(|t| world.accel_at(0, t * 10_000_000)).collect();
        assert_eq!(one, two);
        assert!(one.iter().all(|v| v.abs() <= 0.5));
        assert!(one.iter().any(|v| *v > 0.25) && one.iter().any(|v| *v < -0.25));
    }
}
