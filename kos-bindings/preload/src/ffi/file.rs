// SPDX-License-Identifier: MIT OR Apache-2.0
//! `fcntl.h`, `unistd.h`, `sys/uio.h`, `sys/ioctl.h`: opening, reading, writing, copying and closing descriptors.

use super::{Fcntl, bytes, describe, fill, gather, length, number, pieces, real, room, scatter, wait_of};
use crate::domain::{self, Errno};
use crate::epoll;
use crate::object::Object;
use crate::table;
use libc::{c_char, c_int, c_uint, c_ulong, c_void, iovec, size_t, ssize_t};
use std::ffi::CStr;
use std::sync::Arc;

type Open = unsafe extern "C" fn(*const c_char, c_int, c_uint) -> c_int;
type OpenAt = unsafe extern "C" fn(c_int, *const c_char, c_int, c_uint) -> c_int;
type Access = unsafe extern "C" fn(*const c_char, c_int) -> c_int;
type Open2 = unsafe extern "C" fn(*const c_char, c_int) -> c_int;
type Read = unsafe extern "C" fn(c_int, *mut c_void, size_t) -> ssize_t;
type ReadChk = unsafe extern "C" fn(c_int, *mut c_void, size_t, size_t) -> ssize_t;
type Write = unsafe extern "C" fn(c_int, *const c_void, size_t) -> ssize_t;
type Vector = unsafe extern "C" fn(c_int, *const iovec, c_int) -> ssize_t;
type Close = unsafe extern "C" fn(c_int) -> c_int;
type Dup2 = unsafe extern "C" fn(c_int, c_int) -> c_int;
type Dup3 = unsafe extern "C" fn(c_int, c_int, c_int) -> c_int;
type Ioctl = unsafe extern "C" fn(c_int, c_ulong, *mut c_void) -> c_int;

/// The name of the domain's device that `path` is, if the domain has any.
///
/// # Safety
///
/// `path` is null or a C string that outlives `'a`.
unsafe fn device_of<'a>(path: *const c_char) -> Option<&'a str> {
    if path.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller promises the rest.
    let path = unsafe { CStr::from_ptr(path) };
    let name = path.to_str().ok()?.strip_prefix("/dev/")?;
    std::env::var_os(domain::VARIABLE)?;
    Some(name)
}

/// Opens `path` in the domain, if it is below `/dev` and the domain has it.
///
/// # Safety
///
/// `path` is null or a C string.
unsafe fn open_ours(path: *const c_char, flags: c_int) -> Option<c_int> {
    // SAFETY: our caller's promise.
    let name = unsafe { device_of(path) }?;
    let opened = Object::device(domain::get().ok()?, name, flags);
    match opened {
        Err(Errno(libc::ENOENT)) => None,
        opened => Some(number(opened.and_then(|object| describe(Arc::new(object), flags)))),
    }
}

/// The functions that open a path: all alike but for their arguments.
macro_rules! opens {
    ($($name:ident: $type:ty =
        ($($before:ident: $before_type:ty)?, $path:ident, $flags:ident $(, $mode:ident)?);)*) => {$(
        #[doc = concat!("`", stringify!($name), "(2)`.")]
        ///
        /// # Safety
        ///
        /// As of the C library's.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            $($before: $before_type,)?
            $path: *const c_char,
            $flags: c_int
            $(, $mode: c_uint)?
        ) -> c_int {
            // SAFETY: the caller passes a C string.
            if let Some(fd) = unsafe { open_ours($path, $flags) } {
                return fd;
            }
            let real = real!($name: $type);
            // SAFETY: the caller's own arguments.
            unsafe { real($($before,)? $path, $flags $(, $mode)?) }
        }
    )*};
}

opens! {
    open: Open = (, path, flags, mode);
    open64: Open = (, path, flags, mode);
    openat: OpenAt = (dir: c_int, path, flags, mode);
    openat64: OpenAt = (dir: c_int, path, flags, mode);
    __open_2: Open2 = (, path, flags);
    __open64_2: Open2 = (, path, flags);
}

