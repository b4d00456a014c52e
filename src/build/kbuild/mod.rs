// SPDX-License-Identifier: GPL-2.0-only
//! Kbuild: which objects make which module, under which configuration, and with which flags.
//!
//! The language is described by `Documentation/kbuild/makefiles.rst`. The tree is walked once; what is
//! found is kept with its conditions, so that one walk answers for every configuration.

mod expand;
mod make;
#[cfg(test)]
mod tests;
mod walk;

pub use make::Guard;

use linux_headers::kconfig::Config;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Flags that hold under conditions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Flags {
    /// All must hold.
    pub guards: Vec<Guard>,
    /// The flags, as words; they may hold `$(CONFIG_X)`.
    pub flags: String,
}

/// One object file of the kernel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Object {
    /// Its source, relative to the tree: `drivers/iio/accel/adxl345_core.c`.
    pub source: String,
    /// The module that it belongs to, as Kbuild names it: `adxl345_core`.
    pub module: String,
    /// All must hold for it to be part of the kernel.
    pub guards: Vec<Guard>,
    /// Flags of its own, if no Kbuild of the tree knows it.
    own: Vec<String>,
    /// Its directory's index in [`Kbuild::dirs`], for the flags.
    dir: u32,
}

/// What one directory adds to the compiler's flags.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Dir {
    path: String,
    /// `ccflags-y`, and `subdir-ccflags-y` of the directories above.
    all: Vec<Flags>,
    /// `CFLAGS_name.o`, by name.
    own: HashMap<String, Vec<Flags>>,
}

/// All objects of a tree, in link order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Kbuild {
    /// The objects, in the order in which upstream links them.
    pub objects: Vec<Object>,
    /// The Kbuild files that were read, relative to the tree.
    pub files: Vec<String>,
    dirs: Vec<Dir>,
}

impl Object {
    /// A file that no Kbuild knows: always part of the image, with the common flags.
    #[must_use]
    pub fn outside(source: &str, module: &str) -> Self {
        Self {
            source: source.to_owned(),
            module: module.to_owned(),
            guards: Vec::new(),
            own: Vec::new(),
            dir: u32::MAX,
        }
    }

    /// The same with flags that a makefile outside the tree gives it.
    #[must_use]
    pub fn with_flags(self, own: Vec<String>) -> Self {
        Self { own, ..self }
    }

    /// Whether it is part of the kernel under `config`.
    #[must_use]
    pub fn is_enabled(&self, config: &Config) -> bool {
        let value = |name: &str| config.get(name).to_owned();
        self.guards.iter().all(|guard| guard.holds(&value))
    }

    /// The configuration symbols that turn it on, the innermost last.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.guards.iter().filter_map(Guard::symbol)
    }
}

impl Kbuild {
    /// The flags that Kbuild adds for one object: names, and what its directory asks for.
    #[must_use]
    pub fn flags(&self, object: &Object, config: &Config, root: &std::path::Path) -> Vec<String> {
        let stem = object
            .source
            .rsplit('/')
            .next()
            .and_then(|name| name.rsplit_once('.'))
            .map_or("", |(stem, _)| stem);
        let fix = |name: &str| name.replace(['-', ','], "_");
        let path = |name: &str| {
            object
                .source
                .rsplit_once('/')
                .map_or(name.to_owned(), |(dir, _)| format!("{dir}/{name}"))
        };
        let module = fix(&object.module);
        let mut out = vec![
            format!("-DKBUILD_MODFILE=\"{}\"", path(&object.module)),
            format!("-DKBUILD_BASENAME=\"{}\"", fix(stem)),
            format!("-DKBUILD_MODNAME=\"{module}\""),
            format!("-D__KBUILD_MODNAME=kmod_{module}"),
        ];
        let Some(dir) = self.dirs.get(object.dir as usize) else {
            out.extend(object.source.rsplit_once('/').map(|(dir, _)| format!("-I{dir}")));
            out.extend(object.own.iter().cloned());
            return out;
        };
        out.extend(self.flags_of_dir(dir, stem, config, root));
        out.push(format!("-I{}", root.join(&dir.path).display()));
        out
    }

    /// What the makefile of an object's directory asks for.
    fn flags_of_dir(&self, dir: &Dir, stem: &str, config: &Config, root: &std::path::Path) -> Vec<String> {
        let mut out = Vec::new();
        let value = |name: &str| config.get(name).to_owned();
        let own = dir.own.get(stem).map(Vec::as_slice).unwrap_or_default();
        for flags in dir.all.iter().chain(own) {
            if flags.guards.iter().all(|guard| guard.holds(&value)) {
                let text = expand::expand(&flags.flags, &expand::Lookup::Config(&value));
                // `-I dir` in two words is `-Idir`.
                let text = text.replace("-I ", "-I");
                out.extend(text.split_whitespace().filter_map(|flag| absolute(flag, root)));
            }
        }
        out
    }

    /// The objects of a folder outside the tree, as objects that no Kbuild of the tree knows. Conditions are the
    /// folder's own Kconfig's, which the tree does not have: all that name a configuration symbol hold.
    #[must_use]
    pub fn into_outside(self, root: &std::path::Path) -> Vec<Object> {
        let objects = self.objects.iter().filter(|object| {
            let yes = |_: &str| "y".to_owned();
            object.guards.iter().all(|guard| guard.holds(&yes))
        });
        let outside = objects.map(|object| {
            let stem = object.source.rsplit('/').next().and_then(|name| name.rsplit_once('.'));
            let stem = stem.map_or("", |(stem, _)| stem);
            let dir = self.dirs.get(object.dir as usize);
            let flags = dir.map(|dir| self.flags_of_dir(dir, stem, &Config::default(), root));
            let source = root.join(&object.source).display().to_string();
            Object::outside(&source, &object.module).with_flags(flags.unwrap_or_default())
        });
        outside.collect()
    }
}

/// Makes an include path absolute, since `$(srctree)` was read as `.`; drops flags that only ask for warnings.
fn absolute(flag: &str, root: &std::path::Path) -> Option<String> {
    match flag.strip_prefix("-I") {
        Some(dir) if !dir.starts_with('/') => Some(format!("-I{}", root.join(dir.trim_start_matches("./")).display())),
        _ if flag.starts_with("-W") => None,
        _ => Some(flag.to_owned()),
    }
}
