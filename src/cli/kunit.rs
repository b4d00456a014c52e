// SPDX-License-Identifier: GPL-2.0-only
//! `kunit`: Linux's own tests, in domains.

use super::args::KunitArgs;
use super::{Outcome, catch_signals};
use anyhow::Result;
use linux_compat::kunit::ktap::{self, Case, Outcome as Verdict, Suite};
use linux_compat::kunit::linux::Linux;
use linux_compat::kunit::{Group, Plan, Ran, Runner, Suites};
use serde::Serialize;
use std::io::Write;
use std::sync::Arc;

/// A suite's results, for programs.
#[derive(Serialize)]
struct SuiteLine<'a> {
    kernel: &'a str,
    symbol: &'a str,
    suite: &'a str,
    ok: bool,
    /// Cases that passed, and cases that Linux passes; for a module that counts for itself, its checks.
    passed: u64,
    expected: u64,
    /// Whether `expected` comes from a run of Linux.
    compared: bool,
    cases: Vec<CaseLine<'a>>,
    wrong: &'a [String],
}

/// A case's result, for programs.
#[derive(Serialize)]
struct CaseLine<'a> {
    name: &'a str,
    result: String,
    rows: usize,
}

impl<'a> CaseLine<'a> {
    fn of(case: &'a Case) -> Self {
        Self {
            name: &case.name,
            result: case.outcome.to_string(),
            rows: case.rows,
        }
    }
}

/// A group that does not run, for programs.
#[derive(Serialize)]
struct ListLine<'a> {
    kernel: &'a str,
    symbol: &'a str,
    suites: &'a [String],
    sources: &'a [String],
    reason: Option<&'a str>,
}

/// Runs suites.
///
/// # Errors
///
/// There is no tree, or stdout is closed.
pub(crate) fn command(args: &KunitArgs) -> Result<Outcome> {
    let mut runner = Runner::new(args.kernel.linux.clone(), args.kernel.kernel)?;
    runner.profile = args.kernel.profile();
    runner.allow_modified = args.kernel.allow_modified;
    runner.sabotage = args.sabotage;
    catch_signals(&Arc::default())?;
    let suites = Suites::of(&runner.tree)?;
    let mut groups: Vec<&Group> = Vec::new();
    for name in &args.suites {
        match suites.find(name, &runner.tree) {
            Ok(group) if groups.contains(&group) => {}
            Ok(group) => groups.push(group),
            Err(unknown) => {
                eprintln!("linux-compat: {unknown}");
                return Ok(Outcome::Usage);
            }
        }
    }
    if args.suites.is_empty() {
        groups = suites
            .groups
            .iter()
            .filter(|group| args.list || !matches!(group.plan, Plan::Cannot(_)))
            .collect();
    }
    if args.list {
        list(args, &runner, &groups)?;
        return Ok(Outcome::Success);
    }
    run(args, &runner, &groups)
}

fn list(args: &KunitArgs, runner: &Runner, groups: &[&Group]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for group in groups {
        let reason = match &group.plan {
            Plan::Cannot(reason) => Some(reason.as_str()),
            Plan::Run | Plan::Count(_) => None,
        };
        if args.json {
            let line = ListLine {
                kernel: &runner.tree.full_version,
                symbol: &group.symbol,
                suites: &group.suites,
                sources: &group.sources,
                reason,
            };
            serde_json::to_writer(&mut out, &line)?;
            writeln!(out)?;
        } else {
            let state = reason.map_or_else(|| "runs".to_owned(), |reason| format!("cannot run: {reason}"));
            writeln!(out, "{}: {state}", group.symbol)?;
            for suite in &group.suites {
                writeln!(out, "  {suite}")?;
            }
        }
    }
    Ok(())
}

fn run(args: &KunitArgs, runner: &Runner, groups: &[&Group]) -> Result<Outcome> {
    let linux = Linux::of(runner.tree.series);
    let results = runner.run(groups)?;
    let mut out = std::io::stdout().lock();
    let is_ktap = !args.json && !args.table;
    if is_ktap {
        writeln!(out, "KTAP version 1\n1..{}", groups.len())?;
    }
    let mut failed = 0;
    for (number, (group, ran)) in groups.iter().zip(&results).enumerate() {
        let lines = judge(&linux, group, ran);
        let wrong: Vec<&String> = lines.iter().flat_map(|line| &line.wrong).collect();
        failed += usize::from(!wrong.is_empty());
        for wrong in &wrong {
            eprintln!("linux-compat: {wrong}");
        }
        if args.json {
            for line in &lines {
                serde_json::to_writer(&mut out, &line.for_programs(runner, group))?;
                writeln!(out)?;
            }
        } else if args.table {
            for line in &lines {
                writeln!(out, "{}", line.row(runner))?;
            }
        } else {
            ktap(&mut out, number + 1, group, ran, &wrong)?;
        }
    }
    Ok(if failed == 0 { Outcome::Success } else { Outcome::Failed })
}

