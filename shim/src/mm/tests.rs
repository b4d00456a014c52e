// SPDX-License-Identifier: GPL-2.0-only
//! The promises of `linux/slab.h` and `linux/gfp.h`, tried through the engine on a heap of the host.

use super::caller::Caller;
use super::gfp::Gfp;
use super::pages::PAGES;
use super::raw::{heap, kmalloc, object};
use super::registry::{self, Wish};
use super::{classes, page_api};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, Once};
use std::vec::Vec;

mod symbols;

/// What the tests' heap holds.
const HEAP: usize = 16 << 20;

static LOCK: Mutex<()> = Mutex::new(());
static START: Once = Once::new();

/// The one heap, for one test at a time.
#[expect(unsafe_code, reason = "tests bring their own memory")]
fn start() -> MutexGuard<'static, ()> {
    let guard = LOCK.lock().unwrap_or_else(|e| e.into_inner());
    START.call_once(|| {
        let block = std::boxed::Box::leak(std::vec![0u8; HEAP + 4096].into_boxed_slice());
        let skip = block.as_ptr().align_offset(4096);
        // SAFETY: fresh zeroed pages of this process, leaked, given away once.
        unsafe { super::init(block[skip..].as_mut_ptr(), HEAP) };
    });
    guard
}

fn alloc(size: usize) -> usize {
    kmalloc::alloc(size, Gfp::KERNEL, Caller::SHIM)
}

fn zalloc(size: usize) -> usize {
    kmalloc::alloc(size, Gfp::KERNEL.with(Gfp::ZERO), Caller::SHIM)
}

#[expect(unsafe_code, reason = "tests free what they allocated")]
fn free(address: usize) {
    // SAFETY: tests pass each address once.
    unsafe { kmalloc::free(address, Caller::SHIM) }
}

#[expect(unsafe_code, reason = "tests look at what they allocated")]
fn is_filled(address: usize, byte: u8, len: usize) -> bool {
    // SAFETY: tests pass live objects.
    unsafe { object::first_other(address, byte, len) }.is_none()
}

#[expect(unsafe_code, reason = "tests write to what they allocated")]
fn fill(address: usize, byte: u8, len: usize) {
    // SAFETY: tests pass live objects.
    unsafe { object::fill(address, byte, len) }
}

#[expect(unsafe_code, reason = "tests resize what they allocated")]
fn resize(address: usize, size: usize, gfp: Gfp) -> usize {
    // SAFETY: tests use the result only.
    unsafe { kmalloc::resize(address, size, gfp, Caller::SHIM) }
}

fn used() -> usize {
    registry::shrink_all();
    PAGES.0.count() - PAGES.0.free_count()
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or(0) % limit
    }
}

#[test]
fn classes_are_numbered_as_the_header_does() {
    for (size, class) in [
        (1, 8),
        (8, 8),
        (9, 16),
        (64, 64),
        (65, 96),
        (96, 96),
        (97, 128),
        (129, 192),
        (192, 192),
        (193, 256),
        (8192, 8192),
    ] {
        assert_eq!(classes::of_size(size).size(), class, "size {size}");
    }
}

#[test]
fn size_zero_is_its_own_pointer_and_null_is_free() {
    let _heap = start();
    assert_eq!(alloc(0), kmalloc::ZERO_SIZE_PTR);
    free(kmalloc::ZERO_SIZE_PTR);
    free(0);
    assert_eq!(kmalloc::usable("test", 0, Caller::SHIM), 0);
}

#[test]
fn powers_of_two_are_aligned_to_themselves() {
    let _heap = start();
    let mut held = Vec::new();
    for shift in 3..=20 {
        for _ in 0..5 {
            let at = alloc(1 << shift);
            assert_eq!(at % (1 << shift), 0, "2^{shift} at {at:#x}");
            held.push(at);
        }
    }
    for size in [24, 96, 192, 100, 5000] {
        let at = alloc(size);
        assert_eq!(at % 8, 0);
        held.push(at);
    }
    held.into_iter().for_each(free);
}

#[test]
fn zeroed_memory_is_zero_also_when_it_was_used() {
    let _heap = start();
    for size in [1, 64, 200, 4096, 9000, 70_000] {
        for _ in 0..3 {
            let at = zalloc(size);
            assert!(is_filled(at, 0, size), "{size}");
            fill(at, 0xff, size);
            free(at);
        }
    }
}

