// SPDX-License-Identifier: GPL-2.0-only
//! Device tree overlays that Kbuild links into a driver: `name.dtbo.o` is `name.dtso`, compiled by `dtc` and put
//! between the symbols `__dtbo_name_begin` and `__dtbo_name_end` (`scripts/Makefile.lib`).

use super::error::BuildError;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// What makes the objects: another maker may make others of the same source.
pub(super) const MAKER: &str = include_str!("overlay.rs");

/// Whether a source is such an overlay.
#[must_use]
pub(super) fn is_one(source: &str) -> bool {
    source.ends_with(".dtso")
}

/// Compiles `source` into the object `made`, and writes what was read to `depfile`.
///
/// # Errors
///
/// A tool refuses it, or is not there.
pub(super) fn compile(cc: &str, tree: &Path, source: &str, made: &Path, depfile: &Path) -> Result<(), BuildError> {
    let failed = |message: String| BuildError::Compile {
        path: source.to_owned(),
        message,
    };
    let run = |command: &mut Command| {
        let program = command.get_program().to_owned();
        let out = command.output().map_err(|error| BuildError::Io {
            path: Path::new(&program).to_owned(),
            error,
        })?;
        if out.status.success() {
            return Ok(out.stdout);
        }
        Err(failed(String::from_utf8_lossy(&out.stderr).trim_end().to_owned()))
    };
    let (dir, file) = source.rsplit_once('/').unwrap_or(("", source));
    let text = made.with_extension("dts");
    run(Command::new(cc)
        .current_dir(tree)
        .args(["-E", "-nostdinc", "-undef", "-D__DTS__", "-x", "assembler-with-cpp"])
        .args(["-Iinclude", &format!("-I{dir}")])
        .args(["-MD", "-MT", "overlay", "-MF"])
        .arg(depfile)
        .arg("-o")
        .arg(&text)
        .arg(source))?;
    let blob = run(Command::new("dtc")
        .args(["-q", "-@", "-O", "dtb", "-o", "-"])
        .arg(&text));
    let _ = std::fs::remove_file(&text);
    let name = file.trim_end_matches(".dtso").replace('-', "_");
    let assembly = made.with_extension("s");
    let io = |error| BuildError::Io {
        path: assembly.clone(),
        error,
    };
    std::fs::write(&assembly, embed(&name, &blob?)).map_err(io)?;
    let done = run(Command::new(cc).arg("-c").arg("-o").arg(made).arg(&assembly));
    let _ = std::fs::remove_file(&assembly);
    done.map(drop)
}

/// The blob between its two symbols, for the assembler.
fn embed(name: &str, blob: &[u8]) -> String {
    let mut text = format!(
        ".section .rodata.dtbo_{name}, \"a\"\n.balign 32\n.globl __dtbo_{name}_begin\n\
         .type __dtbo_{name}_begin, %object\n__dtbo_{name}_begin:\n"
    );
    for line in blob.chunks(16) {
        let bytes: Vec<String> = line.iter().map(|byte| format!("{byte:#04x}")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\t.byte {}", bytes.join(", "));
    }
    let _ = writeln!(
        text,
        ".globl __dtbo_{name}_end\n.type __dtbo_{name}_end, %object\n__dtbo_{name}_end:\n\t.balign 32\n\
         .section .note.GNU-stack, \"\", %progbits"
    );
    text
}
