// SPDX-License-Identifier: GPL-2.0-only
//! Compiles the shim for one kernel series, profile and architecture. The package's build script does so too, so this
//! file uses nothing of the package.

use linux_headers::{Arch, Profile, Tree, flags};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A shim to compile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant<'a> {
    /// How its files are called.
    pub(crate) name: &'a str,
    /// Against whose headers.
    pub(crate) tree: &'a Tree,
    /// With or without Linux's debugging options.
    pub(crate) profile: Profile,
    /// For which machine.
    pub(crate) arch: Arch,
    /// Features besides those that follow from the above.
    pub(crate) features: &'a str,
}

/// Compiles a shim into the directory `out` and returns its archive. `rustc`: the compiler, if not the usual one.
///
/// # Errors
///
/// What cargo said.
pub(crate) fn compile(variant: Variant<'_>, rustc: Option<&Path>, out: &Path) -> Result<PathBuf, String> {
    let Variant {
        name, profile, arch, ..
    } = variant;
    fs::create_dir_all(out).map_err(|e| format!("{}: {e}", out.display()))?;
    let mut cflags = flags::bindgen_flags(variant.tree, profile, arch).map_err(|e| e.to_string())?;
    let glue = Path::new(env!("CARGO_MANIFEST_DIR")).join("shim/glue");
    cflags.push(format!("-I{}", glue.display()));
    let cflags_file = out.join(format!("cflags-{name}"));
    let cflags = cflags.join("\n");
    // An unchanged file keeps its date, and the shim is not compiled again.
    if fs::read_to_string(&cflags_file).ok().as_ref() != Some(&cflags) {
        fs::write(&cflags_file, cflags).map_err(|e| format!("{}: {e}", cflags_file.display()))?;
    }

    let target = out.join("shim");
    let mut features = String::from("domain");
    if profile == Profile::Debug {
        features.push_str(",debug");
    }
    if !variant.features.is_empty() {
        features.push(',');
        features.push_str(variant.features);
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["rustc", "--package", "shim", "--profile", "domain"])
        .args(["--crate-type", "staticlib", "--features", &features])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("LINUX_COMPAT_CFLAGS", &cflags_file)
        .env("RUSTFLAGS", rustflags(arch));
    // What the outer Cargo says about itself is not for the inner one.
    for variable in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
        "CARGO_BUILD_TARGET_DIR",
        "CARGO_TARGET_DIR",
    ] {
        cargo.env_remove(variable);
    }
    if let Some(rustc) = rustc {
        cargo.env("RUSTC", rustc);
    }
    let made = if arch == Arch::host() {
        target.join("domain/libshim.a")
    } else {
        cargo.args(["--target", arch.rust_target()]);
        target.join(arch.rust_target()).join("domain/libshim.a")
    };
    let output = cargo.output().map_err(|e| format!("cargo: {e}"))?;
    if !output.status.success() {
        return Err(format!(
            "cargo rustc --package shim:\n{}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let archive = out.join(format!("libshim-{name}.a"));
    fs::copy(&made, &archive).map_err(|e| format!("{}: {e}", made.display()))?;
    Ok(archive)
}

fn rustflags(arch: Arch) -> String {
    let mut flags = "-Crelocation-model=static -Cforce-frame-pointers=yes --cap-lints=warn".to_owned();
    if arch == Arch::Aarch64 {
        // Atomic operations in place: the functions that do them otherwise ask a libc which instructions there are.
        flags.push_str(" -Ctarget-feature=-outline-atomics");
    }
    flags
}
