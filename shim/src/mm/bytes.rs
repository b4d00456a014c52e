// SPDX-License-Identifier: GPL-2.0-only
//! `asm/string.h`: `memcpy`, `memmove`, `memset`, `memcmp`, `strlen`, for C and for Rust alike.
//!
//! rustc turns loops that copy, fill or measure into calls of these very functions. So there is no
//! such loop here: short sizes are two overlapping accesses of fixed width, long ones a string
//! instruction (x86_64) or volatile accesses (elsewhere), which the compiler leaves alone.
#![expect(unsafe_code, reason = "C symbols that are all about raw memory")]

use core::ffi::{c_char, c_int, c_void};
use core::ptr;

/// Copies a block of `T` from each end; together they cover `len` bytes, one to two times `T`.
///
/// Everything is read before anything is written, so the ranges may overlap.
///
/// # Safety
///
/// `len` bytes are readable at `src` and writable at `dest`; `size_of::<T>() <= len`.
#[inline(always)]
unsafe fn copy_ends<T: Copy>(dest: *mut u8, src: *const u8, len: usize) {
    let last = len - size_of::<T>();
    // SAFETY: the caller guarantees `len` readable bytes.
    let head = unsafe { src.cast::<T>().read_unaligned() };
    // SAFETY: `last + size_of::<T>()` is `len`.
    let tail = unsafe { src.add(last).cast::<T>().read_unaligned() };
    // SAFETY: the caller guarantees `len` writable bytes.
    unsafe { dest.cast::<T>().write_unaligned(head) };
    // SAFETY: as above.
    unsafe { dest.add(last).cast::<T>().write_unaligned(tail) };
}

/// Copies up to 64 bytes, overlapping or not.
///
/// # Safety
///
/// `len` bytes are readable at `src` and writable at `dest`; `len <= 64`.
#[inline(always)]
unsafe fn copy_short(dest: *mut u8, src: *const u8, len: usize) {
    // SAFETY: in every arm `len` is between one and two times the width; the caller guarantees the rest.
    unsafe {
        match len {
            0 => {}
            1 => *dest = *src,
            2..=3 => copy_ends::<u16>(dest, src, len),
            4..=7 => copy_ends::<u32>(dest, src, len),
            8..=15 => copy_ends::<u64>(dest, src, len),
            16..=31 => copy_ends::<u128>(dest, src, len),
            _ => copy_ends::<[u128; 2]>(dest, src, len),
        }
    }
}

/// Copies upwards, first byte first.
///
/// # Safety
///
/// `len` bytes are readable at `src` and writable at `dest`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn copy_up(dest: *mut u8, src: *const u8, len: usize) {
    // SAFETY: the caller guarantees the ranges; the direction flag is clear as the ABI demands.
    unsafe {
        core::arch::asm!(
            "rep movsb",
            inout("rcx") len => _, inout("rdi") dest => _, inout("rsi") src => _,
            options(nostack, preserves_flags),
        );
    }
}

/// Copies downwards, last byte first, in words while it can.
///
/// # Safety
///
/// `len` bytes are readable at `src` and writable at `dest`.
#[inline(always)]
unsafe fn copy_down(dest: *mut u8, src: *const u8, mut len: usize) {
    while len >= 8 {
        len -= 8;
        // SAFETY: `len + 8` bytes of both ranges are left.
        let word = unsafe { ptr::read_volatile(src.add(len).cast::<Unaligned>()) };
        // SAFETY: as above.
        unsafe { ptr::write_volatile(dest.add(len).cast::<Unaligned>(), word) };
    }
    while len > 0 {
        len -= 1;
        // SAFETY: `len + 1` bytes of both ranges are left.
        let byte = unsafe { ptr::read_volatile(src.add(len)) };
        // SAFETY: as above.
        unsafe { ptr::write_volatile(dest.add(len), byte) };
    }
}

/// Copies upwards in words while it can.
///
/// # Safety
///
/// `len` bytes are readable at `src` and writable at `dest`.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn copy_up(dest: *mut u8, src: *const u8, len: usize) {
    let mut at = 0;
    while at + 8 <= len {
        // SAFETY: eight bytes of both ranges are left.
        let word = unsafe { ptr::read_volatile(src.add(at).cast::<Unaligned>()) };
        // SAFETY: as above.
        unsafe { ptr::write_volatile(dest.add(at).cast::<Unaligned>(), word) };
        at += 8;
    }
    while at < len {
        // SAFETY: a byte of both ranges is left.
        let byte = unsafe { ptr::read_volatile(src.add(at)) };
        // SAFETY: as above.
        unsafe { ptr::write_volatile(dest.add(at), byte) };
        at += 1;
    }
}

/// A word at any address.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Unaligned(u64);

/// Implements `memcpy`: copies `count` bytes between ranges that do not overlap.
///
/// # Safety
///
/// `count` bytes are readable at `src` and writable at `dest`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcpy(dest: *mut c_void, src: *const c_void, count: usize) -> *mut c_void {
    if count <= 64 {
        // SAFETY: the caller's promise.
        unsafe { copy_short(dest.cast(), src.cast(), count) };
    } else {
        // SAFETY: the caller's promise.
        unsafe { copy_up(dest.cast(), src.cast(), count) };
    }
    dest
}

