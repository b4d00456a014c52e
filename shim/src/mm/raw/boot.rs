// SPDX-License-Identifier: GPL-2.0-only
//! The hand-over of the heap.

use super::heap::{FRAME_BYTES, PAGE_SHIFT, PAGE_SIZE};
use crate::mm::{ffi::vars, pages};
use core::cell::Cell;

/// A part of what a small sensor's domain has taken when its driver is bound (43 pages). What a domain does not take of
/// it costs memory.
const EARLY_BYTES: usize = 32 * PAGE_SIZE;

/// Claims a heap of `len` bytes from the microkernel. Called once, before anything allocates.
///
/// # Returns
///
/// False if there is no such memory.
pub fn claim(len: usize) -> bool {
    let Some(heap) = kos_bindings::domain::mem::allocate(len) else {
        return false;
    };
    // SAFETY: fresh zeroed pages that nobody else knows, kept for the life of the domain.
    unsafe { init(heap, len) };
    let first = vars::memory_start.0.get();
    if vars::memory_end.0.get() - first >= EARLY_BYTES {
        // SAFETY: pages of the heap, which nobody has been given yet.
        unsafe { kos_bindings::domain::mem::populate(core::ptr::with_exposed_provenance_mut(first), EARLY_BYTES) };
    }
    true
}

/// Takes the range that all memory comes from.
///
/// The bitmap lies first, `mem_map` behind it, and then the pages that they describe, so that the first
/// page that is given out has the first descriptor: what describes used memory is touched, no more.
///
/// # Safety
///
/// `start` is page aligned; `len` bytes from there are mapped, readable, writable, read as zero, are
/// used by nobody else and stay so for the life of the domain. Called once, before anything
/// allocates.
pub unsafe fn init(start: *mut u8, len: usize) {
    let base = start.expose_provenance();
    let all = len >> PAGE_SHIFT;
    let words = all.div_ceil(64);
    let bitmap_bytes = (words * size_of::<u64>()).next_multiple_of(64);
    let own = (bitmap_bytes + all * FRAME_BYTES).div_ceil(PAGE_SIZE);
    let count = all.saturating_sub(own);
    let first = base + (own << PAGE_SHIFT);

    vars::memory_start.0.set(first);
    vars::memory_end.0.set(first + (count << PAGE_SHIFT));
    vars::mem_map.0.set(base + bitmap_bytes);
    vars::max_mapnr.0.set(count);
    vars::high_memory.0.set(first + (count << PAGE_SHIFT));
    vars::_totalram_pages.0.set(count);

    // SAFETY: the caller gave this memory to us, zeroed; the cells lie below the pages that are given
    // out, so nobody else gets them.
    let bitmap: &'static [Cell<u64>] =
        unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(base), words) };
    pages::PAGES.0.start(bitmap, count, first >> PAGE_SHIFT);
}
