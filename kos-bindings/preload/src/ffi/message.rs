// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sys/socket.h`: messages.

use super::socket::tell;
use super::{bytes, fill, gather, is_nonblocking, length, pieces, real, room, scatter, wait_of};
use crate::domain::Errno;
use crate::object::{Object, Received};
use crate::table;
use libc::{c_int, c_void, msghdr, size_t, sockaddr, socklen_t, ssize_t};

type Recv = unsafe extern "C" fn(c_int, *mut c_void, size_t, c_int) -> ssize_t;
type RecvChk = unsafe extern "C" fn(c_int, *mut c_void, size_t, size_t, c_int) -> ssize_t;
type RecvFrom = unsafe extern "C" fn(c_int, *mut c_void, size_t, c_int, *mut sockaddr, *mut socklen_t) -> ssize_t;
type RecvFromChk =
    unsafe extern "C" fn(c_int, *mut c_void, size_t, size_t, c_int, *mut sockaddr, *mut socklen_t) -> ssize_t;
type RecvMsg = unsafe extern "C" fn(c_int, *mut msghdr, c_int) -> ssize_t;
type Send = unsafe extern "C" fn(c_int, *const c_void, size_t, c_int) -> ssize_t;
type SendTo = unsafe extern "C" fn(c_int, *const c_void, size_t, c_int, *const sockaddr, socklen_t) -> ssize_t;
type SendMsg = unsafe extern "C" fn(c_int, *const msghdr, c_int) -> ssize_t;

/// Receives on one of our descriptors.
fn receive(object: &Object, fd: c_int, count: usize, flags: c_int) -> Result<Received, Errno> {
    let asked = flags & !(libc::MSG_CMSG_CLOEXEC | libc::MSG_NOSIGNAL);
    object.receive(count, asked.cast_unsigned(), wait_of(fd, flags))
}

/// What the function returns that received this.
fn returned(received: &Received) -> usize {
    // A protocol may report an error as a length; then nothing came.
    usize::try_from(received.length).unwrap_or(0)
}

/// Receives into one buffer.
///
/// # Safety
///
/// `to` is null or good for writes of `count` bytes; the address as in [`tell`].
unsafe fn receive_into(
    object: &Object,
    fd: c_int,
    (to, count): (*mut c_void, usize),
    flags: c_int,
    (addr, len): (*mut sockaddr, *mut socklen_t),
) -> ssize_t {
    let received = receive(object, fd, count, flags).and_then(|received| {
        // SAFETY: the caller promises the room.
        unsafe { fill(to, count, &received.data) }?;
        // SAFETY: the caller promises it.
        unsafe { tell(addr, len, &received.addr) }?;
        Ok(returned(&received))
    });
    length(received)
}

const NOWHERE: (*mut sockaddr, *mut socklen_t) = (std::ptr::null_mut(), std::ptr::null_mut());

/// `recv(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recv(fd: c_int, buf: *mut c_void, count: size_t, flags: c_int) -> ssize_t {
    if let Some(object) = table::get(fd) {
        // SAFETY: the caller passes room for `count` bytes.
        return unsafe { receive_into(&object, fd, (buf, count), flags, NOWHERE) };
    }
    let real = real!(recv: Recv);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, buf, count, flags) }
}

/// `recv`, as a program calls it that was compiled to be checked.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __recv_chk(fd: c_int, buf: *mut c_void, count: size_t, size: size_t, flags: c_int) -> ssize_t {
    if let Some(object) = table::get(fd).filter(|_| count <= size) {
        // SAFETY: the caller passes room for `size` bytes.
        return unsafe { receive_into(&object, fd, (buf, count), flags, NOWHERE) };
    }
    let real = real!(__recv_chk: RecvChk);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, buf, count, size, flags) }
}

/// `recvfrom(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recvfrom(
    fd: c_int,
    buf: *mut c_void,
    count: size_t,
    flags: c_int,
    addr: *mut sockaddr,
    len: *mut socklen_t,
) -> ssize_t {
    if let Some(object) = table::get(fd) {
        // SAFETY: the caller passes room for `count` bytes and an address.
        return unsafe { receive_into(&object, fd, (buf, count), flags, (addr, len)) };
    }
    let real = real!(recvfrom: RecvFrom);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, buf, count, flags, addr, len) }
}

