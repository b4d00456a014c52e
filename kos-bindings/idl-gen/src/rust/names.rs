// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rust's spelling of IDL's names.

use crate::model::StructRef;

/// Turns `camelCase` into `snake_case`; `snake_case` stays.
pub(super) fn snake(name: &str) -> String {
    let mut out = String::new();
    let mut before = '_';
    for c in name.chars() {
        if c.is_ascii_uppercase() && before != '_' && !before.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
        before = c;
    }
    out
}

/// Turns `snake_case` and `camelCase` into `CamelCase`.
pub(super) fn camel(name: &str) -> String {
    let capital = |word: &str| {
        let mut chars = word.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(chars).collect::<String>()
    };
    match name.split('_').map(capital).collect::<String>() {
        // `Self` is the one word that Rust keeps in this case; names of underscores only are none.
        name if name == "Self" || name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("Member{name}")
        }
        name => name,
    }
}

/// Returns the name of a package's module: its last part.
pub(super) fn module(package: &str) -> String {
    snake(package.rsplit('.').next().unwrap_or_default())
}

/// Returns a struct's path; the modules of packages lie beside one another.
pub(super) fn struct_path(item: &StructRef) -> String {
    format!("super::{}::{}", module(&item.package), item.name)
}

/// Turns `camelCase` into `SCREAMING_SNAKE_CASE`.
pub(super) fn screaming(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// Like [`snake`], and safe where Rust has a keyword of that name.
pub(super) fn variable(name: &str) -> String {
    let name = snake(name);
    match name.as_str() {
        "self" | "super" | "crate" | "_" => format!("{name}_"),
        "as" | "async" | "await" | "box" | "break" | "const" | "continue" | "do" | "dyn" | "else" | "enum"
        | "extern" | "final" | "fn" | "for" | "gen" | "if" | "impl" | "in" | "let" | "loop" | "macro" | "match"
        | "mod" | "move" | "mut" | "override" | "priv" | "pub" | "ref" | "return" | "static" | "struct" | "trait"
        | "true" | "false" | "try" | "type" | "typeof" | "unsafe" | "unsized" | "use" | "virtual" | "where"
        | "while" | "yield" | "abstract" | "become" => format!("r#{name}"),
        _ => name,
    }
}
