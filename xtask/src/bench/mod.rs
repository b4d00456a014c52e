// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask bench`: measures, and prints the table with what must be, the goal, and the floor of the same run.
//!
//! Every figure comes from a program that was run just now: [`mod@command`] measures the command from outside,
//! [`programs`] runs the benchmarks that print `figure NAME VALUE UNIT`, [`floor`] measures what nothing can go below.
//! [`table`] has the rows. What could not be measured says so in its row.

mod command;
mod floor;
mod programs;
mod table;

use crate::{Usage, run, setup};
use anyhow::Result;
use std::collections::BTreeMap;

/// What was measured, in the units of the table's rows; and why something was not.
#[derive(Debug, Default)]
struct Figures {
    values: BTreeMap<String, f64>,
    absent: Vec<String>,
}

impl Figures {
    fn set(&mut self, name: &str, value: f64) {
        self.values.insert(name.to_owned(), value);
    }

    fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }

    /// Runs a part; what fails in it is said under the table and does not end the others.
    fn part(&mut self, what: &str, measure: impl FnOnce(&mut Self) -> Result<()>) {
        eprintln!("bench: {what}");
        if let Err(error) = measure(self) {
            self.absent.push(format!("{what}: {error:#}"));
        }
    }
}

/// Measures and prints the table; false if a figure is not what it must be, or could not be measured.
pub(crate) fn command(args: &[String]) -> Result<bool> {
    let mut is_quick = false;
    let mut is_json = false;
    for arg in args {
        match arg.as_str() {
            "--quick" => is_quick = true,
            "--json" => is_json = true,
            other => return Err(Usage(format!("bench: unknown option {other:?}")).into()),
        }
    }
    setup::ensure()?;
    let build = run::cargo(&["build", "--release", "--package", "linux-compat"]);
    anyhow::ensure!(run::passes(build)?, "linux-compat did not build");
    let mut figures = Figures::default();
    figures.part("an empty process", floor::empty_process);
    figures.part("start, memory and size of a domain", command::domain);
    figures.part("hand-overs", programs::hand_overs);
    figures.part("messages between processes, and verdicts", programs::ipc);
    figures.part(
        "attribute reads, the machine's parts, a reader of tags",
        programs::figures,
    );
    if !is_quick {
        figures.part("builds from an empty and a warm cache", command::builds);
    }
    if is_json {
        println!(
            "{}",
            serde_json::json!({ "figures": figures.values, "absent": figures.absent })
        );
    } else {
        table::print(&figures);
    }
    Ok(figures.absent.is_empty() && table::all_met(&figures, is_quick))
}
