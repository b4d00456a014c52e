// SPDX-License-Identifier: GPL-2.0-only
//! The architecture: headers, configuration answers, the kernel tree and compiler flags.
//!
//! * [`tree`]: where a pristine kernel tree is found, fetched and checked against its package's [`manifest`].
//! * [`kconfig`]: the tree's own Kconfig files, answered by `config/*.config`.
//! * [`mod@flags`]: the flags for `cc` and bindgen, and the headers that a kernel build generates.
//! * [`cache`]: the cache directory, atomic writes and locks.

pub mod cache;
mod fetch;
pub mod flags;
mod generated;
pub mod kconfig;
pub mod manifest;
pub mod tree;

pub use flags::{Arch, Profile, flags};
pub use tree::{Locate, Series, Tree};
