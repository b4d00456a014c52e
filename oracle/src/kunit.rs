// SPDX-License-Identifier: GPL-2.0-only
//! Linux's own tests on real Linux: a User-Mode Linux that has them all, and a table of what it said of each, which
//! `linux-compat kunit` compares a domain with.
//!
//! Every test of the tree is asked for. Those that run in a domain must be there; the others are recorded where this
//! machine has what they need.

use crate::linux::build::{self, OPTIONAL, Recipe};
use crate::linux::machine::run_alone;
use anyhow::{Context, Result, bail};
use linux_compat::kunit::linux::Linux;
use linux_compat::kunit::{Group, Plan, Suites, count, ktap};
use linux_headers::{Locate, Series, Tree};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/kunit.config");

/// Many times what all tests take on a machine that does nothing else.
const LIMIT: Duration = Duration::from_secs(1800);

/// `test_rhashtable` alone has half a million objects. What is said before there is a console must fit into the buffer.
/// `initcall_debug` lets modules that say nothing be heard.
const ARGS: [&str; 6] = [
    "mem=1G",
    "log_buf_len=4M",
    "kunit_shutdown=halt",
    "initcall_debug",
    "loglevel=8",
    "panic=-1",
];

/// A sample is a loadable module or nothing (`depends on m`), and real Linux here has no modules.
fn is_sample(group: &Group) -> bool {
    group.sources.iter().all(|source| source.starts_with("samples/"))
}

/// What is added to `allnoconfig`: our file, the tests that run in a domain with their wishes, then all others.
fn recipe(series: Series, suites: &Suites) -> Result<Recipe> {
    let mut config = std::fs::read_to_string(CONFIG).context(CONFIG)?;
    if series == Series::V6_12 {
        config.push_str("CONFIG_BASE_SMALL=y\nCONFIG_REGMAP_BUILD=y\n");
    }
    let (others, ours): (Vec<_>, Vec<_>) = suites
        .groups
        .iter()
        .partition(|group| matches!(group.plan, Plan::Cannot(_)) || is_sample(group));
    for group in ours {
        writeln!(config, "CONFIG_{}=y", group.symbol)?;
    }
    writeln!(config, "{OPTIONAL}")?;
    for group in &suites.groups {
        for wish in &group.wishes {
            writeln!(config, "CONFIG_{wish}=y")?;
        }
    }
    for group in others {
        writeln!(config, "CONFIG_{}=y", group.symbol)?;
    }
    Ok(Recipe { name: "kunit", config })
}

/// Builds, runs, and writes `uml-SERIES.tsv` into `dir`.
pub(crate) fn record(series: Series, dir: &Path, builds_only: bool, is_verbose: bool) -> Result<()> {
    let tree = Tree::locate(&Locate {
        series: Some(series),
        ..Locate::default()
    })?
    .completed()?;
    let suites = Suites::of(&tree)?;
    let place = build::place(&tree, &recipe(series, &suites)?)?;
    if builds_only {
        return Ok(());
    }
    let log = run_alone(&place.join("linux"), &ARGS, LIMIT)?;
    // Linux says how long an initcall took, a domain only what it returned.
    let bare = |line: String| match line.split_once(" after ") {
        Some((head, _)) if head.starts_with("initcall ") => head.to_owned(),
        _ => line,
    };
    let log: Vec<String> = log.into_iter().map(bare).collect();
    if is_verbose {
        log.iter().for_each(|line| println!("{line}"));
    }
    let found = ktap::parse(log.iter().map(String::as_str));
    if let Some(suite) = found.iter().find(|suite| suite.outcome.is_none()) {
        let last: Vec<&str> = log.iter().rev().take(40).rev().map(String::as_str).collect();
        bail!(
            "{}: it did not end; the machine said last:\n{}",
            suite.name,
            last.join("\n")
        );
    }
    let counts = suites.groups.iter().filter_map(|group| match &group.plan {
        Plan::Count(patterns) if !is_sample(group) => {
            let name = group.suites.first().unwrap_or(&group.symbol);
            Some((name.as_str(), count::judge(patterns, &group.sources, &log)))
        }
        Plan::Count(_) | Plan::Run | Plan::Cannot(_) => None,
    });
    let text = Linux::text(&tree.full_version, &found, counts);
    let path = dir.join(format!("uml-{series}.tsv"));
    std::fs::write(&path, &text).with_context(|| path.display().to_string())?;
    println!("{}: {} lines", path.display(), text.lines().count());
    Ok(())
}