/// What is said of one suite, or of a group that has none to show.
struct Line<'a> {
    name: &'a str,
    suite: Option<&'a Suite>,
    passed: u64,
    expected: u64,
    is_compared: bool,
    wrong: Vec<String>,
}

impl Line<'_> {
    /// A row of the table in `docs/kunit.md`.
    fn row(&self, runner: &Runner) -> String {
        let rows: usize = self
            .suite
            .map_or(0, |suite| suite.cases.iter().map(|case| case.rows).sum());
        let linux = if self.is_compared {
            self.expected.to_string()
        } else {
            "–".to_owned()
        };
        let rows = if rows == 0 { String::new() } else { rows.to_string() };
        let kernel = &runner.tree.full_version;
        let Line {
            name, passed, wrong, ..
        } = self;
        let wrong = if wrong.is_empty() { "" } else { " (differs)" };
        format!("| {kernel} | {name} | {passed} | {linux}{wrong} | {rows} |")
    }

    fn for_programs<'a>(&'a self, runner: &'a Runner, group: &'a Group) -> SuiteLine<'a> {
        SuiteLine {
            kernel: &runner.tree.full_version,
            symbol: &group.symbol,
            suite: self.name,
            ok: self.wrong.is_empty(),
            passed: self.passed,
            expected: self.expected,
            compared: self.is_compared,
            cases: self
                .suite
                .map(|suite| suite.cases.iter().map(CaseLine::of).collect())
                .unwrap_or_default(),
            wrong: &self.wrong,
        }
    }
}

/// Compares a group with Linux.
fn judge<'a>(linux: &Linux, group: &'a Group, ran: &'a Ran) -> Vec<Line<'a>> {
    let bare = |name: &'a str, wrong: Vec<String>| Line {
        name,
        suite: None,
        passed: 0,
        expected: 0,
        is_compared: false,
        wrong,
    };
    let mut lines: Vec<Line<'a>> = Vec::new();
    if let Some(trouble) = &ran.trouble {
        lines.push(bare(&group.symbol, vec![format!("{}: {trouble}", group.symbol)]));
    }
    if let Some(count) = &ran.count {
        let name = group.suites.first().unwrap_or(&group.symbol);
        let compared = linux.compare_count(name, count);
        lines.push(Line {
            passed: compared.passed as u64,
            expected: compared.expected as u64,
            is_compared: linux.has(name),
            ..bare(name, compared.wrong)
        });
        return lines;
    }
    for suite in &ran.suites {
        let compared = linux.compare(suite);
        lines.push(Line {
            name: &suite.name,
            suite: Some(suite),
            passed: compared.passed as u64,
            expected: compared.expected as u64,
            is_compared: linux.has(&suite.name),
            wrong: compared.wrong,
        });
    }
    let missing = |name: &&String| !ran.suites.iter().any(|suite| suite.name == **name);
    for name in group.suites.iter().filter(missing) {
        if linux.has(name) || ran.suites.is_empty() {
            lines.push(bare(name, vec![format!("{name}: it did not run")]));
        }
    }
    lines
}

/// Prints a group as a test whose subtests are its suites.
fn ktap(out: &mut impl Write, number: usize, group: &Group, ran: &Ran, wrong: &[&String]) -> std::io::Result<()> {
    if !ran.suites.is_empty() {
        writeln!(
            out,
            "    KTAP version 1\n    # Subtest: {}\n    1..{}",
            group.symbol,
            ran.suites.len()
        )?;
    }
    for (place, suite) in ran.suites.iter().enumerate() {
        for line in &suite.lines {
            // What is no result is a remark, so that no chatter can pass for one.
            let mark = if ktap::is_ktap(line) { "" } else { "# " };
            writeln!(out, "    {mark}{line}")?;
        }
        let not = if suite.outcome.is_none_or(|outcome| outcome == Verdict::NotOk) {
            "not "
        } else {
            ""
        };
        writeln!(out, "    {not}ok {} {}", place + 1, suite.name)?;
    }
    for line in ran.count.iter().flat_map(|count| &count.lines) {
        writeln!(out, "# {line}")?;
    }
    for line in wrong.iter().flat_map(|wrong| wrong.lines()) {
        writeln!(out, "# {line}")?;
    }
    let not = if wrong.is_empty() { "" } else { "not " };
    writeln!(out, "{not}ok {number} {}", group.symbol)
}