/// `access(2)`: the domain's devices may be read and written, and are no programs.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn access(path: *const c_char, mode: c_int) -> c_int {
    // SAFETY: the caller passes a C string, or null.
    let name = unsafe { device_of(path) };
    let is_ours = name.and_then(|name| Some(Object::has_device(&*domain::get().ok()?, name)));
    match is_ours {
        Some(Ok(true)) if mode & libc::X_OK != 0 => number(Err(Errno(libc::EACCES))),
        Some(Ok(true)) => 0,
        Some(Err(error)) => number(Err(error)),
        Some(Ok(false)) | None => {
            let real = real!(access: Access);
            // SAFETY: the caller's own arguments.
            unsafe { real(path, mode) }
        }
    }
}

/// Reads into the `count` bytes at `to`.
///
/// # Safety
///
/// `to` is null or good for writes of `count` bytes.
unsafe fn read_ours(object: &Object, fd: c_int, to: *mut c_void, count: usize) -> ssize_t {
    let done = object.read(count, wait_of(fd, 0)).and_then(|data| {
        // SAFETY: the caller promises the room.
        unsafe { fill(to, count, &data) }?;
        Ok(data.len().min(count))
    });
    length(done)
}

/// `read(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn read(fd: c_int, buf: *mut c_void, count: size_t) -> ssize_t {
    if let Some(object) = table::get(fd) {
        // SAFETY: the caller passes room for `count` bytes.
        return unsafe { read_ours(&object, fd, buf, count) };
    }
    let real = real!(read: Read);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, buf, count) }
}

/// `read`, as a program calls it that was compiled to be checked (`_FORTIFY_SOURCE`).
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __read_chk(fd: c_int, buf: *mut c_void, count: size_t, size: size_t) -> ssize_t {
    if let Some(object) = table::get(fd).filter(|_| count <= size) {
        // SAFETY: the caller passes room for `size` bytes.
        return unsafe { read_ours(&object, fd, buf, count) };
    }
    let real = real!(__read_chk: ReadChk);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, buf, count, size) }
}

/// `readv(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readv(fd: c_int, iov: *const iovec, count: c_int) -> ssize_t {
    let Some(object) = table::get(fd) else {
        let real = real!(readv: Vector);
        // SAFETY: the caller's own arguments.
        return unsafe { real(fd, iov, count) };
    };
    // SAFETY: the caller passes `count` vectors.
    let all = usize::try_from(count)
        .map_err(|_| Errno(libc::EINVAL))
        .and_then(|count| unsafe { pieces(iov, count) });
    length(all.and_then(|all| {
        let data = object.read(room(all), wait_of(fd, 0))?;
        // SAFETY: the caller passes room in each.
        unsafe { scatter(all, &data) }?;
        Ok(data.len())
    }))
}

/// `MSG_DONTWAIT` for a descriptor that does not wait.
fn send_flags(fd: c_int) -> u32 {
    if super::is_nonblocking(fd) {
        libc::MSG_DONTWAIT.cast_unsigned()
    } else {
        0
    }
}

/// `write(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, buf: *const c_void, count: size_t) -> ssize_t {
    let Some(object) = table::get(fd) else {
        let real = real!(write: Write);
        // SAFETY: the caller's own arguments.
        return unsafe { real(fd, buf, count) };
    };
    // SAFETY: the caller passes `count` bytes.
    let data = unsafe { bytes(buf, count) };
    length(data.and_then(|data| object.write(data, send_flags(fd))))
}

/// `writev(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, iov: *const iovec, count: c_int) -> ssize_t {
    let Some(object) = table::get(fd) else {
        let real = real!(writev: Vector);
        // SAFETY: the caller's own arguments.
        return unsafe { real(fd, iov, count) };
    };
    // SAFETY: the caller passes `count` vectors.
    let all = usize::try_from(count)
        .map_err(|_| Errno(libc::EINVAL))
        .and_then(|count| unsafe { pieces(iov, count) });
    // SAFETY: the caller passes bytes in each.
    let data = all.and_then(|all| unsafe { gather(all) });
    length(data.and_then(|data| object.write(&data, send_flags(fd))))
}

