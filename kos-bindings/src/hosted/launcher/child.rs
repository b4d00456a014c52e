// SPDX-License-Identifier: MIT OR Apache-2.0
//! What runs in the launcher and, until the image starts, in a domain's process.
//!
//! The launcher is a fork of a process with many threads, so nothing here allocates, locks or
//! panics: only system calls on memory of this stack.
#![expect(
    unsafe_code,
    reason = "fork, clone3 and the calls that build a sandbox have no safe form that is free of allocation"
)]

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{null, null_mut};

use libc::{c_char, c_int, c_long, c_ulong, c_void};

use super::wire::{next_request, report};
use super::{Limits, Step};
use crate::hosted::cpu;
use crate::port::PORT_FD;

/// The launcher's end of its socket.
pub(super) const SOCKET: c_int = 3;
const NOBODY: c_long = 65_534;

fn errno() -> c_int {
    // SAFETY: asks for an address.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: libc's errno is a thread-local of the calling thread.
    unsafe { place.read() }
}

/// Makes a system call whose arguments are numbers or point to memory that outlives it.
fn sys(nr: c_long, args: [c_long; 5]) -> Result<c_long, c_int> {
    let [a, b, c, d, e] = args;
    // SAFETY: each use below passes pointers to live memory of the right type for that call.
    match unsafe { libc::syscall(nr, a, b, c, d, e) } {
        -1 => Err(errno()),
        result => Ok(result),
    }
}

fn address<T>(value: &T) -> c_long {
    std::ptr::from_ref(value).expose_provenance().cast_signed() as c_long
}

pub(super) fn die(code: c_int) -> ! {
    // SAFETY: ends this process without running handlers of the process that it was forked from.
    unsafe { libc::_exit(code) }
}

/// Forks the launcher, which serves on `socket`.
pub(super) fn fork(socket: BorrowedFd<'_>, cpu: Option<usize>) -> io::Result<i32> {
    let kernel = std::process::id();
    // SAFETY: the child runs `launcher` only, which neither allocates nor takes locks.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => launcher(socket.as_raw_fd(), kernel, cpu),
        pid => Ok(pid),
    }
}

fn launcher(socket: c_int, kernel: u32, cpu: Option<usize>) -> ! {
    let built = build(socket, kernel);
    let (step, code) = built.err().unwrap_or((Step::None, 0));
    report(step, code, 0, None);
    if step != Step::None {
        die(1);
    }
    // A domain boots while this is done with it.
    cpu::leave(cpu);
    loop {
        let Some((limits, image, port)) = next_request() else {
            // The kernel closed its end or is gone.
            die(0);
        };
        let job = Job::new(limits, image, port, cpu);
        match job.run() {
            Ok((pid, pidfd)) => {
                report(Step::None, 0, pid, Some(pidfd));
                close(pidfd);
            }
            Err((step, code)) => report(step, code, 0, None),
        }
        close(image);
        close(port);
    }
}

fn close(fd: c_int) {
    // SAFETY: the descriptor is ours, and used no more.
    unsafe { libc::close(fd) };
}

