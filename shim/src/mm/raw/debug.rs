// SPDX-License-Identifier: GPL-2.0-only
//! Red zones, poison and quarantine: how misuse is caught in debug builds.
//!
//! ```text
//! | object (size) | red zone: at least 16 bytes | Meta |
//! ```
//!
//! The red zone starts at the size that was *asked for*, not at the class's. A freed object is
//! poisoned and waits in the quarantine; when it leaves, and again when it is handed out, the poison
//! must be intact. Objects of caches with a constructor or of `SLAB_TYPESAFE_BY_RCU` keep their
//! content, so they are not poisoned (as in SLUB).

use super::frame::Frame;
use super::slab::Cache;
use super::{OneThread, heap, object, shadow};
use crate::mm::caller::Caller;
use crate::mm::report::fatal;
use core::cell::Cell;
use core::ptr::with_exposed_provenance as at;

/// Bytes of [`Meta`].
pub const META_BYTES: u32 = 40;
const RED_ZONE: u32 = 16;
/// Byte values as in `include/linux/poison.h`, so that a dump reads the same.
const RED: u8 = 0xcc;
const POISON_IN_USE: u8 = 0x5a;
const POISON_FREE: u8 = 0x6b;
const POISON_PAGE: u8 = 0xaa;

/// Objects that were freed last.
const QUARANTINE: usize = 128;

/// What is kept of each object.
struct Meta {
    /// The free list's link.
    _link: Cell<usize>,
    allocated: Cell<usize>,
    freed: Cell<usize>,
    wanted: Cell<usize>,
    state: Cell<usize>,
}

const _: () = assert!(size_of::<Meta>() == META_BYTES as usize);

/// State of an object that is in use; fresh objects have 0.
const LIVE: usize = 0x4c49_5645;
/// State of an object that was freed.
const FREED: usize = 0x4652_4545;

/// Where the metadata of an object of `size` bytes lies.
#[must_use]
pub const fn meta_offset(size: u32) -> u32 {
    (size + RED_ZONE).next_multiple_of(8)
}

struct Quarantine {
    ring: [Cell<usize>; QUARANTINE],
    next: Cell<usize>,
}

static WAITING: OneThread<Quarantine> = OneThread(Quarantine {
    ring: [const { Cell::new(0) }; QUARANTINE],
    next: Cell::new(0),
});

fn meta(cache: &Cache, address: usize) -> &'static Meta {
    let place = at::<Meta>(address + cache.shape.link as usize);
    // SAFETY: every object of a debug build's cache has its metadata there; it starts zeroed by
    // `on_carve` and all fields are cells.
    unsafe { &*place }
}

fn is_poisoned(cache: &Cache) -> bool {
    cache.ctor.is_none() && !cache.keeps_slabs
}

/// A part of a slab became an object for the first time.
pub fn on_carve(cache: &Cache, address: usize) {
    let offset = cache.shape.link as usize;
    // SAFETY: the object is not in use yet.
    unsafe { object::fill(address + offset, 0, META_BYTES as usize) };
}

/// An object is handed out.
pub fn on_alloc(cache: &Cache, address: usize, wanted: usize, caller: Caller) {
    let meta = meta(cache, address);
    match meta.state.get() {
        FREED if is_poisoned(cache) => check_poison(cache, address, meta),
        LIVE => fatal(format_args!(
            "{:?}: free list holds live object {address:#x}",
            cache.name()
        )),
        _ => {}
    }
    let wanted = wanted.min(cache.size());
    if is_poisoned(cache) {
        // SAFETY: the object is not in use yet.
        unsafe { object::fill(address, POISON_IN_USE, cache.size()) };
    }
    meta.wanted.set(wanted);
    meta.allocated.set(caller.address());
    meta.state.set(LIVE);
    let usable = if is_poisoned(cache) { wanted } else { cache.size() };
    paint(cache, address, usable);
    shade(cache, address, usable);
}

/// Lets a sanitizer see the first `usable` bytes of an object as the only ones that may be touched.
fn shade(cache: &Cache, address: usize, usable: usize) {
    shadow::open(address, usable);
    shadow::close(address + usable, cache.shape.stride as usize - usable, shadow::RED_ZONE);
}

fn paint(cache: &Cache, address: usize, from: usize) {
    // SAFETY: the bytes behind what was asked for are nobody's.
    unsafe { object::fill(address + from, RED, cache.shape.link as usize - from) };
}

