// SPDX-License-Identifier: GPL-2.0-only
//! Turns the kernel's own headers into Rust declarations with bindgen.
//!
//! `bindings/*.h` include the headers, `bindings/*.list` name what is wanted, one item a line
//! (`fn NAME`, `type NAME`, `var NAME`; a regular expression each). With a question mark (`fn? NAME`,
//! a plain name) the item exists in some kernel series only, and `cfg(has = "NAME")` tells whether
//! this tree has it. Compiler flags come from `LINUX_COMPAT_CFLAGS`, a file with one flag a line.

use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-env-changed=LINUX_COMPAT_CFLAGS");
    println!("cargo::rerun-if-changed=bindings");
    // The lists' headers include the glue's own.
    for header in ["door", "machine", "spi"] {
        println!("cargo::rerun-if-changed=glue/{header}.h");
    }
    let flags_file = env::var("LINUX_COMPAT_CFLAGS").expect("LINUX_COMPAT_CFLAGS names the file of compiler flags");
    println!("cargo::rerun-if-changed={flags_file}");
    let flags = fs::read_to_string(&flags_file).expect("LINUX_COMPAT_CFLAGS is readable");

    let mut headers = String::new();
    let mut builder = bindgen::Builder::default();
    let mut optional: Vec<(String, String)> = Vec::new();
    let mut lists: Vec<_> = fs::read_dir("bindings")
        .expect("bindings/")
        .flatten()
        .map(|e| e.path())
        .collect();
    lists.sort();
    for path in lists {
        let text = fs::read_to_string(&path).expect("readable list");
        if path.extension().is_some_and(|e| e == "h") {
            headers.push_str(&text);
            continue;
        }
        for line in text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
        {
            let item = line
                .split_once(' ')
                .map(|(kind, name)| (kind.trim_end_matches('?'), name));
            if let (true, Some((kind, name))) = (line.contains('?'), item) {
                optional.push((kind.to_owned(), name.to_owned()));
            }
            builder = match item {
                Some(("fn", name)) => builder.allowlist_function(name),
                Some(("type", name)) => builder.allowlist_type(name),
                Some(("var", name)) => builder.allowlist_var(name),
                Some(("opaque", name)) => builder.opaque_type(name),
                _ => panic!("{}: expected `fn|type|var|opaque NAME`, found {line:?}", path.display()),
            };
        }
    }
    let out = PathBuf::from(env::var("OUT_DIR").expect("OUT_DIR"));
    let wrapper = out.join("wrapper.h");
    fs::write(&wrapper, headers).expect("write wrapper.h");
    builder
        .header(wrapper.to_string_lossy())
        .clang_args(flags.lines())
        .clang_arg("-D__BINDGEN__")
        .clang_arg("-DKBUILD_MODNAME=\"shim\"")
        .rust_edition(bindgen::RustEdition::Edition2024)
        .wrap_unsafe_ops(true)
        .use_core()
        .layout_tests(false)
        .derive_default(false)
        .derive_debug(false)
        .generate_comments(false)
        .prepend_enum_name(false)
        .fit_macro_constants(false)
        .ctypes_prefix("core::ffi")
        .size_t_is_usize(true)
        .no_copy(".*")
        .generate()
        .unwrap_or_else(|e| panic!("bindgen over the kernel's headers: {e}"))
        .write_to_file(out.join("bindings.rs"))
        .expect("write bindings.rs");
    let text = fs::read_to_string(out.join("bindings.rs")).expect("read bindings.rs");
    tell_what_the_tree_has(&text, &optional);
}

/// Sets `cfg(has = "NAME")` for the optional items that bindgen found.
fn tell_what_the_tree_has(bindings: &str, optional: &[(String, String)]) {
    for (kind, name) in optional {
        println!("cargo::rustc-check-cfg=cfg(has, values(\"{name}\"))");
        let forms = match kind.as_str() {
            "fn" => vec![format!("pub fn {name}(")],
            "type" => vec![format!("pub struct {name} "), format!("pub type {name} ")],
            _ => vec![
                format!("pub const {name}:"),
                format!("pub static {name}:"),
                format!("pub static mut {name}:"),
            ],
        };
        if forms.iter().any(|form| bindings.contains(form)) {
            println!("cargo::rustc-cfg=has=\"{name}\"");
        }
    }
}
