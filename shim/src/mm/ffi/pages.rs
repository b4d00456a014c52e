// SPDX-License-Identifier: GPL-2.0-only
//! `linux/gfp.h`, `linux/mm.h`: whole pages.

use super::{from_c, to_c};
use crate::bindings::{self, folio, gfp_t, list_head, nodemask_t, page, sysinfo};
use crate::mm::caller::Caller;
use crate::mm::gfp::Gfp;
use crate::mm::page_api;
use crate::mm::pages::PAGES;
use crate::mm::raw::frame::Frame;
use crate::mm::raw::{heap, object};
use crate::same_as_header;
use core::ffi::{c_int, c_long, c_uint, c_ulong, c_void};
use core::ptr::null_mut;

/// The descriptor behind C's pointer.
///
/// # Safety
///
/// `page` is a descriptor in `mem_map`.
unsafe fn frame(page: *const c_void) -> &'static Frame {
    // SAFETY: the caller's promise.
    unsafe { Frame::at(page.expose_provenance()) }
}

/// C's pointer to a descriptor.
fn to_page(index: usize) -> *mut page {
    core::ptr::from_ref(heap::frame(index)).cast_mut().cast()
}

/// An address as the page functions pass it.
fn to_word(address: usize) -> c_ulong {
    address as c_ulong
}

c_api! {
    /// Implements `alloc_pages`: 2^`order` neighbouring pages, aligned to their size.
    ///
    /// # Context
    ///
    /// May sleep if `gfp` has `__GFP_DIRECT_RECLAIM`.
    ///
    /// # Returns
    ///
    /// The first page's descriptor, or null when memory is exhausted or `order` too large.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller; C has no safe functions.
    fn __alloc_pages_noprof / __alloc_pages(
        gfp: gfp_t, order: c_uint, _preferred_nid: c_int, _nodemask: *mut nodemask_t
    ) -> *mut page, |caller| {
        page_api::alloc(Gfp(gfp), order, caller).map_or(null_mut(), to_page)
    }

    /// Implements `folio_alloc`: as `alloc_pages`, always one compound page.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn __folio_alloc_noprof / __folio_alloc(
        gfp: gfp_t, order: c_uint, _preferred_nid: c_int, _nodemask: *mut nodemask_t
    ) -> *mut folio, |caller| {
        page_api::alloc(Gfp(gfp).with(Gfp::COMP), order, caller).map_or(null_mut(), to_page).cast()
    }

    /// Implements `__get_free_pages`: as `alloc_pages`.
    ///
    /// # Returns
    ///
    /// The first byte's address, or 0.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn get_free_pages_noprof / __get_free_pages(gfp_mask: gfp_t, order: c_uint) -> c_ulong, |caller| {
        page_api::alloc(Gfp(gfp_mask), order, caller).map_or(0, |index| to_word(heap::address_of(index)))
    }

    /// Implements `get_zeroed_page`: one page of zeroes, or 0.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn get_zeroed_page_noprof / get_zeroed_page(gfp_mask: gfp_t) -> c_ulong, |caller| {
        page_api::alloc(Gfp(gfp_mask).with(Gfp::ZERO), 0, caller).map_or(0, |index| to_word(heap::address_of(index)))
    }

    /// Implements `alloc_pages_exact`: `size` bytes in whole pages, not a power of two of them.
    ///
    /// # Returns
    ///
    /// The first byte, or null.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn alloc_pages_exact_noprof / alloc_pages_exact(size: usize, gfp_mask: gfp_t) -> *mut c_void, |caller| {
        page_api::alloc_exact(size, Gfp(gfp_mask), caller).map_or(null_mut(), to_c)
    }

    /// Implements `alloc_pages_exact_nid`; there is one node.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn alloc_pages_exact_nid_noprof / alloc_pages_exact_nid(
        _nid: c_int, size: usize, gfp_mask: gfp_t
    ) -> *mut c_void, |caller| {
        page_api::alloc_exact(size, Gfp(gfp_mask), caller).map_or(null_mut(), to_c)
    }
}