/// An object comes back; `false`: it waits in the quarantine, do not free it now.
pub fn on_free(cache: &'static Cache, slab: &'static Frame, address: usize, caller: Caller) -> bool {
    if cache.object_at(slab, address) != Some(address) {
        fatal(format_args!(
            "kfree: {address:#x} points into {:?} but not at an object (called from {:#x})",
            cache.name(),
            caller.address(),
        ));
    }
    let meta = meta(cache, address);
    if meta.state.get() != LIVE {
        fatal(format_args!(
            "kfree: double free of {address:#x} in {:?}, {} bytes, allocated from {:#x}, freed from {:#x}, \
             now from {:#x}",
            cache.name(),
            meta.wanted.get(),
            meta.allocated.get(),
            meta.freed.get(),
            caller.address(),
        ));
    }
    check_red_zone(cache, address, meta);
    meta.freed.set(caller.address());
    meta.state.set(FREED);
    if is_poisoned(cache) {
        // SAFETY: the object was just given back.
        unsafe { object::fill(address, POISON_FREE, cache.size()) };
    }
    // Who reads under RCU may still look at an object whose cache keeps its slabs.
    if !cache.keeps_slabs {
        shadow::close(address, cache.size(), shadow::FREED);
    }
    wait(address);
    false
}

fn wait(address: usize) {
    let queue = &WAITING.0;
    let place = &queue.ring[queue.next.get() % QUARANTINE];
    queue.next.set(queue.next.get().wrapping_add(1));
    leave(place.replace(address));
}

/// Frees for good an object that has waited long enough.
fn leave(address: usize) {
    if address == 0 {
        return;
    }
    let Some(slab) = heap::head_of(address).filter(|frame| frame.is_slab()) else {
        return;
    };
    // SAFETY: the frame is a slab.
    let cache = unsafe { slab.cache() };
    if is_poisoned(cache) {
        check_poison(cache, address, meta(cache, address));
    }
    // SAFETY: the object was freed when it entered the quarantine and is in it once.
    unsafe { cache.free(slab, address) };
}

/// Empties the quarantine.
pub fn drain() {
    for _ in 0..QUARANTINE {
        wait(0);
    }
}

fn check_red_zone(cache: &Cache, address: usize, meta: &Meta) {
    let from = if is_poisoned(cache) {
        meta.wanted.get()
    } else {
        cache.size()
    };
    // SAFETY: the red zone lies in the object's slab.
    let other = unsafe { object::first_other(address + from, RED, cache.shape.link as usize - from) };
    if let Some((offset, byte)) = other {
        fatal(format_args!(
            "{:?}: object {address:#x} was overrun: byte {} of {} is {byte:#04x}, allocated from {:#x}",
            cache.name(),
            from + offset,
            meta.wanted.get(),
            meta.allocated.get(),
        ));
    }
}

fn check_poison(cache: &Cache, address: usize, meta: &Meta) {
    // SAFETY: the object is free.
    let other = unsafe { object::first_other(address, POISON_FREE, cache.size()) };
    if let Some((offset, byte)) = other {
        fatal(format_args!(
            "{:?}: use after free of {address:#x}: byte {offset} became {byte:#04x}, allocated from {:#x}, \
             freed from {:#x}",
            cache.name(),
            meta.allocated.get(),
            meta.freed.get(),
        ));
    }
}

fn live(address: usize) -> Option<(&'static Cache, &'static Meta)> {
    let slab = heap::head_of(address).filter(|frame| frame.is_slab())?;
    // SAFETY: the frame is a slab.
    let cache = unsafe { slab.cache() };
    let meta = meta(cache, address);
    (meta.state.get() == LIVE).then_some((cache, meta))
}

/// The size that was asked for when the object was allocated.
#[must_use]
pub fn requested(address: usize) -> Option<usize> {
    live(address).map(|(_, meta)| meta.wanted.get())
}

/// The user may use `size` bytes from now on.
pub fn set_requested(address: usize, size: usize) {
    if let Some((cache, meta)) = live(address) {
        check_red_zone(cache, address, meta);
        meta.wanted.set(size);
        if is_poisoned(cache) {
            paint(cache, address, size);
            shade(cache, address, size);
        }
    }
}

/// Who allocated a live object.
#[must_use]
pub fn allocated_from(cache: &Cache, address: usize) -> usize {
    meta(cache, address).allocated.get()
}

/// Freed pages are overwritten, so that a use of them shows.
pub fn poison_pages(index: usize, len: usize) {
    // SAFETY: the pages are being given back.
    unsafe { object::fill(heap::address_of(index), POISON_PAGE, len << heap::PAGE_SHIFT) };
    shadow::close(heap::address_of(index), len << heap::PAGE_SHIFT, shadow::FREED);
}

/// Pages were taken: all of them may be touched.
pub fn open_pages(index: usize, len: usize) {
    shadow::open(heap::address_of(index), len << heap::PAGE_SHIFT);
}
