// SPDX-License-Identifier: GPL-2.0-only
//! Nanoseconds for `kmalloc` + `kfree`, through the C symbols as a driver calls them.
//!
//! `cargo run --release -p shim --example kmalloc`
#![expect(unsafe_code, reason = "calls C symbols")]

use core::ffi::c_void;
use shim::mm::{self, ffi::slab};
use std::hint::black_box;
use std::time::Instant;

const GFP_KERNEL: u32 = shim::mm::gfp::Gfp::KERNEL.0;
const GFP_ZERO: u32 = shim::mm::gfp::Gfp::ZERO.0;

/// The symbol's name in this series.
#[cfg(not(has = "__kmalloc_noprof"))]
use slab::__kmalloc as kmalloc;
/// The symbol's name in this series.
#[cfg(has = "__kmalloc_noprof")]
use slab::__kmalloc_cache_noprof as kmalloc_class;
/// The symbol's name in this series.
#[cfg(has = "__kmalloc_noprof")]
use slab::__kmalloc_noprof as kmalloc;
/// The symbol's name in this series.
#[cfg(not(has = "__kmalloc_noprof"))]
use slab::kmalloc_trace as kmalloc_class;

/// Prints the best of many short runs: the machine may be busy.
fn report(what: &str, pairs: u32, f: impl Fn()) {
    const BATCH: u32 = 1000;
    let mut best = f64::MAX;
    for _ in 0..5000 / pairs {
        let start = Instant::now();
        for _ in 0..BATCH {
            f();
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH * pairs));
    }
    println!("{what:<40} {best:6.2} ns");
}

fn pair(size: usize, flags: u32) {
    let kmalloc = black_box(kmalloc as unsafe extern "C" fn(usize, u32) -> *mut c_void);
    let kfree = black_box(slab::kfree as unsafe extern "C" fn(*const c_void));
    // SAFETY: asks nothing of the caller.
    let object = unsafe { kmalloc(black_box(size), flags) };
    // SAFETY: the object is freed once and not used after.
    unsafe { kfree(object) };
}

fn main() {
    let heap = Box::leak(vec![0u8; (16 << 20) + 4096].into_boxed_slice());
    let skip = heap.as_ptr().align_offset(4096);
    // SAFETY: fresh zeroed pages of this process, leaked, given away once.
    unsafe { mm::init(heap[skip..].as_mut_ptr(), 16 << 20) };

    report("kmalloc(64) + kfree", 1, || pair(64, GFP_KERNEL));
    report("kzalloc(64) + kfree", 1, || pair(64, GFP_KERNEL | GFP_ZERO));
    report("kmalloc(constant 64) + kfree", 1, || {
        let alloc = black_box(kmalloc_class as unsafe extern "C" fn(_, u32, usize) -> *mut c_void);
        let kfree = black_box(slab::kfree as unsafe extern "C" fn(*const c_void));
        let class = core::ptr::from_ref(slab::kmalloc_caches.0[0][6]).cast_mut().cast();
        // SAFETY: the class is an entry of the table.
        let object = unsafe { alloc(class, GFP_KERNEL, 64) };
        // SAFETY: the object is freed once and not used after.
        unsafe { kfree(object) };
    });
    report("kmalloc(1000) + kfree", 1, || pair(1000, GFP_KERNEL));
    report("kmalloc(4096) + kfree", 1, || pair(4096, GFP_KERNEL));
    report("kmalloc(32 KiB) + kfree", 1, || pair(32 << 10, GFP_KERNEL));
    report("64 x kmalloc(64), then 64 x kfree, a pair", 64, || {
        let mut held = [core::ptr::null_mut(); 64];
        for place in &mut held {
            // SAFETY: asks nothing.
            *place = unsafe { kmalloc(black_box(64), GFP_KERNEL) };
        }
        for place in held {
            // SAFETY: freed once.
            unsafe { slab::kfree(place) };
        }
    });
}
