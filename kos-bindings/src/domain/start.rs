// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the ELF entry point to a shut sandbox.
//!
//! The kernel starts an image with the port on descriptor 3; inside a client's process the loader
//! starts it with a made-up auxiliary vector that carries [`InProcess`]. What happens before the
//! image's own function runs:
//!
//! 1. the port is mapped, its blob read-only, the boot information copied;
//! 2. all descriptors are closed, and no new one is possible (`RLIMIT_NOFILE` 0; 1 if it may map shared memory: then
//!    the kernel is first handed what it answers such mappings with);
//! 3. fault signals go to an alternate stack;
//! 4. the image's pages are mapped, all at once;
//! 5. the seccomp program from the blob is installed.
//!
//! Where a step fails, the exit status names it: see [`step`].
#![expect(
    unsafe_code,
    reason = "the initial stack, the mapping of the port and the one-time state of a one-thread process"
)]

use core::cell::UnsafeCell;
use core::sync::atomic::Ordering::{Acquire, Relaxed};

use super::fault;
use super::ipc::{Caller, IrqSource, Listener, PortRef};
use super::types::Boot;
use super::vdso;
use crate::port::{ABI, AT_IN_PROCESS, BOOT_AT, BootInfo, InProcess, PAGE, PORT_BYTES, PORT_FD, Span, op, turn};
use crate::sys;

/// Exit statuses of a domain that could not be started.
pub mod step {
    /// The port could not be mapped.
    pub const MAP_PORT: i32 = 120;
    /// The kernel speaks another version of the port.
    pub const ABI: i32 = 121;
    /// The blob could not be mapped.
    pub const MAP_BLOB: i32 = 122;
    /// A descriptor could not be closed.
    pub const CLOSE: i32 = 123;
    /// The fault handler could not be installed.
    pub const SIGNALS: i32 = 124;
    /// The seccomp program is missing or was refused.
    pub const SECCOMP: i32 = 125;
    /// The kernel could not take over the answers to shared mappings.
    pub const SHARE: i32 = 126;
}

/// What a domain is handed at birth. There is one per image.
#[derive(Debug)]
pub struct Domain {
    /// What the kernel told it.
    pub boot: Boot,
    /// Its client end.
    pub caller: Caller,
    /// Its server end.
    pub listener: Listener,
    /// Its interrupt lines.
    pub irq: IrqSource,
}

fn part(blob: &'static [u8], span: Span) -> &'static [u8] {
    let start = span.offset as usize;
    start
        .checked_add(span.len as usize)
        .and_then(|end| blob.get(start..end))
        .unwrap_or_default()
}

/// Where an image's own code begins.
pub type EntryFn = fn(Domain) -> !;

/// What a one-thread process knows for its whole life; written by `entry` before anything else
/// runs.
struct Once<T>(UnsafeCell<T>);

// SAFETY: a domain has one thread, and `entry` writes before anybody can read.
unsafe impl<T> Sync for Once<T> {}

struct State {
    port: *mut u8,
    in_process: Option<InProcess>,
    boot: BootInfo,
}

static STATE: Once<State> = Once(UnsafeCell::new(State {
    port: core::ptr::null_mut(),
    in_process: None,
    boot: BootInfo::EMPTY,
}));

fn state() -> &'static State {
    // SAFETY: `entry` is the only writer and is done before this can be called.
    unsafe { &*STATE.0.get() }
}

/// Returns the process that the domain runs inside, if it has none of its own.
pub(super) fn host() -> Option<&'static InProcess> {
    state().in_process.as_ref()
}

/// Returns the port, if there is one yet.
pub(super) fn port_base() -> *mut u8 {
    state().port
}

