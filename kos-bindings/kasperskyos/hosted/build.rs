// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compiles the tests' C programs against the declarations, for the tests to be linked with.

fn main() {
    let sources = [
        "tests/c/harness.c",
        "tests/c/ipc.c",
        "tests/c/late.c",
        "tests/c/handles.c",
        "tests/c/notices.c",
        "tests/c/machine.c",
        "tests/c/boundary.c",
        "tests/c/generated.c",
        "../lc_kos.c",
    ];
    for path in ["tests/c", "../include", "../lc_kos.c", "../lc_kos.h"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let objects = cc::Build::new()
        .std("c17")
        .include("../include")
        .include("..")
        .include("tests/c")
        .warnings_into_errors(true)
        .extra_warnings(true)
        .files(sources)
        .compile_intermediates();
    // Objects, not a library: each is linked, whoever refers to it.
    for object in objects {
        println!("cargo::rustc-link-arg-tests={}", object.display());
    }
}
