// SPDX-License-Identifier: GPL-2.0-only
//! An NFC Forum Type 4 tag: an NDEF application on an ISO-DEP card.
//!
//! NFC Forum Type 4 Tag 2.0: an application with a capability container and one NDEF file, both read by READ BINARY,
//! the NDEF file written by UPDATE BINARY. What one of these moves at the most fits into one frame of 256 bytes, as
//! with ST's M24SR: not every reader chains blocks.

use super::isodep::{Application, IsoDep, Params};
use super::{Identity, ndef};

/// The NDEF application's name, mapping version 2 (5.5.2).
pub const NDEF_APPLICATION: [u8; 7] = [0xd2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01];
/// The capability container's file identifier (5.1).
pub const CC_FILE: u16 = 0xe103;
/// The NDEF file's, which the container names.
pub const NDEF_FILE: u16 = 0xe104;
/// Bytes of the NDEF file, the two of its length included.
pub const NDEF_FILE_LEN: usize = 2048;
/// The most that one READ BINARY gives, and one UPDATE BINARY takes (MLe and MLc of the container).
const MAX_DATA: u8 = 0xf6;

/// Status words (ISO/IEC 7816-4, 5.6).
mod sw {
    pub(super) const OK: u16 = 0x9000;
    pub(super) const WRONG_LENGTH: u16 = 0x6700;
    pub(super) const NO_FILE_SELECTED: u16 = 0x6986;
    pub(super) const NOT_FOUND: u16 = 0x6a82;
    pub(super) const WRONG_PARAMETERS: u16 = 0x6a86;
    pub(super) const BEYOND_END: u16 = 0x6b00;
    pub(super) const WRONG_INS: u16 = 0x6d00;
    pub(super) const WRONG_CLA: u16 = 0x6e00;
    pub(super) const DENIED: u16 = 0x6982;
}

/// The application.
pub struct NdefApplication {
    container: [u8; 15],
    file: Vec<u8>,
    is_selected: bool,
    selected: Option<u16>,
    is_writing: bool,
}

impl NdefApplication {
    /// An application whose file holds `message`, or as much of it as fits.
    pub fn new(message: &[u8]) -> Self {
        let mut file = vec![0; NDEF_FILE_LEN];
        let len = message.len().min(NDEF_FILE_LEN - 2);
        file[..2].copy_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
        file[2..2 + len].copy_from_slice(&message[..len]);
        let [size_high, size_low] = u16::try_from(NDEF_FILE_LEN).unwrap_or(u16::MAX).to_be_bytes();
        // CCLEN, version 2.0, MLe, MLc, then the NDEF file control TLV: identifier, size, free to read and to write.
        let container = [
            0x00, 0x0f, 0x20, 0x00, MAX_DATA, 0x00, MAX_DATA, 0x04, 0x06, 0xe1, 0x04, size_high, size_low, 0x00, 0x00,
        ];
        NdefApplication {
            container,
            file,
            is_selected: false,
            selected: None,
            is_writing: false,
        }
    }

    fn command(&mut self, command: &[u8]) -> Result<Vec<u8>, u16> {
        let [cla, ins, p1, p2, ref rest @ ..] = *command else {
            return Err(sw::WRONG_LENGTH);
        };
        self.is_writing = false;
        match (cla, ins) {
            (0x00, 0xa4) => self.select_file(p1, p2, rest),
            (0x00, 0xb0) => self.read_binary(u16::from_be_bytes([p1, p2]), rest),
            (0x00, 0xd6) => self.update_binary(u16::from_be_bytes([p1, p2]), rest),
            (0x00, _) => Err(sw::WRONG_INS),
            _ => Err(sw::WRONG_CLA),
        }
    }

