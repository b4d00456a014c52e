// SPDX-License-Identifier: GPL-2.0-only
//! Page descriptors: `struct page` as the allocators see it.
//!
//! As upstream's `struct slab`, [`Frame`] lies over `struct page` (`include/linux/mm_types.h`): the
//! first word (flags), the type and the reference count keep their meaning; the five words between
//! belong to whoever owns the page. Every all-zero frame is a page that was never used.

use crate::bindings;
use core::cell::Cell;
use core::mem::{offset_of, size_of};

use super::slab::Cache;

/// What the page type says of a slab's first page.
#[cfg(has = "PGTY_slab")]
pub const TYPE_SLAB: u32 = bindings::PGTY_slab << 24;
/// What the page type says of a slab's first page (6.1 has a flag for it, and the word is free).
#[cfg(not(has = "PGTY_slab"))]
pub const TYPE_SLAB: u32 = 0x0051_ab00;
/// First page of a large kmalloc or vmalloc block; in no series a type of its own.
pub const TYPE_BLOCK: u32 = if cfg!(has = "PGTY_slab") {
    0xfe00_0000
} else {
    0x0b10_c000
};
/// No type: the map count of a page that nobody maps (`PageType`, `_mapcount`).
pub const TYPE_NONE: u32 = u32::MAX;

/// The `PageSlab` flag where the series keeps it in the flags word.
#[cfg(has = "PG_slab")]
pub const FLAG_SLAB: usize = 1 << bindings::PG_slab;
/// The `PageSlab` flag where the series keeps it in the flags word.
#[cfg(not(has = "PG_slab"))]
pub const FLAG_SLAB: usize = 0;
/// `PG_head`: first page of a compound page.
pub const FLAG_HEAD: usize = 1 << bindings::MM_PG_HEAD;

/// A page descriptor.
#[repr(C)]
pub struct Frame {
    /// `flags`.
    pub flags: Cell<usize>,
    /// Slab: the cache. Tail of a compound page: the head's address plus one (`compound_head`).
    pub owner: Cell<usize>,
    /// Slab: first free object. Block: how many pages.
    pub free: Cell<usize>,
    /// Slab: neighbours in the cache's list of partly used slabs. Block: who allocated it.
    pub next: Cell<usize>,
    /// See `next`.
    pub prev: Cell<usize>,
    /// Slab: objects in use.
    pub in_use: Cell<u16>,
    /// Slab: objects that were ever given out; those behind were never touched.
    pub carved: Cell<u16>,
    /// Slab: objects that fit.
    pub capacity: Cell<u16>,
    /// Slab: log2 of its pages.
    pub order: Cell<u8>,
    /// Slab: the objects that were never given out read as zero.
    pub is_fresh: Cell<bool>,
    /// `page_type`, `_mapcount`.
    pub page_type: Cell<u32>,
    /// `_refcount`.
    pub refcount: Cell<i32>,
}

const _: () = assert!(size_of::<Frame>() <= size_of::<bindings::page>());
const _: () = assert!(offset_of!(Frame, refcount) == offset_of!(bindings::page, _refcount));
const _: () = assert!(offset_of!(Frame, page_type) == offset_of!(bindings::page, __bindgen_anon_2));

impl Frame {
    #[expect(clippy::declare_interior_mutable_const, reason = "only ever the value of a static")]
    /// A slab without room: what a cache has before its first slab.
    pub const EMPTY: Frame = Frame {
        flags: Cell::new(0),
        owner: Cell::new(0),
        free: Cell::new(0),
        next: Cell::new(0),
        prev: Cell::new(0),
        in_use: Cell::new(0),
        carved: Cell::new(0),
        capacity: Cell::new(0),
        order: Cell::new(0),
        is_fresh: Cell::new(false),
        page_type: Cell::new(0),
        refcount: Cell::new(0),
    };

    /// The cache of a slab.
    ///
    /// # Safety
    ///
    /// The frame is a slab's first (`page_type` is [`TYPE_SLAB`]).
    #[inline(always)]
    pub unsafe fn cache(&self) -> &'static Cache {
        let cache: *const Cache = core::ptr::with_exposed_provenance(self.owner.get());
        // SAFETY: `owner` of a slab is the address of its cache, set when the slab was made from a
        // `&'static Cache`; a cache is destroyed only when it has no slab left.
        unsafe { &*cache }
    }

    /// The cache, if this is the first page of a slab.
    #[must_use]
    pub fn slab_cache(&self) -> Option<&'static Cache> {
        // SAFETY: the type was checked.
        self.is_slab().then(|| unsafe { self.cache() })
    }

    /// The descriptor at an address that was taken from a `&'static Frame`.
    ///
    /// # Safety
    ///
    /// `address` is that of a descriptor in `mem_map`.
    #[inline(always)]
    pub unsafe fn at(address: usize) -> &'static Frame {
        let frame: *const Frame = core::ptr::with_exposed_provenance(address);
        // SAFETY: the caller guarantees a descriptor, and `mem_map` is never freed; all fields are
        // cells, so C may write them between our accesses.
        unsafe { &*frame }
    }

    /// The descriptor's own address.
    #[inline(always)]
    #[must_use]
    pub fn address(&self) -> usize {
        core::ptr::from_ref(self).expose_provenance()
    }

    /// The next slab in the list.
    #[inline]
    #[must_use]
    pub fn next_frame(&self) -> Option<&'static Frame> {
        let next = self.next.get();
        // SAFETY: only a slab's list functions write `next`, and they write addresses of frames.
        (next != 0).then(|| unsafe { Frame::at(next) })
    }

    /// The previous slab in the list.
    #[inline]
    #[must_use]
    pub fn prev_frame(&self) -> Option<&'static Frame> {
        let prev = self.prev.get();
        // SAFETY: as for `next_frame`.
        (prev != 0).then(|| unsafe { Frame::at(prev) })
    }

    /// Whether this is the first page of a slab.
    #[inline(always)]
    #[must_use]
    pub fn is_slab(&self) -> bool {
        self.page_type.get() == TYPE_SLAB
    }

    /// Whether this is the first page of a large block.
    #[inline(always)]
    #[must_use]
    pub fn is_block(&self) -> bool {
        self.page_type.get() == TYPE_BLOCK
    }
}
