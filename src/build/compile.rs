// SPDX-License-Identifier: GPL-2.0-only
//! Compiles upstream files through a content-addressed cache.
//!
//! An object is found by its source's path and flags, and reused if every file that was read and every
//! configuration symbol that those files name still has the same content. So one driver's configuration
//! does not throw away the objects of another's (upstream's `fixdep` has the same idea).

use super::cancel;
use super::error::BuildError;
use super::hash::{self, Digest256, Memory};
use super::hot::Hot;
use super::kbuild::{Kbuild, Object};
use super::overlay;
use super::progress::Progress;
use super::words::Words;
use linux_headers::flags::{HOT, Setup, architecture_dir};
use linux_headers::{Tree, cache};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What stands for the directory of generated headers, for the tree and for our own headers in stored paths: an
/// object does not depend on where they lie, and two checkouts share what they compile.
const ARCHITECTURE: &str = "@linux-headers@";
const GENERATED: &str = "@generated@";
const TREE: &str = "@tree@";

/// Compiles files under one setup.
pub struct Compiler<'a> {
    /// The tree.
    pub tree: &'a Tree,
    /// Its Kbuild.
    pub kbuild: &'a Kbuild,
    /// The configuration and the common flags.
    pub setup: &'a Setup,
    /// The compiler's command.
    pub cc: String,
    /// The flags of every file: the setup's that this compiler knows, and what was asked for.
    pub flags: Vec<String>,
    /// What is compiled for speed.
    pub hot: Hot,
    /// The driver's own files, and flags for them alone.
    pub driver: (HashSet<String>, Vec<String>),
    /// What is known about files.
    pub memory: &'a Memory,
    /// How often the compiler ran.
    pub ran: AtomicUsize,
    /// Where objects are kept.
    pub objects: PathBuf,
    progress: Progress,
    version: String,
    /// The flags in every object's key.
    common: String,
    places: Places,
    /// Symbols that the configuration answers otherwise than its base, and their values, as numbers of [`Words`].
    turned: Vec<(u32, u32)>,
    known: Option<&'a Known>,
}

/// A compiled file.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The object file, in the cache.
    pub path: PathBuf,
    /// The files that were read.
    pub inputs: Arc<Vec<Arc<Path>>>,
}

/// What a process that builds many images knows of objects: each record is read, and its inputs are looked at, once.
///
/// All its builds must have one base configuration.
#[derive(Debug, Default)]
pub struct Known {
    objects: Mutex<HashMap<String, Vec<Checked>>>,
    words: Mutex<Words>,
}

/// An object whose inputs are as they were when it was made.
#[derive(Debug)]
struct Checked {
    compiled: Compiled,
    /// Each symbol that the inputs name, and its value then, as numbers of [`Words`], in order.
    symbols: Vec<(u32, u32)>,
    /// Those of them that the base answers otherwise.
    off_base: Vec<(String, String)>,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Variant {
    /// Every file read, and its content.
    inputs: Vec<(String, Digest256)>,
    /// Every symbol that they name, and its value.
    symbols: Vec<(String, String)>,
    object: String,
}

impl<'a> Compiler<'a> {
    /// Prepares to compile.
    #[must_use]
    pub fn new(
        tree: &'a Tree,
        kbuild: &'a Kbuild,
        setup: &'a Setup,
        memory: &'a Memory,
        cc: &str,
        extra: Vec<String>,
    ) -> Self {
        let said = Command::new(cc).arg("--version").output();
        let said = said.map(|out| out.stdout).unwrap_or_default();
        Self::of_compiler(tree, kbuild, setup, memory, (cc, &said), extra)
    }

