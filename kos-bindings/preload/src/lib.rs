// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gives a program for Linux the sockets and devices of a running domain, unchanged and without a kernel module:
//!
//! ```text
//! linux-compat run virtual_ncidev &
//! LINUX_COMPAT_DOMAIN=virtual_ncidev LD_PRELOAD=liblinux_compat_preload.so ./nci_dev
//! ```
//!
//! Sockets of the families `AF_NETLINK` with the protocol `NETLINK_GENERIC` and `AF_NFC`, and files of `/dev` that the
//! domain has, are the domain's; all others are the machine's own. Each has a real descriptor, of a socket that is
//! connected to nobody: `dup`, `O_NONBLOCK` and time limits (`SO_RCVTIMEO`) are kept there, and a program that reads or
//! writes it behind this library's back gets an error instead of nothing.
//!
//! Each thread of the program that waits in a call has a port of its own ([`domain`]), so one may wait in `read` while
//! another writes the same device.
//!
//! * [`domain`]: the domain, and the ports to it. [`object`]: what a descriptor stands for, and what can be done with
//!   it.
//! * [`table`]: which descriptors are ours. [`wait`]: `poll` on several, ours among them. [`epoll`]: the same for its
//!   sets.
//! * [`ffi`]: the C library's functions that are stood in for; `ffi::real` finds the ones behind.
//!
//! # Differs from Linux
//!
//! * `epoll` with `EPOLLET` tells what is ready again once the program has used the descriptor, though nothing new has
//!   come. It takes devices that cannot be polled (they are always ready), and has no signal mask. A set with
//!   descriptors of a domain in it cannot be waited for by `poll` or in another set: only the machine's are seen there.
//! * Ancillary data is neither sent nor received; `SOL_SOCKET` has time limits and buffer sizes, nothing else.
//! * `connect` waits though `O_NONBLOCK` is set. `readv`, `writev` and `recvmsg` move 64 KiB at the most.
//! * A child after `fork` has descriptors of its own once it opens them; those of its parent are errors there.
//! * A device that cannot be polled is read for [`object::READ_LIMIT`] at once, then again: as if a signal had come.

pub mod domain;
pub mod epoll;
pub mod ffi;
pub mod object;
pub mod table;
pub mod wait;
