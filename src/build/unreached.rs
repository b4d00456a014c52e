// SPDX-License-Identifier: GPL-2.0-only
//! Symbols that upstream's core refers to though no way leads there in a domain.
//!
//! `linux-headers/config/unreached` gives the reason, then, indented, the symbols. They are not missing, since nothing
//! is lost without them; calling one ends the domain like calling any symbol that nobody provides.

use super::error::BuildError;
use super::list;
use std::collections::HashSet;
use std::path::Path;

/// The list.
#[derive(Debug, Clone, Default)]
pub struct Unreached(HashSet<String>);

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
        let symbols = text.lines().filter(|line| line.starts_with(' '));
        Self(symbols.flat_map(str::split_whitespace).map(str::to_owned).collect())
    }

    /// Whether nothing in a domain calls `symbol`.
    #[must_use]
    pub fn holds(&self, symbol: &str) -> bool {
        self.0.contains(symbol)
    }
}

#[cfg(test)]
mod tests {
    use super::Unreached;

    #[test]
    fn only_what_is_indented_is_a_symbol() {
        let list = Unreached::parse("# comment\nno such thing exists\n  one two\n");
        assert!(list.holds("one") && list.holds("two") && !list.holds("thing"));
    }
}
