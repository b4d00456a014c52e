// SPDX-License-Identifier: GPL-2.0-only
//! Compiles the shim for each kernel series, against that series' own headers.
//!
//! The shim is Rust without `std`, with declarations that bindgen makes from the kernel tree (`shim/build.rs`); it has
//! its own profile and flags, so Cargo is asked for it in a target directory of its own. The archives' paths are left
//! to `src/shim.rs` in `LINUX_COMPAT_SHIM_*`. A tree that is not in the cache yet is fetched.
//!
//! `LINUX_COMPAT_SHIMS` (such as `6.12,6.1-debug`) limits what is compiled; all four by default.

#[path = "src/shim/compile.rs"]
mod compile;

use compile::Variant;
use linux_headers::{Arch, Locate, Profile, Series, Tree};
use std::env;
use std::path::PathBuf;

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
        "src/shim/compile.rs",
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
                // Cargo takes one line at a time.
                for line in format!("the shim for Linux {name} cannot be built: {cause}").lines() {
                    println!("cargo::error={line}");
                }
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
    let variant = Variant {
        name,
        tree: &tree,
        profile,
        arch: target()?,
        features: "",
    };
    compile::compile(variant, None, &out)
}

/// The architecture that the package is built for, and so its domains.
fn target() -> Result<Arch, String> {
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    Arch::of_name(&arch).ok_or_else(|| format!("no domains for {arch}"))
}
