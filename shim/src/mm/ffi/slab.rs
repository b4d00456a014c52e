// SPDX-License-Identifier: GPL-2.0-only
//! `linux/slab.h`: kmalloc and the objects of caches. `kmem_cache_create` and kin are in [`super::create`].

use super::{from_c, to_c};
use crate::bindings::{gfp_t, kmem_cache, list_lru};
use crate::mm::caller::Caller;
use crate::mm::gfp::Gfp;
use crate::mm::raw::frame::Frame;
use crate::mm::raw::slab::Cache;
use crate::mm::raw::{OneThread, heap, kmalloc};
use crate::mm::{classes, report};
use crate::same_as_header;
use core::ffi::{c_int, c_ulong, c_void};

/// Implements `kmalloc_caches`: the size classes, which inlined `kmalloc` indexes.
#[unsafe(no_mangle)]
pub static kmalloc_caches: OneThread<[[&'static Cache; classes::COUNT]; classes::TYPES]> = {
    let mut row = [&classes::CACHES.0[0]; classes::COUNT];
    let mut index = 1;
    while index < classes::COUNT {
        row[index] = &classes::CACHES.0[index];
        index += 1;
    }
    OneThread([row; classes::TYPES])
};

/// The cache behind C's opaque pointer.
///
/// # Safety
///
/// `s` came from `kmem_cache_create` or `kmalloc_caches` and was not destroyed.
#[inline(always)]
pub(super) unsafe fn cache<'a>(s: *mut kmem_cache) -> &'a Cache
where
    'a: 'static,
{
    let cache: *const Cache = s.cast_const().cast();
    // SAFETY: all that C was ever given as a `kmem_cache` is a `Cache`; it lives until it is destroyed.
    unsafe { &*cache }
}

c_api! {
    /// Implements `kmalloc` for a size that is not constant.
    ///
    /// # Context
    ///
    /// May sleep if `flags` has `__GFP_DIRECT_RECLAIM`.
    ///
    /// # Returns
    ///
    /// The object, `ZERO_SIZE_PTR` for size 0, or null when memory is exhausted or `size` too large.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller; C has no safe functions.
    fn __kmalloc_noprof / __kmalloc(size: usize, flags: gfp_t) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc(size, Gfp(flags), caller))
    }

    /// Implements `kmalloc` for a constant size: `s` is the class that the header chose.
    ///
    /// # Returns
    ///
    /// As for `kmalloc`.
    ///
    /// # Safety
    ///
    /// `s` is a cache of `kmalloc_caches`.
    fn __kmalloc_cache_noprof / kmalloc_trace(s: *mut kmem_cache, flags: gfp_t, size: usize) -> *mut c_void, |caller| {
        // SAFETY: the header's inline passes an entry of `kmalloc_caches`.
        to_c(unsafe { cache(s) }.alloc(Gfp(flags), size, caller))
    }

    /// Implements `kmalloc_node` for a constant size; there is one node.
    ///
    /// # Safety
    ///
    /// `s` is a cache of `kmalloc_caches`.
    fn __kmalloc_cache_node_noprof / kmalloc_node_trace(
        s: *mut kmem_cache, gfpflags: gfp_t, _node: c_int, size: usize
    ) -> *mut c_void, |caller| {
        // SAFETY: the header's inline passes an entry of `kmalloc_caches`.
        to_c(unsafe { cache(s) }.alloc(Gfp(gfpflags), size, caller))
    }

    /// Implements `kmalloc` for a constant size above the classes.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn __kmalloc_large_noprof / kmalloc_large(size: usize, flags: gfp_t) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc_large(size, Gfp(flags), caller))
    }

    /// Implements `kmalloc_node` for a constant size above the classes.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn __kmalloc_large_node_noprof / kmalloc_large_node(
        size: usize, flags: gfp_t, _node: c_int
    ) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc_large(size, Gfp(flags), caller))
    }

    /// Implements `kmalloc_node` for a size that is not constant.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn __kmalloc_node_noprof / __kmalloc_node(size: usize, flags: gfp_t, _node: c_int) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc(size, Gfp(flags), caller))
    }

    /// Implements `kmalloc_track_caller`: reports name `caller` instead of the function that calls.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn __kmalloc_node_track_caller_noprof / __kmalloc_node_track_caller(
        size: usize, flags: gfp_t, _node: c_int, caller: c_ulong
    ) -> *mut c_void, |_direct| {
        to_c(kmalloc::alloc(size, Gfp(flags), Caller::at(usize::try_from(caller).unwrap_or(0))))
    }

    /// Implements `krealloc`: resizes `objp`, keeping the content that fits; size 0 frees.
    ///
    /// # Returns
    ///
    /// The object, perhaps at a new place; null when memory is exhausted, and `objp` stays as it is.
    ///
    /// # Safety
    ///
    /// `objp` is null, `ZERO_SIZE_PTR` or a live object, not to be used again if the result differs.
    fn krealloc_noprof / krealloc(objp: *const c_void, new_size: usize, flags: gfp_t) -> *mut c_void, |caller| {
        // SAFETY: the caller's promise is the same.
        to_c(unsafe { kmalloc::resize(from_c(objp), new_size, Gfp(flags), caller) })
    }

    /// Implements `kmem_cache_alloc`: an object of `cachep`.
    ///
    /// # Returns
    ///
    /// The object, or null when memory is exhausted.
    ///
    /// # Safety
    ///
    /// `cachep` is a cache that was not destroyed.
    fn kmem_cache_alloc_noprof / kmem_cache_alloc(cachep: *mut kmem_cache, flags: gfp_t) -> *mut c_void, |caller| {
        // SAFETY: the caller's promise.
        let cache = unsafe { cache(cachep) };
        to_c(cache.alloc(Gfp(flags), cache.size(), caller))
    }

    /// Implements `kmem_cache_alloc_lru`; nothing is reclaimed through LRU lists here.
    ///
    /// # Safety
    ///
    /// `s` is a cache that was not destroyed.
    fn kmem_cache_alloc_lru_noprof / kmem_cache_alloc_lru(
        s: *mut kmem_cache, _lru: *mut list_lru, gfpflags: gfp_t
    ) -> *mut c_void, |caller| {
        // SAFETY: the caller's promise.
        let cache = unsafe { cache(s) };
        to_c(cache.alloc(Gfp(gfpflags), cache.size(), caller))
    }

    /// Implements `kmem_cache_alloc_node`; there is one node.
    ///
    /// # Safety
    ///
    /// `s` is a cache that was not destroyed.
    fn kmem_cache_alloc_node_noprof / kmem_cache_alloc_node(
        s: *mut kmem_cache, flags: gfp_t, _node: c_int
    ) -> *mut c_void, |caller| {
        // SAFETY: the caller's promise.
        let cache = unsafe { cache(s) };
        to_c(cache.alloc(Gfp(flags), cache.size(), caller))
    }

    /// Implements `kmem_cache_alloc_bulk`: `size` objects or none.
    ///
    /// # Returns
    ///
    /// `size`, or 0 when memory is exhausted.
    ///
    /// # Safety
    ///
    /// `s` is a cache that was not destroyed; `p` has room for `size` pointers.
    fn kmem_cache_alloc_bulk_noprof / kmem_cache_alloc_bulk(
        s: *mut kmem_cache, flags: gfp_t, size: usize, p: *mut *mut c_void
    ) -> c_int, |caller| {
        // SAFETY: the caller's promise.
        let cache = unsafe { cache(s) };
        // SAFETY: the caller's promise.
        let places = unsafe { core::slice::from_raw_parts_mut(p, size) };
        // SAFETY: the places are written by this call only.
        unsafe { kmalloc::alloc_bulk(cache, Gfp(flags), places, caller) }
    }
}

