// SPDX-License-Identifier: GPL-2.0-only
//! The flags with which this architecture's kernel code is compiled, by `cc` and by bindgen.
//!
//! They follow the tree's `Makefile` and `scripts/Makefile.lib`: which headers come in which order, and
//! the dialect of C that the kernel is written in.

use crate::Series;
use crate::generated;
use crate::kconfig::{Answers, Config, Kconfig};
use crate::tree::{Tree, TreeError};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How a domain is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Optimised, Linux's debugging options off.
    Release,
    /// Linux's debugging options on: misuse is caught and named.
    Debug,
}

/// The instruction set that a domain runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 64-bit Arm.
    Aarch64,
    /// 64-bit RISC-V.
    Riscv64,
}

impl Arch {
    /// The architecture of this machine, if it is one of ours.
    #[must_use]
    pub fn host() -> Self {
        Self::of_name(std::env::consts::ARCH).unwrap_or(Self::X86_64)
    }

    /// The architecture that Rust calls `name`, if it is one of ours.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "x86_64" => Some(Self::X86_64),
            "aarch64" => Some(Self::Aarch64),
            "riscv64" => Some(Self::Riscv64),
            _ => None,
        }
    }

    /// What GNU calls a Linux system of this architecture, which is how its cross tools are named.
    #[must_use]
    pub fn gnu_triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-linux-gnu",
            Self::Aarch64 => "aarch64-linux-gnu",
            Self::Riscv64 => "riscv64-linux-gnu",
        }
    }

    /// The Rust target whose core library a domain of this architecture links.
    #[must_use]
    pub fn rust_target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Aarch64 => "aarch64-unknown-linux-gnu",
            Self::Riscv64 => "riscv64gc-unknown-linux-gnu",
        }
    }

    /// The command of a tool (`gcc`, `ld`, `strip`, …) that makes code of this architecture.
    ///
    /// On the architecture itself it is the plain name after `CROSS_COMPILE`, which Linux's own build looks at too: an
    /// emulated program may have to name the tools of the machine below.
    #[must_use]
    pub fn tool(self, name: &str) -> String {
        if self == Self::host() {
            let prefix = std::env::var("CROSS_COMPILE").unwrap_or_default();
            return format!("{prefix}{name}");
        }
        format!("{}-{name}", self.gnu_triple())
    }

    fn machine_flags(self) -> &'static [&'static str] {
        match self {
            // No vector registers, because a task switch does not save them; no red zone, because a hard interrupt
            // is a call; addresses below 2 GiB, because the image is linked there. Small blocks are copied by the
            // shim's memcpy: the string instructions that gcc prefers for size take longer to start than it to end.
            Self::X86_64 => &[
                "-m64",
                "-mcmodel=small",
                "-mgeneral-regs-only",
                "-mno-red-zone",
                "-fcf-protection=none",
                "-mstringop-strategy=libcall",
            ],
            // No vector registers, as above; atomic operations in place, because the functions that gcc calls for them
            // are a libc's.
            Self::Aarch64 => &["-mgeneral-regs-only", "-mno-outline-atomics"],
            Self::Riscv64 => &["-mcmodel=medany"],
        }
    }
}

/// Where this crate's headers, answers and linker scripts are.
#[must_use]
pub fn architecture_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A tree with a configuration: everything that decides how a file is compiled.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The configuration.
    pub config: Config,
    /// The configuration without the wishes.
    pub base: Config,
    /// The directory that holds `include/generated`.
    pub generated: PathBuf,
    /// The directory of those of them that all configurations have in common; `generated` links to them.
    pub shared: PathBuf,
    /// The flags that every file is compiled with, save its own.
    pub flags: Vec<String>,
}

/// Reads the answers for a tree and a profile.
///
/// # Errors
///
/// An answer file is absent or has a line that is not an answer.
pub fn answers(tree: &Tree, profile: Profile, arch: Arch) -> Result<Answers, TreeError> {
    let dir = architecture_dir().join("config");
    let mut paths = vec![dir.join(format!("{}.config", tree.series))];
    if profile == Profile::Debug {
        paths.push(dir.join("debug.config"));
    }
    let mut text = String::new();
    for path in paths {
        let part = std::fs::read_to_string(&path).map_err(|error| TreeError::Io {
            path: path.clone(),
            error,
        })?;
        // Checked one by one, so that a mistake is reported with its own file's line number.
        Answers::parse(&part).map_err(|(line, text)| TreeError::Answer { path, line, text })?;
        text.push_str(&part);
        text.push('\n');
    }
    let mut answers = Answers::parse(&text).unwrap_or_default();
    for (symbol, value) in generated::compiler_answers(arch) {
        answers.set(&symbol, &value);
    }
    Ok(answers)
}

/// What all configurations of a tree start from: made once, a further configuration costs little.
#[derive(Debug, Clone)]
pub struct Common {
    answers: Answers,
    base: Config,
    profile: Profile,
    arch: Arch,
    compiler_include: Option<String>,
}

impl Common {
    /// Resolves the architecture's answers.
    ///
    /// # Errors
    ///
    /// An answer file is absent or wrong.
    pub fn new(tree: &Tree, kconfig: &Kconfig, profile: Profile, arch: Arch) -> Result<Self, TreeError> {
        let answers = answers(tree, profile, arch)?;
        let base = Config::resolve(kconfig, &answers, &[]);
        Ok(Self {
            answers,
            base,
            profile,
            arch,
            compiler_include: compiler_include(arch),
        })
    }

    /// Whether the architecture's answer to `symbol` is a firm no: types that the shim shares are laid out without it.
    #[must_use]
    pub fn forbids(&self, symbol: &str) -> bool {
        self.answers.is_no(symbol)
    }

