// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sys/socket.h`: making sockets, their addresses and options.

use super::{GetSockOpt, Socket, bytes, describe, fill, number, real, wait_of};
use crate::domain::{self, Errno};
use crate::object::{Kind, Object};
use crate::table;
use libc::{c_int, c_void, sockaddr, socklen_t};
use std::sync::Arc;

type Address = unsafe extern "C" fn(c_int, *const sockaddr, socklen_t) -> c_int;
type Listen = unsafe extern "C" fn(c_int, c_int) -> c_int;
type Name = unsafe extern "C" fn(c_int, *mut sockaddr, *mut socklen_t) -> c_int;
type Accept4 = unsafe extern "C" fn(c_int, *mut sockaddr, *mut socklen_t, c_int) -> c_int;
type SetSockOpt = unsafe extern "C" fn(c_int, c_int, c_int, *const c_void, socklen_t) -> c_int;

/// include/linux/socket.h, `AF_NFC`.
const AF_NFC: c_int = 39;
/// include/linux/net.h, `SOCK_TYPE_MASK`: the rest of a type are flags.
const TYPE_MASK: c_int = 0xf;

fn is_ours(family: c_int, protocol: c_int) -> bool {
    family == AF_NFC || (family == libc::AF_NETLINK && protocol == libc::NETLINK_GENERIC)
}

/// `socket(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int {
    if is_ours(family, protocol) {
        let made = domain::get().and_then(|domain| Object::socket(domain, family, kind & TYPE_MASK, protocol));
        return number(made.and_then(|object| describe(Arc::new(object), kind)));
    }
    let real = real!(socket: Socket);
    // SAFETY: the caller's own arguments.
    unsafe { real(family, kind, protocol) }
}

fn done(result: Result<(), Errno>) -> c_int {
    number(result.map(|()| 0))
}

/// `bind(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bind(fd: c_int, addr: *const sockaddr, len: socklen_t) -> c_int {
    if let Some(object) = table::get(fd) {
        // SAFETY: the caller passes an address of `len` bytes.
        let addr = unsafe { bytes(addr.cast(), len as usize) };
        return done(addr.and_then(|addr| object.bind(addr)));
    }
    let real = real!(bind: Address);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, addr, len) }
}

/// `connect(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn connect(fd: c_int, addr: *const sockaddr, len: socklen_t) -> c_int {
    if let Some(object) = table::get(fd) {
        // SAFETY: the caller passes an address of `len` bytes.
        let addr = unsafe { bytes(addr.cast(), len as usize) };
        return done(addr.and_then(|addr| object.connect(addr)));
    }
    let real = real!(connect: Address);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, addr, len) }
}

/// `listen(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn listen(fd: c_int, backlog: c_int) -> c_int {
    if let Some(object) = table::get(fd) {
        return done(object.listen(backlog));
    }
    let real = real!(listen: Listen);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, backlog) }
}

/// Tells an address as C functions do: as much as there is room for, and how long it is.
///
/// # Safety
///
/// `len` is null or good, and `to` good for writes of as many bytes.
pub(super) unsafe fn tell(to: *mut sockaddr, len: *mut socklen_t, addr: &[u8]) -> Result<(), Errno> {
    if to.is_null() || len.is_null() {
        return Ok(());
    }
    // SAFETY: the caller promises it.
    let room = unsafe { len.read() } as usize;
    // SAFETY: the caller promises the room.
    unsafe { fill(to.cast(), room, addr) }?;
    // SAFETY: as above.
    unsafe { len.write(socklen_t::try_from(addr.len()).unwrap_or(socklen_t::MAX)) };
    Ok(())
}

/// `accept4(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn accept4(fd: c_int, addr: *mut sockaddr, len: *mut socklen_t, flags: c_int) -> c_int {
    let Some(object) = table::get(fd) else {
        let real = real!(accept4: Accept4);
        // SAFETY: the caller's own arguments.
        return unsafe { real(fd, addr, len, flags) };
    };
    let accepted = object.accept(wait_of(fd, 0));
    number(accepted.and_then(|peer| {
        // The door tells nobody a peer's address.
        // SAFETY: the caller passes room for an address.
        unsafe { tell(addr, len, &[]) }?;
        describe(Arc::new(peer), flags)
    }))
}

/// `accept(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn accept(fd: c_int, addr: *mut sockaddr, len: *mut socklen_t) -> c_int {
    // SAFETY: the caller's own arguments.
    unsafe { accept4(fd, addr, len, 0) }
}

/// `getsockname(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getsockname(fd: c_int, addr: *mut sockaddr, len: *mut socklen_t) -> c_int {
    if let Some(object) = table::get(fd) {
        // SAFETY: the caller passes room for an address.
        return done(object.name().and_then(|name| unsafe { tell(addr, len, &name) }));
    }
    let real = real!(getsockname: Name);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, addr, len) }
}

/// Options that the descriptor's own socket keeps.
const KEPT: [c_int; 4] = [libc::SO_RCVTIMEO, libc::SO_SNDTIMEO, libc::SO_RCVBUF, libc::SO_SNDBUF];

/// `setsockopt(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *const c_void,
    len: socklen_t,
) -> c_int {
    if let Some(object) = table::get(fd) {
        if level != libc::SOL_SOCKET {
            // SAFETY: the caller passes a value of `len` bytes.
            let value = unsafe { bytes(value, len as usize) };
            return done(value.and_then(|value| object.set_option(level, name, value)));
        }
        if !KEPT.contains(&name) {
            return done(Err(Errno(libc::ENOPROTOOPT)));
        }
    }
    let real = real!(setsockopt: SetSockOpt);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, level, name, value, len) }
}

/// What Linux knows of a socket and its placeholder does not.
fn fact(object: &Object, level: c_int, name: c_int) -> Result<Option<c_int>, Errno> {
    let Kind::Socket(family, kind, protocol) = *object.kind() else {
        return Err(Errno(libc::ENOTSOCK));
    };
    match (level, name) {
        (libc::SOL_SOCKET, libc::SO_DOMAIN) => Ok(Some(family)),
        (libc::SOL_SOCKET, libc::SO_TYPE) => Ok(Some(kind)),
        (libc::SOL_SOCKET, libc::SO_PROTOCOL) => Ok(Some(protocol)),
        (libc::SOL_SOCKET, name) if KEPT.contains(&name) => Ok(None),
        _ => Err(Errno(libc::ENOPROTOOPT)),
    }
}

/// `getsockopt(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    len: *mut socklen_t,
) -> c_int {
    if let Some(object) = table::get(fd) {
        match fact(&object, level, name) {
            Ok(None) => {}
            // SAFETY: the caller passes room for a value.
            Ok(Some(fact)) => return done(unsafe { tell(value.cast(), len, &fact.to_ne_bytes()) }),
            Err(errno) => return done(Err(errno)),
        }
    }
    let real = real!(getsockopt: GetSockOpt);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, level, name, value, len) }
}
