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

fn compile_named(source: &str, name: &str) -> Result<Vec<u8>, DtsError> {
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
    let words = String::from_utf8_lossy(&output.stderr).replace("<stdin>", name);
    Err(DtsError::Syntax(words.trim_end().to_owned()))
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
        assert!(err.contains("bad.dts:3"), "{err}");
    }

    #[test]
    fn finds_the_line_of_a_node() {
        let source = "/ {\n\tgpio: gpio {\n\t};\n\ti2c@0 {\n};\n";
        assert_eq!(line_of_node(source, "gpio"), Some(2));
        assert_eq!(line_of_node(source, "i2c@0"), Some(4));
        assert_eq!(line_of_node(source, "spi@0"), None);
    }
}
