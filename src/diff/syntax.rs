// SPDX-License-Identifier: GPL-2.0-only
//! The comments and strings of the languages that drivers are written in; tokei knows the languages.

use std::path::Path;
use tokei::LanguageType;

/// Whether and how layout matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Lines and blanks only part words, but for the preprocessor's lines.
    Free,
    /// Lines and their indentation mean something (Make, Python).
    Lined,
    /// No code at all: prose, or what nobody knows.
    Prose,
}

/// What the lexer must know of a language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Syntax {
    pub(super) name: &'static str,
    pub(super) family: Family,
    pub(super) line_comments: &'static [&'static str],
    pub(super) block_comments: &'static [(&'static str, &'static str)],
    pub(super) is_nested: bool,
    /// Strings in which a backslash keeps the next character from ending them.
    pub(super) quotes: &'static [(&'static str, &'static str)],
    /// Strings without escapes.
    pub(super) verbatim: &'static [(&'static str, &'static str)],
    /// A string that is still open at a line's end goes on.
    pub(super) has_long_strings: bool,
    pub(super) has_chars: bool,
}

impl Syntax {
    const PROSE: Self = Self {
        name: "text",
        family: Family::Prose,
        line_comments: &[],
        block_comments: &[],
        is_nested: false,
        quotes: &[],
        verbatim: &[],
        has_long_strings: false,
        has_chars: false,
    };

    /// The syntax of a file of this name.
    pub(super) fn of_path(path: &Path) -> Self {
        language(path).map_or(Self::PROSE, Self::of_language)
    }

    fn of_language(language: LanguageType) -> Self {
        use LanguageType as L;
        let family = match language {
            L::C | L::CHeader | L::Cpp | L::CppHeader | L::Rust | L::DeviceTree | L::LinkerScript => Family::Free,
            L::Text | L::Markdown | L::ReStructuredText | L::Json | L::Svg | L::Html => {
                return Self {
                    name: language.name(),
                    ..Self::PROSE
                };
            }
            _ => Family::Lined,
        };
        Self {
            name: language.name(),
            family,
            line_comments: language.line_comments(),
            block_comments: language.multi_line_comments(),
            is_nested: language.allows_nested(),
            // Rust's own are `"` and the raw ones below; tokei's `#"` stands for raw strings too.
            quotes: if language == L::Rust {
                &[("\"", "\"")]
            } else {
                language.quotes()
            },
            verbatim: language.verbatim_quotes(),
            has_long_strings: !matches!(language, L::C | L::CHeader | L::Cpp | L::CppHeader | L::DeviceTree),
            has_chars: family == Family::Free,
        }
    }
}

/// The language of a file of this name, if tokei knows it.
pub(super) fn language(path: &Path) -> Option<LanguageType> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // tokei knows Makefile but not its relatives in a kernel tree, which share its comments.
    let is_kbuild = ["Makefile", "Kbuild", "Kconfig"]
        .iter()
        .any(|known| name == *known || name.strip_prefix(known).is_some_and(|rest| rest.starts_with('.')));
    if is_kbuild {
        return Some(LanguageType::Makefile);
    }
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    LanguageType::from_file_extension(&extension)
}
