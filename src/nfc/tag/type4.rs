// SPDX-License-Identifier: GPL-2.0-only
//! NFC Forum Type 4: files of an application, reached with APDUs of ISO/IEC 7816-4.

use super::Exchange;
use crate::nfc::{NfcError, hex};

/// The NDEF application.
const APPLICATION: [u8; 7] = [0xd2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01];
const CONTAINER_FILE: [u8; 2] = [0xe1, 0x03];
const CONTAINER_BYTES: u8 = 15;
/// The block of the container that describes the NDEF file.
const FILE_CONTROL: [u8; 2] = [4, 6];
/// The message's length stands before it.
const LENGTH_BYTES: usize = 2;

/// SW1 and SW2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusWord(pub u16);

impl StatusWord {
    /// All went well.
    pub const DONE: Self = Self(0x9000);

    /// Splits an answer into its data and its status word.
    ///
    /// # Errors
    ///
    /// It has none.
    pub fn split(mut answer: Vec<u8>) -> Result<(Vec<u8>, Self), NfcError> {
        let word = answer.len().checked_sub(2).map(|at| answer.split_off(at));
        match word.as_deref() {
            Some([sw1, sw2]) => Ok((answer, Self(u16::from_be_bytes([*sw1, *sw2])))),
            _ => Err(NfcError::Tag(format!(
                "an answer without a status word: {}",
                hex(&answer)
            ))),
        }
    }
}

/// A tag with the NDEF application.
pub struct Type4<'a, E> {
    link: &'a mut E,
    /// Most bytes of one READ BINARY and of one UPDATE BINARY.
    most_read: u8,
    most_written: u8,
    /// Bytes of the file.
    size: usize,
    is_writable: bool,
}

fn run<E: Exchange>(link: &mut E, what: &'static str, apdu: &[u8]) -> Result<Vec<u8>, NfcError> {
    let (data, word) = StatusWord::split(link.transceive(apdu)?)?;
    if word == StatusWord::DONE {
        return Ok(data);
    }
    Err(NfcError::Refused {
        what,
        answer: format!("{:04x}", word.0),
    })
}

/// SELECT by the name of an application, with its answer's data.
#[must_use]
pub fn select(name: &[u8]) -> Vec<u8> {
    let mut apdu = vec![0x00, 0xa4, 0x04, 0x00, u8::try_from(name.len()).unwrap_or(u8::MAX)];
    apdu.extend(name);
    apdu.push(0);
    apdu
}

fn select_file(id: [u8; 2]) -> [u8; 7] {
    [0x00, 0xa4, 0x00, 0x0c, 2, id[0], id[1]]
}

fn offset(at: usize) -> Result<[u8; 2], NfcError> {
    // The highest bit would name a file.
    let at = u16::try_from(at).ok().filter(|at| *at < 0x8000);
    let fact = "the message lies behind what READ BINARY reaches";
    at.map(u16::to_be_bytes).ok_or_else(|| NfcError::Tag(fact.to_owned()))
}

fn read_binary<E: Exchange>(link: &mut E, at: usize, count: u8) -> Result<Vec<u8>, NfcError> {
    let [high, low] = offset(at)?;
    let data = run(link, "READ BINARY", &[0x00, 0xb0, high, low, count])?;
    if data.len() > usize::from(count) || data.is_empty() {
        return Err(NfcError::Tag(format!(
            "READ BINARY of {count} bytes brought {}",
            data.len()
        )));
    }
    Ok(data)
}

impl<'a, E: Exchange> Type4<'a, E> {
    /// Selects the application and its file; `None` if the card does not have it.
    ///
    /// # Errors
    ///
    /// The container is not as it must be; the tag has left.
    pub fn open(link: &'a mut E) -> Result<Option<Self>, NfcError> {
        match run(link, "SELECT", &select(&APPLICATION)) {
            Ok(_) => {}
            Err(NfcError::Refused { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
        run(link, "SELECT of the container", &select_file(CONTAINER_FILE))?;
        let container = read_binary(link, 0, CONTAINER_BYTES)?;
        let wrong = |fact: &str| NfcError::Tag(format!("{fact} in the container {}", hex(&container)));
        let &[_, _, version, r0, r1, w0, w1, kind, len, id0, id1, s0, s1, read, write] = container.as_slice() else {
            return Err(wrong("too few bytes"));
        };
        if !matches!(version >> 4, 2 | 3) || [kind, len] != FILE_CONTROL {
            return Err(wrong("an unknown version or block"));
        }
        if read != 0 {
            return Err(wrong("a file that nobody may read"));
        }
        let [most_read, most_written] = [[r0, r1], [w0, w1]].map(|most| u16::from_be_bytes(most).min(0xff));
        let size = usize::from(u16::from_be_bytes([s0, s1]));
        if most_read == 0 || most_written == 0 || size < LENGTH_BYTES {
            return Err(wrong("no room for a message"));
        }
        run(link, "SELECT of the file", &select_file([id0, id1]))?;
        Ok(Some(Self {
            link,
            most_read: u8::try_from(most_read).unwrap_or(u8::MAX),
            most_written: u8::try_from(most_written).unwrap_or(u8::MAX),
            size,
            is_writable: write == 0,
        }))
    }

    /// Reads the message; empty if there is none.
    ///
    /// # Errors
    ///
    /// The tag lies about its length, or has left.
    pub fn read(&mut self) -> Result<Vec<u8>, NfcError> {
        let len = read_binary(self.link, 0, 2)?;
        let &[high, low] = len.as_slice() else {
            return Err(NfcError::Tag(format!("a length of one byte: {}", hex(&len))));
        };
        let end = LENGTH_BYTES + usize::from(u16::from_be_bytes([high, low]));
        if end > self.size {
            let fact = format!("a message of {} bytes in a file of {}", end - LENGTH_BYTES, self.size);
            return Err(NfcError::Tag(fact));
        }
        let mut message = Vec::new();
        while LENGTH_BYTES + message.len() < end {
            let at = LENGTH_BYTES + message.len();
            let count = u8::try_from(end - at).unwrap_or(u8::MAX).min(self.most_read);
            message.extend(read_binary(self.link, at, count)?);
        }
        Ok(message)
    }

    fn update(&mut self, at: usize, bytes: &[u8]) -> Result<(), NfcError> {
        let [high, low] = offset(at)?;
        let mut apdu = vec![0x00, 0xd6, high, low, u8::try_from(bytes.len()).unwrap_or(u8::MAX)];
        apdu.extend(bytes);
        run(self.link, "UPDATE BINARY", &apdu).map(drop)
    }

    /// Writes the message in the order of the specification: no length, then its bytes, then its length. A tag that
    /// leaves in between has none.
    ///
    /// # Errors
    ///
    /// The tag is read-only, too small, or has left.
    pub fn write(&mut self, message: &[u8]) -> Result<(), NfcError> {
        if !self.is_writable {
            return Err(NfcError::Tag("the tag is read-only".to_owned()));
        }
        let room = self.size - LENGTH_BYTES;
        let too_long = || NfcError::TooLong {
            needed: message.len(),
            room,
        };
        let len = u16::try_from(message.len()).map_err(|_| too_long())?;
        if message.len() > room {
            return Err(too_long());
        }
        self.update(0, &[0, 0])?;
        let mut at = LENGTH_BYTES;
        for part in message.chunks(usize::from(self.most_written)) {
            self.update(at, part)?;
            at += part.len();
        }
        self.update(0, &len.to_be_bytes())
    }
}
