// SPDX-License-Identifier: GPL-2.0-only
//! Where the image, libFuzzer and AddressSanitizer touch.
//!
//! The fuzzer's own AddressSanitizer (rustc's, of its LLVM) maps the shadow; the image (clang's, of Debian's LLVM)
//! looks at it and writes it by itself (`glue/sanitizer.c`). No function of the runtime is called from the image, so
//! the two need not be of one version; all that they share is where the shadow lies.

use crate::image::Image;
use std::arch::asm;
use std::cell::UnsafeCell;
use std::ffi::{c_char, c_int, c_void};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

unsafe extern "C" {
    fn __sanitizer_cov_8bit_counters_init(start: *mut u8, end: *mut u8);
    fn __sanitizer_cov_pcs_init(start: *const usize, end: *const usize);
    fn __sanitizer_cov_trace_cmp1();
    fn __sanitizer_cov_trace_cmp2();
    fn __sanitizer_cov_trace_cmp4();
    fn __sanitizer_cov_trace_cmp8();
    fn __sanitizer_cov_trace_const_cmp1();
    fn __sanitizer_cov_trace_const_cmp2();
    fn __sanitizer_cov_trace_const_cmp4();
    fn __sanitizer_cov_trace_const_cmp8();
    fn __sanitizer_cov_trace_switch();
}

/// Read by the sanitizer before `main`. A domain begins on a stack that lies in a coroutine's frame: frames must be
/// where they seem to be, not in the sanitizer's heap.
#[unsafe(no_mangle)]
extern "C" fn __asan_default_options() -> *const c_char {
    c"detect_stack_use_after_return=0:allow_user_segv_handler=1".as_ptr()
}

/// Runs the sanitizer's constructors, hands the counters to libFuzzer, and its functions to the image.
pub fn connect(image: &Image) {
    let word = size_of::<usize>();
    for range in &image.constructors {
        for at in range.clone().step_by(word) {
            // SAFETY: the section holds pointers to constructors, and the image is mapped.
            let constructor = unsafe { (at as *const extern "C" fn()).read() };
            constructor();
        }
    }
    let hooks: [unsafe extern "C" fn(); 9] = [
        __sanitizer_cov_trace_cmp1,
        __sanitizer_cov_trace_cmp2,
        __sanitizer_cov_trace_cmp4,
        __sanitizer_cov_trace_cmp8,
        __sanitizer_cov_trace_const_cmp1,
        __sanitizer_cov_trace_const_cmp2,
        __sanitizer_cov_trace_const_cmp4,
        __sanitizer_cov_trace_const_cmp8,
        __sanitizer_cov_trace_switch,
    ];
    // SAFETY: the table in glue/sanitizer.c has as many places, and the image is mapped.
    unsafe { (image.hooks as *mut [unsafe extern "C" fn(); 9]).write(hooks) };
    // SAFETY: the section holds one byte per edge and stays mapped for the life of the process.
    unsafe { __sanitizer_cov_8bit_counters_init(image.counters.start as *mut u8, image.counters.end as *mut u8) };
    // SAFETY: the section holds two words per edge.
    unsafe { __sanitizer_cov_pcs_init(image.pcs.start as *const usize, image.pcs.end as *const usize) };
}

/// The shadow of memory (compiler-rt, `asan_mapping.h`, x86_64).
fn shadow(memory: &Range<usize>) -> Range<usize> {
    const AT: usize = 0x7fff_8000;
    (memory.start >> 3) + AT..(memory.end >> 3) + AT
}

/// Copies the shadow of some memory; in assembly, since no instrumented code may touch the shadow.
#[must_use]
pub fn shadow_of(memory: &Range<usize>) -> Vec<u8> {
    let shadow = shadow(memory);
    let mut kept = vec![0; shadow.len()];
    // SAFETY: the shadow of all memory is mapped; nobody writes it now, as the domain stands still.
    unsafe {
        asm!("rep movsb", inout("rcx") shadow.len() => _, inout("rdi") kept.as_mut_ptr() => _,
            inout("rsi") shadow.start => _, options(nostack, preserves_flags));
    }
    kept
}

/// Puts the shadow of some memory back; without a copy, all of it is open.
pub fn set_shadow(memory: &Range<usize>, copy: Option<&Vec<u8>>) {
    let shadow = shadow(memory);
    match copy {
        // SAFETY: as above; a piece that was kept does not change its size.
        Some(copy) => unsafe {
            asm!("rep movsb", inout("rcx") shadow.len().min(copy.len()) => _, inout("rdi") shadow.start => _,
                inout("rsi") copy.as_ptr() => _, options(nostack, preserves_flags));
        },
        // SAFETY: as above.
        None => unsafe {
            asm!("rep stosb", inout("rcx") shadow.len() => _, inout("rdi") shadow.start => _, in("al") 0u8,
                options(nostack, preserves_flags));
        },
    }
}

/// Where an image's code lies, and its `machine_fatal`: for the handler of faults.
static TEXT: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
static FATAL: AtomicUsize = AtomicUsize::new(0);

