// SPDX-License-Identifier: GPL-2.0-only
//! The fuzzers' smoke run: every target of `fuzz/` for a minute, one on each core at a time, with the nightly toolchain
//! and the clang that they need. Before them runs `selftest`, which proves that they would see an error.

use super::tally::Tally;
use crate::{run, setup};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const RUN: Duration = Duration::from_secs(60);
/// A target that fuzzes for its minute, and ends: shrinking and printing are on top.
const RUN_LIMIT: Duration = Duration::from_secs(3 * 60);
/// The first build compiles Linux with clang, for each driver, and everything else with a sanitizer.
const BUILD_LIMIT: Duration = Duration::from_secs(25 * 60);
/// Building cargo-fuzz from its sources.
const INSTALL_LIMIT: Duration = Duration::from_secs(12 * 60);

const SELFTEST: &str = "selftest";

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
    println!("\nfuzz: building {}", targets.join(", "));
    if !run::passes(run::limited(fuzz(&["build"]), BUILD_LIMIT))? {
        tally.fail("fuzz: the targets cannot be built");
        return Ok(());
    }
    println!("\nfuzz {SELFTEST}");
    let selftest = run::limited(fuzz(&["run", SELFTEST, "--", "-runs=0"]), RUN_LIMIT);
    count(run::passes(selftest)?, SELFTEST, tally);
    let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    for targets in targets.chunks(at_once) {
        println!("\nfuzz {}: {} s", targets.join(", "), RUN.as_secs());
        let commands = targets
            .iter()
            .map(|target| fuzz_target(target))
            .collect::<Result<Vec<_>>>()?;
        let outcomes = std::thread::scope(|scope| {
            let runs: Vec<_> = commands
                .into_iter()
                .map(|command| scope.spawn(|| run::told(run::limited(command, RUN_LIMIT))))
                .collect();
            runs.into_iter()
                .map(|run| {
                    run.join()
                        .unwrap_or_else(|_| Err(anyhow::anyhow!("the thread that watched it panicked")))
                })
                .collect::<Vec<_>>()
        });
        for (target, outcome) in targets.iter().zip(outcomes) {
            let (passes, said) = outcome.with_context(|| target.clone())?;
            println!("\nfuzz {target}\n{said}");
            count(passes, target, tally);
        }
    }
    Ok(())
}

/// One target, to be fuzzed for its time.
fn fuzz_target(target: &str) -> Result<Command> {
    let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
    std::fs::create_dir_all(run::root().join(&corpus)).with_context(|| corpus.clone())?;
    let seconds = format!("-max_total_time={}", RUN.as_secs());
    let mut args = vec!["run", target, &corpus];
    if run::root().join(&seeds).is_dir() {
        args.push(&seeds);
    }
    args.extend(["--", &seconds, "-timeout=20", "-print_final_stats=1"]);
    Ok(fuzz(&args))
}

fn count(passes: bool, target: &str, tally: &mut Tally) {
    if passes {
        tally.pass();
    } else {
        tally.fail(format!(
            "fuzz {target} (its input, if there is one, is in fuzz/artifacts/{target}/)"
        ));
    }
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

/// `cargo fuzz VERB --fuzz-dir fuzz …`.
fn fuzz(args: &[&str]) -> Command {
    let (verb, rest) = args.split_first().map_or(("build", args), |(verb, rest)| (*verb, rest));
    nightly(&[&["fuzz", verb, "--fuzz-dir", "fuzz"], rest].concat())
}

/// What the fuzzers lack here, after an attempt to install it.
fn missing() -> Option<String> {
    let succeeds = |mut command: Command| command.output().is_ok_and(|out| out.status.success());
    if !succeeds(nightly(&["--version"])) {
        return Some("no nightly toolchain (rustup toolchain install nightly)".to_owned());
    }
    if let Err(error) = setup::ensure_fuzzing() {
        return Some(format!("no clang-14: {error:#}").replace('\n', " "));
    }
    if succeeds(nightly(&["fuzz", "--version"])) {
        return None;
    }
    eprintln!("set-up: installing cargo-fuzz (cargo install cargo-fuzz)");
    let install = run::limited(run::cargo(&["install", "--locked", "cargo-fuzz"]), INSTALL_LIMIT);
    match run::passes(install) {
        Ok(true) => None,
        _ => Some("cargo-fuzz could not be installed (cargo install cargo-fuzz)".to_owned()),
    }
}
