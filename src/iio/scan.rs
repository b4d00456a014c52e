// SPDX-License-Identifier: GPL-2.0-only
//! Scans: how samples lie in what a device's buffer delivers.
//!
//! Each enabled channel is a field of `storagebits` (times `repeat`), aligned to its own size; the fields stand
//! in the order of their `index`; the whole is rounded up to its largest field
//! (`drivers/iio/industrialio-buffer.c`, `iio_compute_scan_bytes`).

use super::channel::{ChannelName, FormatError};
use std::str::FromStr;

/// How a sample is stored: `le:s16/16>>0`.
///
/// # Examples
///
/// ```
/// use linux_compat::iio::SampleType;
///
/// let twelve_bits: SampleType = "be:s12/16>>4".parse()?;
/// assert_eq!(twelve_bits.decode(&[0xff, 0xf0]), Some(-1));
/// # Ok::<(), linux_compat::iio::FormatError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleType {
    /// The first byte is the most significant one.
    pub is_big_endian: bool,
    /// Two's complement.
    pub is_signed: bool,
    /// Bits that mean something.
    pub bits: u32,
    /// Bits in the buffer, a multiple of 8 and at most 64.
    pub storage_bits: u32,
    /// How many values stand side by side; 1 for all but vectors such as a quaternion.
    pub repeat: u32,
    /// Bits to shift to the right.
    pub shift: u32,
}

impl FromStr for SampleType {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        Self::parse(text.trim()).ok_or_else(|| FormatError::new(text, "[be|le]:[s|u]bits/storagebits[Xrepeat]>>shift"))
    }
}

impl SampleType {
    fn parse(text: &str) -> Option<Self> {
        let (endian, rest) = text.split_once(':')?;
        let is_big_endian = match endian {
            "be" => true,
            "le" => false,
            _ => return None,
        };
        let is_signed = match rest.get(..1)? {
            "s" | "S" => true,
            "u" | "U" => false,
            _ => return None,
        };
        let (bits, rest) = rest.get(1..)?.split_once('/')?;
        let (storage, shift) = rest.split_once(">>")?;
        let (storage, repeat) = storage.split_once('X').unwrap_or((storage, "1"));
        let sample = Self {
            is_big_endian,
            is_signed,
            bits: bits.parse().ok()?,
            storage_bits: storage.parse().ok()?,
            repeat: repeat.parse().ok()?,
            shift: shift.parse().ok()?,
        };
        let fits = sample.bits.checked_add(sample.shift)? <= sample.storage_bits;
        let is_storable = matches!(sample.storage_bits, 8 | 16 | 24 | 32 | 40 | 48 | 56 | 64);
        (fits && is_storable && sample.bits > 0 && (1..=64).contains(&sample.repeat)).then_some(sample)
    }

    /// Bytes of the whole field.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.value_bytes() * self.repeat as usize
    }

    fn value_bytes(&self) -> usize {
        self.storage_bits as usize / 8
    }

    /// Reads the first value of a field; `None` if there are too few bytes.
    #[must_use]
    pub fn decode(&self, field: &[u8]) -> Option<i64> {
        let bytes = field.get(..self.value_bytes())?;
        let fold = |word: u64, byte: &u8| word << 8 | u64::from(*byte);
        let word = if self.is_big_endian {
            bytes.iter().fold(0, fold)
        } else {
            bytes.iter().rev().fold(0, fold)
        };
        // Move the wanted bits to the top of the word and back: that clears, or repeats the sign into, the rest.
        let unused = 64 - self.bits;
        let top = word.checked_shr(self.shift)? << unused;
        Some(if self.is_signed {
            top.cast_signed() >> unused
        } else {
            (top >> unused).cast_signed()
        })
    }
}

/// A field of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The channel.
    pub channel: ChannelName,
    /// Its place among the fields.
    pub index: u32,
    /// How it is stored.
    pub sample: SampleType,
    offset: usize,
}

/// How one scan is laid out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    fields: Vec<Field>,
    bytes: usize,
}

impl Layout {
    /// Lays out the fields of the enabled channels: channel, index, type.
    #[must_use]
    pub fn new(elements: impl IntoIterator<Item = (ChannelName, u32, SampleType)>) -> Self {
        let mut fields: Vec<Field> = elements
            .into_iter()
            .map(|(channel, index, sample)| Field {
                channel,
                index,
                sample,
                offset: 0,
            })
            .collect();
        fields.sort_by_key(|field| field.index);
        let (mut end, mut largest) = (0usize, 1);
        for field in &mut fields {
            let bytes = field.sample.bytes();
            field.offset = end.next_multiple_of(bytes);
            end = field.offset + bytes;
            largest = largest.max(bytes);
        }
        Self {
            fields,
            bytes: end.next_multiple_of(largest),
        }
    }

    /// The fields, in their order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Bytes of one scan.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reads one scan: a raw value for each field. `None` if there are too few bytes.
    #[must_use]
    pub fn decode(&self, scan: &[u8]) -> Option<Vec<i64>> {
        self.fields
            .iter()
            .map(|field| field.sample.decode(scan.get(field.offset..)?))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: &str) -> SampleType {
        text.parse().unwrap()
    }

    #[test]
    fn every_part_of_a_type() {
        let quaternion = sample("le:s32/32X4>>0\n");
        assert_eq!((quaternion.repeat, quaternion.bytes()), (4, 16));
        let adc = sample("be:u12/16>>4");
        assert_eq!(
            (adc.is_big_endian, adc.is_signed, adc.bits, adc.shift),
            (true, false, 12, 4)
        );
    }

    #[test]
    fn types_that_lie_are_refused() {
        for bad in [
            "",
            "le",
            "me:s16/16>>0",
            "le:x16/16>>0",
            "le:s16/16",
            "le:s17/16>>0",
            "le:s12/16>>5",
            "le:s8/12>>0",
            "le:s0/8>>0",
            "le:s8/8X0>>0",
            "le:s16/16>>99",
            "le:é",
        ] {
            assert!(bad.parse::<SampleType>().is_err(), "{bad}");
        }
    }

    #[test]
    fn signs_and_byte_orders() {
        assert_eq!(sample("le:s16/16>>0").decode(&[0x01, 0x80]), Some(-32767));
        assert_eq!(sample("le:u16/16>>0").decode(&[0x01, 0x80]), Some(32769));
        assert_eq!(sample("be:s16/16>>0").decode(&[0x80, 0x01]), Some(-32767));
        assert_eq!(sample("le:s64/64>>0").decode(&[0xff; 8]), Some(-1));
        assert_eq!(sample("be:u24/32>>8").decode(&[1, 2, 3, 0xee]), Some(0x01_0203));
        assert_eq!(sample("le:s16/16>>0").decode(&[1]), None);
    }

    #[test]
    fn a_gyroscope_scan_with_timestamp() {
        let axis = |name: &str| ChannelName::of_scan_element(&format!("in_{name}_en")).unwrap();
        let layout = Layout::new([
            (axis("timestamp"), 3, sample("le:s64/64>>0")),
            (axis("anglvel_x"), 0, sample("le:s16/16>>0")),
            (axis("anglvel_z"), 2, sample("le:s16/16>>0")),
            (axis("anglvel_y"), 1, sample("le:s16/16>>0")),
        ]);
        // Three axes of 2 bytes, 2 bytes of padding, 8 bytes of time.
        assert_eq!(layout.bytes(), 16);
        let scan = [1, 0, 2, 0, 0xfd, 0xff, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(layout.decode(&scan), Some(vec![1, 2, -3, 9]));
        assert_eq!(layout.decode(&scan[..15]), None);
    }
}