c_api! {
    /// Implements `alloc_pages_bulk`: single pages into the empty places of `page_array`, or in front of
    /// `page_list`.
    ///
    /// # Returns
    ///
    /// How many pages the list got, or how many places of the array are filled from its start.
    ///
    /// # Safety
    ///
    /// `page_array`, unless null, has `nr_pages` places; `page_list`, unless null, is a list.
    fn alloc_pages_bulk_noprof / __alloc_pages_bulk(
        gfp: gfp_t, _preferred_nid: c_int, _nodemask: *mut nodemask_t, nr_pages: c_int,
        page_list: *mut list_head, page_array: *mut *mut page
    ) -> c_ulong, |_caller| {
        let len = usize::try_from(nr_pages).unwrap_or(0);
        if page_array.is_null() {
            return to_word(page_api::alloc_each(len, Gfp(gfp), Caller::SHIM, |index| {
                // SAFETY: the caller guarantees a list; the page is new and on no other.
                unsafe { object::list_add(page_list.expose_provenance(), heap::frame(index)) };
            }));
        }
        // SAFETY: the caller guarantees the places.
        let places = unsafe { core::slice::from_raw_parts_mut(page_array, len) };
        let wanted = places.iter().filter(|place| place.is_null()).count();
        let mut empty = places.iter_mut().filter(|place| place.is_null());
        page_api::alloc_each(wanted, Gfp(gfp), Caller::SHIM, |index| {
            if let Some(place) = empty.next() {
                *place = to_page(index);
            }
        });
        to_word(places.iter().take_while(|place| !place.is_null()).count())
    }
}

same_as_header!(__free_pages);
/// Implements `__free_pages`: drops a reference to what `alloc_pages` gave.
///
/// # Safety
///
/// `page` came from `alloc_pages` with this `order`, and its user does not use it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __free_pages(page: *mut page, order: c_uint) {
    // SAFETY: the caller's promise.
    page_api::put(unsafe { frame(page.cast()) }, order);
}

same_as_header!(free_pages);
/// Implements `free_pages`: as `__free_pages`, by address; 0 is nothing.
///
/// # Safety
///
/// `addr` came from `__get_free_pages` with this `order`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_pages(addr: c_ulong, order: c_uint) {
    if addr != 0 {
        page_api::put_address(usize::try_from(addr).unwrap_or(0), order);
    }
}

same_as_header!(free_pages_exact);
/// Implements `free_pages_exact`: frees what `alloc_pages_exact` gave.
///
/// # Safety
///
/// `virt` and `size` are as then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_pages_exact(virt: *mut c_void, size: usize) {
    page_api::free_exact(from_c(virt), size);
}

same_as_header!(split_page);
/// Implements `split_page`: makes the pages independent of each other.
///
/// # Safety
///
/// `page` came from `alloc_pages` with this `order` and without `__GFP_COMP`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn split_page(page: *mut page, order: c_uint) {
    // SAFETY: the caller's promise.
    page_api::split(unsafe { frame(page.cast()) }, order);
}

same_as_header!(__folio_put);
/// Implements `__folio_put`: frees a page whose last reference is gone.
///
/// # Safety
///
/// `folio` is the first page of what `alloc_pages` gave.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __folio_put(folio: *mut folio) {
    // SAFETY: the caller's promise.
    page_api::put_last(unsafe { frame(folio.cast()) });
}

same_as_header!(si_meminfo);
/// Implements `si_meminfo`: how much memory there is, in pages.
///
/// # Safety
///
/// `val` points to a structure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn si_meminfo(val: *mut sysinfo) {
    // SAFETY: the caller's promise; nobody else uses it during the call.
    let val = unsafe { &mut *val };
    val.totalram = to_word(PAGES.0.count());
    val.freeram = to_word(PAGES.0.free_count());
    val.sharedram = 0;
    val.bufferram = 0;
    val.totalhigh = 0;
    val.freehigh = 0;
    val.mem_unit = bindings::MM_PAGE_SIZE;
}

same_as_header!(si_mem_available);
/// Implements `si_mem_available`: free pages.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn si_mem_available() -> c_long {
    c_long::try_from(PAGES.0.free_count()).unwrap_or(c_long::MAX)
}
