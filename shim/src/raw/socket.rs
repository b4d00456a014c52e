// SPDX-License-Identifier: GPL-2.0-only
//! Sockets (`glue/socket.c`): files that more can be done with.

use super::file::File;
use crate::{bindings, errno::Errno};
use core::ffi::{c_int, c_uint, c_void};

/// Room for any address (`struct sockaddr_storage`).
pub const ADDR_BYTES: usize = 128;
const _: () = assert!(ADDR_BYTES == size_of::<bindings::__kernel_sockaddr_storage>());

/// What `receive` got.
pub struct Received {
    /// The message's length in the protocol's word, which may be more than what was written.
    pub length: usize,
    /// Bytes that were written.
    pub written: usize,
    /// Bytes of the sender's address.
    pub addr_len: usize,
    /// `MSG_` bits.
    pub flags: u32,
}

fn done(ret: c_int) -> Result<usize, Errno> {
    Errno::check(isize::try_from(ret).unwrap_or(isize::MIN))
}

/// Makes a socket.
///
/// # Errors
///
/// What the family says; `EAFNOSUPPORT` in a domain without sockets.
pub fn open(family: u16, kind: u16, protocol: i32, flags: u32) -> Result<File, Errno> {
    // The flags are checked by the caller and fit.
    let flags = c_int::try_from(flags).map_err(|_| Errno::EINVAL)?;
    // SAFETY: plain numbers; called by a task that may sleep.
    File::from_c(unsafe { bindings::machine_socket_open(family.into(), kind.into(), protocol, flags) })
}

/// Sockets' own calls. Each is for files that [`open`] or [`accept`](Socket::accept) made.
pub struct Socket(pub File);

impl Socket {
    /// Gives it its address.
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn bind(&self, addr: &[u8]) -> Result<(), Errno> {
        // SAFETY: a live socket (we hold a reference); the address is copied.
        done(unsafe { bindings::machine_socket_bind(self.0.as_ptr(), addr.as_ptr().cast(), addr.len()) }).map(drop)
    }

    /// Connects it.
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn connect(&self, addr: &[u8]) -> Result<(), Errno> {
        // SAFETY: as above.
        done(unsafe { bindings::machine_socket_connect(self.0.as_ptr(), addr.as_ptr().cast(), addr.len()) }).map(drop)
    }

    /// Waits for peers.
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn listen(&self, backlog: u16) -> Result<(), Errno> {
        // SAFETY: a live socket.
        done(unsafe { bindings::machine_socket_listen(self.0.as_ptr(), backlog.into()) }).map(drop)
    }

    /// Takes a peer.
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn accept(&self, flags: u32) -> Result<File, Errno> {
        let flags = c_int::try_from(flags).map_err(|_| Errno::EINVAL)?;
        // SAFETY: a live socket; called by a task that may sleep.
        File::from_c(unsafe { bindings::machine_socket_accept(self.0.as_ptr(), flags) })
    }

    /// Writes its address into `addr` and returns how long it is.
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn name(&self, addr: &mut [u8; ADDR_BYTES]) -> Result<usize, Errno> {
        // SAFETY: a live socket; no address is longer than a `sockaddr_storage`.
        done(unsafe { bindings::machine_socket_name(self.0.as_ptr(), addr.as_mut_ptr().cast()) })
            .map(|len| len.min(ADDR_BYTES))
    }

    /// Sends the `len` bytes of user memory at `window`.
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn send(&self, window: usize, len: usize, addr: &[u8], flags: u32) -> Result<usize, Errno> {
        let from: *const c_void = core::ptr::with_exposed_provenance(window);
        let (to, to_len) = (addr.as_ptr().cast(), addr.len());
        // SAFETY: a live socket; the address is copied; `from` is reached through the checked window only.
        Errno::check(unsafe { bindings::machine_socket_send(self.0.as_ptr(), from, len, to, to_len, flags) })
    }

    /// Receives into the `len` bytes of user memory at `window`.
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn receive(
        &self,
        window: usize,
        len: usize,
        addr: &mut [u8; ADDR_BYTES],
        flags: u32,
    ) -> Result<Received, Errno> {
        let to: *mut c_void = core::ptr::with_exposed_provenance_mut(window);
        let (mut flags, mut addr_len, mut written): (c_uint, usize, usize) = (flags, 0, len);
        let from = addr.as_mut_ptr().cast();
        let (count_at, addr_at, flags_at) = (&raw mut written, &raw mut addr_len, &raw mut flags);
        // SAFETY: as for `send`; no address is longer than a `sockaddr_storage`, and the other three are ours.
        let ret = unsafe { bindings::machine_socket_receive(self.0.as_ptr(), to, count_at, from, addr_at, flags_at) };
        Errno::check(ret).map(|length| Received {
            length,
            written: written.min(len),
            addr_len: addr_len.min(ADDR_BYTES),
            flags,
        })
    }

    /// Sets an option.
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn set_option(&self, level: i32, name: i32, value: &mut [u8]) -> Result<(), Errno> {
        let len = c_uint::try_from(value.len()).map_err(|_| Errno::EINVAL)?;
        // SAFETY: a live socket; the value is ours for the whole call.
        done(unsafe {
            bindings::machine_socket_set_option(self.0.as_ptr(), level, name, value.as_mut_ptr().cast(), len)
        })
        .map(drop)
    }
}
