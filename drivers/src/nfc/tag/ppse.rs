// SPDX-License-Identifier: GPL-2.0-only
//! A payment card, as far as a terminal goes to find its applications.
//!
//! EMV Contactless Book B, 3.3: the terminal selects the directory `2PAY.SYS.DDF01` and gets one entry for each
//! application, then selects one of them. What comes after, GET PROCESSING OPTIONS and all that needs keys, is answered
//! with 6985, "conditions of use not satisfied".

use super::Identity;
use super::isodep::{Application, IsoDep, Params};
use super::type4::{split_data, with_status};

/// The directory's name.
pub const PPSE: &[u8; 14] = b"2PAY.SYS.DDF01";
/// The application's name: Mastercard credit or debit.
pub const AID: [u8; 7] = [0xa0, 0x00, 0x00, 0x00, 0x04, 0x10, 0x10];
const LABEL: &[u8] = b"MODEL CARD";

const WRONG_LENGTH: u16 = 0x6700;
const CONDITIONS: u16 = 0x6985;
const NOT_FOUND: u16 = 0x6a82;
const WRONG_PARAMETERS: u16 = 0x6a86;
const WRONG_INS: u16 = 0x6d00;

/// A BER-TLV object of less than 128 bytes.
fn tlv(tag: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let len = u8::try_from(value.len()).ok().filter(|&len| len < 0x80).unwrap_or(0x7f);
    [tag, &[len], &value].concat()
}

/// File control information of the directory (EMV Contactless Book B, table 3-3).
pub fn ppse_fci() -> Vec<u8> {
    let entry = tlv(
        &[0x61],
        &[
            &tlv(&[0x4f], &[&AID]),
            &tlv(&[0x50], &[LABEL]),
            &tlv(&[0x87], &[&[0x01]]),
        ],
    );
    let discretionary = tlv(&[0xbf, 0x0c], &[&entry]);
    tlv(&[0x6f], &[&tlv(&[0x84], &[PPSE]), &tlv(&[0xa5], &[&discretionary])])
}

/// File control information of the application (EMV Book 1, table 45), without a PDOL: it asks the terminal for
/// nothing.
pub fn application_fci() -> Vec<u8> {
    let proprietary = tlv(
        &[0xa5],
        &[
            &tlv(&[0x50], &[LABEL]),
            &tlv(&[0x87], &[&[0x01]]),
            &tlv(&[0x5f, 0x2d], &[b"en"]),
        ],
    );
    tlv(&[0x6f], &[&tlv(&[0x84], &[&AID]), &proprietary])
}

/// The card's applications.
pub struct PaymentApplication;

impl PaymentApplication {
    fn command(command: &[u8]) -> Result<Vec<u8>, u16> {
        match *command {
            [0x00, 0xa4, 0x04, 0x00, ref rest @ ..] => {
                let (name, _) = split_data(rest).ok_or(WRONG_LENGTH)?;
                match name {
                    _ if name == PPSE => Ok(ppse_fci()),
                    _ if name == AID => Ok(application_fci()),
                    _ => Err(NOT_FOUND),
                }
            }
            [0x00, 0xa4, ..] => Err(WRONG_PARAMETERS),
            // GET PROCESSING OPTIONS, READ RECORD, GENERATE AC.
            [0x80, 0xa8 | 0xae, ..] | [0x00, 0xb2, ..] => Err(CONDITIONS),
            [_, _, _, _, ..] => Err(WRONG_INS),
            _ => Err(WRONG_LENGTH),
        }
    }
}

impl Application for PaymentApplication {
    fn select(&mut self) {}

    fn apdu(&mut self, command: &[u8]) -> Vec<u8> {
        with_status(Self::command(command))
    }
}

/// The card that a stimulus names: with this number.
pub fn card(number: u8) -> IsoDep<PaymentApplication> {
    // A UID that begins with 08 is a random one of four bytes, as payment cards have.
    let uid = vec![0x08, 0x3c, 0x9f, 0x10_u8.wrapping_add(number)];
    let identity = Identity {
        atqa: [0x04, 0x00],
        sak: 0x20,
        uid,
    };
    let params = Params {
        identity,
        fsci: 8,
        fwi: 7,
        historical: Vec::new(),
    };
    IsoDep::new(params, PaymentApplication)
}
