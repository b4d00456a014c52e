// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: what `policy show --edl` and `--init` print for a driver fits together, with nothing added, and the
//! policy names no class that they lack.

mod common;

use common::Place;
use kos_idl::{Files, Library};
use kos_init::{Init, Rules, System};
use std::collections::BTreeMap;

#[test]
fn a_drivers_classes_and_processes_fit_together() {
    let place = Place::new();
    let show = |what: &str| {
        place
            .run(&["policy", "show", "bmg160", what, "--json"])
            .succeeds()
            .json()
    };
    let files: BTreeMap<String, String> = serde_json::from_value(show("--edl")["files"].clone()).expect("texts");
    let init = Init::parse("init.yaml", show("--init")["init"].as_str().expect("a text")).expect("it can be read");
    let mut library = Library::new(Files::texts(files));
    let system = System::check(&init, &mut library, &Rules::default()).expect("it fits together");
    assert!(system.riid("driver.Bmg160", "i2c0", "bus.i2c").is_some());
    assert!(system.riid("linuxcompat.Client", "driver.Bmg160", "sysfs").is_some());

    let policy = place.run(&["policy", "show", "bmg160"]).succeeds().out;
    let classes: Vec<_> = policy
        .lines()
        .filter_map(|line| line.strip_prefix("use EDL "))
        .collect();
    assert!(
        classes.contains(&"driver.Bmg160") && classes.contains(&"server.Log"),
        "{classes:?}"
    );
    for class in classes {
        assert!(library.class(class).is_ok(), "{class}");
    }
}

#[test]
fn for_people_only_what_is_the_drivers_own_is_printed() {
    let place = Place::new();
    let said = place.run(&["policy", "show", "bmg160", "--edl"]).succeeds().out;
    let files: Vec<_> = said.lines().filter(|line| line.ends_with(".edl")).collect();
    assert_eq!(
        files,
        ["// driver/Bmg160.edl", "// server/Gpio.edl", "// server/I2c0.edl"],
        "{said}"
    );
    place
        .run(&["policy", "show", "bmg160", "--edl", "--init"])
        .fails(2, &["cannot be used with"]);
}
