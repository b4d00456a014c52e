// SPDX-License-Identifier: MIT OR Apache-2.0
//! Raw system calls, without libc. A domain has no libc, and the client side shares the futex
//! protocol.
#![expect(
    unsafe_code,
    reason = "system calls and nothing else; the callers' promises are at the callers"
)]

use core::sync::atomic::AtomicU32;

#[cfg(target_arch = "x86_64")]
mod nr {
    pub(crate) const MMAP: usize = 9;
    pub(crate) const MPROTECT: usize = 10;
    pub(crate) const MUNMAP: usize = 11;
    pub(crate) const RT_SIGACTION: usize = 13;
    pub(crate) const RT_SIGRETURN: usize = 15;
    pub(crate) const MADVISE: usize = 28;
    pub(crate) const SIGALTSTACK: usize = 131;
    pub(crate) const FUTEX: usize = 202;
    pub(crate) const CLOCK_GETTIME: usize = 228;
    pub(crate) const EXIT_GROUP: usize = 231;
    pub(crate) const PRLIMIT64: usize = 302;
    pub(crate) const SECCOMP: usize = 317;
    pub(crate) const CLOSE_RANGE: usize = 436;
}

#[cfg(target_arch = "aarch64")]
mod nr {
    pub(crate) const MMAP: usize = 222;
    pub(crate) const MPROTECT: usize = 226;
    pub(crate) const MUNMAP: usize = 215;
    pub(crate) const RT_SIGACTION: usize = 134;
    pub(crate) const MADVISE: usize = 233;
    pub(crate) const SIGALTSTACK: usize = 132;
    pub(crate) const FUTEX: usize = 98;
    pub(crate) const CLOCK_GETTIME: usize = 113;
    pub(crate) const EXIT_GROUP: usize = 94;
    pub(crate) const PRLIMIT64: usize = 261;
    pub(crate) const SECCOMP: usize = 277;
    pub(crate) const CLOSE_RANGE: usize = 436;
}

pub(crate) use nr::*;

/// Makes system call `nr`; returns the result or a negative errno.
///
/// # Safety
///
/// The call must not break memory that Rust believes to own.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) unsafe fn call(nr: usize, args: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel clobbers rcx, r11 and memory, which is declared; the rest is the caller's
    // promise.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") nr => result,
            in("rdi") args[0], in("rsi") args[1], in("rdx") args[2],
            in("r10") args[3], in("r8") args[4], in("r9") args[5],
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    result
}

/// Makes system call `nr`; returns the result or a negative errno.
///
/// # Safety
///
/// The call must not break memory that Rust believes to own.
#[cfg(target_arch = "aarch64")]
#[inline]
pub(crate) unsafe fn call(nr: usize, args: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel preserves all registers but x0; the rest is the caller's promise.
    unsafe {
        core::arch::asm!(
            "svc 0",
            in("x8") nr,
            inlateout("x0") args[0] => result,
            in("x1") args[1], in("x2") args[2],
            in("x3") args[3], in("x4") args[4], in("x5") args[5],
            options(nostack)
        );
    }
    result
}

/// `struct timespec`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timespec {
    pub(crate) sec: i64,
    pub(crate) nsec: i64,
}

impl Timespec {
    #[cfg(feature = "hosted")]
    #[expect(clippy::cast_possible_wrap, reason = "2^63 ns are 292 years of uptime")]
    pub(crate) fn from_ns(ns: u64) -> Self {
        Self {
            sec: (ns / 1_000_000_000) as i64,
            nsec: (ns % 1_000_000_000) as i64,
        }
    }

    #[expect(clippy::cast_sign_loss, reason = "CLOCK_MONOTONIC is never negative")]
    #[inline]
    pub(crate) fn ns(self) -> u64 {
        (self.sec as u64)
            .wrapping_mul(1_000_000_000)
            .wrapping_add(self.nsec as u64)
    }
}

const FUTEX_WAIT_BITSET: usize = 9;
const FUTEX_WAKE_BITSET: usize = 10;

/// Sleepers in any process that has the word mapped. Linux looks the page up each time.
pub(crate) const EVERYWHERE: usize = 0;
/// Sleepers in this process only (`FUTEX_PRIVATE_FLAG`): its address tells the word.
#[cfg(feature = "hosted")]
pub(crate) const HERE: usize = 128;

/// Sleeps while `word` is `expected`, until a wake-up with `bit` or until `deadline_ns` on
/// `CLOCK_MONOTONIC`.
///
/// Any reason ends the wait, a signal too: the caller looks at the word again.
#[inline]
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, bit: u32, deadline: Option<Timespec>) {
    futex_wait_in(EVERYWHERE, word, expected, bit, deadline);
}

/// As [`futex_wait`], among the sleepers of `scope`.
#[inline]
pub(crate) fn futex_wait_in(scope: usize, word: &AtomicU32, expected: u32, bit: u32, deadline: Option<Timespec>) {
    let limit = deadline.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: the kernel only reads `word` and `limit`, which live for the call.
    unsafe {
        call(
            FUTEX,
            [
                word.as_ptr() as usize,
                FUTEX_WAIT_BITSET | scope,
                expected as usize,
                limit as usize,
                0,
                bit as usize,
            ],
        );
    }
}

/// Wakes the one sleeper on `word` that waits for `bit`.
#[inline]
pub(crate) fn futex_wake(word: &AtomicU32, bit: u32) {
    futex_wake_in(EVERYWHERE, word, bit);
}

/// As [`futex_wake`], among the sleepers of `scope`.
#[inline]
pub(crate) fn futex_wake_in(scope: usize, word: &AtomicU32, bit: u32) {
    let op = FUTEX_WAKE_BITSET | scope;
    // SAFETY: the kernel uses the address of `word` as a key only.
    unsafe {
        call(FUTEX, [word.as_ptr() as usize, op, 1, 0, 0, bit as usize]);
    }
}

/// Reads `CLOCK_MONOTONIC` with a system call.
pub(crate) fn clock_ns() -> u64 {
    const CLOCK_MONOTONIC: usize = 1;
    let mut time = Timespec::default();
    // SAFETY: the kernel writes one timespec to the live variable `time`.
    unsafe {
        call(CLOCK_GETTIME, [CLOCK_MONOTONIC, (&raw mut time) as usize, 0, 0, 0, 0]);
    }
    time.ns()
}
