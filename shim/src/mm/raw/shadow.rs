// SPDX-License-Identifier: GPL-2.0-only
//! What a sanitizer is told: which bytes of the heap C may touch, and which it may not.
//!
//! An image that is instrumented, for a fuzzer, provides `machine_shadow`; it writes the shadow that the instrumented C
//! code looks at before each access. Other images have no such function, and nothing is told. Only debug builds tell:
//! they alone know the size that was asked for, and leave room between objects.

/// Behind the bytes that were asked for. The values are those of LLVM's AddressSanitizer, so that a report says the
/// same.
pub const RED_ZONE: u8 = 0xfa;
/// Freed.
pub const FREED: u8 = 0xfd;

/// `machine_shadow` of an instrumented image: `value` 0 opens bytes, another closes them.
type Shadow = extern "C" fn(address: usize, len: usize, value: u8);
/// `machine_shadow_check`: ends the domain with a report if C itself may not touch all of the bytes.
type Check = extern "C" fn(address: usize, len: usize, is_write: bool);

/// The address of a function of an instrumented image, 0 without one. Stable Rust has no weak symbols, so the linker is
/// asked in assembly.
macro_rules! hook {
    ($name:literal) => {{
        #[cfg(all(target_arch = "x86_64", feature = "domain"))]
        #[unsafe(naked)]
        extern "C" fn hook() -> usize {
            core::arch::naked_asm!(
                concat!(".weak ", $name),
                concat!("mov rax, qword ptr [rip + ", $name, "@GOTPCREL]"),
                "ret"
            )
        }

        #[cfg(not(all(target_arch = "x86_64", feature = "domain")))]
        extern "C" fn hook() -> usize {
            0
        }

        hook()
    }};
}

fn tell(address: usize, len: usize, value: u8) {
    let hook = hook!("machine_shadow");
    if hook != 0 {
        // SAFETY: the one symbol of this name is the sanitizer's, of this type.
        let shadow = unsafe { core::mem::transmute::<usize, Shadow>(hook) };
        shadow(address, len, value);
    }
}

/// Has a sanitizer look at bytes that a driver gave the shim to read, or to write: the shim, which is not instrumented,
/// does so for it. Does not return if they are not the driver's.
pub fn check(address: usize, len: usize, is_write: bool) {
    let hook = hook!("machine_shadow_check");
    if hook != 0 {
        // SAFETY: as above.
        let check = unsafe { core::mem::transmute::<usize, Check>(hook) };
        check(address, len, is_write);
    }
}

/// C may touch these bytes; `address` is a multiple of 8.
pub fn open(address: usize, len: usize) {
    tell(address, len, 0);
}

/// C must not touch these bytes, which follow opened ones or begin at a multiple of 8.
pub fn close(address: usize, len: usize, value: u8) {
    tell(address, len, value);
}
