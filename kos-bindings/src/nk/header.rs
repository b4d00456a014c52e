// SPDX-License-Identifier: MIT OR Apache-2.0
//! The 24 bytes that open every constant part (`nk_message`).

use super::{HandleDesc, NkErr, Wire};

/// Bytes of the header, the `self` handle descriptor included.
pub const HEADER_BYTES: usize = 24;
/// The largest constant part: the size field has 23 bits.
pub const MAX_CONSTANT_BYTES: usize = (1 << 23) - 1;
/// The most handles that one message carries: the count field has 8 bits.
pub const MAX_HANDLES: usize = 255;

/// Where the `self` handle descriptor lies.
const SELF_AT: usize = 8;
const HANDLES_SHIFT: u32 = 23;
const ERROR_SHIFT: u32 = 31;

/// A header without its `self` descriptor: the eight bytes that say what a message claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the whole constant part.
    pub size: u32,
    /// Count of handle descriptors after the header.
    pub handles: u8,
    /// Whether this is the error form of a response.
    pub is_error: bool,
    /// The interface's number.
    pub riid: u16,
    /// The method's number.
    pub mid: u16,
}

impl Header {
    /// Packs the header into the first eight bytes' value. Size over 23 bits is cut: the generator
    /// refuses such messages.
    #[must_use]
    pub const fn pack(self) -> u64 {
        (self.size & ((1 << HANDLES_SHIFT) - 1)) as u64
            | (self.handles as u64) << HANDLES_SHIFT
            | (self.is_error as u64) << ERROR_SHIFT
            | (self.riid as u64) << 32
            | (self.mid as u64) << 48
    }

    /// Reads the header of a message of any kind, to find who understands it.
    ///
    /// # Errors
    ///
    /// [`NkErr::BadMsg`] if the constant part is shorter than a header or has not the size that it
    /// claims.
    #[inline]
    pub fn read(constant: &[u8]) -> Result<Self, NkErr> {
        let [a, b, c, d, e, f, g, h] = u64::get(constant, 0)?.to_le_bytes();
        let word = u32::from_le_bytes([a, b, c, d]);
        let [handles, ..] = (word >> HANDLES_SHIFT).to_le_bytes();
        let header = Self {
            size: word & ((1 << HANDLES_SHIFT) - 1),
            handles,
            is_error: word >> ERROR_SHIFT != 0,
            riid: u16::from_le_bytes([e, f]),
            mid: u16::from_le_bytes([g, h]),
        };
        if constant.len() < HEADER_BYTES || constant.len() != header.size as usize {
            return Err(NkErr::BadMsg);
        }
        Ok(header)
    }

    /// Checks that `constant` is exactly the kind of message that `self` says, and returns its `N`
    /// bytes.
    ///
    /// # Errors
    ///
    /// [`NkErr::BadMsg`] if size, handle count, form, interface or method differ.
    #[inline]
    pub fn open<const N: usize>(self, constant: &[u8]) -> Result<&[u8; N], NkErr> {
        let bytes: &[u8; N] = constant.try_into().map_err(|_| NkErr::BadMsg)?;
        if u64::get(bytes, 0)? == self.pack() {
            Ok(bytes)
        } else {
            Err(NkErr::BadMsg)
        }
    }

    /// Opens room for a constant part of `N` bytes: the header is written, all parameters are zero.
    ///
    /// The `self` descriptor is left invalid; the kernel fills in the handle that was really
    /// called.
    ///
    /// # Errors
    ///
    /// [`NkErr::NoMem`] if there is less room than `N`.
    #[inline]
    pub fn begin<const N: usize>(self, constant: &mut [u8]) -> Result<&mut [u8; N], NkErr> {
        let bytes: &mut [u8; N] = constant.first_chunk_mut().ok_or(NkErr::NoMem)?;
        *bytes = [0; N];
        self.pack().put(bytes, 0)?;
        HandleDesc::INVALID.put(bytes, SELF_AT)?;
        Ok(bytes)
    }

    /// Tells whether a response claims to be the error form. The claim is checked when that form is
    /// read.
    #[must_use]
    #[inline]
    pub fn is_error_form(constant: &[u8]) -> bool {
        u32::get(constant, 0).is_ok_and(|word| word >> ERROR_SHIFT != 0)
    }

    /// Reads the `self` descriptor: the handle that was called.
    ///
    /// # Errors
    ///
    /// [`NkErr::BadMsg`] if the constant part is shorter than a header.
    pub fn self_handle(constant: &[u8]) -> Result<HandleDesc, NkErr> {
        HandleDesc::get(constant, SELF_AT)
    }

    /// Writes the `self` descriptor; the kernel's part of the header.
    ///
    /// # Errors
    ///
    /// [`NkErr::NoMem`] if the constant part is shorter than a header.
    pub fn set_self_handle(constant: &mut [u8], desc: HandleDesc) -> Result<(), NkErr> {
        desc.put(constant, SELF_AT)
    }
}
