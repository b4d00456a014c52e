// SPDX-License-Identifier: GPL-2.0-only
//! The command line.
//!
//! * [`args`]: what can be written. [`run`]: drivers running, seen by [`plain`] or [`live`].
//! * [`report`]: what is said of a domain, as JSON and as text.
//! * [`access`], [`nfc`]: clients of a running domain. [`build`]: an image. [`policy`]: policies.
//! * [`kunit`]: Linux's own tests. [`chip`]: chips for virtual machines. [`doctor`]: this machine.
//! * [`diff`]: how large a port's change is. [`figures`]: this project's own.
//! * [`port`]: one driver and what it needs. [`matrix`]: how far many come.

mod access;
mod args;
mod build;
mod chip;
mod diff;
mod doctor;
mod figures;
mod kunit;
mod live;
mod matrix;
mod nfc;
mod plain;
mod policy;
mod port;
mod report;
mod run;

use args::{Command, Options};
use clap::Parser;
use linux_compat::build::BuildError;
use linux_compat::system::SystemError;
use std::io::ErrorKind;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How the command ends; [`args::EXIT_STATUS`] tells the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Success,
    /// Something failed, and was said.
    Failed,
    /// A name on the command line that nothing bears, and that was said.
    Usage,
    /// A domain died while others went on.
    DomainDied,
    /// A signal ended it before anything ran.
    Interrupted,
    /// A command's own status; its help says what it means.
    Status(u8),
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Success => 0,
            Outcome::Failed => 1,
            Outcome::Usage => 2,
            Outcome::DomainDied => 3,
            Outcome::Interrupted => 130,
            Outcome::Status(status) => status,
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
        Command::Nfc(args) => nfc::command(&args),
        Command::Build(args) => build::command(&args),
        Command::Chip(args) => chip::command(&args),
        Command::Port(args) => port::command(&args),
        Command::Matrix(args) => matrix::command(&args),
        Command::Policy(args) => policy::command(&args),
        Command::Kunit(args) => kunit::command(&args),
        Command::Diff(args) => diff::command(&args),
        Command::Report(args) => figures::command(&args),
        Command::Doctor(args) => doctor::command(&args),
    };
    match done {
        Ok(outcome) => outcome.into(),
        Err(error) if is_closed_pipe(&error) => Outcome::Success.into(),
        Err(error) if is_interrupted(&error) => {
            eprintln!("linux-compat: {error:#}");
            Outcome::Interrupted.into()
        }
        Err(error) => {
            eprintln!("linux-compat: {error:#}");
            Outcome::Failed.into()
        }
    }
}

/// A signal ended the build.
fn is_interrupted(error: &anyhow::Error) -> bool {
    error.downcast_ref::<SystemError>().is_some_and(is_cancelled)
}

fn is_cancelled(error: &SystemError) -> bool {
    matches!(error, SystemError::Build(BuildError::Cancelled))
}

/// Makes signals end a build in order, and sets `stop` for what comes after it. A second signal ends the command at
/// once; the sandbox's processes die with it.
fn catch_signals(stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(stop))?;
        signal_hook::flag::register(signal, Arc::clone(stop))?;
        signal_hook::flag::register(signal, linux_compat::build::cancel_flag())?;
    }
    Ok(())
}

/// Whoever read our output has seen enough (`linux-compat ls … | head`).
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
