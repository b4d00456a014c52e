// SPDX-License-Identifier: GPL-2.0-only
//! `policy`: checks, tests, explains, compares and shows security policies, and the classes that they speak of.
//!
//! Where a command takes a policy, it takes a file (`….psl`) or a driver, whose policy is made from its board.

use super::Outcome;
use super::args::{KernelArgs, board};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use kos_policy::{Loaded, Program, World, compile, diff};
use linux_compat::policy::{COMMON, Needs, class_of_driver, generate};
use linux_compat::solution;
use linux_compat::system::{ClockKind, build_image};
use serde_json::json;
use std::path::{Path, PathBuf};

/// `policy`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
    #[command(flatten)]
    kernel: KernelArgs,
    /// The board of drivers, instead of those that come with this package
    #[arg(long, global = true, value_name = "FILE.dts")]
    board: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

/// What to do with policies.
#[derive(Clone, Debug, Subcommand)]
enum PolicyCommand {
    /// Find the first mistake of a policy, with its file, line and column
    Check {
        /// A file, or a driver
        policy: String,
    },
    /// Run the tests that stand in a policy (assert { sequence { … } })
    Test {
        /// A file, or a driver
        policy: String,
    },
    /// Say which rule decides on a message
    Explain {
        /// A file, or a driver
        policy: String,
        /// Such as "request src=… dst=… interface=linuxcompat.I2c method=Xfer {msgs : [{addr : 0x53}]}"
        message: String,
    },
    /// Say which interactions change from one policy to another
    Diff {
        /// A file, or a driver
        before: String,
        /// A file, or a driver
        after: String,
    },
    /// Print the policy that is made for a driver, or the classes and processes that it speaks of
    Show {
        /// The driver
        driver: String,
        /// Print the classes: the EDL of the driver's domain, and of its bus servers
        #[arg(long, conflicts_with = "init")]
        edl: bool,
        /// Print the processes and who may find whom: init.yaml
        #[arg(long)]
        init: bool,
    },
}

/// Runs the command. Exit status 1: a mistake, a failed test, a denied message, a difference.
///
/// # Errors
///
/// A policy cannot be read or made.
pub(crate) fn command(args: &PolicyArgs) -> Result<Outcome> {
    match &args.command {
        PolicyCommand::Check { policy } => check(args, policy),
        PolicyCommand::Test { policy } => test(args, policy),
        PolicyCommand::Explain { policy, message } => explain(args, policy, message),
        PolicyCommand::Diff { before, after } => compare(args, before, after),
        PolicyCommand::Show { driver, edl: true, .. } => show_classes(args, driver),
        PolicyCommand::Show { driver, init: true, .. } => show_processes(args, driver),
        PolicyCommand::Show { driver, .. } => show(args, driver),
    }
}

fn is_file(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "psl") || Path::new(name).is_file()
}

/// What a driver needs.
fn needs(args: &PolicyArgs, driver: &str) -> Result<Needs> {
    let tree = args.kernel.tree()?;
    let board = board(args.board.as_ref(), driver, &tree)?;
    let built = build_image(tree, driver, &board, args.kernel.profile(), args.kernel.allow_modified)?;
    Ok(Needs::of(driver, &board, &built.report, ClockKind::Real))
}

/// The policy of a driver, without what all have in common.
fn made(args: &PolicyArgs, driver: &str) -> Result<String> {
    Ok(generate(&needs(args, driver)?, &class_of_driver(driver)))
}

fn load(args: &PolicyArgs, name: &str) -> Result<Program> {
    let loaded = if is_file(name) {
        Loaded::open(Path::new(name))?
    } else {
        let text = made(args, name).with_context(|| format!("{name:?} is no file ending with .psl"))?;
        let file = format!("{}.psl", class_of_driver(name));
        Loaded::texts([("common.psl", COMMON), (&file, &text)])?
    };
    Ok(compile(&loaded, World::hosted())?)
}

/// Prints an object for programs, or a text for people.
fn say(args: &PolicyArgs, object: &serde_json::Value, text: &str) {
    if args.json {
        println!("{object}");
    } else if !text.is_empty() {
        println!("{text}");
    }
}

fn check(args: &PolicyArgs, name: &str) -> Result<Outcome> {
    // A test that names what is not there is a mistake, too; whether they pass, `test` says.
    let checked = load(args, name).and_then(|program| match program.run_tests() {
        Ok(_) => Ok(program),
        Err(mistake) => Err(mistake.into()),
    });
    match checked {
        Ok(program) => {
            let (rules, kinds) = (program.rules().len(), program.entries());
            let object = json!({"ok": true, "rules": rules, "kinds_of_messages": kinds});
            say(
                args,
                &object,
                &format!("{name}: {rules} rules for {kinds} kinds of messages"),
            );
            Ok(Outcome::Success)
        }
        Err(error) => {
            let Some(mistake) = error.downcast_ref::<kos_policy::Error>() else {
                return Err(error);
            };
            let place = &mistake.place;
            let object = json!({
                "ok": false, "file": place.file, "line": place.line, "column": place.column, "error": mistake.message,
            });
            say(args, &object, "");
            if !args.json {
                eprintln!("{mistake}");
            }
            Ok(Outcome::Failed)
        }
    }
}

