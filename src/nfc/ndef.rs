// SPDX-License-Identifier: GPL-2.0-only
//! NDEF messages: what is written on tags.
//!
//! The message is taken apart and put together by `ndef-rs`. It takes a length's word for how much memory to ask for,
//! and a text for one without a language, so both are seen to here.

use super::{NfcError, hex};
use ndef_rs::payload::UriPayload;
use ndef_rs::{NdefMessage, NdefRecord, RTD_TEXT, RTD_URI, TNF};
use serde::Serialize;

/// A record, decoded as far as its type is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Record {
    /// An address (RTD URI).
    Uri {
        /// All of it.
        uri: String,
    },
    /// A text (RTD Text).
    Text {
        /// Its language, such as `en`.
        language: String,
        /// It.
        text: String,
    },
    /// Something with a media type.
    Media {
        /// Such as `text/vcard`.
        media: String,
        /// Its bytes, in hexadecimal digits.
        payload: String,
    },
    /// No content.
    Empty,
    /// Another one.
    Other {
        /// The type name format, 0 to 7.
        tnf: u8,
        /// Its type, in hexadecimal digits if it is not text.
        r#type: String,
        /// Its bytes, in hexadecimal digits.
        payload: String,
    },
}

impl std::fmt::Display for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uri { uri } => write!(f, "uri {}", uri.escape_debug()),
            Self::Text { language, text } => {
                write!(f, "text [{}] {}", language.escape_debug(), text.escape_debug())
            }
            Self::Media { media, payload } => write!(f, "media {} {payload}", media.escape_debug()),
            Self::Empty => f.write_str("empty"),
            Self::Other { tnf, r#type, payload } => {
                write!(f, "type {} (format {tnf}) {payload}", r#type.escape_debug())
            }
        }
    }
}

fn wrong(fact: impl std::fmt::Display) -> NfcError {
    NfcError::Tag(format!("NDEF: {fact}"))
}

/// Decodes a message; none of its bytes is trusted.
///
/// # Errors
///
/// It is not one.
///
/// # Examples
///
/// ```
/// use linux_compat::nfc::ndef::{self, Record};
///
/// let message = ndef::of_uri("https://example.org")?;
/// assert_eq!(ndef::decode(&message)?, [Record::Uri { uri: "https://example.org".to_owned() }]);
/// # Ok::<(), linux_compat::nfc::NfcError>(())
/// ```
pub fn decode(message: &[u8]) -> Result<Vec<Record>, NfcError> {
    if message.is_empty() {
        return Ok(Vec::new());
    }
    check_lengths(message)?;
    let decoded = NdefMessage::decode(message).map_err(wrong)?;
    decoded.records().iter().map(record).collect()
}

/// Refuses a long record that says it is longer than the message, before memory is asked for it.
fn check_lengths(message: &[u8]) -> Result<(), NfcError> {
    const SHORT: u8 = 0x10;
    const WITH_ID: u8 = 0x08;
    let mut rest = message;
    while let [flags, type_len, tail @ ..] = rest {
        let (payload, tail) = match tail {
            [len, tail @ ..] if flags & SHORT != 0 => (usize::from(*len), tail),
            [a, b, c, d, tail @ ..] => (u32::from_be_bytes([*a, *b, *c, *d]) as usize, tail),
            _ => return Err(wrong("a record ends in its header")),
        };
        let (id, tail) = match tail {
            [len, tail @ ..] if flags & WITH_ID != 0 => (usize::from(*len), tail),
            tail => (0, tail),
        };
        let len = usize::from(*type_len) + id;
        let whole = len.checked_add(payload).and_then(|len| tail.get(len..));
        rest = whole.ok_or_else(|| wrong(format!("a record of {payload} bytes in a message of {}", message.len())))?;
    }
    Ok(())
}

fn text(payload: &[u8]) -> Option<Record> {
    const UTF16: u8 = 0x80;
    let (status, rest) = payload.split_first()?;
    let (language, text) = rest.split_at_checked(usize::from(status & 0x3f))?;
    let text = if status & UTF16 == 0 {
        String::from_utf8(text.to_vec()).ok()?
    } else {
        let units: Vec<u16> = text
            .chunks_exact(2)
            .map(|unit| u16::from_be_bytes([unit[0], unit[1]]))
            .collect();
        String::from_utf16(&units)
            .ok()
            .filter(|_| text.len().is_multiple_of(2))?
    };
    Some(Record::Text {
        language: String::from_utf8(language.to_vec()).ok()?,
        text,
    })
}

fn record(record: &NdefRecord) -> Result<Record, NfcError> {
    let (kind, payload) = (record.record_type(), record.payload());
    let known = match record.tnf() {
        TNF::Empty => Some(Record::Empty),
        TNF::WellKnown if kind == RTD_URI.as_bytes() && !payload.is_empty() => {
            let uri = UriPayload::try_from(record).map_err(wrong)?.full_uri();
            Some(Record::Uri { uri })
        }
        TNF::WellKnown if kind == RTD_TEXT.as_bytes() => text(payload),
        TNF::MimeMedia => String::from_utf8(kind.to_vec()).ok().map(|media| Record::Media {
            media,
            payload: hex(payload),
        }),
        _ => None,
    };
    Ok(known.unwrap_or_else(|| Record::Other {
        tnf: record.tnf() as u8,
        r#type: String::from_utf8(kind.to_vec()).unwrap_or_else(|_| hex(kind)),
        payload: hex(payload),
    }))
}

/// A message of one record, an address.
///
/// # Errors
///
/// It is too long for any tag.
pub fn of_uri(uri: &str) -> Result<Vec<u8>, NfcError> {
    let payload = UriPayload::from_string(uri);
    let record = NdefRecord::builder().tnf(TNF::WellKnown).payload(&payload).build();
    NdefMessage::from(record.map_err(wrong)?).to_buffer().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_a_language() {
        let utf8 = [0xd1, 1, 6, b'T', 2, b'e', b'n', b'a', 0xc3, 0xa4];
        let utf16 = [0xd1, 1, 5, b'T', 0x82, b'd', b'e', 0, 0xe4];
        let of = |bytes: &[u8]| decode(bytes).unwrap().remove(0).to_string();
        assert_eq!(of(&utf8), "text [en] aä");
        assert_eq!(of(&utf16), "text [de] ä");
    }

    #[test]
    fn what_cannot_be_decoded_is_shown_as_it_is() {
        let cut = [0xd1, 1, 1, b'T', 0x3f];
        assert!(matches!(decode(&cut).unwrap()[0], Record::Other { tnf: 1, .. }));
        let no_code = [0xd1, 1, 0, b'U'];
        assert!(matches!(decode(&no_code).unwrap()[0], Record::Other { tnf: 1, .. }));
    }

    #[test]
    fn a_long_record_that_is_not_there_is_refused() {
        let lie = [0xc1, 1, 0xff, 0xff, 0xff, 0xff, b'U', 4];
        let error = decode(&lie).unwrap_err().to_string();
        assert!(error.contains("4294967295 bytes in a message of 8"), "{error}");
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let good = of_uri("https://example.org/a").unwrap();
        for len in 0..good.len() {
            let _ = decode(&good[..len]);
        }
        for at in 0..good.len() {
            for value in 0..=u8::MAX {
                let mut bad = good.clone();
                bad[at] = value;
                let _ = decode(&bad);
            }
        }
    }
}
