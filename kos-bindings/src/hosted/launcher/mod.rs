// SPDX-License-Identifier: MIT OR Apache-2.0
//! The launcher: a small process inside the outer sandbox, which makes the domains' processes.
//!
//! A user namespace can be entered by a process with one thread only, and a network namespace costs
//! more than all others together. So one child of the kernel, made early, builds what all domains
//! share: a user namespace, an empty network, an empty read-only root. From there each domain gets
//! namespaces of its own below that, at the price of a `vfork`. The domain's parent is the kernel,
//! not the launcher (`CLONE_PARENT`): its death reaches the kernel, and the kernel's death kills it
//! (`PR_SET_PDEATHSIG`).
//!
//! ```text
//! kernel ── launcher: user, mount, network, IPC, UTS; empty read-only root; no_new_privs
//!   ├────── domain 1: user, mount, PID, IPC, UTS of its own; the launcher's network; no capability
//!   └────── domain 2: …
//! ```

mod child;
mod wire;

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use rustix::io::{IoSlice, IoSliceMut, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::process::{Pid, WaitOptions};

use super::error::Error;

/// The namespaces that stand between a domain and the machine.
pub const NAMESPACES: [&str; 6] = ["user", "mount", "pid", "network", "ipc", "uts"];

/// A step on the way into the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Step {
    /// No step failed.
    None = 0,
    /// Starting the launcher.
    Fork,
    /// Giving up root's user id.
    Identity,
    /// Arranging to die with the kernel.
    DeathSignal,
    /// Closing inherited descriptors.
    Descriptors,
    /// Making the shared namespaces.
    Unshare,
    /// Mapping the user and group into the user namespace.
    Map,
    /// Mounting the empty root.
    Mount,
    /// Changing to the empty root.
    Pivot,
    /// Giving up new privileges.
    NoNewPrivs,
    /// Making a domain's process and namespaces.
    Clone,
    /// Setting resource limits.
    Limits,
    /// Dropping capabilities.
    Capabilities,
    /// Executing the image.
    Execute,
}

impl Step {
    fn from_raw(raw: u32) -> Self {
        const ALL: [Step; 14] = [
            Step::None,
            Step::Fork,
            Step::Identity,
            Step::DeathSignal,
            Step::Descriptors,
            Step::Unshare,
            Step::Map,
            Step::Mount,
            Step::Pivot,
            Step::NoNewPrivs,
            Step::Clone,
            Step::Limits,
            Step::Capabilities,
            Step::Execute,
        ];
        let index = usize::try_from(raw).unwrap_or(0);
        ALL.get(index).copied().unwrap_or(Step::None)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "nothing",
            Self::Fork => "fork of the launcher",
            Self::Identity => "setresuid to nobody",
            Self::DeathSignal => "death signal",
            Self::Descriptors => "close_range",
            Self::Unshare => "unshare of user, mount, network, IPC and UTS namespaces",
            Self::Map => "user and group id maps",
            Self::Mount => "mount of the empty root",
            Self::Pivot => "pivot_root",
            Self::NoNewPrivs => "no_new_privs",
            Self::Clone => "clone3 with user, mount, PID, IPC and UTS namespaces",
            Self::Limits => "resource limits",
            Self::Capabilities => "drop of capabilities",
            Self::Execute => "execution of the image",
        })
    }
}

/// Limits of one domain.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Writable private memory, in bytes.
    pub(crate) data: u64,
    /// Address space, in bytes.
    pub(crate) address_space: u64,
    /// The initial stack, in bytes.
    pub(crate) stack: u64,
}

impl Limits {
    fn bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        let words = [self.data, self.address_space, self.stack];
        for (to, from) in bytes.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&from.to_ne_bytes());
        }
        bytes
    }
}

/// The kernel's end of the launcher.
#[derive(Debug)]
pub(crate) struct Launcher {
    socket: Mutex<OwnedFd>,
    pid: Option<Pid>,
}

fn sandbox_error(step: u32, errno: i32) -> Error {
    Error::Sandbox {
        step: Step::from_raw(step),
        error: io::Error::from_raw_os_error(errno),
    }
}

impl Launcher {
    /// Starts the launcher. The calling thread must live as long as the kernel: its end kills all
    /// domains.
    pub(crate) fn start(cpu: Option<usize>) -> Result<Self, Error> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(|error| Error::Launcher(error.into()))?;
        let pid = child::fork(theirs.as_fd(), cpu).map_err(|error| Error::Sandbox {
            step: Step::Fork,
            error,
        })?;
        drop(theirs);
        receive(&ours)?;
        let launcher = Self {
            socket: Mutex::new(ours),
            pid: Pid::from_raw(pid),
        };
        Ok(launcher)
    }

    /// Ends the launcher. Domains that live stay.
    pub(crate) fn stop(&self) {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        // The launcher reads the end of its requests, and ends.
        let _ = rustix::net::shutdown(&*socket, rustix::net::Shutdown::Both);
        if let Some(pid) = self.pid {
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::empty());
        }
    }

    /// Makes a domain's process out of `image`, with `port` on descriptor 3. Does `meanwhile` while it is made.
    pub(crate) fn spawn<T>(
        &self,
        image: BorrowedFd<'_>,
        port: BorrowedFd<'_>,
        limits: Limits,
        meanwhile: impl FnOnce() -> T,
    ) -> (Result<(i32, OwnedFd), Error>, T) {
        // Held until the answer is here: it belongs to this request.
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = ask(&socket, image, port, limits);
        let done = meanwhile();
        let born = asked.and_then(|()| receive(&socket));
        let gone = || Error::Launcher(io::ErrorKind::UnexpectedEof.into());
        let born = born.and_then(|(pid, pidfd)| Ok((pid, pidfd.ok_or_else(gone)?)));
        (born, done)
    }
}

fn ask(socket: &OwnedFd, image: BorrowedFd<'_>, port: BorrowedFd<'_>, limits: Limits) -> Result<(), Error> {
    let files = [image, port];
    let bytes = limits.bytes();
    let sent = retry_on_intr(|| {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&files));
        sendmsg(socket, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)
    });
    sent.map(drop).map_err(|error| Error::Launcher(error.into()))
}

/// Reads one report of the launcher: `[step, errno, pid]`, and perhaps a process descriptor.
fn receive(socket: &OwnedFd) -> Result<(i32, Option<OwnedFd>), Error> {
    let mut words = [[0u8; 4]; 3];
    let mut pidfd = None;
    let got = retry_on_intr(|| {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let part = IoSliceMut::new(words.as_flattened_mut());
        let got = recvmsg(socket, &mut [part], &mut control, RecvFlags::CMSG_CLOEXEC)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(files) = message {
                pidfd = files.last();
            }
        }
        Ok(got.bytes)
    })
    .map_err(|error| Error::Launcher(error.into()))?;
    if got != size_of_val(&words) {
        return Err(Error::Launcher(io::ErrorKind::UnexpectedEof.into()));
    }
    match words.map(i32::from_ne_bytes) {
        [0, _, pid] => Ok((pid, pidfd)),
        [step, errno, _] => Err(sandbox_error(step.cast_unsigned(), errno)),
    }
}
