// SPDX-License-Identifier: GPL-2.0-only
//! Which tests a tree has: `KUnit` suites are found in it, by the symbol of the configuration that turns them on;
//! modules that count for themselves, and what cannot run here, are listed in `suites.list`, with the reason.

use super::count::Pattern;
use crate::build::BuildError;
use crate::build::index::Index;
use linux_headers::Tree;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of tests besides what the tree says.
const LIST: &str = include_str!("suites.list");

/// What becomes of a group here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Its suites run.
    Run,
    /// It counts for itself; this is what its log must hold.
    Count(Vec<Pattern>),
    /// It cannot run here.
    Cannot(String),
}

/// The tests that one symbol of the configuration turns on: one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The symbol, without `CONFIG_`.
    pub symbol: String,
    /// The names of its suites, or of its one module if that counts for itself.
    pub suites: Vec<String>,
    /// Its source files.
    pub sources: Vec<String>,
    /// Symbols that its tests want on besides what it depends on.
    pub wishes: Vec<String>,
    /// What becomes of it.
    pub plan: Plan,
    /// It gets an image of its own.
    pub is_alone: bool,
}

/// The tests of a tree.
#[derive(Clone, Debug, Default)]
pub struct Suites {
    /// All groups, in order of their symbols.
    pub groups: Vec<Group>,
}

/// Nothing bears that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no suite named {name:?} in Linux {version}; nearest: {}", near.join(", "))]
pub struct Unknown {
    /// What was asked for.
    pub name: String,
    /// The tree's version.
    pub version: String,
    /// The nearest names.
    pub near: Vec<String>,
}

/// A line of the list.
enum Entry<'a> {
    Wish(&'a str, Vec<String>),
    Not(&'a str, &'a str),
    Alone(&'a str),
    Count(&'a str, Pattern),
    /// A suite that stands in a file of another symbol.
    Of(&'a str, &'a str),
}

fn entry(line: &str) -> Option<Entry<'_>> {
    let (keyword, rest) = line.split_once(' ')?;
    let (subject, rest) = rest.trim_start().split_once(' ')?;
    let rest = rest.trim();
    Some(match keyword {
        "wish" => Entry::Wish(subject, rest.split_whitespace().map(str::to_owned).collect()),
        "not" => Entry::Not(subject, rest),
        "count" => Entry::Count(subject, Pattern::parse(rest)),
        "of" => Entry::Of(subject, rest),
        "alone" => Entry::Alone(subject),
        _ => return None,
    })
}

fn entries() -> impl Iterator<Item = Entry<'static>> {
    LIST.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(entry)
}

impl Suites {
    /// Finds the tests of a tree.
    ///
    /// # Errors
    ///
    /// The tree's index cannot be made.
    pub fn of(tree: &Tree) -> Result<Self, BuildError> {
        let index = Index::load(tree)?;
        let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut sources: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (suite, objects) in index.suites() {
            let objects = objects
                .iter()
                .filter_map(|number| index.kbuild.objects.get(*number as usize));
            for object in objects {
                let elsewhere = entries().find_map(|entry| match entry {
                    Entry::Of(name, symbol) if name == suite => Some(symbol),
                    _ => None,
                });
                let Some(symbol) = elsewhere.or_else(|| object.symbols().last()).map(str::to_owned) else {
                    continue;
                };
                names.entry(symbol.clone()).or_default().insert(suite.to_owned());
                sources.entry(symbol).or_default().insert(object.source.clone());
            }
        }
        let counted: BTreeSet<&str> = entries()
            .filter_map(|entry| match entry {
                Entry::Count(symbol, _) => Some(symbol),
                _ => None,
            })
            .collect();
        for object in &index.kbuild.objects {
            if let Some(symbol) = object.symbols().last().filter(|symbol| counted.contains(symbol)) {
                let module = names.entry(symbol.to_owned()).or_default();
                module.insert(object.module.clone());
                sources
                    .entry(symbol.to_owned())
                    .or_default()
                    .insert(object.source.clone());
            }
        }
        let groups = names.into_iter().map(|(symbol, suites)| Group {
            suites: suites.into_iter().collect(),
            sources: sources.remove(&symbol).unwrap_or_default().into_iter().collect(),
            wishes: wishes(&symbol),
            plan: plan(&symbol),
            is_alone: entries().any(|entry| matches!(entry, Entry::Alone(of) if of == symbol)),
            symbol,
        });
        Ok(Self {
            groups: groups.collect(),
        })
    }

    /// The group of a name: a suite, a module, a symbol with or without `CONFIG_`, or a source file.
    ///
    /// # Errors
    ///
    /// Nothing bears that name.
    pub fn find(&self, name: &str, tree: &Tree) -> Result<&Group, Unknown> {
        let fix = |text: &str| text.replace('-', "_").to_lowercase();
        let wanted = fix(name.strip_prefix("CONFIG_").unwrap_or(name));
        let stem = |source: &str| {
            let file = source.rsplit('/').next().unwrap_or(source);
            file.strip_suffix(".c").unwrap_or(file).to_owned()
        };
        let names = |group: &Group| {
            let mut names = vec![group.symbol.clone()];
            names.extend(group.suites.iter().cloned());
            names.extend(group.sources.iter().flat_map(|source| [source.clone(), stem(source)]));
            names
        };
        let found = self
            .groups
            .iter()
            .find(|group| names(group).iter().any(|name| fix(name) == wanted));
        found.ok_or_else(|| {
            let all: BTreeSet<String> = self.groups.iter().flat_map(|group| group.suites.clone()).collect();
            let mut rated: Vec<(f64, String)> = all
                .into_iter()
                .map(|other| (strsim::jaro_winkler(&wanted, &fix(&other)), other))
                .collect();
            rated.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            Unknown {
                name: name.to_owned(),
                version: tree.full_version.clone(),
                near: rated.into_iter().take(5).map(|(_, name)| name).collect(),
            }
        })
    }
}

fn wishes(symbol: &str) -> Vec<String> {
    let of = entries().filter_map(|entry| match entry {
        Entry::Wish(of, wishes) if of == symbol || of == "*" => Some(wishes),
        _ => None,
    });
    of.flatten().collect()
}

fn plan(symbol: &str) -> Plan {
    let reason = entries().find_map(|entry| match entry {
        Entry::Not(of, reason) if is_like(symbol, of) => Some(reason.to_owned()),
        _ => None,
    });
    let patterns: Vec<Pattern> = entries()
        .filter_map(|entry| match entry {
            Entry::Count(of, pattern) if of == symbol => Some(pattern),
            _ => None,
        })
        .collect();
    match reason {
        Some(reason) => Plan::Cannot(reason),
        None if patterns.is_empty() => Plan::Run,
        None => Plan::Count(patterns),
    }
}

/// `DRM_*` stands for all that begin so.
fn is_like(symbol: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => symbol.starts_with(prefix),
        None => symbol == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_is_understood() {
        for line in LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            assert!(entry(line).is_some(), "{line}");
        }
    }

    #[test]
    fn reasons_hold_for_families() {
        assert!(is_like("DRM_KUNIT_TEST", "DRM_*") && !is_like("HID_KUNIT_TEST", "DRM_*"));
        assert!(matches!(plan("KASAN_KUNIT_TEST"), Plan::Cannot(_)));
    }
}
