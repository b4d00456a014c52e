// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each point of `docs/ipc.md`'s list and each return code that is documented, with the tests that show it: through
//! Rust (`kos-bindings/tests/conformance/`) and through C (`tests/c/`). A point or code without either fails.
//!
//! Tests through Rust are `pNN_…` and `rc_…`, those through C name what they show before a colon. A test for a code
//! must have the code in it.

use std::fmt::Write as _;

const POINTS: [&str; 16] = [
    "three primitives only",
    "two-part messages",
    "strict validation before delivery",
    "a default-deny policy on every message",
    "many client threads, one listener",
    "stage-limited interruption",
    "handles",
    "notices",
    "an interrupt is a thread that receives",
    "milliseconds; memory is never executable",
    "static channels first, dynamic ones second",
    "bulk data by MDL; DMA buffers",
    "the death of a process",
    "one class for each domain",
    "numbers and layouts are data",
    "buffers are ordinary memory",
];

/// By their names in C, in Rust, and in the names of tests.
const CODES: [(&str, &str, &str); 15] = [
    ("rcOk", "Ok(", "rc_ok"),
    ("rcFail", "Retcode::FAIL", "rc_fail"),
    ("rcInvalidArgument", "Retcode::INVALID_ARGUMENT", "rc_invalid_argument"),
    (
        "rcSecurityDisallow",
        "Retcode::SECURITY_DISALLOW",
        "rc_security_disallow",
    ),
    ("rcNotConnected", "Retcode::NOT_CONNECTED", "rc_not_connected"),
    ("rcBusy", "Retcode::BUSY", "rc_busy"),
    ("rcAlreadyExists", "Retcode::ALREADY_EXISTS", "rc_already_exists"),
    ("rcHandleRevoked", "Retcode::HANDLE_REVOKED", "rc_handle_revoked"),
    ("rcIpcInterrupt", "Retcode::IPC_INTERRUPT", "rc_ipc_interrupt"),
    ("rcTimeout", "Retcode::TIMEOUT", "rc_timeout"),
    ("NK_EOK", "Ok", "rc_nk_eok"),
    ("NK_EPERM", "NkErr::Perm", "rc_nk_eperm"),
    ("NK_EINVAL", "NkErr::Inval", "rc_nk_einval"),
    ("NK_ENOENT", "NkErr::NoEnt", "rc_nk_enoent"),
    ("NK_EBADMSG", "NkErr::BadMsg", "rc_nk_ebadmsg"),
];

/// A test's name and what it does.
struct Test {
    name: String,
    body: String,
}

/// The text of each file of a folder of this package.
fn files(dir: &str, extension: &str) -> Vec<String> {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let paths = std::fs::read_dir(dir)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| std::fs::read_to_string(path).expect("text"))
        .collect()
}

/// From a function's opening line to the brace in the first column.
fn body_of<'a>(text: &'a str, opening: &str) -> Option<&'a str> {
    let from = text.find(opening)?;
    let len = text[from..].find("\n}")?;
    Some(&text[from..from + len])
}

fn through_rust() -> Vec<Test> {
    let mut tests = Vec::new();
    for file in files("../../tests/conformance", "rs") {
        for part in file.split("#[test]\nfn ").skip(1) {
            let (name, _) = part.split_once('(').expect("a function");
            let body = body_of(part, name).expect("a body").to_owned();
            tests.push(Test {
                name: name.to_owned(),
                body,
            });
        }
    }
    tests
}

/// Those that the lists have, which is those that run.
fn through_c() -> Vec<Test> {
    let mut tests = Vec::new();
    for file in files("tests/c", "c") {
        let Some((_, list)) = file.split_once("const struct scenario ") else {
            continue;
        };
        for line in list.lines().filter_map(|line| line.trim().strip_prefix("{ \"")) {
            let (name, functions) = line.split_once("\", ").expect("a scenario");
            let functions = functions
                .trim_end_matches(" },")
                .split(", ")
                .filter(|name| *name != "RTL_NULL");
            let bodies = functions.map(|name| body_of(&file, &format!("void {name}(void)\n")).expect(name));
            // Behind each stands what its helpers do, which are above it.
            let body = bodies.collect::<String>();
            tests.push(Test {
                name: name.to_owned(),
                body,
            });
        }
    }
    tests
}

/// What a scenario says that it shows.
fn tags(test: &Test) -> impl Iterator<Item = &str> {
    test.name.split_once(": ").map_or("", |(tags, _)| tags).split(' ')
}

#[test]
fn each_point_and_each_return_code_is_shown_through_rust_and_through_c() {
    let (rust, c) = (through_rust(), through_c());
    let mut gaps = String::new();
    let mut row = |what: &str, rust: Vec<&str>, c: Vec<&str>| {
        println!("{what}\n    Rust: {}\n    C: {}", rust.join(", "), c.join(", "));
        for (through, tests) in [("Rust", rust), ("C", c)] {
            if tests.is_empty() {
                writeln!(gaps, "{what}: not shown through {through}").expect("room");
            }
        }
    };
    for (at, what) in POINTS.iter().enumerate() {
        let tag = format!("p{:02}", at + 1);
        let rust = rust.iter().filter(|test| test.name.starts_with(&format!("{tag}_")));
        let c = c.iter().filter(|test| tags(test).any(|found| found == tag));
        row(
            &format!("{tag} {what}"),
            rust.map(|test| &*test.name).collect(),
            c.map(|test| &*test.name).collect(),
        );
    }
    for (name, constant, prefix) in CODES {
        let rust = rust
            .iter()
            .filter(|test| test.name.starts_with(&format!("{prefix}_")) && test.body.contains(constant));
        let c = c
            .iter()
            .filter(|test| tags(test).any(|found| found == name) && test.body.contains(name));
        row(
            name,
            rust.map(|test| &*test.name).collect(),
            c.map(|test| &*test.name).collect(),
        );
    }
    assert_eq!(gaps, "");
}

/// A name that says less than it should, or what is not in the list.
#[test]
fn every_test_says_what_it_shows() {
    let known = |tag: &str| {
        let point = tag.strip_prefix('p').and_then(|number| number.parse().ok());
        point.is_some_and(|number: usize| (1..=POINTS.len()).contains(&number))
            || CODES.iter().any(|(name, _, prefix)| tag == *name || tag == *prefix)
    };
    for test in through_c() {
        for tag in tags(&test) {
            assert!(known(tag), "{}: {tag}", test.name);
            let is_code = CODES.iter().any(|(name, ..)| tag == *name);
            assert!(
                !is_code || test.body.contains(tag),
                "{} does not have the code",
                test.name
            );
        }
    }
    for test in through_rust() {
        let is_known = known(test.name.split('_').next().expect("a word"))
            || CODES.iter().any(|(_, constant, prefix)| {
                test.name.starts_with(&format!("{prefix}_")) && test.body.contains(constant)
            });
        assert!(is_known, "{}", test.name);
    }
}
