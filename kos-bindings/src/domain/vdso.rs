// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clock, read without a system call where the kernel offers that.
//!
//! Linux maps an ELF image into each process (`vdso(7)`) whose `__vdso_clock_gettime` reads
//! `CLOCK_MONOTONIC` in about 25 ns. The symbol is looked up once. Without it, `clock_gettime` is
//! one of the allowed system calls.
#![expect(
    unsafe_code,
    reason = "reads the ELF image that the kernel mapped, and calls into it"
)]

use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use crate::sys::{self, Timespec};

#[cfg(target_arch = "x86_64")]
const SYMBOL: &[u8] = b"__vdso_clock_gettime\0";
#[cfg(target_arch = "aarch64")]
const SYMBOL: &[u8] = b"__kernel_clock_gettime\0";

static CLOCK: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

type ClockGettime = unsafe extern "C" fn(clock: i32, time: *mut Timespec) -> i32;

/// Reads `CLOCK_MONOTONIC` in nanoseconds.
#[inline]
#[must_use]
pub fn clock_ns() -> u64 {
    const CLOCK_MONOTONIC: i32 = 1;
    let clock = CLOCK.load(Relaxed);
    if clock.is_null() {
        return sys::clock_ns();
    }
    // SAFETY: `find` stores only the address of the vdso's clock_gettime, which has this type.
    let clock = unsafe { core::mem::transmute::<*mut (), ClockGettime>(clock) };
    let mut time = Timespec::default();
    // SAFETY: it writes one timespec.
    unsafe { clock(CLOCK_MONOTONIC, &raw mut time) };
    time.ns()
}

/// Reads a `T` at `offset` of the image.
///
/// # Safety
///
/// The image must have a `T` there.
unsafe fn at<T: Copy>(base: usize, offset: usize) -> T {
    // SAFETY: our caller's promise; nothing is said about alignment.
    unsafe { (base.wrapping_add(offset) as *const T).read_unaligned() }
}

/// Offsets in ELF-64 structures (`elf(5)`).
mod elf {
    pub(super) const E_SHOFF: usize = 40;
    pub(super) const E_SHENTSIZE: usize = 58;
    pub(super) const E_SHNUM: usize = 60;
    pub(super) const SH_TYPE: usize = 4;
    pub(super) const SH_OFFSET: usize = 24;
    pub(super) const SH_SIZE: usize = 32;
    pub(super) const SH_LINK: usize = 40;
    pub(super) const SHT_DYNSYM: u32 = 11;
    pub(super) const ST_VALUE: usize = 8;
    pub(super) const SYM_BYTES: usize = 24;
}

/// Looks the clock up in the vdso at `base`; 0 means that there is none.
pub(super) fn find(base: usize) {
    if base == 0 {
        return;
    }
    // SAFETY: the kernel maps a whole ELF image there, section headers included.
    let found = unsafe { search(base) };
    if let Some(found) = found {
        CLOCK.store(found as *mut (), Relaxed);
    }
}

/// # Safety
///
/// A whole ELF-64 image with section headers must be mapped at `base`.
unsafe fn search(base: usize) -> Option<usize> {
    // SAFETY: the ELF header has these fields.
    let sections: u64 = unsafe { at(base, elf::E_SHOFF) };
    // SAFETY: as above.
    let size: u16 = unsafe { at(base, elf::E_SHENTSIZE) };
    // SAFETY: as above.
    let count: u16 = unsafe { at(base, elf::E_SHNUM) };
    let header = |index: usize| base + usize::try_from(sections).unwrap_or(0) + index * usize::from(size);
    for index in 0..usize::from(count) {
        // SAFETY: `index` is below the count of section headers.
        let kind: u32 = unsafe { at(header(index), elf::SH_TYPE) };
        if kind != elf::SHT_DYNSYM {
            continue;
        }
        // SAFETY: as above.
        let link: u32 = unsafe { at(header(index), elf::SH_LINK) };
        // SAFETY: as above; three fields of two headers.
        let symbols: usize = unsafe { at(header(index), elf::SH_OFFSET) };
        // SAFETY: as above.
        let bytes: usize = unsafe { at(header(index), elf::SH_SIZE) };
        // SAFETY: a symbol table links to its string table.
        let strings: usize = unsafe { at(header(link as usize), elf::SH_OFFSET) };
        for symbol in 0..bytes / elf::SYM_BYTES {
            let symbol = base + symbols + symbol * elf::SYM_BYTES;
            // SAFETY: inside the symbol table.
            let name: u32 = unsafe { at(symbol, 0) };
            let name = base + strings + name as usize;
            // SAFETY: names end with a zero, so the comparison stops inside the string table.
            if unsafe { is_symbol(name) } {
                // SAFETY: inside the symbol table.
                let value: usize = unsafe { at(symbol, elf::ST_VALUE) };
                return Some(base + value);
            }
        }
    }
    None
}

/// # Safety
///
/// `name` must be the address of a string that ends with a zero.
unsafe fn is_symbol(name: usize) -> bool {
    // SAFETY: `all` stops at the first difference, at the latest at the string's zero.
    SYMBOL
        .iter()
        .enumerate()
        .all(|(i, byte)| unsafe { at::<u8>(name, i) } == *byte)
}
