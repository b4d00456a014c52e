// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pages: `KnVmAllocate` reserves, `KnVmCommit` commits. The functions are those of the hosted back end.
#![expect(unsafe_code, reason = "the kernel's functions on address ranges")]

use super::ffi;

fn some(at: *mut u8) -> Option<*mut u8> {
    (!at.is_null()).then_some(at)
}

/// Reserves address space of whole pages; touching it before [`commit`] is a fault.
#[must_use]
pub fn reserve(bytes: usize) -> Option<*mut u8> {
    some(ffi::lc_vm_reserve(bytes))
}

/// Takes fresh zeroed pages, read and write. A page costs memory when it is first touched.
#[must_use]
pub fn allocate(bytes: usize) -> Option<*mut u8> {
    some(ffi::lc_vm_allocate(bytes))
}

/// Makes reserved pages usable. Returns whether the domain's memory limit allows it.
///
/// # Safety
///
/// The range is whole pages of a reservation of the caller's.
#[must_use]
pub unsafe fn commit(at: *mut u8, bytes: usize) -> bool {
    // SAFETY: the range is the caller's by its promise.
    unsafe { ffi::lc_vm_commit(at, bytes) == 0 }
}

/// A hint that pages will be written soon. No function for that is public: they come by faults.
///
/// # Safety
///
/// The range is whole pages of the caller's.
pub unsafe fn populate(_at: *mut u8, _bytes: usize) {}

/// Turns pages into a guard: touching them is a fault. Their contents are lost to the program.
///
/// # Safety
///
/// The range is whole pages of the caller's, and nothing uses them any more.
#[must_use]
pub unsafe fn guard(at: *mut u8, bytes: usize) -> bool {
    // SAFETY: the range is the caller's by its promise.
    unsafe { ffi::lc_vm_decommit(at, bytes) == 0 }
}

/// Gives the memory of pages back but keeps the range: it reads as zero afterwards.
///
/// # Safety
///
/// The range is whole pages of the caller's, and nothing in them is needed any more.
pub unsafe fn discard(at: *mut u8, bytes: usize) {
    // SAFETY: the range is the caller's by its promise.
    let is_back = unsafe { guard(at, bytes) };
    // SAFETY: as above.
    if is_back && !unsafe { commit(at, bytes) } {
        // The caller may touch the range, which would be a fault with no reason to be seen.
        ffi::say(b"linux-compat: pages that were given back cannot be had again\n");
    }
}

/// Gives a range back altogether.
///
/// # Safety
///
/// The range is whole pages of the caller's, and nothing points into it any more.
pub unsafe fn release(at: *mut u8, bytes: usize) {
    // SAFETY: the range is the caller's by its promise. A range that stays costs memory and harms nobody.
    let _ = unsafe { ffi::lc_vm_release(at, bytes) };
}
