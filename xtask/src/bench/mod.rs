// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask bench`.

use anyhow::Result;

/// Measures and prints the table.
pub(crate) fn command(_args: &[String]) -> Result<bool> {
    Ok(true)
}
