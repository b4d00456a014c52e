// SPDX-License-Identifier: MIT OR Apache-2.0
//! The private half of `coresrv/vmm/vmm_api.h`: pages are reserved, committed, and given back.
//!
//! Only ranges that `KnVmAllocate` gave are touched: anything else is `rcInvalidArgument`.
#![expect(unsafe_code, reason = "system calls on address ranges")]

use core::ffi::c_void;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kos_bindings::nk::Retcode;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use crate::convert::code;

const PAGE: usize = 4096;
const READ: i32 = 1;
const WRITE: i32 = 2;
const RESERVE: i32 = 1 << 4;
const COMMIT: i32 = 1 << 5;

/// First byte and length of what was allocated.
static REGIONS: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

fn regions() -> MutexGuard<'static, BTreeMap<usize, usize>> {
    REGIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a range is whole pages of a region.
fn check(regions: &BTreeMap<usize, usize>, at: *mut c_void, bytes: usize) -> Result<(), Retcode> {
    let first = at.addr();
    let end = first.checked_add(bytes).ok_or(Retcode::INVALID_ARGUMENT)?;
    let is_pages = first.is_multiple_of(PAGE) && bytes.is_multiple_of(PAGE) && bytes > 0;
    let region = regions.range(..=first).next_back();
    match region {
        Some((start, len)) if is_pages && end <= start + len => Ok(()),
        _ => Err(Retcode::INVALID_ARGUMENT),
    }
}

fn change(at: *mut c_void, bytes: usize, then: impl FnOnce() -> rustix::io::Result<()>) -> i32 {
    let regions = regions();
    code(check(&regions, at, bytes).and_then(|()| then().map_err(|_| Retcode::FAIL)))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnVmAllocate(hint: *mut c_void, bytes: usize, flags: i32) -> *mut c_void {
    let is_wrong = flags & RESERVE == 0 || flags & READ == 0 || bytes == 0 || !bytes.is_multiple_of(PAGE);
    if is_wrong || !hint.is_null() {
        return core::ptr::null_mut();
    }
    let prot = match flags & (COMMIT | WRITE) {
        0 | WRITE => ProtFlags::empty(),
        COMMIT => ProtFlags::READ,
        _ => ProtFlags::READ | ProtFlags::WRITE,
    };
    let map_flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: a fresh mapping at an address that the system chooses takes no memory from anybody.
    match unsafe { mmap_anonymous(core::ptr::null_mut(), bytes, prot, map_flags) } {
        Ok(at) => {
            regions().insert(at.addr(), bytes);
            at
        }
        Err(_) => core::ptr::null_mut(),
    }
}

/// # Safety
///
/// Nothing that Rust owns lies in the range.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnVmCommit(at: *mut c_void, bytes: usize, _flags: i32) -> i32 {
    // SAFETY: pages of a region, which `change` checked; they only become usable.
    change(at, bytes, || unsafe {
        mprotect(at, bytes, MprotectFlags::READ | MprotectFlags::WRITE)
    })
}

/// # Safety
///
/// Nobody uses the pages.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnVmDecommit(at: *mut c_void, bytes: usize) -> i32 {
    change(at, bytes, || {
        // SAFETY: pages of a region, which `change` checked, and nobody uses them by our caller's promise.
        unsafe { rustix::mm::madvise(at, bytes, rustix::mm::Advice::LinuxDontNeed) }?;
        // SAFETY: as above.
        unsafe { mprotect(at, bytes, MprotectFlags::empty()) }
    })
}

/// # Safety
///
/// Nobody uses the pages in a way that the attributes forbid.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnVmProtect(at: *mut c_void, bytes: usize, flags: i32) -> i32 {
    let prot = match flags {
        READ => MprotectFlags::READ,
        3 => MprotectFlags::READ | MprotectFlags::WRITE,
        // W^X, and what else is documented is executable: there is no code to be made here.
        _ => return Retcode::INVALID_ARGUMENT.0,
    };
    // SAFETY: pages of a region, which `change` checked; our caller's promise.
    change(at, bytes, || unsafe { mprotect(at, bytes, prot) })
}

/// Takes whole regions only.
///
/// # Safety
///
/// Nothing points into the range any more.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnVmUnmap(at: *mut c_void, bytes: usize) -> i32 {
    let mut regions = regions();
    if regions.get(&at.addr()) != Some(&bytes) {
        return Retcode::INVALID_ARGUMENT.0;
    }
    // SAFETY: a whole region, and nothing points into it by our caller's promise.
    if unsafe { munmap(at, bytes) }.is_err() {
        return Retcode::FAIL.0;
    }
    regions.remove(&at.addr());
    0
}
