// SPDX-License-Identifier: MIT OR Apache-2.0
//! Maps a domain's image into this process, at the address that it was linked for.
#![expect(
    unsafe_code,
    reason = "mappings at fixed addresses, and the zeroed tail of the data segment"
)]

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::string::ToString;
use std::vec::Vec;

use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use crate::port::PAGE;

/// Offsets and values of ELF-64 (`elf(5)`).
mod layout {
    pub(super) const IDENT: &[u8; 7] = b"\x7fELF\x02\x01\x01";
    pub(super) const ET_EXEC: u16 = 2;
    pub(super) const HEADER_BYTES: usize = 64;
    pub(super) const PH_BYTES: usize = 56;
    pub(super) const PT_LOAD: u32 = 1;
    pub(super) const PT_INTERP: u32 = 3;
    pub(super) const PT_TLS: u32 = 7;
    #[cfg(target_arch = "x86_64")]
    pub(super) const MACHINE: u16 = 62;
    #[cfg(target_arch = "aarch64")]
    pub(super) const MACHINE: u16 = 183;
}

/// A mapped image. Its memory goes when this is dropped.
#[derive(Debug)]
pub(super) struct Image {
    /// Where it begins to run.
    pub(super) entry: usize,
    ranges: Vec<(usize, usize)>,
}

struct Segment {
    flags: u32,
    offset: u64,
    address: usize,
    file_bytes: usize,
    memory_bytes: usize,
}

fn bad(text: &str) -> io::Error {
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
    match u32::from_le_bytes(word(bytes, 0)?) {
        layout::PT_LOAD => Ok(Some(Segment {
            flags: u32::from_le_bytes(word(bytes, 4)?),
            offset: u64::from_le_bytes(word(bytes, 8)?),
            address: number(bytes, 16)?,
            file_bytes: number(bytes, 32)?,
            memory_bytes: number(bytes, 40)?,
        })),
        layout::PT_INTERP | layout::PT_TLS => {
            Err(bad("not a domain's image: it wants a loader or thread-local storage"))
        }
        _ => Ok(None),
    }
}

impl Image {
    /// Maps the image at `path`.
    ///
    /// # Errors
    ///
    /// `InvalidData` if it is not a static executable, `AlreadyExists` if something lies at its
    /// addresses: another domain in this process.
    pub(super) fn load(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut header = [0u8; layout::HEADER_BYTES];
        file.read_exact(&mut header)?;
        if !header.starts_with(layout::IDENT)
            || half(&header, 16)? != layout::ET_EXEC
            || half(&header, 18)? != layout::MACHINE
        {
            return Err(bad("not a static executable for this machine"));
        }
        let mut image = Self {
            entry: number(&header, 24)?,
            ranges: Vec::new(),
        };
        let table = number(&header, 32)? as u64;
        for index in 0..u64::from(half(&header, 56)?) {
            let mut bytes = [0u8; layout::PH_BYTES];
            file.read_exact_at(&mut bytes, table.saturating_add(index * layout::PH_BYTES as u64))?;
            if let Some(segment) = segment(&bytes)? {
                image.map(&file, &segment)?;
            }
        }
        Ok(image)
    }

    fn map(&mut self, file: &File, segment: &Segment) -> io::Result<()> {
        let too_large = || bad("a segment does not fit in the address space");
        let skew = segment.address % PAGE;
        let start = segment.address - skew;
        let end = segment
            .address
            .checked_add(segment.memory_bytes)
            .ok_or_else(too_large)?;
        let file_end = segment.address.checked_add(segment.file_bytes).ok_or_else(too_large)?;
        let mapped_end = file_end.checked_next_multiple_of(PAGE).ok_or_else(too_large)?;
        let end = end.checked_next_multiple_of(PAGE).ok_or_else(too_large)?;
        let offset = segment.offset.checked_sub(skew as u64).ok_or_else(too_large)?;
        let mut prot = ProtFlags::empty();
        for (bit, flag) in [(4, ProtFlags::READ), (2, ProtFlags::WRITE), (1, ProtFlags::EXEC)] {
            prot.set(flag, segment.flags & bit != 0);
        }
        let flags = MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE;
        if segment.file_bytes > 0 {
            // SAFETY: nothing else lies there, or Linux refuses; the range is ours afterwards.
            unsafe { mmap(start as *mut _, mapped_end - start, prot, flags, file, offset) }?;
            self.ranges.push((start, mapped_end - start));
        }
        let zero_from = if segment.file_bytes > 0 { mapped_end } else { start };
        if end > zero_from {
            // SAFETY: as above.
            unsafe { mmap_anonymous(zero_from as *mut _, end - zero_from, prot, flags) }?;
            self.ranges.push((zero_from, end - zero_from));
        }
        if segment.memory_bytes > segment.file_bytes && segment.file_bytes > 0 && prot.contains(ProtFlags::WRITE) {
            // SAFETY: the rest of the last file page was mapped just now, writable and private.
            unsafe { (file_end as *mut u8).write_bytes(0, mapped_end - file_end) };
        }
        Ok(())
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        for (start, bytes) in &self.ranges {
            // SAFETY: the range was mapped by `map`; the domain that ran there has ended with its
            // coroutine.
            let done = unsafe { munmap(*start as *mut _, *bytes) };
            debug_assert!(done.is_ok(), "a whole mapping can always be unmapped");
        }
    }
}
