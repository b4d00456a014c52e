// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of a domain: fault signals, and last words.
//!
//! A fault runs on a stack of its own, so an overflowing stack can still be reported. The handler
//! asks the image's hook for words and frames, writes the epitaph into the port, where the kernel
//! finds it, and ends the domain.
#![expect(unsafe_code, reason = "signal frames, and the epitaph's place in the port")]

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use super::start::{exit, port_base};
use super::types::{Crash, FaultHook};
use crate::port::{CAUSE_BYTES, EPITAPH_AT, Epitaph, MAX_FRAMES};
use crate::sys;

static HOOK: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Lets `hook` see each fault before the domain ends.
pub fn set_fault_hook(hook: FaultHook) {
    HOOK.store(hook as *mut (), Relaxed);
}

/// Writes the epitaph and ends the domain with `code`. The first epitaph stands: a fault while
/// dying adds nothing.
pub fn die(crash: Crash<'_>, code: i32) -> ! {
    let base = port_base();
    if !base.is_null() {
        let epitaph = base.wrapping_add(EPITAPH_AT).cast::<Epitaph>();
        // SAFETY: the port is mapped for good and has an epitaph there; the domain has one thread.
        write(unsafe { &mut *epitaph }, crash);
    }
    exit(code)
}

fn write(epitaph: &mut Epitaph, crash: Crash<'_>) {
    if epitaph.cause_len != 0 {
        return;
    }
    let cause = crash.cause.len().min(CAUSE_BYTES);
    let frames = crash.frames.len().min(MAX_FRAMES);
    for (to, from) in epitaph.cause.iter_mut().zip(crash.cause) {
        *to = *from;
    }
    for (to, from) in epitaph.frames.iter_mut().zip(crash.frames) {
        *to = *from;
    }
    epitaph.signal = crash.signal;
    epitaph.addr = crash.addr;
    epitaph.ip = crash.ip;
    epitaph.sp = crash.sp;
    epitaph.bp = crash.bp;
    epitaph.top = crash.top;
    epitaph.frame_count = u32::try_from(frames).unwrap_or(0);
    epitaph.cause_len = u32::try_from(cause).unwrap_or(0);
}

/// Room for the largest signal frame known (AMX state, 11 KiB) and the hook. Untouched pages cost
/// nothing.
const STACK_BYTES: usize = 64 * 1024;

#[repr(C, align(4096))]
struct Stack(UnsafeCell<[u8; STACK_BYTES]>);

// SAFETY: only the kernel writes there, when it delivers a signal to the one thread.
unsafe impl Sync for Stack {}

static STACK: Stack = Stack(UnsafeCell::new([0; STACK_BYTES]));

/// The kernel's `struct sigaction` of x86_64 and aarch64.
#[repr(C)]
struct SigAction {
    handler: usize,
    flags: usize,
    restorer: usize,
    mask: u64,
}

/// `stack_t`.
#[repr(C)]
struct SigStack {
    sp: usize,
    flags: i32,
    size: usize,
}

const SIGNALS: [usize; 5] = [11, 4, 8, 7, 5];

/// Routes fault signals to the handler. Returns whether the kernel agreed.
pub(super) fn install() -> bool {
    const SA_SIGINFO: usize = 4;
    const SA_ONSTACK: usize = 0x0800_0000;
    const SA_RESETHAND: usize = 0x8000_0000;
    #[cfg(target_arch = "x86_64")]
    const SA_RESTORER: usize = 0x0400_0000;
    #[cfg(not(target_arch = "x86_64"))]
    const SA_RESTORER: usize = 0;

    let stack = SigStack {
        sp: STACK.0.get() as usize,
        flags: 0,
        size: STACK_BYTES,
    };
    // SAFETY: the kernel reads `stack`; the memory that it names is a static used for nothing else.
    if unsafe { sys::call(sys::SIGALTSTACK, [(&raw const stack) as usize, 0, 0, 0, 0, 0]) } != 0 {
        return false;
    }
    // A second fault, in the handler, finds the default action: the domain ends with what was said
    // so far.
    let action = SigAction {
        handler: handler as *const () as usize,
        flags: SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_RESTORER,
        restorer: restorer_address(),
        mask: 0,
    };
    SIGNALS.iter().all(|signal| {
        // SAFETY: the kernel reads `action`, whose handler lives as long as the image.
        unsafe { sys::call(sys::RT_SIGACTION, [*signal, (&raw const action) as usize, 0, 8, 0, 0]) == 0 }
    })
}

#[cfg(target_arch = "x86_64")]
fn restorer_address() -> usize {
    restorer as *const () as usize
}

/// The vdso has the code there.
#[cfg(target_arch = "aarch64")]
fn restorer_address() -> usize {
    0
}

/// Returns from a handler. Ours never does; the kernel wants an address that is code.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
extern "C" fn restorer() {
    core::arch::naked_asm!("mov eax, {nr}", "syscall", nr = const sys::RT_SIGRETURN)
}

/// Offsets into `siginfo_t` and `ucontext_t` (`arch/x86/include/uapi/asm/sigcontext.h`,
/// `asm-generic/ucontext.h`).
#[cfg(target_arch = "x86_64")]
mod frame {
    pub(super) const BP: usize = 40 + 10 * 8;
    pub(super) const SP: usize = 40 + 15 * 8;
    pub(super) const IP: usize = 40 + 16 * 8;
}

/// Offsets into `ucontext_t` (`arch/arm64/include/uapi/asm/ucontext.h`): `x29`, `sp` and `pc` of
/// `sigcontext`.
#[cfg(target_arch = "aarch64")]
mod frame {
    const REGS: usize = 176 + 8;
    pub(super) const BP: usize = REGS + 29 * 8;
    pub(super) const SP: usize = REGS + 31 * 8;
    pub(super) const IP: usize = REGS + 32 * 8;
}

extern "C" fn handler(signal: i32, info: *const u8, context: *const u8) {
    const SI_CODE: usize = 8;
    const SI_ADDR: usize = 16;
    // SAFETY: the kernel passes a siginfo_t and a ucontext_t, which have these words.
    let word = |at: *const u8, offset: usize| unsafe { at.wrapping_add(offset).cast::<u64>().read() };
    // SAFETY: the kernel passes a siginfo_t, which has this word.
    let code = unsafe { info.wrapping_add(SI_CODE).cast::<i32>().read() };
    // `include/uapi/asm-generic/siginfo.h`: what a process sends has no positive code, and no address.
    let is_sent = code <= 0;
    let crash = Crash {
        signal: signal.unsigned_abs(),
        addr: if is_sent { 0 } else { word(info, SI_ADDR) },
        ip: word(context, frame::IP),
        sp: word(context, frame::SP),
        bp: word(context, frame::BP),
        top: 0,
        is_sent,
        cause: if is_sent { b"interrupted" } else { name(signal) },
        frames: &[],
    };
    let hook = HOOK.load(Relaxed);
    if !hook.is_null() {
        // SAFETY: `set_fault_hook` stores only functions of this type.
        let hook = unsafe { core::mem::transmute::<*mut (), FaultHook>(hook) };
        hook(crash);
    }
    die(crash, 128_i32.saturating_add(signal))
}

fn name(signal: i32) -> &'static [u8] {
    match signal {
        11 => b"invalid memory access",
        4 => b"illegal instruction",
        8 => b"arithmetic fault",
        7 => b"bus error",
        5 => b"breakpoint",
        _ => b"signal",
    }
}
