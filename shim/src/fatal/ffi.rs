// SPDX-License-Identifier: GPL-2.0-only
//! `glue/machine.h`: how C ends the domain, or logs a call trace.
#![expect(unsafe_code, reason = "C symbols")]

use core::{
    ffi::{CStr, c_char, c_int},
    slice,
};

/// `panic` of C, after it formatted its text.
///
/// # Safety
///
/// `text` points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn machine_fatal(text: *const c_char, len: usize) -> ! {
    // SAFETY: the caller's promise.
    super::end(unsafe { slice::from_raw_parts(text.cast(), len) })
}

/// A symbol that nobody provides was called.
///
/// # Safety
///
/// `name` is a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __missing_symbol(name: *const c_char) -> ! {
    // SAFETY: the caller's promise; the build wrote the string.
    let name = unsafe { CStr::from_ptr(name) };
    super::fatal(format_args!(
        "{}: called, but nothing in this image provides it",
        name.to_str().unwrap_or("?")
    ))
}

/// Logs the call trace as addresses.
#[unsafe(no_mangle)]
pub extern "C" fn machine_backtrace(level: c_int) {
    super::log_backtrace(level);
}
