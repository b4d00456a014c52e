// SPDX-License-Identifier: GPL-2.0-only
//! One cache: objects of one size, carved from slabs.
//!
//! A slab is 2^order pages. A cache allocates from its *current* slab, whose free objects hang in the
//! cache itself, last in first out, so that the common `kmalloc` touches the cache and the object only.
//! Other slabs with room keep their free objects in their page descriptor and hang in the *partial*
//! list; full slabs hang nowhere and are found again through an object's address. Objects are carved
//! one at a time, so a slab touches no more memory than its objects use. `slab_list` moves
//! slabs between these states.
//!
//! | slab       | in list | leaves it when                                   |
//! |------------|---------|--------------------------------------------------|
//! | current    | no      | full and an object is wanted → full              |
//! | full       | no      | an object comes back → partial                   |
//! | partial    | yes     | taken as current; or empty → its pages are freed |

use super::frame::Frame;
use super::{OneThread, heap, object};
use crate::mm::caller::Caller;
use crate::mm::gfp::Gfp;
use crate::mm::report;
use core::cell::Cell;
use core::ffi::{CStr, c_void};

/// What an object must be, and where a cache keeps its own word in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Shape {
    /// Where a free object's link lies: in the object, or behind it when its bytes must stay.
    pub link: u32,
    /// Bytes that the user may use.
    pub size: u32,
    /// From one object to the next.
    pub stride: u32,
    /// Bytes of a slab, less one: slabs are aligned to their size.
    mask: u32,
    /// 2^64 ÷ stride, rounded up: with it one multiplication tells whether an offset is a multiple of
    /// the stride (Lemire, Kaser and Kurz, "Faster remainder by direct computation", 2019).
    reciprocal: u64,
    /// Objects of a slab.
    pub capacity: u16,
    /// log2 of the pages of a slab.
    pub order: u8,
}

/// A constructor.
pub type Ctor = unsafe extern "C" fn(*mut c_void);

/// A cache. What every allocation reads comes first, to lie in one cache line.
#[repr(C)]
pub struct Cache {
    /// First free object of the current slab.
    pub(super) free: Cell<usize>,
    pub(super) current: Cell<&'static Frame>,
    pub(in crate::mm) shape: Shape,
    pub(super) partial: Cell<Option<&'static Frame>>,
    pub(in crate::mm) slabs: Cell<usize>,
    pub(super) ctor: Option<Ctor>,
    /// Freed objects keep their type until a grace period has passed, so their slabs stay.
    pub(in crate::mm) keeps_slabs: bool,
    /// How many creators share it.
    pub(in crate::mm) users: Cell<u32>,
    name: &'static CStr,
    pub(in crate::mm) next: Cell<Option<&'static Cache>>,
}

pub(super) static NO_SLAB: OneThread<Frame> = OneThread(Frame::EMPTY);

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
            reason = "a slab holds at most 4096 objects of 8 bytes, or is as large as one object"
        )]
        let (capacity, mask) = (
            ((heap::PAGE_SIZE << order) / stride as usize) as u16,
            (heap::PAGE_SIZE << order) as u32 - 1,
        );
        Shape {
            size,
            stride,
            mask,
            link,
            order,
            capacity,
            reciprocal: u64::MAX / stride as u64 + 1,
        }
    }

    /// Whether an object starts at `address`, which lies in one of the slabs.
    #[inline(always)]
    fn is_start(self, address: usize) -> bool {
        let offset = address & self.mask as usize;
        (offset as u64).wrapping_mul(self.reciprocal) < self.reciprocal
    }
}

impl Cache {
    /// A cache without slabs.
    #[must_use]
    pub const fn new(name: &'static CStr, shape: Shape, ctor: Option<Ctor>, keeps_slabs: bool) -> Cache {
        Cache {
            free: Cell::new(0),
            current: Cell::new(&NO_SLAB.0),
            shape,
            partial: Cell::new(None),
            slabs: Cell::new(0),
            ctor,
            keeps_slabs,
            users: Cell::new(1),
            name,
            next: Cell::new(None),
        }
    }

