// SPDX-License-Identifier: GPL-2.0-only
//! The memory of a created cache itself: the struct and behind it a copy of its name, as one object.

use super::slab::Cache;
use super::{kmalloc, object};
use crate::mm::caller::Caller;
use crate::mm::gfp::Gfp;
use core::ffi::{CStr, c_char};
use core::ptr::with_exposed_provenance_mut as at;

/// Makes a cache; `None` when memory is exhausted.
pub fn make(name: &CStr, make: impl FnOnce(&'static CStr) -> Cache) -> Option<&'static Cache> {
    let len = name.count_bytes() + 1;
    let address = kmalloc::alloc(size_of::<Cache>() + len, Gfp::KERNEL, Caller::SHIM);
    if address == 0 {
        return None;
    }
    let text = address + size_of::<Cache>();
    // SAFETY: the object was allocated with room for the name behind the struct.
    unsafe { object::copy(name.as_ptr().expose_provenance(), text, len) };
    // SAFETY: the terminating zero was copied with the text, which lives as long as the cache.
    let name = unsafe { CStr::from_ptr(at::<c_char>(text).cast_const()) };
    let cache = at::<Cache>(address);
    // SAFETY: the object is large enough, aligned to a word, and ours.
    unsafe { cache.write(make(name)) };
    // SAFETY: just written; nobody refers to it any more when `free` is called.
    Some(unsafe { &*cache })
}

/// Frees a cache that [`make`] made and that nobody knows any more.
pub fn free(cache: &'static Cache) {
    let address = core::ptr::from_ref(cache).expose_provenance();
    // SAFETY: `make` allocated it; the driver promised in `kmem_cache_destroy` not to use it again.
    unsafe { kmalloc::free(address, Caller::SHIM) };
}
