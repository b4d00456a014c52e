// SPDX-License-Identifier: GPL-2.0-only
//! `asm/string.h`: `memcpy`, `memmove`, `memset`, `memcmp`, `strlen`, for C and for Rust alike.
//!
//! rustc turns loops that copy, fill or measure into calls of these very functions, which would then
//! call themselves. So short sizes are two overlapping accesses of fixed width, and every loop holds
//! an empty assembly statement or a volatile access, which the compiler cannot see through.
#![expect(unsafe_code, reason = "C symbols that are all about raw memory")]

#[cfg(target_arch = "x86_64")]
use crate::raw::cell::Word;
use core::arch::asm;
use core::ffi::{c_char, c_int, c_void};
use core::ptr;

/// What one round of a loop moves.
type Chunk = [u128; 4];
const CHUNK: usize = size_of::<Chunk>();

/// From here on x86's string instructions are faster than a loop; below, starting them costs more.
#[cfg(target_arch = "x86_64")]
const STRING_FROM: usize = 2048;

/// Up to here a loop of AVX2 fills faster than they do, if there is AVX2: a page in half of the time, and sysfs clears
/// one for each reading.
#[cfg(target_arch = "x86_64")]
const WIDE_UP_TO: usize = 16384;

/// Whether the processor has AVX2.
#[cfg(target_arch = "x86_64")]
static HAS_AVX2: Word<bool> = Word::new(false);

/// Takes what the kernel says of the processor.
pub fn init(boot_flags: u32) {
    #[cfg(target_arch = "x86_64")]
    HAS_AVX2.set(boot_flags & kos_bindings::port::boot_flag::AVX2 != 0);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = boot_flags;
}

/// Keeps the compiler from seeing a copying or filling loop.
#[inline(always)]
fn opaque() {
    // SAFETY: no instruction at all.
    unsafe { asm!("", options(nostack, preserves_flags)) };
}

/// Reads a `T` at any address.
///
/// # Safety
///
/// Its bytes are readable.
#[inline(always)]
unsafe fn get<T: Copy>(src: *const u8, at: usize) -> T {
    // SAFETY: the caller's promise.
    unsafe { src.wrapping_add(at).cast::<T>().read_unaligned() }
}

/// Writes a `T` at any address.
///
/// # Safety
///
/// Its bytes are writable.
#[inline(always)]
unsafe fn put<T: Copy>(dest: *mut u8, at: usize, value: T) {
    // SAFETY: the caller's promise.
    unsafe { dest.wrapping_add(at).cast::<T>().write_unaligned(value) };
}

/// Copies a `T` from each end; together they cover `len` bytes. Everything is read before anything is
/// written, so the ranges may overlap.
///
/// # Safety
///
/// `len` bytes are readable at `src` and writable at `dest`; `len` is one to two times `T`.
#[inline(always)]
unsafe fn copy_ends<T: Copy>(dest: *mut u8, src: *const u8, len: usize) {
    let last = len - size_of::<T>();
    // SAFETY: the caller's promise.
    let head: T = unsafe { get(src, 0) };
    // SAFETY: `last` and a `T` are `len`.
    let tail: T = unsafe { get(src, last) };
    // SAFETY: the caller's promise.
    unsafe { put(dest, 0, head) };
    // SAFETY: as for the tail's read.
    unsafe { put(dest, last, tail) };
}

/// Copies up to two chunks, overlapping or not.
///
/// # Safety
///
/// `len` bytes are readable at `src` and writable at `dest`; `len` is at most two chunks.
#[inline(always)]
#[expect(clippy::multiple_unsafe_ops_per_block, reason = "one of the arms runs")]
unsafe fn copy_short(dest: *mut u8, src: *const u8, len: usize) {
    // SAFETY: in every arm `len` is one to two times the width; the caller guarantees the rest.
    unsafe {
        match len {
            0 => {}
            1 => put::<u8>(dest, 0, get(src, 0)),
            2..=3 => copy_ends::<u16>(dest, src, len),
            4..=7 => copy_ends::<u32>(dest, src, len),
            8..=15 => copy_ends::<u64>(dest, src, len),
            16..=31 => copy_ends::<u128>(dest, src, len),
            32..=63 => copy_ends::<[u128; 2]>(dest, src, len),
            _ => copy_ends::<Chunk>(dest, src, len),
        }
    }
}

