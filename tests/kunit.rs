// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: Linux's own `KUnit` suites pass in a domain as they pass on Linux, and fail when what they test is
//! broken.

mod common;

use common::{Place, Said};
use serde_json::Value;

fn lines(said: &Said) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    said.out.lines().map(parse).collect()
}

/// All that one suite says of itself.
#[track_caller]
fn suite<'a>(lines: &'a [Value], name: &str) -> &'a Value {
    let found = lines.iter().find(|line| line["suite"] == name);
    found.unwrap_or_else(|| panic!("no suite {name}"))
}

/// Cases that passed, of all suites whose cases were compared with a run of Linux.
fn compared(lines: &[Value]) -> (u64, u64) {
    let of = lines.iter().filter(|line| line["compared"] == true);
    of.fold((0, 0), |(passed, expected), line| {
        let number = |key: &str| line[key].as_u64().unwrap_or(0);
        (passed + number("passed"), expected + number("expected"))
    })
}

/// Suites of several kinds: threads and time, sensors, `lib/`, and modules that count for themselves.
const SOME: [&str; 8] = [
    "KUNIT_EXAMPLE_TEST",
    "LIST_KUNIT_TEST",
    "IIO_RESCALE_KUNIT_TEST",
    "RTC_LIB_KUNIT_TEST",
    "TEST_XARRAY",
    "TEST_IDA",
    "TEST_PRINTF",
    "TEST_SCANF",
];

#[test]
fn every_suite_passes_as_on_linux() {
    let said = Place::new().run(&["kunit", "--json"]).succeeds();
    let lines = lines(&said);
    let (passed, expected) = compared(&lines);
    // `clk-gate` passes here and not there: UML emulates I/O memory in another way.
    assert!(
        passed >= expected && expected > COMPARED_AT_LEAST,
        "{passed} of {expected}"
    );
    assert_eq!(suite(&lines, "test_xarray")["passed"], XARRAY_CHECKS);
    assert_eq!(suite(&lines, "test_ida")["passed"], IDA_CHECKS);
    let regmap = suite(&lines, "regmap");
    let rows = regmap["cases"].as_array().map(|cases| {
        let rows = cases.iter().filter_map(|case| case["rows"].as_u64());
        (cases.len(), rows.sum::<u64>())
    });
    assert_eq!(rows, Some((36, 396)));
}

/// Of the cases that Linux passes, how many the suites that run here have at the least.
const COMPARED_AT_LEAST: u64 = 370;
/// What these modules count. On UML `test_xarray` makes 768 checks more: how many follows from the
/// configuration, and its nodes have 64 slots there and 16 here (`CONFIG_BASE_SMALL`).
const XARRAY_CHECKS: u64 = 6_781_596;
const IDA_CHECKS: u64 = 147_357;

#[test]
fn some_suites_pass_on_the_older_kernel() {
    let place = Place::new();
    let words: Vec<&str> = ["kunit", "--json", "--kernel", "6.1"].into_iter().chain(SOME).collect();
    let said = place.run(&words).succeeds();
    let lines = lines(&said);
    assert!(
        suite(&lines, "list-kunit-test")["passed"].as_u64() >= Some(30),
        "{said}"
    );
    assert!(
        suite(&lines, "test_xarray")["passed"].as_u64() >= Some(1_000_000),
        "{said}"
    );
}

#[test]
fn results_are_ktap() {
    let said = Place::new().run(&["kunit", "KUNIT_EXAMPLE_TEST"]).succeeds();
    for line in [
        "KTAP version 1",
        "1..1",
        "    # Subtest: KUNIT_EXAMPLE_TEST",
        "        ok 1 example_simple_test",
        "        ok 2 example_skip_test # SKIP this test should be skipped",
        "    ok 2 example",
        "ok 1 KUNIT_EXAMPLE_TEST",
    ] {
        assert!(said.out.lines().any(|other| other == line), "no {line:?} in {said}");
    }
}

#[test]
fn a_list_del_that_forgets_is_found() {
    let said = Place::new().run(&["kunit", "list-kunit-test", "--sabotage", "list_del"]);
    said.fails(1, &["list-kunit-test.list_test_list_del: not ok"]);
    assert!(said.out.contains("not ok 1 LIST_KUNIT_TEST"), "{said}");
}

#[test]
fn a_cache_sync_that_does_nothing_is_found() {
    let said = Place::new().run(&["kunit", "regmap", "--sabotage", "regcache_sync"]);
    said.fails(1, &["regmap.cache_sync_marked_dirty: not ok"]);
    // What does not sync is as it was.
    assert!(!said.err.contains("regmap.basic_read_write: not ok"), "{said}");
}

#[test]
fn a_thread_that_never_runs_is_found() {
    let said = Place::new().run(&["kunit", "bits-test", "--sabotage", "kthread"]);
    said.fails(1, &["bits-test.genmask_test: not ok"]);
    assert!(said.out.contains("try timed out"), "{said}");
}

#[test]
fn an_unknown_suite_is_answered_with_the_nearest_names() {
    let place = Place::new();
    for (wrong, near) in [("regmop", "regmap"), ("list-kunit", "list-kunit-test")] {
        let said = place.run(&["kunit", wrong]);
        said.fails(2, &[&format!("no suite named {wrong:?} in Linux 6.12"), near]);
        assert_eq!(said.out, "");
    }
    place
        .run(&["kunit", "--kernel", "5.10"])
        .fails(2, &["expected 6.12 or 6.1"]);
}

#[test]
fn what_cannot_run_is_listed_with_the_reason() {
    let said = Place::new().run(&["kunit", "--list"]).succeeds();
    for line in [
        "REGMAP_KUNIT: runs",
        "KASAN_KUNIT_TEST: cannot run: a sanitizer of the kernel's own allocator; the shim has another",
    ] {
        assert!(said.out.lines().any(|other| other == line), "no {line:?} in {said}");
    }
}
