// SPDX-License-Identifier: GPL-2.0-only
//! A driver that was written for another kernel series: which symbols it expects, and what they are called here.
//!
//! The other series' index says which file defined a symbol. Of the symbols that this file, or its place in the tree,
//! defines here and did not define there, the one whose name is most alike is most likely its successor.

use crate::build::index::Index;
use linux_headers::{Locate, Series, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// The names that a compiler did not know: `implicit declaration of function 'x'`, `no member named 'x'`.
#[must_use]
pub fn unknown_names(message: &str) -> Vec<String> {
    let marks = [
        "implicit declaration of function",
        "no member named",
        "undeclared",
        "unknown type name",
    ];
    let mut found = BTreeSet::new();
    for line in message
        .lines()
        .filter(|line| marks.iter().any(|mark| line.contains(mark)))
    {
        // The last quoted word is the name, but for `'x' undeclared (first use in this function)`.
        let quoted: Vec<&str> = line.split(['‘', '’', '\'']).skip(1).step_by(2).collect();
        let name = if line.contains("undeclared") {
            quoted.first()
        } else {
            quoted.last()
        };
        found.extend(name.map(|name| (*name).to_owned()));
    }
    found.into_iter().collect()
}

/// Whether a text has `name` as a whole word.
#[must_use]
pub fn names(text: &str, name: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|text| text.chars().next());
        !is_word(before) && !is_word(after)
    })
}

/// What became of symbols that another series has and this one has not, in words.
#[must_use]
pub fn what_became_of(tree: &Tree, index: &Index, unknown: &[String]) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    if unknown.is_empty() {
        return out;
    }
    for series in Series::ALL.iter().filter(|series| **series != tree.series) {
        let locate = Locate {
            linux: None,
            series: Some(*series),
        };
        let Ok(other) = Tree::locate(&locate) else { continue };
        let Ok(there) = Index::load(&other) else { continue };
        for name in unknown {
            if index.defining(name).next().is_some() {
                continue;
            }
            let file = there
                .defining(name)
                .find_map(|file| there.kbuild.objects.get(file as usize));
            let Some(file) = file else { continue };
            let words = format!(
                "Linux {} has it in {}, Linux {} has not",
                other.series, file.source, tree.series
            );
            let successor = successor(index, &there, &file.source, name);
            let words = successor.map_or(words.clone(), |now| format!("{words}; most alike there now: {now}"));
            out.insert(name.clone(), words);
        }
    }
    out
}

/// Of what a file defines here and did not define there, the name that is most alike.
fn successor(here: &Index, there: &Index, file: &str, name: &str) -> Option<String> {
    let now: BTreeSet<&str> = here.defined_in(file).collect();
    let then: BTreeSet<&str> = there.defined_in(file).collect();
    let rated = now.difference(&then).map(|now| (strsim::jaro_winkler(name, now), *now));
    let best = rated.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.7).then(|| best.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{names, unknown_names};

    #[test]
    fn a_name_is_a_whole_word() {
        assert!(names("int foo(void);", "foo"));
        assert!(!names("int foo_bar(void); int a_foo;", "foo"));
    }

    #[test]
    fn the_compiler_says_which_names_it_does_not_know() {
        let message = "a.c:1:2: error: implicit declaration of function ‘old_call’; did you mean ‘new_call’?\n\
                       a.c:2:3: error: ‘struct x’ has no member named ‘y’\n\
                       a.c:3:3: error: ‘GONE’ undeclared (first use in this function)\n";
        assert!(unknown_names(message).contains(&"GONE".to_owned()));
        assert!(unknown_names(message).contains(&"y".to_owned()));
    }
}