/// Copies from the first byte to the last: right also when `dest` lies below `src` and overlaps it.
///
/// # Safety
///
/// `len` bytes are readable at `src` and writable at `dest`; `len` is at least a chunk.
#[inline(always)]
unsafe fn copy_up(dest: *mut u8, src: *const u8, len: usize) {
    let last = len - CHUNK;
    // The tail is read first: the loop may write over it.
    // SAFETY: `last` and a chunk are `len`.
    let tail: Chunk = unsafe { get(src, last) };
    let mut at = 0;
    while at < last {
        // SAFETY: `at` is below `last`, so a chunk is left.
        let chunk: Chunk = unsafe { get(src, at) };
        // SAFETY: as above.
        unsafe { put(dest, at, chunk) };
        opaque();
        at += CHUNK;
    }
    // SAFETY: as for the tail's read.
    unsafe { put(dest, last, tail) };
}

/// Copies from the last byte to the first: right also when `dest` lies above `src` and overlaps it.
///
/// # Safety
///
/// As for [`copy_up`].
#[inline(always)]
unsafe fn copy_down(dest: *mut u8, src: *const u8, len: usize) {
    // The head is read first: the loop may write over it.
    // SAFETY: a chunk is left, as the caller promises.
    let head: Chunk = unsafe { get(src, 0) };
    let mut at = len - CHUNK;
    while at > 0 {
        // SAFETY: `at` and a chunk are at most `len`.
        let chunk: Chunk = unsafe { get(src, at) };
        // SAFETY: as above.
        unsafe { put(dest, at, chunk) };
        opaque();
        at = at.saturating_sub(CHUNK);
    }
    // SAFETY: as for the head's read.
    unsafe { put(dest, 0, head) };
}

/// Implements `memcpy`: copies `count` bytes between ranges that do not overlap.
///
/// # Safety
///
/// `count` bytes are readable at `src` and writable at `dest`.
#[cfg_attr(feature = "domain", unsafe(no_mangle))]
pub unsafe extern "C" fn memcpy(dest: *mut c_void, src: *const c_void, count: usize) -> *mut c_void {
    if count <= 2 * CHUNK {
        // SAFETY: the caller's promise.
        unsafe { copy_short(dest.cast(), src.cast(), count) };
        return dest;
    }
    #[cfg(target_arch = "x86_64")]
    if count >= STRING_FROM {
        // SAFETY: the caller guarantees the ranges; the ABI demands that the direction flag is clear.
        unsafe {
            asm!("rep movsb", inout("rcx") count => _, inout("rdi") dest => _, inout("rsi") src => _,
                 options(nostack, preserves_flags));
        }
        return dest;
    }
    // SAFETY: the caller's promise.
    unsafe { copy_up(dest.cast(), src.cast(), count) };
    dest
}

