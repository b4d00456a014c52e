// SPDX-License-Identifier: GPL-2.0-only
//! The fuzzers' smoke run: every target of `fuzz/` for a minute, with the nightly toolchain that they need.

use super::tally::Tally;
use crate::run;
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const RUN: Duration = Duration::from_secs(60);
/// Building a target with its sanitizers, on top of running it.
const LIMIT: Duration = Duration::from_secs(12 * 60);

/// Runs every target, or counts each as skipped with the reason.
pub(super) fn smoke(is_quick: bool, tally: &mut Tally) -> Result<()> {
    let targets = targets()?;
    if targets.is_empty() {
        return Ok(());
    }
    let reason = if is_quick {
        Some("--quick was given".to_owned())
    } else {
        missing()
    };
    if let Some(reason) = reason {
        for target in targets {
            tally.skip(format!("fuzz {target}: {reason}"));
        }
        return Ok(());
    }
    for target in targets {
        println!("\nfuzz {target}: {} s", RUN.as_secs());
        let seconds = format!("-max_total_time={}", RUN.as_secs());
        let command = nightly(&[
            "fuzz",
            "run",
            "--fuzz-dir",
            "fuzz",
            &target,
            "--",
            &seconds,
            "-print_final_stats=1",
        ]);
        if run::passes(run::limited(command, LIMIT))? {
            tally.pass();
        } else {
            tally.fail(format!("fuzz {target} (its input is in fuzz/artifacts/{target}/)"));
        }
    }
    Ok(())
}

/// The names in `fuzz/fuzz_targets/`.
fn targets() -> Result<Vec<String>> {
    let dir: PathBuf = run::root().join("fuzz/fuzz_targets");
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in dir.read_dir().with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|ext| ext == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

fn nightly(args: &[&str]) -> Command {
    let mut command = run::cargo(args);
    command.env("RUSTUP_TOOLCHAIN", "nightly");
    command
}

/// What the fuzzers lack here, after an attempt to install cargo-fuzz.
fn missing() -> Option<String> {
    let succeeds = |mut command: Command| command.output().is_ok_and(|out| out.status.success());
    if !succeeds(nightly(&["--version"])) {
        return Some("no nightly toolchain (rustup toolchain install nightly)".to_owned());
    }
    if succeeds(nightly(&["fuzz", "--version"])) {
        return None;
    }
    eprintln!("set-up: installing cargo-fuzz (cargo install cargo-fuzz)");
    let install = run::limited(run::cargo(&["install", "--locked", "cargo-fuzz"]), LIMIT);
    match run::passes(install) {
        Ok(true) => None,
        _ => Some("cargo-fuzz could not be installed (cargo install cargo-fuzz)".to_owned()),
    }
}
