// SPDX-License-Identifier: GPL-2.0-only
//! The command `linux-compat`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