    /// The same with what the compiler says of itself, `cc --version`, at hand.
    #[must_use]
    pub fn of_compiler(
        tree: &'a Tree,
        kbuild: &'a Kbuild,
        setup: &'a Setup,
        memory: &'a Memory,
        (cc, said): (&str, &[u8]),
        extra: Vec<String>,
    ) -> Self {
        let version = hash::hex(&hash::bytes(said));
        let is_clang = String::from_utf8_lossy(said).contains("clang");
        let mut flags = setup.flags.clone();
        if is_clang {
            flags = linux_headers::flags::for_clang(flags);
        }
        flags.extend(extra);
        let places = places(tree, setup);
        let mut common = String::new();
        for flag in &flags {
            common.push_str(&stored(&places, flag));
            common.push('\n');
        }
        Self {
            tree,
            kbuild,
            setup,
            cc: cc.to_owned(),
            flags,
            hot: Hot::default(),
            driver: (HashSet::new(), Vec::new()),
            memory,
            ran: AtomicUsize::new(0),
            objects: cache::dir().join("objects"),
            progress: Progress::default(),
            version,
            common,
            places,
            turned: Vec::new(),
            known: None,
        }
    }

    /// Uses, and adds to, what this process knows of objects, and shows no progress.
    #[must_use]
    pub fn knowing(mut self, known: &'a Known) -> Self {
        let (config, base) = (&self.setup.config, &self.setup.base);
        let symbols = config.iter().chain(base.iter()).map(|(symbol, _)| symbol);
        let turned = symbols.filter(|symbol| config.get(symbol) != base.get(symbol));
        let mut words = known.words.lock().unwrap_or_else(PoisonError::into_inner);
        self.turned = turned
            .map(|symbol| (words.number(symbol), words.number(config.get(symbol))))
            .collect();
        drop(words);
        self.known = Some(known);
        self.progress = Progress::hidden();
        self
    }

    /// Says how many files are about to be compiled, for the progress bar.
    pub fn announce(&self, files: usize) {
        self.progress.more(files);
    }

    /// Compiles one file, or finds it compiled.
    ///
    /// # Errors
    ///
    /// The compiler refuses it, or the cache cannot be written.
    pub fn compile(&self, object: &Object) -> Result<Compiled, BuildError> {
        cancel::check()?;
        let compiled = self.find_or_run(object);
        // Ctrl-C reaches the compiler too; that it failed then says nothing about the file.
        cancel::check()?;
        self.progress.done(&object.source);
        compiled
    }

    fn find_or_run(&self, object: &Object) -> Result<Compiled, BuildError> {
        let mut own = self.kbuild.flags(object, &self.setup.config, &self.tree.dir);
        if self.hot.holds(&object.source) {
            own.extend(HOT.map(str::to_owned));
        }
        if self.driver.0.contains(&object.source) {
            own.extend(self.driver.1.iter().cloned());
        }
        let mut key = format!("{}\n{}\n{}\n{}", self.cc, self.version, object.source, self.common);
        for flag in &own {
            key.push_str(&stored(&self.places, flag));
            key.push('\n');
        }
        if overlay::is_one(&object.source) {
            key.push_str(overlay::MAKER);
        }
        let key = hash::text(&key);
        if let Some(compiled) = self.recall(&key) {
            return Ok(compiled);
        }
        let dir = self.objects.join(&key[..2]);
        let record = dir.join(format!("{key}.rec"));
        let mut variants: Vec<Variant> = std::fs::read(&record)
            .ok()
            .and_then(|data| postcard::from_bytes(&data).ok())
            .unwrap_or_default();
        variants.retain(|variant| dir.join(&variant.object).exists());
        if self.known.is_some() && !self.has_read(&key) {
            for variant in variants.iter().filter(|variant| self.same_inputs(variant)) {
                self.learn(&key, &dir, variant);
            }
            if let Some(compiled) = self.recall(&key) {
                return Ok(compiled);
            }
        } else if self.known.is_none()
            && let Some(variant) = variants.iter().find(|variant| self.still_holds(variant))
        {
            let path = dir.join(&variant.object);
            return Ok(self.compiled(path, variant));
        }
        let (path, variant) = self.run(object, &own, &dir, &key)?;
        let compiled = self
            .learn(&key, &dir, &variant)
            .unwrap_or_else(|| self.compiled(path, &variant));
        remember(&mut variants, variant);
        let data = postcard::to_stdvec(&variants).unwrap_or_default();
        cache::write_atomic(&record, &data).map_err(|error| BuildError::Io { path: record, error })?;
        Ok(compiled)
    }

    fn compiled(&self, path: PathBuf, variant: &Variant) -> Compiled {
        let inputs = variant.inputs.iter().map(|(path, _)| Arc::from(self.real(path)));
        Compiled {
            path,
            inputs: Arc::new(inputs.collect()),
        }
    }

