// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clients in other processes of the same user: how they find a running kernel and get a port of
//! their own.
//!
//! Each kernel listens on `PID-N.sock` in a directory that only its user may enter ([`directory`]). A
//! client says `list`, or `open NAME`; for the latter it is handed a port (a sealed memory file)
//! with one handle, which leads to that domain. From then on the socket says only one thing: that
//! the other side still lives. Messages never travel over it.
//!
//! ```text
//! client                        kernel
//!   "list"             ──▶
//!                      ◀──      one line per domain: NAME \t ID \t PID
//!   "open NAME"        ──▶      port made, kernel thread started
//!                      ◀──      "ok HANDLE CPU", and the port's file
//!                      ◀──      or "no" and a reason
//!   "thread"           ──▶      one more port of the same client, for another of its threads
//!                      ◀──      as above
//! ```

mod door;

pub use crate::connection::{Connection, Listed, list};
pub use door::Door;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::vec::Vec;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::os::fd::OwnedFd;

/// The longest request or answer.
pub(crate) const MAX_BYTES: usize = 16 * 1024;
const SUFFIX: &str = "sock";

/// Returns the directory of this user's kernels: `$XDG_RUNTIME_DIR/linux-compat`, or
/// `/tmp/linux-compat-UID`.
#[must_use]
pub fn directory() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    match runtime.filter(|dir| dir.is_absolute() && dir.is_dir()) {
        Some(dir) => dir.join("linux-compat"),
        None => PathBuf::from(std::format!(
            "/tmp/linux-compat-{}",
            rustix::process::geteuid().as_raw()
        )),
    }
}

/// Makes the directory if need be, and checks that nobody else can put a socket there.
fn private_directory(path: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = fs::symlink_metadata(path)?;
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if metadata.is_dir() && is_ours && metadata.mode() & 0o077 == 0 {
        return Ok(());
    }
    let text = std::format!("{}: not a directory of this user alone (mode 0700)", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

/// Lists the sockets in `directory`.
pub(crate) fn sockets(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == SUFFIX))
        .collect();
    paths.sort();
    paths
}

/// Connects to the kernel at `path`. A socket that nobody listens on any more is removed.
pub(crate) fn dial(path: &Path) -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    match connect(&socket, &SocketAddrUnix::new(path)?) {
        Ok(()) => Ok(socket),
        Err(error) => {
            if error == rustix::io::Errno::CONNREFUSED {
                // Whoever removes it first is right; a new kernel has a new process id.
                let _ = fs::remove_file(path);
            }
            Err(error.into())
        }
    }
}
