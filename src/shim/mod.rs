// SPDX-License-Identifier: GPL-2.0-only
//! The machine's two halves, which every image is linked with: the shim's archive and its C files.
//!
//! The package's build script compiles the shim once for each kernel series and profile, against that series' own
//! headers, and leaves the archives' paths in the environment of this file's compilation. The same variable, set when
//! the program runs, names another archive: that is for working on the shim.

mod compile;
mod cross;

pub use cross::{CrossError, LINKED_BY_THE_PROJECT, kasperskyos};

use linux_headers::{Profile, Series};
use std::path::PathBuf;

/// Where the shim's C files are; the build engine compiles them with the driver's configuration.
#[must_use]
pub fn glue_dir() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/shim/glue"))
}

/// There is no shim for what is to be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no shim for Linux {series}: this program was built without that kernel tree; run `cargo xtask setup`, \
     then build again"
)]
pub struct NoShim {
    /// The series.
    pub series: Series,
}

/// The shim's archive for a series and a profile.
///
/// # Errors
///
/// This program was built without the tree of that series.
pub fn archive(series: Series, profile: Profile) -> Result<PathBuf, NoShim> {
    macro_rules! variable {
        ($name:literal) => {
            ($name, option_env!($name))
        };
    }
    let (name, built) = match (series, profile) {
        (Series::V6_12, Profile::Release) => variable!("LINUX_COMPAT_SHIM_6_12"),
        (Series::V6_12, Profile::Debug) => variable!("LINUX_COMPAT_SHIM_6_12_DEBUG"),
        (Series::V6_1, Profile::Release) => variable!("LINUX_COMPAT_SHIM_6_1"),
        (Series::V6_1, Profile::Debug) => variable!("LINUX_COMPAT_SHIM_6_1_DEBUG"),
    };
    let named = std::env::var_os(name).map(PathBuf::from);
    let path = named.or_else(|| built.map(PathBuf::from)).filter(|path| path.exists());
    path.ok_or(NoShim { series })
}
