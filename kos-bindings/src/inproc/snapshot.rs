// SPDX-License-Identifier: MIT OR Apache-2.0
//! A domain's whole state, kept and put back: how a fuzzer runs each input on the same domain.
//!
//! The state is the memory that the domain can write (its image's data, its heap, its tasks' stacks), the stack of its
//! coroutine with the place where it stands, and the words of its port. Only pages that exist are kept. A page that
//! comes into being later was zero when the snapshot was taken, and is made zero again.
#![expect(
    unsafe_code,
    reason = "copies memory that foreign code uses, while that code stands still"
)]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::vec::Vec;

use crate::port::PAGE;

/// Memory that is put back.
#[derive(Debug)]
struct Area {
    start: usize,
    /// Whether each page is in `Memory::kept` or is known to be made zero.
    known: Vec<bool>,
}

/// A piece of memory and where its bytes are kept.
#[derive(Debug)]
struct Piece {
    start: usize,
    bytes: usize,
    /// In `Memory::bytes`; `None`: it was zero.
    at: Option<usize>,
}

/// Copies of ranges of memory.
#[derive(Debug)]
pub(super) struct Memory {
    areas: Vec<Area>,
    pieces: Vec<Piece>,
    bytes: Vec<u8>,
    /// Memory that is never put back.
    skipped: Vec<Range<usize>>,
    pagemap: File,
}

impl Memory {
    /// Copies what exists of `ranges`, which are whole pages, but for what is in `skipped`.
    ///
    /// # Safety
    ///
    /// Nobody writes the ranges until this returns, and they stay mapped for as long as the value is used.
    pub(super) unsafe fn keep(ranges: &[Range<usize>], skipped: Vec<Range<usize>>) -> io::Result<Self> {
        let mut memory = Self {
            areas: Vec::new(),
            pieces: Vec::new(),
            bytes: Vec::new(),
            skipped,
            pagemap: File::open("/proc/self/pagemap")?,
        };
        for range in ranges {
            let known = std::vec![false; (range.end - range.start) / PAGE];
            memory.areas.push(Area {
                start: range.start,
                known,
            });
        }
        for page in memory.new_pages(true)? {
            memory.add(page, true);
        }
        for piece in &memory.pieces {
            if let Some(at) = piece.at {
                // SAFETY: our caller's promise; `add` made room for the piece's bytes.
                unsafe {
                    copy(
                        piece.start as *const u8,
                        memory.bytes.as_mut_ptr().wrapping_add(at),
                        piece.bytes,
                    )
                };
            }
        }
        Ok(memory)
    }

    /// Puts everything back.
    ///
    /// # Safety
    ///
    /// As for [`Memory::keep`].
    pub(super) unsafe fn put_back(&mut self) -> io::Result<()> {
        for page in self.new_pages(false)? {
            self.add(page, false);
        }
        for piece in &self.pieces {
            let to = piece.start as *mut u8;
            match piece.at {
                // SAFETY: our caller's promise; the bytes were kept for this piece.
                Some(at) => unsafe { copy(self.bytes.as_ptr().wrapping_add(at), to, piece.bytes) },
                // SAFETY: our caller's promise.
                None => unsafe { clear(to, piece.bytes) },
            }
        }
        Ok(())
    }

    /// The pieces that are put back: their places and sizes.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Range<usize>> {
        self.pieces.iter().map(|piece| piece.start..piece.start + piece.bytes)
    }

    /// The pages that exist by now and were not known.
    fn new_pages(&mut self, looks_everywhere: bool) -> io::Result<Vec<usize>> {
        /// Pages that are looked at in one go.
        const STRIDE: usize = 64;
        /// Pages of an area that is always looked at whole: the first stack, which is taken from its end.
        const SMALL: usize = 256;
        /// Present, or swapped out (`Documentation/admin-guide/mm/pagemap.rst`).
        const EXISTS: u8 = 0b1100_0000;
        const ENTRY_BYTES: usize = 8;
        let mut entries = [0; STRIDE * ENTRY_BYTES];
        let mut found = Vec::new();
        for area in &mut self.areas {
            let looks_everywhere = looks_everywhere || area.known.len() <= SMALL;
            let mut start = area.start;
            for part in area.known.chunks_mut(STRIDE) {
                let entries = entries.get_mut(..part.len() * ENTRY_BYTES).unwrap_or_default();
                self.pagemap
                    .read_exact_at(entries, (start / PAGE * ENTRY_BYTES) as u64)?;
                for (number, (entry, known)) in entries.chunks_exact(ENTRY_BYTES).zip(part.iter_mut()).enumerate() {
                    if !*known && entry.last().is_some_and(|flags| flags & EXISTS != 0) {
                        *known = true;
                        found.push(start + number * PAGE);
                    }
                }
                // Heap and stacks are taken lowest address first: behind a part without a page there is none.
                if !looks_everywhere && !part.contains(&true) {
                    break;
                }
                start += part.len() * PAGE;
            }
        }
        Ok(found)
    }

    /// Notes a page; with neighbours it becomes one piece.
    fn add(&mut self, page: usize, has_bytes: bool) {
        let mut rest = std::vec![page..page + PAGE];
        for skipped in &self.skipped {
            rest = rest
                .into_iter()
                .flat_map(|part| {
                    let before = part.start..part.end.min(skipped.start);
                    let after = part.start.max(skipped.end)..part.end;
                    [before, after]
                })
                .filter(|part| part.start < part.end)
                .collect();
        }
        for part in rest {
            let bytes = part.end - part.start;
            let at = has_bytes.then_some(self.bytes.len());
            if has_bytes {
                self.bytes.resize(self.bytes.len() + bytes, 0);
            }
            match self.pieces.last_mut() {
                Some(last) if last.start + last.bytes == part.start && last.at.is_some() == has_bytes => {
                    last.bytes += bytes;
                }
                _ => self.pieces.push(Piece {
                    start: part.start,
                    bytes,
                    at,
                }),
            }
        }
    }
}

/// Makes a page exist.
///
/// # Safety
///
/// It is mapped and readable.
pub(super) unsafe fn touch(page: usize) {
    let mut byte = 0u8;
    // SAFETY: our caller's promise.
    unsafe { copy(page as *const u8, &raw mut byte, 1) };
}

/// Copies bytes that a sanitizer may have forbidden to touch: red zones and freed objects are state too.
///
/// # Safety
///
/// `bytes` are readable at `from` and writable at `to`, and do not overlap.
unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: our caller's promise; the ABI demands that the direction flag is clear.
    unsafe {
        std::arch::asm!("rep movsb", inout("rcx") bytes => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: our caller's promise.
    unsafe {
        to.copy_from_nonoverlapping(from, bytes);
    }
}

/// Makes bytes zero; as [`copy`], below any sanitizer.
///
/// # Safety
///
/// `bytes` are writable at `to`.
unsafe fn clear(to: *mut u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: our caller's promise; the ABI demands that the direction flag is clear.
    unsafe {
        std::arch::asm!("rep stosb", inout("rcx") bytes => _, inout("rdi") to => _, in("al") 0u8,
            options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: our caller's promise.
    unsafe {
        to.write_bytes(0, bytes);
    }
}
