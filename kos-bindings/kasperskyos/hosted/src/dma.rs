// SPDX-License-Identifier: MIT OR Apache-2.0
//! `coresrv/io/dma.h`.
#![expect(unsafe_code, reason = "C's pointers")]

use core::ffi::c_void;

use kos_bindings::idl::io;
use kos_bindings::kn::{DmaFrame, DmaInfo as Info};
use kos_bindings::nk::{Handle, Retcode};

use crate::convert::{code, put};
use crate::process::kn;

const PAGE: usize = 4096;
const ORDER_BITS: u32 = 5;
const MAX_FRAMES: usize = io::MAX_FRAMES as usize;

/// `DmaInfo`, with all the descriptors that there may be.
#[repr(C)]
#[derive(Debug)]
pub struct DmaInfo {
    flags: u32,
    order_min: usize,
    size: usize,
    count: usize,
    descriptors: [u64; MAX_FRAMES],
}

/// # Safety
///
/// `rid` is null or a place for a handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnIoDmaCreate(order: u32, size: usize, flags: u32, rid: *mut u32) -> i32 {
    let create = || kn(|kn| Ok(kn.register_dma(size as u64, flags, order.into())?.0));
    // SAFETY: our caller's promise.
    unsafe { put(rid, create) }
}

/// # Safety
///
/// `rid` is null or a place for a handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnIoDmaCreateContinuous(size: usize, flags: u32, rid: *mut u32) -> i32 {
    let order = size.div_ceil(PAGE).checked_next_power_of_two();
    let order = order.map_or(u32::MAX, usize::trailing_zeros);
    // SAFETY: our caller's promise.
    unsafe { KnIoDmaCreate(order, size, flags, rid) }
}

/// # Safety
///
/// `to` is null or a place for a pointer, `handle` null or a place for a handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnIoDmaMap(
    rid: u32,
    offset: usize,
    length: usize,
    hint: *mut c_void,
    vmflags: i32,
    to: *mut *mut c_void,
    handle: *mut u32,
) -> i32 {
    let mut mapping = Handle::INVALID;
    let map = || {
        // Where it shall be is a wish that is not granted here, and neither are guards.
        if !hint.is_null() || handle.is_null() {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        let prot = vmflags.cast_unsigned();
        let (made, at) = kn(|kn| kn.map_dma(Handle(rid), offset as u64, length as u64, prot))?;
        mapping = made;
        Ok(core::ptr::with_exposed_provenance_mut(at))
    };
    // SAFETY: our caller's promise.
    let code = unsafe { put(to, map) };
    if code == 0 {
        // SAFETY: our caller's promise, and not null.
        unsafe { handle.write(mapping.0) };
    }
    code
}

fn descriptors(frames: &[DmaFrame]) -> [u64; MAX_FRAMES] {
    let mut descriptors = [0; MAX_FRAMES];
    for (to, from) in descriptors.iter_mut().zip(frames) {
        *to = from.frame << ORDER_BITS | u64::from(from.order);
    }
    descriptors
}

/// Puts information where C's `free` finds it.
fn give(info: DmaInfo) -> Result<*mut DmaInfo, Retcode> {
    // SAFETY: asks for memory.
    let at = unsafe { libc::malloc(size_of::<DmaInfo>()) }.cast::<DmaInfo>();
    if at.is_null() {
        return Err(Retcode::FAIL);
    }
    // SAFETY: fresh memory of this size, aligned for anything.
    unsafe { at.write(info) };
    Ok(at)
}

/// # Safety
///
/// `to` is null or a place for a pointer.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnIoDmaGetInfo(rid: u32, to: *mut *mut DmaInfo) -> i32 {
    let get = || {
        let Info {
            flags,
            order,
            bytes,
            count,
            frames,
        } = kn(|kn| kn.dma_info(Handle(rid)))?;
        give(DmaInfo {
            flags,
            order_min: usize::try_from(order).map_err(|_| Retcode::FAIL)?,
            size: usize::try_from(bytes).map_err(|_| Retcode::FAIL)?,
            count,
            descriptors: descriptors(&frames),
        })
    };
    // SAFETY: our caller's promise.
    unsafe { put(to, get) }
}

/// The hosted machine has no IOMMU that translates: what devices see is physical.
///
/// # Safety
///
/// As [`KnIoDmaGetInfo`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnIoDmaGetPhysInfo(rid: u32, to: *mut *mut DmaInfo) -> i32 {
    // SAFETY: our caller's promise.
    unsafe { KnIoDmaGetInfo(rid, to) }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnIoDmaModify(rid: u32, flags: u32) -> i32 {
    code(kn(|kn| kn.modify_dma(Handle(rid), flags)))
}

/// # Safety
///
/// `handle` is null or a place for a handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnIoDmaBegin(rid: u32, handle: *mut u32) -> i32 {
    // SAFETY: our caller's promise.
    unsafe { put(handle, || kn(|kn| Ok(kn.begin_dma(Handle(rid))?.0))) }
}
