// SPDX-License-Identifier: MIT OR Apache-2.0
//! Components and classes of processes.

use crate::{Error, Files, Library, parse};

const LAMP: &str = "package a.Lamp interface { Set(in UInt8 level, out UInt8 before); }";
const GUARD: &str = "package a.Guard interface { Ask(in UInt32 what); }";
const TYPES: &str = "package a.Types const UInt8 A = 1;";

fn library(files: &[(&str, &str)]) -> Library {
    let fixed = [("a/Lamp.idl", LAMP), ("a/Guard.idl", GUARD), ("a/Types.idl", TYPES)];
    Library::new(Files::texts(fixed).with(files.iter().copied()))
}

fn refusal(files: &[(&str, &str)]) -> String {
    let class = library(files).class("a.House");
    class
        .map(|class| class.endpoints.clone())
        .expect_err("it is wrong")
        .to_string()
}

/// The endpoints of `a.House`: names and interfaces.
fn endpoints(files: &[(&str, &str)]) -> Result<Vec<(String, String)>, Error> {
    let class = library(files).class("a.House")?;
    let pair = |endpoint: &crate::model::Endpoint| (endpoint.name.clone(), endpoint.interface.clone());
    Ok(class.endpoints.iter().map(pair).collect())
}

#[test]
fn endpoints_have_qualified_names() {
    let house = "\
// A house.
entity a.House
security a.Guard
endpoints {
    // The door's.
    door : a.Lamp
}
components { hall : a.Chain attic : a.Tree }";
    let files = [
        ("a/House.edl", house),
        (
            "a/Chain.cdl",
            "component a.Chain endpoints { first : a.Lamp second : a.Guard }",
        ),
        (
            "a/Tree.cdl",
            "component a.Tree components { left : a.Chain right : a.Chain }",
        ),
    ];
    let found = endpoints(&files).expect("it is right");
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "hall.first",
            "hall.second",
            "attic.left.first",
            "attic.left.second",
            "attic.right.first",
            "attic.right.second",
            "door"
        ]
    );
    assert_eq!(found[5].1, "a.Guard");
    let class = library(&files).class("a.House").expect("it is right");
    assert_eq!(
        (class.doc.as_str(), class.security.as_deref()),
        ("A house.", Some("a.Guard"))
    );
    assert_eq!(class.endpoints[6].doc, "The door's.");
    assert_eq!(endpoints(&[("a/House.edl", "task class a.House")]), Ok(vec![]));
}

#[test]
fn syntax_errors_say_where_and_what_was_expected() {
    let cases = [
        ("", "1:1: expected `task class` or `entity`, found the end of the file"),
        ("class a.House", "1:1: expected `task class` or `entity`, found `class`"),
        ("task a.House", "1:6: expected `class`, found `a`"),
        ("task class", "1:11: expected a name, found the end of the file"),
        ("task class a.", "1:14: expected a name, found the end of the file"),
        (
            "task class a.House interface {}",
            "1:20: expected `security`, `endpoints`, `components` or the end of the file, found `interface`",
        ),
        (
            "task class a.House endpoints {} endpoints {}",
            "1:33: expected `security`, `components` or the end of the file, found `endpoints`",
        ),
        (
            "task class a.House components {} endpoints {} security a.Guard security a.Guard",
            "1:64: expected the end of the file, found `security`",
        ),
        (
            "task class a.House security",
            "1:28: expected a name, found the end of the file",
        ),
        ("task class a.House endpoints a", "1:30: expected `{`, found `a`"),
        ("task class a.House endpoints { a }", "1:34: expected `:`, found `}`"),
        (
            "task class a.House endpoints { a : }",
            "1:36: expected a name, found `}`",
        ),
        (
            "task class a.House endpoints { 1 : a.Lamp }",
            "1:32: expected a name, found `1`",
        ),
        (
            "task class a.House endpoints { a : a.Lamp",
            "1:42: expected a name, found the end of the file",
        ),
        (
            "task class a.House endpoints { a : a.Lamp; }",
            "1:42: expected a name, found `;`",
        ),
    ];
    for (text, message) in cases {
        let message = format!("a/House.edl:{message}");
        assert_eq!(refusal(&[("a/House.edl", text)]), message, "{text}");
    }
    let error = library(&[("a/Part.cdl", "task class a.Part")]).component("a.Part");
    assert_eq!(
        error.expect_err("it is a class").to_string(),
        "a/Part.cdl:1:1: expected `component`, found `task`"
    );
}

