// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask setup`: finds out what the machine lacks and installs that, and nothing else.
//!
//! A look costs a few file system calls and starts no program, since every task begins with it.
//! [`clang`] knows where bindgen will look for libclang, [`apt`] installs packages, [`kernel`] fetches trees.

mod apt;
mod clang;
mod kernel;

use crate::{Usage, run};
use anyhow::Result;
use linux_headers::Arch;
use std::fmt;
use std::process::Command;

/// Packages are missing and this user may not install them.
#[derive(Debug)]
pub(crate) struct NeedsRoot {
    command: String,
}

impl fmt::Display for NeedsRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "installing packages needs root; run this once, then try again:\n\n    {}\n",
            self.command
        )
    }
}

impl std::error::Error for NeedsRoot {}

/// Something the machine must have, and the packages that bring it.
struct Need {
    what: &'static str,
    why: &'static str,
    is_there: fn() -> bool,
    /// Alternatives: the first that the machine's package lists know is installed.
    packages: &'static [&'static str],
}

const NEEDS: [Need; 3] = [
    Need {
        what: "gcc",
        why: "compiles the drivers and links the images",
        is_there: || {
            ["gcc", "ld", "strip"]
                .into_iter()
                .all(|program| run::find(program).is_some())
                && has_libc_headers()
        },
        packages: &["gcc libc6-dev"],
    },
    Need {
        what: "libclang",
        why: "reads the kernel's headers for bindgen",
        is_there: || clang::find().is_some(),
        packages: &[
            "libclang1-14",
            "libclang1-19",
            "libclang1-16",
            "libclang1",
            "libclang-dev",
        ],
    },
    Need {
        what: "dtc",
        why: "compiles the boards' device trees",
        is_there: || run::find("dtc").is_some(),
        packages: &["device-tree-compiler"],
    },
];

/// What only the fuzzers need.
const FUZZING: [Need; 1] = [Need {
    what: "clang-14",
    why: "instruments the drivers' C code for the fuzzers",
    is_there: || run::find("clang-14").is_some(),
    packages: &["clang-14"],
}];

/// Debian's compiler, whose package for arm64 holds the core library that goes with it. Rustup's would do as well, but
/// cannot be had from Debian's archive.
pub(crate) const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// What compiles for aarch64, and runs it.
const AARCH64: [Need; 3] = [
    Need {
        what: "gcc-aarch64-linux-gnu",
        why: "compiles drivers for aarch64",
        is_there: || run::find("aarch64-linux-gnu-gcc").is_some(),
        packages: &["gcc-aarch64-linux-gnu libc6-dev-arm64-cross"],
    },
    Need {
        what: "qemu-aarch64",
        why: "runs aarch64 programs",
        is_there: || run::find("qemu-aarch64").is_some(),
        packages: &["qemu-user"],
    },
    Need {
        what: "rustc-web",
        why: "compiles Rust for aarch64, with its library for arm64",
        is_there: has_aarch64_library,
        packages: &["rustc-web libstd-rust-web-dev:arm64"],
    },
];

/// Asks Debian's compiler where its library is: the directory's name has the version in it, or has not.
fn has_aarch64_library() -> bool {
    let asked = Command::new(DEBIAN_RUSTC)
        .args(["--print", "target-libdir", "--target", "aarch64-unknown-linux-gnu"])
        .output();
    asked.is_ok_and(|out| {
        let dir = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        out.status.success() && std::path::Path::new(&dir).is_dir()
    })
}

/// What only the oracle needs: real Linux is built with its own Make.
const ORACLE: [Need; 4] = [
    Need {
        what: "make",
        why: "builds User-Mode Linux",
        is_there: || run::find("make").is_some(),
        packages: &["make"],
    },
    Need {
        what: "flex",
        why: "makes Kconfig's scanner",
        is_there: || run::find("flex").is_some(),
        packages: &["flex"],
    },
    Need {
        what: "bison",
        why: "makes Kconfig's parser",
        is_there: || run::find("bison").is_some(),
        packages: &["bison"],
    },
    Need {
        what: "bc",
        why: "computes the kernel's constants of time",
        is_there: || run::find("bc").is_some(),
        packages: &["bc"],
    },
];

