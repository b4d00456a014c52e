// SPDX-License-Identifier: GPL-2.0-only
//! `policy check|test|explain|diff|show` as a person and as a program uses them: what they print, and how they end.

mod common;

use common::Place;
use serde_json::Value;

const NO: i32 = 1;
const USAGE: i32 = 2;

const OWN_CHIP: &str =
    "request src=driver.Adxl345 dst=server.I2c0 interface=linuxcompat.I2c method=Xfer {msgs : [{addr : 0x53}]}";
const OTHER_CHIP: &str =
    "request src=driver.Adxl345 dst=server.I2c0 interface=linuxcompat.I2c method=Xfer {msgs : [{addr : 0x54}]}";

/// The policy that is made for adxl345, in a file, with `more` at its end.
fn file(place: &Place, name: &str, more: &str) -> String {
    let policy = place.run(&["policy", "show", "adxl345"]).succeeds().out;
    place.file(name, &format!("{policy}\n{more}"))
}

#[test]
fn a_policy_that_is_shown_checks_and_one_with_a_mistake_names_its_place() {
    let place = Place::new();
    let good = file(&place, "good.psl", "");
    let said = place.run(&["policy", "check", &good, "--json"]).succeeds();
    assert_eq!(said.json()["ok"], true, "{said}");
    assert!(said.json()["rules"].as_u64() > Some(10), "{said}");

    let bad = file(&place, "bad.psl", "execute src=nobody { grant () }\n");
    let lines = std::fs::read_to_string(&bad).expect("the file").lines().count();
    let at = format!("bad.psl:{lines}:");
    place.run(&["policy", "check", &bad]).fails(NO, &[&at, "nobody"]);
    let said = place.run(&["policy", "check", &bad, "--json"]);
    let object = said.json();
    assert_eq!(
        (&object["ok"], &object["line"]),
        (&Value::from(false), &Value::from(lines)),
        "{said}"
    );
    said.fails(NO, &[]);
    place.run(&["policy", "check", "nosuch.psl"]).fails(NO, &["nosuch.psl"]);
}

#[test]
fn tests_in_a_policy_pass_fail_or_are_missed() {
    let place = Place::new();
    let none = file(&place, "none.psl", "");
    place.run(&["policy", "test", &none]).fails(NO, &["no tests", "assert"]);

    let set = |rule: &str| format!("assert \"the bus\" {{ sequence \"its own chip\" {{ {rule} {OWN_CHIP} }} }}\n");
    let passing = file(&place, "passing.psl", &set("grant"));
    let said = place.run(&["policy", "test", &passing]).succeeds();
    assert!(said.out.contains("1 tests, 0 failed"), "{said}");

    let failing = file(&place, "failing.psl", &set("deny"));
    let said = place.run(&["policy", "test", &failing, "--json"]);
    let object = said.json();
    assert_eq!(object["passed"], false, "{said}");
    assert_eq!(object["failures"][0]["decided"]["verdict"], "granted", "{said}");
    said.fails(NO, &[]);
}

#[test]
fn explain_names_the_rule_and_ends_as_the_verdict_says() {
    let place = Place::new();
    let policy = file(&place, "policy.psl", "");
    let said = place
        .run(&["policy", "explain", &policy, OWN_CHIP, "--json"])
        .succeeds();
    let object = said.json();
    assert_eq!(object["verdict"], "granted", "{said}");
    assert!(
        object["text"].as_str().is_some_and(|text| text.contains("0x53")),
        "{said}"
    );

    let said = place.run(&["policy", "explain", &policy, OTHER_CHIP]);
    assert!(said.out.contains("denied") && said.out.contains("0x53"), "{said}");
    said.fails(NO, &[]);
    place
        .run(&["policy", "explain", &policy, "nonsense"])
        .fails(NO, &["message:1:9: expected"]);
    place.run(&["policy", "explain", &policy]).fails(USAGE, &["MESSAGE"]);
}

#[test]
fn a_difference_between_policies_is_shown_and_ends_with_one() {
    let place = Place::new();
    let before = file(&place, "before.psl", "");
    let same = place.run(&["policy", "diff", &before, "adxl345"]).succeeds();
    assert!(same.out.contains("no interaction changes"), "{same}");

    let more =
        "request src=driver.Adxl345 dst=server.Gpio interface=linuxcompat.Gpio { match method=Get { grant () } }\n";
    let after = file(&place, "after.psl", more);
    let said = place.run(&["policy", "diff", &before, &after, "--json"]);
    let object = said.json();
    assert!(
        object["interaction"]
            .as_str()
            .is_some_and(|text| text.contains("Gpio.Get")),
        "{said}"
    );
    assert_eq!(object["before"], Value::Array(Vec::new()), "{said}");
    said.fails(NO, &[]);
}
