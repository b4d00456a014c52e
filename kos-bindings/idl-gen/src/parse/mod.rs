// SPDX-License-Identifier: MIT OR Apache-2.0
//! From text to [`crate::ast`].
//!
//! One function per rule. One token always decides what follows: nothing is tried twice, and the
//! first failure is the message.
//!
//! * `token`: names, marks, comments, and what is said when one is missing.
//! * `idl`: packages. `class`: components and classes.

mod class;
mod idl;
mod token;

use crate::ast::{Component, Package};
use crate::error::Mistake;

/// Parses an IDL file.
///
/// # Errors
///
/// The first token that does not fit, and what would.
pub fn package(text: &str) -> Result<Package, Mistake> {
    token::whole(text, idl::package)
}

/// Parses a CDL file.
///
/// # Errors
///
/// As [`package`].
pub fn component(text: &str) -> Result<Component, Mistake> {
    token::whole(text, class::component)
}

/// Parses an EDL file.
///
/// # Errors
///
/// As [`package`].
pub fn class(text: &str) -> Result<Component, Mistake> {
    token::whole(text, class::class)
}
