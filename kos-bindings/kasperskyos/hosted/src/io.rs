// SPDX-License-Identifier: MIT OR Apache-2.0
//! `coresrv/io/irq.h`, and the MDL half of `coresrv/vmm/vmm_api.h`.
#![expect(unsafe_code, reason = "C's pointers")]

use core::ffi::c_void;

use kos_bindings::nk::{Handle, Retcode};

use crate::convert::{code, put};
use crate::process::kn;

/// # Safety
///
/// `rid` is null or a place for a handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnRegisterIrq(irq: i32, rid: *mut u32) -> i32 {
    let register = || {
        let irq = u32::try_from(irq).map_err(|_| Retcode::INVALID_ARGUMENT)?;
        kn(|kn| Ok(kn.register_irq(irq, 0)?.0))
    };
    // SAFETY: our caller's promise.
    unsafe { put(rid, register) }
}

/// Edge or level is the simulated hardware's here, so the flags say nothing.
///
/// # Safety
///
/// `handle` is null or a place for a handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnIoAttachIrq(rid: u32, _flags: u32, handle: *mut u32) -> i32 {
    // SAFETY: our caller's promise.
    unsafe { put(handle, || kn(|kn| Ok(kn.attach_irq(Handle(rid))?.0))) }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnIoDetachIrq(rid: u32) -> i32 {
    code(kn(|kn| kn.detach_irq(Handle(rid))))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnIoEnableIrq(rid: u32) -> i32 {
    code(kn(|kn| kn.enable_irq(Handle(rid))))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnIoDisableIrq(rid: u32) -> i32 {
    code(kn(|kn| kn.disable_irq(Handle(rid))))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnIoClose(rid: u32) -> i32 {
    code(kn(|kn| kn.revoke_resource(Handle(rid))))
}

/// # Safety
///
/// `handle` is null or a place for a handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnPmmMdlCreate(size: usize, prot: i32, handle: *mut u32) -> i32 {
    // SAFETY: our caller's promise.
    unsafe {
        put(handle, || {
            kn(|kn| Ok(kn.mdl_create(size as u64, prot.cast_unsigned())?.0))
        })
    }
}

/// # Safety
///
/// `size` is null or a place for a number.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnPmmMdlGetSize(handle: u32, size: *mut usize) -> i32 {
    let get = || kn(|kn| usize::try_from(kn.mdl_get_size(Handle(handle))?).map_err(|_| Retcode::FAIL));
    // SAFETY: our caller's promise.
    unsafe { put(size, get) }
}

/// # Safety
///
/// `clone` is null or a place for a handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnPmmMdlClone(origin: u32, offset: usize, length: usize, clone: *mut u32) -> i32 {
    let make = || kn(|kn| Ok(kn.mdl_clone(Handle(origin), offset as u64, length as u64)?.0));
    // SAFETY: our caller's promise.
    unsafe { put(clone, make) }
}

/// # Safety
///
/// `to` is null or a place for a pointer.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnPmmMdlMap(
    handle: u32,
    offset: usize,
    length: usize,
    hint: *mut c_void,
    prot: i32,
    to: *mut *mut c_void,
) -> i32 {
    let map = || {
        // Where it shall be is a wish that is not granted here.
        if !hint.is_null() {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        let at = kn(|kn| kn.mdl_map(Handle(handle), offset as u64, length as u64, prot.cast_unsigned()))?;
        Ok(core::ptr::with_exposed_provenance_mut(at))
    };
    // SAFETY: our caller's promise.
    unsafe { put(to, map) }
}
