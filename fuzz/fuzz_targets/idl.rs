// SPDX-License-Identifier: GPL-2.0-only
//! The description languages: any texts as an IDL, another that it may import, a CDL and an EDL.
//!
//! What must hold, whatever the texts are:
//!
//! * nothing panics, and no nesting exhausts the stack;
//! * a mistake stands at a line and column of the file that it names;
//! * what is printed reads as what was parsed, and means the same;
//! * handles lie first, nothing overlaps, everything is aligned, and messages are multiples of 8;
//! * Rust can be written from every package that is right.
//!
//! Lines `---` end the first three texts.
#![no_main]

use kos_idl::model::{Field, HEADER_BYTES, Interface, Message, Type};
use kos_idl::{Error, Files, Library, parse, rust};
use libfuzzer_sys::fuzz_target;

const PATHS: [&str; 4] = ["a/Main.idl", "a/Other.idl", "a/Part.cdl", "a/Whole.edl"];

fn is_inside(texts: &[&str; 4], error: &Error) {
    let at = PATHS.iter().position(|path| *path == error.file);
    // A file that is not there has no text either.
    let text = at.and_then(|at| texts.get(at)).copied().unwrap_or_default();
    let lines = text.split('\n').count();
    assert!((1..=lines).contains(&error.line), "{error}");
    let line = text.split('\n').nth(error.line - 1).unwrap_or_default();
    assert!((1..=line.chars().count() + 1).contains(&error.column), "{error}");
}

/// Parses, prints and parses again; returns what was printed.
fn printed<T: ToString>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<String> {
    let first = parse(text)?.to_string();
    let second = parse(&first).unwrap_or_else(|| panic!("what is printed can be read:\n{first}"));
    assert_eq!(first, second.to_string());
    Some(first)
}

/// Fields in order: aligned, one behind the other, none beyond the end.
fn lie_well(fields: &[&Field], start: usize, end: usize) {
    let mut at = start;
    for field in fields {
        let (bytes, align) = field.ty.layout();
        assert!(field.at >= at && field.at.is_multiple_of(align), "{field:?}");
        assert!(field.at - at < 8, "{field:?}: a gap that nothing asks for");
        at = field.at + bytes;
    }
    assert!(at <= end && end - at < 8);
}

fn check(package: &Interface) {
    for item in &package.structs {
        if item.is_union {
            for field in &item.fields {
                lie_well(&[field], 4, item.bytes.min(field.at + field.ty.layout().0));
            }
        } else {
            lie_well(&item.fields.iter().collect::<Vec<_>>(), 0, item.bytes);
        }
    }
    let forms = |method: &kos_idl::model::Method| {
        [
            Some(method.request.clone()),
            Some(method.result.clone()),
            method.error.clone(),
        ]
    };
    for Message {
        fields,
        constant,
        handles,
        ..
    } in package.methods.iter().flat_map(forms).flatten()
    {
        let (first, others): (Vec<_>, Vec<_>) = fields.iter().partition(|field| field.ty == Type::Handle);
        assert_eq!(first.len(), handles);
        let others_at = HEADER_BYTES + 16 * handles;
        lie_well(&first, HEADER_BYTES, others_at);
        lie_well(&others, others_at, constant);
        assert!(constant.is_multiple_of(8));
    }
    assert!(!rust::generate(package, 1).is_empty());
}

fuzz_target!(|text: &str| {
    let mut parts = text.splitn(4, "\n---\n");
    let texts = [(); 4].map(|()| parts.next().unwrap_or_default());
    let mut library = Library::new(Files::texts(PATHS.into_iter().zip(texts)));
    for package in ["a.Main", "a.Other"] {
        match library.package(package) {
            Ok(package) => check(&package),
            Err(error) => is_inside(&texts, &error),
        }
    }
    let (part, whole) = (library.component("a.Part"), library.class("a.Whole"));
    for error in [&part, &whole].into_iter().filter_map(|read| read.as_ref().err()) {
        is_inside(&texts, error);
    }
    let again = [
        printed(texts[0], |text| parse::package(text).ok()),
        printed(texts[1], |text| parse::package(text).ok()),
        printed(texts[2], |text| parse::component(text).ok()),
        printed(texts[3], |text| parse::class(text).ok()),
    ];
    let again = PATHS
        .into_iter()
        .zip(again)
        .map(|(path, text)| (path, text.unwrap_or_default()));
    let mut other = Library::new(Files::texts(again));
    if let Ok(package) = library.package("a.Main") {
        let package_again = other.package("a.Main").expect("what is printed means the same");
        assert_eq!(rust::generate(&package, 1), rust::generate(&package_again, 1));
    }
    if let Ok(whole) = whole {
        let whole_again = other.class("a.Whole").expect("what is printed means the same");
        assert_eq!(whole.endpoints, whole_again.endpoints);
    }
});
