// SPDX-License-Identifier: GPL-2.0-only
//! What the allocators say when they cannot give, and when they are misused.

use super::caller::Caller;
use super::gfp::Gfp;
use super::pages::PAGES;
use super::raw::OneThread;
use super::raw::slab::Cache;
use crate::fatal::Line;
#[cfg(not(test))]
pub(in crate::mm) use crate::fatal::fatal;
use core::cell::Cell;
use core::ffi::c_int;
use core::fmt::{Arguments, Write};

/// How many failures were logged; after the first few, only powers of two are.
static FAILURES: OneThread<Cell<u32>> = OneThread(Cell::new(0));

fn is_to_be_logged(gfp: Gfp) -> bool {
    if gfp.has(Gfp::NOWARN) {
        return false;
    }
    let count = FAILURES.0.get().wrapping_add(1);
    FAILURES.0.set(count);
    count <= 10 || count.is_power_of_two()
}

/// `KERN_ERR`, `KERN_WARNING`, `KERN_INFO` (`include/linux/kern_levels.h`).
const ERR: c_int = 3;
const WARNING: c_int = 4;
const INFO: c_int = 6;

/// In tests the end is a panic, which they can expect.
#[cfg(test)]
pub(in crate::mm) fn fatal(cause: Arguments<'_>) -> ! {
    panic!("{cause}")
}

fn say(level: c_int, text: Arguments<'_>) {
    let mut line = Line::<256>::new();
    // What does not fit is cut; nothing else can fail.
    let _ = line.write_fmt(text);
    #[cfg(not(test))]
    crate::log::line(level, line.as_bytes());
    #[cfg(test)]
    std::println!("<{level}>{}", std::string::String::from_utf8_lossy(line.as_bytes()));
}

/// No page is left: null, a log line, or with `__GFP_NOFAIL` the end.
#[cold]
pub fn exhausted(gfp: Gfp, order: u8, bytes: usize, caller: Caller) -> usize {
    if gfp.has(Gfp::NOFAIL) {
        fatal(format_args!(
            "page allocation: {bytes} bytes wanted with __GFP_NOFAIL, {} of {} pages free",
            PAGES.0.free_count(),
            PAGES.0.count(),
        ));
    }
    if is_to_be_logged(gfp) {
        say(
            WARNING,
            format_args!(
                "page allocation failure: order:{order}, mode:{:#x}, {bytes} bytes, {} of {} pages free, caller {:#x}",
                gfp.0,
                PAGES.0.free_count(),
                PAGES.0.count(),
                caller.address(),
            ),
        );
    }
    0
}

/// A request that no machine with this page allocator can meet.
#[cold]
pub fn too_large(gfp: Gfp, order: u32, caller: Caller) {
    if is_to_be_logged(gfp) {
        say(
            WARNING,
            format_args!(
                "page allocation failure: order:{order} exceeds the largest, {}, caller {:#x}",
                super::page_api::ORDER_MAX,
                caller.address(),
            ),
        );
    }
}

/// `address` was just freed and is freed again.
#[cold]
#[inline(never)]
pub fn double_free(cache: &Cache, address: usize) -> ! {
    fatal(format_args!(
        "kfree: double free of {address:#x}, an object of {} bytes in {:?}",
        cache.size(),
        cache.name(),
    ))
}

/// `address` is no object of this allocator.
#[cold]
#[inline(never)]
pub fn not_ours(what: &str, address: usize, caller: Caller) -> ! {
    fatal(format_args!(
        "{what}: {address:#x} is not an allocated object (called from {:#x})",
        caller.address()
    ))
}

/// `address` points into a slab, but not at an object.
#[cold]
#[inline(never)]
pub fn not_an_object(cache: &Cache, address: usize) -> ! {
    fatal(format_args!(
        "kfree: {address:#x} points into {:?} but not at an object",
        cache.name(),
    ))
}

/// An object was given to the wrong cache.
#[cold]
#[inline(never)]
pub fn wrong_cache(address: usize, expected: &Cache, found: Option<&Cache>, caller: Caller) -> ! {
    fatal(format_args!(
        "kmem_cache_free: {address:#x} belongs to {:?}, not to {:?} (called from {:#x})",
        found.map(Cache::name),
        expected.name(),
        caller.address(),
    ))
}

/// Pages were freed that are free, or that nobody owns.
#[cold]
#[inline(never)]
pub fn bad_pages(address: usize, len: usize) -> ! {
    fatal(format_args!(
        "free_pages: {len} pages at {address:#x} are not allocated"
    ))
}

/// Pages were freed that belong to kmalloc.
#[cold]
#[inline(never)]
pub fn not_plain_pages(address: usize) -> ! {
    fatal(format_args!("free_pages: the pages at {address:#x} belong to kmalloc"))
}

/// A cache is destroyed while objects of it live.
#[cold]
pub fn leaked(cache: &'static Cache) {
    let mut count = 0u32;
    cache.for_each_live(|address| {
        count += 1;
        if count <= 16 {
            log_leak(cache, address);
        }
    });
    say(
        ERR,
        format_args!("kmem_cache_destroy {:?}: {count} objects were not freed", cache.name()),
    );
}

fn log_leak(cache: &Cache, address: usize) {
    #[cfg(feature = "debug")]
    say(
        ERR,
        format_args!(
            "{:?}: object {address:#x} still live, allocated from {:#x}",
            cache.name(),
            super::raw::debug::allocated_from(cache, address),
        ),
    );
    #[cfg(not(feature = "debug"))]
    say(ERR, format_args!("{:?}: object {address:#x} still live", cache.name()));
}

/// Logs which object `address` points into; whether it is one (`kmem_dump_obj`).
pub fn describe(address: usize) -> bool {
    let Some((cache, start)) = super::raw::kmalloc::describe(address) else {
        return false;
    };
    say(
        INFO,
        format_args!(
            " slab {:?} start {start:#x} pointer offset {} size {}",
            cache.name(),
            address - start,
            cache.size(),
        ),
    );
    true
}

/// Stops an allocation that may sleep where sleeping is not allowed (`might_alloc`).
#[cfg(feature = "debug")]
pub fn check_may_sleep(gfp: Gfp, what: &core::ffi::CStr) {
    if !gfp.has(Gfp::DIRECT_RECLAIM) {
        return;
    }
    // Boot code allocates as it likes, with interrupts off and before the first task.
    if crate::sched::ffi::is_booting() {
        return;
    }
    let Some(task) = crate::raw::task::Task::try_current() else {
        return;
    };
    let is_off = crate::irq::ffi::is_off();
    if task.preempt_count() != 0 || is_off {
        fatal(format_args!(
            "{what:?}: an allocation that may sleep (GFP_KERNEL) in atomic context: task {}, preempt_count \
             {:#x}, interrupts {}",
            task.pid(),
            task.preempt_count(),
            if is_off { "off" } else { "on" },
        ));
    }
}