    fn has_read(&self, key: &str) -> bool {
        let objects = self
            .known
            .map(|known| known.objects.lock().unwrap_or_else(PoisonError::into_inner));
        objects.is_some_and(|objects| objects.contains_key(key))
    }

    /// The object that this process knows to hold under this configuration.
    fn recall(&self, key: &str) -> Option<Compiled> {
        let known = self.known?;
        let objects = known.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |checked: &&Checked| {
            let as_now = |(symbol, value): &(u32, u32)| {
                let at = checked.symbols.binary_search_by_key(symbol, |(symbol, _)| *symbol);
                at.ok()
                    .and_then(|at| checked.symbols.get(at))
                    .is_none_or(|(_, then)| then == value)
            };
            let is_so = |(symbol, value): &(String, String)| self.setup.config.get(symbol) == value;
            checked.off_base.iter().all(is_so) && self.turned.iter().all(as_now)
        };
        Some(objects.get(key)?.iter().find(holds)?.compiled.clone())
    }

    /// Adds to what this process knows; nothing if it is not to know anything.
    fn learn(&self, key: &str, dir: &Path, variant: &Variant) -> Option<Compiled> {
        let known = self.known?;
        let mut words = known.words.lock().unwrap_or_else(PoisonError::into_inner);
        let inputs = variant
            .inputs
            .iter()
            .map(|(path, _)| words.path(self.real(path)))
            .collect();
        let mut symbols: Vec<(u32, u32)> = variant
            .symbols
            .iter()
            .map(|(symbol, value)| (words.number(symbol), words.number(value)))
            .collect();
        symbols.sort_unstable();
        let off_base = variant.symbols.iter();
        let off_base = off_base.filter(|(symbol, value)| self.setup.base.get(symbol) != value);
        let compiled = Compiled {
            path: dir.join(&variant.object),
            inputs: Arc::new(inputs),
        };
        let checked = Checked {
            compiled: compiled.clone(),
            symbols,
            off_base: off_base.cloned().collect(),
        };
        let mut objects = known.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.entry(key.to_owned()).or_default().push(checked);
        Some(compiled)
    }

    fn still_holds(&self, variant: &Variant) -> bool {
        variant
            .symbols
            .iter()
            .all(|(symbol, value)| self.setup.config.get(symbol) == value)
            && self.same_inputs(variant)
    }

    fn same_inputs(&self, variant: &Variant) -> bool {
        variant.inputs.iter().all(|(path, hash)| {
            self.memory
                .facts(&self.real(path))
                .is_some_and(|facts| facts.hash == *hash)
        })
    }

    fn run(&self, object: &Object, own: &[String], dir: &Path, key: &str) -> Result<(PathBuf, Variant), BuildError> {
        static SERIAL: AtomicUsize = AtomicUsize::new(0);
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error| BuildError::Io { path, error }
        };
        std::fs::create_dir_all(dir).map_err(io(dir))?;
        super::hostgen::prepare(&self.tree.dir, &self.setup.generated, &object.source)?;
        self.ran.fetch_add(1, Ordering::Relaxed);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let made = dir.join(format!(".{}-{serial}.o", std::process::id()));
        let depfile = made.with_extension("d");
        if overlay::is_one(&object.source) {
            overlay::compile(&self.cc, &self.tree.dir, &object.source, &made, &depfile)?;
            return self.keep(dir, key, &made, &depfile);
        }
        let out = Command::new(&self.cc)
            .current_dir(&self.tree.dir)
            .args(&self.flags)
            .args(own)
            .arg(format!("-I{}", self.setup.generated.display()))
            .arg(format!(
                "-I{}",
                super::hostgen::dir(&self.setup.generated, &object.source).display()
            ))
            .arg("-MD")
            .arg("-MF")
            .arg(&depfile)
            .arg("-c")
            .arg("-o")
            .arg(&made)
            .arg(&object.source)
            .output()
            .map_err(io(Path::new(&self.cc)))?;
        if !out.status.success() {
            let _ = std::fs::remove_file(&made);
            let _ = std::fs::remove_file(&depfile);
            if let Some(signal) = out.status.signal() {
                return Err(BuildError::Io {
                    path: PathBuf::from(&self.cc),
                    error: std::io::Error::other(format!("ended by signal {signal}")),
                });
            }
            let message = String::from_utf8_lossy(&out.stderr).trim_end().to_owned();
            return Err(BuildError::Compile {
                path: object.source.clone(),
                message,
            });
        }
        self.keep(dir, key, &made, &depfile)
    }

