// SPDX-License-Identifier: GPL-2.0-only
//! The rows of the table, and its form.

use super::Figures;

/// A row.
struct Row {
    name: &'static str,
    what: &'static str,
    unit: &'static str,
    must: f64,
    goal: f64,
    /// The figure that nothing can go below, and what it is.
    floor: Option<(&'static str, &'static str)>,
}

const fn row(name: &'static str, what: &'static str, unit: &'static str, must: f64, goal: f64) -> Row {
    Row {
        name,
        what,
        unit,
        must,
        goal,
        floor: None,
    }
}

const fn over(row: Row, floor: &'static str, what: &'static str) -> Row {
    Row {
        floor: Some((floor, what)),
        ..row
    }
}

const ROWS: [Row; 22] = [
    over(
        row("start", "start to first sample, adxl345", "us", 5000.0, 1500.0),
        "empty_start",
        "an empty process",
    ),
    row("boot", "  kernel initialisation, initcalls, probe", "us", 500.0, 150.0),
    over(
        row("private", "private memory of the adxl345 domain", "KiB", 384.0, 192.0),
        "empty_private",
        "an empty process",
    ),
    row("image", "image, stripped", "kB", 600.0, 400.0),
    over(
        row("read_inside", "attribute read, --isolation none", "ns", 400.0, 150.0),
        "call_inside",
        "one call inside",
    ),
    over(
        row("read_ratio", "attribute read from another process", "x", 1.3, 1.1),
        "round_trips",
        "the bare round trips",
    ),
    over(
        row("kmalloc_kfree_64", "kmalloc + kfree, 64 B", "ns", 20.0, 10.0),
        "clock",
        "reading the clock",
    ),
    over(
        row("task_switch", "task switch", "ns", 50.0, 20.0),
        "clock",
        "reading the clock",
    ),
    over(
        row("mutex_pair", "mutex, uncontended pair", "ns", 10.0, 4.0),
        "clock",
        "reading the clock",
    ),
    over(
        row("queue_work", "queue_work until it runs", "ns", 200.0, 80.0),
        "clock",
        "reading the clock",
    ),
    row(
        "ipc_round_trip",
        "client, server, client, 64 B, over hand-overs",
        "x",
        1.5,
        1.1,
    ),
    // Messages a second, of one pair: within 20 % of what the hand-overs alone would allow.
    row(
        "ipc_messages",
        "  hand-overs' messages a second over ours",
        "x",
        1.25,
        1.1,
    ),
    row(
        "neighbour",
        "a client's latency beside a flood of 4 threads",
        "x",
        2.0,
        1.5,
    ),
    row("mdl", "1 MiB by MDL over the same in a message", "x", 0.2, 0.15),
    row("verdict_50", "policy verdict, 50 domains", "ns", 300.0, 150.0),
    row("verdict_growth", "  200 domains over 50", "x", 1.5, 1.1),
    row(
        "reader_private",
        "private memory of the nxp-nci domain",
        "KiB",
        768.0,
        384.0,
    ),
    row("reader_image", "  its image, stripped", "kB", 900.0, 900.0),
    row(
        "tag_known",
        "a tag until its client knows, on the bus",
        "us",
        2000.0,
        2000.0,
    ),
    row(
        "apdu_beyond",
        "  an APDU beyond the bus's time at 400 kHz",
        "%",
        10.0,
        10.0,
    ),
    row("build_cold", "build of adxl345, empty cache", "s", 60.0, 30.0),
    over(
        row("build_warm", "build of adxl345, warm", "s", 1.0, 0.3),
        "command_start",
        "the command alone",
    ),
];

/// Rows that `--quick` leaves out.
const SLOW: [&str; 2] = ["build_cold", "build_warm"];

/// Prints the table, and what could not be measured.
pub(super) fn print(figures: &Figures) {
    println!(
        "{:<44}{:>12} {:<4}{:>9}{:>9}  {:<6} floor",
        "what", "measured", "", "must", "goal", ""
    );
    for row in &ROWS {
        let Some(value) = figures.get(row.name) else {
            println!(
                "{:<44}{:>12} {:<4}{:>9}{:>9}",
                row.what, "not measured", "", row.must, row.goal
            );
            continue;
        };
        let verdict = match value {
            v if v <= row.goal => "goal",
            v if v <= row.must => "must",
            _ => "MISSED",
        };
        let floor = row
            .floor
            .and_then(|(name, what)| figures.get(name).map(|floor| against(value, floor, row, what)));
        let line = format!(
            "{:<44}{:>12} {:<4}{:>9}{:>9}  {verdict:<6} {}",
            row.what,
            digits(value),
            row.unit,
            row.must,
            row.goal,
            floor.unwrap_or_default()
        );
        println!("{}", line.trim_end());
    }
    for line in &figures.absent {
        println!("not measured: {line}");
    }
}

fn against(value: f64, floor: f64, row: &Row, what: &str) -> String {
    if row.unit == "x" {
        return format!("against {what}: {} ns", digits(floor));
    }
    format!("x {:.1} of {what} ({} {})", value / floor, digits(floor), row.unit)
}

fn digits(value: f64) -> String {
    match value {
        v if v < 10.0 => format!("{v:.2}"),
        v if v < 100.0 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

/// Every row was measured and is what it must be.
pub(super) fn all_met(figures: &Figures, is_quick: bool) -> bool {
    let asked = ROWS.iter().filter(|row| !(is_quick && SLOW.contains(&row.name)));
    asked
        .into_iter()
        .all(|row| figures.get(row.name).is_some_and(|value| value <= row.must))
}
