// SPDX-License-Identifier: GPL-2.0-only
//! The benchmark programs of the packages, and what they print.

use super::Figures;
use super::floor::Scratch;
use crate::run;
use anyhow::{Context, Result, ensure};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(15 * 60);

/// `xtask/benches/figures.rs`: reads through the host library, and the machine's parts measured inside a domain.
/// Each result is a line `figure NAME VALUE UNIT`.
pub(super) fn figures(figures: &mut Figures) -> Result<()> {
    // A place for the socket of our own, so that the client finds this run's domain and no other.
    let scratch = Scratch::new("door")?;
    let mut bench = run::cargo(&["bench", "--package", "xtask", "--bench", "figures"]);
    bench.env("XDG_RUNTIME_DIR", scratch.path());
    let text = output(bench)?;
    for (name, value) in text.lines().filter_map(figure) {
        figures.set(name, value);
    }
    if let (Some(read), Some(floor)) = (figures.get("read_outside"), figures.get("round_trips")) {
        figures.set("read_ratio", read / floor);
    }
    Ok(())
}

/// `kos-bindings/benches/ipc.rs` and `kos-bindings/policy/benches/verdict.rs`: messages between processes with
/// threads, and what the policy takes for one.
pub(super) fn ipc(figures: &mut Figures) -> Result<()> {
    let args = [
        "bench",
        "--package",
        "kos-bindings",
        "--features",
        "hosted",
        "--bench",
        "ipc",
    ];
    let mut text = output(run::cargo(&args))?;
    text.push_str(&output(run::cargo(&[
        "bench",
        "--package",
        "kos-policy",
        "--bench",
        "verdict",
    ]))?);
    for (name, value) in text.lines().filter_map(figure) {
        figures.set(name, value);
    }
    if let (Some(many), Some(few)) = (figures.get("verdict_200"), figures.get("verdict_50")) {
        figures.set("verdict_growth", many / few);
    }
    Ok(())
}

/// `kos-bindings/benches/roundtrip.rs`, which prints a table for people. An attribute read from another process needs
/// what its row "through the socket's port … with a call back into the kernel" does with empty messages: from the
/// client to the domain and back, and on the way from the domain to the bus server and back.
pub(super) fn hand_overs(figures: &mut Figures) -> Result<()> {
    let bench = run::cargo(&[
        "bench",
        "--package",
        "kos-bindings",
        "--features",
        "hosted",
        "--bench",
        "roundtrip",
    ]);
    let text = output(bench)?;
    // In the order of the lines, since labels repeat.
    let labels = [
        ("through the socket's port, empty", "call_outside"),
        ("with a call back into the kernel", "round_trips"),
        ("in this process, empty", "call_inside"),
        ("with a call to a server object", "calls_inside"),
    ];
    let mut lines = text.lines();
    for (label, name) in labels {
        let rest = lines.find_map(|line| line.trim_start().strip_prefix(label));
        let rest = rest.with_context(|| format!("the round trip benchmark has no line {label:?}"))?;
        let number = rest.split_whitespace().next().and_then(|word| word.parse().ok());
        figures.set(name, number.with_context(|| format!("no number after {label:?}"))?);
    }
    Ok(())
}

fn output(command: Command) -> Result<String> {
    let shown = run::show(&command);
    let mut text = String::new();
    let status = run::lines(run::limited(command, LIMIT), |line| {
        eprintln!("  {line}");
        text.push_str(line);
        text.push('\n');
    })?;
    ensure!(status.success(), "{shown}: {status}");
    Ok(text)
}

/// Reads `figure NAME VALUE UNIT`, wherever in a log line it begins.
fn figure(line: &str) -> Option<(&str, f64)> {
    let (_, rest) = line.split_once("figure ")?;
    let mut words = rest.split_whitespace();
    Some((words.next()?, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn figures_are_found_in_log_lines() {
        assert_eq!(figure("figure mutex_pair 3.25 ns"), Some(("mutex_pair", 3.25)));
        assert_eq!(
            figure("[    0.001] machine: figure clock 25.00 ns"),
            Some(("clock", 25.0))
        );
        assert_eq!(figure("machine: figures end"), None);
    }
}
