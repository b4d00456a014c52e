// SPDX-License-Identifier: GPL-2.0-only
//! `asm/uaccess.h`: the copies to and from user memory. Each returns how many bytes it did not copy.
#![expect(unsafe_code, reason = "C symbols")]

use crate::{
    door::context::{self, Access},
    same_as_header,
};
use core::{
    ffi::{c_ulong, c_void},
    ptr,
};

fn len_of(n: c_ulong) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

same_as_header!(machine_copy_from_user, machine_copy_to_user, machine_clear_user);
/// Copies from user memory.
///
/// # Safety
///
/// `to` has room for `n` bytes. `from` may be anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn machine_copy_from_user(to: *mut c_void, from: *const c_void, n: c_ulong) -> c_ulong {
    let at = from.addr();
    let len = context::reach(at, len_of(n), Access::Read);
    let from = ptr::with_exposed_provenance::<u8>(at);
    // SAFETY: `reach` says that the bytes lie in a window, whose buffer its owner lent and waits for; `to` is the
    // caller's promise. A driver might copy inside its window, so the two may overlap.
    unsafe { ptr::copy(from, to.cast::<u8>(), len) };
    n - len as c_ulong
}

/// Copies to user memory.
///
/// # Safety
///
/// `from` holds `n` bytes. `to` may be anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn machine_copy_to_user(to: *mut c_void, from: *const c_void, n: c_ulong) -> c_ulong {
    let at = to.addr();
    let len = context::reach(at, len_of(n), Access::Write);
    let to = ptr::with_exposed_provenance_mut::<u8>(at);
    // SAFETY: as above, with the sides exchanged.
    unsafe { ptr::copy(from.cast::<u8>(), to, len) };
    n - len as c_ulong
}

/// Clears user memory.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn machine_clear_user(to: *mut c_void, n: c_ulong) -> c_ulong {
    let at = to.addr();
    let len = context::reach(at, len_of(n), Access::Write);
    // SAFETY: as above.
    unsafe { ptr::with_exposed_provenance_mut::<u8>(at).write_bytes(0, len) };
    n - len as c_ulong
}
