// SPDX-License-Identifier: GPL-2.0-only
//! The command line.
//!
//! * [`args`]: what can be written. [`run`]: drivers running, seen by [`plain`] or [`live`].
//! * [`report`]: what is said of a domain, as JSON and as text.
//! * [`access`]: clients of a running domain. [`build`]: an image. [`doctor`]: this machine.

mod access;
mod args;
mod build;
mod doctor;
mod live;
mod plain;
mod report;
mod run;

use args::{Command, Options};
use clap::Parser;
use std::io::ErrorKind;
use std::process::ExitCode;

/// How the command ends; [`args::EXIT_STATUS`] tells the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Success,
    /// Something failed, and was said.
    Failed,
    /// A domain died while others went on.
    DomainDied,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Success => 0,
            Outcome::Failed => 1,
            Outcome::DomainDied => 3,
        })
    }
}

/// Runs the command.
pub(crate) fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.command {
        Command::Run(args) => run::command(&args),
        Command::Ls(args) => access::ls(&args),
        Command::Cat(args) => access::cat(&args),
        Command::Write(args) => access::write(&args),
        Command::Watch(args) => access::watch(&args),
        Command::Build(args) => build::command(&args),
        Command::Doctor(args) => doctor::command(&args),
    };
    match done {
        Ok(outcome) => outcome.into(),
        Err(error) if is_closed_pipe(&error) => Outcome::Success.into(),
        Err(error) => {
            eprintln!("linux-compat: {error:#}");
            Outcome::Failed.into()
        }
    }
}

/// Whoever read our output has seen enough (`linux-compat ls … | head`).
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
