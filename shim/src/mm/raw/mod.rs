// SPDX-License-Identifier: GPL-2.0-only
//! Where memory is touched.
//!
//! * [`boot`]: the hand-over; [`heap`]: where it lies; [`frame`], [`compound`]: page descriptors.
//! * [`slab`]: one cache; [`kmalloc`]: any size; [`object`]: an object's bytes.
//! * `debug` (feature of this name): red zones, poison, quarantine; `shadow`: what a sanitizer is told of them.
#![expect(unsafe_code, reason = "an allocator turns addresses into memory")]

pub mod boot;
pub mod cache_memory;
pub mod compound;
#[cfg(feature = "debug")]
pub mod debug;
pub mod frame;
pub mod heap;
pub mod kmalloc;
pub mod object;
#[cfg(feature = "debug")]
pub mod shadow;
pub mod slab;
mod slab_list;

#[repr(transparent)]
/// A value that only the domain's one thread uses.
pub struct OneThread<T>(pub T);

// SAFETY: a domain has one OS thread (design: "One thread, many tasks"), so no value of it is ever
// shared between threads; the tests take a lock around every use.
unsafe impl<T> Sync for OneThread<T> {}