fn test(args: &PolicyArgs, name: &str) -> Result<Outcome> {
    let results = load(args, name)?.run_tests()?;
    anyhow::ensure!(
        !results.is_empty(),
        "{name}: no tests; write some: assert {{ sequence {{ grant request … }} }}"
    );
    let mut failed = 0;
    for result in &results {
        let is_good = result.failures.is_empty();
        failed += usize::from(!is_good);
        let failures: Vec<_> = result
            .failures
            .iter()
            .map(|failure| {
                let decided = serde_json::from_str::<serde_json::Value>(&failure.record.json());
                json!({
                    "place": failure.place.to_string(), "expected": failure.expected,
                    "decided": decided.unwrap_or_default(),
                })
            })
            .collect();
        let object = json!({"set": result.set, "test": result.name, "passed": is_good, "failures": failures});
        let word = if is_good { "ok" } else { "FAILED" };
        let mut text = format!("{}: {} {}: {word}", result.place, result.set, result.name);
        for failure in &result.failures {
            text += &format!(
                "\n    {}: expected {}; {}",
                failure.place,
                failure.expected,
                failure.record.text()
            );
        }
        say(args, &object, &text);
    }
    if !args.json {
        println!("{} tests, {failed} failed", results.len());
    }
    Ok(if failed == 0 { Outcome::Success } else { Outcome::Failed })
}

fn explain(args: &PolicyArgs, name: &str, message: &str) -> Result<Outcome> {
    let program = load(args, name)?;
    let record = program.explain(message)?;
    let mut object: serde_json::Value = serde_json::from_str(&record.json())?;
    object["text"] = json!(record.text);
    let mut text = record.text();
    if let Some(rule) = &record.text {
        text += &format!("\n    {rule}");
    }
    say(args, &object, &text);
    Ok(if record.granted {
        Outcome::Success
    } else {
        Outcome::Failed
    })
}

fn compare(args: &PolicyArgs, before: &str, after: &str) -> Result<Outcome> {
    let changes = diff(&load(args, before)?, &load(args, after)?);
    for change in &changes {
        let object = json!({
            "interaction": change.interaction.to_string(), "before": change.before, "after": change.after,
            "objects": change.objects,
        });
        let mut text = match (change.before.is_empty(), change.after.is_empty()) {
            (true, _) => format!("+ {}", change.interaction),
            (_, true) => format!("- {}", change.interaction),
            _ => format!("~ {}", change.interaction),
        };
        if change.before != change.after {
            for rule in &change.before {
                text += &format!("\n    - {rule}");
            }
            for rule in &change.after {
                text += &format!("\n    + {rule}");
            }
        }
        for object in &change.objects {
            text += &format!("\n    ~ policy object {object}");
        }
        say(args, &object, &text);
    }
    if changes.is_empty() && !args.json {
        println!("no interaction changes");
    }
    Ok(if changes.is_empty() {
        Outcome::Success
    } else {
        Outcome::Failed
    })
}

fn show(args: &PolicyArgs, driver: &str) -> Result<Outcome> {
    let text = made(args, driver)?;
    let whole = format!("{COMMON}\n{text}");
    let object = json!({"driver": driver, "class": class_of_driver(driver), "policy": whole});
    say(args, &object, whole.trim_end());
    Ok(Outcome::Success)
}

fn show_classes(args: &PolicyArgs, driver: &str) -> Result<Outcome> {
    let (needs, class) = (needs(args, driver)?, class_of_driver(driver));
    let domain = solution::Domain {
        needs: &needs,
        class: &class,
    };
    solution::locator(&[domain])?;
    let mut files = solution::files(&[domain]);
    let object = json!({"driver": driver, "class": class, "files": files});
    files.retain(|path, _| solution::FIXED.iter().all(|(fixed, _)| fixed != path));
    let texts: Vec<_> = files
        .iter()
        .map(|(path, text)| format!("// {path}\n\n{text}"))
        .collect();
    say(args, &object, texts.join("\n").trim_end());
    Ok(Outcome::Success)
}

fn show_processes(args: &PolicyArgs, driver: &str) -> Result<Outcome> {
    let (needs, class) = (needs(args, driver)?, class_of_driver(driver));
    let domain = solution::Domain {
        needs: &needs,
        class: &class,
    };
    solution::locator(&[domain])?;
    let text = solution::init_yaml(&[domain]).to_string();
    let object = json!({"driver": driver, "class": class, "init": text});
    say(args, &object, text.trim_end());
    Ok(Outcome::Success)
}
