// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C library's functions that programs call with descriptors. Each asks [`crate::table`] whether the descriptor is
//! ours, and calls the C library's own function if it is not.
//!
//! C's variadic functions (`open`, `fcntl`, `ioctl`) are defined here with the argument that they may have: on the
//! architectures of domains a variadic integer or pointer is passed as any other, and one that was not passed is not
//! used.
#![expect(
    unsafe_code,
    reason = "C functions whose callers promise that their pointers are good for as much as they say"
)]

pub mod epoll;
pub mod file;
pub mod message;
pub mod poll;
mod real;
pub mod socket;

use crate::domain::Errno;
use crate::object::{Object, Wait};
use crate::table;
use libc::{c_int, c_void, iovec, socklen_t, ssize_t, timespec, timeval};
use real::real;
use std::sync::Arc;
use std::time::{Duration, Instant};

type GetSockOpt = unsafe extern "C" fn(c_int, c_int, c_int, *mut c_void, *mut socklen_t) -> c_int;
type Fcntl = unsafe extern "C" fn(c_int, c_int, usize) -> c_int;
type Socket = unsafe extern "C" fn(c_int, c_int, c_int) -> c_int;

fn set_errno(errno: Errno) {
    // SAFETY: the C library returns the address of this thread's own.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: as above; nobody else writes there.
    unsafe { place.write(errno.0) };
}

/// What a function that returns a length or -1 returns.
fn length(result: Result<usize, Errno>) -> ssize_t {
    match result {
        Ok(length) => ssize_t::try_from(length).unwrap_or(ssize_t::MAX),
        Err(errno) => {
            set_errno(errno);
            -1
        }
    }
}

/// What a function that returns a number or -1 returns.
fn number(result: Result<c_int, Errno>) -> c_int {
    result.unwrap_or_else(|errno| {
        set_errno(errno);
        -1
    })
}

/// The bytes at `at`.
///
/// # Safety
///
/// `at` is null, or good for reads of `len` bytes for as long as the caller's own argument is.
unsafe fn bytes<'a>(at: *const c_void, len: usize) -> Result<&'a [u8], Errno> {
    if len == 0 {
        return Ok(&[]);
    }
    if at.is_null() {
        return Err(Errno(libc::EFAULT));
    }
    // SAFETY: not null, and the caller promises the rest.
    Ok(unsafe { std::slice::from_raw_parts(at.cast(), len) })
}

/// Writes as much of `from` as `room` says to `to`.
///
/// # Safety
///
/// `to` is null, or good for writes of `room` bytes.
unsafe fn fill(to: *mut c_void, room: usize, from: &[u8]) -> Result<(), Errno> {
    let len = room.min(from.len());
    if len == 0 {
        return Ok(());
    }
    if to.is_null() {
        return Err(Errno(libc::EFAULT));
    }
    // SAFETY: the caller promises the room; `from` is ours and lies elsewhere.
    unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to.cast(), len) };
    Ok(())
}

/// The pieces of a scattered buffer.
///
/// # Safety
///
/// `at` is null, or `count` vectors lie there.
unsafe fn pieces<'a>(at: *const iovec, count: usize) -> Result<&'a [iovec], Errno> {
    // include/uapi/linux/uio.h, UIO_MAXIOV.
    const MOST: usize = 1024;
    if count > MOST {
        return Err(Errno(libc::EINVAL));
    }
    if count == 0 {
        return Ok(&[]);
    }
    if at.is_null() {
        return Err(Errno(libc::EFAULT));
    }
    // SAFETY: not null, and the caller promises the rest.
    Ok(unsafe { std::slice::from_raw_parts(at, count) })
}

/// All bytes of a scattered buffer.
///
/// # Safety
///
/// Each piece is good for reads.
unsafe fn gather(pieces: &[iovec]) -> Result<Vec<u8>, Errno> {
    let mut all = Vec::new();
    for piece in pieces {
        // SAFETY: the caller promises it.
        all.extend_from_slice(unsafe { bytes(piece.iov_base, piece.iov_len) }?);
    }
    Ok(all)
}

fn room(pieces: &[iovec]) -> usize {
    pieces.iter().fold(0, |sum, piece| sum.saturating_add(piece.iov_len))
}

/// Puts `data` into a scattered buffer.
///
/// # Safety
///
/// Each piece is good for writes.
unsafe fn scatter(pieces: &[iovec], mut data: &[u8]) -> Result<(), Errno> {
    for piece in pieces {
        let (now, later) = data.split_at(piece.iov_len.min(data.len()));
        // SAFETY: the caller promises it.
        unsafe { fill(piece.iov_base, piece.iov_len, now) }?;
        data = later;
    }
    Ok(())
}

fn duration(time: &timespec) -> Duration {
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    seconds + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

fn is_nonblocking(fd: c_int) -> bool {
    let fcntl = real!(fcntl: Fcntl);
    // SAFETY: the command takes no argument.
    let flags = unsafe { fcntl(fd, libc::F_GETFL, 0) };
    flags & libc::O_NONBLOCK != 0
}

/// How a call on `fd` waits: as its flags and its time limit (`SO_RCVTIMEO`, which its socket keeps) say.
fn wait_of(fd: c_int, flags: c_int) -> Wait {
    if flags & libc::MSG_DONTWAIT != 0 || is_nonblocking(fd) {
        return Wait::Never;
    }
    let mut limit = timeval { tv_sec: 0, tv_usec: 0 };
    let mut len = socklen_t::try_from(size_of::<timeval>()).unwrap_or(0);
    let getsockopt = real!(getsockopt: GetSockOpt);
    let place = (&raw mut limit).cast();
    // SAFETY: the option is a `timeval`, and `len` is as long as one.
    let got = unsafe { getsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVTIMEO, place, &raw mut len) };
    let seconds = Duration::from_secs(u64::try_from(limit.tv_sec).unwrap_or(0));
    let limit = seconds + Duration::from_micros(u64::try_from(limit.tv_usec).unwrap_or(0));
    match Instant::now().checked_add(limit) {
        Some(end) if got == 0 && !limit.is_zero() => Wait::Until(end),
        _ => Wait::Forever,
    }
}

/// Gives an object a descriptor: `flags` are `SOCK_CLOEXEC` and `SOCK_NONBLOCK`, which are `O_CLOEXEC` and `O_NONBLOCK`
/// too.
fn describe(object: Arc<Object>, flags: c_int) -> Result<c_int, Errno> {
    let kept = flags & (libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK);
    let socket = real!(socket: Socket);
    // SAFETY: no pointer is passed.
    let fd = unsafe { socket(libc::AF_UNIX, libc::SOCK_SEQPACKET | kept, 0) };
    if fd < 0 {
        return Err(Errno(
            std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EMFILE),
        ));
    }
    table::insert(fd, object);
    Ok(fd)
}
