// SPDX-License-Identifier: GPL-2.0-only
//! The C symbols of memory, one file per header.
//!
//! * [`vars`]: `asm/page.h`, `linux/mm.h`: where memory lies.
//! * [`slab`]: `linux/slab.h`; [`create`]: its caches that come and go.
//! * [`pages`]: `linux/gfp.h`, `linux/mm.h`; [`frag`]: fragments of pages.
//! * [`vmalloc`]: `linux/vmalloc.h`; [`percpu`]: `linux/percpu.h`.
//! * `bytes`: `asm/string.h` (feature `domain`).
//! * `rust`: the shim's own `alloc` (feature `domain`).
//!
//! `kvmalloc`, `kstrdup`, `kmemdup` and their family are upstream's `mm/util.c`; `mempool` and
//! `dmapool` are upstream's too. Left out on purpose, because without an MMU nothing can be mapped
//! twice: `vmap`, `vm_map_ram`, `remap_vmalloc_range`; a call stops the domain and names the symbol.
#![expect(unsafe_code, reason = "C symbols")]

/// Defines a function under the name that the series has: `_noprof` since 6.10, plain before.
///
/// With the feature `debug` the symbol is a trampoline that adds the return address as one more
/// argument, so that reports can say who called; `$caller` names it in the body.
macro_rules! c_api {
    ($(
        $(#[$meta:meta])*
        fn $new:ident / $old:ident ($($arg:ident: $type:ty),*) $(-> $ret:ty)?, |$caller:ident| $body:block
    )+) => { $(
        #[cfg(has = "__kmalloc_noprof")]
        $crate::mm::ffi::c_symbol! {
            $(#[$meta])* fn $new($($arg: $type),*) $(-> $ret)?, |$caller| $body
        }
        #[cfg(not(has = "__kmalloc_noprof"))]
        $crate::mm::ffi::c_symbol! {
            $(#[$meta])* fn $old($($arg: $type),*) $(-> $ret)?, |$caller| $body
        }
    )+ };
}

/// Defines one function as `c_api!` does, under one name.
macro_rules! c_symbol {
    ($(
        $(#[$meta:meta])*
        fn $name:ident ($($arg:ident: $type:ty),*) $(-> $ret:ty)?, |$caller:ident| $body:block
    )+) => { $(
        $crate::same_as_header!($name);
        #[cfg(not(feature = "debug"))]
        $(#[$meta])*
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $type),*) $(-> $ret)? {
            let $caller = $crate::mm::caller::Caller::SHIM;
            $body
        }
        #[cfg(feature = "debug")]
        $(#[$meta])*
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name($($arg: $type),*) $(-> $ret)? {
            unsafe extern "C" fn with_caller($($arg: $type,)* caller: usize) $(-> $ret)? {
                let $caller = $crate::mm::caller::Caller::at(caller);
                $body
            }
            $crate::mm::ffi::go_on_with_caller!(with_caller, $($arg)*)
        }
    )+ };
}

/// Puts the return address into the register behind the arguments and goes on.
#[cfg(feature = "debug")]
macro_rules! go_on_with_caller {
    ($to:ident, $a:ident) => { $crate::mm::ffi::go_on_with_caller!(@ $to, "rsi", "x1") };
    ($to:ident, $a:ident $b:ident) => { $crate::mm::ffi::go_on_with_caller!(@ $to, "rdx", "x2") };
    ($to:ident, $a:ident $b:ident $c:ident) => { $crate::mm::ffi::go_on_with_caller!(@ $to, "rcx", "x3") };
    ($to:ident, $a:ident $b:ident $c:ident $d:ident) => { $crate::mm::ffi::go_on_with_caller!(@ $to, "r8", "x4") };
    ($to:ident, $a:ident $b:ident $c:ident $d:ident $e:ident) => {
        $crate::mm::ffi::go_on_with_caller!(@ $to, "r9", "x5")
    };
    // x86_64 has no register left; such a function does not use its caller.
    ($to:ident, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident) => {
        $crate::mm::ffi::go_on_with_caller!(@ $to, "rax", "x6")
    };
    (@ $to:ident, $x86:literal, $arm:literal) => {
        $crate::mm::ffi::jump_with_return_address!($to, $x86, $arm)
    };
}

#[cfg(all(feature = "debug", target_arch = "x86_64"))]
macro_rules! jump_with_return_address {
    ($to:ident, $x86:literal, $arm:literal) => {
        core::arch::naked_asm!(concat!("mov ", $x86, ", [rsp]"), "jmp {}", sym $to)
    };
}

#[cfg(all(feature = "debug", target_arch = "aarch64"))]
macro_rules! jump_with_return_address {
    ($to:ident, $x86:literal, $arm:literal) => {
        core::arch::naked_asm!(concat!("mov ", $arm, ", x30"), "b {}", sym $to)
    };
}

pub(in crate::mm) use c_symbol;
#[cfg(feature = "debug")]
pub(in crate::mm) use {go_on_with_caller, jump_with_return_address};

#[cfg(any(test, feature = "domain"))]
pub mod bytes;
pub mod create;
pub mod frag;
pub mod pages;
pub mod percpu;
#[cfg(feature = "domain")]
pub mod rust;
pub mod slab;
pub mod vars;
pub mod vmalloc;

use core::ffi::c_void;

/// An address as C sees it.
#[inline(always)]
fn to_c(address: usize) -> *mut c_void {
    core::ptr::with_exposed_provenance_mut(address)
}

/// A C pointer as the engine sees it.
#[inline(always)]
fn from_c(pointer: *const c_void) -> usize {
    pointer.expose_provenance()
}