#[test]
fn names_lead_to_what_they_should() {
    let cases = [
        (
            "task class a.Home",
            "1:12: class `a.Home` must be in a file `a/Home.edl`",
        ),
        (
            "task class a.house",
            "1:12: `house`: the last part of a class's name starts with a capital and has no underscores",
        ),
        (
            "task class a.House endpoints { a : a.None }",
            "1:36: there is no file `a/None.idl`",
        ),
        (
            "task class a.House endpoints { a : a.Types }",
            "1:36: the package `a.Types` has no interface",
        ),
        (
            "task class a.House endpoints { a_b : a.Lamp }",
            "1:32: `a_b`: names of endpoints and instances have no underscores",
        ),
        (
            "task class a.House endpoints { a : a.Lamp a : a.Guard }",
            "1:43: `a` is already declared",
        ),
        (
            "task class a.House components { a : a.Lamp }",
            "1:37: there is no file `a/Lamp.cdl`",
        ),
        (
            "task class a.House components { a : a.Part a : a.Part }",
            "1:44: `a` is already declared",
        ),
        (
            "task class a.House security a.Lamp",
            "1:29: `Set` of a security interface has more than `in` parameters",
        ),
        (
            "task class a.House security a.Types",
            "1:29: the package `a.Types` has no interface",
        ),
    ];
    for (text, message) in cases {
        let message = format!("a/House.edl:{message}");
        assert_eq!(refusal(&[("a/House.edl", text)]), message, "{text}");
    }
    let files = [
        ("a/House.edl", "task class a.House components { a : a.Part }"),
        ("a/Part.cdl", "component a.Part components { b : a.Part }"),
    ];
    assert_eq!(
        refusal(&files),
        "a/Part.cdl:1:35: a circle: `a/Part.cdl` → `a/Part.cdl`"
    );
    let missing = library(&[]).class("a.House").expect_err("there is none").to_string();
    assert_eq!(missing, "a/House.edl:1:1: there is no file `a/House.edl`");
}

/// Two instances of two instances of … are many endpoints, from few lines.
#[test]
fn endpoints_are_bounded() {
    let mut files: Vec<_> = (1..40)
        .map(|i| {
            let inner = i - 1;
            let text = format!("component a.P{i} components {{ x : a.P{inner} y : a.P{inner} }}");
            (format!("a/P{i}.cdl"), text)
        })
        .collect();
    files.push((
        "a/P0.cdl".to_owned(),
        "component a.P0 endpoints { i : a.Lamp }".to_owned(),
    ));
    files.push((
        "a/House.edl".to_owned(),
        "task class a.House components { p : a.P39 }".to_owned(),
    ));
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    assert_eq!(refusal(&files), "a/P16.cdl:1:40: more than 65535 endpoints");
}

#[test]
fn what_is_printed_is_what_was_parsed() {
    let text = "\
// A house.
task class a.House

security a.Guard

endpoints {
    // The door's.
    door : a.Lamp
}

components {
    hall : a.Chain
}
";
    assert_eq!(parse::class(text).expect("it is right").to_string(), text);
    let old = text.replace("task class", "entity");
    assert_eq!(parse::class(&old).expect("it is right").to_string(), text);
    let component = text.replace("task class", "component");
    assert_eq!(
        parse::component(&component).expect("it is right").to_string(),
        component
    );
}
