// SPDX-License-Identifier: GPL-2.0-only
//! `same-as-header`: every kernel symbol that the shim exports is compared with its header by rustc.

use super::Findings;
use super::source::{Source, code_only};
use std::collections::BTreeSet;

/// Symbols between the shim's own C and Rust, which no kernel header declares, begin so.
const OWN: [&str; 2] = ["machine_", "rust_"];

/// Symbols of the kernel that no header declares, and why.
const NOT_DECLARED: [(&str, &str); 9] = [
    (
        "__missing_symbol",
        "called by stubs that the build writes (src/build/link.rs)",
    ),
    ("bcmp", BUILTIN),
    ("memcmp", BUILTIN),
    ("memcpy", BUILTIN),
    ("memmove", BUILTIN),
    ("memset", BUILTIN),
    ("strlen", BUILTIN),
    ("resched_cpu", PRIVATE_SCHED),
    ("try_to_wake_up", PRIVATE_SCHED),
];
const BUILTIN: &str = "bindgen gives clang's builtin prototype, whose size is a u64 and no usize";
const PRIVATE_SCHED: &str =
    "kernel/sched/sched.h belongs to the scheduler that the shim replaces; its run queues do not compile here";

/// Compares the exported functions with the names in `same_as_header!`.
pub(super) fn check(sources: &[Source]) -> Findings {
    let mut exported = Vec::new();
    let mut compared = BTreeSet::new();
    for source in sources
        .iter()
        .filter(|source| source.is_rust() && source.path.starts_with("shim/src/"))
    {
        let code = code_only(&source.text);
        exported.extend(
            exports(&code)
                .into_iter()
                .map(|(line, name)| (name, format!("{}:{line}", source.path))),
        );
        compared.extend(names_in_macro(&code));
    }
    let is_excused = |name: &str| {
        OWN.iter().any(|prefix| name.starts_with(prefix)) || NOT_DECLARED.iter().any(|(listed, _)| *listed == name)
    };
    let mut broken: Vec<String> = Vec::new();
    for (name, place) in exported
        .iter()
        .filter(|(name, _)| !compared.contains(name) && !is_excused(name))
    {
        broken.push(format!(
            "{place}: {name} is exported but not compared with its header (same_as_header!)"
        ));
    }
    let names: BTreeSet<&String> = exported.iter().map(|(name, _)| name).collect();
    for name in compared.iter().filter(|name| !names.contains(name)) {
        broken.push(format!("{name} is compared with its header but not exported"));
    }
    let pairs = names.iter().filter(|name| compared.contains(**name)).count();
    let own = names.iter().filter(|name| is_excused(name)).count();
    let summary = format!(
        "{} exported functions: {pairs} compared with their headers, {own} between the shim's own C and Rust",
        names.len()
    );
    Findings { broken, summary }
}

/// Each `#[unsafe(no_mangle)]` function, with its line.
fn exports(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut is_marked = false;
    for (index, line) in code.lines().enumerate() {
        is_marked |= line.contains("unsafe(no_mangle)");
        // A marked `static` is data: its type is checked where it is defined, not here.
        if is_marked && (line.contains(" static ") || line.trim_start().starts_with("static ")) {
            is_marked = false;
        }
        if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_marked) {
            is_marked = false;
            let rest = rest.strip_prefix("r#").unwrap_or(rest);
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // `$name` inside a macro that writes such functions is none itself.
            if !name.is_empty() {
                found.push((index + 1, name));
            }
        }
    }
    found
}

/// The names between `same_as_header!(` and its closing parenthesis.
fn names_in_macro(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for after in code.split("same_as_header!").skip(1) {
        let Some(inner) = after.trim_start().strip_prefix(['(', '{', '[']) else {
            continue;
        };
        let inner = inner.split([')', '}', ']']).next().unwrap_or_default();
        let words = inner.split(',').filter_map(|part| part.split_whitespace().next());
        // `$name` stands in a macro that writes such functions: the name is not there yet.
        let words = words.filter(|word| !word.starts_with('$'));
        names.extend(words.map(|word| word.strip_prefix("r#").unwrap_or(word).to_owned()));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "same_as_header!(kfree, ksize);\n#[unsafe(no_mangle)]\n\
     pub unsafe extern \"C\" fn kfree(p: *const c_void) {}\n\
                        #[unsafe(no_mangle)]\npub extern \"C\" fn ksize() {}\n";

    fn broken(text: &str) -> Vec<String> {
        check(&[Source {
            path: "shim/src/mm/ffi.rs".to_owned(),
            text: text.to_owned(),
        }])
        .broken
    }

    #[test]
    fn a_pair_each_is_accepted() {
        assert_eq!(broken(GOOD), Vec::<String>::new());
    }

    #[test]
    fn an_export_without_a_comparison_is_named() {
        let found = broken("#[unsafe(no_mangle)]\npub extern \"C\" fn msleep(ms: c_uint) {}");
        assert!(
            found.len() == 1 && found[0].starts_with("shim/src/mm/ffi.rs:2: msleep"),
            "{found:?}"
        );
    }

    #[test]
    fn raw_names_and_conditional_exports_are_read() {
        let yields = "same_as_header!(r#yield = yield_);\n#[unsafe(no_mangle)]\npub extern \"C\" fn r#yield() {}";
        assert_eq!(broken(yields), Vec::<String>::new());
        let conditional = "#[cfg_attr(feature = \"domain\", unsafe(no_mangle))]\npub extern \"C\" fn msleep() {}";
        assert_eq!(broken(conditional).len(), 1);
        assert_eq!(
            broken("macro_rules! m { () => { same_as_header!($name); } }"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn own_symbols_need_none_and_a_comparison_needs_an_export() {
        assert_eq!(
            broken("#[unsafe(no_mangle)] extern \"C\" fn machine_halt() {}"),
            Vec::<String>::new()
        );
        assert_eq!(broken("same_as_header!(gone);").len(), 1);
    }
}