/// `recvfrom`, as a program calls it that was compiled to be checked.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __recvfrom_chk(
    fd: c_int,
    buf: *mut c_void,
    count: size_t,
    size: size_t,
    flags: c_int,
    addr: *mut sockaddr,
    len: *mut socklen_t,
) -> ssize_t {
    if let Some(object) = table::get(fd).filter(|_| count <= size) {
        // SAFETY: the caller passes room for `size` bytes and an address.
        return unsafe { receive_into(&object, fd, (buf, count), flags, (addr, len)) };
    }
    let real = real!(__recvfrom_chk: RecvFromChk);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, buf, count, size, flags, addr, len) }
}

/// Receives into a scattered buffer.
///
/// # Safety
///
/// `message` is good, and so is all that it points to.
unsafe fn receive_scattered(object: &Object, fd: c_int, message: &mut msghdr, flags: c_int) -> Result<usize, Errno> {
    // SAFETY: the caller promises it.
    let all = unsafe { pieces(message.msg_iov, message.msg_iovlen) }?;
    let received = receive(object, fd, room(all), flags)?;
    // SAFETY: the caller promises it.
    unsafe { scatter(all, &received.data) }?;
    let len = &raw mut message.msg_namelen;
    // SAFETY: the caller promises it.
    unsafe { tell(message.msg_name.cast(), len, &received.addr) }?;
    message.msg_controllen = 0;
    message.msg_flags = received.flags.cast_signed();
    Ok(returned(&received))
}

/// `recvmsg(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t {
    if let Some(object) = table::get(fd) {
        // SAFETY: the caller passes a message's header, or null.
        let Some(message) = (unsafe { message.as_mut() }) else {
            return length(Err(Errno(libc::EFAULT)));
        };
        // SAFETY: the caller's own message.
        return length(unsafe { receive_scattered(&object, fd, message, flags) });
    }
    let real = real!(recvmsg: RecvMsg);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, message, flags) }
}

/// Sends on one of our descriptors.
fn transmit(object: &Object, fd: c_int, data: &[u8], addr: &[u8], flags: c_int) -> Result<usize, Errno> {
    let wait = if is_nonblocking(fd) { libc::MSG_DONTWAIT } else { 0 };
    object.send(data, addr, (flags | wait).cast_unsigned())
}

/// `send(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn send(fd: c_int, buf: *const c_void, count: size_t, flags: c_int) -> ssize_t {
    if let Some(object) = table::get(fd) {
        // SAFETY: the caller passes `count` bytes.
        let data = unsafe { bytes(buf, count) };
        return length(data.and_then(|data| transmit(&object, fd, data, &[], flags)));
    }
    let real = real!(send: Send);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, buf, count, flags) }
}

/// `sendto(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendto(
    fd: c_int,
    buf: *const c_void,
    count: size_t,
    flags: c_int,
    addr: *const sockaddr,
    len: socklen_t,
) -> ssize_t {
    if let Some(object) = table::get(fd) {
        // SAFETY: the caller passes `count` bytes.
        let data = unsafe { bytes(buf, count) };
        let len = if addr.is_null() { 0 } else { len as usize };
        // SAFETY: the caller passes an address of `len` bytes.
        let addr = unsafe { bytes(addr.cast(), len) };
        return length(data.and_then(|data| transmit(&object, fd, data, addr?, flags)));
    }
    let real = real!(sendto: SendTo);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, buf, count, flags, addr, len) }
}

/// Sends a scattered message.
///
/// # Safety
///
/// All that `message` points to is good.
unsafe fn send_scattered(object: &Object, fd: c_int, message: &msghdr, flags: c_int) -> Result<usize, Errno> {
    if message.msg_controllen != 0 {
        return Err(Errno(libc::EOPNOTSUPP));
    }
    // SAFETY: the caller promises it.
    let all = unsafe { pieces(message.msg_iov, message.msg_iovlen) }?;
    // SAFETY: the caller promises it.
    let data = unsafe { gather(all) }?;
    let len = if message.msg_name.is_null() {
        0
    } else {
        message.msg_namelen as usize
    };
    // SAFETY: the caller promises it.
    let addr = unsafe { bytes(message.msg_name, len) }?;
    transmit(object, fd, &data, addr, flags)
}

/// `sendmsg(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t {
    if let Some(object) = table::get(fd) {
        // SAFETY: the caller passes a message's header, or null.
        let Some(message) = (unsafe { message.as_ref() }) else {
            return length(Err(Errno(libc::EFAULT)));
        };
        // SAFETY: the caller's own message.
        return length(unsafe { send_scattered(&object, fd, message, flags) });
    }
    let real = real!(sendmsg: SendMsg);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, message, flags) }
}
