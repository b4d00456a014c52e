// SPDX-License-Identifier: GPL-2.0-only
//! Headers that Kbuild has made by a program that it first compiles for the host (`hostprogs`).

use super::error::BuildError;
use linux_headers::cache;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Source, what it includes, and the program that prints that. The rules stand in the directory's `Makefile`.
const RULES: [(&str, &str, &str); 2] = [
    ("lib/crc32.c", "lib/crc32table.h", "lib/gen_crc32table.c"),
    ("lib/crc64.c", "lib/crc64table.h", "lib/gen_crc64table.c"),
];

/// The directory of generated files that belongs to a source's directory: Kbuild's `$(obj)`.
#[must_use]
pub(super) fn dir(generated: &Path, source: &str) -> PathBuf {
    let dir = source.rsplit_once('/').map_or("", |(dir, _)| dir);
    if source.starts_with('/') {
        generated.to_owned()
    } else {
        generated.join(dir)
    }
}

/// Makes what `source` includes, if a program has to print it.
///
/// # Errors
///
/// The program does not compile or fails.
pub(super) fn prepare(tree: &Path, generated: &Path, source: &str) -> Result<(), BuildError> {
    let Some((_, out, program)) = RULES.iter().find(|(of, _, _)| *of == source) else {
        return Ok(());
    };
    let out = generated.join(out);
    if out.exists() {
        return Ok(());
    }
    let dir = dir(generated, source);
    let io = |error| BuildError::Io {
        path: dir.clone(),
        error,
    };
    std::fs::create_dir_all(&dir).map_err(io)?;
    let binary = dir.join(format!(".gen-{}-{:?}", std::process::id(), std::thread::current().id()));
    // The program includes `../include/generated/autoconf.h`, which is beside this directory, not in the tree.
    let mut compile = Command::new("gcc");
    compile
        .arg("-O1")
        .arg("-w")
        .arg(format!("-I{}", dir.display()))
        .arg("-o")
        .arg(&binary)
        .arg(tree.join(program));
    let compiled = compile.output().map_err(io)?;
    let failed = |message: &[u8]| BuildError::Compile {
        path: (*program).to_owned(),
        message: String::from_utf8_lossy(message).into_owned(),
    };
    if !compiled.status.success() {
        return Err(failed(&compiled.stderr));
    }
    let printed = Command::new(&binary).output().map_err(io);
    let _ = std::fs::remove_file(&binary);
    let printed = printed?;
    if !printed.status.success() {
        return Err(failed(&printed.stderr));
    }
    cache::write_atomic(&out, &printed.stdout).map_err(io)
}
