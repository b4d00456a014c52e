// SPDX-License-Identifier: GPL-2.0-only
//! Memory: kmalloc, caches, pages, vmalloc, per-CPU memory.
//!
//! One flat range of zeroed, lazily touched memory is handed over once ([`init`]). Its first pages
//! hold the page bitmap and `mem_map`; the rest is given out page by page, lowest address first, so
//! that a small domain touches few pages. There is one processor, no preemption and no MMU: nothing
//! here takes a lock, and `vmalloc` is a run of neighbouring pages.
//!
//! * [`gfp`]: the allocation flags; [`caller`]: who asked, kept in debug builds only.
//! * [`pages`]: which page is free (a bitmap, first fit); [`page_api`]: pages as C sees them.
//! * [`classes`]: the kmalloc sizes; [`registry`]: caches that come and go; [`report`]: what failure says.
//! * [`raw`]: all that touches an object: one cache ([`raw::slab`]), any size ([`raw::kmalloc`]), red
//!   zones, poison and quarantine (feature `debug`).
//! * [`ffi`]: the C symbols, `memcpy` and friends among them.
//!
//! Consulted: Linux 6.12 and 6.1, `include/linux/{slab,gfp,vmalloc,percpu}.h`,
//! `Documentation/core-api/memory-allocation.rst`, `mm/nommu.c` for what no MMU means.

pub mod caller;
pub mod classes;
pub mod ffi;
pub mod gfp;
pub mod page_api;
pub mod pages;
pub mod raw;
pub mod registry;
pub mod report;
#[cfg(test)]
mod tests;

pub use raw::boot::init;
