// SPDX-License-Identifier: GPL-2.0-only
//! User-Mode Linux and its one process, built once into the cache.
//!
//! The place of a kernel is named by all that it is made of: the tree's package, the configuration, the compiler. It
//! appears whole, by a rename; a build that ends half-way leaves nothing but a directory that the next one removes.

use anyhow::{Context, Result, bail};
use linux_headers::Tree;
use linux_headers::cache::{self, Lock};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/uml.config");
/// The tick, which User-Mode Linux fixes in its own questions: where a value has no prompt, the first default is taken.
const HZ: &str = "config HZ\n\tint\n\tdefault 1000\n";
/// The name of a recipe's answers in the directory that a kernel is built in.
const ANSWERS: &str = "answers.config";
/// What comes after this line in a recipe's answers is asked for, and may be refused.
pub(crate) const OPTIONAL: &str = "# optional";
/// The one process: where its sources are, and which.
const INIT_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/init");
const INIT: [&str; 3] = ["init.c", "socket.c", "init.h"];

/// A User-Mode Linux to build: what its place and messages are called by, and what is added to `allnoconfig`.
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    pub(crate) config: String,
}

/// What a User-Mode Linux machine starts from.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    /// The program.
    pub(crate) linux: PathBuf,
    /// The archive with its one process.
    pub(crate) initrd: PathBuf,
}

fn key(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(8).fold(String::new(), |mut key, byte| {
        // Writing to a string cannot fail.
        let _ = write!(key, "{byte:02x}");
        key
    })
}

fn compiler() -> Result<Vec<u8>> {
    let out = Command::new("gcc").arg("--version").output().context("gcc --version")?;
    Ok(out.stdout)
}

/// Builds the kernel that runs scenarios, or finds it built.
pub(crate) fn kernel(tree: &Tree) -> Result<Kernel> {
    let recipe = Recipe {
        name: "uml",
        config: fs::read_to_string(CONFIG).context(CONFIG)?,
    };
    let place = place(tree, &recipe)?;
    let initrd = initrd(&cache::dir().join("oracle"), &place, &compiler()?)?;
    Ok(Kernel {
        linux: place.join("linux"),
        initrd,
    })
}

/// Builds the kernel of a recipe, or finds it built; returns its directory, with `linux` and `config` in it.
pub(crate) fn place(tree: &Tree, recipe: &Recipe) -> Result<PathBuf> {
    let dir = cache::dir().join("oracle");
    let package = tree.manifest.as_ref().map_or("", |manifest| manifest.package());
    let gcc = compiler()?;
    let dir_name = tree.dir.display().to_string();
    let key = key(&[
        package.as_bytes(),
        tree.full_version.as_bytes(),
        dir_name.as_bytes(),
        recipe.config.as_bytes(),
        HZ.as_bytes(),
        &gcc,
    ]);
    let place = dir.join(format!("{}-{}-{key}", recipe.name, tree.full_version));
    // It comes here whole; nobody waits for another kernel's build.
    if place.join("linux").exists() {
        return Ok(place);
    }
    let lock = dir.join(format!(".lock-{}", tree.series));
    let _lock = Lock::take(&lock, || {
        eprintln!(
            "oracle: another process builds User-Mode Linux {}, waiting",
            tree.series
        );
    })
    .with_context(|| lock.display().to_string())?;
    if !place.join("linux").exists() {
        make(tree, recipe, &dir, &place)?;
    }
    Ok(place)
}

fn make(tree: &Tree, recipe: &Recipe, dir: &Path, place: &Path) -> Result<()> {
    let begun = Instant::now();
    let out = dir.join(format!(".build-{}", tree.series));
    // What a build left that ended half-way; the lock says that it is over.
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| out.display().to_string())?;
    }
    fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    eprintln!("oracle: building User-Mode Linux {} (minutes, once)", tree.full_version);
    let log = dir.join(format!("{}-{}.log", recipe.name, tree.full_version));
    let file = File::create(&log).with_context(|| log.display().to_string())?;
    questions(tree, &out)?;
    fs::write(out.join(ANSWERS), &recipe.config)?;
    step(tree, &out, &log, &file, &["allnoconfig"])?;
    check_config(recipe, &out)?;
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    step(tree, &out, &log, &file, &[&format!("-j{jobs}"), "linux"])?;
    let done = out.join("done");
    fs::create_dir_all(&done)?;
    fs::rename(out.join("linux"), done.join("linux")).context("the kernel's program")?;
    // Only a kernel that takes an archive has it.
    let archiver = out.join("usr/gen_init_cpio");
    if archiver.exists() {
        fs::rename(&archiver, done.join("gen_init_cpio")).context("gen_init_cpio")?;
    }
    fs::rename(out.join(".config"), done.join("config")).context(".config")?;
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    fs::rename(&done, place).with_context(|| place.display().to_string())?;
    fs::remove_dir_all(&out).with_context(|| out.display().to_string())?;
    eprintln!(
        "oracle: User-Mode Linux {}: {} s",
        tree.full_version,
        begun.elapsed().as_secs()
    );
    Ok(())
}