/// Implements `memmove`: copies `count` bytes, also between ranges that overlap.
///
/// # Safety
///
/// `count` bytes are readable at `src` and writable at `dest`.
#[cfg_attr(feature = "domain", unsafe(no_mangle))]
pub unsafe extern "C" fn memmove(dest: *mut c_void, src: *const c_void, count: usize) -> *mut c_void {
    if count <= 2 * CHUNK {
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

/// Writes a `T` at each end, covering `len` bytes.
///
/// # Safety
///
/// `len` bytes are writable at `dest`; `len` is one to two times `T`.
#[inline(always)]
unsafe fn fill_ends<T: Copy>(dest: *mut u8, value: T, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { put(dest, 0, value) };
    // SAFETY: the last block ends where the range ends.
    unsafe { put(dest, len - size_of::<T>(), value) };
}

/// Implements `memset`: fills `count` bytes with the low byte of `c`.
///
/// # Safety
///
/// `count` bytes are writable at `s`.
#[cfg_attr(feature = "domain", unsafe(no_mangle))]
pub unsafe extern "C" fn memset(s: *mut c_void, c: c_int, count: usize) -> *mut c_void {
    let dest: *mut u8 = s.cast();
    let [byte, ..] = c.to_le_bytes();
    let wide = u128::from_le_bytes([byte; 16]);
    #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one of the arms runs")]
    // SAFETY: in every arm `count` is one to two times the width; the caller guarantees the rest.
    unsafe {
        match count {
            0 => {}
            1 => put(dest, 0, byte),
            2..=3 => fill_ends(dest, u16::from_le_bytes([byte; 2]), count),
            4..=7 => fill_ends(dest, u32::from_le_bytes([byte; 4]), count),
            8..=15 => fill_ends(dest, u64::from_le_bytes([byte; 8]), count),
            16..=31 => fill_ends(dest, wide, count),
            32..=63 => fill_ends(dest, [wide; 2], count),
            64..=128 => fill_ends(dest, [wide; 4], count),
            _ => fill_long(dest, byte, wide, count),
        }
    }
    s
}

/// Fills more than two chunks.
///
/// # Safety
///
/// `len` bytes are writable at `dest`.
#[inline(always)]
unsafe fn fill_long(dest: *mut u8, byte: u8, wide: u128, len: usize) {
    #[cfg(target_arch = "x86_64")]
    if (STRING_FROM..=WIDE_UP_TO).contains(&len) && HAS_AVX2.get() {
        // SAFETY: the processor has AVX2; the caller guarantees the range, which is longer than four vectors.
        unsafe { fill_wide(dest, byte, len) };
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if len >= STRING_FROM {
        // SAFETY: the caller guarantees the range; the ABI demands that the direction flag is clear.
        unsafe {
            asm!("rep stosb", inout("rcx") len => _, inout("rdi") dest => _, in("al") byte,
                 options(nostack, preserves_flags));
        }
        return;
    }
    let _ = byte;
    let mut at = 0;
    while at < len - CHUNK {
        // SAFETY: a chunk is left.
        unsafe { put(dest, at, [wide; 4]) };
        opaque();
        at += CHUNK;
    }
    // SAFETY: the range is longer than a chunk.
    unsafe { put(dest, len - CHUNK, [wide; 4]) };
}

/// Fills at least four vectors.
///
/// # Safety
///
/// The processor has AVX2. `len` bytes are writable at `dest`; `len` is 128 or more.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn fill_wide(dest: *mut u8, byte: u8, len: usize) {
    let vector = core::arch::x86_64::_mm256_set1_epi8(byte.cast_signed());
    let vectors = [vector; 4];
    let last = len - size_of_val(&vectors);
    let mut at = 0;
    while at < last {
        // SAFETY: `at` is below `last`, so four vectors are left.
        unsafe { put(dest, at, vectors) };
        opaque();
        at += size_of_val(&vectors);
    }
    // SAFETY: `last` and four vectors are `len`.
    unsafe { put(dest, last, vectors) };
}

/// Implements `memcmp`: negative, 0 or positive as the first bytes that differ compare.
///
/// # Safety
///
/// `count` bytes are readable at `cs` and at `ct`.
#[cfg_attr(feature = "domain", unsafe(no_mangle))]
pub unsafe extern "C" fn memcmp(cs: *const c_void, ct: *const c_void, count: usize) -> c_int {
    let (a, b): (*const u8, *const u8) = (cs.cast(), ct.cast());
    let mut at = 0;
    while at + 8 <= count {
        // SAFETY: eight bytes are left.
        let x: u64 = unsafe { get(a, at) };
        // SAFETY: eight bytes are left.
        let y: u64 = unsafe { get(b, at) };
        if x != y {
            return if u64::from_be(x) < u64::from_be(y) { -1 } else { 1 };
        }
        opaque();
        at += 8;
    }
    while at < count {
        // SAFETY: a byte is left.
        let x: u8 = unsafe { get(a, at) };
        // SAFETY: a byte is left.
        let y: u8 = unsafe { get(b, at) };
        if x != y {
            return c_int::from(x) - c_int::from(y);
        }
        opaque();
        at += 1;
    }
    0
}

/// What rustc and LLVM call where only equality is asked; the same as `memcmp`.
///
/// # Safety
///
/// As for `memcmp`.
#[cfg_attr(feature = "domain", unsafe(no_mangle))]
pub unsafe extern "C" fn bcmp(cs: *const c_void, ct: *const c_void, count: usize) -> c_int {
    // SAFETY: the caller's promise is the same.
    unsafe { memcmp(cs, ct, count) }
}

/// Implements `strlen`: bytes before the first zero.
///
/// # Safety
///
/// `s` is a C string.
#[cfg_attr(feature = "domain", unsafe(no_mangle))]
pub unsafe extern "C" fn strlen(s: *const c_char) -> usize {
    let mut len = 0;
    // SAFETY: no byte before this one was zero, so the string goes on to here at least.
    while unsafe { ptr::read_volatile(s.wrapping_add(len)) } != 0 {
        len += 1;
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|i| u8::try_from(i * 7 % 251).unwrap_or(0)).collect()
    }

    fn lengths() -> impl Iterator<Item = usize> {
        (0..300).chain([500, 1000, 2047, 2048, 2049, 5000])
    }

    #[test]
    fn copies_exactly_the_range() {
        for len in lengths() {
            let from = pattern(len);
            let mut to = std::vec![0xee_u8; len + 16];
            // SAFETY: both ranges are in the vectors.
            unsafe { memcpy(to[8..].as_mut_ptr().cast(), from.as_ptr().cast(), len) };
            assert_eq!(to[8..8 + len], from[..]);
            assert!(to[..8].iter().chain(&to[8 + len..]).all(|b| *b == 0xee), "{len}");
        }
    }

    #[test]
    fn moves_over_itself_both_ways() {
        for len in lengths() {
            for shift in [0, 1, 3, 16, 40, 63, 64, 65, 200] {
                let mut expected = pattern(len + shift);
                let mut up = expected.clone();
                let mut down = expected.clone();
                // SAFETY: both ranges are in the vector.
                unsafe { memmove(up[shift..].as_mut_ptr().cast(), up.as_ptr().cast(), len) };
                // SAFETY: both ranges are in the vector.
                unsafe { memmove(down.as_mut_ptr().cast(), down[shift..].as_ptr().cast(), len) };
                let original = expected.clone();
                expected.copy_within(..len, shift);
                assert_eq!(up, expected, "{len} up by {shift}");
                expected.clone_from(&original);
                expected.copy_within(shift.., 0);
                assert_eq!(down, expected, "{len} down by {shift}");
            }
        }
    }

    #[test]
    fn fills_exactly_the_range() {
        for len in lengths() {
            let mut to = std::vec![0xee_u8; len + 16];
            // SAFETY: the range is in the vector.
            unsafe { memset(to[8..].as_mut_ptr().cast(), 0x1ab, len) };
            assert!(to[8..8 + len].iter().all(|b| *b == 0xab), "{len}");
            assert!(to[..8].iter().chain(&to[8 + len..]).all(|b| *b == 0xee), "{len}");
        }
    }

    #[test]
    fn compares_as_unsigned_bytes() {
        for len in lengths().filter(|len| *len > 0) {
            let a = pattern(len);
            for at in [0, len / 2, len - 1] {
                let mut b = a.clone();
                b[at] = b[at].wrapping_add(128);
                // SAFETY: both ranges are in the vectors.
                let order = unsafe { memcmp(a.as_ptr().cast(), b.as_ptr().cast(), len) };
                assert_eq!(order.signum(), if a[at] < b[at] { -1 } else { 1 });
            }
            // SAFETY: both ranges are in the vector.
            assert_eq!(unsafe { bcmp(a.as_ptr().cast(), a.as_ptr().cast(), len) }, 0);
        }
    }

    #[test]
    fn measures_strings() {
        // SAFETY: a C string.
        assert_eq!(unsafe { strlen(c"adxl345".as_ptr()) }, 7);
        // SAFETY: a C string.
        assert_eq!(unsafe { strlen(c"".as_ptr()) }, 0);
    }
}
