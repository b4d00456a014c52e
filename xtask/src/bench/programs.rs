// SPDX-License-Identifier: GPL-2.0-only
//! The benchmark programs of the packages, and what they print.

use super::Figures;
use crate::run;
use anyhow::{Context, Result, ensure};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(15 * 60);

/// `benches/figures.rs`: reads through the host library, and the machine's parts measured inside a domain.
/// Each result is a line `figure NAME VALUE UNIT`.
pub(super) fn figures(figures: &mut Figures) -> Result<()> {
    let text = output(&["bench", "--package", "linux-compat", "--bench", "figures"])?;
    for (name, value) in text.lines().filter_map(figure) {
        figures.set(name, value);
    }
    if let (Some(read), Some(floor)) = (figures.get("read_outside"), figures.get("read_floor")) {
        figures.set("read_ratio", read / floor);
    }
    Ok(())
}

/// `kos-bindings/benches/roundtrip.rs`, which prints a table for people.
pub(super) fn hand_overs(figures: &mut Figures) -> Result<()> {
    let text = output(&[
        "bench",
        "--package",
        "kos-bindings",
        "--features",
        "hosted",
        "--bench",
        "roundtrip",
    ])?;
    let labels = [
        ("one futex hand-over on one core", "hand_over"),
        ("through the socket's port, empty", "call_outside"),
        ("in this process, empty", "call_inside"),
    ];
    for (label, name) in labels {
        let line = text.lines().find(|line| line.trim_start().starts_with(label));
        let line = line.with_context(|| format!("the round trip benchmark has no line {label:?}"))?;
        let number = line.trim_start()[label.len()..]
            .split_whitespace()
            .next()
            .and_then(|word| word.parse().ok());
        figures.set(name, number.with_context(|| format!("no number in {line:?}"))?);
    }
    Ok(())
}

fn output(args: &[&str]) -> Result<String> {
    let mut text = String::new();
    let status = run::lines(run::limited(run::cargo(args), LIMIT), |line| {
        eprintln!("  {line}");
        text.push_str(line);
        text.push('\n');
    })?;
    ensure!(status.success(), "cargo {}: {status}", args.join(" "));
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
