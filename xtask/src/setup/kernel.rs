// SPDX-License-Identifier: GPL-2.0-only
//! The kernel trees, one per supported series; `linux-headers` knows where they are and how to fetch them.

use super::apt;
use crate::run;
use anyhow::{Context, Result};
use linux_headers::flags::bindgen_flags;
use linux_headers::tree::Locate;
use linux_headers::{Arch, Profile, Series, Tree, cache};
use std::path::PathBuf;

/// Fetches the trees that are not there; returns whether any was fetched.
pub(super) fn ensure() -> Result<bool> {
    let missing: Vec<Series> = Series::ALL.into_iter().filter(|series| !is_fetched(*series)).collect();
    if missing.is_empty() {
        return Ok(false);
    }
    let names: Vec<String> = missing.iter().map(|series| format!("linux-source-{series}")).collect();
    eprintln!(
        "set-up: fetching {} into {} (no root needed)",
        names.join(" and "),
        cache::dir().display()
    );
    apt::know(&names)?;
    for series in missing {
        locate(series)?;
    }
    Ok(true)
}

/// The manifest is written last, so it stands for the whole tree.
fn is_fetched(series: Series) -> bool {
    cache::dir().join(format!("trees/{series}/manifest")).exists()
}

fn locate(series: Series) -> Result<Tree> {
    let wanted = Locate {
        series: Some(series),
        ..Locate::default()
    };
    Tree::locate(&wanted).with_context(|| format!("Linux {series}"))
}

/// The file of compiler flags with which the shim is built outside of an image: for its own tests, lints and
/// documentation (`shim/build.rs` says what it is).
pub(super) fn shim_flags(arch: Arch) -> Result<PathBuf> {
    let tree = locate(Series::ALL[0])?;
    let mut flags = bindgen_flags(&tree, Profile::Release, arch).context("the kernel's compiler flags")?;
    flags.push(format!("-I{}", run::root().join("shim/glue").display()));
    let path = cache::dir().join(format!("xtask/cflags-{}-{}", tree.full_version, arch.gnu_triple()));
    cache::write_if_changed(&path, flags.join("\n").as_bytes()).with_context(|| path.display().to_string())?;
    Ok(path)
}
