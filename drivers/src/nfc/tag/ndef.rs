// SPDX-License-Identifier: GPL-2.0-only
//! An NDEF message with one URI record, byte by byte: NFC Forum NDEF 1.0 and URI RTD 1.0.
//!
//! Written out by hand on purpose: the client decodes with a crate, and a mistake in that crate must not be in the tag
//! too.

/// MB, ME, SR, and TNF 1: the only record of its message, short, of a well-known type (NDEF 1.0, 3.2).
const ONLY_SHORT_WELL_KNOWN: u8 = 0xd1;
/// MB, ME and TNF 1, with a payload length of four bytes.
const ONLY_LONG_WELL_KNOWN: u8 = 0xc1;

/// URI identifier codes (URI RTD 1.0, table 3), from code 1 on.
const PREFIXES: [&str; 35] = [
    "http://www.",
    "https://www.",
    "http://",
    "https://",
    "tel:",
    "mailto:",
    "ftp://anonymous:anonymous@",
    "ftp://ftp.",
    "ftps://",
    "sftp://",
    "smb://",
    "nfs://",
    "ftp://",
    "dav://",
    "news:",
    "telnet://",
    "imap:",
    "rtsp://",
    "urn:",
    "pop:",
    "sip:",
    "sips:",
    "tftp:",
    "btspp://",
    "btl2cap://",
    "btgoep://",
    "tcpobex://",
    "irdaobex://",
    "file://",
    "urn:epc:id:",
    "urn:epc:tag:",
    "urn:epc:pat:",
    "urn:epc:raw:",
    "urn:epc:",
    "urn:nfc:",
];

/// The message that holds `uri`; an empty text gives an empty message.
pub fn uri_message(uri: &str) -> Vec<u8> {
    if uri.is_empty() {
        return Vec::new();
    }
    // The longest prefix leaves the least to store.
    let best = (1u8..).zip(PREFIXES).filter(|(_, prefix)| uri.starts_with(prefix));
    let (code, prefix) = best.max_by_key(|(_, prefix)| prefix.len()).unwrap_or((0, ""));
    let rest = &uri.as_bytes()[prefix.len()..];
    let len = rest.len() + 1;
    let mut message = match u8::try_from(len) {
        Ok(len) => vec![ONLY_SHORT_WELL_KNOWN, 1, len],
        Err(_) => {
            let mut head = vec![ONLY_LONG_WELL_KNOWN, 1];
            head.extend(u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
            head
        }
    };
    message.extend([b'U', code]);
    message.extend(rest);
    message
}

#[cfg(test)]
mod tests {
    use super::uri_message;

    #[test]
    fn the_example_of_the_specification() {
        // URI RTD 1.0, A.1: a simple URL with no substitution would be longer.
        assert_eq!(uri_message("http://www.nfc.com"), b"\xd1\x01\x08U\x01nfc.com");
        assert_eq!(uri_message("tel:+35891234567"), b"\xd1\x01\x0dU\x05+35891234567");
        assert_eq!(uri_message("x:y"), b"\xd1\x01\x04U\x00x:y");
        assert_eq!(uri_message(""), b"");
        let long = uri_message(&"x".repeat(300));
        assert_eq!(long[..8], [0xc1, 1, 0, 0, 1, 0x2d, b'U', 0]);
    }
}
