// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: the whole sysfs tree of each driver's domain, on each kernel series: what is there, with what mode,
//! where links lead, and what every attribute says. Under virtual time nothing in it changes from run to run, so
//! nothing is left out.
//!
//! After a change that is wanted, `INSTA_UPDATE=always cargo test --test sysfs_tree` writes the snapshots anew. Look at
//! the difference: each line is something that a user of real Linux would see changed.

use linux_compat::client::{Client, EntryKind};
use linux_compat::system::{ClockKind, DriverSpec, System, SystemOptions};
use linux_headers::Series;
use std::fmt::Write;

/// Adds a directory and all below it: `mode name`, then a link's target or an attribute's text or errno.
fn walk(client: &mut Client, path: &str, tree: &mut String) {
    let mut entries = client.list(path).expect("a directory");
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let mut directories = Vec::new();
    for entry in entries {
        let name = if path.is_empty() {
            entry.name.clone()
        } else {
            format!("{path}/{}", entry.name)
        };
        let mode = entry.mode;
        let line = match entry.kind {
            EntryKind::Directory => {
                directories.push(name.clone());
                writeln!(tree, "d {mode:04o} {name}")
            }
            EntryKind::Link => writeln!(tree, "l {mode:04o} {name} -> {}", entry.target),
            EntryKind::File => writeln!(tree, "f {mode:04o} {name}{}", text(client, &name)),
        };
        line.expect("a string grows");
    }
    for directory in directories {
        walk(client, &directory, tree);
    }
}

/// What reading a file gives, as it stands behind its name.
fn text(client: &mut Client, path: &str) -> String {
    match client.read(path) {
        Ok(bytes) => format!(" = {:?}", String::from_utf8_lossy(&bytes)),
        Err(error) => match error.errno().and_then(|errno| errno.name()) {
            Some(errno) => format!(" ! {errno}"),
            None => panic!("{path}: {error}"),
        },
    }
}

fn tree(series: Series, driver: &str) -> String {
    let system = System::new(SystemOptions {
        series: Some(series),
        clock: ClockKind::Virtual,
        ..SystemOptions::default()
    })
    .expect("a system");
    let mut spec = DriverSpec::new(driver).expect("a board");
    spec.stimulus.accel = [1.0, 2.0, 9.81];
    spec.stimulus.rate = [1.0, 0.0, -1.0];
    let built = system.build(driver, &spec.board).expect("an image");
    let domain = system.start(&spec, &built).expect("the driver runs");
    let mut client = domain.client().expect("a client");
    let mut found = String::new();
    walk(&mut client, "", &mut found);
    found
}

macro_rules! snapshots {
    ($($name:ident: $series:ident $driver:literal;)*) => {$(
        #[test]
        fn $name() {
            let tree = tree(Series::$series, $driver);
            insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
                insta::assert_snapshot!(concat!("sysfs_", stringify!($name)), tree);
            });
        }
    )*};
}

snapshots! {
    adxl345_i2c_6_12: V6_12 "adxl345_i2c";
    adxl345_i2c_6_1: V6_1 "adxl345_i2c";
    adxl345_spi_6_12: V6_12 "adxl345_spi";
    adxl345_spi_6_1: V6_1 "adxl345_spi";
    bmg160_6_12: V6_12 "bmg160";
    bmg160_6_1: V6_1 "bmg160";
}