#[test]
fn usable_size_is_the_class_and_round_up_agrees() {
    let _heap = start();
    for size in [1, 8, 60, 65, 129, 1000, 8192, 8193, 100_000] {
        let at = alloc(size);
        assert_eq!(
            kmalloc::usable("test", at, Caller::SHIM),
            kmalloc::round_up(size),
            "{size}"
        );
        free(at);
    }
    assert_eq!(kmalloc::round_up(0), 0);
    assert_eq!(kmalloc::round_up(usize::MAX), usize::MAX);
}

#[test]
fn resize_keeps_the_content_and_frees_at_zero() {
    let _heap = start();
    let at = resize(0, 10, Gfp::KERNEL);
    fill(at, 7, 10);
    let at = resize(at, 5000, Gfp::KERNEL);
    assert!(is_filled(at, 7, 10));
    let at = resize(at, 4, Gfp::KERNEL);
    assert!(is_filled(at, 7, 4));
    assert_eq!(resize(at, 0, Gfp::KERNEL), kmalloc::ZERO_SIZE_PTR);
    assert_eq!(resize(kmalloc::ZERO_SIZE_PTR, 0, Gfp::KERNEL), kmalloc::ZERO_SIZE_PTR);
}

#[test]
fn exhaustion_is_null_and_memory_comes_back() {
    let _heap = start();
    let before = used();
    let quiet = Gfp::KERNEL.with(Gfp::NOWARN);
    let mut held = Vec::new();
    loop {
        let at = kmalloc::alloc(4000, quiet, Caller::SHIM);
        if at == 0 {
            break;
        }
        held.push(at);
    }
    assert!(held.len() > 1000);
    assert_eq!(kmalloc::alloc(1 << 20, quiet, Caller::SHIM), 0);
    held.into_iter().for_each(free);
    assert_eq!(used(), before);
    let at = kmalloc::alloc(1 << 22, quiet, Caller::SHIM);
    assert_ne!(at, 0);
    free(at);
}

#[test]
fn too_large_is_null() {
    let _heap = start();
    assert_eq!(alloc(kmalloc::SIZE_MAX + 1), 0);
    assert_eq!(alloc(usize::MAX), 0);
    assert_eq!(
        page_api::alloc(Gfp::KERNEL, page_api::ORDER_MAX + 1, Caller::SHIM),
        None
    );
}

#[test]
fn random_patterns_never_overlap_and_leak_nothing() {
    let _heap = start();
    let before = used();
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut live: HashMap<usize, (usize, u8)> = HashMap::new();
    let mut order: Vec<usize> = Vec::new();
    for step in 0..60_000usize {
        if order.len() < 200 || random.below(100) < 50 {
            let size = 1 + match random.below(10) {
                0 => random.below(20_000),
                1..=3 => random.below(2000),
                _ => random.below(200),
            };
            let at = if random.below(2) == 0 {
                alloc(size)
            } else {
                zalloc(size)
            };
            assert_ne!(at, 0);
            let byte = u8::try_from(step % 255).unwrap_or(0);
            fill(at, byte, size);
            assert!(live.insert(at, (size, byte)).is_none());
            order.push(at);
        } else {
            let at = order.swap_remove(random.below(order.len()));
            let Some((size, byte)) = live.remove(&at) else {
                panic!("lost {at:#x}")
            };
            assert!(is_filled(at, byte, size), "{at:#x} of {size} bytes was overwritten");
            if random.below(8) == 0 {
                let new = resize(at, size * 2, Gfp::KERNEL);
                assert!(is_filled(new, byte, size));
                fill(new, byte, size * 2);
                assert!(live.insert(new, (size * 2, byte)).is_none());
                order.push(new);
            } else {
                free(at);
            }
        }
        if order.len() > 600 {
            for at in order.drain(..400) {
                live.remove(&at);
                free(at);
            }
        }
    }
    order.into_iter().for_each(free);
    assert_eq!(used(), before);
}

#[test]
fn pages_are_aligned_split_and_counted() {
    let _heap = start();
    let before = used();
    for order in 0..=page_api::ORDER_MAX - 1 {
        let Some(index) = page_api::alloc(Gfp::KERNEL.with(Gfp::COMP), order, Caller::SHIM) else {
            panic!("order {order}")
        };
        assert_eq!(heap::address_of(index) % (4096 << order), 0);
        let last = heap::address_of(index) + (4096 << order) - 1;
        assert_eq!(heap::head_of(last).map(heap::index_of_frame), Some(index));
        page_api::put(heap::frame(index), order);
    }
    let Some(at) = page_api::alloc_exact(3 * 4096 + 1, Gfp::KERNEL, Caller::SHIM) else {
        panic!("exact")
    };
    assert_eq!(used(), before + 4);
    page_api::free_exact(at, 3 * 4096 + 1);
    assert_eq!(page_api::alloc_exact(0, Gfp::KERNEL, Caller::SHIM), None);
    assert_eq!(used(), before);
}

