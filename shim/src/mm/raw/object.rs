// SPDX-License-Identifier: GPL-2.0-only
//! Bytes of objects and pages: links, zeroing, copying.
//!
//! Every function trusts that its address lies in memory which the heap owns and which no driver
//! uses now (it is being given out or was just given back); the allocators above see to it.

use super::frame::Frame;
use core::ptr::with_exposed_provenance_mut as at;

/// Reads the free-list link at `address`.
///
/// # Safety
///
/// A free object's link lies there.
#[inline(always)]
pub unsafe fn link(address: usize) -> usize {
    // SAFETY: the caller guarantees it; links are word aligned because objects are.
    unsafe { at::<usize>(address).read() }
}

/// Writes the free-list link at `address`.
///
/// # Safety
///
/// The word belongs to an object that is not in use.
#[inline(always)]
pub unsafe fn set_link(address: usize, next: usize) {
    // SAFETY: the caller guarantees it; links are word aligned because objects are.
    unsafe { at::<usize>(address).write(next) }
}

/// Fills `len` bytes.
///
/// # Safety
///
/// The bytes are the heap's and nobody else uses them now.
#[inline(always)]
pub unsafe fn fill(address: usize, byte: u8, len: usize) {
    // SAFETY: the caller guarantees it.
    unsafe { at::<u8>(address).write_bytes(byte, len) }
}

/// Zeroes an object and returns its address, as `memset` does: the last thing `kzalloc` does is a jump.
///
/// # Safety
///
/// As for [`fill`].
#[inline(always)]
pub unsafe fn zero(address: usize, len: usize) -> usize {
    #[cfg(not(feature = "domain"))]
    unsafe extern "C" {
        fn memset(s: *mut core::ffi::c_void, c: core::ffi::c_int, count: usize) -> *mut core::ffi::c_void;
    }
    #[cfg(feature = "domain")]
    use crate::mm::ffi::bytes::memset;
    // SAFETY: the caller guarantees it.
    unsafe { memset(at(address), 0, len) }.addr()
}

/// Copies `len` bytes between two blocks.
///
/// # Safety
///
/// Both are live blocks of at least `len` bytes that do not overlap.
#[inline(always)]
pub unsafe fn copy(from: usize, to: usize, len: usize) {
    // SAFETY: the caller guarantees it.
    unsafe { core::ptr::copy_nonoverlapping(at::<u8>(from).cast_const(), at::<u8>(to), len) }
}

/// Zeroes `len` bytes in a way that the compiler keeps although nobody reads them again.
///
/// # Safety
///
/// The bytes are a live block's that is about to be freed.
pub unsafe fn wipe(address: usize, len: usize) {
    // SAFETY: the caller guarantees it.
    unsafe { fill(address, 0, len) };
    core::hint::black_box(address);
}

/// The offset of the first byte that is not `byte`.
///
/// # Safety
///
/// `len` bytes of the heap lie there.
#[must_use]
pub unsafe fn first_other(address: usize, byte: u8, len: usize) -> Option<(usize, u8)> {
    // SAFETY: the caller guarantees the range; the slice does not outlive this function.
    let bytes = unsafe { core::slice::from_raw_parts(at::<u8>(address).cast_const(), len) };
    bytes.iter().position(|&b| b != byte).map(|i| (i, bytes[i]))
}

/// Runs a cache's constructor.
///
/// # Safety
///
/// `ctor` is the function that the cache was created with, and `address` one of its objects.
pub unsafe fn construct(ctor: unsafe extern "C" fn(*mut core::ffi::c_void), address: usize) {
    // SAFETY: the caller guarantees it.
    unsafe { ctor(at(address)) }
}

/// Puts a page in front of a list, by its `lru` (the two words behind the flags).
///
/// # Safety
///
/// `list` is a list head, and the page is on no list.
pub unsafe fn list_add(list: usize, frame: &'static Frame) {
    // SAFETY: a list head's first word is its first entry.
    let first = unsafe { link(list) };
    let entry = core::ptr::from_ref(&frame.owner).expose_provenance();
    frame.owner.set(first);
    frame.free.set(list);
    // SAFETY: the word behind an entry's first is its back link.
    unsafe { set_link(first + size_of::<usize>(), entry) };
    // SAFETY: as above.
    unsafe { set_link(list, entry) };
}
