// SPDX-License-Identifier: GPL-2.0-only
//! Links the image: one static ELF file at a fixed address, what nothing reaches dropped.

use super::closure::{EXITCALL, Missing};
use super::error::BuildError;
use super::hot::FRAGMENT;
use super::script::Script;
use linux_headers::{Arch, cache};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Addresses that are never mapped, for what is missing and may be data: touching it faults at an address
/// that `image.debug` knows by name.
const NOWHERE: u64 = 0x6f00_0000;
const NOWHERE_STEP: u64 = 0x1_0000;

/// What to link.
pub struct Link<'a> {
    /// Objects in link order.
    pub objects: Vec<PathBuf>,
    /// The shim.
    pub archive: Option<&'a Path>,
    /// The linker script.
    pub script: &'a Script,
    /// What the script includes as [`FRAGMENT`].
    pub hot: &'a str,
    /// Of the objects, the driver's own, if its initcalls and exit functions stand apart.
    pub own: &'a [PathBuf],
    /// The address of the image.
    pub base: u64,
    /// Symbols that nobody provides.
    pub missing: &'a BTreeMap<String, Missing>,
    /// The instruction set.
    pub arch: Arch,
    /// The compiler, for the trap stubs.
    pub cc: &'a str,
    /// More flags for the linker.
    pub extra: &'a [String],
}

