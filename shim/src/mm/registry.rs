// SPDX-License-Identifier: GPL-2.0-only
//! Caches that drivers create and destroy.
//!
//! # Differs from Linux
//!
//! As SLUB does, a new cache that is like an existing one is the existing one. Here the candidates
//! are the kmalloc classes, and up to an eighth of the object may be lost: a page that two caches
//! share is a page less for the domain. Debug builds keep all caches apart.

use super::classes;
use super::pages::PAGES;
use super::raw::slab::{Cache, Ctor};
use super::raw::{OneThread, cache_memory, heap, kmalloc};
use super::report;
use crate::bindings;
use core::cell::Cell;
use core::ffi::CStr;

static CREATED: OneThread<Cell<Option<&'static Cache>>> = OneThread(Cell::new(None));

/// What a creator asks for.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// Shown in reports; copied.
    pub name: &'a CStr,
    /// Bytes of an object.
    pub size: u32,
    /// Its alignment, 0 for none in particular.
    pub align: u32,
    /// `SLAB_*`.
    pub flags: u32,
    /// Runs once for every object before its first use.
    pub ctor: Option<Ctor>,
}

/// Makes a cache, or shares one; `None` when the wish makes no sense or memory is exhausted.
pub fn create(wish: Wish<'_>) -> Option<&'static Cache> {
    if wish.size == 0 || wish.size as usize > kmalloc::SIZE_MAX {
        return None;
    }
    let align = alignment(wish)?;
    let keeps_slabs = wish.flags & bindings::MM_SLAB_TYPESAFE_BY_RCU != 0;
    let keeps_content = keeps_slabs || wish.ctor.is_some();
    if let Some(class) = like_a_class(wish.size, align, keeps_content) {
        class.users.set(class.users.get() + 1);
        return Some(class);
    }
    let shape = classes::shape_of(
        wish.size.next_multiple_of(bindings::MM_SLAB_MINALIGN),
        align,
        keeps_content,
    );
    let cache = cache_memory::make(wish.name, |name| Cache::new(name, shape, wish.ctor, keeps_slabs))?;
    cache.next.set(CREATED.0.get());
    CREATED.0.set(Some(cache));
    Some(cache)
}

fn alignment(wish: Wish<'_>) -> Option<u32> {
    if wish.align != 0 && !wish.align.is_power_of_two() || wish.align as usize > heap::PAGE_SIZE {
        return None;
    }
    let mut align = wish.align.max(bindings::MM_SLAB_MINALIGN);
    if wish.flags & bindings::MM_SLAB_HWCACHE_ALIGN != 0 {
        // Small objects share a line, as upstream's `calculate_alignment` has it.
        let mut line = bindings::MM_CACHE_LINE;
        while wish.size <= line / 2 {
            line /= 2;
        }
        align = align.max(line);
    }
    Some(align)
}

fn like_a_class(size: u32, align: u32, keeps_content: bool) -> Option<&'static Cache> {
    if cfg!(feature = "debug") || keeps_content || size as usize > classes::LARGEST {
        return None;
    }
    let class = classes::of_size(size as usize);
    let lost = class.size() - size as usize;
    let aligned = 1usize << class.size().trailing_zeros();
    (lost <= class.size() / 8 && aligned >= align as usize).then_some(class)
}

/// Ends one use of `cache`; with the last one, its memory is freed and leaked objects are reported.
pub fn destroy(cache: &'static Cache) {
    cache.users.set(cache.users.get().saturating_sub(1));
    if cache.users.get() > 0 {
        return;
    }
    #[cfg(feature = "debug")]
    super::raw::debug::drain();
    cache.shrink();
    if cache.slabs.get() > 0 {
        // As upstream: the cache stays, so that the objects stay usable.
        report::leaked(cache);
        return;
    }
    forget(cache);
    cache_memory::free(cache);
}

fn forget(cache: &'static Cache) {
    let mut link = &CREATED.0;
    while let Some(at) = link.get() {
        if core::ptr::eq(at, cache) {
            link.set(at.next.get());
            return;
        }
        link = &at.next;
    }
}

/// Gives back the slabs of `cache` that hold no object; whether any slab is left.
pub fn shrink(cache: &'static Cache) -> bool {
    #[cfg(feature = "debug")]
    super::raw::debug::drain();
    cache.shrink();
    cache.slabs.get() > 0
}

fn sum_over_all(f: impl Fn(&'static Cache) -> usize) -> usize {
    let mut sum = classes::CACHES.0.iter().map(&f).sum();
    let mut next = CREATED.0.get();
    while let Some(cache) = next {
        sum += f(cache);
        next = cache.next.get();
    }
    sum
}

/// Gives back every slab that holds no object; how many pages became free.
pub fn shrink_all() -> usize {
    #[cfg(feature = "debug")]
    super::raw::debug::drain();
    // Who reads under RCU may still look at a freed object whose cache keeps its slabs.
    sum_over_all(|cache| {
        if cache.keeps_slabs {
            0
        } else {
            cache.shrink() << cache.shape.order
        }
    })
}

/// Gives back the slabs that are kept for speed only; how many pages became free.
pub fn release_idle() -> usize {
    sum_over_all(Cache::release_idle)
}

/// What is allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Objects of all caches but the radix trees'.
    pub count: u32,
    /// Their bytes.
    pub bytes: u64,
    /// Pages that belong to no cache.
    pub pages: u32,
}

/// Counts what is allocated. A radix tree's nodes come and go with its neighbours: `idr_alloc_cyclic`, which numbers
/// kernfs's files, opens a new one every 64 numbers whoever asks. They are left out.
#[must_use]
pub fn live() -> Live {
    #[cfg(feature = "debug")]
    super::raw::debug::drain();
    let mut live = Live::default();
    let mut index = 0;
    while index < PAGES.0.high_water() {
        let frame = heap::frame(index);
        if !PAGES.0.is_used(index) {
            index += 1;
        } else if let Some(cache) = frame.slab_cache() {
            if cache.name() != c"radix_tree_node" {
                let count = cache.live_in(frame);
                live.count += u32::from(count);
                live.bytes += u64::from(count) * cache.size() as u64;
            }
            index += 1 << frame.order.get();
        } else {
            live.pages += 1;
            index += 1;
        }
    }
    live
}
