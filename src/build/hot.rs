// SPDX-License-Identifier: GPL-2.0-only
//! What a domain does again and again: files that are compiled for speed, and functions that lie together in the image.
//!
//! `linux-headers/config/hot` has a file a line, and after it the functions of it that every request passes. A
//! read of an attribute without isolation, chip model included, runs some 5,000 instructions from over 400 cache lines:
//! where the image's lay scattered, it took 520 ns, and 440 with its functions side by side.

use super::error::BuildError;
use super::list;
use std::path::Path;

/// The linker script includes a file of this name, which has the input sections of the hot functions in order.
pub const FRAGMENT: &str = "hot.lds";

/// The list.
#[derive(Debug, Clone, Default)]
pub struct Hot {
    files: Vec<(String, Vec<String>)>,
}

impl Hot {
    /// Reads the list.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read(path: &Path) -> Result<Self, BuildError> {
        list::read(path, Self::parse)
    }

    pub(super) fn parse(text: &str) -> Self {
        let file = |line: &str| {
            let (path, functions) = line.split_once(':').unwrap_or((line, ""));
            let functions = functions.split_whitespace().map(str::to_owned).collect();
            (path.to_owned(), functions)
        };
        Self {
            files: list::entries(text).map(file).collect(),
        }
    }

    /// Whether `source` is compiled for speed.
    #[must_use]
    pub fn holds(&self, source: &str) -> bool {
        self.files.iter().any(|(path, _)| path == source)
    }

    /// The linker script's input sections of the functions, in order. Copies that the compiler makes of a function have
    /// its name and a suffix.
    #[must_use]
    pub fn fragment(&self) -> String {
        self.files
            .iter()
            .flat_map(|(_, functions)| functions)
            .map(|name| format!("*(.text.{name} .text.{name}.*)\n"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Hot;

    #[test]
    fn a_line_is_a_file_and_its_functions() {
        let hot = Hot::parse("# comment\n\nlib/a.c: one two\nlib/b.c\n");
        assert!(hot.holds("lib/a.c") && hot.holds("lib/b.c") && !hot.holds("lib/"));
        assert_eq!(hot.fragment(), "*(.text.one .text.one.*)\n*(.text.two .text.two.*)\n");
    }
}
