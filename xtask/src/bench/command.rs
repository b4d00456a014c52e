// SPDX-License-Identifier: GPL-2.0-only
//! What the command itself says and takes: `run --once --json`, and `build`.

use super::Figures;
use super::floor::{Scratch, median};
use crate::run;
use anyhow::{Context, Result};
use linux_headers::cache;
use serde_json::Value;
use std::process::Command;
use std::time::Instant;

/// Starts of a domain to take the median of; the first warms the build cache.
const STARTS: usize = 21;

/// Start, boot, private memory and image of the adxl345 domain.
pub(super) fn domain(figures: &mut Figures) -> Result<()> {
    let program = program()?;
    let mut start = Vec::new();
    let mut boot = Vec::new();
    for _ in 0..=STARTS {
        let mut command = Command::new(&program);
        command
            .args(["run", "adxl345", "--once", "--json"])
            .stdin(std::process::Stdio::null());
        let text = run::output(command)?;
        let line = text.lines().next().context("run --once --json printed nothing")?;
        let report: Value = serde_json::from_str(line).context("run --once --json")?;
        let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64);
        start.extend(number("/domain/start_us"));
        boot.extend(number("/domain/boot_us"));
        if let Some(kib) = number("/domain/private_kib") {
            figures.set("private", kib);
        }
        if let Some(bytes) = number("/image_bytes") {
            figures.set("image", bytes / 1000.0);
        }
    }
    if let Some(us) = middle(start.get(1..).unwrap_or_default()) {
        figures.set("start", us);
    }
    if let Some(us) = middle(boot.get(1..).unwrap_or_default()) {
        figures.set("boot", us);
    }
    Ok(())
}

fn middle(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// `linux-compat build adxl345` with an empty cache that has a kernel tree only, then again.
pub(super) fn builds(figures: &mut Figures) -> Result<()> {
    let program = program()?;
    let scratch = Scratch::new("cold")?;
    // The tree is no product of the build: it is lent.
    std::os::unix::fs::symlink(cache::dir().join("trees"), scratch.path().join("trees"))?;
    let build = || {
        let mut command = Command::new(&program);
        command
            .args(["build", "adxl345"])
            .env("LINUX_COMPAT_CACHE", scratch.path())
            .stdin(std::process::Stdio::null());
        command
    };
    let begun = Instant::now();
    run::output(build())?;
    figures.set("build_cold", begun.elapsed().as_secs_f64());
    let mut warm = Vec::new();
    let mut bare = Vec::new();
    for _ in 0..9 {
        let begun = Instant::now();
        run::output(build())?;
        warm.push(begun.elapsed());
        let begun = Instant::now();
        let mut version = Command::new(&program);
        version.arg("--version");
        run::output(version)?;
        bare.push(begun.elapsed());
    }
    figures.set("build_warm", median(&mut warm).as_secs_f64());
    figures.set("command_start", median(&mut bare).as_secs_f64());
    Ok(())
}

/// The built command, wherever this machine's cargo puts it.
fn program() -> Result<String> {
    let mut build = run::cargo(&[
        "build",
        "--release",
        "--package",
        "linux-compat",
        "--bin",
        "linux-compat",
    ]);
    build.args(["--quiet", "--message-format", "json"]);
    let text = run::output(build)?;
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let named = messages.filter(|message| {
        message
            .pointer("/target/name")
            .is_some_and(|name| name == "linux-compat")
    });
    let found = named
        .filter_map(|message| message.get("executable")?.as_str().map(str::to_owned))
        .next_back();
    found.context("cargo does not say where linux-compat is")
}
