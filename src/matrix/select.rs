// SPDX-License-Identifier: GPL-2.0-only
//! Which modules: those that register an I²C or SPI driver, of the whole tree, of folders, or by name.

use crate::build::index::Index;
use crate::skeleton::source::{self, Buses, Drives};
use linux_headers::Tree;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A module that may be tried.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name.
    pub module: String,
    /// What the build calls it.
    pub driver: String,
    /// Its sources, relative to the tree.
    pub files: Vec<String>,
    /// What it drives.
    pub drives: Drives,
}

impl Candidate {
    /// Where in the tree it belongs: `iio/accel`, `hwmon`.
    #[must_use]
    pub fn subsystem(&self) -> String {
        let first = self.files.first().map_or("", String::as_str);
        let mut parts = first.split('/').rev().skip(1).collect::<Vec<_>>();
        parts.reverse();
        let parts = match parts.as_slice() {
            ["drivers", rest @ ..] => rest.to_vec(),
            other => other.to_vec(),
        };
        // Only IIO's folders are subsystems of their own.
        let depth = if parts.first() == Some(&"iio") { 2 } else { 1 };
        parts.into_iter().take(depth).collect::<Vec<_>>().join("/")
    }
}

/// What was asked for names nothing that could be tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: no module, folder or file of Linux {version} that registers an I2C or SPI driver")]
pub struct NothingThere {
    /// What was asked for.
    pub name: String,
    /// The tree's version.
    pub version: String,
}

/// The modules of a tree's drivers.
#[derive(Debug)]
pub struct Selection<'a> {
    tree: &'a Tree,
    modules: Vec<Module<'a>>,
    compatibles: HashMap<u32, Vec<&'a str>>,
}

#[derive(Debug, Default)]
struct Module<'a> {
    name: &'a str,
    files: BTreeSet<&'a str>,
    objects: BTreeSet<u32>,
}

impl<'a> Selection<'a> {
    /// Collects the modules of a tree's drivers.
    #[must_use]
    pub fn new(tree: &'a Tree, index: &'a Index) -> Self {
        let mut modules: BTreeMap<&str, Module<'_>> = BTreeMap::new();
        for (number, object) in (0u32..).zip(&index.kbuild.objects) {
            if object.source.starts_with("drivers/") || object.source.starts_with("sound/") {
                let module = modules.entry(&object.module).or_default();
                module.name = &object.module;
                module.files.insert(&object.source);
                module.objects.insert(number);
            }
        }
        let mut compatibles: HashMap<u32, Vec<&str>> = HashMap::new();
        for compatible in index.compatibles() {
            for number in index.driving(compatible) {
                compatibles.entry(*number).or_default().push(compatible);
            }
        }
        Self {
            tree,
            modules: modules.into_values().collect(),
            compatibles,
        }
    }

    /// Those that `names` ask for, folders, files or modules, and that register a driver of a bus; all such, if it
    /// names none.
    ///
    /// # Errors
    ///
    /// A name asks for nothing.
    pub fn of(&self, names: &[String]) -> Result<Vec<Candidate>, NothingThere> {
        let asks = |module: &Module<'_>| names.is_empty() || names.iter().any(|name| module.is_asked_for(name));
        let asked: Vec<&Module<'_>> = self.modules.iter().filter(|module| asks(module)).collect();
        let found: Vec<(&Module<'_>, Candidate)> = asked
            .into_par_iter()
            .filter_map(|module| Some((module, self.candidate(module)?)))
            .collect();
        let is_there = |name: &&String| found.iter().any(|(module, _)| module.is_asked_for(name));
        if let Some(name) = names.iter().find(|name| !is_there(name)) {
            return Err(NothingThere {
                name: name.clone(),
                version: self.tree.full_version.clone(),
            });
        }
        Ok(found.into_iter().map(|(_, candidate)| candidate).collect())
    }

    /// The module as one that may be tried, if it registers a driver of a bus.
    fn candidate(&self, module: &Module<'_>) -> Option<Candidate> {
        let mut buses: Option<Buses> = None;
        let (mut names, mut compatibles, mut trigger) = (Vec::new(), BTreeSet::new(), None);
        for file in &module.files {
            let path = self.tree.dir.join(file);
            let text = source::read(&path);
            trigger = trigger.or_else(|| source::trigger(&text));
            let Some(found) = Buses::of_source(&text) else { continue };
            // The headers of one file in twenty: of all files they would take longer than the builds' index.
            let text = source::with_macros(text, &path, &self.tree.dir);
            buses = Some(buses.map_or(found, |known| known.and(found)));
            names.extend(source::names(&text));
            compatibles.extend(source::compatibles(&text));
        }
        // Only a driver of a bus is worth a look around.
        let beside = || {
            module
                .files
                .iter()
                .find_map(|file| source::trigger_beside(&self.tree.dir.join(file)))
        };
        let trigger = trigger.or_else(|| buses.and_then(|_| beside()));
        let own = module.objects.iter().filter_map(|number| self.compatibles.get(number));
        compatibles.extend(own.flatten().map(|compatible| (*compatible).to_owned()));
        Some(Candidate {
            module: module.name.to_owned(),
            driver: module.name.to_owned(),
            files: module.files.iter().map(|file| (*file).to_owned()).collect(),
            drives: Drives {
                buses: buses?,
                compatibles: compatibles.into_iter().collect(),
                names,
                trigger,
            },
        })
    }
}

impl Module<'_> {
    fn is_asked_for(&self, name: &str) -> bool {
        let plain = name.trim_end_matches('/').trim_start_matches("./");
        let is_under = |file: &&str| {
            let rest = file.strip_prefix(plain);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.name.replace('-', "_") == plain.replace('-', "_") || self.files.iter().any(is_under)
    }
}
