// SPDX-License-Identifier: GPL-2.0-only
//! The domain side on aarch64, KasperskyOS's only architecture: cross-compiled, and run under `qemu-aarch64`.
//!
//! The message layer's and the machine's own tests, and a driver that boots and measures within its client's process.
//! The sandbox is not tried: the emulator passes neither namespaces nor seccomp on.

use super::tally::Tally;
use crate::{Usage, run, setup};
use anyhow::Result;
use std::time::{Duration, Instant};

/// The first build compiles everything, for both machines.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// What is run: the arguments of `cargo test`.
const RUNS: [(&str, &[&str]); 3] = [
    (
        "messages",
        &["test", "--package", "kos-bindings", "--features", "hosted", "--lib"],
    ),
    ("machine", &["test", "--package", "shim", "--lib"]),
    ("driver", &["test", "--package", "linux-compat", "--test", "inside"]),
];

/// `cargo xtask aarch64`.
pub(crate) fn command(args: &[String]) -> Result<bool> {
    if let Some(arg) = args.first() {
        return Err(Usage(format!("aarch64: unexpected argument {arg:?}")).into());
    }
    let begun = Instant::now();
    setup::ensure()?;
    setup::ensure_aarch64()?;
    let mut tally = Tally::default();
    all(&mut tally)?;
    tally.print(begun.elapsed());
    Ok(tally.is_clean())
}

/// As a part of the whole suite: what cannot be run here is skipped, with the reason.
pub(super) fn run(is_quick: bool, tally: &mut Tally) -> Result<()> {
    let reason = if is_quick {
        Some("--quick was given".to_owned())
    } else {
        setup::ensure_aarch64()
            .err()
            .map(|error| format!("{error:#}").replace('\n', " "))
    };
    match reason {
        None => all(tally),
        Some(reason) => {
            for (name, _) in RUNS {
                tally.skip(format!("aarch64 {name}: {reason}"));
            }
            Ok(())
        }
    }
}

fn all(tally: &mut Tally) -> Result<()> {
    for (name, args) in RUNS {
        println!("\naarch64 {name}");
        let mut cargo = setup::aarch64_cargo(args)?;
        // The one shim that the driver's test needs.
        cargo.env("LINUX_COMPAT_SHIMS", "6.12");
        let status = run::lines(run::limited(cargo, LIMIT), |line| {
            println!("{line}");
            tally.read(line);
        })?;
        if !status.success() && tally.is_clean() {
            tally.fail(format!("aarch64 {name}: failed without a test's name (see above)"));
        }
    }
    tally.skip("aarch64: a domain in its sandbox: qemu-aarch64 passes neither namespaces nor seccomp on");
    Ok(())
}
