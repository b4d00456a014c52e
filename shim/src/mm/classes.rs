// SPDX-License-Identifier: GPL-2.0-only
//! The kmalloc size classes, numbered as `kmalloc_index` of `include/linux/slab.h` numbers them.
//!
//! Class 1 holds 96 bytes, class 2 holds 192, class n holds 2^n. `kmalloc` with a constant size is
//! inlined in drivers and indexes the table itself, so the numbers are part of the contract.

use super::raw::OneThread;
use super::raw::slab::{Cache, Shape};
use crate::bindings;
use core::ffi::CStr;

/// Entries of the table.
pub const COUNT: usize = bindings::MM_KMALLOC_SHIFT_HIGH as usize + 1;
/// How often C sees the table: once per `enum kmalloc_cache_type`. Here all types share the caches.
pub const TYPES: usize = bindings::MM_KMALLOC_TYPES as usize;
/// The smallest class's number.
pub const LOWEST: usize = bindings::MM_KMALLOC_SHIFT_LOW as usize;
/// The largest size that a class serves (`KMALLOC_MAX_CACHE_SIZE`).
pub const LARGEST: usize = 1 << bindings::MM_KMALLOC_SHIFT_HIGH;

const NAMES: [&CStr; 14] = [
    c"kmalloc-0",
    c"kmalloc-96",
    c"kmalloc-192",
    c"kmalloc-8",
    c"kmalloc-16",
    c"kmalloc-32",
    c"kmalloc-64",
    c"kmalloc-128",
    c"kmalloc-256",
    c"kmalloc-512",
    c"kmalloc-1k",
    c"kmalloc-2k",
    c"kmalloc-4k",
    c"kmalloc-8k",
];

const fn class(index: usize) -> Cache {
    let size: u32 = match index {
        0 => 8,
        1 => 96,
        2 => 192,
        n => 1 << n,
    };
    // A power of two is aligned to itself, other sizes to their largest power of two; both are what
    // stride and a page-aligned slab give without red zones, and what debug builds must round up to.
    let align = 1 << size.trailing_zeros();
    Cache::new(NAMES[index], shape_of(size, align, false), None, false)
}

/// The shape of objects of `size` bytes, with the red zones of debug builds.
#[must_use]
pub const fn shape_of(size: u32, align: u32, keeps_content: bool) -> Shape {
    #[cfg(feature = "debug")]
    {
        let _ = keeps_content;
        let meta = super::raw::debug::meta_offset(size);
        Shape::new(size, align, meta, meta + super::raw::debug::META_BYTES)
    }
    #[cfg(not(feature = "debug"))]
    {
        let link = if keeps_content { size.next_multiple_of(8) } else { 0 };
        Shape::new(size, align, link, if keeps_content { link + 8 } else { size })
    }
}

/// The caches, by class.
pub static CACHES: OneThread<[Cache; COUNT]> = OneThread([
    class(0),
    class(1),
    class(2),
    class(3),
    class(4),
    class(5),
    class(6),
    class(7),
    class(8),
    class(9),
    class(10),
    class(11),
    class(12),
    class(13),
]);

/// The class of sizes 1..=192, by `(size - 1) / 8`.
const SMALL: [u8; 24] = {
    let mut table = [0; 24];
    let mut at = 0;
    while at < table.len() {
        let size = (at + 1) * 8;
        table[at] = match size {
            65..=96 => 1,
            129.. => 2,
            _ => {
                #[expect(clippy::cast_possible_truncation, reason = "at most 7")]
                let shift = size.next_power_of_two().trailing_zeros() as u8;
                shift
            }
        };
        at += 1;
    }
    table
};

/// The cache for `size` bytes, which are 1 to [`LARGEST`].
#[inline(always)]
#[must_use]
pub fn of_size(size: usize) -> &'static Cache {
    let index = match SMALL.get(size.wrapping_sub(1) / 8) {
        Some(&index) => usize::from(index),
        None => (usize::BITS - (size - 1).leading_zeros()) as usize,
    };
    &CACHES.0[index]
}
