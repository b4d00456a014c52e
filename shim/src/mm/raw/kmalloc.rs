// SPDX-License-Identifier: GPL-2.0-only
//! Any size: from a class up to two pages, above that from the page allocator.

use super::frame::Frame;
use super::slab::Cache;
use super::{heap, object};
use crate::mm::caller::Caller;
use crate::mm::gfp::Gfp;
use crate::mm::{classes, page_api, report};
use core::ffi::{c_int, c_void};

/// What `kmalloc(0)` returns (`include/linux/slab.h`): not null, and any access to it faults.
pub const ZERO_SIZE_PTR: usize = 16;
/// The largest request (`KMALLOC_MAX_SIZE`).
pub const SIZE_MAX: usize = heap::PAGE_SIZE << page_api::ORDER_MAX;

/// Allocates `size` bytes; 0 when memory is exhausted or `size` is too large.
#[inline(always)]
pub fn alloc(size: usize, gfp: Gfp, caller: Caller) -> usize {
    if size.wrapping_sub(1) < classes::LARGEST {
        return classes::of_size(size).alloc(gfp, size, caller);
    }
    if size == 0 {
        return ZERO_SIZE_PTR;
    }
    alloc_large(size, gfp, caller)
}

/// Allocates a power of two of pages.
#[cold]
#[inline(never)]
pub fn alloc_large(size: usize, gfp: Gfp, caller: Caller) -> usize {
    if size > SIZE_MAX {
        report::too_large(gfp, size.div_ceil(heap::PAGE_SIZE).max(1).ilog2() + 1, caller);
        return 0;
    }
    let pages = size.div_ceil(heap::PAGE_SIZE).next_power_of_two();
    page_api::alloc_block(gfp, pages, pages, caller).unwrap_or(0)
}

/// Allocates `size` bytes as neighbouring pages that need not be a power of two (`vmalloc`).
#[cold]
pub fn alloc_pages(size: usize, align: usize, gfp: Gfp, caller: Caller) -> usize {
    let len = size.div_ceil(heap::PAGE_SIZE);
    if size == 0 {
        return 0;
    }
    let align = align.div_ceil(heap::PAGE_SIZE).next_power_of_two();
    page_api::alloc_block(gfp, len, align, caller).unwrap_or(0)
}

/// Changes the size of what [`alloc_pages`] gave; size 0 frees and gives null (`vrealloc`).
///
/// # Safety
///
/// `address` is a live block or null, and is not used when the result differs.
pub unsafe fn resize_pages(address: usize, size: usize, gfp: Gfp, caller: Caller) -> usize {
    let held = usable("vrealloc", address, caller);
    if size != 0 && address > ZERO_SIZE_PTR && size <= held {
        if gfp.has(Gfp::ZERO) {
            // Zero when a later call makes it part of the block again.
            // SAFETY: the block is live and has `held` bytes.
            unsafe { object::fill(address + size, 0, held - size) };
        }
        return address;
    }
    let new = alloc_pages(size, 1, gfp, caller);
    if new == 0 && size != 0 {
        return 0;
    }
    if new != 0 && held != 0 {
        // SAFETY: both are live; the new block is larger than the old one.
        unsafe { object::copy(address, new, held) };
    }
    // SAFETY: the caller does not use the old block any more.
    unsafe { free(address, caller) };
    new
}

/// Allocates memory with an alignment up to a page (per-CPU memory, Rust's own).
pub fn alloc_aligned(size: usize, align: usize, gfp: Gfp, caller: Caller) -> usize {
    let natural = 1 << round_up(size).trailing_zeros();
    if align <= natural || size == 0 {
        return alloc(size, gfp, caller);
    }
    // Classes that are powers of two are aligned to themselves.
    alloc(size.max(align).next_power_of_two(), gfp, caller)
}

