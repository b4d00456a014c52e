// SPDX-License-Identifier: GPL-2.0-only
//! Tree-shaking Linux: from the name of a driver to one static image.
//!
//! [`kbuild`] and Kconfig say which files make the driver, [`index`] says who defines what, [`closure`]
//! pulls in what is needed, [`compile`] compiles it once, the linker drops what nothing reaches.

pub mod closure;
pub mod compile;
mod error;
pub mod fdt;
pub mod hash;
pub mod index;
pub mod kbuild;
pub mod objfile;
pub mod waist;

pub use error::BuildError;
