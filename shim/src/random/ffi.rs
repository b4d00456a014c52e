// SPDX-License-Identifier: GPL-2.0-only
//! `include/linux/random.h`.
#![expect(unsafe_code, reason = "C symbols")]

use crate::{bindings, random, same_as_header};
use core::{
    ffi::{c_int, c_uint, c_void},
    slice,
};

/// One block of upstream's ChaCha20.
pub fn chacha20(state: &mut [u32; 16]) -> [u8; 64] {
    let mut block = [0; 64];
    // SAFETY: 16 words of state and 64 bytes of room, as `include/crypto/chacha.h` wants.
    unsafe { bindings::chacha_block_generic(state.as_mut_ptr(), block.as_mut_ptr(), 20) };
    block
}

/// A word from the processor's random instruction, if it has one.
#[cfg(target_arch = "x86_64")]
pub fn hardware_word() -> Option<u32> {
    const RDRAND: u32 = 1 << 30;
    if core::arch::x86_64::__cpuid(1).ecx & RDRAND == 0 {
        return None;
    }
    let word: u32;
    let is_there: u8;
    // SAFETY: the instruction exists (checked above); it writes a register and the carry flag.
    unsafe {
        core::arch::asm!("rdrand {0:e}", "setc {1}", out(reg) word, out(reg_byte) is_there, options(nomem, nostack));
    }
    (is_there != 0).then_some(word)
}

/// A word from the processor's random instruction: not asked for on this architecture.
#[cfg(not(target_arch = "x86_64"))]
pub fn hardware_word() -> Option<u32> {
    None
}

fn number<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    random::fill(&mut bytes);
    bytes
}

same_as_header!(
    get_random_bytes,
    get_random_u8,
    get_random_u16,
    get_random_u32,
    get_random_u64
);
/// Implements `get_random_bytes`.
///
/// # Safety
///
/// `buf` has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn get_random_bytes(buf: *mut c_void, len: usize) {
    if len != 0 {
        // SAFETY: the caller's promise.
        random::fill(unsafe { slice::from_raw_parts_mut(buf.cast(), len) });
    }
}

/// Implements `get_random_u8`.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn get_random_u8() -> u8 {
    u8::from_le_bytes(number())
}

/// Implements `get_random_u16`.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn get_random_u16() -> u16 {
    u16::from_le_bytes(number())
}

/// Implements `get_random_u32`.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn get_random_u32() -> u32 {
    u32::from_le_bytes(number())
}

/// Implements `get_random_u64`.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn get_random_u64() -> u64 {
    u64::from_le_bytes(number())
}

same_as_header!(__get_random_u32_below);
/// Implements `get_random_u32_below` for a limit that is not constant: uniform below `ceil`.
///
/// # Returns
///
/// A number below `ceil`; any number for 0, as in Linux.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __get_random_u32_below(ceil: u32) -> u32 {
    let Some(limit) = u32::MAX
        .checked_sub(ceil.wrapping_sub(1))
        .and_then(|n| n.checked_rem(ceil))
    else {
        return u32::from_le_bytes(number());
    };
    loop {
        // The product's high word is uniform once the lowest `2^32 mod ceil` low words are thrown away (Lemire).
        let product = u64::from(u32::from_le_bytes(number())) * u64::from(ceil);
        let [a, b, c, d, e, f, g, h] = product.to_le_bytes();
        if u32::from_le_bytes([a, b, c, d]) >= limit {
            return u32::from_le_bytes([e, f, g, h]);
        }
    }
}

same_as_header!(rng_is_initialized, wait_for_random_bytes);
/// Implements `rng_is_initialized`: it is from the start.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rng_is_initialized() -> bool {
    true
}

/// Implements `wait_for_random_bytes`: there is nothing to wait for.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wait_for_random_bytes() -> c_int {
    0
}

#[cfg(has = "execute_with_initialized_rng")]
same_as_header!(execute_with_initialized_rng);
/// Implements `execute_with_initialized_rng`: calls `nb` at once.
///
/// # Safety
///
/// `nb` is a notifier with a function.
#[cfg(has = "execute_with_initialized_rng")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execute_with_initialized_rng(nb: *mut bindings::notifier_block) -> c_int {
    // SAFETY: the caller's promise.
    let call = unsafe { (*nb).notifier_call };
    if let Some(call) = call {
        // SAFETY: the caller's promise; the arguments are those of a generator that is ready.
        unsafe { call(nb, 0, core::ptr::null_mut()) };
    }
    0
}

same_as_header!(add_device_randomness, add_bootloader_randomness);
/// Implements `add_device_randomness`: mixes in what a driver knows of its device.
///
/// # Safety
///
/// `buf` holds `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn add_device_randomness(buf: *const c_void, len: usize) {
    if len != 0 && !buf.is_null() {
        // SAFETY: the caller's promise.
        random::mix(unsafe { slice::from_raw_parts(buf.cast(), len) });
    }
}

/// Implements `add_bootloader_randomness`: mixes in the device tree's seed.
///
/// # Safety
///
/// `buf` holds `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn add_bootloader_randomness(buf: *const c_void, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { add_device_randomness(buf, len) };
}

same_as_header!(add_input_randomness, add_interrupt_randomness);
/// Implements `add_input_randomness`: a no-op, as the seed does not come from events, whose time may be virtual.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn add_input_randomness(_type: c_uint, _code: c_uint, _value: c_uint) {}

/// Implements `add_interrupt_randomness`: a no-op for the same reason.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn add_interrupt_randomness(_irq: c_int) {}
