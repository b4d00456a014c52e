// SPDX-License-Identifier: GPL-2.0-only
//! The subset of make that the tree's Kbuild files are written in.
//!
//! A file is read once for all configurations: `$(CONFIG_X)` stays in the text as it is, and a conditional
//! becomes a guard on the assignments inside it. Only a query under a configuration decides.

use super::expand::{Lookup, expand};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// A condition on an assignment: the two sides of an `ifeq`, with `CONFIG_` references still in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    left: String,
    right: String,
    equal: bool,
}

impl Guard {
    /// The condition that `expr` gives `y` or `m`.
    pub(super) fn on(expr: &str) -> Self {
        Self {
            left: expr.to_owned(),
            right: String::new(),
            equal: false,
        }
    }

    /// Whether it holds under `config`, which gives a symbol's value or nothing.
    #[must_use]
    pub fn holds(&self, config: &dyn Fn(&str) -> String) -> bool {
        let side = |text: &str| expand(text, &Lookup::Config(config)).trim().to_owned();
        (side(&self.left) == side(&self.right)) == self.equal
    }

    /// The `CONFIG_` symbol that decides, if it is a single one that has to be on.
    #[must_use]
    pub fn symbol(&self) -> Option<&str> {
        let name = self.left.strip_prefix("$(CONFIG_")?.strip_suffix(')')?;
        let wants_on = if self.equal {
            self.right == "y" || self.right == "m"
        } else {
            self.right.is_empty()
        };
        (wants_on && !name.contains(['(', ' '])).then_some(name)
    }

    fn negated(mut self) -> Self {
        self.equal = !self.equal;
        self
    }
}

/// One assignment: the variable's name and value may hold `$(CONFIG_X)`.
#[derive(Debug, Clone)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) guards: Vec<Guard>,
    replaces: bool,
}

/// All assignments of one Kbuild file, in order.
#[derive(Debug, Default)]
pub(super) struct Makefile {
    pub(super) assignments: Vec<Assignment>,
    /// The file and those that it includes, relative to the tree.
    pub(super) files: Vec<String>,
}

struct Conditional {
    guard: Guard,
    /// What the branches before this one asked for, negated.
    before: Vec<Guard>,
}

struct Reader<'a> {
    root: &'a Path,
    dir: &'a str,
    simple: HashMap<String, String>,
    open: Vec<Conditional>,
    out: Makefile,
}

impl Makefile {
    /// Reads the Kbuild file of `dir`: `Kbuild` if there is one, else `Makefile`.
    pub(super) fn read(root: &Path, dir: &str) -> Option<Self> {
        Self::read_as(
            root,
            dir,
            &[("obj", dir), ("src", dir), ("srctree", "."), ("objtree", ".")],
        )
    }

    /// Reads the Kbuild file of a folder outside the tree. Kbuild names such a folder by its whole path, and drivers'
    /// makefiles tell Kbuild's reading of them from a user's `make` by `KERNELRELEASE`.
    pub(super) fn read_outside(root: &Path) -> Option<Self> {
        let place = root.display().to_string();
        let names = ["obj", "src", "M", "PWD", "CURDIR", "KBUILD_EXTMOD"];
        let mut variables: Vec<(&str, &str)> = names.iter().map(|name| (*name, place.as_str())).collect();
        variables.push(("KERNELRELEASE", "linux-compat"));
        Self::read_as(root, "", &variables)
    }

    fn read_as(root: &Path, dir: &str, variables: &[(&str, &str)]) -> Option<Self> {
        let path = |name: &str| {
            if dir.is_empty() {
                name.to_owned()
            } else {
                format!("{dir}/{name}")
            }
        };
        let (path, text) = [path("Kbuild"), path("Makefile")].into_iter().find_map(|path| {
            let text = std::fs::read(root.join(&path)).ok()?;
            Some((path, text))
        })?;
        let always = [("SRCARCH", "linux-compat"), ("ARCH", "linux-compat")];
        let simple = always
            .iter()
            .chain(variables)
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let mut reader = Reader {
            root,
            dir,
            simple,
            open: Vec::new(),
            out: Self::default(),
        };
        reader.text(&String::from_utf8_lossy(&text));
        reader.out.files.push(path);
        Some(reader.out)
    }

    /// Assignments to `name`, later `:=` hiding earlier ones of the same file when nothing guards it.
    pub(super) fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Assignment> {
        let start = self
            .assignments
            .iter()
            .rposition(|a| a.name == name && a.replaces && a.guards.is_empty())
            .unwrap_or(0);
        self.assignments
            .get(start..)
            .unwrap_or_default()
            .iter()
            .filter(move |a| a.name == name)
    }
}