/// Changes the size of what [`alloc_aligned`] gave, keeping what fits and the alignment.
///
/// # Safety
///
/// As for [`resize`]; `size` is not 0.
pub unsafe fn resize_aligned(address: usize, size: usize, align: usize, gfp: Gfp, caller: Caller) -> usize {
    let held = usable("realloc", address, caller);
    if size <= held {
        set_requested(address, size);
        return address;
    }
    let new = alloc_aligned(size, align, gfp, caller);
    if new != 0 {
        // SAFETY: both are live; the new one is larger than the old one.
        unsafe { object::copy(address, new, requested(address).unwrap_or(held)) };
        // SAFETY: the caller does not use the old one any more.
        unsafe { free(address, caller) };
    }
    new
}

/// Frees what any function here gave. Null and [`ZERO_SIZE_PTR`] are nothing.
///
/// # Safety
///
/// Nobody uses the object any more.
#[inline(always)]
pub unsafe fn free(address: usize, caller: Caller) {
    if address <= ZERO_SIZE_PTR {
        return;
    }
    let Some(frame) = heap::head_of(address) else {
        report::not_ours("kfree", address, caller)
    };
    if !frame.is_slab() {
        return free_other(frame, address, caller);
    }
    // SAFETY: the frame is a slab.
    let cache = unsafe { frame.cache() };
    // SAFETY: the caller gives the object back, and its slab belongs to this cache.
    unsafe { free_to(cache, frame, address, caller) }
}

/// Frees an object of `cache` that lies in `slab`.
///
/// # Safety
///
/// Nobody uses the object any more.
#[inline(always)]
pub unsafe fn free_to(cache: &'static Cache, slab: &'static Frame, address: usize, caller: Caller) {
    #[cfg(feature = "debug")]
    if !super::debug::on_free(cache, slab, address, caller) {
        return;
    }
    let _ = caller;
    // SAFETY: the slab is this cache's, and the caller gives the object back.
    unsafe { cache.free(slab, address) }
}

#[cold]
#[inline(never)]
fn free_other(frame: &'static Frame, address: usize, caller: Caller) {
    if !frame.is_block() || heap::address_of_frame(frame) != address {
        report::not_ours("kfree", address, caller);
    }
    page_api::free_block(frame);
}

/// How many bytes the user of a live object may use, asked by function `what`; 0 for null and [`ZERO_SIZE_PTR`].
pub fn usable(what: &str, address: usize, caller: Caller) -> usize {
    if address <= ZERO_SIZE_PTR {
        return 0;
    }
    match heap::head_of(address) {
        // SAFETY: the frame is a slab.
        Some(frame) if frame.is_slab() => unsafe { frame.cache() }.size(),
        Some(frame) if frame.is_block() => page_api::block_bytes(frame),
        _ => report::not_ours(what, address, caller),
    }
}

/// What [`usable`] would be for an object of `size` bytes (`kmalloc_size_roundup`).
#[must_use]
pub fn round_up(size: usize) -> usize {
    if size.wrapping_sub(1) < classes::LARGEST {
        return classes::of_size(size).size();
    }
    if size == 0 || size > SIZE_MAX {
        // As upstream: the allocation itself will say what is wrong with it.
        return size;
    }
    heap::PAGE_SIZE * size.div_ceil(heap::PAGE_SIZE).next_power_of_two()
}

/// Changes an object's size, keeping what fits (`krealloc`); size 0 frees.
///
/// # Safety
///
/// `address` is a live object, null or [`ZERO_SIZE_PTR`], and is not used when the result differs.
pub unsafe fn resize(address: usize, size: usize, gfp: Gfp, caller: Caller) -> usize {
    if size == 0 {
        // SAFETY: the caller gives the object up.
        unsafe { free(address, caller) };
        return ZERO_SIZE_PTR;
    }
    if address <= ZERO_SIZE_PTR {
        return alloc(size, gfp, caller);
    }
    let usable = usable("krealloc", address, caller);
    let asked = requested(address);
    let held = asked.unwrap_or(usable);
    if size <= usable {
        // First, since it looks whether the bytes behind the old size are untouched.
        set_requested(address, size);
        if gfp.has(Gfp::ZERO) {
            // Where the requested size is not known, the rest of the object is cleared now, so that it is zero when a
            // later call makes it part of the object (kernel-doc of krealloc).
            let end = if asked.is_some() { size } else { usable };
            let from = held.min(size);
            // SAFETY: the object is live and its class has room for `usable` bytes.
            unsafe { object::fill(address + from, 0, end - from) };
        }
        return address;
    }
    let new = alloc(size, gfp, caller);
    if new != 0 {
        // SAFETY: both are live; the old one has at least `held` bytes, the new one more.
        unsafe { object::copy(address, new, held) };
        // SAFETY: the caller does not use the old object any more.
        unsafe { free(address, caller) };
    }
    new
}

