// SPDX-License-Identifier: GPL-2.0-only
//! What the linker script says that the closure has to know: the sections it keeps and the symbols it sets.

use super::error::BuildError;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The linker script.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// Where it is.
    pub path: PathBuf,
    /// The symbol that the image starts at.
    pub entry: Option<String>,
    kept: Vec<String>,
    symbols: HashSet<String>,
}

impl Script {
    /// Reads the script.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn read(path: &Path) -> Result<Self, BuildError> {
        let text = std::fs::read_to_string(path).map_err(|error| BuildError::Io {
            path: path.to_owned(),
            error,
        })?;
        Ok(Self {
            path: path.to_owned(),
            ..Self::parse(&text)
        })
    }

    pub(super) fn parse(text: &str) -> Self {
        let mut script = Self::default();
        for line in text.lines() {
            let line = line.trim();
            if let Some(entry) = line.strip_prefix("ENTRY(").and_then(|rest| rest.strip_suffix(')')) {
                script.entry = Some(entry.to_owned());
            }
            let mut rest = line;
            while let Some(at) = rest.find("KEEP(*(") {
                rest = &rest[at + "KEEP(*(".len()..];
                let end = rest.find(')').unwrap_or(rest.len());
                script.kept.extend(rest[..end].split_whitespace().map(str::to_owned));
            }
            for statement in line.split(';') {
                let Some((name, _)) = statement.split_once(" = ") else {
                    continue;
                };
                let name = name.rsplit([' ', '\t', ')', '{']).next().unwrap_or(name);
                script.symbols.insert(name.to_owned());
            }
        }
        script
    }

    /// Counts `names` as defined, too, and `entry` as where the image starts.
    pub fn provide(&mut self, names: &[String], entry: &str) {
        self.symbols.extend(names.iter().cloned());
        self.entry = Some(entry.to_owned());
    }

    /// Whether a section is kept though nothing refers to it.
    #[must_use]
    pub fn keeps(&self, section: &str) -> bool {
        self.kept.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => section.starts_with(prefix),
            None => section == pattern,
        })
    }

    /// Whether the linker defines `name`: the script does, or it bounds a section (`__start_x`, `__stop_x`).
    #[must_use]
    pub fn defines(&self, name: &str) -> bool {
        name == "IMAGE_BASE"
            || self.symbols.contains(name)
            || name.starts_with("__start_")
            || name.starts_with("__stop_")
    }
}

#[cfg(test)]
mod tests {
    use super::Script;

    #[test]
    fn kept_sections_and_symbols_are_read() {
        let script = Script::parse(
            ".text : {\n _text = .; _stext = .; KEEP(*(__param)) __stop_x = .;\n KEEP(*(.initcall6.init))\n \
             KEEP(*(SORT .x.*))\n . = ALIGN(8);\n}",
        );
        assert!(script.keeps(".initcall6.init") && script.keeps(".x.y") && !script.keeps(".text.f"));
        assert!(
            script.defines("_text")
                && script.defines("_stext")
                && script.defines("__start___param")
                && !script.defines("kmalloc")
        );
    }
}
