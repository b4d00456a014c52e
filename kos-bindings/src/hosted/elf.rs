// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel wants of an image before it runs it: static, for this machine, and no memory that is both
//! writable and executable.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::string::ToString;
use std::vec::Vec;

/// Offsets and values of ELF-64 (`elf(5)`).
mod layout {
    pub(super) const IDENT: &[u8; 7] = b"\x7fELF\x02\x01\x01";
    pub(super) const ET_EXEC: u16 = 2;
    pub(super) const HEADER_BYTES: usize = 64;
    pub(super) const PH_BYTES: usize = 56;
    pub(super) const PT_LOAD: u32 = 1;
    pub(super) const PT_INTERP: u32 = 3;
    pub(super) const PT_TLS: u32 = 7;
    pub(super) const PT_GNU_STACK: u32 = 0x6474_e551;
    #[cfg(target_arch = "x86_64")]
    pub(super) const MACHINE: u16 = 62;
    #[cfg(target_arch = "aarch64")]
    pub(super) const MACHINE: u16 = 183;
}

/// Bits of a segment's flags.
pub(crate) mod flag {
    pub(crate) const EXECUTE: u32 = 1;
    pub(crate) const WRITE: u32 = 2;
    pub(crate) const READ: u32 = 4;
}

/// More program headers than any image has.
const MAX_HEADERS: u16 = 64;

/// An image's headers, checked.
#[derive(Debug)]
pub(crate) struct Headers {
    /// Where it begins to run.
    pub(crate) entry: usize,
    pub(crate) segments: Vec<Segment>,
}

/// A segment to be loaded.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) flags: u32,
    pub(crate) offset: u64,
    pub(crate) address: usize,
    pub(crate) file_bytes: usize,
    pub(crate) memory_bytes: usize,
}

pub(crate) fn bad(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_string())
}

fn word<const N: usize>(bytes: &[u8], at: usize) -> io::Result<[u8; N]> {
    let part = bytes.get(at..).and_then(|rest| rest.first_chunk::<N>());
    part.copied().ok_or_else(|| bad("not an ELF image: truncated"))
}

fn half(bytes: &[u8], at: usize) -> io::Result<u16> {
    Ok(u16::from_le_bytes(word(bytes, at)?))
}

fn number(bytes: &[u8], at: usize) -> io::Result<usize> {
    usize::try_from(u64::from_le_bytes(word(bytes, at)?)).map_err(|_| bad("address too large"))
}

fn segment(bytes: &[u8]) -> io::Result<Option<Segment>> {
    const WRITE_EXECUTE: u32 = flag::WRITE | flag::EXECUTE;
    let flags = u32::from_le_bytes(word(bytes, 4)?);
    match u32::from_le_bytes(word(bytes, 0)?) {
        layout::PT_LOAD if flags & WRITE_EXECUTE == WRITE_EXECUTE => {
            Err(bad("a segment is both writable and executable"))
        }
        layout::PT_LOAD => Ok(Some(Segment {
            flags,
            offset: u64::from_le_bytes(word(bytes, 8)?),
            address: number(bytes, 16)?,
            file_bytes: number(bytes, 32)?,
            memory_bytes: number(bytes, 40)?,
        })),
        layout::PT_GNU_STACK if flags & flag::EXECUTE != 0 => Err(bad("its stack would be executable")),
        layout::PT_INTERP | layout::PT_TLS => {
            Err(bad("not a domain's image: it wants a loader or thread-local storage"))
        }
        _ => Ok(None),
    }
}

impl Headers {
    /// Reads and checks the headers of `file`.
    ///
    /// # Errors
    ///
    /// `InvalidData`, with what is wrong.
    pub(crate) fn read(file: &File) -> io::Result<Self> {
        let mut header = [0u8; layout::HEADER_BYTES];
        let read = file.read_exact_at(&mut header, 0);
        let is_ours = header.starts_with(layout::IDENT)
            && half(&header, 16)? == layout::ET_EXEC
            && half(&header, 18)? == layout::MACHINE;
        if read.is_err() || !is_ours {
            return Err(bad("not a static executable for this machine"));
        }
        let count = half(&header, 56)?;
        if count > MAX_HEADERS {
            return Err(bad("too many program headers"));
        }
        let mut table = std::vec![0u8; usize::from(count) * layout::PH_BYTES];
        file.read_exact_at(&mut table, number(&header, 32)? as u64)?;
        let mut segments = Vec::new();
        for bytes in table.chunks_exact(layout::PH_BYTES) {
            segments.extend(segment(bytes)?);
        }
        Ok(Self {
            entry: number(&header, 24)?,
            segments,
        })
    }
}