/// Hands the port to the kernel and returns when it is ours again.
#[inline]
pub(super) fn enter(op: u32) {
    let state = state();
    // SAFETY: `entry` mapped the port for good before it made the `Caller` and `Listener` that get
    // here.
    let port = unsafe { PortRef::new(state.port) }.words();
    port.op.store(op, Relaxed);
    if let Some(host) = &state.in_process {
        port.turn.store(turn::KERNEL, Relaxed);
        // SAFETY: the loader promises that `enter` may be called with its context from the domain's
        // stacks.
        unsafe { (host.enter)(host.context) };
        return;
    }
    crate::turn::post_alive(&port.turn);
    loop {
        match port.turn.load(Acquire) {
            turn::USER => return,
            other => sys::futex_wait(&port.turn, other, turn::USER_BIT, None),
        }
    }
}

/// Ends the domain at once.
pub(super) fn exit(code: i32) -> ! {
    if let Some(host) = &state().in_process {
        // SAFETY: the loader promises that `exit` may be called with its context, and never
        // returns.
        unsafe { (host.exit)(host.context, code) };
    }
    loop {
        #[expect(clippy::cast_sign_loss, reason = "the kernel takes the low byte")]
        // SAFETY: ends the process; no memory is left to break.
        unsafe {
            sys::call(sys::EXIT_GROUP, [code as usize, 0, 0, 0, 0, 0]);
        }
    }
}

const AT_NULL: usize = 0;
const AT_PHDR: usize = 3;
const AT_PHNUM: usize = 5;
const AT_SYSINFO_EHDR: usize = 33;

/// What the auxiliary vector says.
#[derive(Default)]
struct Aux {
    segments: (usize, usize),
    vdso: usize,
    in_process: usize,
}

/// # Safety
///
/// `sp` points to argc as the Linux process ABI lays it out.
unsafe fn read_aux(sp: *const usize) -> Aux {
    // SAFETY: argc is the first word, by our caller's promise.
    let argc = unsafe { sp.read() };
    let mut at = sp.wrapping_add(1).wrapping_add(argc).wrapping_add(1);
    // SAFETY: the environment lies behind argv's null and ends with a null.
    while unsafe { at.read() } != 0 {
        at = at.wrapping_add(1);
    }
    at = at.wrapping_add(1);
    let mut aux = Aux::default();
    loop {
        // SAFETY: pairs follow the environment up to AT_NULL.
        let [key, value] = unsafe { at.cast::<[usize; 2]>().read() };
        match key {
            AT_NULL => return aux,
            AT_PHDR => aux.segments.0 = value,
            AT_PHNUM => aux.segments.1 = value,
            AT_SYSINFO_EHDR => aux.vdso = value,
            AT_IN_PROCESS => aux.in_process = value,
            _ => {}
        }
        at = at.wrapping_add(2);
    }
}

/// Starts the domain; [`crate::domain_start!`] calls it on the initial stack.
///
/// # Safety
///
/// `sp` must be the stack pointer at the image's entry point, and this must be the first code that
/// runs.
pub unsafe fn entry(sp: *const usize, main: EntryFn) -> ! {
    // SAFETY: our caller's promise.
    let aux = unsafe { read_aux(sp) };
    let host = if aux.in_process == 0 {
        None
    } else {
        // SAFETY: only our loader puts this key into a vector, with a block that outlives the
        // domain.
        Some(unsafe { (aux.in_process as *const InProcess).read() })
    };
    let base = host.map_or_else(map_port, |host| host.port);
    // SAFETY: the boot information lies page-aligned in the port; the kernel wrote it before the
    // start.
    let boot = unsafe { base.wrapping_add(BOOT_AT).cast::<BootInfo>().read() };
    // SAFETY: nothing else runs yet, so nobody reads the state.
    unsafe {
        *STATE.0.get() = State {
            port: base,
            in_process: host,
            boot,
        };
    }
    if boot.abi != ABI {
        exit(step::ABI);
    }
    vdso::find(aux.vdso);
    let blob_at = if host.is_some() {
        base.wrapping_add(PORT_BYTES)
    } else {
        map_blob(&boot)
    };
    // SAFETY: the blob is mapped behind the port or by `map_blob`, for good, and nobody writes it
    // any more.
    let blob = unsafe { core::slice::from_raw_parts(blob_at, usize::try_from(boot.blob_bytes).unwrap_or(0)) };
    if host.is_none() {
        // SAFETY: Linux says where the image's own program headers lie.
        unsafe { map_image(aux.segments) };
        shut(blob, &boot);
    }
    // SAFETY: mapped for good; this is the one place that makes the caller and the listener.
    let port = unsafe { PortRef::new(base) };
    main(Domain {
        boot: Boot {
            info: &state().boot,
            dtb: part(blob, boot.dtb),
            args: part(blob, boot.args),
        },
        caller: Caller::new(port),
        listener: Listener::new(port),
        irq: IrqSource::new(port),
    })
}

