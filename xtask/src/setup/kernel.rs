// SPDX-License-Identifier: GPL-2.0-only
//! The kernel trees, one per supported series; `linux-headers` knows where they are and how to fetch them.

use anyhow::Result;

/// Fetches the trees that are not there; returns whether any was fetched.
pub(super) fn ensure() -> Result<bool> {
    Ok(false)
}