    /// Gives a fresh object its place, by its content.
    fn keep(&self, dir: &Path, key: &str, made: &Path, depfile: &Path) -> Result<(PathBuf, Variant), BuildError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error| BuildError::Io { path, error }
        };
        let text = std::fs::read_to_string(depfile).map_err(io(depfile))?;
        let _ = std::fs::remove_file(depfile);
        let mut variant = self.variant(&text);
        let data = std::fs::read(made).map_err(io(made))?;
        variant.object = format!("{}-{}.o", &key[..16], &hash::hex(&hash::bytes(&data))[..32]);
        let path = dir.join(&variant.object);
        std::fs::rename(made, &path).map_err(io(&path))?;
        Ok((path, variant))
    }

    fn variant(&self, depfile: &str) -> Variant {
        let mut variant = Variant {
            inputs: Vec::new(),
            symbols: Vec::new(),
            object: String::new(),
        };
        let mut symbols = std::collections::BTreeSet::new();
        for word in depfile.replace("\\\n", " ").split_whitespace().skip(1) {
            if word.ends_with("generated/autoconf.h") {
                continue;
            }
            let word = if Path::new(word).is_absolute() {
                word.to_owned()
            } else {
                self.tree.dir.join(word).display().to_string()
            };
            let stored = stored(&self.places, &word);
            let Some(facts) = self.memory.facts(&self.real(&stored)) else {
                continue;
            };
            symbols.extend(facts.symbols.iter().cloned());
            variant.inputs.push((stored, facts.hash));
        }
        variant.symbols = symbols
            .into_iter()
            .map(|symbol| {
                let value = self.setup.config.get(&symbol).to_owned();
                (symbol, value)
            })
            .collect();
        variant
    }

    fn real(&self, stored: &str) -> PathBuf {
        for (mark, dir) in &self.places {
            if let Some(rest) = stored.strip_prefix(mark) {
                let rest = rest.trim_start_matches('/');
                // What all configurations have in common is looked at in one place.
                let shared = self.setup.shared.join(rest);
                return if *mark == GENERATED && shared.exists() {
                    shared
                } else {
                    Path::new(dir).join(rest)
                };
            }
        }
        PathBuf::from(stored)
    }
}

/// Puts a fresh variant before the others. The same object under another configuration stays: it holds for that one.
fn remember(variants: &mut Vec<Variant>, fresh: Variant) {
    variants.retain(|old| *old != fresh);
    variants.insert(0, fresh);
    variants.truncate(16);
}

/// The directories that may lie elsewhere on another day, and what the cache calls them.
type Places = [(&'static str, String); 3];

fn places(tree: &Tree, setup: &Setup) -> Places {
    let text = |dir: &Path| dir.display().to_string();
    [
        (GENERATED, text(&setup.generated)),
        (TREE, text(&tree.dir)),
        (ARCHITECTURE, text(&architecture_dir())),
    ]
}

fn stored(places: &Places, text: &str) -> String {
    let mut text = text.to_owned();
    for (mark, dir) in places {
        if text.contains(dir.as_str()) {
            text = text.replace(dir.as_str(), mark);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Variant, remember};

    #[test]
    fn one_object_holds_under_several_configurations() {
        let under = |value: &str| Variant {
            inputs: vec![("a.c".to_owned(), [0; 32])],
            symbols: vec![("NET".to_owned(), value.to_owned())],
            object: "a.o".to_owned(),
        };
        let mut variants = Vec::new();
        for value in ["y", "n", "y"] {
            remember(&mut variants, under(value));
        }
        let values = variants.iter().filter_map(|variant| variant.symbols.first());
        assert!(values.map(|(_, value)| value.as_str()).eq(["y", "n"]));
    }
}
