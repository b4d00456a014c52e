// SPDX-License-Identifier: GPL-2.0-only
//! Tree-shaking Linux: from the name of a driver to one static image.
//!
//! [`kbuild`] and Kconfig say which files make the driver, [`index`] says who defines what, [`closure`]
//! pulls in what is needed, [`compile`] compiles it once, the linker drops what nothing reaches.

mod cancel;
pub mod closure;
pub mod compile;
mod engine;
mod error;
pub mod fdt;
pub mod hash;
mod hostgen;
pub mod hot;
pub mod index;
pub mod kbuild;
pub mod link;
mod list;
pub mod lookup;
mod memo;
pub mod objfile;
mod overlay;
mod progress;
pub mod report;
mod request;
pub mod script;
pub mod unreached;
pub mod vendor;
pub mod waist;
mod words;
mod workshop;

pub use cancel::cancel_flag;
pub use engine::build;
pub use error::BuildError;
pub use report::Report;
pub use request::{BuildRequest, Built, Emit};
pub use workshop::Workshop;
