// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask`: the repository's tasks, each of which needs nothing but Rust to begin with.
//!
//! * [`setup`]: installs what is missing. The others begin with it.
//! * [`demo`]: two drivers in two domains, live. [`mod@test`]: the whole suite. [`check`]: the house rules.
//! * [`mod@bench`]: the table of measurements. [`oracle`]: the same drivers on real Linux.
//! * [`run`]: starting other commands.

mod bench;
mod check;
mod demo;
mod oracle;
mod run;
mod setup;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  setup                     install what is missing on this machine
  demo [-- ARGS]            run adxl345 and bmg160 in two domains; ARGS go to `linux-compat run`
  test [--quick] [FILTER]   run the test suite; --quick leaves aarch64, fuzzers, oracle out
  aarch64                   the domain side on aarch64, under an emulator; a part of test
  oracle [ARGS]             compare drivers in domains with the same on real Linux; --help tells more
  check [NAME ...]          formatting, lints, documentation and the house rules
  bench [--quick] [--json]  measure speed and size

exit status: 0 all went well, 1 something failed, 2 wrong usage, 3 set-up needs root (it prints the command)";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, args)) = args.split_first() else {
        println!("{USAGE}");
        return ExitCode::from(2);
    };
    let done = match command.as_str() {
        "setup" => setup::command(args),
        "demo" => demo::command(args),
        "test" => test::command(args),
        "aarch64" => test::aarch64::command(args),
        "oracle" => oracle::command(args),
        "check" => check::command(args),
        "bench" => bench::command(args),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => Err(Usage(format!("unknown command {other:?}")).into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => report(&error),
    }
}

/// The command line was wrong.
#[derive(Debug)]
struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

fn report(error: &anyhow::Error) -> ExitCode {
    if error.is::<Usage>() {
        eprintln!("xtask: {error}\n\n{USAGE}");
        return ExitCode::from(2);
    }
    eprintln!("xtask: {error:#}");
    ExitCode::from(if error.is::<setup::NeedsRoot>() { 3 } else { 1 })
}
