// SPDX-License-Identifier: GPL-2.0-only
//! Ctrl-C and its relatives: all processes end, and no temporary file, socket or process is left.

mod common;

use common::{LIMIT, Place, ProcessId, Running, descendants, wait_gone};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A run of two domains that has shown readings, and all its processes.
fn two_domains(place: &Place) -> (Running, Vec<ProcessId>) {
    let mut running = place.start(&["run", "adxl345", "bmg160", "--json", "--interval", "50"]);
    running.wait_until("readings of both", |running| {
        let (out, readings) = (running.out(), "\"time_s\"");
        let has = |driver: &str| out.lines().any(|line| line.contains(readings) && line.contains(driver));
        has("\"adxl345\"") && has("\"bmg160\"")
    });
    let processes = descendants(running.pid());
    for line in running.out().lines() {
        let report: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let Some(pid) = report["domain"]["pid"].as_i64() else {
            continue;
        };
        assert!(
            processes.iter().any(|process| i64::from(process.pid) == pid),
            "{pid} is no process of the run"
        );
    }
    // Two domains and their launcher at the least.
    assert!(processes.len() >= 3, "{processes:?}");
    assert_eq!(place.sockets().len(), 1);
    (running, processes)
}

#[test]
fn a_signal_ends_a_run_in_order_and_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let place = Place::new();
        let (running, processes) = two_domains(&place);
        running.signal(signal);
        let said = running.end();
        assert_eq!(said.code, Some(0), "{signal:?}: {said}");
        assert_eq!(said.err, "", "{signal:?}");
        wait_gone(&processes);
        assert_eq!(place.sockets(), [] as [PathBuf; 0]);
        let left: Vec<_> = std::fs::read_dir(place.path()).expect("the place").flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_client_of_a_run_that_ends_hears_of_it() {
    let place = Place::new();
    let (running, _) = two_domains(&place);
    let mut watching = place.start(&["watch", "adxl345", "in_accel_z_raw", "--interval", "10"]);
    watching.wait_out("\n");
    running.signal(Signal::INT);
    running.end();
    watching.end().fails(1, &["the domain has ended"]);
}

#[test]
fn a_killed_supervisor_takes_its_domains_along() {
    let place = Place::new();
    let (running, processes) = two_domains(&place);
    let mut watching = place.start(&["watch", "adxl345", "in_accel_z_raw", "--interval", "10"]);
    watching.wait_out("\n");
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, None);
    wait_gone(&processes);
    watching.end().fails(1, &["the domain has ended"]);
    // What it could not remove itself, the next one does.
    let stale = place.sockets();
    assert_eq!(stale.len(), 1);
    let (next, _) = two_domains(&place);
    assert!(!stale[0].exists());
    next.signal(Signal::INT);
    next.end();
    assert_eq!(place.sockets(), [] as [PathBuf; 0]);
}

/// All files below `dir` that are being made: their names begin with a dot.
fn half_made(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        // The kernel trees, to which a link leads, are not the build's.
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_hidden {
            found.push(entry.path());
        } else if is_dir {
            found.extend(half_made(&entry.path()));
        }
    }
    found
}

#[test]
fn a_signal_during_a_build_ends_it_and_leaves_nothing_half_made() {
    for words in [&["run", "adxl345", "--once"][..], &["build", "adxl345"]] {
        let place = Place::new();
        // An empty cache, but for the kernel trees and their index.
        let cache = place.path().join("cache");
        std::fs::create_dir(&cache).expect("a directory");
        for part in ["trees", "index"] {
            std::os::unix::fs::symlink(linux_headers::cache::dir().join(part), cache.join(part)).expect("a link");
        }
        let mut command = place.command(words);
        command.env("LINUX_COMPAT_CACHE", &cache);
        let running = Running::start(command);
        let begun = Instant::now();
        let compilers = loop {
            let processes = descendants(running.pid());
            if !half_made(&cache.join("objects")).is_empty() {
                break processes;
            }
            assert!(begun.elapsed() < LIMIT, "nothing is compiled: {}", running.err());
        };
        running.signal(Signal::TERM);
        running.end().fails(130, &["adxl345: interrupted"]);
        wait_gone(&compilers);
        assert_eq!(half_made(&cache), [] as [PathBuf; 0]);
        assert_eq!(place.sockets(), [] as [PathBuf; 0]);
    }
}

/// Rows of a table that is being made, in a cache of this test's own.
fn rows(cache: &Path) -> Vec<String> {
    let files = std::fs::read_dir(cache.join("matrix")).into_iter().flatten().flatten();
    let rows = files.filter(|file| file.path().extension().is_some_and(|end| end == "jsonl"));
    rows.flat_map(|file| {
        let text = std::fs::read_to_string(file.path()).unwrap_or_default();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn a_table_of_many_drivers_goes_on_where_it_was_interrupted() {
    const MODULES: [&str; 4] = ["adxl372_i2c", "bma400_i2c", "mxc4005", "bmg160_i2c"];
    let place = Place::new();
    let cache = place.path().join("cache");
    std::fs::create_dir(&cache).expect("a directory");
    for entry in std::fs::read_dir(linux_headers::cache::dir())
        .expect("a cache")
        .flatten()
    {
        if entry.file_name() != "matrix" {
            std::os::unix::fs::symlink(entry.path(), cache.join(entry.file_name())).expect("a link");
        }
    }
    let table = place.path().join("table.json");
    let start = |more: &[&str]| {
        let mut command = place.command(&["matrix", "--jobs", "1", "--limit", "60", "--json"]);
        command.arg(&table).args(MODULES).args(more);
        command.env("LINUX_COMPAT_CACHE", &cache);
        Running::start(command)
    };
    let mut running = start(&[]);
    running.wait_until("a row", |_| !rows(&cache).is_empty());
    running.signal(Signal::INT);
    running.end().fails(130, &["--resume"]);
    assert!(!table.exists(), "no half of a table");
    let kept = rows(&cache);
    assert!((1..MODULES.len()).contains(&kept.len()), "{kept:?}");

    start(&["--resume"]).end().succeeds();
    let text = std::fs::read_to_string(&table).expect("the table");
    let all: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let all = all[0]["rows"].as_array().expect("rows");
    assert_eq!(all.len(), MODULES.len());
    for row in kept {
        let row: serde_json::Value = serde_json::from_str(&row).expect("a row");
        // With the time that it took: it was not tried again.
        let is_it =
            |other: &&serde_json::Value| ["module", "level", "time_ms"].iter().all(|key| other[key] == row[key]);
        assert_eq!(all.iter().filter(is_it).count(), 1, "{row}");
    }
}