    fn select_file(&mut self, p1: u8, p2: u8, rest: &[u8]) -> Result<Vec<u8>, u16> {
        let (data, _) = split_data(rest).ok_or(sw::WRONG_LENGTH)?;
        match (p1, p2) {
            (0x04, 0x00) => {
                self.selected = None;
                self.is_selected = data == NDEF_APPLICATION;
                if self.is_selected {
                    Ok(Vec::new())
                } else {
                    Err(sw::NOT_FOUND)
                }
            }
            (0x00, 0x0c) if self.is_selected => {
                let id = data.try_into().map(u16::from_be_bytes).map_err(|_| sw::WRONG_LENGTH)?;
                if id != CC_FILE && id != NDEF_FILE {
                    return Err(sw::NOT_FOUND);
                }
                self.selected = Some(id);
                Ok(Vec::new())
            }
            (0x00, 0x0c) => Err(sw::NOT_FOUND),
            _ => Err(sw::WRONG_PARAMETERS),
        }
    }

    fn read_binary(&mut self, offset: u16, rest: &[u8]) -> Result<Vec<u8>, u16> {
        let [le] = *rest else {
            return Err(sw::WRONG_LENGTH);
        };
        let file = match self.selected {
            Some(CC_FILE) => &self.container[..],
            Some(_) => &self.file[..],
            None => return Err(sw::NO_FILE_SELECTED),
        };
        // Le 0 asks for 256 bytes; a file that ends earlier gives what it has.
        let len = if le == 0 { 256 } else { usize::from(le) };
        let from = usize::from(offset);
        let bytes = file
            .get(from..)
            .filter(|bytes| !bytes.is_empty())
            .ok_or(sw::BEYOND_END)?;
        Ok(bytes[..len.min(bytes.len())].to_vec())
    }

    fn update_binary(&mut self, offset: u16, rest: &[u8]) -> Result<Vec<u8>, u16> {
        let (data, le) = split_data(rest)
            .filter(|(data, _)| !data.is_empty())
            .ok_or(sw::WRONG_LENGTH)?;
        if le.is_some() || data.len() > usize::from(MAX_DATA) {
            return Err(sw::WRONG_LENGTH);
        }
        match self.selected {
            Some(NDEF_FILE) => {}
            Some(_) => return Err(sw::DENIED),
            None => return Err(sw::NO_FILE_SELECTED),
        }
        let from = usize::from(offset);
        let room = self.file.get_mut(from..from + data.len()).ok_or(sw::BEYOND_END)?;
        room.copy_from_slice(data);
        self.is_writing = true;
        Ok(Vec::new())
    }
}

/// Lc, data and perhaps Le of a short APDU.
pub(super) fn split_data(rest: &[u8]) -> Option<(&[u8], Option<u8>)> {
    let (&lc, rest) = rest.split_first()?;
    let (data, le) = rest.split_at_checked(lc.into())?;
    match *le {
        [] => Some((data, None)),
        [le] => Some((data, Some(le))),
        _ => None,
    }
}

/// An answer with its status word.
pub(super) fn with_status(result: Result<Vec<u8>, u16>) -> Vec<u8> {
    let (mut data, status) = match result {
        Ok(data) => (data, sw::OK),
        Err(status) => (Vec::new(), status),
    };
    data.extend(status.to_be_bytes());
    data
}

impl Application for NdefApplication {
    fn select(&mut self) {
        (self.is_selected, self.selected) = (false, None);
    }

    fn apdu(&mut self, command: &[u8]) -> Vec<u8> {
        with_status(self.command(command))
    }

    fn think_ns(&self) -> u64 {
        // EEPROM takes milliseconds to write; no standard says how many.
        if self.is_writing { 5_000_000 } else { 500_000 }
    }
}

/// The tag that a stimulus names: with this number and this URI.
pub fn with_uri(number: u8, uri: &str) -> IsoDep<NdefApplication> {
    let identity = Identity {
        atqa: [0x44, 0x00],
        sak: 0x20,
        uid: vec![0x04, 0x51, 0x62, 0x73, 0x84, 0x95, 0xa0_u8.wrapping_add(number)],
    };
    let params = Params {
        identity,
        fsci: 8,
        fwi: 7,
        historical: Vec::new(),
    };
    IsoDep::new(params, NdefApplication::new(&ndef::uri_message(uri)))
}
