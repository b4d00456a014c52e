// SPDX-License-Identifier: GPL-2.0-only
//! `linux/slab.h`: caches that come and go.

use super::slab::cache;
use crate::bindings::{self, kmem_cache, slab_flags_t};
use crate::mm::raw::slab::Cache;
use crate::mm::registry::{self, Wish};
use crate::mm::report::fatal;
use crate::same_as_header;
use core::ffi::{CStr, c_char, c_int, c_uint, c_void};

/// Makes a cache for C; null unless `SLAB_PANIC` says that failure is the end.
///
/// # Safety
///
/// `name` is a C string.
unsafe fn create(name: *const c_char, wish: Wish<'static>) -> *mut kmem_cache {
    let name = if name.is_null() {
        c"?"
    } else {
        // SAFETY: the caller guarantees a string.
        unsafe { CStr::from_ptr(name) }
    };
    match registry::create(Wish { name, ..wish }) {
        Some(cache) => core::ptr::from_ref::<Cache>(cache).cast_mut().cast(),
        None if wish.flags & bindings::MM_SLAB_PANIC != 0 => fatal(format_args!(
            "kmem_cache_create: {name:?} of {} bytes failed",
            wish.size
        )),
        None => core::ptr::null_mut(),
    }
}

/// What the two-sided name of `slab_flags_t` is to the engine.
fn flag_bits(flags: slab_flags_t) -> u32 {
    flags
}

#[cfg(has = "__kmem_cache_create_args")]
same_as_header!(__kmem_cache_create_args);
/// Implements `kmem_cache_create`: a cache of objects of `object_size` bytes.
///
/// The whitelist for copies to users (`useroffset`, `usersize`) has no use: there is no user memory.
/// A custom place for the free pointer is not needed either: it lies behind the object.
///
/// # Context
///
/// May sleep.
///
/// # Returns
///
/// The cache, or null when memory is exhausted or the arguments make no sense.
///
/// # Safety
///
/// `name` is a C string, `args` a filled structure; `ctor` may be called for any object.
#[cfg(has = "__kmem_cache_create_args")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __kmem_cache_create_args(
    name: *const c_char,
    object_size: c_uint,
    args: *mut bindings::kmem_cache_args,
    flags: slab_flags_t,
) -> *mut kmem_cache {
    // SAFETY: the caller's promise.
    let args = unsafe { &*args };
    let wish = Wish {
        name: c"",
        size: object_size,
        align: args.align,
        flags: flag_bits(flags),
        ctor: args.ctor,
    };
    // SAFETY: the caller's promise.
    unsafe { create(name, wish) }
}

#[cfg(not(has = "__kmem_cache_create_args"))]
same_as_header!(kmem_cache_create, kmem_cache_create_usercopy);
/// Implements `kmem_cache_create`: a cache of objects of `size` bytes.
///
/// # Context
///
/// May sleep.
///
/// # Returns
///
/// The cache, or null when memory is exhausted or the arguments make no sense.
///
/// # Safety
///
/// `name` is a C string; `ctor` may be called for any object.
#[cfg(not(has = "__kmem_cache_create_args"))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kmem_cache_create(
    name: *const c_char,
    size: c_uint,
    align: c_uint,
    flags: slab_flags_t,
    ctor: Option<unsafe extern "C" fn(*mut c_void)>,
) -> *mut kmem_cache {
    let wish = Wish {
        name: c"",
        size,
        align,
        flags: flag_bits(flags),
        ctor,
    };
    // SAFETY: the caller's promise.
    unsafe { create(name, wish) }
}

/// Implements `kmem_cache_create_usercopy`; there is no user memory to copy to.
///
/// # Safety
///
/// As for `kmem_cache_create`.
#[cfg(not(has = "__kmem_cache_create_args"))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kmem_cache_create_usercopy(
    name: *const c_char,
    size: c_uint,
    align: c_uint,
    flags: slab_flags_t,
    _useroffset: c_uint,
    _usersize: c_uint,
    ctor: Option<unsafe extern "C" fn(*mut c_void)>,
) -> *mut kmem_cache {
    let wish = Wish {
        name: c"",
        size,
        align,
        flags: flag_bits(flags),
        ctor,
    };
    // SAFETY: the caller's promise.
    unsafe { create(name, wish) }
}

same_as_header!(kmem_cache_destroy);
/// Implements `kmem_cache_destroy`: frees the cache; objects that still live are reported by its name.
///
/// # Context
///
/// May sleep.
///
/// # Safety
///
/// `s` is null, or a cache that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kmem_cache_destroy(s: *mut kmem_cache) {
    if !s.is_null() {
        // SAFETY: the caller's promise.
        registry::destroy(unsafe { cache(s) });
    }
}

same_as_header!(kmem_cache_shrink);
/// Implements `kmem_cache_shrink`: gives back the pages that hold no object.
///
/// # Returns
///
/// 0 when no slab is left, as upstream, else 1.
///
/// # Safety
///
/// `s` is a cache that was not destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kmem_cache_shrink(s: *mut kmem_cache) -> c_int {
    // SAFETY: the caller's promise.
    c_int::from(registry::shrink(unsafe { cache(s) }))
}

#[cfg(has = "kmem_cache_charge")]
same_as_header!(kmem_cache_charge);
/// Implements `kmem_cache_charge`: there are no memory groups to charge, so it is done.
///
/// # Safety
///
/// Asks nothing of the caller.
#[cfg(has = "kmem_cache_charge")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kmem_cache_charge(_objp: *mut c_void, _gfpflags: bindings::gfp_t) -> bool {
    true
}

#[cfg(has = "kmem_buckets_create")]
same_as_header!(kmem_buckets_create);
/// Implements `kmem_buckets_create` as upstream does without `CONFIG_SLAB_BUCKETS`: not null, and
/// ignored by every function that takes it.
///
/// # Safety
///
/// Asks nothing of the caller.
#[cfg(has = "kmem_buckets_create")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kmem_buckets_create(
    _name: *const c_char,
    _flags: slab_flags_t,
    _useroffset: c_uint,
    _usersize: c_uint,
    _ctor: Option<unsafe extern "C" fn(*mut c_void)>,
) -> *mut bindings::kmem_buckets {
    core::ptr::without_provenance_mut(crate::mm::raw::kmalloc::ZERO_SIZE_PTR)
}
