// SPDX-License-Identifier: GPL-2.0-only
//! `linux/percpu.h`: with one processor, per-CPU memory is zeroed memory.

use super::{from_c, to_c};
use crate::bindings::{gfp_t, phys_addr_t};
use crate::mm::gfp::Gfp;
use crate::mm::raw::kmalloc;
use crate::same_as_header;
use core::ffi::c_void;

#[cfg(has = "pcpu_alloc_noprof")]
c_symbol! {
    /// Implements `alloc_percpu` and its family: `size` zeroed bytes at a multiple of `align`.
    ///
    /// # Returns
    ///
    /// The memory, or null when there is none, or `align` is no power of two up to a page.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller; C has no safe functions.
    fn pcpu_alloc_noprof(size: usize, align: usize, _reserved: bool, gfp: gfp_t) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc_percpu(size, align, Gfp(gfp), caller))
    }
}

#[cfg(not(has = "pcpu_alloc_noprof"))]
c_symbol! {
    /// Implements `__alloc_percpu`: `size` zeroed bytes at a multiple of `align`.
    ///
    /// # Returns
    ///
    /// The memory, or null when there is none, or `align` is no power of two up to a page.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller; C has no safe functions.
    fn __alloc_percpu(size: usize, align: usize) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc_percpu(size, align, Gfp::KERNEL, caller))
    }

    /// Implements `__alloc_percpu_gfp`: `__alloc_percpu` with flags.
    ///
    /// # Safety
    ///
    /// Asks nothing of the caller.
    fn __alloc_percpu_gfp(size: usize, align: usize, gfp: gfp_t) -> *mut c_void, |caller| {
        to_c(kmalloc::alloc_percpu(size, align, Gfp(gfp), caller))
    }
}

c_symbol! {
    /// Implements `free_percpu`; null is nothing.
    ///
    /// # Safety
    ///
    /// Nobody uses the memory any more.
    fn free_percpu(__pdata: *mut c_void), |caller| {
        // SAFETY: the caller's promise.
        unsafe { kmalloc::free(from_c(__pdata), caller) }
    }
}

same_as_header!(per_cpu_ptr_to_phys);
/// Implements `per_cpu_ptr_to_phys`: addresses are used as they are.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn per_cpu_ptr_to_phys(addr: *mut c_void) -> phys_addr_t {
    phys_addr_t::try_from(from_c(addr)).unwrap_or(phys_addr_t::MAX)
}
