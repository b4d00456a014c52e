// SPDX-License-Identifier: GPL-2.0-only
//! One cache: objects of one size, carved from slabs.
//!
//! A slab is 2^order pages. Its descriptor holds a free list threaded through the objects, last in
//! first out. A cache allocates from its *current* slab; slabs that have room but are not current
//! hang in the *partial* list; full slabs hang nowhere and are found again through an object's
//! address. Objects are carved one at a time, so a slab touches no more memory than its objects use.
//!
//! | slab       | in list | leaves it when                                   |
//! |------------|---------|--------------------------------------------------|
//! | current    | no      | full and an object is wanted → full              |
//! | full       | no      | an object comes back → partial                   |
//! | partial    | yes     | taken as current; or empty → its pages are freed |

use super::frame::{FLAG_HEAD, FLAG_SLAB, Frame, TYPE_NONE, TYPE_SLAB};
use super::{OneThread, heap, object};
use crate::mm::caller::Caller;
use crate::mm::gfp::Gfp;
use crate::mm::pages::PAGES;
use crate::mm::{page_api, registry, report};
use core::cell::Cell;
use core::ffi::{CStr, c_void};

/// What an object must be, and where a cache keeps its own word in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Bytes that the user may use.
    pub size: u32,
    /// From one object to the next.
    pub stride: u32,
    /// Where a free object's link lies: in the object, or behind it when its bytes must stay.
    pub link: u32,
    /// log2 of the pages of a slab.
    pub order: u8,
    /// Objects of a slab.
    pub capacity: u16,
}

/// A constructor.
pub type Ctor = unsafe extern "C" fn(*mut c_void);

/// A cache.
pub struct Cache {
    pub(in crate::mm) current: Cell<&'static Frame>,
    pub(in crate::mm) shape: Shape,
    pub(in crate::mm) partial: Cell<Option<&'static Frame>>,
    pub(in crate::mm) slabs: Cell<usize>,
    pub(in crate::mm) ctor: Option<Ctor>,
    /// Freed objects keep their type until a grace period has passed, so their slabs stay.
    pub(in crate::mm) keeps_slabs: bool,
    pub(in crate::mm) name: &'static CStr,
    /// How many creators share it.
    pub(in crate::mm) users: Cell<u32>,
    pub(in crate::mm) next: Cell<Option<&'static Cache>>,
}

static NO_SLAB: OneThread<Frame> = OneThread(Frame::EMPTY);

impl Shape {
    /// The shape of objects of `size` bytes at multiples of `align`, whose link lies at `link`, and
    /// whose last used byte is before `end` (`end` ≥ `size`).
    #[must_use]
    pub const fn new(size: u32, align: u32, link: u32, end: u32) -> Shape {
        let stride = end.next_multiple_of(align);
        let mut order = 0;
        // An eighth of a slab may be lost; more than that is worth neighbouring pages.
        while order < 3 || (heap::PAGE_SIZE << order) < stride as usize {
            let bytes = heap::PAGE_SIZE << order;
            if stride as usize <= bytes && bytes % stride as usize <= bytes / 8 {
                break;
            }
            order += 1;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a slab of 8 pages holds at most 4096 objects of 8 bytes"
        )]
        let capacity = ((heap::PAGE_SIZE << order) / stride as usize) as u16;
        Shape {
            size,
            stride,
            link,
            order,
            capacity,
        }
    }

    fn bytes(self) -> usize {
        heap::PAGE_SIZE << self.order
    }
}

impl Cache {
    /// A cache without slabs.
    #[must_use]
    pub const fn new(name: &'static CStr, shape: Shape, ctor: Option<Ctor>, keeps_slabs: bool) -> Cache {
        Cache {
            current: Cell::new(&NO_SLAB.0),
            shape,
            partial: Cell::new(None),
            slabs: Cell::new(0),
            ctor,
            keeps_slabs,
            name,
            users: Cell::new(1),
            next: Cell::new(None),
        }
    }

    /// The address of a new object, 0 when memory is exhausted.
    #[inline(always)]
    pub fn alloc(&'static self, gfp: Gfp, wanted: usize, caller: Caller) -> usize {
        #[cfg(feature = "debug")]
        report::check_may_sleep(gfp, self.name);
        let slab = self.current.get();
        let address = slab.free.get();
        if address == 0 {
            return self.alloc_slow(gfp, wanted, caller);
        }
        // SAFETY: what hangs in a slab's free list is a free object, its link at `shape.link`.
        slab.free
            .set(unsafe { object::link(address + self.shape.link as usize) });
        slab.in_use.set(slab.in_use.get() + 1);
        self.hand_out(address, false, gfp, wanted, caller)
    }

