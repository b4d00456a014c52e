// SPDX-License-Identifier: GPL-2.0-only
//! Symbols that upstream's core refers to though no way leads there in a domain.
//!
//! `linux-headers/config/unreached` gives the reason, with the files that it holds for in brackets, then, indented, the
//! symbols. They are not missing as long as only these files refer to them, since nothing is lost without them; calling
//! one ends the domain like calling any symbol that nobody provides.

use super::error::BuildError;
use super::list;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

/// The list: for each symbol the files whose reference to it is never followed.
#[derive(Debug, Clone, Default)]
pub struct Unreached(HashMap<String, HashSet<String>>);

impl Unreached {
    /// Reads the list.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read(path: &Path) -> Result<Self, BuildError> {
        list::read(path, Self::parse)
    }

    fn parse(text: &str) -> Self {
        let mut list: HashMap<String, HashSet<String>> = HashMap::new();
        let mut files: Vec<&str> = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if line.starts_with(' ') {
                for symbol in line.split_whitespace() {
                    let of = list.entry(symbol.to_owned()).or_default();
                    of.extend(files.iter().map(|file| (*file).to_owned()));
                }
            } else if let Some((_, named)) = line.trim_end_matches(')').rsplit_once('(') {
                files = named.split(", ").collect();
            }
        }
        Self(list)
    }

    /// Whether nothing in a domain calls `symbol`, to which `callers` refer, each as `file: function`.
    #[must_use]
    pub fn holds(&self, symbol: &str, callers: &BTreeSet<String>) -> bool {
        let file = |caller: &String| caller.split(": ").next().unwrap_or_default().to_owned();
        self.0
            .get(symbol)
            .is_some_and(|files| callers.iter().all(|caller| files.contains(&file(caller))))
    }
}

#[cfg(test)]
mod tests {
    use super::Unreached;
    use std::collections::BTreeSet;

    #[test]
    fn a_symbol_is_unreached_from_the_files_of_its_reason_only() {
        let list = Unreached::parse("# comment\nno such thing (here) exists (a/b.c, c.c)\n  one two\n");
        let from = |callers: &[&str]| {
            callers
                .iter()
                .map(|caller| (*caller).to_owned())
                .collect::<BTreeSet<_>>()
        };
        assert!(list.holds("one", &from(&["a/b.c: f", "c.c: g"])));
        assert!(list.holds("two", &from(&["c.c: g"])));
        assert!(!list.holds("two", &from(&["c.c: g", "driver.c: probe"])));
        assert!(!list.holds("thing", &from(&["c.c: g"])));
    }
}