/// Builds what all domains share.
fn build(socket: c_int, kernel: u32) -> Result<(), (Step, c_int)> {
    reset_signals();
    if socket != SOCKET {
        sys(
            libc::SYS_dup3,
            [socket.into(), SOCKET.into(), libc::O_CLOEXEC.into(), 0, 0],
        )
        .map_err(|code| (Step::Descriptors, code))?;
    }
    for range in [[0, 2], [4, c_long::from(u32::MAX)]] {
        sys(libc::SYS_close_range, [range[0], range[1], 0, 0, 0]).map_err(|code| (Step::Descriptors, code))?;
    }
    // A terminal's Ctrl-C goes to the kernel, which then ends its domains in order.
    let _ = sys(libc::SYS_setsid, [0; 5]);
    // SAFETY: asks for an id.
    if unsafe { libc::geteuid() } == 0 {
        // Root without capabilities still owns root's files. A domain owns nothing.
        let identity = |code| (Step::Identity, code);
        sys(libc::SYS_setgroups, [0; 5]).map_err(identity)?;
        sys(libc::SYS_setresgid, [NOBODY, NOBODY, NOBODY, 0, 0]).map_err(identity)?;
        sys(libc::SYS_setresuid, [NOBODY, NOBODY, NOBODY, 0, 0]).map_err(identity)?;
    }
    // Both after the change of identity, which clears them. Who is not dumpable cannot write its
    // own id maps.
    sys(libc::SYS_prctl, [libc::PR_SET_DUMPABLE.into(), 1, 0, 0, 0]).map_err(|code| (Step::Identity, code))?;
    die_with_parent()?;
    // SAFETY: asks for an id.
    if unsafe { libc::getppid() }.unsigned_abs() != kernel {
        die(1);
    }
    let shared = libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    // SAFETY: asks for an id.
    let user = unsafe { libc::geteuid() };
    // SAFETY: asks for an id.
    let group = unsafe { libc::getegid() };
    sys(libc::SYS_unshare, [shared.into(), 0, 0, 0, 0]).map_err(|code| (Step::Unshare, code))?;
    // Only a user who exists in a namespace may make another inside it.
    write_file(c"/proc/self/setgroups", b"deny")?;
    write_map(c"/proc/self/uid_map", user)?;
    write_map(c"/proc/self/gid_map", group)?;
    empty_root()?;
    sys(libc::SYS_prctl, [libc::PR_SET_NO_NEW_PRIVS.into(), 1, 0, 0, 0]).map_err(|code| (Step::NoNewPrivs, code))?;
    for resource in [
        libc::RLIMIT_CORE,
        libc::RLIMIT_FSIZE,
        libc::RLIMIT_MSGQUEUE,
        libc::RLIMIT_MEMLOCK,
        libc::RLIMIT_RTPRIO,
    ] {
        limit(resource.into(), 0)?;
    }
    Ok(())
}

/// Handlers and the mask belong to the process that this one was forked from.
fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: the default action needs no code of ours. Signals that have no other action
        // refuse; so be it.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: a signal set is plain data, and all zeros is the empty one.
    let none: libc::sigset_t = unsafe { zeroed() };
    // SAFETY: `none` is initialised.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, null_mut()) };
}

fn write_file(path: &std::ffi::CStr, text: &[u8]) -> Result<(), (Step, c_int)> {
    let failed = |code| (Step::Map, code);
    let path = path.as_ptr().expose_provenance().cast_signed() as c_long;
    let file = sys(
        libc::SYS_openat,
        [libc::AT_FDCWD.into(), path, libc::O_WRONLY.into(), 0, 0],
    )
    .map_err(failed)?;
    let bytes = text.as_ptr().expose_provenance().cast_signed() as c_long;
    let written = sys(libc::SYS_write, [file, bytes, text.len().cast_signed() as c_long, 0, 0]);
    close(c_int::try_from(file).unwrap_or(-1));
    written.map(drop).map_err(failed)
}

