// SPDX-License-Identifier: GPL-2.0-only
//! The C symbols of memory, called as C calls them.

use super::*;

/// What C calls, under this series' names.
mod c {
    #[cfg(has = "__kmalloc_noprof")]
    pub(super) use crate::mm::ffi::{
        frag::__page_frag_alloc_align as frag_alloc,
        pages::alloc_pages_bulk_noprof as bulk,
        slab::{__kmalloc_noprof as kmalloc, kmem_cache_alloc_bulk_noprof as kmem_cache_alloc_bulk},
    };
    #[cfg(not(has = "__kmalloc_noprof"))]
    pub(super) use crate::mm::ffi::{
        frag::page_frag_alloc_align as frag_alloc,
        pages::__alloc_pages_bulk as bulk,
        slab::{__kmalloc as kmalloc, kmem_cache_alloc_bulk},
    };
    pub(super) use crate::mm::ffi::{
        frag::page_frag_free, pages::__free_pages, slab::kfree, slab::kmem_cache_free_bulk,
    };
}

#[test]
#[expect(unsafe_code, reason = "calls C symbols")]
fn the_symbols_work_as_c_calls_them() {
    let _heap = start();
    let before = used();
    // SAFETY: asks nothing.
    let object = unsafe { c::kmalloc(60, Gfp::KERNEL.0) };
    assert!(!object.is_null());
    #[cfg(feature = "debug")]
    {
        let Some((cache, at)) = kmalloc::describe(object.addr()) else {
            panic!("describe")
        };
        let from = super::raw::debug::allocated_from(cache, at);
        assert!(
            from.abs_diff(the_symbols_work_as_c_calls_them as fn() as usize) < 1 << 24,
            "{from:#x}"
        );
    }
    // SAFETY: freed once.
    unsafe { c::kfree(object) };

    let mut objects = [core::ptr::null_mut(); 100];
    let class = core::ptr::from_ref(classes::of_size(100)).cast_mut().cast();
    // SAFETY: the places or the list are there.
    let got = unsafe { c::kmem_cache_alloc_bulk(class, Gfp::KERNEL.0, 100, objects.as_mut_ptr()) };
    assert_eq!(got, 100);
    // SAFETY: each is freed once.
    unsafe { c::kmem_cache_free_bulk(core::ptr::null_mut(), 100, objects.as_mut_ptr()) };
    assert_eq!(used(), before);
}

#[test]
#[expect(unsafe_code, reason = "calls C symbols")]
fn bulk_pages_fill_the_empty_places_or_a_list() {
    let _heap = start();
    let before = used();
    let mut pages = [core::ptr::null_mut(); 5];
    let nothing = core::ptr::null_mut();
    // SAFETY: the places or the list are there.
    let got = unsafe { c::bulk(Gfp::KERNEL.0, 0, nothing, 5, core::ptr::null_mut(), pages.as_mut_ptr()) };
    assert_eq!(got, 5);
    // SAFETY: allocated above, freed once.
    unsafe { c::__free_pages(core::mem::replace(&mut pages[2], core::ptr::null_mut()), 0) };
    let nothing = core::ptr::null_mut();
    // SAFETY: the places or the list are there.
    let got = unsafe { c::bulk(Gfp::KERNEL.0, 0, nothing, 5, core::ptr::null_mut(), pages.as_mut_ptr()) };
    assert_eq!(got, 5);
    for page in pages {
        // SAFETY: freed once.
        unsafe { c::__free_pages(page, 0) };
    }
    assert_eq!(used(), before);

    let mut list = [0usize; 2];
    let head = list.as_mut_ptr();
    list = [head.expose_provenance(); 2];
    let nothing = core::ptr::null_mut();
    // SAFETY: the places or the list are there.
    let got = unsafe { c::bulk(Gfp::KERNEL.0, 0, nothing, 3, head.cast(), core::ptr::null_mut()) };
    assert_eq!(got, 3);
    let mut entry = list[0];
    for _ in 0..3 {
        let page = core::ptr::with_exposed_provenance_mut::<usize>(entry - 8);
        // SAFETY: an entry of the list.
        entry = unsafe { object::link(entry) };
        // SAFETY: freed once.
        unsafe { c::__free_pages(page.cast(), 0) };
    }
    assert_eq!(entry, head.addr());
    assert_eq!(used(), before);
}

#[test]
#[expect(unsafe_code, reason = "calls C symbols")]
fn fragments_share_a_page_that_goes_with_the_last() {
    let _heap = start();
    let before = used();
    let mut cache = [0u64; 4];
    let mut fragments = Vec::new();
    for _ in 0..10 {
        // SAFETY: the cache starts zeroed.
        let at = unsafe { c::frag_alloc(cache.as_mut_ptr().cast(), 1000, Gfp::ATOMIC.0, u32::MAX << 6) };
        assert_eq!(at.addr() % 64, 0);
        fragments.push(at);
    }
    assert!(used() - before >= 3);
    for at in fragments {
        // SAFETY: freed once.
        unsafe { c::page_frag_free(at) };
    }
    assert_eq!(used(), before + 1);
    let page = core::ptr::with_exposed_provenance_mut::<u8>(usize::try_from(cache[0]).unwrap_or(0));
    // SAFETY: the cache's own reference.
    unsafe { c::page_frag_free(page.cast()) };
    assert_eq!(used(), before);
}
