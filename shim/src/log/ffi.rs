// SPDX-License-Identifier: GPL-2.0-only
//! `glue/machine.h`: what `glue/printk.c` formatted.
#![expect(unsafe_code, reason = "C symbols")]

use core::{
    ffi::{c_char, c_int},
    slice,
};

/// Takes a piece of text from printk (`glue/printk.c`).
///
/// # Safety
///
/// `text` points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn machine_log(level: c_int, is_continuation: c_int, text: *const c_char, len: usize) {
    // SAFETY: the caller's promise.
    super::piece(level, is_continuation != 0, unsafe {
        slice::from_raw_parts(text.cast(), len)
    });
}
