// SPDX-License-Identifier: GPL-2.0-only
//! Pages as `struct page`: reference counts, compound pages, and giving them back.

use super::caller::Caller;
use super::gfp::Gfp;
use super::pages::{PAGES, Run};
use super::raw::frame::{FLAG_HEAD, Frame, TYPE_BLOCK, TYPE_NONE};
use super::raw::heap;
use super::{registry, report};
use crate::bindings;

/// The largest order (`MAX_PAGE_ORDER`; 6.1 counts one more as `MAX_ORDER`).
pub const ORDER_MAX: u32 = bindings::MM_KMALLOC_SHIFT_MAX - heap::PAGE_SHIFT;

/// Takes `len` pages aligned to `align`.
///
/// Before memory is touched that never was, caches give up what they keep for speed only; when nothing
/// is left, they give up all they can.
pub(super) fn take(len: usize, align: usize) -> Option<Run> {
    let pages = &PAGES.0;
    let mut found = pages.find(len, align);
    let grows = found.is_some_and(|index| index + len > pages.high_water());
    if grows && registry::release_idle() > 0 || found.is_none() && registry::shrink_all() > 0 {
        found = pages.find(len, align);
    }
    let index = found?;
    #[cfg(feature = "debug")]
    super::raw::debug::open_pages(index, len);
    Some(pages.take(index, len))
}

/// Allocates 2^`order` pages; with [`Gfp::COMP`] they are one compound page.
///
/// The first page's number, or `None` when there is no such run, or the order is too large.
pub fn alloc(gfp: Gfp, order: u32, caller: Caller) -> Option<usize> {
    #[cfg(feature = "debug")]
    report::check_may_sleep(gfp, c"alloc_pages");
    if order > ORDER_MAX {
        report::too_large(gfp, order, caller);
        return None;
    }
    let Some(run) = take(1 << order, 1 << order) else {
        report::exhausted(
            gfp,
            u8::try_from(order).unwrap_or(u8::MAX),
            heap::PAGE_SIZE << order,
            caller,
        );
        return None;
    };
    clear_if_wanted(run, 1 << order, gfp);
    let head = heap::frame(run.index);
    make_plain(head);
    if gfp.has(Gfp::COMP) && order > 0 {
        head.flags.set(FLAG_HEAD);
        mark_tails(run.index, u8::try_from(order).unwrap_or(0));
    } else {
        for index in run.index + 1..run.index + (1 << order) {
            make_unreferenced(heap::frame(index));
        }
    }
    Some(run.index)
}

/// Allocates `len` pages that need not be a power of two, as one block that `kfree` can free.
pub fn alloc_block(gfp: Gfp, len: usize, align: usize, caller: Caller) -> Option<usize> {
    #[cfg(feature = "debug")]
    report::check_may_sleep(gfp, c"vmalloc");
    let Some(run) = take(len, align) else {
        let order = u8::try_from(len.next_power_of_two().trailing_zeros()).unwrap_or(u8::MAX);
        report::exhausted(gfp, order, len << heap::PAGE_SHIFT, caller);
        return None;
    };
    clear_if_wanted(run, len, gfp);
    for index in run.index..run.index + len {
        make_plain(heap::frame(index));
    }
    let head = heap::frame(run.index);
    head.free.set(len);
    head.next.set(caller.address());
    head.page_type.set(TYPE_BLOCK);
    Some(heap::address_of(run.index))
}

fn clear_if_wanted(run: Run, len: usize, gfp: Gfp) {
    if gfp.has(Gfp::ZERO) && !run.is_fresh {
        heap::clear(run, len);
    }
}

fn make_plain(frame: &Frame) {
    make_unreferenced(frame);
    frame.refcount.set(1);
}

fn make_unreferenced(frame: &Frame) {
    frame.flags.set(0);
    frame.owner.set(0);
    frame.free.set(0);
    frame.next.set(0);
    frame.prev.set(0);
    // These lie over `private`, which a driver may expect to be 0.
    frame.in_use.set(0);
    frame.carved.set(0);
    frame.capacity.set(0);
    frame.order.set(0);
    frame.is_fresh.set(false);
    frame.page_type.set(TYPE_NONE);
    frame.refcount.set(0);
}

/// Makes the pages behind the first the tails of a compound page (`compound_head`), and writes the
/// order where `folio_order` reads it.
pub(super) fn mark_tails(index: usize, order: u8) {
    let head = heap::frame(index).address();
    for tail in index + 1..index + (1 << order) {
        let frame = heap::frame(tail);
        make_unreferenced(frame);
        frame.owner.set(head | 1);
    }
    if order > 0 {
        super::raw::compound::set_order(heap::frame(index + 1), order);
    }
}

