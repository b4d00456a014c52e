// SPDX-License-Identifier: GPL-2.0-only
//! The shim's own `alloc`: kmalloc.

use crate::mm::caller::Caller;
use crate::mm::gfp::Gfp;
use crate::mm::raw::kmalloc;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::with_exposed_provenance_mut as at;

/// kmalloc as Rust's allocator.
struct Kmalloc;

#[global_allocator]
static KMALLOC: Kmalloc = Kmalloc;

// SAFETY: kmalloc gives memory of at least the size and alignment asked for, or 0, and it never
// unwinds: what is wrong ends the domain.
unsafe impl GlobalAlloc for Kmalloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        at(kmalloc::alloc_aligned(
            layout.size(),
            layout.align(),
            Gfp::ATOMIC,
            Caller::SHIM,
        ))
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let gfp = Gfp::ATOMIC.with(Gfp::ZERO);
        at(kmalloc::alloc_aligned(layout.size(), layout.align(), gfp, Caller::SHIM))
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let address = ptr.expose_provenance();
        // SAFETY: the caller gives the old block up if it gets a new one.
        at(unsafe { kmalloc::resize_aligned(address, new_size, layout.align(), Gfp::ATOMIC, Caller::SHIM) })
    }

    unsafe fn dealloc(&self, ptr: *mut u8, _layout: Layout) {
        // SAFETY: the caller gives the memory back.
        unsafe { kmalloc::free(ptr.expose_provenance(), Caller::SHIM) };
    }
}