impl Reader<'_> {
    fn text(&mut self, text: &str) {
        let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
        let mut in_define = false;
        for line in joined.lines() {
            let trimmed = strip_comment(line).trim_end();
            if in_define {
                in_define = trimmed.trim() != "endef";
            } else if trimmed.trim_start().starts_with("define ") {
                in_define = true;
            } else if !line.starts_with('\t') || self.is_assignment(trimmed) {
                self.line(trimmed.trim());
            }
        }
    }

    /// A line that starts with a tab is a recipe, except where makefiles indent with tabs; tell by its form.
    fn is_assignment(&self, line: &str) -> bool {
        let line = line.trim_start();
        let word = line.split_whitespace().next().unwrap_or("");
        matches!(word, "ifeq" | "ifneq" | "ifdef" | "ifndef" | "else" | "endif")
            || split_assignment(line)
                .is_some_and(|(name, _, _)| name.contains('-') && !name.contains(char::is_whitespace))
    }

    fn line(&mut self, line: &str) {
        let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        match word {
            "ifeq" | "ifneq" | "ifdef" | "ifndef" => self.open_if(word, rest.trim()),
            _ if word.starts_with("ifeq(") || word.starts_with("ifneq(") => {
                let at = line.find('(').unwrap_or(0);
                let (word, rest) = line.split_at(at);
                self.open_if(word, rest.trim());
            }
            "else" => self.turn(rest.trim()),
            "endif" => {
                self.open.pop();
            }
            "include" | "-include" | "sinclude" => self.include(rest.trim()),
            "" | "export" | "unexport" | "override" => {}
            _ if word.starts_with("$(foreach") => self.foreach(line),
            _ => {
                if let Some((name, op, value)) = split_assignment(line) {
                    self.assign(name, op, value);
                }
            }
        }
    }

    /// `$(foreach name, list, $(eval line))`: one line for each word of the list.
    fn foreach(&mut self, line: &str) {
        let Some(inner) = line.strip_prefix("$(foreach").and_then(|rest| rest.strip_suffix(')')) else {
            return;
        };
        let (name, rest) = split_top(inner);
        let (list, body) = split_top(rest);
        let Some(body) = body
            .trim()
            .strip_prefix("$(eval")
            .and_then(|rest| rest.strip_suffix(')'))
        else {
            return;
        };
        let reference = format!("$({})", name.trim());
        for word in self.expand(list).split_whitespace() {
            self.line(body.trim().replace(&reference, word).as_str());
        }
    }

    fn open_if(&mut self, word: &str, rest: &str) {
        let guard = self.guard(word, rest);
        self.open.push(Conditional {
            guard,
            before: Vec::new(),
        });
    }

    fn turn(&mut self, rest: &str) {
        let Some(mut last) = self.open.pop() else { return };
        last.before.push(last.guard.clone().negated());
        last.guard = if rest.is_empty() {
            Guard {
                left: String::new(),
                right: String::new(),
                equal: true,
            }
        } else {
            let (word, rest) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
            self.guard(word, rest.trim())
        };
        self.open.push(last);
    }

    fn guard(&self, word: &str, rest: &str) -> Guard {
        match word {
            "ifdef" | "ifndef" => {
                let left = self.expand(&format!("$({rest})"));
                Guard {
                    left,
                    right: String::new(),
                    equal: word == "ifndef",
                }
            }
            _ => {
                let inner = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
                let (left, right) = match inner {
                    Some(inner) => split_top(inner),
                    // ifeq "a" "b"
                    None => rest.split_once(' ').map_or((rest, ""), |(a, b)| (a, b.trim())),
                };
                let side = |text: &str| self.expand(text.trim().trim_matches(['"', '\'']));
                Guard {
                    left: side(left),
                    right: side(right),
                    equal: word == "ifeq",
                }
            }
        }
    }

    fn include(&mut self, rest: &str) {
        let path = self.expand(rest);
        if path.contains('$') || path.contains("scripts/") {
            return;
        }
        if let Ok(text) = std::fs::read_to_string(self.root.join(path.trim())) {
            self.out.files.push(path.trim().to_owned());
            self.text(&text);
        }
    }

    fn assign(&mut self, name: &str, op: char, value: &str) {
        let name = self.expand(name);
        let value = self.expand(value);
        let guards = self.guards();
        if !name.contains("$(") {
            let old = self.simple.entry(name.clone()).or_default();
            match op {
                '+' => {
                    old.push(' ');
                    old.push_str(&value);
                }
                // Either branch of a conditional may set it; which one is unknown here, so both stay.
                _ if !guards.is_empty() && !old.is_empty() => {
                    old.push(' ');
                    old.push_str(&value);
                }
                '?' if !old.is_empty() => return,
                _ => old.clone_from(&value),
            }
        }
        self.out.assignments.push(Assignment {
            name,
            value,
            guards,
            replaces: op != '+',
        });
    }

    fn guards(&self) -> Vec<Guard> {
        let trivial = |guard: &Guard| guard.equal && guard.left == guard.right;
        self.open
            .iter()
            .flat_map(|open| open.before.iter().chain([&open.guard]))
            .filter(|guard| !trivial(guard))
            .cloned()
            .collect()
    }

    fn expand(&self, text: &str) -> String {
        expand(
            text,
            &Lookup::Read {
                simple: &self.simple,
                root: self.root,
                dir: self.dir,
            },
        )
    }
}

/// Splits at the top-level comma of `ifeq (a,b)`.
fn split_top(text: &str) -> (&str, &str) {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'{' => depth += 1,
            b')' | b'}' => depth -= 1,
            b',' if depth == 0 => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

fn strip_comment(line: &str) -> &str {
    match line.find('#') {
        Some(at) if at == 0 || line.as_bytes().get(at - 1) != Some(&b'\\') => &line[..at],
        _ => line,
    }
}

/// Splits `name op value`; a rule (`target: prerequisites`) is none.
fn split_assignment(line: &str) -> Option<(&str, char, &str)> {
    let mut depth = 0;
    let bytes = line.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' | b'{' => depth += 1,
            b')' | b'}' => depth -= 1,
            b'=' if depth == 0 => {
                let before = at.checked_sub(1).and_then(|i| bytes.get(i)).copied();
                let op = match before {
                    Some(b'+') => '+',
                    Some(b'?') => '?',
                    _ => '=',
                };
                let name = line[..at].trim_end_matches(['+', '?', ':']).trim();
                let rule = name.contains(':') || name.is_empty();
                return (!rule).then(|| (name, op, line[at + 1..].trim()));
            }
            _ => {}
        }
    }
    None
}
