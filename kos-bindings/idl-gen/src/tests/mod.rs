// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the parser and the checks accept, what they refuse, and where they say it is.
//!
//! * here: one package. `names`: several files, and how names lead from one to the other.
//! * `classes`: components and classes. `layout`: where parameters lie, whatever they are.
//! * `own`: the interfaces, components and classes of this repository.

mod classes;
mod layout;
mod names;
mod own;

use crate::load;
use crate::model::{Interface, Type};

fn good(text: &str) -> Interface {
    load("/idl/demo/Lamp.idl", text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Loads the body of a package and returns the message without the file's name.
fn refusal(body: &str) -> String {
    let text = format!("package demo.Lamp\n{body}");
    let error = load("demo/Lamp.idl", &text).expect_err(&text);
    error
        .to_string()
        .strip_prefix("demo/Lamp.idl:")
        .expect("the file's name comes first")
        .to_owned()
}

#[test]
fn syntax_errors_say_where_and_what_was_expected() {
    let cases = [
        (
            "enum A {}",
            "2:1: expected `import`, `const`, `typedef`, `struct`, `union` or `interface`, found `enum`",
        ),
        (
            "interface {}\ninterface {}",
            "3:1: expected `const`, `typedef`, `struct`, `union` or the end of the file, found `interface`",
        ),
        ("interface {", "2:12: expected a name, found the end of the file"),
        ("interface { Set }", "2:17: expected `(`, found `}`"),
        ("interface { Set() }", "2:19: expected `;`, found `}`"),
        (
            "interface { Set(",
            "2:17: expected `in`, `out` or `error`, found the end of the file",
        ),
        (
            "interface { Set(UInt8 a); }",
            "2:17: expected `in`, `out` or `error`, found `UInt8`",
        ),
        ("interface { Set(in UInt8); }", "2:25: expected a name, found `)`"),
        ("interface { Set(in 8 a); }", "2:20: expected a type, found `8`"),
        ("interface { Set(in UInt8 a; }", "2:27: expected `,` or `)`, found `;`"),
        (
            "interface { Set(in UInt8 a,); }",
            "2:28: expected `in`, `out` or `error`, found `)`",
        ),
        ("import ", "2:8: expected a name, found the end of the file"),
        ("import a.", "2:10: expected a name, found the end of the file"),
        (
            "const UInt8 A = 1; import a.B",
            "2:20: expected `const`, `typedef`, `struct`, `union` or `interface`, found `import`",
        ),
        ("union A { UInt8 a }", "2:19: expected `;`, found `}`"),
        ("union { UInt8 a; }", "2:7: expected a name, found `{`"),
        ("typedef handle A;", "2:16: expected `<`, found `A`"),
        ("typedef handle<> A;", "2:16: expected a name, found `>`"),
        ("typedef handle<a.B A;", "2:20: expected `>`, found `A`"),
        (
            "const UInt8 A = 4 - 1;",
            "2:19: only `<<`, `+`, `*` and `**` are known of the language's operators",
        ),
        (
            "const UInt8 A = 4 / 2;",
            "2:19: only `<<`, `+`, `*` and `**` are known of the language's operators",
        ),
        ("const UInt8 A = 4 >> 2;", "2:19: expected `;`, found `>`"),
        (
            "const UInt8 A = -1;",
            "2:17: expected a number or a constant, found `-`",
        ),
        ("const UInt8 A 1;", "2:15: expected `=`, found `1`"),
        ("const UInt8 A = ;", "2:17: expected a number or a constant, found `;`"),
        (
            "const UInt8 A = 0x;",
            "2:17: expected a number or a constant, found `0x`",
        ),
        (
            "const UInt8 A = 09z;",
            "2:17: expected a number or a constant, found `09z`",
        ),
        (
            "const UInt8 A = 1 +;",
            "2:20: expected a number or a constant, found `;`",
        ),
        ("const UInt8 A = (1;", "2:19: expected `)`, found `;`"),
        ("const UInt8 A = 1", "2:18: expected `;`, found the end of the file"),
        ("typedef bytes A;", "2:15: expected `<`, found `A`"),
        ("typedef bytes<4 A;", "2:17: expected `>`, found `A`"),
        ("typedef sequence<UInt8> A;", "2:23: expected `,`, found `>`"),
        ("struct A { UInt8 a }", "2:20: expected `;`, found `}`"),
        ("struct 3D { UInt8 a; }", "2:8: expected a name, found `3D`"),
        (
            "/* no end\nstruct A { UInt8 a; }",
            "2:1: expected `import`, `const`, `typedef`, `struct`, `union` or `interface`, found `/`",
        ),
        (
            "// ünïcödé\n  ß",
            "3:3: expected `import`, `const`, `typedef`, `struct`, `union` or `interface`, found `ß`",
        ),
    ];
    for (body, message) in cases {
        assert_eq!(refusal(body), message, "{body}");
    }
    let error = load("demo/Lamp.idl", "packet demo.Lamp").expect_err("no package");
    assert_eq!(
        error.to_string(),
        "demo/Lamp.idl:1:1: expected `package`, found `packet`"
    );
    assert_eq!(
        load("a/B.idl", "").expect_err("empty").message,
        "expected `package`, found the end of the file"
    );
}

#[test]
fn names_orders_and_sizes_are_checked() {
    let cases = [
        (
            "interface { Set(in Level a); }",
            "2:20: no type `Level` is declared above or imported",
        ),
        (
            "interface { Set(in bytes<Max> a); }",
            "2:26: no constant `Max` is declared above or imported",
        ),
        ("interface { Set_all(); }", "2:13: method names have no underscores"),
        ("interface { Set(); Set(); }", "2:20: `Set` is already declared"),
        (
            "interface { Set(in UInt8 a, in UInt8 a); }",
            "2:38: `a` is already declared",
        ),
        (
            "interface { Set(out UInt8 a, in UInt8 b); }",
            "2:39: the order is `in`, then `out`, then `error`",
        ),
        (
            "interface { Set(error UInt8 a, out UInt8 b); }",
            "2:42: the order is `in`, then `out`, then `error`",
        ),
        ("const UInt8 A = 256;", "2:17: 256 does not fit into 8 bits"),
        ("const SInt8 A = 128;", "2:17: 128 does not fit into 7 bits"),
        ("const UInt64 A = 1 << 64;", "2:18: the value does not fit into 64 bits"),
        (
            "const UInt64 A = 2 ** 3 ** 4;",
            "2:18: the value does not fit into 64 bits",
        ),
        ("const string<4> A = 1;", "2:17: a constant has an integer type"),
        ("const UInt8 UInt8 = 1;", "2:13: `UInt8` is a built-in type"),
        (
            "struct A { UInt8 a; } typedef UInt8 A;",
            "2:37: `A` is already declared",
        ),
        ("struct A { A a; }", "2:12: no type `A` is declared above or imported"),
        ("struct A { }", "2:8: a struct has at least one field"),
        ("union A { }", "2:7: a union has at least one field"),
        (
            "union A { UInt8 tag; }",
            "2:17: `tag` is what says which member a union holds",
        ),
        ("union A { UInt8 a; UInt8 a; }", "2:26: `a` is already declared"),
        (
            "union A { bytes<4> a; }",
            "2:20: a field must have a fixed size and hold no handles",
        ),
        (
            "struct A { array<UInt8, 1 << 22> a; array<UInt8, 1 << 22> b; }",
            "2:59: it is larger than a constant part may be: 2^23 - 1 bytes",
        ),
        ("struct Handle { UInt8 a; }", "2:8: `Handle` is a built-in type"),
        ("typedef UInt8 string;", "2:15: `string` is a built-in type"),
        (
            "struct A { Handle h; }",
            "2:19: a field must have a fixed size and hold no handles",
        ),
        (
            "struct A { string<4> s; }",
            "2:22: a field must have a fixed size and hold no handles",
        ),
        ("typedef bytes<0> A;", "2:15: a size is from 1 to 1073741824"),
        (
            "typedef sequence<string<4>, 4> A;",
            "2:9: items of `sequence` must have a fixed size and hold no handles",
        ),
        (
            "typedef array<Handle, 4> A;",
            "2:9: items of `array` must have a fixed size and hold no handles",
        ),
        (
            "interface { Set(in array<UInt8, 1 << 23> a); }",
            "2:13: message too large: at most 255 handles, 2^23 - 1 bytes of constant part and 2^30 of arena",
        ),
    ];
    for (body, message) in cases {
        assert_eq!(refusal(body), message, "{body}");
    }
}

#[test]
fn package_and_file_have_the_same_name() {
    let refused = |file, text| load(file, text).expect_err(text).to_string();
    assert_eq!(
        refused("demo/Lamp.idl", "package demo.Light"),
        "demo/Lamp.idl:1:9: package `demo.Light` must be in a file `demo/Light.idl`"
    );
    assert_eq!(
        refused("mydemo/Lamp.idl", "package demo.Lamp"),
        "mydemo/Lamp.idl:1:9: package `demo.Lamp` must be in a file `demo/Lamp.idl`"
    );
    let message = "`lamp`: the last part of a package's name starts with a capital and has no underscores";
    assert_eq!(
        refused("demo/lamp.idl", "package demo.lamp"),
        format!("demo/lamp.idl:1:9: {message}")
    );
}

#[test]
fn comments_directly_above_become_documentation() {
    let lamp = good(
        "\
// Licence.

// A lamp.
//
// Bright.
package demo.Lamp
// Not this.

const UInt8 A = 1; // nor this
// Doc of B.
const UInt8 B = A;
interface {
    // Sets.
    Set(
        // How bright.
        in UInt8 level
    );
}
",
    );
    assert_eq!(lamp.doc, "A lamp.\n\nBright.");
    assert_eq!(
        lamp.consts.iter().map(|c| c.doc.as_str()).collect::<Vec<_>>(),
        ["", "Doc of B."]
    );
    assert_eq!(lamp.methods[0].doc, "Sets.");
    assert_eq!(lamp.methods[0].request.fields[0].doc, "How bright.");
}

#[test]
fn operators_bind_as_in_arithmetic() {
    let value = |text: &str| good(&format!("package demo.Lamp const UInt64 A = {text};")).consts[0].value;
    assert_eq!(value("1 + 2 * 3"), 7);
    assert_eq!(value("(1 + 2) * 3"), 9);
    assert_eq!(value("1 << 2 + 3"), 32);
    assert_eq!(value("2 * 3 ** 2"), 18);
    assert_eq!(value("2 ** 3 ** 2"), 512);
    assert_eq!(value("0x10 + 0o10 /* eight */ + 10"), 34);
    assert_eq!(value("0X1f + 0O7"), 38);
}

#[test]
fn handles_move_to_the_front() {
    let lamp = good(
        "package demo.Lamp\ntypedef Handle Grip;\n\
         interface { Set(in UInt8 a, in Handle b, in UInt64 c, in Grip d, in string<3> e); }",
    );
    let request = &lamp.methods[0].request;
    let at: Vec<_> = request.fields.iter().map(|field| field.at).collect();
    assert_eq!(at, [56, 24, 64, 40, 72]);
    assert_eq!((request.constant, request.handles, request.arena_max), (80, 2, 4));
    assert_eq!(request.fields[3].ty, Type::Handle);
}

#[test]
fn unions_have_a_tag_and_one_body() {
    let lamp = good(
        "package demo.Lamp\nstruct Pair { UInt8 a; UInt64 b; }\n\
         union Either { UInt8 small; Pair pair; UInt32 number; }\nunion Small { UInt8 a; UInt16 b; }\n\
         interface { Set(in UInt8 first, in Either either, in array<Small, 2> two); }",
    );
    let sizes: Vec<_> = lamp.structs.iter().map(|item| (item.bytes, item.align)).collect();
    assert_eq!(sizes, [(16, 8), (24, 8), (8, 4)]);
    let at: Vec<_> = lamp.structs[1].fields.iter().map(|field| field.at).collect();
    assert_eq!(at, [8, 8, 8]);
    let at: Vec<_> = lamp.methods[0].request.fields.iter().map(|field| field.at).collect();
    assert_eq!(at, [24, 32, 56]);
    assert_eq!(lamp.methods[0].request.constant, 72);
}

#[test]
fn sizes_of_the_platform_are_those_of_aarch64() {
    let lamp = good("package demo.Lamp interface { Set(in UInt8 a, in UIntSize b, in UIntPtr c); }");
    let fields = &lamp.methods[0].request.fields;
    assert_eq!(fields[1].ty, Type::Int("u64", 8));
    assert_eq!(fields.iter().map(|field| field.at).collect::<Vec<_>>(), [24, 32, 40]);
}

/// Whoever writes a description must not be able to exhaust the stack of whoever reads it.
#[test]
fn nesting_and_length_are_bounded() {
    let (open, close) = ("(".repeat(65), ")".repeat(65));
    let message = refusal(&format!("const UInt8 A = {open}1{close};"));
    assert_eq!(message, "2:82: nested more than 64 deep");
    let message = refusal(&format!("const UInt64 A = {}1;", "1 + ".repeat(64)));
    assert_eq!(message, "2:274: an expression has at most 64 operands");
    let message = refusal(&format!("typedef {} A;", "sequence<".repeat(66)));
    assert_eq!(message, "2:594: nested more than 64 deep");
    let grown: String = (1..70)
        .map(|i| format!("typedef array<T{}, 1> T{i};\n", i - 1))
        .collect();
    let message = refusal(&format!("typedef UInt8 T0;\n{grown}"));
    assert_eq!(message, "67:9: containers are nested more than 64 deep");
    let deep = format!("const UInt64 A = {}1{};", "(".repeat(60), ")".repeat(60));
    assert_eq!(good(&format!("package demo.Lamp {deep}")).consts[0].value, 1);
}

#[test]
fn package_of_types_has_no_interface() {
    let types = good("package demo.Lamp struct A { UInt8 a; };");
    let text = crate::rust::generate(&types, 1);
    assert!(text.contains("pub struct A {") && !text.contains("Client"));
}
