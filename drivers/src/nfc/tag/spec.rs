// SPDX-License-Identifier: GPL-2.0-only
//! How a tag is written: `KIND[:URI][@WINDOWS]`.
//!
//! | text | what it is |
//! |---|---|
//! | `ntag213:https://example.org` | an NTAG213 that holds the URI; without one it is as from the factory |
//! | `type4:https://example.org` | a Type 4 tag that holds it |
//! | `ppse` | a payment card |
//! | `…@100ms..2s` | it is near from 0.1 s to 2 s after the world began |
//! | `…@1s..2s,3s..` | several times, the last without an end |
//!
//! Times are whole numbers of `ns`, `us`, `ms` or `s`. An `@` that is no time belongs to the URI.

use super::ndef::uri_message;
use super::ntag213::Ntag213;
use super::type4::NDEF_FILE_LEN;
use super::{Card, ntag213, ppse, type4};
use crate::chip::NEVER;

/// The form, for messages.
pub const FORM: &str = "tag=ntag213:URI, tag=type4:URI or tag=ppse, with @FROM..TO such as @100ms..2s behind it";

/// A kind of tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// NXP NTAG213.
    Ntag213,
    /// NFC Forum Type 4.
    Type4,
    /// A payment card.
    Ppse,
    /// Some other card, made by a test.
    #[default]
    Other,
}

/// A tag as it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagSpec {
    /// What it is.
    pub kind: Kind,
    /// What it holds; may be empty.
    pub uri: String,
    /// When it is near, in ns after the world began; always, if there is none.
    pub windows: Vec<(u64, u64)>,
}

impl TagSpec {
    /// Parses `KIND[:URI][@WINDOWS]`.
    ///
    /// # Errors
    ///
    /// What was wrong and what was expected.
    pub fn parse(text: &str) -> Result<TagSpec, String> {
        let (what, windows) = match text.rsplit_once('@') {
            Some((what, times)) if times.starts_with(|c: char| c.is_ascii_digit()) && times.contains("..") => {
                (what, windows(times)?)
            }
            _ => (text, Vec::new()),
        };
        let (kind, uri) = what
            .split_once(':')
            .map_or((what, None), |(kind, uri)| (kind, Some(uri)));
        let (kind, room) = match (kind, uri) {
            ("ntag213", _) => (Kind::Ntag213, (0..).find(|&len| !Ntag213::fits(len)).unwrap_or(0) - 1),
            ("type4", _) => (Kind::Type4, NDEF_FILE_LEN - 2),
            ("ppse", None) => (Kind::Ppse, 0),
            ("ppse", Some(_)) => return Err("a payment card holds no URI, expected tag=ppse".to_owned()),
            _ => return Err(format!("unknown tag {kind:?}, expected {FORM}")),
        };
        let uri = uri.unwrap_or("").to_owned();
        let len = uri_message(&uri).len();
        if len > room {
            return Err(format!(
                "the URI makes a message of {len} bytes, expected at most {room}"
            ));
        }
        Ok(TagSpec { kind, uri, windows })
    }

    pub(super) fn card(&self, number: u8) -> Box<dyn Card> {
        match self.kind {
            Kind::Ntag213 | Kind::Other => Box::new(ntag213::with_uri(number, &self.uri)),
            Kind::Type4 => Box::new(type4::with_uri(number, &self.uri)),
            Kind::Ppse => Box::new(ppse::card(number)),
        }
    }

    pub(super) fn is_near(&self, age_ns: u64) -> bool {
        self.windows.is_empty() || self.windows.iter().any(|&(from, to)| (from..to).contains(&age_ns))
    }

    pub(super) fn next_change(&self, age_ns: u64) -> u64 {
        let edges = self.windows.iter().flat_map(|&(from, to)| [from, to]);
        edges.filter(|&edge| edge > age_ns).min().unwrap_or(NEVER)
    }
}

fn windows(text: &str) -> Result<Vec<(u64, u64)>, String> {
    let window = |text: &str| {
        let (from, to) = text.split_once("..")?;
        let to = if to.is_empty() { NEVER } else { time(to)? };
        Some((time(from)?, to)).filter(|(from, to)| from < to)
    };
    let expected =
        || format!("{text:?} is no time near the reader, expected FROM..TO such as 100ms..2s or 1s..2s,3s..");
    text.split(',').map(|text| window(text).ok_or_else(expected)).collect()
}

/// A time in ns.
fn time(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_every_form() {
        let plain = TagSpec::parse("ntag213:https://example.org").unwrap();
        assert_eq!(
            (plain.kind, plain.uri.as_str(), plain.windows.len()),
            (Kind::Ntag213, "https://example.org", 0)
        );
        let timed = TagSpec::parse("type4:mailto:a@b.org@100ms..2s,3s..").unwrap();
        assert_eq!((timed.kind, timed.uri.as_str()), (Kind::Type4, "mailto:a@b.org"));
        assert_eq!(timed.windows, [(100_000_000, 2_000_000_000), (3_000_000_000, NEVER)]);
        let ages = [0, 100_000_000, 1_999_999_999, 2_000_000_000, 3_000_000_000];
        assert_eq!(ages.map(|age| timed.is_near(age)), [false, true, true, false, true]);
        assert_eq!(timed.next_change(100_000_000), 2_000_000_000);
        assert_eq!(TagSpec::parse("ppse").unwrap().kind, Kind::Ppse);
        assert_eq!(TagSpec::parse("ntag213").unwrap().uri, "");
    }

    #[test]
    fn errors_say_what_was_expected() {
        let long = format!("ntag213:https://{}", "x".repeat(140));
        for (text, part) in [
            ("felica:x", "unknown tag \"felica\", expected tag=ntag213:URI"),
            ("ppse:x", "expected tag=ppse"),
            (
                "ppse@2s..1s",
                "\"2s..1s\" is no time near the reader, expected FROM..TO",
            ),
            ("ppse@1..2", "is no time"),
            (&long, "145 bytes, expected at most 136"),
        ] {
            let err = TagSpec::parse(text).unwrap_err();
            assert!(err.contains(part), "{err}");
        }
    }
}
