// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shared memory in a sandboxed domain.
//!
//! A domain holds no file, its memory cannot be changed from outside, and no system call was added for this. It asks
//! for an MDL to be mapped like anybody (`kl.core.VMM`), and is told where in its file the memory lies. Then it calls
//! `mmap` for something shared, which seccomp holds up and hands to the kernel: if it is the mapping that was just
//! granted, and exactly that, its file is put on the domain's descriptor 0 and the call goes on; otherwise it fails.
//!
//! ```text
//!   domain                         kernel thread                     reaper
//!   MdlMap(handle, …) ───────────▶ rights, policy; grant
//!                     ◀─────────── offset in the file
//!   mmap(…, MAP_SHARED, 0, offset) ────────────────────────────────▶ is it the grant? file to descriptor 0
//!   goes on                        ◀──────────────────────────────── once
//! ```
//!
//! The file stays on descriptor 0 until the next one. It is of no use: every `mmap` of it is asked about again, and
//! there is no other call that takes a descriptor. All arguments are numbers, and there is no second thread that could
//! change them after they were looked at. Memory that was granted for reading comes as a file that is only for reading.
#![expect(
    unsafe_code,
    reason = "seccomp's ioctls, and a descriptor taken from another process"
)]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use std::vec::Vec;

use libc::{
    SECCOMP_IOCTL_NOTIF_ADDFD, SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND, seccomp_data, seccomp_notif,
    seccomp_notif_addfd, seccomp_notif_resp,
};

use super::kernel::Inner;
use super::mdl::{Grant, Kept};
use super::notice::lock;
use super::process::Process;
use crate::nk::Retcode;

/// A domain's way to shared memory.
#[derive(Debug, Default)]
pub(crate) struct Share {
    listener: OnceLock<OwnedFd>,
    granted: Mutex<Option<Grant>>,
    kept: Mutex<Vec<Kept>>,
}

/// What became of a mapping that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// It was let through or refused, or nobody asks any more.
    Yes,
    /// The domain is gone.
    Gone,
}

const MAP_SHARED: u64 = 1;
/// `SECCOMP_USER_NOTIF_FLAG_CONTINUE` and `SECCOMP_ADDFD_FLAG_SETFD`, which `libc` has with 64 bits.
const CONTINUE: u32 = 1;
const AT_NUMBER: u32 = 1;

impl Share {
    pub(crate) fn listener(&self) -> Option<&OwnedFd> {
        self.listener.get()
    }

    /// Lets the domain make one mapping, in place of one that it was granted before and did not make. Returns where in
    /// the file it begins.
    pub(crate) fn grant(&self, grant: Grant) -> Result<u64, Retcode> {
        let offset = grant.offset;
        *lock(&self.granted) = Some(grant);
        Ok(offset)
    }

    fn ioctl<T>(&self, request: libc::Ioctl, argument: &mut T) -> bool {
        let Some(listener) = self.listener() else {
            return false;
        };
        // SAFETY: each request is used with the type that Linux reads or writes for it, whose size its number has.
        unsafe { libc::ioctl(listener.as_raw_fd(), request, std::ptr::from_mut(argument)) >= 0 }
    }

    /// Answers one mapping that the domain asks for.
    pub(crate) fn answer(&self) -> Answered {
        // What Linux is handed must be zero.
        let mut asked = seccomp_notif {
            id: 0,
            pid: 0,
            flags: 0,
            data: seccomp_data {
                nr: 0,
                arch: 0,
                instruction_pointer: 0,
                args: [0; 6],
            },
        };
        if !self.ioctl(SECCOMP_IOCTL_NOTIF_RECV, &mut asked) {
            let is_interrupted = std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted;
            return if is_interrupted { Answered::Yes } else { Answered::Gone };
        }
        let is_allowed = self.allow(&asked);
        let mut response = seccomp_notif_resp {
            id: asked.id,
            val: 0,
            error: if is_allowed { 0 } else { -libc::EPERM },
            flags: if is_allowed { CONTINUE } else { 0 },
        };
        // It fails if the domain died meanwhile, which the reaper hears of anyway.
        self.ioctl(SECCOMP_IOCTL_NOTIF_SEND, &mut response);
        Answered::Yes
    }

    /// Tells whether a mapping is the granted one, and gives the domain its file then.
    fn allow(&self, asked: &seccomp_notif) -> bool {
        let Some(grant) = lock(&self.granted).take() else {
            return false;
        };
        // Any place but one that it chooses; the protection and flags, of which Linux looks at all bits, to the letter.
        let wanted = [0, grant.bytes, grant.prot.into(), MAP_SHARED, 0, grant.offset];
        if asked.data.args != wanted {
            return false;
        }
        let mut file = seccomp_notif_addfd {
            id: asked.id,
            flags: AT_NUMBER,
            srcfd: grant.file.as_raw_fd().unsigned_abs(),
            newfd: 0,
            newfd_flags: 0,
        };
        lock(&self.kept).push(grant.keep);
        self.ioctl(SECCOMP_IOCTL_NOTIF_ADDFD, &mut file)
    }
}

/// How long a process may take to be known after it began.
const BIRTH: Duration = Duration::from_secs(5);

impl Inner {
    /// Takes the descriptor with which shared mappings of `process` are answered. It offers that once, as 0, before any
    /// code of its image's own runs.
    pub(super) fn take_share(&self, process: &Arc<Process>) -> Result<(), Retcode> {
        let life = process.life.as_ref().ok_or(Retcode::INVALID_ARGUMENT)?;
        let share = life.share.as_ref().ok_or(Retcode::INVALID_ARGUMENT)?;
        let end = Instant::now() + BIRTH;
        // It runs before the launcher has told of it.
        let pidfd = loop {
            match life.pidfd() {
                Some(pidfd) if self.domain(process.id).is_some() => break pidfd,
                _ if process.is_dead() || Instant::now() > end => return Err(Retcode::FAIL),
                _ => std::thread::sleep(Duration::from_micros(20)),
            }
        };
        // SAFETY: two descriptors and a zero; nobody's memory is touched.
        let taken = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), 0, 0) };
        let taken = i32::try_from(taken).ok().filter(|fd| *fd >= 0).ok_or(Retcode::FAIL)?;
        // SAFETY: a descriptor that was just made for us.
        let taken = unsafe { OwnedFd::from_raw_fd(taken) };
        share.listener.set(taken).map_err(|_| Retcode::INVALID_ARGUMENT)?;
        let listener = share.listener().ok_or(Retcode::FAIL)?;
        self.watch.add_share(process.id, listener).map_err(|_| Retcode::FAIL)
    }
}
