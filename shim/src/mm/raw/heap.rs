// SPDX-License-Identifier: GPL-2.0-only
//! Where the heap lies, and the way from an address to its page descriptor.

use super::frame::Frame;
use super::object;
use crate::bindings;
use crate::mm::ffi::vars;
use crate::mm::pages::Run;
use core::mem::size_of;

/// log2 of a page.
pub const PAGE_SHIFT: u32 = bindings::MM_PAGE_SHIFT;
/// Bytes of a page.
pub const PAGE_SIZE: usize = 1 << PAGE_SHIFT;
/// Bytes of a page descriptor, as C strides over `mem_map`.
pub const FRAME_BYTES: usize = size_of::<bindings::page>();

/// The number of the page that holds `address`, if the heap does.
#[inline(always)]
#[must_use]
pub fn index_of(address: usize) -> Option<usize> {
    let start = vars::memory_start.0.get();
    let len = vars::memory_end.0.get().wrapping_sub(start);
    let offset = address.wrapping_sub(start);
    (offset < len).then_some(offset >> PAGE_SHIFT)
}

/// The descriptor of page `index`.
#[inline(always)]
#[must_use]
pub fn frame(index: usize) -> &'static Frame {
    let address = vars::mem_map.0.get() + index * FRAME_BYTES;
    // SAFETY: every index comes from `index_of` or from the page allocator, both of which stay
    // below the number of pages that `mem_map` was made for.
    unsafe { Frame::at(address) }
}

/// The number of the page that `frame` describes.
#[inline(always)]
#[must_use]
pub fn index_of_frame(frame: &Frame) -> usize {
    frame.address().wrapping_sub(vars::mem_map.0.get()) / FRAME_BYTES
}

/// The first byte of page `index`.
#[inline(always)]
#[must_use]
pub fn address_of(index: usize) -> usize {
    vars::memory_start.0.get() + (index << PAGE_SHIFT)
}

/// The first byte of the page that `frame` describes.
#[inline(always)]
#[must_use]
pub fn address_of_frame(frame: &Frame) -> usize {
    address_of(index_of_frame(frame))
}

/// The descriptor of the block that holds `address`: of a compound page, its head.
#[inline(always)]
#[must_use]
pub fn head_of(address: usize) -> Option<&'static Frame> {
    let this = frame(index_of(address)?);
    let owner = this.owner.get();
    if owner & 1 == 0 {
        return Some(this);
    }
    // SAFETY: bit 0 marks a tail (`PageTail`), and only the page allocator makes tails, with the
    // address of the head's descriptor.
    Some(unsafe { Frame::at(owner - 1) })
}

/// Zeroes pages that were just taken.
pub fn clear(run: Run, len: usize) {
    // SAFETY: the page allocator gave the run out, and its taker has not passed it on yet.
    unsafe { object::fill(address_of(run.index), 0, len << PAGE_SHIFT) };
}