/// `close(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(fd: c_int) -> c_int {
    // Before the number is free for another; the object is let go when it is closed.
    let _object = table::remove(fd);
    epoll::remove(fd);
    let real = real!(close: Close);
    // SAFETY: the caller's own argument.
    unsafe { real(fd) }
}

/// Makes `to` stand for what `from` does.
fn copied(from: c_int, to: c_int) -> c_int {
    if to >= 0 && to != from {
        match table::get(from) {
            Some(object) => table::insert(to, object),
            None => drop(table::remove(to)),
        }
        match epoll::get(from) {
            Some(set) => epoll::insert(to, set),
            None => epoll::remove(to),
        }
    }
    to
}

/// `dup(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dup(fd: c_int) -> c_int {
    let real = real!(dup: Close);
    // SAFETY: the caller's own argument.
    copied(fd, unsafe { real(fd) })
}

/// `dup2(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dup2(from: c_int, to: c_int) -> c_int {
    let real = real!(dup2: Dup2);
    // SAFETY: the caller's own arguments.
    copied(from, unsafe { real(from, to) })
}

/// `dup3(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dup3(from: c_int, to: c_int, flags: c_int) -> c_int {
    let real = real!(dup3: Dup3);
    // SAFETY: the caller's own arguments.
    copied(from, unsafe { real(from, to, flags) })
}

fn control(fd: c_int, cmd: c_int, done: c_int) -> c_int {
    match cmd {
        libc::F_DUPFD | libc::F_DUPFD_CLOEXEC => copied(fd, done),
        _ => done,
    }
}

/// `fcntl(2)`: flags are kept by the descriptor's own socket.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fcntl(fd: c_int, cmd: c_int, arg: usize) -> c_int {
    let real = real!(fcntl: Fcntl);
    // SAFETY: the caller's own arguments.
    control(fd, cmd, unsafe { real(fd, cmd, arg) })
}

/// `fcntl`, by the name that it has where files are large.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fcntl64(fd: c_int, cmd: c_int, arg: usize) -> c_int {
    let real = real!(fcntl64: Fcntl);
    // SAFETY: the caller's own arguments.
    control(fd, cmd, unsafe { real(fd, cmd, arg) })
}

/// Runs a device command.
///
/// # Safety
///
/// If the command's argument is a pointer, it is good for as much as the command says.
unsafe fn command(object: &Object, cmd: u32, arg: *mut c_void) -> Result<c_int, Errno> {
    // Nothing is ever mapped below (`vm.mmap_min_addr`): commands such as RTC_IRQP_SET say that they take a pointer,
    // and take a number.
    const LOWEST: usize = 4096;
    match object.argument_len(cmd)? {
        Some(len) if arg.addr() >= LOWEST => {
            // SAFETY: the caller promises it; nobody else has the argument while the call lasts.
            let arg = unsafe { std::slice::from_raw_parts_mut(arg.cast(), len) };
            object.ioctl(cmd, 0, arg)
        }
        _ => object.ioctl(cmd, arg.addr() as u64, &mut []),
    }
}

/// `ioctl(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ioctl(fd: c_int, request: c_ulong, arg: *mut c_void) -> c_int {
    if let Some(object) = table::get(fd).filter(|_| request != libc::FIONBIO) {
        // A command has 32 bits (fs/ioctl.c); what is above is a sign.
        let cmd = u32::try_from(request & c_ulong::from(u32::MAX)).unwrap_or(0);
        // SAFETY: the caller's own arguments.
        return number(unsafe { command(&object, cmd, arg) });
    }
    let real = real!(ioctl: Ioctl);
    // SAFETY: the caller's own arguments.
    unsafe { real(fd, request, arg) }
}
