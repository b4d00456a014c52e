// SPDX-License-Identifier: GPL-2.0-only
//! Kconfig: the questions that the tree asks, and the answers that this architecture gives.
//!
//! The language is described by `Documentation/kbuild/kconfig-language.rst`. What is here reads all of it
//! that decides a value; prompts, help texts and menus are only read past. The base configuration is what
//! `KCONFIG_ALLCONFIG=answers make allnoconfig` gives: an unanswered question with a prompt is `n`, and one
//! without is computed. `m` counts as `y`: a domain has no modules.

mod expr;
mod parse;
mod resolve;
#[cfg(test)]
mod tests;

pub use expr::Expr;
pub use parse::{Kconfig, Kind, Symbol};
pub use resolve::{Answers, Config, Refused, Unmet};
