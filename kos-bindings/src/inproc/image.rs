// SPDX-License-Identifier: MIT OR Apache-2.0
//! Maps a domain's image into this process, at the address that it was linked for.
#![expect(
    unsafe_code,
    reason = "mappings at fixed addresses, and the zeroed tail of the data segment"
)]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::vec::Vec;

use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use crate::hosted::elf::{Headers, Segment, bad, flag};
use crate::port::PAGE;

/// A mapped image. Its memory goes when this is dropped.
#[derive(Debug)]
pub(super) struct Image {
    /// Where it begins to run.
    pub(super) entry: usize,
    ranges: Vec<(usize, usize)>,
    /// What it may write.
    pub(super) data: Vec<Range<usize>>,
}

impl Image {
    /// Maps the image at `path`.
    ///
    /// # Errors
    ///
    /// `InvalidData` if it is not a static executable, `AlreadyExists` if something lies at its addresses: another
    /// domain in this process.
    pub(super) fn load(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let headers = Headers::read(&file)?;
        let mut image = Self {
            entry: headers.entry,
            ranges: Vec::new(),
            data: Vec::new(),
        };
        for segment in &headers.segments {
            image.map(&file, segment)?;
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
        for (bit, flag) in [
            (flag::READ, ProtFlags::READ),
            (flag::WRITE, ProtFlags::WRITE),
            (flag::EXECUTE, ProtFlags::EXEC),
        ] {
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
        if prot.contains(ProtFlags::WRITE) {
            self.data.push(start..end);
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