impl Link<'_> {
    /// Links `dir/image.debug` and its stripped copy `dir/image`.
    ///
    /// # Errors
    ///
    /// The linker refuses, or a file cannot be written.
    pub fn image(&self, dir: &Path) -> Result<(), BuildError> {
        self.place(dir)?;
        let stubs = self.stubs(dir)?;
        let debug = dir.join("image.debug");
        let mut command = Command::new(self.arch.tool("ld"));
        command.args([
            "-static",
            "--gc-sections",
            "--no-warn-mismatch",
            "--build-id=none",
            "-z",
            "noexecstack",
            "-z",
            "max-page-size=4096",
            "-z",
            "norelro",
        ]);
        command
            .arg("-L")
            .arg(dir)
            .arg("-T")
            .arg(&self.script.path)
            .arg(format!("--defsym=IMAGE_BASE={:#x}", self.base));
        for (name, address) in self.nowhere() {
            command.arg(format!("--defsym={name}={address:#x}"));
        }
        command
            .args(self.extra)
            .arg("-o")
            .arg(&debug)
            .args(&self.objects)
            .args(stubs);
        if let Some(archive) = self.archive {
            command.arg(archive);
        }
        run(&mut command)?;
        run(Command::new(self.arch.tool("strip"))
            .arg("-s")
            .arg("-o")
            .arg(dir.join("image"))
            .arg(&debug))
    }

    /// Joins everything but the shim into one relocatable object `dir/image.o`.
    ///
    /// # Errors
    ///
    /// The linker refuses, or a file cannot be written.
    pub fn relocatable(&self, dir: &Path) -> Result<(), BuildError> {
        std::fs::create_dir_all(dir).map_err(|error| BuildError::Io {
            path: dir.to_owned(),
            error,
        })?;
        run(Command::new(self.arch.tool("ld"))
            .arg("-r")
            .arg("-o")
            .arg(dir.join("image.o"))
            .args(&self.objects))
    }

    /// Joins everything into `dir/library.a`, of whose symbols only `entry` is seen from outside, and
    /// `dir/library.debug.o`, the same with debug information.
    ///
    /// # Errors
    ///
    /// The linker refuses, a file cannot be written, or code reads data that nobody provides.
    pub fn library(&self, dir: &Path, entry: &str) -> Result<(), BuildError> {
        self.place(dir)?;
        let stubs = self.stubs(dir)?;
        let debug = dir.join("library.debug.o");
        let mut command = Command::new(self.arch.tool("ld"));
        command
            .args([
                "-r",
                "--gc-sections",
                "--entry",
                entry,
                "--no-warn-mismatch",
                "--build-id=none",
            ])
            .arg("-L")
            .arg(dir)
            .arg("-T")
            .arg(&self.script.path)
            .args(["--defsym=IMAGE_BASE=0"]);
        for (name, address) in self.nowhere() {
            command.arg(format!("--defsym={name}={address:#x}"));
        }
        command.args(self.extra).arg("-o").arg(&debug);
        command.args(&self.objects).args(stubs).args(self.archive);
        run(&mut command)?;
        let object = dir.join("library.o");
        run(Command::new(self.arch.tool("objcopy"))
            .args([
                "--strip-unneeded",
                "--remove-section=.llvm_addrsig",
                "--keep-global-symbol",
                entry,
            ])
            .arg(&debug)
            .arg(&object))?;
        run(Command::new(self.arch.tool("ar"))
            .arg("rcsD")
            .arg(dir.join("library.a"))
            .arg(&object))
    }

    /// Makes the directory, and in it what the script includes.
    fn place(&self, dir: &Path) -> Result<(), BuildError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error| BuildError::Io { path, error }
        };
        std::fs::create_dir_all(dir).map_err(io(dir))?;
        let sections = |pattern: &str| -> String {
            let names = self.own.iter().filter_map(|path| path.file_name());
            let line = |name: &OsStr| format!("KEEP(*{}({pattern}))\n", name.to_string_lossy());
            names.map(line).collect()
        };
        for (name, text) in [
            (FRAGMENT, self.hot.to_owned()),
            ("driver-init.lds", sections(".initcall*.init")),
            ("driver-exit.lds", sections(EXITCALL)),
        ] {
            let fragment = dir.join(name);
            std::fs::write(&fragment, text).map_err(io(&fragment))?;
        }
        Ok(())
    }

    fn nowhere(&self) -> impl Iterator<Item = (&str, u64)> {
        let data = self.missing.iter().filter(|(_, missing)| !missing.is_called);
        data.zip(0u64..)
            .map(|((name, _), number)| (name.as_str(), NOWHERE + number * NOWHERE_STEP))
    }

    /// One function per missing symbol that is called: it gives its own name to the shim, which ends the domain.
    fn stubs(&self, dir: &Path) -> Result<Option<PathBuf>, BuildError> {
        let called: Vec<&String> = self
            .missing
            .iter()
            .filter(|(_, missing)| missing.is_called)
            .map(|(name, _)| name)
            .collect();
        if called.is_empty() {
            return Ok(None);
        }
        let mut text = String::new();
        for name in called {
            let jump = match self.arch {
                // The frame also keeps the stack aligned to 16 bytes at the call, as the ABI wants it.
                Arch::X86_64 => {
                    "\tpushq %rbp\n\tmovq %rsp, %rbp\n\tleaq 9f(%rip), %rdi\n\tcall __missing_symbol\n\tud2"
                }
                Arch::Aarch64 => "\tadr x0, 9f\n\tb __missing_symbol",
                Arch::Riscv64 => "\tla a0, 9f\n\ttail __missing_symbol",
            };
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                ".section .text.{name}, \"ax\"\n.globl {name}\n.type {name}, %function\n.balign 16\n{name}:\n\
                 {jump}\n9:\t.asciz \"{name}\"\n.size {name}, .-{name}\n"
            );
        }
        if self.archive.is_none() {
            // Without a shim there is nobody to tell.
            text.push_str(
                ".section .text.__missing_symbol, \"ax\"\n.globl __missing_symbol\n__missing_symbol:\n\t.byte 0\n",
            );
        }
        text.push_str(".section .note.GNU-stack, \"\", %progbits\n");
        let source = dir.join("missing.s");
        cache::write_atomic(&source, text.as_bytes()).map_err(|error| BuildError::Io {
            path: source.clone(),
            error,
        })?;
        let object = dir.join("missing.o");
        run(Command::new(self.cc).arg("-c").arg("-o").arg(&object).arg(&source))?;
        Ok(Some(object))
    }
}

fn run(command: &mut Command) -> Result<(), BuildError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let out = command.output().map_err(|error| BuildError::Io {
        path: PathBuf::from(&program),
        error,
    })?;
    if out.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&out.stderr);
    let lines: Vec<&str> = message.lines().take(40).collect();
    Err(BuildError::Link {
        message: format!("{program}: {}", lines.join("\n")),
    })
}
