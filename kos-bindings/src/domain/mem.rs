// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pages: address space is reserved first and committed as it is needed, as with KasperskyOS's
//! `vmm`.
//!
//! Memory is never executable here: the seccomp filter refuses `PROT_EXEC`, so the only code is the
//! image's.
#![expect(unsafe_code, reason = "system calls on address ranges")]

use crate::kn::Kn;
use crate::nk::{Handle, Retcode, Transport};
use crate::sys;

const PROT_NONE: usize = 0;
const PROT_READ_WRITE: usize = 3;
const MAP_PRIVATE: usize = 0x2;
const MAP_ANONYMOUS: usize = 0x20;
const MAP_NORESERVE: usize = 0x4000;
const MADV_DONTNEED: usize = 4;

fn map(bytes: usize, prot: usize) -> Option<*mut u8> {
    if let Some(host) = super::start::host() {
        // SAFETY: the loader promises that `map` may be called with its context from the domain's stacks.
        let at = unsafe { (host.map)(host.context, bytes, prot != PROT_NONE) };
        return (!at.is_null()).then_some(at);
    }
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    // SAFETY: a fresh anonymous mapping at an address that the kernel chooses takes no memory from
    // anybody.
    let at = unsafe { sys::call(sys::MMAP, [0, bytes, prot, flags, usize::MAX, 0]) };
    (at > 0).then_some(at as *mut u8)
}

/// Reserves address space of whole pages; touching it before [`commit`] is a fault.
#[must_use]
pub fn reserve(bytes: usize) -> Option<*mut u8> {
    map(bytes, PROT_NONE)
}

/// Takes fresh zeroed pages, read and write. A page costs memory when it is first touched.
#[must_use]
pub fn allocate(bytes: usize) -> Option<*mut u8> {
    map(bytes, PROT_READ_WRITE)
}

/// Makes pages present that will be written soon, in one call where each would be a fault. Where Linux cannot (before
/// 5.14), or memory is short, they come by faults as ever.
///
/// # Safety
///
/// The range is whole pages of the caller's.
pub unsafe fn populate(at: *mut u8, bytes: usize) {
    const MADV_POPULATE_WRITE: usize = 23;
    if super::start::host().is_none() {
        // SAFETY: the pages keep their contents.
        unsafe { sys::call(sys::MADVISE, [at as usize, bytes, MADV_POPULATE_WRITE, 0, 0, 0]) };
    }
}

/// Maps `length` bytes of the shared memory `mdl` from `offset`; `prot` is of [`crate::idl::vmm`]. The mapping stays
/// until the domain's end. What others do with the memory, they do meanwhile: copy once, then check.
///
/// # Errors
///
/// Those of [`Kn::mdl_map`]; `rcFail` if the domain was not made to share memory, or address space is missing.
pub fn map_mdl<T: Transport>(
    kn: &mut Kn<T>,
    mdl: Handle,
    offset: u64,
    length: usize,
    prot: u32,
) -> Result<*mut u8, Retcode> {
    let at = kn.mdl_map(mdl, offset, length as u64, prot)?;
    map_granted(at, length, prot)
}

/// As [`map_mdl`], of the DMA buffer `buffer`. A device that was let at it ([`Kn::begin_dma`]) writes there at any
/// time.
///
/// # Errors
///
/// As there.
pub fn map_dma<T: Transport>(
    kn: &mut Kn<T>,
    buffer: Handle,
    offset: u64,
    length: usize,
    prot: u32,
) -> Result<*mut u8, Retcode> {
    let (_, at) = kn.map_dma(buffer, offset, length as u64, prot)?;
    map_granted(at, length, prot)
}

/// Makes the one mapping that the kernel granted: it said where in its file the memory lies, and answers what is just
/// so.
fn map_granted(at: usize, length: usize, prot: u32) -> Result<*mut u8, Retcode> {
    const MAP_SHARED: usize = 1;
    // SAFETY: a fresh mapping at an address that the kernel chooses takes no memory from anybody.
    let at = unsafe { sys::call(sys::MMAP, [0, length, prot as usize, MAP_SHARED, 0, at]) };
    if at > 0 { Ok(at as *mut u8) } else { Err(Retcode::FAIL) }
}

/// Makes reserved pages usable. Returns whether the domain's memory limit allows it.
///
/// # Safety
///
/// The range is whole pages of a reservation of the caller's.
#[must_use]
pub unsafe fn commit(at: *mut u8, bytes: usize) -> bool {
    // SAFETY: the range is the caller's by its promise.
    unsafe { sys::call(sys::MPROTECT, [at as usize, bytes, PROT_READ_WRITE, 0, 0, 0]) == 0 }
}

/// Turns pages into a guard: touching them is a fault. Their contents are lost to the program.
///
/// # Safety
///
/// The range is whole pages of the caller's, and nothing uses them any more.
#[must_use]
pub unsafe fn guard(at: *mut u8, bytes: usize) -> bool {
    // SAFETY: the range is the caller's by its promise.
    unsafe { sys::call(sys::MPROTECT, [at as usize, bytes, PROT_NONE, 0, 0, 0]) == 0 }
}

/// Gives the memory of pages back but keeps the range: it reads as zero afterwards.
///
/// # Safety
///
/// The range is whole pages of the caller's, and nothing in them is needed any more.
pub unsafe fn discard(at: *mut u8, bytes: usize) {
    // SAFETY: the range is the caller's by its promise.
    unsafe { sys::call(sys::MADVISE, [at as usize, bytes, MADV_DONTNEED, 0, 0, 0]) };
}

/// Gives a range back altogether.
///
/// # Safety
///
/// The range is whole pages of the caller's, and nothing points into it any more.
pub unsafe fn release(at: *mut u8, bytes: usize) {
    // SAFETY: the range is the caller's by its promise.
    unsafe { sys::call(sys::MUNMAP, [at as usize, bytes, 0, 0, 0, 0]) };
}
