// SPDX-License-Identifier: GPL-2.0-only
//! A cache's slabs: making them, moving them between the states that [`super::slab`] draws, and giving
//! them back.

use super::frame::{FLAG_HEAD, FLAG_SLAB, Frame, TYPE_SLAB};
use super::slab::{Cache, NO_SLAB};
use super::{heap, object};
use crate::mm::page_api;
use crate::mm::pages::PAGES;

impl Cache {
    /// Sees to it that the current slab has room; `false` when no page is left.
    pub(super) fn has_room(&'static self) -> bool {
        let slab = self.current.get();
        if self.free.get() != 0 || slab.carved.get() < slab.capacity.get() {
            return true;
        }
        if let Some(partial) = self.partial.get() {
            self.unlink(partial);
            self.make_current(partial);
            return true;
        }
        self.grow()
    }

    /// Replaces the current slab, which is full.
    fn make_current(&'static self, slab: &'static Frame) {
        let full = self.current.replace(slab);
        full.in_use.set(full.capacity.get());
        self.free.set(slab.free.replace(0));
    }

    /// Makes a new slab current.
    fn grow(&'static self) -> bool {
        let order = self.shape.order;
        let Some(run) = page_api::take(1 << order, 1 << order) else {
            return false;
        };
        let slab = heap::frame(run.index);
        slab.flags.set(FLAG_SLAB | if order > 0 { FLAG_HEAD } else { 0 });
        slab.owner.set(core::ptr::from_ref(self).expose_provenance());
        slab.free.set(0);
        slab.next.set(0);
        slab.prev.set(0);
        slab.in_use.set(0);
        slab.carved.set(0);
        slab.capacity.set(self.shape.capacity);
        slab.order.set(order);
        slab.is_fresh.set(run.is_fresh);
        slab.page_type.set(TYPE_SLAB);
        slab.refcount.set(1);
        page_api::mark_tails(run.index, order);
        if run.is_fresh {
            // Whoever reads it before writing, as of zeroed memory, would fault twice: once for Linux's shared page of
            // zeros, once for its own.
            // SAFETY: the slab was just taken, and no object was given out of it.
            unsafe { object::fill(heap::address_of(run.index), 0, 1) };
        }
        self.slabs.set(self.slabs.get() + 1);
        self.make_current(slab);
        true
    }

    /// An object of `slab`, which is not current, was freed.
    pub(super) fn moved(&'static self, slab: &'static Frame, was_full: bool) {
        let is_empty = slab.in_use.get() == 0 && !self.keeps_slabs;
        match (was_full, is_empty) {
            (true, false) => self.link(slab),
            (false, true) => {
                self.unlink(slab);
                self.release(slab);
            }
            (true, true) => self.release(slab),
            (false, false) => {}
        }
    }

    fn link(&self, slab: &'static Frame) {
        let first = self.partial.get();
        slab.prev.set(0);
        slab.next.set(first.map_or(0, Frame::address));
        if let Some(first) = first {
            first.prev.set(slab.address());
        }
        self.partial.set(Some(slab));
    }

    fn unlink(&self, slab: &'static Frame) {
        match slab.prev_frame() {
            Some(prev) => prev.next.set(slab.next.get()),
            None => self.partial.set(slab.next_frame()),
        }
        if let Some(next) = slab.next_frame() {
            next.prev.set(slab.prev.get());
        }
        slab.next.set(0);
        slab.prev.set(0);
    }

    fn release(&self, slab: &'static Frame) {
        self.slabs.set(self.slabs.get() - 1);
        page_api::give_back(heap::index_of_frame(slab), self.shape.order);
    }

    /// Gives back all slabs without a live object; how many.
    pub fn shrink(&'static self) -> usize {
        let before = self.slabs.get();
        let current = self.current.get();
        if current.capacity.get() != 0 && self.free_count() == current.carved.get() {
            self.current.set(&NO_SLAB.0);
            self.free.set(0);
            self.release(current);
        }
        let mut next = self.partial.get();
        while let Some(slab) = next {
            next = slab.next_frame();
            if slab.in_use.get() == 0 {
                self.unlink(slab);
                self.release(slab);
            }
        }
        before - self.slabs.get()
    }

    /// Gives back the current slab if it holds few objects and none is in use; how many pages.
    ///
    /// It is kept so that the next allocation is fast; a page that nobody ever touched costs more.
    pub fn release_idle(&'static self) -> usize {
        const FEW: u16 = 8;
        let current = self.current.get();
        let is_candidate = self.shape.capacity <= FEW && self.free.get() != 0 && !self.keeps_slabs;
        if !is_candidate || self.free_count() != current.carved.get() {
            return 0;
        }
        self.current.set(&NO_SLAB.0);
        self.free.set(0);
        self.release(current);
        1 << self.shape.order
    }

    /// How many objects of the current slab were freed.
    fn free_count(&self) -> u16 {
        let mut count = 0;
        self.for_each_free(self.free.get(), |_| count += 1);
        count
    }

    /// How many objects of `slab` were given out and not freed.
    #[must_use]
    pub fn live_in(&'static self, slab: &Frame) -> u16 {
        if core::ptr::eq(slab, self.current.get()) {
            slab.carved.get().saturating_sub(self.free_count())
        } else {
            slab.in_use.get()
        }
    }

    fn for_each_free(&self, mut free: usize, mut f: impl FnMut(usize)) {
        while free != 0 {
            f(free);
            // SAFETY: what hangs in a free list is a free object.
            free = unsafe { object::link(free + self.shape.link as usize) };
        }
    }

    /// The start of the object that holds `address`, if one was ever given out there.
    #[must_use]
    pub fn object_at(&self, slab: &Frame, address: usize) -> Option<usize> {
        let offset = address - heap::address_of_frame(slab);
        let number = offset / self.shape.stride as usize;
        (number < usize::from(slab.carved.get()))
            .then(|| heap::address_of_frame(slab) + number * self.shape.stride as usize)
    }

    /// Calls `f` with every object that was given out and not freed.
    pub fn for_each_live(&'static self, mut f: impl FnMut(usize)) {
        for index in 0..PAGES.0.high_water() {
            let slab = heap::frame(index);
            if !PAGES.0.is_used(index) || !slab.slab_cache().is_some_and(|of| core::ptr::eq(of, self)) {
                continue;
            }
            let is_current = core::ptr::eq(slab, self.current.get());
            let first = if is_current { self.free.get() } else { slab.free.get() };
            for number in 0..usize::from(slab.carved.get()) {
                let address = heap::address_of(index) + number * self.shape.stride as usize;
                let mut is_free = false;
                self.for_each_free(first, |free| is_free |= free == address);
                if !is_free {
                    f(address);
                }
            }
        }
    }
}