    /// Resolves `wishes` on top of them, and makes the headers that go with the result.
    ///
    /// # Errors
    ///
    /// A generated header cannot be made.
    pub fn setup(&self, tree: &Tree, kconfig: &Kconfig, wishes: &[String]) -> Result<Setup, TreeError> {
        let config = if wishes.is_empty() {
            self.base.clone()
        } else {
            Config::resolve_from(kconfig, &self.answers, &self.base, wishes)
        };
        let (generated, shared) = generated::make(tree, kconfig, &config, self.arch)?;
        let flags = cc_flags(tree, &generated, self.compiler_include.clone(), self.profile, self.arch);
        generated::bounds(tree, &generated, &shared, &config, &flags, self.arch)?;
        Ok(Setup {
            config,
            base: self.base.clone(),
            generated,
            shared,
            flags,
        })
    }
}

/// Resolves `wishes` on top of the architecture's answers, and makes the headers that go with the result.
///
/// # Errors
///
/// An answer file is wrong, or a generated header cannot be made.
pub fn setup(
    tree: &Tree,
    kconfig: &Kconfig,
    profile: Profile,
    arch: Arch,
    wishes: &[String],
) -> Result<Setup, TreeError> {
    Common::new(tree, kconfig, profile, arch)?.setup(tree, kconfig, wishes)
}

/// The flags for the base configuration: what the shim's glue and bindgen see.
///
/// # Errors
///
/// As [`setup`].
pub fn flags(tree: &Tree, profile: Profile, arch: Arch) -> Result<Vec<String>, TreeError> {
    let kconfig = Kconfig::read(&tree.dir);
    Ok(setup(tree, &kconfig, profile, arch, &[])?.flags)
}

/// The same for bindgen's clang, without what only gcc knows.
///
/// # Errors
///
/// As [`setup`].
pub fn bindgen_flags(tree: &Tree, profile: Profile, arch: Arch) -> Result<Vec<String>, TreeError> {
    let no_business = ["-mcmodel=", "-O", "-g", "-W"];
    let keep = |flag: &String| !no_business.iter().any(|prefix| flag.starts_with(prefix));
    let mut flags = for_clang(flags(tree, profile, arch)?);
    flags.retain(keep);
    Ok(flags)
}

/// Drops the flags that only gcc knows, and that clang refuses.
#[must_use]
pub fn for_clang(mut flags: Vec<String>) -> Vec<String> {
    let gcc_only = [
        "-mstringop-strategy=",
        "-fno-allow-store-data-races",
        "-fconserve-stack",
        "-fno-var-tracking",
    ];
    flags.retain(|flag| !gcc_only.iter().any(|prefix| flag.starts_with(prefix)));
    flags
}

fn cc_flags(
    tree: &Tree,
    generated: &Path,
    compiler_include: Option<String>,
    profile: Profile,
    arch: Arch,
) -> Vec<String> {
    let ours = architecture_dir().join("include");
    let mut flags: Vec<String> = vec!["-nostdinc".to_owned()];
    if let Some(dir) = compiler_include {
        flags.extend(["-isystem".to_owned(), dir]);
    }
    let include = |dir: PathBuf| format!("-I{}", dir.display());
    flags.push(include(ours.clone()));
    flags.push(include(generated.join("include")));
    flags.push(include(generated.join("include/generated")));
    flags.push(include(tree.dir.join("include")));
    flags.push(include(ours.join("uapi")));
    flags.push(include(generated.join("include/generated/uapi")));
    flags.push(include(tree.dir.join("include/uapi")));
    for header in ["linux/compiler-version.h", "linux/kconfig.h", "linux/compiler_types.h"] {
        flags.extend([
            "-include".to_owned(),
            tree.dir.join("include").join(header).display().to_string(),
        ]);
    }
    flags.extend(LANGUAGE.iter().map(|flag| (*flag).to_owned()));
    // Since 6.2 a plain `char` has no sign, whatever the machine's is.
    if tree.series != Series::V6_1 {
        flags.push("-funsigned-char".to_owned());
    }
    flags.extend(arch.machine_flags().iter().map(|flag| (*flag).to_owned()));
    // Names in messages and in debug information are the tree's, wherever it lies.
    flags.push(format!("-fmacro-prefix-map={}/=", tree.dir.display()));
    flags.push(format!(
        "-fdebug-prefix-map={}/=linux-{}/",
        tree.dir.display(),
        tree.series
    ));
    flags.push(format!(
        "-fdebug-prefix-map={}/=linux-compat/linux-headers/",
        architecture_dir().display()
    ));
    flags.push(if profile == Profile::Debug { "-g" } else { "-g1" }.to_owned());
    flags
}

const LANGUAGE: [&str; 20] = [
    "-D__KERNEL__",
    "-std=gnu11",
    // `CONFIG_CC_OPTIMIZE_FOR_SIZE`: a domain is small before it is fast, and most of its code runs once.
    "-Os",
    "-w",
    "-fshort-wchar",
    "-fno-common",
    "-fno-PIE",
    "-fno-pic",
    "-fno-strict-aliasing",
    "-fno-strict-overflow",
    "-fno-delete-null-pointer-checks",
    "-fno-stack-protector",
    "-fno-stack-clash-protection",
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",
    // A dying domain walks the frames for its call trace.
    "-fno-omit-frame-pointer",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-allow-store-data-races",
    "-fconserve-stack",
];

/// What the files of `config/hot` are compiled with on top: for speed, without the padding that would take back what
/// the other files save.
pub const HOT: [&str; 2] = ["-O2", "-fno-align-functions"];

fn compiler_include(arch: Arch) -> Option<String> {
    let out = Command::new(arch.tool("gcc"))
        .arg("-print-file-name=include")
        .output()
        .ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    Some(text.trim().to_owned())
}