#[test]
fn a_block_has_as_many_pages_as_it_needs() {
    let _heap = start();
    let before = used();
    let at = kmalloc::alloc_pages(5 * 4096 + 1, 1, Gfp::KERNEL.with(Gfp::ZERO), Caller::SHIM);
    assert!(is_filled(at, 0, 6 * 4096));
    assert_eq!(used(), before + 6);
    free(at);
    assert_eq!(used(), before);
}

extern "C" fn set_seven(object: *mut core::ffi::c_void) {
    fill(object.expose_provenance(), 7, 100);
}

#[test]
fn a_constructor_runs_once_and_its_content_stays() {
    let _heap = start();
    let before = used();
    let wish = Wish {
        name: c"test_ctor",
        size: 100,
        align: 64,
        flags: 0,
        ctor: Some(set_seven),
    };
    let Some(cache) = registry::create(wish) else {
        panic!("create")
    };
    let a = cache.alloc(Gfp::KERNEL, 100, Caller::SHIM);
    assert_eq!(a % 64, 0);
    assert!(is_filled(a, 7, 100));
    fill(a, 9, 100);
    free(a);
    registry::shrink(cache);
    let b = cache.alloc(Gfp::KERNEL, 100, Caller::SHIM);
    assert!(is_filled(b, 7, 100) || is_filled(b, 9, 100));
    free(b);
    registry::destroy(cache);
    assert_eq!(used(), before);
}

#[test]
fn destroying_a_cache_with_live_objects_keeps_them() {
    let _heap = start();
    let wish = Wish {
        name: c"test_leak",
        size: 1000,
        align: 0,
        flags: 0,
        ctor: Some(set_seven),
    };
    let Some(cache) = registry::create(wish) else {
        panic!("create")
    };
    let object = cache.alloc(Gfp::KERNEL, 1000, Caller::SHIM);
    registry::destroy(cache);
    assert!(is_filled(object, 7, 100));
    let mut live = Vec::new();
    cache.for_each_live(|at| live.push(at));
    assert_eq!(live, [object]);
    free(object);
}

#[test]
#[should_panic(expected = "double free")]
fn a_double_free_is_caught() {
    let _heap = start();
    let at = alloc(48);
    free(at);
    free(at);
}

#[test]
#[should_panic(expected = "not an allocated object")]
fn a_pointer_from_elsewhere_is_caught() {
    let _heap = start();
    free(core::ptr::from_ref(&HEAP).addr());
}

#[test]
#[should_panic(expected = "are not allocated")]
fn freeing_pages_twice_is_caught() {
    let _heap = start();
    let Some(index) = page_api::alloc(Gfp::KERNEL, 1, Caller::SHIM) else {
        panic!("alloc")
    };
    page_api::put(heap::frame(index), 1);
    page_api::put(heap::frame(index), 1);
}

#[test]
#[should_panic(expected = "not at an object")]
fn a_pointer_into_an_object_is_caught() {
    let _heap = start();
    free(alloc(190) + 64);
}

#[cfg(feature = "debug")]
mod debug {
    use super::*;

    #[test]
    #[should_panic(expected = "was overrun: byte 60 of 60")]
    fn an_overrun_is_caught_when_the_object_is_freed() {
        let _heap = start();
        let at = alloc(60);
        fill(at, 1, 61);
        free(at);
    }

    #[test]
    #[should_panic(expected = "use after free")]
    fn a_write_after_free_is_caught_when_the_object_leaves_the_quarantine() {
        let _heap = start();
        let at = alloc(60);
        free(at);
        fill(at + 5, 1, 1);
        registry::shrink_all();
    }

    #[test]
    #[should_panic(expected = "double free")]
    fn a_late_double_free_is_caught() {
        let _heap = start();
        let (a, b) = (alloc(60), alloc(60));
        free(a);
        free(b);
        free(a);
    }

    #[test]
    fn ksize_lets_the_whole_object_be_used() {
        let _heap = start();
        let at = alloc(60);
        assert_eq!(kmalloc::claim_all(at, Caller::SHIM), 64);
        fill(at, 1, 64);
        free(at);
    }
}
