// SPDX-License-Identifier: GPL-2.0-only
//! NFC Forum Type 2: pages of four bytes. The third holds the capability container, behind it come blocks of type,
//! length and value.

use super::Exchange;
use crate::client::Errno;
use crate::nfc::{NfcError, hex};

const READ: u8 = 0x30;
const WRITE: u8 = 0xa2;
/// The four bits by which a tag says yes.
const ACK: u8 = 0xa;
const PAGE_BYTES: usize = 4;
/// Bytes that one READ brings.
const READ_BYTES: usize = 16;
const CONTAINER_PAGE: u8 = 3;
const FIRST_PAGE: u8 = 4;
const MAGIC: u8 = 0xe1;

/// Blocks: padding, the message, the end. Others are lock and memory control, and proprietary ones.
const NULL: u8 = 0x00;
const NDEF: u8 = 0x03;
const TERMINATOR: u8 = 0xfe;

/// A tag with an NDEF area.
pub struct Type2<'a, E> {
    link: &'a mut E,
    /// Bytes from page 4 on.
    size: usize,
    is_writable: bool,
}

/// Where the message is, or where there is room for one, in bytes from page 4 on.
struct Block {
    /// Its type byte.
    at: usize,
    /// Its value, if there is a message.
    value: Option<std::ops::Range<usize>>,
}

impl<'a, E: Exchange> Type2<'a, E> {
    /// Reads the capability container; `None` if there is none.
    ///
    /// # Errors
    ///
    /// The tag has left, or is of a version that cannot be read.
    pub fn open(link: &'a mut E) -> Result<Option<Self>, NfcError> {
        let pages = read_pages(link, CONTAINER_PAGE)?;
        let [magic, version, size, access, ..] = pages;
        if magic != MAGIC {
            return Ok(None);
        }
        if version >> 4 != 1 {
            return Err(NfcError::Tag(format!(
                "the tag's mapping version {version:#04x} is not 1.x"
            )));
        }
        if access >> 4 != 0 {
            return Err(NfcError::Tag(format!("the tag lets nobody read: access {access:#04x}")));
        }
        // Pages are numbered with a byte; further sectors are another command, and rare.
        let most = (usize::from(u8::MAX) + 1 - usize::from(FIRST_PAGE)) * PAGE_BYTES;
        Ok(Some(Self {
            link,
            size: (usize::from(size) * 8).min(most),
            is_writable: access & 0xf == 0,
        }))
    }

    /// Reads the message; empty if there is none.
    ///
    /// # Errors
    ///
    /// The blocks are not as they must be; the tag has left.
    pub fn read(&mut self) -> Result<Vec<u8>, NfcError> {
        let (memory, block) = self.find()?;
        let message = block.value.and_then(|value| memory.get(value));
        Ok(message.unwrap_or_default().to_vec())
    }

    /// Writes the message in the order of the specification: no message, then its bytes, then its length. A tag that
    /// leaves in between has none.
    ///
    /// # Errors
    ///
    /// The tag is read-only, too small, or has left.
    pub fn write(&mut self, message: &[u8]) -> Result<(), NfcError> {
        if !self.is_writable {
            return Err(NfcError::Tag("the tag is read-only".to_owned()));
        }
        let (mut memory, Block { at, .. }) = self.find()?;
        let head = header(message.len());
        let needed = head.len() + message.len();
        let room = self.size.saturating_sub(at);
        if needed > room {
            return Err(NfcError::TooLong {
                needed: message.len(),
                room: room.saturating_sub(head.len()),
            });
        }
        memory.resize(self.size, 0);
        let mut value = message.to_vec();
        if needed < room {
            value.push(TERMINATOR);
        }
        let start = at + head.len();
        set(&mut memory, at, &[NDEF, 0]);
        self.store(&memory, at..at + 2)?;
        set(&mut memory, start, &value);
        self.store(&memory, at + 2..start + value.len())?;
        set(&mut memory, at, &head);
        self.store(&memory, at..start)?;
        if self.read()? != message {
            return Err(NfcError::Tag(
                "the tag holds something else than what was written".to_owned(),
            ));
        }
        Ok(())
    }

