// SPDX-License-Identifier: GPL-2.0-only
//! Real Linux: User-Mode Linux, built from the same tree as the domain, with our chips on its buses.
//!
//! * [`build`]: the kernel and its one process, from the tree into the cache.
//! * [`control`]: the wire to its one process.
//! * [`dts`]: the domain's board as User-Mode Linux wants it.
//! * [`machine`]: one running kernel, and the questions that it answers. [`socket`]: those about sockets.

pub(crate) mod build;
pub(crate) mod control;
pub(crate) mod dts;
pub(crate) mod machine;
pub(crate) mod socket;
