// SPDX-License-Identifier: GPL-2.0-only
//! `linux/vmalloc.h`: large blocks, a run of neighbouring pages each.
//!
//! As in `mm/nommu.c`, `vfree` is `kfree`: upstream's `kvfree` relies on it, because `is_vmalloc_addr`
//! is false without an MMU. Here a block has as many pages as it needs, not a power of two.

use super::{from_c, to_c};
use crate::bindings::{gfp_t, pgprot_t};
use crate::mm::caller::Caller;
use crate::mm::gfp::Gfp;
use crate::mm::raw::kmalloc;
use crate::same_as_header;
use core::ffi::{c_int, c_ulong, c_void};

/// A C size.
fn bytes(size: c_ulong) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

c_api! {
    /// Implements `vmalloc`: `size` bytes in whole pages; null when memory is exhausted or for size 0.
    ///
    /// # Context
    ///
    /// May sleep.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller; C has no safe functions.
    fn vmalloc_noprof / vmalloc(size: c_ulong) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc_pages(bytes(size), 1, Gfp::KERNEL, caller))
    }

    /// Implements `vzalloc`: `vmalloc`, zeroed.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn vzalloc_noprof / vzalloc(size: c_ulong) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc_pages(bytes(size), 1, Gfp::KERNEL.with(Gfp::ZERO), caller))
    }

    /// Implements `vmalloc_user`: `vmalloc`, zeroed.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn vmalloc_user_noprof / vmalloc_user(size: c_ulong) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc_pages(bytes(size), 1, Gfp::KERNEL.with(Gfp::ZERO), caller))
    }

    /// Implements `vmalloc_node`; there is one node.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn vmalloc_node_noprof / vmalloc_node(size: c_ulong, _node: c_int) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc_pages(bytes(size), 1, Gfp::KERNEL, caller))
    }

    /// Implements `vzalloc_node`; there is one node.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn vzalloc_node_noprof / vzalloc_node(size: c_ulong, _node: c_int) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc_pages(bytes(size), 1, Gfp::KERNEL.with(Gfp::ZERO), caller))
    }

    /// Implements `vmalloc_32`; no device of a domain masters memory, so any address will do.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn vmalloc_32_noprof / vmalloc_32(size: c_ulong) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc_pages(bytes(size), 1, Gfp::KERNEL, caller))
    }

    /// Implements `vmalloc_32_user`: `vmalloc_32`, zeroed.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn vmalloc_32_user_noprof / vmalloc_32_user(size: c_ulong) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc_pages(bytes(size), 1, Gfp::KERNEL.with(Gfp::ZERO), caller))
    }

    /// Implements `__vmalloc`: `vmalloc` with flags.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn __vmalloc_noprof / __vmalloc(size: c_ulong, gfp_mask: gfp_t) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc_pages(bytes(size), 1, Gfp(gfp_mask), caller))
    }

    /// Implements `vmalloc_huge`; there are no huge pages.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn vmalloc_huge_noprof / vmalloc_huge(size: c_ulong, gfp_mask: gfp_t) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc_pages(bytes(size), 1, Gfp(gfp_mask), caller))
    }

    /// Implements `__vmalloc_node`: `vmalloc` with an alignment.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn __vmalloc_node_noprof / __vmalloc_node(
        size: c_ulong, align: c_ulong, gfp_mask: gfp_t, _node: c_int, _caller: *const c_void
    ) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc_pages(bytes(size), bytes(align), Gfp(gfp_mask), caller))
    }
}

#[cfg(has = "__vmalloc_node_range_noprof")]
same_as_header!(__vmalloc_node_range_noprof);
/// Implements `__vmalloc_node_range`, on which upstream's `kvmalloc` falls back. All memory is one
/// range with one protection, so `start`, `end`, `prot` and `vm_flags` change nothing.
///
/// # Safety
///
/// Asks nothing of the caller.
#[cfg(has = "__vmalloc_node_range_noprof")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __vmalloc_node_range_noprof(
    size: c_ulong,
    align: c_ulong,
    _start: c_ulong,
    _end: c_ulong,
    gfp_mask: gfp_t,
    _prot: pgprot_t,
    _vm_flags: c_ulong,
    _node: c_int,
    caller: *const c_void,
) -> *mut c_void {
    to_c(kmalloc::alloc_pages(
        bytes(size),
        bytes(align),
        Gfp(gfp_mask),
        Caller::at(from_c(caller)),
    ))
}

#[cfg(not(has = "__vmalloc_node_range_noprof"))]
same_as_header!(__vmalloc_node_range);
/// Implements `__vmalloc_node_range`, on which upstream's `kvmalloc` falls back. All memory is one
/// range with one protection, so `start`, `end`, `prot` and `vm_flags` change nothing.
///
/// # Safety
///
/// Asks nothing of the caller.
#[cfg(not(has = "__vmalloc_node_range_noprof"))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __vmalloc_node_range(
    size: c_ulong,
    align: c_ulong,
    _start: c_ulong,
    _end: c_ulong,
    gfp_mask: gfp_t,
    _prot: pgprot_t,
    _vm_flags: c_ulong,
    _node: c_int,
    caller: *const c_void,
) -> *mut c_void {
    to_c(kmalloc::alloc_pages(
        bytes(size),
        bytes(align),
        Gfp(gfp_mask),
        Caller::at(from_c(caller)),
    ))
}

#[cfg(has = "vrealloc_noprof")]
c_api! {
    /// Implements `vrealloc`: resizes a block, keeping the content that fits; size 0 frees.
    ///
    /// # Safety
    ///
    /// As for `krealloc`.
    fn vrealloc_noprof / vrealloc(p: *const c_void, size: usize, flags: gfp_t) -> *mut c_void, |caller| {
        // SAFETY: the caller's promise.
        to_c(unsafe { kmalloc::resize_pages(from_c(p), size, Gfp(flags), caller) })
    }
}

c_symbol! {
    /// Implements `vfree`: frees a block; null is nothing.
    ///
    /// # Safety
    ///
    /// Nobody uses `addr` any more.
    fn vfree(addr: *const c_void), |caller| {
        // SAFETY: the caller's promise.
        unsafe { kmalloc::free(from_c(addr), caller) }
    }

    /// Implements `vfree_atomic`: freeing never sleeps here.
    ///
    /// # Safety
    ///
    /// As for `vfree`.
    fn vfree_atomic(addr: *const c_void), |caller| {
        // SAFETY: the caller's promise.
        unsafe { kmalloc::free(from_c(addr), caller) }
    }
}
