// SPDX-License-Identifier: GPL-2.0-only
//! `linux/gfp.h`: page fragments, pieces of a page that are freed one by one (network buffers).
//!
//! A cache holds one reference to its page, every fragment another. Upstream takes 32 KiB at a time
//! and references in bulk; here it is a page, and references are plain counting.

use super::{from_c, to_c};
use crate::bindings::{gfp_t, page, page_frag_cache};
use crate::mm::caller::Caller;
use crate::mm::gfp::Gfp;
use crate::mm::page_api;
use crate::mm::raw::frame::Frame;
use crate::mm::raw::heap;
use crate::same_as_header;
use core::ffi::{c_uint, c_void};
use core::ptr::null_mut;

/// The largest piece (`PAGE_FRAG_CACHE_MAX_SIZE`).
const LARGEST: usize = 32 << 10;

/// Cuts a fragment from the end of the cache's page towards its start; `None` when it does not fit.
fn cut(cache: &mut page_frag_cache, len: usize, align_mask: usize) -> Option<usize> {
    let end = usize::from(cache.offset);
    if cache.va.is_null() || len > end {
        return None;
    }
    let at = (end - len) & align_mask;
    let head = heap::head_of(from_c(cache.va))?;
    cache.offset = u16::try_from(at).ok()?;
    head.refcount.set(head.refcount.get() + 1);
    Some(from_c(cache.va) + at)
}

/// Gives the cache a page that has room for `len` bytes.
fn refill(cache: &mut page_frag_cache, len: usize, gfp: Gfp, caller: Caller) -> Option<()> {
    drain(cache);
    let order = len.div_ceil(heap::PAGE_SIZE).next_power_of_two().trailing_zeros();
    let index = page_api::alloc(gfp.with(Gfp::COMP), order, caller)?;
    cache.va = to_c(heap::address_of(index));
    cache.offset = u16::try_from(heap::PAGE_SIZE << order).ok()?;
    Some(())
}

fn drain(cache: &mut page_frag_cache) {
    if let Some(head) = heap::head_of(from_c(cache.va)) {
        page_api::put_many(head, 1);
    }
    cache.va = null_mut();
}

fn alloc(cache: &mut page_frag_cache, len: usize, gfp: Gfp, align_mask: usize, caller: Caller) -> Option<usize> {
    if len > LARGEST {
        return None;
    }
    if let Some(at) = cut(cache, len, align_mask) {
        return Some(at);
    }
    refill(cache, len, gfp, caller)?;
    cut(cache, len, align_mask)
}

/// The mask as it comes, a 32-bit number with its high bits set, as a mask of offsets.
fn offset_mask(align_mask: c_uint) -> usize {
    usize::try_from(align_mask).unwrap_or(usize::MAX)
}

#[cfg(has = "__page_frag_alloc_align")]
c_symbol! {
    /// Implements `page_frag_alloc`: `fragsz` bytes of a page, at a multiple of an alignment.
    ///
    /// # Returns
    ///
    /// The bytes, or null when memory is exhausted or the piece is too large.
    ///
    /// # Safety
    ///
    /// `nc` is a cache that starts zeroed and that nobody else uses now.
    fn __page_frag_alloc_align(
        nc: *mut page_frag_cache, fragsz: c_uint, gfp_mask: gfp_t, align_mask: c_uint
    ) -> *mut c_void, |caller| {
        // SAFETY: the caller's promise.
        let cache = unsafe { &mut *nc };
        alloc(cache, offset_mask(fragsz), Gfp(gfp_mask), offset_mask(align_mask), caller).map_or(null_mut(), to_c)
    }
}

#[cfg(has = "page_frag_cache_drain")]
c_symbol! {
    /// Implements `page_frag_cache_drain`: gives up the cache's page; its fragments live on.
    ///
    /// # Safety
    ///
    /// `nc` is a cache that nobody else uses now.
    fn page_frag_cache_drain(nc: *mut page_frag_cache), |_caller| {
        // SAFETY: the caller's promise.
        drain(unsafe { &mut *nc });
    }
}

#[cfg(not(has = "__page_frag_alloc_align"))]
c_symbol! {
    /// Implements `page_frag_alloc`: `fragsz` bytes of a page, at a multiple of an alignment.
    ///
    /// # Returns
    ///
    /// The bytes, or null when memory is exhausted or the piece is too large.
    ///
    /// # Safety
    ///
    /// `nc` is a cache that starts zeroed and that nobody else uses now.
    fn page_frag_alloc_align(
        nc: *mut page_frag_cache, fragsz: c_uint, gfp_mask: gfp_t, align_mask: c_uint
    ) -> *mut c_void, |caller| {
        // SAFETY: the caller's promise.
        let cache = unsafe { &mut *nc };
        alloc(cache, offset_mask(fragsz), Gfp(gfp_mask), offset_mask(align_mask), caller).map_or(null_mut(), to_c)
    }
}

same_as_header!(page_frag_free);
/// Implements `page_frag_free`: frees a fragment.
///
/// # Safety
///
/// `addr` came from `page_frag_alloc`, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn page_frag_free(addr: *mut c_void) {
    page_api::put_address_many(from_c(addr), 1);
}

same_as_header!(__page_frag_cache_drain);
/// Implements `__page_frag_cache_drain`: drops `count` references to a fragment page.
///
/// # Safety
///
/// The caller holds these references.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __page_frag_cache_drain(page: *mut page, count: c_uint) {
    // SAFETY: the caller passes a descriptor.
    let head = unsafe { Frame::at(page.expose_provenance()) };
    page_api::put_many(head, i32::try_from(count).unwrap_or(i32::MAX));
}
