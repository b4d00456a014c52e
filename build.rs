// SPDX-License-Identifier: GPL-2.0-only
//! Compiles the shim for each kernel series, against that series' own headers.
//!
//! The shim is Rust without `std`, with declarations that bindgen makes from the kernel tree (`shim/build.rs`); it has
//! its own profile and flags, so Cargo is asked for it in a target directory of its own. The archives' paths are left
//! to `src/shim.rs` in `LINUX_COMPAT_SHIM_*`. A tree that is not in the cache yet is fetched.
//!
//! `LINUX_COMPAT_SHIMS` (such as `6.12,6.1-debug`) limits what is compiled; all four by default.

use linux_headers::{Arch, Locate, Profile, Series, Tree, flags};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A shim to compile: what `LINUX_COMPAT_SHIMS` calls it, and the variable that holds its path.
const VARIANTS: [(&str, &str, Series, Profile); 4] = [
    ("6.12", "LINUX_COMPAT_SHIM_6_12", Series::V6_12, Profile::Release),
    ("6.1", "LINUX_COMPAT_SHIM_6_1", Series::V6_1, Profile::Release),
    (
        "6.12-debug",
        "LINUX_COMPAT_SHIM_6_12_DEBUG",
        Series::V6_12,
        Profile::Debug,
    ),
    ("6.1-debug", "LINUX_COMPAT_SHIM_6_1_DEBUG", Series::V6_1, Profile::Debug),
];

fn main() {
    for path in [
        "shim",
        "kos-bindings/src",
        "kos-bindings/idl",
        "kos-bindings/idl-gen/src",
        "linux-headers/include",
    ] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-changed=linux-headers/config");
    println!("cargo::rerun-if-env-changed=LINUX_COMPAT_SHIMS");
    println!("cargo::rerun-if-env-changed=LINUX_TREE");
    let wanted = env::var("LINUX_COMPAT_SHIMS").ok();
    for (name, variable, series, profile) in VARIANTS {
        if wanted
            .as_ref()
            .is_some_and(|wanted| !wanted.split(',').any(|w| w == name))
        {
            continue;
        }
        match compile(name, series, profile) {
            Ok(archive) => println!("cargo::rustc-env={variable}={}", archive.display()),
            Err(cause) => {
                println!("cargo::error=the shim for Linux {name} cannot be built: {cause}");
            }
        }
    }
}

fn compile(name: &str, series: Series, profile: Profile) -> Result<PathBuf, String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let tree = Tree::locate(&Locate {
        linux: None,
        series: Some(series),
    })
    .map_err(|e| e.to_string())?;
    let mut cflags = flags::bindgen_flags(&tree, profile, Arch::host()).map_err(|e| e.to_string())?;
    let glue = Path::new(env!("CARGO_MANIFEST_DIR")).join("shim/glue");
    cflags.push(format!("-I{}", glue.display()));
    let cflags_file = out.join(format!("cflags-{name}"));
    fs::write(&cflags_file, cflags.join("\n")).map_err(|e| format!("{}: {e}", cflags_file.display()))?;

    let target = out.join("shim");
    let features = if profile == Profile::Debug {
        "domain,debug"
    } else {
        "domain"
    };
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args([
            "rustc",
            "--package",
            "shim",
            "--profile",
            "domain",
            "--crate-type",
            "staticlib",
            "--features",
            features,
        ])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("LINUX_COMPAT_CFLAGS", &cflags_file)
        .env(
            "RUSTFLAGS",
            "-Crelocation-model=static -Cforce-frame-pointers=yes --cap-lints=warn",
        );
    // What the outer Cargo says about itself is not for the inner one.
    for variable in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET_DIR",
        "CARGO_TARGET_DIR",
    ] {
        cargo.env_remove(variable);
    }
    let output = cargo.output().map_err(|e| format!("cargo: {e}"))?;
    if !output.status.success() {
        return Err(format!(
            "cargo rustc --package shim:\n{}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let archive = out.join(format!("libshim-{name}.a"));
    let made = target.join("domain/libshim.a");
    fs::copy(&made, &archive).map_err(|e| format!("{}: {e}", made.display()))?;
    Ok(archive)
}
