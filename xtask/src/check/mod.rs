// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask check`: formatting, lints, documentation, and the house rules that no other tool knows.
//!
//! [`source`] lists the files and strips comments and strings; [`pairs`] compares exported symbols with
//! header checks; [`rooms`] finds `unsafe` outside its rooms; [`text`] looks at sizes, licence lines and spelling.

mod pairs;
mod rooms;
mod source;
mod text;

use crate::{Usage, run, setup};
use anyhow::Result;
use source::Source;

/// What a rule finds: places, one a line, and a line about the whole.
struct Findings {
    broken: Vec<String>,
    summary: String,
}

enum Rule {
    /// A cargo command that only reads.
    Cargo(&'static [&'static str]),
    /// A cargo command that compiles.
    Build(&'static [&'static str]),
    Docs,
    Sources(fn(&[Source]) -> Findings),
}

const RULES: [(&str, Rule); 10] = [
    ("fmt", Rule::Cargo(&["fmt", "--all", "--", "--check"])),
    ("licences", Rule::Sources(text::licences)),
    ("size", Rule::Sources(text::sizes)),
    ("width", Rule::Sources(text::widths)),
    ("spelling", Rule::Sources(text::spelling)),
    ("pairs", Rule::Sources(pairs::check)),
    ("rooms", Rule::Sources(rooms::check)),
    (
        "clippy",
        Rule::Build(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    ),
    ("doc", Rule::Docs),
    (
        "figures",
        Rule::Build(&[
            "run",
            "-q",
            "-p",
            "linux-compat",
            "--",
            "report",
            "--check",
            "README.md",
        ]),
    ),
];

/// Runs the named rules, or all; false if one is broken.
pub(crate) fn command(args: &[String]) -> Result<bool> {
    if let Some(unknown) = args.iter().find(|arg| RULES.iter().all(|(name, _)| name != arg)) {
        let names: Vec<&str> = RULES.iter().map(|(name, _)| *name).collect();
        return Err(Usage(format!("check: no rule {unknown:?}; there are {}", names.join(", "))).into());
    }
    let chosen = |name: &str| args.is_empty() || args.iter().any(|arg| arg == name);
    let needs_build = RULES
        .iter()
        .any(|(name, rule)| chosen(name) && matches!(rule, Rule::Build(_) | Rule::Docs));
    if needs_build {
        setup::ensure()?;
    }
    let sources = source::all()?;
    let mut outcomes = Vec::new();
    for (name, rule) in RULES.iter().filter(|(name, _)| chosen(name)) {
        println!("check {name}");
        let passed = match rule {
            Rule::Cargo(words) => run::passes(run::cargo(words))?,
            Rule::Build(words) => run::passes(setup::workspace_cargo(words)?)?,
            Rule::Docs => docs()?,
            Rule::Sources(find) => show(&find(&sources)),
        };
        outcomes.push((*name, passed));
    }
    println!();
    for (name, passed) in &outcomes {
        println!("{:<7}{name}", if *passed { "ok" } else { "BROKEN" });
    }
    Ok(outcomes.iter().all(|(_, passed)| *passed))
}

fn docs() -> Result<bool> {
    let mut doc = setup::workspace_cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"])?;
    doc.env("RUSTDOCFLAGS", "-D warnings");
    run::passes(doc)
}

fn show(findings: &Findings) -> bool {
    for line in &findings.broken {
        println!("  {line}");
    }
    println!("  {}", findings.summary);
    findings.broken.is_empty()
}
