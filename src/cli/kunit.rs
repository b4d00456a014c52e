// SPDX-License-Identifier: GPL-2.0-only
//! `kunit`: Linux's own tests, in domains.

use super::args::KunitArgs;
use super::{Outcome, catch_signals};
use anyhow::Result;
use linux_compat::kunit::ktap::{self, Case, Suite};
use linux_compat::kunit::linux::{Compared, Linux};
use linux_compat::kunit::run::OnLine;
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

/// The result of one group.
struct Verdict {
    wrong: Vec<String>,
}

fn run(args: &KunitArgs, runner: &Runner, groups: &[&Group]) -> Result<Outcome> {
    let linux = Linux::of(runner.tree.series);
    let on_line: OnLine = if args.json {
        Arc::new(|_| {})
    } else {
        println!("KTAP version 1\n1..{}", groups.len());
        Arc::new(|line| {
            // What is no result is a remark, so that no chatter can pass for one.
            let mark = if ktap::is_ktap(line) { "" } else { "# " };
            // Whoever closed the pipe is told by the next line that is ours.
            let _ = writeln!(std::io::stdout(), "    {mark}{line}");
        })
    };
    let mut failed = 0;
    for (number, group) in groups.iter().enumerate() {
        let verdict = match runner.run(group, &on_line) {
            Ok(ran) => judge(args, runner, &linux, group, &ran)?,
            Err(error) if super::is_cancelled(&error) => return Err(error.into()),
            Err(error) => {
                let wrong = vec![format!("{}: {error}", group.symbol)];
                if args.json {
                    print(runner, group, &group.symbol, None, &Compared::default(), &wrong)?;
                }
                Verdict { wrong }
            }
        };
        let is_ok = verdict.wrong.is_empty();
        failed += usize::from(!is_ok);
        for wrong in &verdict.wrong {
            eprintln!("linux-compat: {wrong}");
        }
        if !args.json {
            let mut out = std::io::stdout().lock();
            for wrong in &verdict.wrong {
                for line in wrong.lines() {
                    writeln!(out, "# {line}")?;
                }
            }
            let not = if is_ok { "" } else { "not " };
            writeln!(out, "{not}ok {} {}", number + 1, group.symbol)?;
        }
    }
    Ok(if failed == 0 { Outcome::Success } else { Outcome::Failed })
}

/// Compares a group with Linux, and prints it for programs.
fn judge(args: &KunitArgs, runner: &Runner, linux: &Linux, group: &Group, ran: &Ran) -> Result<Verdict> {
    let mut all: Vec<String> = Vec::new();
    let death = ran.death.iter().map(|death| format!("{}: {death}", group.symbol));
    all.extend(death);
    if let Some(count) = &ran.count {
        let is_ok = count.outcome == ktap::Outcome::Ok;
        let wrong: Vec<String> = if is_ok {
            Vec::new()
        } else {
            count.lines.iter().map(|line| format!("{}: {line}", group.symbol)).collect()
        };
        all.extend(wrong.iter().cloned());
        if args.json {
            let checks = usize::try_from(count.checks).unwrap_or(usize::MAX);
            let compared = Compared {
                passed: checks,
                expected: checks,
                wrong: Vec::new(),
            };
            let name = group.suites.first().unwrap_or(&group.symbol);
            print(runner, group, name, None, &compared, &all)?;
        }
        return Ok(Verdict { wrong: all });
    }
    let missing = |name: &&String| !ran.suites.iter().any(|suite| suite.name == **name);
    for name in group.suites.iter().filter(missing) {
        if linux.has(name) || ran.suites.is_empty() {
            all.push(format!("{name}: it did not run"));
        }
    }
    for suite in &ran.suites {
        let compared = linux.compare(suite);
        if args.json {
            print(runner, group, &suite.name, Some((suite, linux)), &compared, &compared.wrong)?;
        }
        all.extend(compared.wrong);
    }
    if args.json && ran.suites.is_empty() {
        print(runner, group, &group.symbol, None, &Compared::default(), &all)?;
    }
    Ok(Verdict { wrong: all })
}

fn print(
    runner: &Runner,
    group: &Group,
    name: &str,
    suite: Option<(&Suite, &Linux)>,
    compared: &Compared,
    wrong: &[String],
) -> Result<()> {
    let line = SuiteLine {
        kernel: &runner.tree.full_version,
        symbol: &group.symbol,
        suite: name,
        ok: wrong.is_empty(),
        passed: compared.passed as u64,
        expected: compared.expected as u64,
        compared: suite.is_some_and(|(suite, linux)| linux.has(&suite.name)),
        cases: suite
            .map(|(suite, _)| suite.cases.iter().map(CaseLine::of).collect())
            .unwrap_or_default(),
        wrong,
    };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &line)?;
    writeln!(out)?;
    Ok(())
}