/// The name of the top of the questions, below the build's directory.
const KCONFIG: &str = "Kconfig.oracle";

/// Writes the tree's own top of the questions, with [`HZ`] before all others.
fn questions(tree: &Tree, out: &Path) -> Result<()> {
    let path = tree.dir.join("Kconfig");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (head, rest) = text
        .split_once("\nsource ")
        .context("the tree's Kconfig has no source")?;
    fs::write(out.join(KCONFIG), format!("{head}\n{HZ}source {rest}")).context(KCONFIG)
}

fn step(tree: &Tree, out: &Path, log: &Path, file: &File, args: &[&str]) -> Result<()> {
    let mut make = Command::new("make");
    make.arg("-C").arg(&tree.dir);
    make.arg("ARCH=um").arg(format!("O={}", out.display())).args(args);
    // The same bytes, whoever builds them and when.
    make.env("KBUILD_BUILD_TIMESTAMP", "2000-01-01")
        .env("KBUILD_BUILD_USER", "oracle")
        .env("KBUILD_BUILD_HOST", "oracle")
        .env("KCONFIG_ALLCONFIG", out.join(ANSWERS))
        .env("KBUILD_KCONFIG", out.join(KCONFIG))
        .env_remove("MAKEFLAGS")
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file.try_clone()?);
    let status = make.status().context("make")?;
    if status.success() {
        return Ok(());
    }
    let text = fs::read_to_string(log).unwrap_or_default();
    let is_error = |line: &&str| {
        ["error:", "Error:", "can't open", "not found", "undefined reference"]
            .iter()
            .any(|word| line.contains(word))
    };
    let first = text
        .lines()
        .find(is_error)
        .or_else(|| text.lines().find(|line| line.contains("***")));
    bail!(
        "User-Mode Linux {} does not build: {}; all of it is in {}",
        tree.full_version,
        first.unwrap_or("make failed"),
        log.display()
    );
}

/// Wants each answer of a recipe in the configuration that came out: Kconfig drops silently what it does not know.
fn check_config(recipe: &Recipe, out: &Path) -> Result<()> {
    let found = fs::read_to_string(out.join(".config"))?;
    let missing = recipe
        .config
        .lines()
        .take_while(|line| *line != OPTIONAL)
        .find(|line| line.starts_with("CONFIG_") && !found.lines().any(|answer| answer == *line));
    match missing {
        Some(line) => bail!("{}: {line}: this kernel does not take that answer", recipe.name),
        None => Ok(()),
    }
}

/// The archive with the one process, which is compiled if it has changed.
fn initrd(dir: &Path, place: &Path, gcc: &[u8]) -> Result<PathBuf> {
    let sources = INIT.map(|name| Path::new(INIT_DIR).join(name));
    let mut parts = Vec::new();
    for source in &sources {
        parts.push(fs::read(source).with_context(|| source.display().to_string())?);
    }
    parts.push(gcc.to_vec());
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let path = dir.join(format!("initrd-{}", key(&parts)));
    if path.exists() {
        return Ok(path);
    }
    let work = dir.join(format!(".init-{}", std::process::id()));
    fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
    let program = work.join("init");
    let built = Command::new("gcc")
        .args([
            "-std=gnu11",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-Os",
            "-s",
            "-static",
            "-o",
        ])
        .arg(&program)
        .args(
            sources
                .iter()
                .filter(|source| source.extension().is_some_and(|end| end == "c")),
        )
        .output()
        .context("gcc")?;
    if !built.status.success() {
        bail!("{INIT_DIR}: {}", String::from_utf8_lossy(&built.stderr).trim_end());
    }
    let list = work.join("list");
    let program = program.display();
    // The console that the kernel opens for its first process must be there before any file system is mounted.
    fs::write(
        &list,
        format!("dir /dev 0755 0 0\nnod /dev/console 0600 0 0 c 5 1\nfile /init {program} 0755 0 0\n"),
    )?;
    let archive = Command::new(place.join("gen_init_cpio"))
        .arg(&list)
        .output()
        .context("gen_init_cpio")?;
    if !archive.status.success() {
        bail!("gen_init_cpio: {}", String::from_utf8_lossy(&archive.stderr).trim_end());
    }
    cache::write_atomic(&path, &archive.stdout).with_context(|| path.display().to_string())?;
    fs::remove_dir_all(&work).with_context(|| work.display().to_string())?;
    Ok(path)
}
