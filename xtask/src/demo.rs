// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask demo`: an accelerometer's and a gyroscope's driver, each in a domain of its own.

use crate::{Usage, run, setup};
use anyhow::{Context, Result, bail};
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

const DRIVERS: [&str; 2] = ["adxl345", "bmg160"];

/// Sets up, builds, and becomes `linux-compat run`.
pub(crate) fn command(args: &[String]) -> Result<bool> {
    let extra = match args.split_first() {
        None => &[],
        Some((dashes, rest)) if dashes == "--" => rest,
        Some((other, _)) => return Err(Usage(format!("demo: expected --, found {other:?}")).into()),
    };
    setup::ensure()?;
    if !run::passes(run::cargo(&["build", "--release", "--package", "linux-compat"]))? {
        bail!("linux-compat did not build");
    }
    let mut demo = run::cargo(&[
        "run",
        "--quiet",
        "--release",
        "--package",
        "linux-compat",
        "--bin",
        "linux-compat",
    ]);
    demo.args(["--", "run"]).args(DRIVERS).args(extra);
    // Nobody looks at a pipe for ever: one reading of each is what a script wants.
    let is_shaped = extra.iter().any(|arg| arg == "--once" || arg == "--json");
    if !std::io::stdout().is_terminal() && !is_shaped {
        demo.arg("--once");
    }
    if std::io::stdin().is_terminal() {
        demo.stdin(Stdio::inherit());
    }
    let error = demo.exec();
    Err(error).with_context(|| run::show(&demo))
}
