// SPDX-License-Identifier: GPL-2.0-only
//! What every text file keeps to: a licence line, a size that can be read, a width, and spelling.

use super::Findings;
use super::source::Source;

const CODE: [&str; 6] = ["rs", "c", "h", "dts", "dtsi", "lds"];
/// Files over this are to be split by concept.
const MAX_LINES: usize = 500;
/// As in `rustfmt.toml`, which leaves comments and strings as they are.
const MAX_WIDTH: usize = 120;

/// The first line of each file of code names its licence.
pub(super) fn licences(sources: &[Source]) -> Findings {
    let files = || {
        sources
            .iter()
            .filter(|source| source.is(&CODE) || source.is(&["idl", "cdl", "edl", "toml", "config", "sh"]))
    };
    let named = |source: &&Source| {
        let head = source.text.lines().take(2).collect::<String>();
        // Cargo's own files say it in a field.
        head.contains("SPDX-License-Identifier: ")
            || source.path.ends_with("Cargo.toml")
            || source.path == "rust-toolchain.toml"
    };
    let broken = files()
        .filter(|source| !named(source))
        .map(|source| format!("{}:1: no SPDX line", source.path))
        .collect();
    Findings {
        broken,
        summary: format!("{} files", files().count()),
    }
}

/// No file of code is too long to be read as one thought.
pub(super) fn sizes(sources: &[Source]) -> Findings {
    let files = || {
        sources
            .iter()
            .filter(|source| source.is(&CODE))
            .map(|source| (source.text.lines().count(), &source.path))
    };
    let broken = files().filter(|(lines, _)| *lines > MAX_LINES);
    let broken = broken
        .map(|(lines, path)| format!("{path}: {lines} lines, over {MAX_LINES}: split it by concept"))
        .collect();
    let total: usize = files().map(|(lines, _)| lines).sum();
    let longest = files()
        .max()
        .map(|(lines, path)| format!("; longest: {path}, {lines}"))
        .unwrap_or_default();
    Findings {
        broken,
        summary: format!("{} files, {total} lines{longest}", files().count()),
    }
}

/// No line of code is wider than the screen beside another.
pub(super) fn widths(sources: &[Source]) -> Findings {
    let mut broken = Vec::new();
    for source in sources.iter().filter(|source| source.is(&CODE)) {
        for (index, line) in source.text.lines().enumerate() {
            let width: usize = line.chars().map(|c| if c == '\t' { 8 } else { 1 }).sum();
            if width > MAX_WIDTH {
                broken.push(format!(
                    "{}:{}: {width} columns, over {MAX_WIDTH}",
                    source.path,
                    index + 1
                ));
            }
        }
    }
    Findings {
        broken,
        summary: format!("lines of code are at most {MAX_WIDTH} columns wide"),
    }
}

/// Misspellings that are common in text about systems, and what was meant.
const MISSPELLED: &str = include_str!("misspelled.txt");

/// No word of the list of common misspellings occurs.
pub(super) fn spelling(sources: &[Source]) -> Findings {
    let pairs: Vec<(&str, &str)> = MISSPELLED.lines().filter_map(|line| line.split_once(' ')).collect();
    let mut broken = Vec::new();
    let files = || {
        sources
            .iter()
            .filter(|source| source.is(&CODE) || source.is(&["md", "idl", "cdl", "edl", "toml"]))
    };
    for source in files().filter(|source| source.path != "xtask/src/check/misspelled.txt") {
        for (index, line) in source.text.lines().enumerate() {
            for word in line.split(|c: char| !c.is_alphabetic()).filter(|word| word.len() > 2) {
                let lower = word.to_ascii_lowercase();
                if let Some((_, meant)) = pairs.iter().find(|(wrong, _)| *wrong == lower) {
                    broken.push(format!("{}:{}: {word}: {meant}", source.path, index + 1));
                }
            }
        }
    }
    Findings {
        broken,
        summary: format!("{} files, {} known misspellings", files().count(), pairs.len()),
    }
}
