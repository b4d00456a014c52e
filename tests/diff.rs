// SPDX-License-Identifier: GPL-2.0-only
//! `linux-compat diff`: worked examples whose every count is known by hand.

mod common;
mod ports;

use common::Place;
use ports::{CORE, CORE_PORTED, change, file, lines, measured, ported, upstream};
use std::collections::BTreeMap;

#[test]
fn a_port_worked_by_hand_gives_every_count() {
    let place = Place::new();
    let found = measured(&place, &[&upstream(&place), &ported(&place)]);

    let core = file(&found, "sensor/foo_core.c");
    assert_eq!(core["status"], "changed");
    assert_eq!(lines(&core["upstream"]), [15, 9, 4, 2]);
    assert_eq!(lines(&core["ported"]), [16, 10, 4, 2]);
    assert_eq!(change(&core["total"]), [1, 0, 4]);
    assert_eq!(change(&core["code"]), [1, 0, 1]);
    assert_eq!(change(&core["comments"]), [0, 0, 2]);
    assert_eq!(change(&core["whitespace"]), [0, 0, 1]);
    assert_eq!(
        (core["insertions"].as_u64(), core["deletions"].as_u64()),
        (Some(5), Some(4))
    );
    assert!((core["percent"].as_f64().expect("a number") - 100.0 * 5.0 / 15.0).abs() < 1e-9);
    assert!((core["code_percent"].as_f64().expect("a number") - 100.0 * 2.0 / 9.0).abs() < 1e-9);

    let bus = file(&found, "sensor/foo_bus.c");
    assert_eq!(
        (&bus["status"], &bus["from"]),
        (&"renamed".into(), &"sensor/foo_i2c.c".into())
    );
    assert_eq!((change(&bus["total"]), change(&bus["code"])), ([0, 1, 0], [0, 1, 0]));
    assert_eq!(file(&found, "sensor/foo.h")["status"], "same");
    assert_eq!(file(&found, "sensor/foo_spi.c")["status"], "removed");
    assert_eq!(file(&found, "port/port.c")["status"], "added");

    let all = &found["all"];
    let statuses: BTreeMap<&str, u64> = [
        ("added", 2),
        ("changed", 2),
        ("removed", 1),
        ("renamed", 1),
        ("same", 1),
    ]
    .into();
    assert_eq!(all["files"], serde_json::to_value(statuses).expect("JSON"));
    // Makefile 1 of 1, core 15, bus 8, header 2.
    assert_eq!(lines(&all["upstream"]), [26, 17, 6, 3]);
    assert_eq!((change(&all["total"]), change(&all["code"])), ([1, 1, 5], [1, 1, 2]));
    assert_eq!(
        (lines(&all["new"]), lines(&all["left_out"])),
        ([8, 6, 2, 0], [3, 1, 1, 1])
    );
    // Over all files: Makefile 1/1, core 5/4, bus 0/1, port.c 5/0, table.h 3/0, foo_spi.c 0/3.
    assert_eq!(
        (all["insertions"].as_u64(), all["deletions"].as_u64()),
        (Some(14), Some(9))
    );
    let cost = &found["cost"];
    assert_eq!(
        ["generated", "by_hand", "changed", "reused"].map(|key| cost[key].as_u64()),
        [Some(2), Some(4), Some(4), Some(14)]
    );
    assert_eq!(found["problems"], serde_json::json!([]));
}

#[test]
fn a_driver_is_its_core_its_buses_and_its_headers() {
    let place = Place::new();
    let found = measured(&place, &[&upstream(&place), &ported(&place)]);
    let driver = |path: &str| file(&found, path)["driver"].as_str().expect("a driver").to_owned();
    for path in ["sensor/foo_core.c", "sensor/foo_spi.c", "sensor/foo.h"] {
        assert_eq!(driver(path), "sensor/foo", "{path}");
    }
    assert_eq!(driver("sensor/Makefile"), "sensor/");
    assert_eq!(driver("port/port.c"), "port/port");
    let drivers = found["drivers"].as_array().expect("drivers");
    let foo = drivers
        .iter()
        .find(|driver| driver["driver"] == "sensor/foo")
        .expect("foo");
    assert_eq!(change(&foo["code"]), [1, 0, 1]);
    assert_eq!(foo["files"]["removed"], 1);
}

#[test]
fn glue_is_counted_beside_and_compared_with_nothing() {
    let place = Place::new();
    let (old, new) = (upstream(&place), ported(&place));
    let glue = format!("{new}/port");
    let found = measured(&place, &[&old, &new, "--glue", &glue]);
    assert_eq!(found["all"]["files"].get("added"), None);
    assert_eq!(found["glue"]["files"], 2);
    assert_eq!(lines(&found["glue"]["by_hand"]), [5, 4, 1, 0]);
    assert_eq!(lines(&found["glue"]["generated"]), [3, 2, 1, 0]);
    assert_eq!(
        (&found["cost"]["by_hand"], &found["cost"]["generated"]),
        (&4.into(), &2.into())
    );
    let said = place.run(&["diff", &old, &new, "--glue", &glue]).succeeds();
    assert!(
        said.out
            .contains("4 lines of code by hand, 2 generated; glue ÷ reused 28.57 %"),
        "{said}"
    );
}

#[test]
fn the_table_tells_the_same() {
    let place = Place::new();
    let said = place.run(&["diff", &upstream(&place), &ported(&place)]).succeeds();
    let row = |name: &str| -> Vec<String> {
        let line = said.out.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in {said}"));
        line.strip_prefix(name)
            .expect("the name")
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(
        row("sensor/foo_core.c"),
        ["15", "1", "0", "4", "33.33", "9", "1", "0", "1", "22.22", "2", "1"]
    );
    assert_eq!(
        row("in all"),
        ["26", "1", "1", "5", "26.92", "17", "1", "1", "2", "23.53", "2", "1"]
    );
    assert!(said.out.contains("sensor/foo_i2c.c → sensor/foo_bus.c"), "{said}");
    assert!(said.out.contains("numstat     +14 -9 over all files"), "{said}");
    assert!(
        said.out
            .contains("generated 2 · by hand 4 · changed 4 lines of code; 14 reused"),
        "{said}"
    );
}

#[test]
fn the_same_twice_differs_in_nothing() {
    let place = Place::new();
    let old = upstream(&place);
    let found = measured(&place, &[&old, &old]);
    assert_eq!(change(&found["all"]["total"]), [0, 0, 0]);
    assert_eq!(found["all"]["files"], serde_json::json!({"same": 5}));
    assert_eq!(found["cost"]["changed"], 0);
}

#[test]
fn two_files_are_each_other_whatever_they_are_called() {
    let place = Place::new();
    let (old, new) = (place.file("a.c", CORE), place.file("b.c", CORE_PORTED));
    let found = measured(&place, &[&old, &new]);
    assert_eq!(change(&file(&found, "b.c")["total"]), [1, 0, 4]);
}