/// Implements `memmove`: copies `count` bytes, also between ranges that overlap.
///
/// # Safety
///
/// `count` bytes are readable at `src` and writable at `dest`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmove(dest: *mut c_void, src: *const c_void, count: usize) -> *mut c_void {
    if count <= 64 {
        // SAFETY: the caller's promise.
        unsafe { copy_short(dest.cast(), src.cast(), count) };
    } else if dest.addr().wrapping_sub(src.addr()) >= count {
        // SAFETY: the caller's promise; `dest` does not start inside the source.
        unsafe { copy_up(dest.cast(), src.cast(), count) };
    } else {
        // SAFETY: the caller's promise.
        unsafe { copy_down(dest.cast(), src.cast(), count) };
    }
    dest
}

/// Writes a block of `T` at each end, covering `len` bytes.
///
/// # Safety
///
/// `len` bytes are writable at `dest`; `size_of::<T>() <= len <= 2 * size_of::<T>()`.
#[inline(always)]
unsafe fn fill_ends<T: Copy>(dest: *mut u8, value: T, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { dest.cast::<T>().write_unaligned(value) };
    // SAFETY: the last block ends where the range ends.
    unsafe { dest.add(len - size_of::<T>()).cast::<T>().write_unaligned(value) };
}

/// Implements `memset`: fills `count` bytes with the low byte of `c`.
///
/// # Safety
///
/// `count` bytes are writable at `s`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memset(s: *mut c_void, c: c_int, count: usize) -> *mut c_void {
    let dest: *mut u8 = s.cast();
    let byte = c.to_le_bytes()[0];
    let word = u64::from(byte) * 0x0101_0101_0101_0101;
    let wide = u128::from(word) << 64 | u128::from(word);
    // SAFETY: in every arm `count` is between one and two times the width; the caller guarantees the rest.
    unsafe {
        match count {
            0 => {}
            1 => *dest = byte,
            2..=3 => fill_ends(dest, [byte; 2], count),
            4..=7 => fill_ends(dest, word as u32, count),
            8..=15 => fill_ends(dest, word, count),
            16..=31 => fill_ends(dest, wide, count),
            32..=63 => fill_ends(dest, [wide; 2], count),
            64..=128 => fill_ends(dest, [wide; 4], count),
            _ => fill_long(dest, byte, count),
        }
    }
    s
}

/// Fills upwards.
///
/// # Safety
///
/// `len` bytes are writable at `dest`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn fill_long(dest: *mut u8, byte: u8, len: usize) {
    // SAFETY: the caller guarantees the range; the direction flag is clear as the ABI demands.
    unsafe {
        core::arch::asm!(
            "rep stosb",
            inout("rcx") len => _, inout("rdi") dest => _, in("al") byte,
            options(nostack, preserves_flags),
        );
    }
}

/// Fills upwards.
///
/// # Safety
///
/// `len` bytes are writable at `dest`.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn fill_long(dest: *mut u8, byte: u8, len: usize) {
    let word = Unaligned(u64::from(byte) * 0x0101_0101_0101_0101);
    let mut at = 0;
    while at + 8 <= len {
        // SAFETY: eight bytes are left.
        unsafe { ptr::write_volatile(dest.add(at).cast::<Unaligned>(), word) };
        at += 8;
    }
    while at < len {
        // SAFETY: a byte is left.
        unsafe { ptr::write_volatile(dest.add(at), byte) };
        at += 1;
    }
}

/// Implements `memcmp`: the difference of the first bytes that differ, 0 if none do.
///
/// # Safety
///
/// `count` bytes are readable at `cs` and at `ct`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(cs: *const c_void, ct: *const c_void, count: usize) -> c_int {
    let (a, b): (*const u8, *const u8) = (cs.cast(), ct.cast());
    let mut at = 0;
    while at + 8 <= count {
        // SAFETY: eight bytes are left.
        let x = unsafe { ptr::read_volatile(a.add(at).cast::<Unaligned>()) }.0;
        // SAFETY: eight bytes are left.
        let y = unsafe { ptr::read_volatile(b.add(at).cast::<Unaligned>()) }.0;
        if x != y {
            return if u64::from_be(x) < u64::from_be(y) { -1 } else { 1 };
        }
        at += 8;
    }
    while at < count {
        // SAFETY: a byte is left.
        let x = unsafe { ptr::read_volatile(a.add(at)) };
        // SAFETY: a byte is left.
        let y = unsafe { ptr::read_volatile(b.add(at)) };
        if x != y {
            return c_int::from(x) - c_int::from(y);
        }
        at += 1;
    }
    0
}

/// What rustc calls where only equality is asked; the same as `memcmp`.
///
/// # Safety
///
/// As for `memcmp`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcmp(cs: *const c_void, ct: *const c_void, count: usize) -> c_int {
    // SAFETY: the caller's promise is the same.
    unsafe { memcmp(cs, ct, count) }
}

/// Implements `strlen`: bytes before the first zero.
///
/// # Safety
///
/// `s` is a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strlen(s: *const c_char) -> usize {
    let mut len = 0;
    // SAFETY: no byte before this one was zero, so the string goes on to here at least.
    while unsafe { ptr::read_volatile(s.add(len)) } != 0 {
        len += 1;
    }
    len
}