    /// Writes a page. What is said of it is not always the tag's word, so whoever writes reads again.
    fn write_page(&mut self, command: &[u8]) -> Result<(), NfcError> {
        match self.link.transceive(command) {
            // A reader that checks the acknowledgement itself passes nothing on, or net/nfc/digital_technology.c a 0.
            Ok(answer) => match answer.first().map_or(ACK, |answer| answer & 0xf) {
                ACK | 0 => Ok(()),
                _ => Err(NfcError::Refused {
                    what: "write a page",
                    answer: hex(&answer),
                }),
            },
            // NCI has statuses for answers that are no whole bytes, STATUS_OK_4_BIT here, which net/nfc/nci/lib.c does
            // not know.
            Err(error) if error.errno() == Some(Errno::ENOSYS) => self.link.renew(),
            Err(error) => Err(error),
        }
    }

    /// Reads as far as the message's end, and finds it. Without a message there is room for one behind the last block:
    /// those before it, such as lock control, stay.
    fn find(&mut self) -> Result<(Vec<u8>, Block), NfcError> {
        let mut memory = Vec::new();
        let (mut at, mut free) = (0, 0);
        while at < self.size {
            let kind = self.byte(&mut memory, at)?;
            match kind {
                NULL => {
                    at += 1;
                    continue;
                }
                TERMINATOR => break,
                _ => {}
            }
            let (len, head) = match usize::from(self.byte(&mut memory, at + 1)?) {
                0xff => {
                    let (high, low) = (self.byte(&mut memory, at + 2)?, self.byte(&mut memory, at + 3)?);
                    (usize::from(u16::from_be_bytes([high, low])), 4)
                }
                len => (len, 2),
            };
            let value = at + head..at + head + len;
            if value.end > self.size {
                let fact = format!(
                    "a block at byte {at} has {len} bytes, more than the tag's {}",
                    self.size
                );
                return Err(NfcError::Tag(fact));
            }
            if kind == NDEF {
                if let Some(last) = value.end.checked_sub(1) {
                    self.byte(&mut memory, last)?;
                }
                let value = Some(value);
                return Ok((memory, Block { at, value }));
            }
            at = value.end;
            free = at;
        }
        Ok((memory, Block { at: free, value: None }))
    }

    fn byte(&mut self, memory: &mut Vec<u8>, at: usize) -> Result<u8, NfcError> {
        while memory.len() <= at {
            let page = memory.len() / PAGE_BYTES + usize::from(FIRST_PAGE);
            let page = u8::try_from(page).map_err(|_| NfcError::Tag("a block ends behind the tag".to_owned()))?;
            memory.extend(read_pages(self.link, page)?);
        }
        Ok(memory.get(at).copied().unwrap_or_default())
    }

    /// Writes the pages that hold these bytes.
    fn store(&mut self, memory: &[u8], bytes: std::ops::Range<usize>) -> Result<(), NfcError> {
        let pages = bytes.start / PAGE_BYTES..bytes.end.div_ceil(PAGE_BYTES);
        for page in pages {
            let Some(four) = memory.get(page * PAGE_BYTES..(page + 1) * PAGE_BYTES) else {
                return Ok(());
            };
            let number = u8::try_from(page + usize::from(FIRST_PAGE));
            let number = number.map_err(|_| NfcError::Tag(format!("there is no page {page}")))?;
            let mut command = vec![WRITE, number];
            command.extend(four);
            self.write_page(&command)?;
        }
        Ok(())
    }
}

/// Type and length of a message's block.
fn header(len: usize) -> Vec<u8> {
    match u8::try_from(len) {
        Ok(len) if len < 0xff => vec![NDEF, len],
        _ => {
            let len = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
            vec![NDEF, 0xff, len[0], len[1]]
        }
    }
}

fn set(memory: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(room) = memory.get_mut(at..at + bytes.len()) {
        room.copy_from_slice(bytes);
    }
}

fn read_pages<E: Exchange>(link: &mut E, page: u8) -> Result<[u8; READ_BYTES], NfcError> {
    let answer = link.transceive(&[READ, page])?;
    <[u8; READ_BYTES]>::try_from(answer.as_slice()).map_err(|_| NfcError::Refused {
        what: "read four pages",
        answer: hex(&answer),
    })
}
