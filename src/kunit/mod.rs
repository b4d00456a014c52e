// SPDX-License-Identifier: GPL-2.0-only
//! Linux's own unit tests, unmodified, in a domain.
//!
//! ```text
//!  tree ──suites──▶ groups ──one image each──▶ domain ──log──▶ KTAP, or a module's own count ──▶ against Linux
//! ```
//!
//! * [`suites`]: what the tree has, by the symbol that turns it on, and what cannot run here, with the reason.
//! * [`run`]: builds a group's image and runs it in a domain, under virtual time.
//! * [`ktap`]: reads results (`Documentation/dev-tools/ktap.rst`). [`count`]: modules that count for themselves.
//! * [`linux`]: what real Linux said of the same cases.

pub mod count;
pub mod ktap;
pub mod linux;
pub mod run;
pub mod sabotage;
pub mod suites;

pub use run::{Ran, Runner};
pub use suites::{Group, Plan, Suites};
