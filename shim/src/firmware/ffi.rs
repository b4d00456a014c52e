// SPDX-License-Identifier: GPL-2.0-only
//! What `glue/firmware.c` calls (`glue/door.h`).
#![expect(unsafe_code, reason = "C symbols")]

use crate::{errno::Errno, firmware, same_as_header};
use core::{
    ffi::{CStr, c_char, c_int, c_void},
    slice,
};

/// # Safety
///
/// `name` is a C string that stays for `'a`.
unsafe fn text<'a>(name: *const c_char) -> Result<&'a str, Errno> {
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(name) }.to_str().map_err(|_| Errno::ENOENT)
}

same_as_header!(machine_firmware_size, machine_firmware_read);
/// Stores the size of a file; 0 or a negative errno.
///
/// # Safety
///
/// `name` is a C string, `size` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn machine_firmware_size(name: *const c_char, size: *mut usize) -> c_int {
    // SAFETY: the caller's promise.
    let found = unsafe { text(name) }.and_then(firmware::size);
    match found.and_then(|bytes| usize::try_from(bytes).map_err(|_| Errno::EFBIG)) {
        Ok(bytes) => {
            // SAFETY: the caller's promise.
            unsafe { size.write(bytes) };
            0
        }
        Err(e) => e.to_ret(),
    }
}

/// Reads a part of a file; the bytes read, or a negative errno.
///
/// # Safety
///
/// `name` is a C string, `to` has room for `count` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn machine_firmware_read(
    name: *const c_char,
    offset: usize,
    to: *mut c_void,
    count: usize,
) -> isize {
    // SAFETY: the caller's promise: the buffer was allocated for the file and is nobody else's yet.
    let to = unsafe { slice::from_raw_parts_mut(to.cast::<u8>(), count) };
    // SAFETY: the caller's promise.
    let read = unsafe { text(name) }.and_then(|name| firmware::read(name, offset as u64, to));
    match read {
        Ok(len) => len.cast_signed(),
        Err(e) => isize::try_from(e.to_ret()).unwrap_or(-1),
    }
}