c_symbol! {
    /// Implements `kfree`: frees what `kmalloc` or any cache gave. Null and `ZERO_SIZE_PTR` are nothing.
    ///
    /// # Safety
    ///
    /// Nobody uses `objp` any more (`Documentation/core-api/memory-allocation.rst`).
    fn kfree(objp: *const c_void), |caller| {
        // SAFETY: the caller's promise.
        unsafe { kmalloc::free(from_c(objp), caller) }
    }

    /// Implements `kfree_sensitive`: zeroes the object first.
    ///
    /// # Safety
    ///
    /// As for `kfree`.
    fn kfree_sensitive(objp: *const c_void), |caller| {
        // SAFETY: the caller's promise.
        unsafe { kmalloc::free_sensitive(from_c(objp), caller) }
    }

    /// Implements `ksize`: how many bytes of `objp` may be used, from now on all of them.
    ///
    /// # Safety
    ///
    /// `objp` is null, `ZERO_SIZE_PTR` or a live object.
    fn ksize(objp: *const c_void) -> usize, |caller| {
        kmalloc::claim_all(from_c(objp), caller)
    }

    /// Implements `__ksize`: the size of the object at `objp`, which stays as it is.
    ///
    /// # Safety
    ///
    /// `objp` is null, `ZERO_SIZE_PTR` or a live object.
    fn __ksize(objp: *const c_void) -> usize, |caller| {
        kmalloc::usable("__ksize", from_c(objp), caller)
    }

    /// Implements `kmem_cache_free`: frees an object of `s`.
    ///
    /// # Safety
    ///
    /// `s` is a cache that was not destroyed; nobody uses `objp` any more.
    fn kmem_cache_free(s: *mut kmem_cache, objp: *mut c_void), |caller| {
        // SAFETY: the caller's promise.
        let cache = unsafe { cache(s) };
        let address = from_c(objp);
        let slab = slab_of(cache, address, caller);
        // SAFETY: the slab is this cache's, and the caller gives the object back.
        unsafe { kmalloc::free_to(cache, slab, address, caller) }
    }

    /// Implements `kmem_cache_free_bulk`: frees `size` objects of `s`, or of any cache if `s` is null.
    ///
    /// # Safety
    ///
    /// `p` points to `size` objects that nobody uses any more.
    fn kmem_cache_free_bulk(s: *mut kmem_cache, size: usize, p: *mut *mut c_void), |caller| {
        // SAFETY: the caller's promise.
        let objects = unsafe { core::slice::from_raw_parts(p, if p.is_null() { 0 } else { size }) };
        // SAFETY: the caller's promise.
        let cache = (!s.is_null()).then(|| unsafe { cache(s) });
        // SAFETY: the caller gives the objects back.
        unsafe { kmalloc::free_bulk(cache, objects, caller) }
    }
}

