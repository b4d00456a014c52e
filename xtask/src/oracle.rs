// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask oracle`: sets up, then hands over to the crate `oracle`.

use crate::{run, setup};
use anyhow::{Context, Result};
use std::os::unix::process::CommandExt;

/// Sets up, builds, and becomes `oracle`.
pub(crate) fn command(args: &[String]) -> Result<bool> {
    setup::ensure()?;
    setup::ensure_oracle()?;
    let mut oracle = run::cargo(&["run", "--quiet", "--release", "--package", "oracle", "--"]);
    oracle.args(args);
    let error = oracle.exec();
    Err(error).with_context(|| run::show(&oracle))
}