/// Gives pages back to the allocator, clearing what made them a compound page.
pub(super) fn give_back(index: usize, order: u8) {
    give_back_run(index, 1 << order);
}

fn give_back_run(index: usize, len: usize) {
    for page in index..index + len {
        make_unreferenced(heap::frame(page));
    }
    #[cfg(feature = "debug")]
    super::raw::debug::poison_pages(index, len);
    if !PAGES.0.give(index, len) {
        report::bad_pages(heap::address_of(index), len);
    }
}

/// Drops a reference to 2^`order` pages that were allocated together (`__free_pages`).
pub fn put(frame: &'static Frame, order: u32) {
    let index = heap::index_of_frame(frame);
    if !PAGES.0.is_used(index) || frame.refcount.get() <= 0 {
        report::bad_pages(heap::address_of(index), 1 << order);
    }
    if frame.is_slab() || frame.is_block() {
        report::not_plain_pages(heap::address_of(index));
    }
    frame.refcount.set(frame.refcount.get() - 1);
    if frame.refcount.get() == 0 {
        give_back_run(index, 1 << order);
    } else if frame.flags.get() & FLAG_HEAD == 0 {
        // As upstream: somebody holds the first page, so it stays, and the others go.
        for n in (0..order).rev() {
            give_back_run(index + (1 << n), 1 << n);
        }
    }
}

/// As [`put`], by address (`free_pages`).
pub fn put_address(address: usize, order: u32) {
    match heap::index_of(address) {
        Some(index) if heap::address_of(index) == address => put(heap::frame(index), order),
        _ => report::bad_pages(address, 1 << order),
    }
}

/// Drops `count` references to a page or compound page.
pub fn put_many(head: &'static Frame, count: i32) {
    let left = head.refcount.get().saturating_sub(count);
    if left < 0 {
        report::bad_pages(heap::address_of_frame(head), 1);
    }
    head.refcount.set(left);
    if left == 0 {
        put_last(head);
    }
}

/// As [`put_many`], by any address in the pages.
pub fn put_address_many(address: usize, count: i32) {
    match heap::head_of(address) {
        Some(head) => put_many(head, count),
        None => report::bad_pages(address, 1),
    }
}

/// Allocates pages one by one and hands each to `f`, until `len` are there or none is left; how many.
pub fn alloc_each(len: usize, gfp: Gfp, caller: Caller, mut f: impl FnMut(usize)) -> usize {
    for done in 0..len {
        match alloc(gfp, 0, caller) {
            Some(index) => f(index),
            None => return done,
        }
    }
    len
}

/// Frees a compound page or a single page whose last reference is gone (`__folio_put`).
pub fn put_last(frame: &'static Frame) {
    if frame.is_block() {
        free_block(frame);
        return;
    }
    let order = if frame.flags.get() & FLAG_HEAD == 0 {
        0
    } else {
        super::raw::compound::order(heap::frame(heap::index_of_frame(frame) + 1))
    };
    if frame.is_slab() {
        report::not_plain_pages(heap::address_of_frame(frame));
    }
    give_back(heap::index_of_frame(frame), order);
}

/// Makes 2^`order` pages, which must not be compound, independent of each other (`split_page`).
pub fn split(frame: &'static Frame, order: u32) {
    let index = heap::index_of_frame(frame);
    for page in index + 1..index + (1 << order) {
        make_plain(heap::frame(page));
    }
}

/// How many bytes a block has.
#[must_use]
pub fn block_bytes(frame: &Frame) -> usize {
    frame.free.get() << heap::PAGE_SHIFT
}

/// Frees a block.
pub fn free_block(frame: &'static Frame) {
    give_back_run(heap::index_of_frame(frame), frame.free.get());
}

/// Takes `size` bytes in whole pages out of a larger run and gives back the rest
/// (`alloc_pages_exact`). Each page is then a page of its own.
pub fn alloc_exact(size: usize, gfp: Gfp, caller: Caller) -> Option<usize> {
    let len = size.div_ceil(heap::PAGE_SIZE);
    if len == 0 || size > heap::PAGE_SIZE << ORDER_MAX {
        return None;
    }
    let order = len.next_power_of_two().trailing_zeros();
    let index = alloc(Gfp(gfp.0 & !Gfp::COMP.0), order, caller)?;
    split(heap::frame(index), order);
    if len < 1 << order {
        give_back_run(index + len, (1 << order) - len);
    }
    Some(heap::address_of(index))
}

/// Frees what [`alloc_exact`] gave.
pub fn free_exact(address: usize, size: usize) {
    let Some(index) = heap::index_of(address) else {
        report::bad_pages(address, size.div_ceil(heap::PAGE_SIZE));
    };
    for page in index..index + size.div_ceil(heap::PAGE_SIZE) {
        put(heap::frame(page), 0);
    }
}
