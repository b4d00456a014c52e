// SPDX-License-Identifier: MIT OR Apache-2.0
//! Forbidden actions, each tried by its system call.

use core::fmt::Write;

use crate::misdeeds::Text;

/// Makes a system call.
pub fn syscall(nr: usize, args: [usize; 6]) -> isize {
    let result: isize;
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") nr => result,
            in("rdi") args[0], in("rsi") args[1], in("rdx") args[2],
            in("r10") args[3], in("r8") args[4], in("r9") args[5],
            lateout("rcx") _, lateout("r11") _,
        );
    }
    result
}

fn at(text: &'static core::ffi::CStr) -> usize {
    text.as_ptr() as usize
}

/// Tries everything; writes one line per action: its name and what Linux returned.
pub fn try_all(text: &mut [u8]) -> usize {
    let here = try_all as *const () as usize & !4095;
    let shadow = at(c"/etc/shadow");
    let null = at(c"/dev/null");
    let proc = at(c"/proc/self/maps");
    let sh = at(c"/bin/sh");
    let actions: &[(&str, usize, [usize; 6])] = &[
        ("read", 0, [0, here, 1, 0, 0, 0]),
        ("write", 1, [1, here, 1, 0, 0, 0]),
        ("open", 2, [shadow, 0, 0, 0, 0, 0]),
        ("open /proc", 2, [proc, 0, 0, 0, 0, 0]),
        ("openat", 257, [usize::MAX - 99, null, 2, 0, 0, 0]),
        ("mmap of a file", 9, [0, 4096, 1, 2, 3, 0]),
        ("mmap executable", 9, [0, 4096, 7, 0x4022, usize::MAX, 0]),
        ("mmap shared", 9, [0, 4096, 3, 0x21, usize::MAX, 0]),
        ("mmap fixed", 9, [here, 4096, 3, 0x4032, usize::MAX, 0]),
        ("mprotect executable", 10, [here, 4096, 5, 0, 0, 0]),
        ("madvise of huge pages", 28, [here, 4096, 14, 0, 0, 0]),
        ("madvise to free later", 28, [here, 4096, 8, 0, 0, 0]),
        ("socket unix", 41, [1, 1, 0, 0, 0, 0]),
        ("socket inet", 41, [2, 1, 0, 0, 0, 0]),
        ("socketpair", 53, [1, 1, 0, here, 0, 0]),
        ("clone", 56, [17, 0, 0, 0, 0, 0]),
        ("clone3", 435, [here, 88, 0, 0, 0, 0]),
        ("fork", 57, [0; 6]),
        ("vfork", 58, [0; 6]),
        ("execve", 59, [sh, 0, 0, 0, 0, 0]),
        ("execveat", 322, [usize::MAX - 99, sh, 0, 0, 0, 0]),
        ("kill", 62, [1, 9, 0, 0, 0, 0]),
        ("tgkill", 234, [1, 1, 9, 0, 0, 0]),
        ("ptrace", 101, [16, 1, 0, 0, 0, 0]),
        ("process_vm_readv", 310, [1, here, 1, here, 1, 0]),
        ("mount", 165, [null, null, null, 0, 0, 0]),
        ("umount2", 166, [null, 0, 0, 0, 0, 0]),
        ("pivot_root", 155, [null, null, 0, 0, 0, 0]),
        ("chroot", 161, [null, 0, 0, 0, 0, 0]),
        ("unshare", 272, [0x1000_0000, 0, 0, 0, 0, 0]),
        ("setns", 308, [3, 0, 0, 0, 0, 0]),
        ("setuid", 105, [0; 6]),
        ("capset", 126, [here, here, 0, 0, 0, 0]),
        ("prctl", 157, [4, 1, 0, 0, 0, 0]),
        ("seccomp", 317, [1, 0, here, 0, 0, 0]),
        ("bpf", 321, [0, here, 64, 0, 0, 0]),
        ("io_uring_setup", 425, [8, here, 0, 0, 0, 0]),
        ("perf_event_open", 298, [here, 0, 0, usize::MAX, 0, 0]),
        ("userfaultfd", 323, [0; 6]),
        ("memfd_create", 319, [null, 0, 0, 0, 0, 0]),
        ("shmget", 29, [0, 4096, 0o1600, 0, 0, 0]),
        ("mq_open", 240, [null, 0o102, 0o600, 0, 0, 0]),
        ("pidfd_open", 434, [1, 0, 0, 0, 0, 0]),
        ("prlimit64", 302, [0, 7, here, 0, 0, 0]),
        ("sched_setaffinity", 203, [0, 8, here, 0, 0, 0]),
        ("nanosleep", 35, [here, 0, 0, 0, 0, 0]),
        ("getpid", 39, [0; 6]),
        ("getuid", 102, [0; 6]),
        ("uname", 63, [here, 0, 0, 0, 0, 0]),
        ("iopl", 172, [3, 0, 0, 0, 0, 0]),
        ("ioperm", 173, [0, 1, 1, 0, 0, 0]),
        ("init_module", 175, [here, 1, here, 0, 0, 0]),
        ("kexec_load", 246, [0; 6]),
        ("reboot", 169, [0xfee1_dead, 0x2812_1969, 0, 0, 0, 0]),
        ("settimeofday", 164, [here, 0, 0, 0, 0, 0]),
        ("futex requeue", 202, [here, 3, 0, 0, here, 0]),
        ("rt_sigaction", 13, [11, 0, 0, 8, 0, 0]),
        ("open by x32", 0x4000_0002, [shadow, 0, 0, 0, 0, 0]),
    ];
    let mut out = Text { text, used: 0 };
    for (name, nr, args) in actions {
        let result = syscall(*nr, *args);
        let _ = writeln!(out, "{name}: {result}");
    }
    out.used
}