    /// The address of a new object, 0 when memory is exhausted.
    #[inline(always)]
    pub fn alloc(&'static self, gfp: Gfp, wanted: usize, caller: Caller) -> usize {
        #[cfg(feature = "debug")]
        report::check_may_sleep(gfp, self.name);
        let address = self.free.get();
        if address == 0 {
            return self.alloc_slow(gfp, wanted, caller);
        }
        // SAFETY: what hangs in the free list is a free object, its link at `shape.link`.
        self.free
            .set(unsafe { object::link(address + self.shape.link as usize) });
        self.hand_out(address, false, gfp, wanted, caller)
    }

    #[inline(always)]
    fn hand_out(&self, address: usize, is_zero: bool, gfp: Gfp, wanted: usize, caller: Caller) -> usize {
        #[cfg(feature = "debug")]
        super::debug::on_alloc(self, address, wanted, caller);
        let _ = caller;
        if gfp.has(Gfp::ZERO) && (!is_zero || cfg!(feature = "debug")) {
            // What is behind the request is red in debug builds, and zero in others, as `ksize` users expect.
            let len = if cfg!(feature = "debug") {
                wanted.min(self.size())
            } else {
                self.size()
            };
            // SAFETY: the object was free until now and is `size` bytes long.
            return unsafe { object::zero(address, len) };
        }
        address
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&'static self, gfp: Gfp, wanted: usize, caller: Caller) -> usize {
        if !self.has_room() {
            return report::exhausted(gfp, self.shape.order, wanted, caller);
        }
        let address = self.free.get();
        if address != 0 {
            return self.alloc(gfp, wanted, caller);
        }
        let slab = self.current.get();
        let address = heap::address_of_frame(slab) + usize::from(slab.carved.get()) * self.shape.stride as usize;
        slab.carved.set(slab.carved.get() + 1);
        #[cfg(feature = "debug")]
        super::debug::on_carve(self, address);
        if let Some(ctor) = self.ctor {
            // SAFETY: the constructor is this cache's, and so is the object.
            unsafe { object::construct(ctor, address) };
        }
        self.hand_out(address, slab.is_fresh.get() && self.ctor.is_none(), gfp, wanted, caller)
    }

    /// Takes an object back.
    ///
    /// # Safety
    ///
    /// `slab` is the slab of this cache that holds `address`, and `address` a live object, if it is an
    /// object at all.
    #[inline(always)]
    pub unsafe fn free(&'static self, slab: &'static Frame, address: usize) {
        if !self.shape.is_start(address) {
            report::not_an_object(self, address);
        }
        if !core::ptr::eq(slab, self.current.get()) {
            // SAFETY: the caller's promise is the same.
            return unsafe { self.free_elsewhere(slab, address) };
        }
        // SAFETY: the object is the caller's to give.
        unsafe { self.push(&self.free, address) };
    }

    /// Puts an object in front of a free list.
    ///
    /// # Safety
    ///
    /// `address` is a live object of this cache, of the slab that `list` belongs to.
    #[inline(always)]
    unsafe fn push(&self, list: &Cell<usize>, address: usize) {
        let first = list.get();
        if first == address {
            report::double_free(self, address);
        }
        // SAFETY: the object is being freed; its link word is the cache's from now on.
        unsafe { object::set_link(address + self.shape.link as usize, first) };
        list.set(address);
    }

    /// Takes back an object of a slab that is not current.
    ///
    /// # Safety
    ///
    /// As for [`Cache::free`].
    #[inline(never)]
    unsafe fn free_elsewhere(&'static self, slab: &'static Frame, address: usize) {
        let was_full = slab.free.get() == 0;
        // SAFETY: the caller's promise.
        unsafe { self.push(&slab.free, address) };
        slab.in_use.set(slab.in_use.get().wrapping_sub(1));
        self.moved(slab, was_full);
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
