// SPDX-License-Identifier: GPL-2.0-only
//! Compiling boards: from `.dts` text to the blob, with `dtc`.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Why a board's source did not compile.
#[derive(Debug)]
pub enum DtsError {
    /// The file cannot be read.
    Read(String, std::io::Error),
    /// `dtc` cannot be started.
    NoDtc(std::io::Error),
    /// `dtc` found an error: its own words, with file and line.
    Syntax(String),
}

impl fmt::Display for DtsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DtsError::Read(path, err) => write!(f, "board {path}: {err}"),
            DtsError::NoDtc(err) => {
                write!(f, "dtc: {err} (Debian: apt install device-tree-compiler)")
            }
            DtsError::Syntax(words) => f.write_str(words),
        }
    }
}

impl std::error::Error for DtsError {}

/// Compiles the board file `path`.
///
/// # Errors
///
/// See [`DtsError`]; a syntax error bears the file's name and the line.
pub fn compile(path: &Path) -> Result<Vec<u8>, DtsError> {
    let name = path.display().to_string();
    let source = std::fs::read_to_string(path).map_err(|err| DtsError::Read(name.clone(), err))?;
    compile_named(&source, &name)
}

/// Compiles a board that is in memory.
///
/// # Errors
///
/// See [`DtsError`].
pub fn compile_text(source: &str) -> Result<Vec<u8>, DtsError> {
    compile_named(source, "board")
}

