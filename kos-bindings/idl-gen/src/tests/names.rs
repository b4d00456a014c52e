// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names that lead from one file to another.

use std::fs;

use crate::{Error, Files, Library};

fn package(files: &[(&str, &str)]) -> Result<String, Error> {
    let package = Library::new(Files::texts(files.iter().copied())).package("a.Main")?;
    Ok(format!("{:?}", package.methods))
}

/// Whole messages: the file, the place and what is wrong.
fn refusal(files: &[(&str, &str)]) -> String {
    package(files).expect_err("it is wrong").to_string()
}

const TYPES: (&str, &str) = (
    "a/Types.idl",
    "package a.Types const UInt32 Max = 8; struct Point { UInt8 x; } typedef sequence<Point, Max> Points;",
);

#[test]
fn imported_constants_and_types_are_used_as_they_are() {
    let main = "package a.Main import a.Types const UInt32 Twice = Max * 2; typedef array<Point, Twice> Row;\n\
                interface { Draw(in Row row, in Points points, in bytes<Max> data); }";
    let methods = package(&[TYPES, ("a/Main.idl", main)]).expect("it is right");
    assert!(
        methods.contains("package: \"a.Types\", name: \"Point\", bytes: 1, align: 1"),
        "{methods}"
    );
    let library = &mut Library::new(Files::texts([TYPES, ("a/Main.idl", main)]));
    let text = crate::rust::generate(&library.package("a.Main").expect("it is right"), 1);
    assert!(text.contains("pub row: [super::types::Point; 16],"), "{text}");
    assert!(text.contains("super::types::Point::FIELD_TYPE"), "{text}");
}

#[test]
fn wrong_imports_say_where() {
    let main = |text: &'static str| ("a/Main.idl", text);
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "a/Main.idl:1:1: there is no file `a/Main.idl`"),
        (
            &[main("package a.Main\nimport a.None")],
            "a/Main.idl:2:8: there is no file `a/None.idl`",
        ),
        (
            &[
                main("package a.Main\nimport a.B"),
                ("a/B.idl", "package a.B const UInt8 A = ;"),
            ],
            "a/B.idl:1:29: expected a number or a constant, found `;`",
        ),
        (
            &[main("package a.Main\nimport a.B"), ("a/B.idl", "package a.C")],
            "a/B.idl:1:9: package `a.C` must be in a file `a/C.idl`",
        ),
        (
            &[main("package a.Main\nimport a.Main")],
            "a/Main.idl:2:8: a circle: `a/Main.idl` → `a/Main.idl`",
        ),
        (
            &[
                main("package a.Main\nimport a.B"),
                ("a/B.idl", "package a.B import a.C"),
                ("a/C.idl", "package a.C import a.B"),
            ],
            "a/C.idl:1:20: a circle: `a/B.idl` → `a/C.idl` → `a/B.idl`",
        ),
        (
            &[TYPES, main("package a.Main\nimport a.Types\nimport a.Types")],
            "a/Main.idl:3:8: `a.Types` is already imported",
        ),
        (
            &[TYPES, main("package a.Main\nimport a.Types\nstruct Point { UInt8 y; }")],
            "a/Main.idl:3:8: `Point` is already declared in `a.Types`",
        ),
        (
            &[
                TYPES,
                ("a/More.idl", "package a.More typedef UInt8 Point;"),
                main("package a.Main\nimport a.Types\nimport a.More\ntypedef Point P;"),
            ],
            "a/Main.idl:4:9: `Point` is declared in `a.Types` and `a.More`",
        ),
        (
            &[
                TYPES,
                ("a/More.idl", "package a.More import a.Types"),
                main("package a.Main\nimport a.More\ntypedef Point P;"),
            ],
            "a/Main.idl:3:9: no type `Point` is declared above or imported",
        ),
        (
            &[TYPES, main("package a.Main import a.Types\nconst UInt8 A = Min;")],
            "a/Main.idl:2:17: no constant `Min` is declared above or imported",
        ),
    ];
    for (files, message) in cases {
        assert_eq!(refusal(files), *message);
    }
    let error = crate::load("a/Main.idl", "package a.Main import a.B").expect_err("nothing to import from");
    assert_eq!(error.to_string(), "a/Main.idl:1:23: a package alone imports nothing");
}

#[test]
fn typed_handles_name_interfaces() {
    let main = |name: &str| format!("package a.Main\ninterface {{ Give(in handle<{name}> it, in UInt8 x); }}");
    let methods = package(&[("a/Main.idl", &main("a.Main"))]).expect("a handle to itself");
    assert!(
        methods.contains("ty: Handle, at: 24") && methods.contains("at: 40"),
        "{methods}"
    );
    assert_eq!(
        refusal(&[TYPES, ("a/Main.idl", &main("a.Types"))]),
        "a/Main.idl:2:28: the package `a.Types` has no interface"
    );
    assert_eq!(
        refusal(&[("a/Main.idl", &main("a.None"))]),
        "a/Main.idl:2:28: there is no file `a/None.idl`"
    );
    assert_eq!(
        refusal(&[("a/Main.idl", "package a.Main typedef handle<a.Main> H;")]),
        "a/Main.idl:1:31: the package `a.Main` has no interface"
    );
}

#[test]
fn directories_are_searched_in_order() {
    let root = std::env::temp_dir().join(format!("kos-idl-{}", std::process::id()));
    let (first, second) = (root.join("first"), root.join("second"));
    for dir in [&first, &second] {
        fs::create_dir_all(dir.join("a")).expect("a directory");
    }
    fs::write(first.join("a/Main.idl"), "package a.Main import a.B").expect("a file");
    fs::write(second.join("a/Main.idl"), "wrong").expect("a file");
    fs::write(second.join("a/B.idl"), "package a.B").expect("a file");
    let mut library = Library::new(Files::dirs([&first, &second]));
    let found = library.package("a.Main").map(|package| package.has_interface);
    let missing = library.package("a.None").expect_err("there is none").to_string();
    fs::remove_dir_all(&root).expect("it is there");
    assert_eq!(found, Ok(false));
    let (first, second) = (first.display(), second.display());
    assert_eq!(
        missing,
        format!("a/None.idl:1:1: there is no file `a/None.idl` below `{first}` or `{second}`")
    );
}
