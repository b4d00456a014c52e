// SPDX-License-Identifier: MIT OR Apache-2.0
//! The four functions that compiled Rust expects of its surroundings.

/// # Safety
///
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    // `rep movsb` takes 30 cycles to start; most messages are shorter than that is worth.
    if bytes <= 64 {
        let mut at = 0;
        while at + 8 <= bytes {
            let word = unsafe { from.add(at).cast::<u64>().read_unaligned() };
            unsafe { to.add(at).cast::<u64>().write_unaligned(word) };
            at += 8;
        }
        while at < bytes {
            unsafe { to.add(at).write_volatile(from.add(at).read_volatile()) };
            at += 1;
        }
        return to;
    }
    unsafe {
        core::arch::asm!("rep movsb", inout("rdi") to => _, inout("rsi") from => _, inout("rcx") bytes => _);
    }
    to
}

/// # Safety
///
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= bytes {
        return unsafe { memcpy(to, from, bytes) };
    }
    let mut at = bytes;
    while at > 0 {
        at -= 1;
        unsafe { to.add(at).write_volatile(from.add(at).read_volatile()) };
    }
    to
}

/// # Safety
///
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, bytes: usize) -> *mut u8 {
    unsafe {
        core::arch::asm!("rep stosb", inout("rdi") to => _, inout("rcx") bytes => _, in("al") byte as u8);
    }
    to
}

/// # Safety
///
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, bytes: usize) -> i32 {
    for at in 0..bytes {
        let (a, b) = unsafe { (a.add(at).read_volatile(), b.add(at).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// # Safety
///
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, bytes: usize) -> i32 {
    unsafe { memcmp(a, b, bytes) }
}

#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    loop {}
}
