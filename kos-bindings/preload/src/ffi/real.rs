// SPDX-License-Identifier: MIT OR Apache-2.0
//! The functions that this library stands in for, as the next library has them (`dlsym(3)`, `RTLD_NEXT`).

use std::ffi::{CStr, c_void};
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// A function of the C library, looked up once.
pub(super) struct Real(AtomicPtr<c_void>, &'static CStr);

impl Real {
    pub(super) const fn new(name: &'static CStr) -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()), name)
    }

    /// Its address. Without it the program cannot go on: it is a function that the C library has.
    pub(super) fn address(&self) -> *mut c_void {
        let known = self.0.load(Relaxed);
        if !known.is_null() {
            return known;
        }
        // SAFETY: the name is a C string, and `RTLD_NEXT` may be asked from any library that was loaded.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.1.as_ptr()) };
        if found.is_null() {
            crate::domain::complain(&format!("the C library has no {:?}", self.1));
            std::process::abort();
        }
        self.0.store(found, Relaxed);
        found
    }
}

/// The C library's own function `$name`, with the type that `$name` has here.
macro_rules! real {
    ($name:ident: $type:ty) => {{
        static REAL: $crate::ffi::real::Real = {
            const NAME: &::std::ffi::CStr =
                match ::std::ffi::CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                    Ok(name) => name,
                    Err(_) => panic!("a name has no NUL"),
                };
            $crate::ffi::real::Real::new(NAME)
        };
        // SAFETY: the C library's function of this name has this type (POSIX, and `libc`'s declaration of it).
        unsafe { ::std::mem::transmute::<*mut ::std::ffi::c_void, $type>(REAL.address()) }
    }};
}
pub(super) use real;
