// SPDX-License-Identifier: GPL-2.0-only
//! `include/linux/file.h`, `fdtable.h`: descriptors, which here are numbers of `linuxcompat.Chardev`.
#![expect(unsafe_code, reason = "C symbols")]

use crate::{bindings::file, door::files, errno::Errno, raw::file::File, same_as_header};
use core::{
    ffi::{c_int, c_uint},
    ptr,
};

same_as_header!(get_unused_fd_flags, put_unused_fd, fd_install, close_fd);
/// Implements `get_unused_fd_flags`: reserves a number for the client whose request runs.
///
/// # Returns
///
/// The number, `-EMFILE` or `-ENOMEM`.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn get_unused_fd_flags(_flags: c_uint) -> c_int {
    match files::reserve() {
        Ok(id) => c_int::try_from(id).unwrap_or(Errno::EMFILE.to_ret()),
        Err(e) => e.to_ret(),
    }
}

/// Implements `put_unused_fd`: gives a number back that was not used.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn put_unused_fd(fd: c_uint) {
    drop(files::release(fd));
}

/// Implements `fd_install`: the number stands for `file` from now on.
///
/// # Safety
///
/// The caller owns the reference to `file` and gives it away.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fd_install(fd: c_uint, file: *mut file) {
    if let Some(file) = File::from_raw(file) {
        files::install(fd, file);
    }
}

/// Implements `close_fd`.
///
/// # Returns
///
/// 0, `-EBADF`, or what the driver's `flush` returns.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close_fd(fd: c_uint) -> c_int {
    match files::release(fd) {
        Some(file) => crate::errno::to_ret(file.flush()),
        None => Errno::EBADF.to_ret(),
    }
}

same_as_header!(fget, fget_raw);
/// Implements `fget`: the file behind a number, with a reference for the caller; null if it is not open.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fget(fd: c_uint) -> *mut file {
    files::get_any(fd).map_or(ptr::null_mut(), File::into_raw)
}

/// Implements `fget_raw`: as `fget`, since there are no files without operations here.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fget_raw(fd: c_uint) -> *mut file {
    files::get_any(fd).map_or(ptr::null_mut(), File::into_raw)
}

#[cfg(has = "fdget")]
same_as_header!(fdget);
/// Implements `fdget`: `fget`, with the bit set that makes `fdput` give the reference up.
///
/// # Safety
///
/// Asks nothing of the caller.
#[cfg(has = "fdget")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdget(fd: c_uint) -> crate::bindings::fd {
    crate::bindings::fd { word: counted(fd) }
}

#[cfg(has = "__fdget")]
same_as_header!(__fdget);
/// Implements `__fdget`, which the header's `fdget` calls in older kernels.
#[cfg(has = "__fdget")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __fdget(fd: c_uint) -> core::ffi::c_ulong {
    counted(fd)
}

/// `FDPUT_FPUT` of `include/linux/file.h`.
const FDPUT_FPUT: usize = 1;

fn counted(fd: c_uint) -> core::ffi::c_ulong {
    let file = files::get_any(fd).map_or(ptr::null_mut(), File::into_raw);
    if file.is_null() {
        0
    } else {
        (file.expose_provenance() | FDPUT_FPUT) as core::ffi::c_ulong
    }
}
