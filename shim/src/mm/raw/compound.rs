// SPDX-License-Identifier: GPL-2.0-only
//! Where a compound page keeps its order: in the second page's descriptor, as `folio_order` reads it.

use super::frame::Frame;
use super::heap::FRAME_BYTES;
use crate::bindings;
use core::ptr::with_exposed_provenance_mut as at;

/// From the second descriptor to the page count (`folio_nr_pages`).
const NR_PAGES: usize = bindings::MM_FOLIO_NR_PAGES as usize - FRAME_BYTES;
/// From the second descriptor to the order: a byte of its own where `struct folio` has one, else the
/// lowest byte of the second flags word.
const ORDER: usize = bindings::MM_FOLIO_ORDER as usize - FRAME_BYTES;

/// Writes the order of the compound page whose second page `second` is.
pub fn set_order(second: &Frame, order: u8) {
    let base = second.address();
    // SAFETY: the descriptor is `FRAME_BYTES` long and the header says that the field lies in it.
    unsafe { at::<u8>(base + ORDER).write(order) };
    // SAFETY: as above; `_folio_nr_pages` is an aligned 32-bit field.
    unsafe { at::<u32>(base + NR_PAGES).write(1 << order) };
}

/// The order of the compound page whose second page `second` is.
#[must_use]
pub fn order(second: &Frame) -> u8 {
    // SAFETY: as in `set_order`.
    unsafe { at::<u8>(second.address() + ORDER).read() }
}