/// What only the tests of reports as pages need.
const BROWSER: [Need; 1] = [Need {
    what: "chromium",
    why: "opens the pages that `diff` and `report` write, for their tests",
    // As `tests/browser.rs` looks for it.
    is_there: || {
        ["chromium", "chromium-browser", "google-chrome"]
            .iter()
            .any(|name| run::find(name).is_some())
    },
    packages: &["chromium"],
}];

fn has_libc_headers() -> bool {
    std::path::Path::new("/usr/include/stdio.h").exists()
}

/// `cargo xtask setup`.
pub(crate) fn command(args: &[String]) -> Result<bool> {
    if let Some(arg) = args.first() {
        return Err(Usage(format!("setup: unexpected argument {arg:?}")).into());
    }
    let did = ensure()?;
    println!("set-up: {}", if did { "done" } else { "nothing to do" });
    Ok(true)
}

/// Installs what is missing; returns whether anything was.
pub(crate) fn ensure() -> Result<bool> {
    let installed = install(&NEEDS)?;
    let fetched = kernel::ensure()?;
    Ok(installed || fetched)
}

/// Installs what the fuzzers need besides; returns whether anything was missing.
pub(crate) fn ensure_fuzzing() -> Result<bool> {
    install(&FUZZING)
}

/// Installs what aarch64 needs besides; returns whether anything was missing.
pub(crate) fn ensure_aarch64() -> Result<bool> {
    if !has_aarch64_library() {
        apt::add_architecture("arm64")?;
    }
    install(&AARCH64)
}

/// Installs what the oracle needs besides; returns whether anything was missing.
pub(crate) fn ensure_oracle() -> Result<bool> {
    install(&ORACLE)
}

/// Installs the browser in which pages are tested; returns whether it was missing.
pub(crate) fn ensure_browser() -> Result<bool> {
    install(&BROWSER)
}

fn install(needs: &[Need]) -> Result<bool> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !(need.is_there)()).collect();
    if !missing.is_empty() {
        eprintln!("set-up: this machine lacks");
        for need in &missing {
            eprintln!("  {:<9} which {}", need.what, need.why);
        }
        apt::install(&missing.iter().map(|need| need.packages).collect::<Vec<_>>())?;
        if let Some(need) = missing.iter().find(|need| !(need.is_there)()) {
            anyhow::bail!("{} was installed but cannot be found", need.what);
        }
    }
    Ok(!missing.is_empty())
}

/// A cargo command that compiles for aarch64 with [`DEBIAN_RUSTC`], and runs what it made under an emulator.
pub(crate) fn aarch64_cargo(args: &[&str]) -> Result<Command> {
    let mut command = run::cargo(args);
    let target = [
        "--target",
        Arch::Aarch64.rust_target(),
        "--target-dir",
        "target/aarch64",
    ];
    command
        .args(target)
        .env("LINUX_COMPAT_CFLAGS", kernel::shim_flags(Arch::Aarch64)?)
        .env("RUSTC", DEBIAN_RUSTC)
        .env(
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER",
            Arch::Aarch64.tool("gcc"),
        )
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", "qemu-aarch64")
        // For the emulated program: there the machine's own compiler is one for another machine.
        .env("CROSS_COMPILE", "aarch64-linux-gnu-");
    Ok(command)
}

/// A cargo command for the whole workspace, the shim included, which alone needs the kernel's compiler flags.
pub(crate) fn workspace_cargo(args: &[&str]) -> Result<Command> {
    let mut command = run::cargo(args);
    command.env("LINUX_COMPAT_CFLAGS", kernel::shim_flags(Arch::host())?);
    Ok(command)
}