/// Compiles a board that is in memory; a syntax error bears `name` and the line.
///
/// # Errors
///
/// See [`DtsError`].
pub fn compile_named(source: &str, name: &str) -> Result<Vec<u8>, DtsError> {
    let mut dtc = Command::new("dtc")
        .args(["-q", "-I", "dts", "-O", "dtb", "-o", "-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(DtsError::NoDtc)?;
    // dtc reads everything before it writes, so this cannot deadlock; should it stop early, its words say why.
    if let Some(mut stdin) = dtc.stdin.take() {
        let _ = stdin.write_all(source.as_bytes());
    }
    let output = dtc.wait_with_output().map_err(DtsError::NoDtc)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(DtsError::Syntax(errors(&words, source, name)))
}

/// What `dtc` said on its way to an error, in our form: `FILE:LINE:COLUMN: fact`, each once, without its farewells.
fn errors(words: &str, source: &str, name: &str) -> String {
    let mut lines = Vec::new();
    for line in words.lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with("FATAL ERROR: Unable to parse") || line.starts_with("ERROR: Input tree has errors") {
            continue;
        }
        let line = line.strip_prefix("Error: ").unwrap_or(line);
        lines.push(located(line, source, name).unwrap_or_else(|| line.replace("<stdin>", name)));
    }
    lines.dedup();
    lines.join("\n")
}

/// Reads `<stdin>:35.4-5 syntax error` or `<stdin>:41.16-48.5: ERROR (phandle_references): …`.
fn located(line: &str, source: &str, name: &str) -> Option<String> {
    let (place, fact) = line.strip_prefix("<stdin>:")?.split_once(' ')?;
    let (row, rest) = place.split_once('.')?;
    let (row, column): (usize, usize) = (row.parse().ok()?, rest.split('-').next()?.parse().ok()?);
    let fact = match fact.strip_prefix("ERROR (") {
        Some(fact) => fact.replacen("):", ":", 1),
        None if fact == "syntax error" => format!("syntax error, expected {}", expected(source, row, column)),
        None => fact.to_owned(),
    };
    Some(format!("{name}:{row}:{column}: {fact}"))
}

/// What should have stood at a place where `dtc`, which only says that something did not, found a syntax error.
fn expected(source: &str, row: usize, column: usize) -> String {
    let code = without_comments(source);
    if !code.trim_start().starts_with("/dts-v1/") {
        return "\"/dts-v1/;\" at the beginning".to_owned();
    }
    let row_start: usize = code
        .split_inclusive('\n')
        .take(row.saturating_sub(1))
        .map(str::len)
        .sum();
    let at = (row_start + column.saturating_sub(1)).min(code.len());
    let before = code.get(..at).unwrap_or(&code).trim_end();
    let count = |text: &str, of: char| text.chars().filter(|c| *c == of).count();
    let statement = before.rsplit([';', '{', '}']).next().unwrap_or(before);
    let row_of = |text: &str| text.lines().count();
    if count(statement, '"') % 2 == 1 {
        "the end of the text, a \"".to_owned()
    } else if count(statement, '<') > count(statement, '>') {
        "a number, a reference such as &label, or \">\"".to_owned()
    } else if before.ends_with('=') {
        "a value such as <1> or \"text\"".to_owned()
    } else if !before.ends_with([';', '{']) {
        format!("\";\" at the end of line {}", row_of(before))
    } else if code.get(at..).is_none_or(|rest| rest.trim().is_empty()) && count(before, '{') > count(before, '}') {
        "\"};\", the end of a node".to_owned()
    } else {
        "a property such as reg = <1>; or a node such as chip@1 { };".to_owned()
    }
}

/// The same text with spaces for comments, so that places stay.
fn without_comments(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("/*").into_iter().chain(rest.find("//")).min() {
        let (code, comment) = rest.split_at(start);
        out.push_str(code);
        let end = if comment.starts_with("//") {
            comment.find('\n')
        } else {
            comment.find("*/").map(|end| end + 2)
        };
        let (comment, after) = comment.split_at(end.unwrap_or(comment.len()));
        // `dtc` counts bytes.
        out.extend(comment.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The line of `source` in which the node `name` begins, for messages about nodes.
pub fn line_of_node(source: &str, name: &str) -> Option<usize> {
    let begins = |line: &str| {
        let line = line.trim();
        let line = line.split_once(": ").map_or(line, |(_, rest)| rest);
        line.strip_prefix(name)
            .is_some_and(|rest| rest.trim_start().starts_with('{'))
    };
    source.lines().position(begins).map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_file_and_line() {
        let err = compile_named("/dts-v1/;\n/ {\n  a = <;\n};\n", "bad.dts")
            .unwrap_err()
            .to_string();
        assert!(err.starts_with("bad.dts:3:"), "{err}");
    }

    #[test]
    fn a_syntax_error_says_what_was_expected() {
        for (source, place, expected) in [
            ("", "b.dts:", "\"/dts-v1/;\" at the beginning"),
            ("hello", "b.dts:1:", "\"/dts-v1/;\" at the beginning"),
            (
                "/dts-v1/;\n/ {\n a = <1 ;\n};\n",
                "b.dts:3:",
                "a number, a reference such as &label, or \">\"",
            ),
            (
                "/dts-v1/;\n/ {\n a = <1> /* ; */\n};\n",
                "b.dts:4:",
                "\";\" at the end of line 3",
            ),
            ("/dts-v1/;\n/ {\n a = ;\n};\n", "b.dts:3:", "a value such as <1>"),
            (
                "/dts-v1/;\n/ {\n b {\n }\n};\n",
                "b.dts:5:",
                "\";\" at the end of line 4",
            ),
            ("/dts-v1/;\n/ {\n b { };\n", "b.dts:", "\"};\", the end of a node"),
            (
                "/dts-v1/;\n/ {\n = <1>;\n};\n",
                "b.dts:3:",
                "a property such as reg = <1>;",
            ),
        ] {
            let err = compile_named(source, "b.dts").unwrap_err().to_string();
            assert!(err.starts_with(place) && err.contains(expected), "{source:?}: {err}");
            assert_eq!(err.lines().count(), 1, "{err}");
        }
    }

    #[test]
    fn a_reference_to_nothing_is_told_once() {
        let err = compile_named("/dts-v1/;\n/ {\n  a = <&nobody>;\n};\n", "b.dts")
            .unwrap_err()
            .to_string();
        assert!(err.starts_with("b.dts:"), "{err}");
        assert!(
            err.contains("Reference to non-existent node or label \"nobody\""),
            "{err}"
        );
        assert_eq!(err.lines().count(), 1, "{err}");
    }

    #[test]
    fn finds_the_line_of_a_node() {
        let source = "/ {\n\tgpio: gpio {\n\t};\n\ti2c@0 {\n};\n";
        assert_eq!(line_of_node(source, "gpio"), Some(2));
        assert_eq!(line_of_node(source, "i2c@0"), Some(4));
        assert_eq!(line_of_node(source, "spi@0"), None);
    }
}
