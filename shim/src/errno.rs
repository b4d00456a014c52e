// SPDX-License-Identifier: GPL-2.0-only
//! The error type of the engine: a positive Linux errno, turned into C's forms at the edge.

use crate::bindings;
use core::ffi::{c_int, c_void};

/// A Linux error number (`include/uapi/asm-generic/errno*.h`), always positive.
///
/// As wide as a pointer, so that the two halves of a `Result` with a pointer in it are moved alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(isize);

macro_rules! errnos {
    ($($name:ident)+) => {
        impl Errno {
            $(
                #[doc = concat!("`", stringify!($name), "`.")]
                pub const $name: Errno = Errno(bindings::$name as isize);
            )+
        }
    };
}
errnos! { EPERM ENOENT EINTR EIO ENXIO EBADF EAGAIN ENOMEM EFAULT EBUSY EEXIST ENODEV ENOTDIR EISDIR
EINVAL ENFILE EMFILE ENOTTY EFBIG ENOSPC EPIPE ERANGE ENOSYS ETIMEDOUT EPROTO EOPNOTSUPP EMSGSIZE
EREMOTEIO ECONNRESET ENOTCONN ENAMETOOLONG EACCES ERESTARTSYS ERESTARTNOHAND ERESTART_RESTARTBLOCK }

impl Errno {
    /// The error that a peer sent as a number; `EIO` when it is none.
    #[must_use]
    pub fn from_wire(value: i32) -> Errno {
        match isize::try_from(value) {
            Ok(n @ 1..=4095) => Errno(n),
            _ => Errno::EIO,
        }
    }

    /// Whether Linux gives it nobody, but begins the call again after the signal (`include/linux/errno.h`).
    #[must_use]
    pub fn is_restart(self) -> bool {
        (Self::ERESTARTSYS.0..=Self::ERESTART_RESTARTBLOCK.0).contains(&self.0)
    }

    /// What a C function returned: a count, or a negative errno.
    ///
    /// # Errors
    ///
    /// The errno; `EIO` for a number that is neither.
    pub fn check(ret: isize) -> Result<usize, Errno> {
        usize::try_from(ret).map_err(|_| if ret >= -4095 { Errno(-ret) } else { Errno::EIO })
    }

    /// The number that goes over the wire.
    #[must_use]
    pub fn to_wire(self) -> i32 {
        -self.to_ret()
    }

    /// The negative number that C functions return.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "errno values are below 4096")]
    pub fn to_ret(self) -> c_int {
        -self.0 as c_int
    }

    /// What `ERR_PTR` makes of it (`include/linux/err.h`).
    #[must_use]
    pub fn to_ptr(self) -> *mut c_void {
        core::ptr::without_provenance_mut((-self.0).cast_unsigned())
    }
}

/// 0, or the negative errno.
#[must_use]
pub fn to_ret(result: Result<(), Errno>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(e) => e.to_ret(),
    }
}
