// SPDX-License-Identifier: GPL-2.0-only
//! PN532's frames: UM0701-02, 6.2.1.
//!
//! ```text
//! normal    00 00 FF LEN LCS TFI data… DCS 00       LEN + LCS = 0, TFI + data + DCS = 0 (mod 256)
//! extended  00 00 FF FF FF LENM LENL LCS TFI data… DCS 00
//! ACK       00 00 FF 00 FF 00        NACK  00 00 FF FF 00 00        error  00 00 FF 01 FF 7F 81 00
//! ```

/// From the host.
pub const FROM_HOST: u8 = 0xd4;
/// To the host.
pub const TO_HOST: u8 = 0xd5;
/// The most bytes of a frame, TFI included (6.2.1.2).
pub const MAX_LEN: usize = 265;

/// Acknowledges a frame; from the host, it also ends a command.
pub const ACK: [u8; 6] = [0x00, 0x00, 0xff, 0x00, 0xff, 0x00];
/// From the host: the last frame did not arrive.
pub const NACK: [u8; 6] = [0x00, 0x00, 0xff, 0xff, 0x00, 0x00];
/// The syntax error of the application layer.
pub const ERROR: [u8; 8] = [0x00, 0x00, 0xff, 0x01, 0xff, 0x7f, 0x81, 0x00];

/// What a host sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromHost {
    /// See [`ACK`].
    Ack,
    /// See [`NACK`].
    Nack,
    /// A command code and its parameters.
    Command(Vec<u8>),
}

/// The byte that makes a sum 0.
fn complement(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte))
}

/// A frame to the host with this data: normal if it fits, else extended.
pub fn encode(data: &[u8]) -> Vec<u8> {
    let len = data.len() + 1;
    let mut frame = vec![0x00, 0x00, 0xff];
    match u8::try_from(len) {
        Ok(len) => frame.extend([len, len.wrapping_neg()]),
        Err(_) => {
            let [high, low] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
            frame.extend([0xff, 0xff, high, low, complement(&[high, low])]);
        }
    }
    frame.push(TO_HOST);
    frame.extend(data);
    frame.extend([complement(data).wrapping_sub(TO_HOST), 0x00]);
    frame
}

/// Takes a frame out of what a host has sent; whatever is before its start code or behind it does not matter. `None` if
/// there is none, or one that is damaged.
pub fn decode(bytes: &[u8]) -> Option<FromHost> {
    let start = bytes.windows(2).position(|pair| pair == [0x00, 0xff])?;
    let rest = bytes.get(start + 2..)?;
    let (len, body) = match *rest {
        [0x00, 0xff, ..] => return Some(FromHost::Ack),
        [0xff, 0x00, ..] => return Some(FromHost::Nack),
        [0xff, 0xff, high, low, check, ref body @ ..] if complement(&[high, low]) == check => {
            (usize::from(u16::from_be_bytes([high, low])), body)
        }
        [len, check, ref body @ ..] if len.wrapping_add(check) == 0 => (usize::from(len), body),
        _ => return None,
    };
    let (data, after) = body.split_at_checked(len)?;
    let check = *after.first()?;
    match *data {
        [FROM_HOST, ref command @ ..] if len <= MAX_LEN && complement(data) == check && !command.is_empty() => {
            Some(FromHost::Command(command.to_vec()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// As a host would frame it.
    fn of_host(command: &[u8]) -> Vec<u8> {
        let mut frame = encode(command);
        let at = frame.len() - command.len() - 3;
        frame[at] = FROM_HOST;
        let dcs = frame.len() - 2;
        frame[dcs] = frame[dcs].wrapping_add(1);
        frame
    }

    #[test]
    fn the_examples_of_the_manual() {
        // GetFirmwareVersion (7.2.2) and its answer.
        let command = [0x00, 0x00, 0xff, 0x02, 0xfe, 0xd4, 0x02, 0x2a, 0x00];
        assert_eq!(decode(&command), Some(FromHost::Command(vec![0x02])));
        assert_eq!(of_host(&[0x02]), command);
        let answer = [
            0x00, 0x00, 0xff, 0x06, 0xfa, 0xd5, 0x03, 0x32, 0x01, 0x06, 0x07, 0xe8, 0x00,
        ];
        assert_eq!(encode(&[0x03, 0x32, 0x01, 0x06, 0x07]), answer);
        assert_eq!(decode(&ACK), Some(FromHost::Ack));
        assert_eq!(decode(&NACK), Some(FromHost::Nack));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_framed_is_found(command in vec(any::<u8>(), 1..264)) {
            prop_assert_eq!(decode(&of_host(&command)), Some(FromHost::Command(command)));
        }

        #[test]
        fn one_wrong_byte_of_data_is_seen(command in vec(any::<u8>(), 2..200), at in 0usize..200, xor in 1u8..) {
            let mut frame = of_host(&command);
            let at = 6 + at % command.len();
            frame[at] ^= xor;
            prop_assert_eq!(decode(&frame), None);
        }

        #[test]
        fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes);
        }
    }
}
