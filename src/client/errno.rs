// SPDX-License-Identifier: GPL-2.0-only
//! Linux's error numbers by name: what a driver answers is told in its own words.

use std::fmt;

/// A positive Linux error number, as a driver returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

/// The numbers that drivers use, from `include/uapi/asm-generic/errno{,-base}.h`.
const NAMES: &[(i32, &str, &str)] = &[
    (1, "EPERM", "operation not permitted"),
    (2, "ENOENT", "no such file"),
    (4, "EINTR", "interrupted"),
    (5, "EIO", "input/output error"),
    (6, "ENXIO", "no such device or address"),
    (7, "E2BIG", "argument list too long"),
    (9, "EBADF", "not open"),
    (11, "EAGAIN", "try again"),
    (12, "ENOMEM", "out of memory"),
    (13, "EACCES", "permission denied"),
    (14, "EFAULT", "bad address"),
    (16, "EBUSY", "device or resource busy"),
    (17, "EEXIST", "exists already"),
    (19, "ENODEV", "no such device"),
    (20, "ENOTDIR", "not a directory"),
    (21, "EISDIR", "is a directory"),
    (22, "EINVAL", "invalid argument"),
    (23, "ENFILE", "too many open files"),
    (24, "EMFILE", "too many open files"),
    (25, "ENOTTY", "command not known to the device"),
    (27, "EFBIG", "file too large"),
    (28, "ENOSPC", "no space left"),
    (29, "ESPIPE", "illegal seek"),
    (32, "EPIPE", "broken pipe"),
    (33, "EDOM", "argument out of domain"),
    (34, "ERANGE", "out of range"),
    (38, "ENOSYS", "not implemented"),
    (61, "ENODATA", "no data"),
    (62, "ETIME", "timer expired"),
    (71, "EPROTO", "protocol error"),
    (74, "EBADMSG", "bad message"),
    (75, "EOVERFLOW", "value too large"),
    (84, "EILSEQ", "illegal byte sequence"),
    (88, "ENOTSOCK", "not a socket"),
    (90, "EMSGSIZE", "message too long"),
    (92, "ENOPROTOOPT", "option not known to the protocol"),
    (93, "EPROTONOSUPPORT", "protocol not supported"),
    (94, "ESOCKTNOSUPPORT", "socket type not supported"),
    (95, "EOPNOTSUPP", "operation not supported"),
    (97, "EAFNOSUPPORT", "address family not supported"),
    (98, "EADDRINUSE", "address in use"),
    (99, "EADDRNOTAVAIL", "no such address"),
    (104, "ECONNRESET", "connection reset"),
    (105, "ENOBUFS", "no buffer space"),
    (106, "EISCONN", "is connected"),
    (107, "ENOTCONN", "not connected"),
    (108, "ESHUTDOWN", "shut down"),
    (110, "ETIMEDOUT", "timed out"),
    (111, "ECONNREFUSED", "connection refused"),
    (112, "EHOSTDOWN", "host is down"),
    (114, "EALREADY", "already in progress"),
    (115, "EINPROGRESS", "in progress"),
    (121, "EREMOTEIO", "remote I/O error"),
    (517, "EPROBE_DEFER", "driver asks to be probed later"),
    (524, "ENOTSUPP", "operation not supported by the driver"),
];

impl Errno {
    /// No such file.
    pub const ENOENT: Self = Self(2);
    /// Try again.
    pub const EAGAIN: Self = Self(11);
    /// Permission denied.
    pub const EACCES: Self = Self(13);
    /// No such device.
    pub const ENODEV: Self = Self(19);
    /// Device or resource busy.
    pub const EBUSY: Self = Self(16);
    /// Invalid argument.
    pub const EINVAL: Self = Self(22);
    /// Not implemented.
    pub const ENOSYS: Self = Self(38);
    /// Already in progress.
    pub const EALREADY: Self = Self(114);
    /// In progress.
    pub const EINPROGRESS: Self = Self(115);
    /// Is a directory.
    pub const EISDIR: Self = Self(21);

    fn entry(self) -> Option<&'static (i32, &'static str, &'static str)> {
        NAMES.iter().find(|(number, ..)| *number == self.0)
    }

    /// Its name, such as `EIO`, if it is one that drivers use.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.entry().map(|(_, name, _)| *name)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry() {
            Some((_, name, text)) => write!(f, "{text} ({name})"),
            None => write!(f, "errno {}", self.0),
        }
    }
}
