// SPDX-License-Identifier: GPL-2.0-only
//! The doors' way into C.
#![expect(unsafe_code, reason = "C symbols")]

use crate::bindings;

/// Brings up upstream's parts and runs the initcalls; returns how many.
pub fn start_kernel(dtb: &'static [u8]) -> u32 {
    let blob = if dtb.is_empty() { core::ptr::null_mut() } else { dtb.as_ptr().cast_mut().cast() };
    // SAFETY: called once, by the first task; the blob is mapped for the life of the domain and is only read.
    let count = unsafe { bindings::machine_start(blob) };
    u32::try_from(count).unwrap_or(0)
}