/// Maps `bytes` of the port's file from `offset`; exits with `code` where that fails.
fn map(bytes: usize, prot: usize, offset: usize, code: i32) -> *mut u8 {
    const MAP_SHARED: usize = 1;
    let port = PORT_FD.unsigned_abs() as usize;
    // SAFETY: a mapping at an address that the kernel chooses takes no memory from anybody.
    let at = unsafe { sys::call(sys::MMAP, [0, bytes, prot, MAP_SHARED, port, offset]) };
    if at < 0 {
        exit(code);
    }
    at as *mut u8
}

fn map_port() -> *mut u8 {
    const PROT_READ_WRITE: usize = 3;
    map(PORT_BYTES, PROT_READ_WRITE, 0, step::MAP_PORT)
}

fn map_blob(boot: &BootInfo) -> *mut u8 {
    const PROT_READ: usize = 1;
    match usize::try_from(boot.blob_bytes) {
        Ok(0) | Err(_) => PAGE as *mut u8,
        Ok(bytes) => map(bytes, PROT_READ, PORT_BYTES, step::MAP_BLOB),
    }
}

/// Makes the image's pages present, in a call for each segment where each page that is touched would be a fault. What
/// Linux cannot (before 5.14) comes by faults as ever.
///
/// # Safety
///
/// `at` is the address of `count` program headers of this image, which is not relocated.
unsafe fn map_image((at, count): (usize, usize)) {
    const MADV_POPULATE_READ: usize = 22;
    const MADV_POPULATE_WRITE: usize = 23;
    const PT_LOAD: usize = 1;
    const PF_W: usize = 2;
    if at == 0 {
        return;
    }
    // SAFETY: our caller's promise; an `Elf64_Phdr` is seven words, of which the first holds kind and flags.
    let segments = unsafe { core::slice::from_raw_parts(at as *const [usize; 7], count) };
    for &[kind, _, address, _, in_file, ..] in segments {
        if kind & 0xffff_ffff != PT_LOAD {
            continue;
        }
        let start = address & !(PAGE - 1);
        let bytes = (address + in_file).next_multiple_of(PAGE) - start;
        let advice = if kind >> 32 & PF_W == 0 {
            MADV_POPULATE_READ
        } else {
            MADV_POPULATE_WRITE
        };
        // SAFETY: the pages keep their contents.
        unsafe { sys::call(sys::MADVISE, [start, bytes, advice, 0, 0, 0]) };
    }
}

/// Closes what the start needed. From here on only the port connects the domain to anything.
fn shut(blob: &'static [u8], boot: &BootInfo) {
    const RLIMIT_NOFILE: usize = 7;
    close_all();
    if boot.shares != 0 {
        hand_over_mappings();
        close_all();
    }
    // The kernel puts the file of a shared mapping on descriptor 0, for the time of the mapping's making.
    let files = [u64::from(boot.shares != 0); 2];
    // SAFETY: the kernel reads the two words of `files`.
    if unsafe { sys::call(sys::PRLIMIT64, [0, RLIMIT_NOFILE, files.as_ptr() as usize, 0, 0, 0]) } != 0 {
        exit(step::CLOSE);
    }
    if !fault::install() {
        exit(step::SIGNALS);
    }
    if install(part(blob, boot.seccomp), 0) != 0 {
        exit(step::SECCOMP);
    }
}

fn close_all() {
    // SAFETY: closing descriptors touches no memory.
    if unsafe { sys::call(sys::CLOSE_RANGE, [0, u32::MAX as usize, 0, 0, 0, 0]) } != 0 {
        exit(step::CLOSE);
    }
}