/// Signals of a fault, and what was done with each before.
const SIGNALS: [(c_int, &str); 4] = [
    (libc::SIGSEGV, "invalid memory access"),
    (libc::SIGBUS, "bus error"),
    (libc::SIGILL, "illegal instruction"),
    (libc::SIGFPE, "arithmetic fault"),
];

struct Before(UnsafeCell<[Option<libc::sigaction>; SIGNALS.len()]>);

// SAFETY: written once before any fault is handled, by the one thread that there is.
unsafe impl Sync for Before {}

static BEFORE: Before = Before(UnsafeCell::new([None; SIGNALS.len()]));

/// Last words, which the shim copies.
struct Words(UnsafeCell<[u8; 128]>);

// SAFETY: written in the handler only, and a fault in the handler ends the process.
unsafe impl Sync for Words {}

static WORDS: Words = Words(UnsafeCell::new([0; 128]));

/// A stack to die on when the task's own is used up.
#[repr(C, align(16))]
struct Spare(UnsafeCell<[u8; 64 * 1024]>);

// SAFETY: one domain dies at a time.
unsafe impl Sync for Spare {}

static SPARE: Spare = Spare(UnsafeCell::new([0; 64 * 1024]));

/// Lets faults in the image's code end the domain instead of the fuzzer, with last words.
pub fn catch_faults(image: &Image) {
    TEXT[0].store(image.text.start, Relaxed);
    TEXT[1].store(image.text.end, Relaxed);
    FATAL.store(image.fatal, Relaxed);
    for (slot, (signal, _)) in SIGNALS.iter().enumerate() {
        // SAFETY: all-zero is a valid sigaction.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_fault as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        // SAFETY: as above.
        let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: both are live; the handler is of the type that SA_SIGINFO asks for.
        unsafe { libc::sigaction(*signal, &raw const action, &raw mut before) };
        // SAFETY: one thread, and no fault is handled yet.
        unsafe { (*BEFORE.0.get())[slot] = Some(before) };
    }
}

fn register(context: &mut libc::ucontext_t, register: c_int) -> &mut i64 {
    &mut context.uc_mcontext.gregs[usize::try_from(register).unwrap_or(0)]
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let slot = SIGNALS.iter().position(|(known, _)| *known == signal).unwrap_or(0);
    // SAFETY: the system passes both, and nobody else looks at them.
    let (info, frame) = unsafe { (&*info, &mut *context.cast::<libc::ucontext_t>()) };
    let pc = usize::try_from(*register(frame, libc::REG_RIP)).unwrap_or(0);
    let sp = usize::try_from(*register(frame, libc::REG_RSP)).unwrap_or(0);
    // A call through a wild pointer leaves its return address on top of the stack.
    // SAFETY: the address is only read if the stack is there, which the fault address tells.
    let address = unsafe { info.si_addr() }.addr();
    let text = TEXT[0].load(Relaxed)..TEXT[1].load(Relaxed);
    let is_wild_call = address == pc && sp != 0;
    let caller = if is_wild_call {
        // SAFETY: the call that led here pushed its return address.
        unsafe { (sp as *const usize).read() }
    } else {
        pc
    };
    if !text.contains(&caller) {
        // SAFETY: written before the first fault.
        let before = unsafe { &(*BEFORE.0.get())[slot] };
        match before {
            Some(before) if before.sa_flags & libc::SA_SIGINFO != 0 && before.sa_sigaction > libc::SIG_IGN => {
                // SAFETY: what was a handler of this type before.
                let handler = unsafe {
                    std::mem::transmute::<usize, extern "C" fn(c_int, *const libc::siginfo_t, *mut c_void)>(
                        before.sa_sigaction,
                    )
                };
                handler(signal, info, context);
            }
            _ => {
                // SAFETY: ends the process.
                unsafe { libc::abort() }
            }
        }
        return;
    }
    // SAFETY: see `Words`.
    let words = unsafe { &mut *WORDS.0.get() };
    let mut cursor = std::io::Cursor::new(&mut words[..]);
    let _ = std::io::Write::write_fmt(&mut cursor, format_args!("{} at {address:#x}", SIGNALS[slot].1));
    let len = cursor.position();
    // A stack that is used up is left for the spare one; its frames are lost, but for the first.
    let is_overflow = address.abs_diff(sp) < 2 * 4096 && signal == libc::SIGSEGV;
    let top = if is_overflow {
        SPARE.0.get().addr() + 64 * 1024
    } else {
        sp - 256
    };
    let top = (top & !15) - 8;
    // As if the faulting instruction had called `machine_fatal`.
    // SAFETY: below the stack pointer nothing is in use: images are built without a red zone.
    unsafe { (top as *mut usize).write(caller + 1) };
    let set = |frame: &mut libc::ucontext_t, name: c_int, value: usize| {
        *register(frame, name) = i64::try_from(value).unwrap_or(0);
    };
    set(frame, libc::REG_RSP, top);
    set(frame, libc::REG_RIP, FATAL.load(Relaxed));
    set(frame, libc::REG_RDI, words.as_ptr().addr());
    set(frame, libc::REG_RSI, usize::try_from(len).unwrap_or(0));
}
