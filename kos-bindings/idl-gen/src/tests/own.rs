// SPDX-License-Identifier: MIT OR Apache-2.0
//! The descriptions of this repository: each is right, and says what everything in it is for.

use std::fs;
use std::path::Path;

use crate::model::{Field, Interface};
use crate::{Files, Library};

/// The names of all descriptions with this extension, but those for tests.
fn all(extension: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../idl");
    let mut names = Vec::new();
    for dir in ["linuxcompat", "server"] {
        for file in fs::read_dir(root.join(dir)).expect("a directory") {
            let path = file.expect("an entry").path();
            if path.extension().is_some_and(|end| end == extension) {
                names.push(format!("{dir}.{}", path.file_stem().expect("a name").display()));
            }
        }
    }
    names.sort();
    names
}

fn library() -> Library {
    Library::new(Files::dirs([Path::new(env!("CARGO_MANIFEST_DIR")).join("../idl")]))
}

#[test]
fn every_method_and_parameter_is_documented() {
    let mut library = library();
    let names = all("idl");
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        let package: &Interface = &library.package(&name).unwrap_or_else(|error| panic!("{error}"));
        assert!(!package.doc.is_empty(), "{name}");
        let described = |fields: &[Field], what: &str| {
            for field in fields {
                assert!(!field.doc.is_empty(), "{name}.{what}: {}", field.name);
            }
        };
        for item in &package.consts {
            assert!(!item.doc.is_empty(), "{name}.{}", item.name);
        }
        for item in &package.structs {
            assert!(!item.doc.is_empty(), "{name}.{}", item.name);
            described(&item.fields, &item.name);
        }
        for method in &package.methods {
            assert!(!method.doc.is_empty(), "{name}.{}", method.name);
            described(&method.request.fields, &method.name);
            described(&method.result.fields, &method.name);
            method
                .error
                .iter()
                .for_each(|error| described(&error.fields, &method.name));
        }
    }
}

#[test]
fn every_component_and_class_is_right_and_documented() {
    let mut library = library();
    let components = all("cdl")
        .into_iter()
        .map(|name| library.component(&name))
        .collect::<Vec<_>>();
    let classes = all("edl")
        .into_iter()
        .map(|name| library.class(&name))
        .collect::<Vec<_>>();
    assert!(components.len() >= 3 && classes.len() >= 5);
    for described in components.into_iter().chain(classes) {
        let described = described.unwrap_or_else(|error| panic!("{error}"));
        assert!(!described.doc.is_empty(), "{}", described.name);
        for endpoint in &described.endpoints {
            assert!(!endpoint.doc.is_empty(), "{}: {}", described.name, endpoint.name);
        }
    }
}
