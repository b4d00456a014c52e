// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: programs for Linux use a domain by the preload library, compiled as they are: Linux's own tests of NCI
//! and of real-time clocks, and one that waits with `epoll`.

mod common;

use common::Place;
use linux_headers::{Locate, Series, Tree};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the library that gives programs a domain's sockets and devices.
fn preload() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "-p", "linux-compat-preload"])
        .current_dir(common::ROOT)
        .status();
    assert!(built.expect("cargo runs").success(), "the library builds");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the target directory");
    target.join("debug/liblinux_compat_preload.so")
}

/// A program of `tools/testing/selftests`, as its Makefile compiles it.
fn selftest(series: Series, place: &Place, source: &str) -> PathBuf {
    let source = format!("tools/testing/selftests/{source}");
    let wanted = Locate {
        series: Some(series),
        ..Locate::default()
    };
    let tree = Tree::locate(&wanted).and_then(Tree::completed).expect("the tree");
    assert_eq!(
        tree.verify(&source).expect("the test"),
        linux_headers::tree::Check::Pristine
    );
    let program = place.path().join("selftest");
    let compiled = Command::new("gcc")
        .args(["-D_GNU_SOURCE=", "-O2", "-Wl,-no-as-needed", "-w", "-o"])
        .arg(&program)
        .arg(tree.dir.join(source))
        .args(["-lrt", "-lpthread"])
        .status();
    assert!(compiled.expect("gcc runs").success(), "the test compiles");
    program
}

/// All eight tests of a program of Linux's pass against a driver's domain.
fn passes(series: Series, driver: &str, stimulus: Option<&str>, source: &str) {
    let place = Place::new();
    let program = selftest(series, &place, source);
    let series = series.to_string();
    let mut args = vec!["run", driver, "--kernel", &series, "--json"];
    args.extend(stimulus.iter().flat_map(|stimulus| ["--stimulus", stimulus]));
    let mut run = place.start(&args);
    run.wait_out(driver);
    let said = Command::new(program)
        .env("LD_PRELOAD", preload())
        .env("LINUX_COMPAT_DOMAIN", driver)
        .env("XDG_RUNTIME_DIR", place.path())
        .output()
        .expect("the test runs");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
    let is_whole = text.contains("# PASSED: 8 / 8 tests passed.") && !text.contains("skip ");
    assert!(said.status.success() && is_whole, "{text}{}", run.err());
    run.signal(Signal::INT);
    run.end().succeeds();
}

#[test]
fn linuxs_test_of_nci_passes_on_6_12() {
    passes(Series::V6_12, "virtual_ncidev", None, "nci/nci_dev.c");
}

#[test]
fn linuxs_test_of_nci_passes_on_6_1() {
    passes(Series::V6_1, "virtual_ncidev", None, "nci/nci_dev.c");
}

/// Two minutes, in which it waits for alarms. The clocks of both kernels wait at the same time.
#[test]
fn linuxs_test_of_clocks_passes_with_a_ds3231() {
    std::thread::scope(|scope| {
        for series in [Series::V6_12, Series::V6_1] {
            scope.spawn(move || passes(series, "rtc-ds1307", Some("time=1709251199"), "rtc/rtctest.c"));
        }
    });
}

/// A program that uses `epoll` says the same of this machine's sockets and of a domain's.
fn epoll_watches_a_domain(series: Series) {
    const NO_GENERIC_NETLINK: i32 = 77;
    let place = Place::new();
    let program = place.path().join("epoll");
    let compiled = Command::new("gcc")
        .args(["-Wall", "-Werror", "-o"])
        .arg(&program)
        .arg(Path::new(common::ROOT).join("tests/preload/epoll.c"))
        .arg("-lpthread")
        .status();
    assert!(compiled.expect("gcc runs").success(), "the test compiles");
    let here = Command::new(&program).output().expect("the test runs");
    assert!(
        here.status.success() || here.status.code() == Some(NO_GENERIC_NETLINK),
        "on this machine: {here:?}"
    );
    let mut run = place.start(&["run", "virtual_ncidev", "--kernel", &series.to_string(), "--json"]);
    run.wait_out("virtual_ncidev");
    let said = Command::new(&program)
        .env("LD_PRELOAD", preload())
        .env("LINUX_COMPAT_DOMAIN", "virtual_ncidev")
        .env("XDG_RUNTIME_DIR", place.path())
        .output()
        .expect("the test runs");
    assert!(said.status.success(), "{said:?}{}", run.err());
    run.signal(Signal::INT);
    run.end().succeeds();
}

#[test]
fn epoll_watches_a_domain_of_6_12() {
    epoll_watches_a_domain(Series::V6_12);
}

#[test]
fn epoll_watches_a_domain_of_6_1() {
    epoll_watches_a_domain(Series::V6_1);
}
