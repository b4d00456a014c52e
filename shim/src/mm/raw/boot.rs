// SPDX-License-Identifier: GPL-2.0-only
//! The hand-over of the heap.

use super::heap::{FRAME_BYTES, PAGE_SHIFT, PAGE_SIZE};
use crate::mm::{ffi::vars, pages};
use core::cell::Cell;

/// Takes the range that all memory comes from.
///
/// The bitmap lies first, `mem_map` behind it; only the parts that describe used pages are touched.
///
/// # Safety
///
/// `start` is page aligned; `len` bytes from there are mapped, readable, writable, read as zero, are
/// used by nobody else and stay so for the life of the domain. Called once, before anything
/// allocates.
pub unsafe fn init(start: *mut u8, len: usize) {
    let base = start.expose_provenance();
    let count = len >> PAGE_SHIFT;
    let words = count.div_ceil(64);
    let bitmap_bytes = (words * size_of::<u64>()).next_multiple_of(64);
    let map_bytes = count * FRAME_BYTES;
    let reserved = (bitmap_bytes + map_bytes).div_ceil(PAGE_SIZE);

    vars::memory_start.0.set(base);
    vars::memory_end.0.set(base + (count << PAGE_SHIFT));
    vars::mem_map.0.set(base + bitmap_bytes);
    vars::max_mapnr.0.set(count);
    vars::high_memory.0.set(base + (count << PAGE_SHIFT));
    vars::_totalram_pages.0.set(count - reserved);

    // SAFETY: the caller gave this memory to us, zeroed; the cells live in the reserved pages, which
    // the bitmap marks as used below, so nobody else gets them.
    let bitmap: &'static [Cell<u64>] =
        unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(base), words) };
    pages::PAGES.0.start(bitmap, count, base >> PAGE_SHIFT, reserved);
}