/// Maps the outer `id` to nobody, and nothing else: `65534 id 1`.
fn write_map(path: &std::ffi::CStr, id: u32) -> Result<(), (Step, c_int)> {
    const START: &[u8; 6] = b"65534 ";
    let mut text = [b' '; 24];
    for (to, from) in text.iter_mut().zip(START) {
        *to = *from;
    }
    // Ten digits, leading spaces allowed, then the count.
    let mut rest = id;
    for place in text.iter_mut().skip(START.len()).take(10).rev() {
        *place = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    for (to, from) in text.iter_mut().skip(START.len() + 10).zip(b" 1") {
        *to = *from;
    }
    write_file(path, &text)
}

fn die_with_parent() -> Result<(), (Step, c_int)> {
    sys(
        libc::SYS_prctl,
        [libc::PR_SET_PDEATHSIG.into(), libc::SIGKILL.into(), 0, 0, 0],
    )
    .map(drop)
    .map_err(|code| (Step::DeathSignal, code))
}

fn limit(resource: c_long, value: u64) -> Result<(), (Step, c_int)> {
    let value = [value, value];
    sys(libc::SYS_prlimit64, [0, resource, address(&value), 0, 0])
        .map(drop)
        .map_err(|code| (Step::Limits, code))
}

/// Makes an empty read-only file system the only one in sight.
fn empty_root() -> Result<(), (Step, c_int)> {
    let mount =
        |source: *const c_char, at: &std::ffi::CStr, kind: *const c_char, flags: c_ulong, data: *const c_char| {
            // SAFETY: all strings end with a zero and outlive the call, or are null where mount(2)
            // allows it.
            match unsafe { libc::mount(source, at.as_ptr(), kind, flags, data.cast::<c_void>()) } {
                0 => Ok(()),
                _ => Err((Step::Mount, errno())),
            }
        };
    mount(null(), c"/", null(), libc::MS_REC | libc::MS_PRIVATE, null())?;
    let flags = libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    // Any directory serves as the mount point; these exist on every Linux system.
    let at = [c"/tmp", c"/proc", c"/dev"];
    let mut mounted = Err((Step::Mount, libc::ENOENT));
    for at in at {
        mounted = mount(
            c"empty".as_ptr(),
            at,
            c"tmpfs".as_ptr(),
            flags,
            c"size=4k,nr_inodes=1".as_ptr(),
        )
        .map(|()| at);
        if mounted.is_ok() {
            break;
        }
    }
    let at = mounted?;
    let pivot = |code| (Step::Pivot, code);
    let here = c".".as_ptr().expose_provenance().cast_signed() as c_long;
    sys(
        libc::SYS_chdir,
        [at.as_ptr().expose_provenance().cast_signed() as c_long, 0, 0, 0, 0],
    )
    .map_err(pivot)?;
    sys(libc::SYS_pivot_root, [here, here, 0, 0, 0]).map_err(pivot)?;
    // The old root now lies on top of the new one at the same place; see pivot_root(2).
    sys(libc::SYS_umount2, [here, libc::MNT_DETACH.into(), 0, 0, 0]).map_err(pivot)?;
    let root = c"/".as_ptr().expose_provenance().cast_signed() as c_long;
    sys(libc::SYS_chdir, [root, 0, 0, 0, 0]).map_err(pivot)?;
    Ok(())
}

const STACK_BYTES: usize = 32 * 1024;

/// A stack for the time between `clone3` and the image; the launcher waits meanwhile, so one is
/// enough.
#[repr(C, align(16))]
struct Stack(std::cell::UnsafeCell<[u8; STACK_BYTES]>);

// SAFETY: the launcher has one thread, and it is suspended while its child uses the stack.
unsafe impl Sync for Stack {}

static STACK: Stack = Stack(std::cell::UnsafeCell::new([0; STACK_BYTES]));

/// One domain to be made. The child shares this memory until it executes the image, and leaves its
/// failure here.
struct Job {
    limits: Limits,
    image: c_int,
    port: c_int,
    /// The core that it is pinned to.
    cpu: Option<usize>,
    failed: std::cell::Cell<Option<(Step, c_int)>>,
}

impl Job {
    fn new(limits: Limits, image: c_int, port: c_int, cpu: Option<usize>) -> Self {
        Self {
            limits,
            image,
            port,
            cpu,
            failed: std::cell::Cell::new(None),
        }
    }

    /// Makes the process and returns its pid and process descriptor.
    fn run(&self) -> Result<(c_int, c_int), (Step, c_int)> {
        let mut pidfd: c_int = -1;
        let flags = libc::CLONE_NEWUSER
            | libc::CLONE_NEWNS
            | libc::CLONE_NEWPID
            | libc::CLONE_NEWIPC
            | libc::CLONE_NEWUTS
            | libc::CLONE_VM
            | libc::CLONE_VFORK
            | libc::CLONE_PARENT
            | libc::CLONE_PIDFD;
        // SAFETY: the arguments are plain numbers.
        let mut args: libc::clone_args = unsafe { zeroed() };
        args.flags = u64::from(flags.cast_unsigned());
        args.pidfd = (&raw mut pidfd).expose_provenance() as u64;
        args.stack = STACK.0.get().expose_provenance() as u64;
        args.stack_size = STACK_BYTES as u64;
        // SAFETY: the child runs `become_domain` on the stack above, with `self` alive: this thread
        // is suspended until the child executes the image or ends.
        let pid = unsafe { clone_into(&raw mut args, become_domain, std::ptr::from_ref(self)) };
        let pid = c_int::try_from(pid).unwrap_or(-libc::EINVAL);
        if pid < 0 {
            return Err((Step::Clone, -pid));
        }
        match self.failed.get() {
            None => Ok((pid, pidfd)),
            Some(failed) => {
                close(pidfd);
                Err(failed)
            }
        }
    }

    /// Goes the rest of the way into the sandbox, in the child.
    fn enter(&self) -> Result<(), (Step, c_int)> {
        die_with_parent()?;
        cpu::pin(self.cpu);
        let mut byte = 0u8;
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        // SAFETY: one byte of room is offered. The kernel may have died before the death signal was
        // arranged.
        if unsafe { libc::recv(SOCKET, (&raw mut byte).cast(), 1, flags) } == 0 {
            die(1);
        }
        limit(libc::RLIMIT_DATA.into(), self.limits.data)?;
        limit(libc::RLIMIT_AS.into(), self.limits.address_space)?;
        limit(libc::RLIMIT_STACK.into(), self.limits.stack)?;
        sys(libc::SYS_dup3, [self.port.into(), PORT_FD.into(), 0, 0, 0]).map_err(|code| (Step::Descriptors, code))?;
        drop_capabilities()?;
        let nothing: [*const c_char; 1] = [null()];
        let name: [*const c_char; 2] = [c"domain".as_ptr(), null()];
        let empty = c"".as_ptr().expose_provenance().cast_signed() as c_long;
        let args = [
            self.image.into(),
            empty,
            address(&name),
            address(&nothing),
            libc::AT_EMPTY_PATH.into(),
        ];
        sys(libc::SYS_execveat, args)
            .map(drop)
            .map_err(|code| (Step::Execute, code))
    }
}

/// Gives up every capability in the domain's own user namespace, and the ways to get one back.
fn drop_capabilities() -> Result<(), (Step, c_int)> {
    const CAPABILITY_VERSION_3: u32 = 0x2008_0522;
    /// NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE, each with its lock, and KEEP_CAPS' lock
    /// (`linux/securebits.h`).
    const SECURE_BITS: c_long = 0b1110_1111;
    let failed = |code| (Step::Capabilities, code);
    sys(libc::SYS_prctl, [libc::PR_SET_SECUREBITS.into(), SECURE_BITS, 0, 0, 0]).map_err(failed)?;
    for capability in 0.. {
        match sys(libc::SYS_prctl, [libc::PR_CAPBSET_DROP.into(), capability, 0, 0, 0]) {
            Ok(_) => {}
            // Past the last capability that this Linux knows.
            Err(libc::EINVAL) => break,
            Err(code) => return Err(failed(code)),
        }
    }
    let header = [CAPABILITY_VERSION_3, 0];
    let none = [0u32; 6];
    sys(libc::SYS_capset, [address(&header), address(&none), 0, 0, 0])
        .map(drop)
        .map_err(failed)
}

extern "C" fn become_domain(job: *const Job) -> ! {
    // SAFETY: `Job::run` passes itself and waits.
    let job = unsafe { &*job };
    if let Err(failed) = job.enter() {
        job.failed.set(Some(failed));
    }
    die(1)
}

/// Calls `clone3`; the child starts in `start` on the stack in `args`.
///
/// # Safety
///
/// `args` describes a child with a stack of its own; `start` and `job` are good for as long as it
/// runs them.
#[cfg(target_arch = "x86_64")]
unsafe fn clone_into(args: *mut libc::clone_args, start: extern "C" fn(*const Job) -> !, job: *const Job) -> c_long {
    let result: c_long;
    // SAFETY: the parent's registers are kept by the system but for those declared; the child never
    // returns here.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 => result,
            in("rdi") args,
            in("rsi") size_of::<libc::clone_args>(),
            in("r12") job,
            in("r13") start,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// Calls `clone3`; the child starts in `start` on the stack in `args`.
///
/// # Safety
///
/// `args` describes a child with a stack of its own; `start` and `job` are good for as long as it
/// runs them.
#[cfg(target_arch = "aarch64")]
unsafe fn clone_into(args: *mut libc::clone_args, start: extern "C" fn(*const Job) -> !, job: *const Job) -> c_long {
    let result: c_long;
    // SAFETY: the parent's registers are kept by the system but for x0; the child never returns
    // here.
    unsafe {
        std::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x0, {job}",
            "blr {start}",
            "brk 1",
            "2:",
            inlateout("x0") args => result,
            in("x1") size_of::<libc::clone_args>(),
            in("x8") libc::SYS_clone3,
            job = in(reg) job,
            start = in(reg) start,
            lateout("x30") _,
        );
    }
    result
}
