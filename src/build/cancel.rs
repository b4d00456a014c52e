// SPDX-License-Identifier: GPL-2.0-only
//! Giving up: a build that is told to ends soon, with an error, and leaves nothing half made.

use super::error::BuildError;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

static IS_CANCELLED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// The flag that makes all builds of this process end, for a signal handler to set.
#[must_use]
pub fn cancel_flag() -> Arc<AtomicBool> {
    Arc::clone(&IS_CANCELLED)
}

/// Goes on, unless the build is to end.
pub(super) fn check() -> Result<(), BuildError> {
    if IS_CANCELLED.load(Relaxed) {
        Err(BuildError::Cancelled)
    } else {
        Ok(())
    }
}