/// The slab of `cache` that holds `address`; stops the domain when it is another cache's.
#[inline(always)]
fn slab_of(cache: &'static Cache, address: usize, caller: Caller) -> &'static Frame {
    let slab = heap::head_of(address).filter(|frame| frame.is_slab());
    match slab {
        Some(slab) if slab.owner.get() == core::ptr::from_ref(cache).addr() => slab,
        _ => report::wrong_cache(address, cache, slab.and_then(Frame::slab_cache), caller),
    }
}

same_as_header!(kmalloc_size_roundup);
/// Implements `kmalloc_size_roundup`: what `ksize` will say of an object of `size` bytes.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kmalloc_size_roundup(size: usize) -> usize {
    kmalloc::round_up(size)
}

same_as_header!(slab_is_available);
/// Implements `slab_is_available`: always, because memory comes first.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn slab_is_available() -> bool {
    true
}

same_as_header!(kmem_cache_size);
/// Implements `kmem_cache_size`: bytes of an object of `s`.
///
/// # Safety
///
/// `s` is a cache that was not destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kmem_cache_size(s: *mut kmem_cache) -> core::ffi::c_uint {
    // SAFETY: the caller's promise.
    unsafe { cache(s) }.shape.size
}

same_as_header!(kmem_dump_obj);
/// Implements `kmem_dump_obj`: logs which object `object` points into.
///
/// # Returns
///
/// Whether it is one.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kmem_dump_obj(object: *mut c_void) -> bool {
    report::describe(from_c(object))
}
