// SPDX-License-Identifier: GPL-2.0-only
//! The shim for KasperskyOS, which is compiled when somebody asks for it: few need it, and it needs a compiler for
//! another machine.

use super::compile::{self, Variant};
use linux_headers::{Arch, Profile, Tree, cache};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why there is no shim for another machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrossError {
    /// Tools are missing.
    #[error("{what} is not there; on Debian: {mend}")]
    Tool {
        /// What.
        what: String,
        /// The command that brings it.
        mend: String,
    },
    /// The shim does not compile.
    #[error("the shim for KasperskyOS cannot be built: {0}")]
    Compile(String),
}

/// The functions of `lc_kos.h`: what the project that links a driver's library defines.
pub const LINKED_BY_THE_PROJECT: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/kos-bindings/kasperskyos/lc_kos.h"
));

/// Compiles the shim for KasperskyOS, or finds it compiled, and returns its archive.
///
/// # Errors
///
/// A tool is missing, or cargo refuses.
pub fn kasperskyos(tree: &Tree, profile: Profile, arch: Arch) -> Result<PathBuf, CrossError> {
    for name in ["gcc", "ld", "objcopy", "ar"] {
        let tool = arch.tool(name);
        if Command::new(&tool).arg("--version").output().is_err() {
            return Err(CrossError::Tool {
                what: tool,
                mend: format!("apt-get install gcc-{}", arch.gnu_triple()),
            });
        }
    }
    let rustc = rustc(arch)?;
    let name = format!("kasperskyos-{}-{}-{profile:?}", arch.gnu_triple(), tree.series).to_lowercase();
    let variant = Variant {
        name: &name,
        tree,
        profile,
        arch,
        features: "kasperskyos",
    };
    // A tree of another place has other headers.
    let place = cache::dir().join("shims").join(tree.full_version.as_str());
    compile::compile(variant, rustc.as_deref(), &place).map_err(CrossError::Compile)
}

/// A compiler that has a library for `arch`: the usual one, or Debian's; `None` stands for the usual one.
fn rustc(arch: Arch) -> Result<Option<PathBuf>, CrossError> {
    const DEBIAN: &str = "/usr/bin/rustc";
    let usual = std::env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
    let target = arch.rust_target();
    if has_library(&usual, target) {
        return Ok(None);
    }
    if has_library(Path::new(DEBIAN), target) {
        return Ok(Some(PathBuf::from(DEBIAN)));
    }
    Err(CrossError::Tool {
        what: format!("Rust's library for {target}"),
        mend: "dpkg --add-architecture arm64 && apt-get update && apt-get install rustc-web \
               libstd-rust-web-dev:arm64 (or, with rustup: rustup target add "
            .to_owned()
            + target
            + ")",
    })
}

fn has_library(rustc: &Path, target: &str) -> bool {
    let asked = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", target])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    asked.is_ok_and(|out| out.status.success() && Path::new(String::from_utf8_lossy(&out.stdout).trim()).is_dir())
}
