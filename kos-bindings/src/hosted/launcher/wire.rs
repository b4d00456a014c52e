// SPDX-License-Identifier: MIT OR Apache-2.0
//! The launcher's side of its socket. Like all that runs there, it does not allocate.
#![expect(unsafe_code, reason = "messages with descriptors, on memory of this stack")]

use std::mem::{size_of, zeroed};

use libc::c_int;

use super::child::{SOCKET, die};
use super::{Limits, Step};

/// Room for the control message of two descriptors, aligned as `cmsghdr` wants it.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// Waits for the kernel's next request: limits, image and port. `None` if the kernel is gone.
pub(super) fn next_request() -> Option<(Limits, c_int, c_int)> {
    let mut limits = Limits {
        data: 0,
        address_space: 0,
        stack: 0,
    };
    let mut control = Control([0; 64]);
    let mut part = libc::iovec {
        iov_base: (&raw mut limits).cast(),
        iov_len: size_of::<Limits>(),
    };
    // SAFETY: a message header is plain data.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = control.0.len();
    // SAFETY: the header points to live memory of the lengths that it says.
    let got = unsafe { libc::recvmsg(SOCKET, &raw mut message, libc::MSG_CMSG_CLOEXEC) };
    if usize::try_from(got).ok()? != size_of::<Limits>() {
        return None;
    }
    // SAFETY: the system filled the header.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    if header.is_null() {
        return None;
    }
    // SAFETY: arithmetic on an address inside the control buffer.
    let data = unsafe { libc::CMSG_DATA(header) };
    // SAFETY: the kernel's end always sends two descriptors, and `control` has room for more.
    let [image, port] = unsafe { data.cast::<[c_int; 2]>().read_unaligned() };
    Some((limits, image, port))
}

/// Tells the kernel how a request ended.
pub(super) fn report(step: Step, code: c_int, pid: c_int, pidfd: Option<c_int>) {
    let mut words = [step as c_int, code, pid];
    let mut control = Control([0; 64]);
    let mut part = libc::iovec {
        iov_base: words.as_mut_ptr().cast(),
        iov_len: size_of::<[c_int; 3]>(),
    };
    // SAFETY: a message header is plain data.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    if let Some(pidfd) = pidfd {
        message.msg_control = control.0.as_mut_ptr().cast();
        // SAFETY: arithmetic on a length.
        message.msg_controllen = unsafe { libc::CMSG_SPACE(4) } as usize;
        // SAFETY: the header's control buffer is long enough for one control header.
        let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
        // SAFETY: as above.
        let header = unsafe { &mut *header };
        header.cmsg_level = libc::SOL_SOCKET;
        header.cmsg_type = libc::SCM_RIGHTS;
        // SAFETY: arithmetic on a length.
        header.cmsg_len = unsafe { libc::CMSG_LEN(4) } as usize;
        // SAFETY: arithmetic on an address inside the control buffer.
        let data = unsafe { libc::CMSG_DATA(header) };
        // SAFETY: room for one descriptor follows the control header.
        unsafe { data.cast::<c_int>().write_unaligned(pidfd) };
    }
    // SAFETY: the header points to live memory of the lengths that it says.
    let sent = unsafe { libc::sendmsg(SOCKET, &raw const message, libc::MSG_NOSIGNAL) };
    if sent < 0 {
        die(0);
    }
}