    #[inline(always)]
    fn hand_out(&self, address: usize, is_zero: bool, gfp: Gfp, wanted: usize, caller: Caller) -> usize {
        #[cfg(feature = "debug")]
        super::debug::on_alloc(self, address, wanted, caller);
        let _ = (wanted, caller);
        if gfp.has(Gfp::ZERO) && (!is_zero || cfg!(feature = "debug")) {
            // SAFETY: the object was free until now and is `size` bytes long.
            unsafe { object::fill(address, 0, self.shape.size as usize) };
        }
        address
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&'static self, gfp: Gfp, wanted: usize, caller: Caller) -> usize {
        let slab = match self.slab_with_room() {
            Some(slab) => slab,
            None if registry::shrink_all() > 0 && self.grow().is_some() => self.current.get(),
            None => return report::exhausted(gfp, self.shape.order, wanted, caller),
        };
        let free = slab.free.get();
        if free != 0 {
            return self.alloc(gfp, wanted, caller);
        }
        let address = heap::address_of_frame(slab) + usize::from(slab.carved.get()) * self.shape.stride as usize;
        slab.carved.set(slab.carved.get() + 1);
        slab.in_use.set(slab.in_use.get() + 1);
        #[cfg(feature = "debug")]
        super::debug::on_carve(self, address);
        if let Some(ctor) = self.ctor {
            // SAFETY: the constructor is this cache's, and so is the object.
            unsafe { object::construct(ctor, address) };
        }
        self.hand_out(address, slab.is_fresh.get() && self.ctor.is_none(), gfp, wanted, caller)
    }

    /// Makes a slab with room current.
    fn slab_with_room(&'static self) -> Option<&'static Frame> {
        let slab = self.current.get();
        if slab.free.get() != 0 || slab.carved.get() < slab.capacity.get() {
            return Some(slab);
        }
        if let Some(slab) = self.partial.get() {
            self.unlink(slab);
            self.current.set(slab);
            return Some(slab);
        }
        self.grow()
    }

    /// Makes a new slab current.
    fn grow(&'static self) -> Option<&'static Frame> {
        let order = self.shape.order;
        let run = PAGES.0.take(1 << order, 1 << order)?;
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
        self.slabs.set(self.slabs.get() + 1);
        self.current.set(slab);
        Some(slab)
    }

    /// Takes an object back.
    ///
    /// # Safety
    ///
    /// `slab` is the slab of this cache that holds `address`, and `address` a live object.
    #[inline(always)]
    pub unsafe fn free(&'static self, slab: &'static Frame, address: usize) {
        let first = slab.free.get();
        if first == address {
            report::double_free(self, address);
        }
        // SAFETY: the object is being freed; its link word is the cache's from now on.
        unsafe { object::set_link(address + self.shape.link as usize, first) };
        slab.free.set(address);
        let in_use = slab.in_use.get().wrapping_sub(1);
        slab.in_use.set(in_use);
        if !core::ptr::eq(slab, self.current.get()) {
            self.free_slow(slab, first == 0, in_use);
        }
    }

    #[cold]
    #[inline(never)]
    fn free_slow(&'static self, slab: &'static Frame, had_no_free: bool, in_use: u16) {
        // A slab that is not current has carved all its objects or hangs in the list.
        let was_full = had_no_free && slab.carved.get() == slab.capacity.get();
        match (was_full, in_use == 0 && !self.keeps_slabs) {
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
        slab.page_type.set(TYPE_NONE);
        slab.flags.set(0);
        slab.owner.set(0);
        self.slabs.set(self.slabs.get() - 1);
        page_api::give_back(heap::index_of_frame(slab), self.shape.order);
    }

    /// Gives back all slabs without a live object; how many.
    pub fn shrink(&'static self) -> usize {
        let before = self.slabs.get();
        let current = self.current.get();
        if current.capacity.get() != 0 && current.in_use.get() == 0 {
            self.current.set(&NO_SLAB.0);
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

    /// The start of the object that holds `address`, if one was ever given out there.
    #[must_use]
    pub fn object_at(&self, slab: &Frame, address: usize) -> Option<usize> {
        let offset = address - heap::address_of_frame(slab);
        let number = offset / self.shape.stride as usize;
        (number < usize::from(slab.carved.get()) && offset < self.shape.bytes())
            .then(|| heap::address_of_frame(slab) + number * self.shape.stride as usize)
    }

    /// Calls `f` with every object that was given out and not freed.
    pub fn for_each_live(&'static self, mut f: impl FnMut(usize)) {
        for index in 0..PAGES.0.high_water() {
            let slab = heap::frame(index);
            if !PAGES.0.is_used(index) || !slab.is_slab() || slab.owner.get() & 1 != 0 {
                continue;
            }
            // SAFETY: the frame is a slab's first.
            if !core::ptr::eq(unsafe { slab.cache() }, self) {
                continue;
            }
            for number in 0..usize::from(slab.carved.get()) {
                let address = heap::address_of(index) + number * self.shape.stride as usize;
                if !self.is_free(slab, address) {
                    f(address);
                }
            }
        }
    }

    fn is_free(&self, slab: &Frame, address: usize) -> bool {
        let mut free = slab.free.get();
        while free != 0 {
            if free == address {
                return true;
            }
            // SAFETY: what hangs in the free list is a free object.
            free = unsafe { object::link(free + self.shape.link as usize) };
        }
        false
    }

    /// Bytes of an object.
    #[inline(always)]
    #[must_use]
    pub fn size(&self) -> usize {
        self.shape.size as usize
    }

    /// The name it was created with.
    #[must_use]
    pub fn name(&self) -> &'static CStr {
        self.name
    }
}
