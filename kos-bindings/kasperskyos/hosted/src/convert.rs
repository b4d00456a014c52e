// SPDX-License-Identifier: MIT OR Apache-2.0
//! Between C's pointers and what the kernel gives.
#![expect(unsafe_code, reason = "C's pointers")]

use core::ffi::{CStr, c_char};

use kos_bindings::nk::{NkErr, Retcode};

/// A `Retcode` as C has it.
pub(crate) fn code(result: Result<(), Retcode>) -> i32 {
    match result {
        Ok(()) => 0,
        Err(code) => code.0,
    }
}

/// An `nk_err_t` as C has it.
#[must_use]
pub fn nk_code(err: NkErr) -> i32 {
    match err {
        NkErr::Perm => 1,
        NkErr::Inval => 2,
        NkErr::NoEnt => 3,
        NkErr::BadMsg => 4,
        NkErr::NoMem => 5,
    }
}

/// Runs `ask` and writes what it gives to `to`.
///
/// # Safety
///
/// `to` is null or a place for a `T`.
pub(crate) unsafe fn put<T>(to: *mut T, ask: impl FnOnce() -> Result<T, Retcode>) -> i32 {
    if to.is_null() || !to.is_aligned() {
        return Retcode::INVALID_ARGUMENT.0;
    }
    match ask() {
        Ok(value) => {
            // SAFETY: our caller's promise, and not null.
            unsafe { to.write(value) };
            0
        }
        Err(code) => code.0,
    }
}

/// Reads a string that is text.
///
/// # Safety
///
/// `text` is null or points to a string with its zero.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: our caller's promise, and not null.
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}