/// Installs a seccomp program of 8-byte steps; returns what Linux does.
fn install(filter: &[u8], flags: usize) -> isize {
    const SECCOMP_SET_MODE_FILTER: usize = 1;
    const FILTER_BYTES: usize = 8;
    /// `struct sock_fprog`.
    #[repr(C)]
    struct Program {
        len: u16,
        filter: *const u8,
    }
    let program = Program {
        len: u16::try_from(filter.len() / FILTER_BYTES).unwrap_or(0),
        filter: filter.as_ptr(),
    };
    let args = [SECCOMP_SET_MODE_FILTER, flags, (&raw const program) as usize, 0, 0, 0];
    // SAFETY: the kernel copies the program, whose `len` entries lie in `filter`.
    unsafe { sys::call(sys::SECCOMP, args) }
}

/// Lets the kernel answer each `mmap` of something shared from now on. What comes with that, a descriptor, is the
/// kernel's as soon as this returns.
fn hand_over_mappings() {
    const SECCOMP_FILTER_FLAG_NEW_LISTENER: usize = 1 << 3;
    /// A step of a program: code, jumps if true and false, operand.
    const fn step(code: u16, jumps: [u8; 2], operand: u32) -> [u8; 8] {
        let ([a, b], [k0, k1, k2, k3]) = (code.to_le_bytes(), operand.to_le_bytes());
        [a, b, jumps[0], jumps[1], k0, k1, k2, k3]
    }
    const LOAD: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const JUMP_IF_ANY: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const ALLOW: u32 = 0x7fff_0000;
    const NOTIFY: u32 = 0x7fc0_0000;
    /// `offsetof(struct seccomp_data, args[3])`: the flags of `mmap`.
    const FLAGS_AT: u32 = 40;
    const MAP_SHARED: u32 = 1;
    // The program that follows refuses calls through other architectures' entries, where numbers mean something else.
    #[expect(clippy::cast_possible_truncation, reason = "a system call's number is small")]
    let program = [
        step(LOAD, [0, 0], 0),
        step(JUMP_IF_EQUAL, [0, 2], sys::MMAP as u32),
        step(LOAD, [0, 0], FLAGS_AT),
        step(JUMP_IF_ANY, [1, 0], MAP_SHARED),
        step(RETURN, [0, 0], ALLOW),
        step(RETURN, [0, 0], NOTIFY),
    ];
    // All descriptors are closed, so this is the lowest.
    if install(program.as_flattened(), SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0 {
        exit(step::SHARE);
    }
    enter(op::SHARE);
    // SAFETY: `entry` mapped the port for good.
    let words = unsafe { PortRef::new(port_base()) }.words();
    if words.result.load(Acquire) != 0 {
        exit(step::SHARE);
    }
}

/// Defines the image's entry point `_start`, which ends up in `$main`, an `fn(Domain) -> !`.
///
/// Link the image static, not position-independent, without start files: `-static -nostdlib
/// -nostartfiles -no-pie`. The stack at `_start` is the process's own (its size is the spawn
/// specification's), 16-byte aligned.
#[macro_export]
macro_rules! domain_start {
    ($main:path) => {
        /// The ELF entry point: hands the initial stack to [`kos_bindings::domain::entry`].
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        extern "C" fn _start() -> ! {
            extern "C" fn start(sp: *const usize) -> ! {
                const MAIN: $crate::domain::EntryFn = $main;
                // SAFETY: `_start` passes the initial stack pointer, and nothing ran before it.
                unsafe { $crate::domain::entry(sp, MAIN) }
            }
            #[cfg(target_arch = "x86_64")]
            core::arch::naked_asm!(
                "xor ebp, ebp",
                "mov rdi, rsp",
                "and rsp, -16",
                "call {start}",
                "ud2",
                start = sym start,
            );
            #[cfg(target_arch = "aarch64")]
            core::arch::naked_asm!(
                "mov x29, xzr",
                "mov x30, xzr",
                "mov x0, sp",
                "b {start}",
                start = sym start,
            );
        }
    };
}