/// The size that was asked for, where that is known.
fn requested(address: usize) -> Option<usize> {
    #[cfg(feature = "debug")]
    return super::debug::requested(address);
    #[cfg(not(feature = "debug"))]
    {
        let _ = address;
        None
    }
}

fn set_requested(address: usize, size: usize) {
    #[cfg(feature = "debug")]
    super::debug::set_requested(address, size);
    let _ = (address, size);
}

/// Lets the user of an object use all of [`usable`] from now on (`ksize`).
pub fn claim_all(address: usize, caller: Caller) -> usize {
    let size = usable("ksize", address, caller);
    set_requested(address, size);
    size
}

/// Zeroes an object before freeing it (`kfree_sensitive`).
///
/// # Safety
///
/// As for [`free`].
pub unsafe fn free_sensitive(address: usize, caller: Caller) {
    if address > ZERO_SIZE_PTR {
        let size = requested(address).unwrap_or_else(|| usable("kfree_sensitive", address, caller));
        // SAFETY: the object is live until the next line.
        unsafe { object::wipe(address, size) };
    }
    // SAFETY: the caller gives the object back.
    unsafe { free(address, caller) };
}

/// Fills `places` with objects of `cache`, or none; their number.
///
/// # Safety
///
/// Nobody reads the places before this returns.
pub unsafe fn alloc_bulk(cache: &'static Cache, gfp: Gfp, places: &mut [*mut c_void], caller: Caller) -> c_int {
    for at in 0..places.len() {
        let address = cache.alloc(gfp, cache.size(), caller);
        if address == 0 {
            // SAFETY: these were allocated just now and nobody knows them.
            unsafe { free_bulk(Some(cache), &places[..at], caller) };
            return 0;
        }
        places[at] = core::ptr::with_exposed_provenance_mut(address);
    }
    c_int::try_from(places.len()).unwrap_or(c_int::MAX)
}

/// Frees objects of `cache`, or of any cache.
///
/// # Safety
///
/// Nobody uses the objects any more.
pub unsafe fn free_bulk(cache: Option<&'static Cache>, objects: &[*mut c_void], caller: Caller) {
    for object in objects {
        let address = object.expose_provenance();
        let found = heap::head_of(address).and_then(Frame::slab_cache);
        match cache {
            Some(cache) if !found.is_some_and(|found| core::ptr::eq(found, cache)) => {
                report::wrong_cache(address, cache, found, caller)
            }
            // SAFETY: the caller gives the object back.
            _ => unsafe { free(address, caller) },
        }
    }
}

/// The name of the cache and the object's start, for a pointer into a slab (`kmem_dump_obj`).
#[must_use]
pub fn describe(address: usize) -> Option<(&'static Cache, usize)> {
    let frame = heap::head_of(address)?;
    if !frame.is_slab() {
        return None;
    }
    // SAFETY: the frame is a slab.
    let cache = unsafe { frame.cache() };
    cache.object_at(frame, address).map(|start| (cache, start))
}

/// Allocates per-CPU memory; 0 also when `align` is no power of two up to a page, as upstream.
pub fn alloc_percpu(size: usize, align: usize, gfp: Gfp, caller: Caller) -> usize {
    if size == 0 || !align.is_power_of_two() || align > heap::PAGE_SIZE {
        return 0;
    }
    alloc_aligned(size, align, gfp.with(Gfp::ZERO), caller)
}
