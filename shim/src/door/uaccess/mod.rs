// SPDX-License-Identifier: GPL-2.0-only
//! User memory: what `copy_from_user` and its kin may reach is the buffer of the request that the running task
//! serves ([`super::context`]), and nothing else. A pointer inside an ioctl's argument leads nowhere: `EFAULT`.

pub mod ffi;
