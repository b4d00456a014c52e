// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rust's spelling of IDL's names.

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
