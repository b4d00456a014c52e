// SPDX-License-Identifier: GPL-2.0-only
//! Expansion of make's `$(…)`: variables and the functions that Kbuild files use.

use std::collections::HashMap;
use std::path::Path;

/// What a reference stands for.
pub(super) enum Lookup<'a> {
    /// While a file is read: its own variables; `CONFIG_` references stay as they are.
    Read {
        /// Variables that have been set so far.
        simple: &'a HashMap<String, String>,
        /// The tree.
        root: &'a Path,
        /// The directory that the file is in.
        dir: &'a str,
    },
    /// Under a configuration: everything is known.
    Config(&'a dyn Fn(&str) -> String),
}

/// Expands all references in `text`.
pub(super) fn expand(text: &str, lookup: &Lookup<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        match after.bytes().next() {
            Some(open @ (b'(' | b'{')) => {
                let len = group_len(after, open);
                let inner = &after[1..len.saturating_sub(1).max(1)];
                out.push_str(&reference(inner, lookup));
                rest = &after[len..];
            }
            // `$$`, and the automatic variables of recipes.
            Some(_) => {
                let len = after.chars().next().map_or(0, char::len_utf8);
                rest = &after[len..];
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}

fn group_len(text: &str, open: u8) -> usize {
    let close = if open == b'(' { b')' } else { b'}' };
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte == open {
            depth += 1;
        } else if byte == close {
            depth -= 1;
            if depth == 0 {
                return at + 1;
            }
        }
    }
    text.len()
}

fn reference(inner: &str, lookup: &Lookup<'_>) -> String {
    let (word, rest) = inner.split_once([' ', '\t']).unwrap_or((inner, ""));
    let is_function = FUNCTIONS.contains(&word);
    if !is_function {
        return variable(inner, lookup);
    }
    let arguments: Vec<String> = split_arguments(rest)
        .iter()
        .map(|argument| expand(argument, lookup))
        .collect();
    // What depends on the configuration is decided when the configuration is known.
    if arguments.iter().any(|argument| argument.contains("$(")) {
        return format!("$({word} {})", arguments.join(","));
    }
    function(word, &arguments, lookup)
}

fn variable(inner: &str, lookup: &Lookup<'_>) -> String {
    match lookup {
        Lookup::Config(config) => inner.strip_prefix("CONFIG_").map(config).unwrap_or_default(),
        Lookup::Read { simple, .. } => {
            let name = expand(inner, lookup);
            if name.starts_with("CONFIG_") {
                return format!("$({name})");
            }
            if let Some((name, from, to)) = substitution(&name) {
                let value = simple.get(name).cloned().unwrap_or_default();
                return words(&value, |word| {
                    word.strip_suffix(from)
                        .map_or(word.to_owned(), |stem| format!("{stem}{to}"))
                });
            }
            simple.get(&name).cloned().unwrap_or_default()
        }
    }
}

/// `$(name:.c=.o)`
fn substitution(name: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = name.split_once(':')?;
    let (from, to) = rest.split_once('=')?;
    Some((name, from.trim_start_matches('%'), to.trim_start_matches('%')))
}

const FUNCTIONS: [&str; 22] = [
    "subst",
    "patsubst",
    "filter",
    "filter-out",
    "addprefix",
    "addsuffix",
    "if",
    "or",
    "and",
    "call",
    "shell",
    "wildcard",
    "foreach",
    "notdir",
    "dir",
    "basename",
    "sort",
    "strip",
    "findstring",
    "abspath",
    "realpath",
    "origin",
];

fn split_arguments(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'{' => depth += 1,
            b')' | b'}' => depth -= 1,
            b',' if depth == 0 => {
                out.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(&text[start..]);
    out
}

fn words(text: &str, map: impl Fn(&str) -> String) -> String {
    text.split_whitespace().map(map).collect::<Vec<_>>().join(" ")
}

fn function(name: &str, arguments: &[String], lookup: &Lookup<'_>) -> String {
    let arg = |index: usize| arguments.get(index).map_or("", String::as_str);
    let matches = |word: &str| arg(0).split_whitespace().any(|pattern| stem(pattern, word).is_some());
    let keep = |wanted: bool| {
        let kept: Vec<&str> = arg(1)
            .split_whitespace()
            .filter(|word| matches(word) == wanted)
            .collect();
        kept.join(" ")
    };
    match name {
        "subst" => arg(2).replace(arg(0), arg(1)),
        "patsubst" => words(arg(2), |word| match stem(arg(0).trim(), word) {
            Some(stem) => arg(1).trim().replacen('%', stem, 1),
            None => word.to_owned(),
        }),
        "filter" => keep(true),
        "filter-out" => keep(false),
        "addprefix" => words(arg(1), |word| format!("{}{word}", arg(0))),
        "addsuffix" => words(arg(1), |word| format!("{word}{}", arg(0))),
        "if" => arg(if arg(0).trim().is_empty() { 2 } else { 1 }).trim().to_owned(),
        "or" => arguments
            .iter()
            .find(|a| !a.trim().is_empty())
            .cloned()
            .unwrap_or_default(),
        "and" if arguments.iter().all(|a| !a.trim().is_empty()) => arguments.last().cloned().unwrap_or_default(),
        "call" if arg(0) == "cc-option" => arg(1).to_owned(),
        "notdir" => words(arg(0), |word| word.rsplit('/').next().unwrap_or(word).to_owned()),
        "dir" => words(arg(0), |word| {
            word.rfind('/').map_or("./".to_owned(), |at| word[..=at].to_owned())
        }),
        "basename" => words(arg(0), |word| {
            word.rsplit_once('.').map_or(word, |(stem, _)| stem).to_owned()
        }),
        "strip" | "sort" | "abspath" | "realpath" => words(arg(0), str::to_owned),
        "findstring" if arg(1).contains(arg(0)) => arg(0).to_owned(),
        "wildcard" => match lookup {
            Lookup::Read { root, dir, .. } => wildcard(root, dir, arg(0)),
            Lookup::Config(_) => String::new(),
        },
        // `shell`, `foreach`, `origin` and calls of the compiler checks: nothing that names an object.
        _ => String::new(),
    }
}

fn stem<'w>(pattern: &str, word: &'w str) -> Option<&'w str> {
    match pattern.split_once('%') {
        Some((before, after)) => word.strip_prefix(before)?.strip_suffix(after),
        None => (pattern == word).then_some(""),
    }
}

fn wildcard(root: &Path, _dir: &str, pattern: &str) -> String {
    let mut found = Vec::new();
    for pattern in pattern.split_whitespace() {
        let (dir, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        let Some((before, after)) = name.split_once('*') else {
            if root.join(pattern).exists() {
                found.push(pattern.to_owned());
            }
            continue;
        };
        let Ok(entries) = std::fs::read_dir(root.join(dir)) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(before) && name.ends_with(after) {
                found.push(format!("{dir}/{name}"));
            }
        }
    }
    found.sort();
    found.join(" ")
}
