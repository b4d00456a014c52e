// SPDX-License-Identifier: GPL-2.0-only
//! The outcome for a terminal.

use super::count::{Change, Counts, ratio};
use super::outcome::{FileDiff, Group, Measured, Status};
use std::fmt::Write;

/// The outcome as a table; of files only those that are not upstream's as they are, unless `with_same`.
#[must_use]
pub fn table(measured: &Measured, with_same: bool) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, measured, with_same);
    out
}

fn write(out: &mut String, measured: &Measured, with_same: bool) -> std::fmt::Result {
    writeln!(out, "{} → {}", clean(&measured.upstream), clean(&measured.ported))?;
    writeln!(
        out,
        "\nLines of upstream; added, removed, modified lines, and per hundred; the same of code alone; lines of which\n\
         only the comment changed, or only the layout.\n"
    )?;
    let mut rows = vec![header("DRIVER")];
    rows.extend(
        measured
            .drivers
            .iter()
            .map(|group| row(&group.driver, &group.counts, group.percent, group.code_percent)),
    );
    let all = &measured.all;
    rows.push(row("in all", &all.counts, all.percent, all.code_percent));
    aligned(out, &rows)?;
    writeln!(out)?;
    let mut rows = vec![header("FILE")];
    let shown = measured
        .files
        .iter()
        .filter(|file| with_same || file.status != Status::Same);
    rows.extend(shown.map(file_row));
    if rows.len() > 1 {
        aligned(out, &rows)?;
        writeln!(out)?;
    }
    summary(out, measured)
}

fn header(first: &str) -> Vec<String> {
    [
        first, "LINES", "+", "-", "~", "%", "CODE", "+", "-", "~", "%", "COMMENT", "LAYOUT",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn row(name: &str, counts: &Counts, percent: Option<f64>, code_percent: Option<f64>) -> Vec<String> {
    let mut row = vec![clean(name), counts.upstream.lines.to_string()];
    let change = |row: &mut Vec<String>, change: &Change, percent: Option<f64>| {
        row.extend([change.added, change.removed, change.modified].map(|count| count.to_string()));
        row.push(percent_text(percent));
    };
    change(&mut row, &counts.total, percent);
    row.push(counts.upstream.code.to_string());
    change(&mut row, &counts.code, code_percent);
    row.push(counts.comments.changed().to_string());
    row.push(counts.whitespace.changed().to_string());
    row
}

fn file_row(file: &FileDiff) -> Vec<String> {
    row(&what(file), &file.counts, file.percent, file.code_percent)
}

/// The file's name, and what became of it unless it changed in its place.
fn what(file: &FileDiff) -> String {
    let mut text = file.path.clone();
    if let Some(from) = &file.from {
        text = format!("{from} → {text}");
    }
    if !matches!(file.status, Status::Changed | Status::Renamed | Status::Unknown) {
        text = format!("{text} ({})", file.status.name());
    }
    if file.is_binary {
        text.push_str(" (binary)");
    }
    if file.problem.is_some() {
        text.push_str(" (NOT COMPARED)");
    }
    text
}

/// Per hundred, to two places; what is not nothing never reads as nothing.
pub(super) fn percent_text(percent: Option<f64>) -> String {
    match percent {
        None => "-".to_owned(),
        Some(percent) if percent > 0.0 && percent < 0.01 => "<0.01".to_owned(),
        Some(percent) => format!("{percent:.2}"),
    }
}

fn aligned(out: &mut String, rows: &[Vec<String>]) -> std::fmt::Result {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|text| text.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let mut line = String::new();
        for (index, (text, width)) in row.iter().zip(&widths).enumerate() {
            if index == 0 {
                write!(line, "{text:<width$}")?;
            } else {
                write!(line, "  {text:>width$}")?;
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// What became of a group's files, in words.
pub(super) fn files_text(group: &Group) -> String {
    let order = [
        Status::Same,
        Status::Changed,
        Status::Renamed,
        Status::Added,
        Status::Removed,
        Status::Unknown,
    ];
    let count = |status: Status| {
        group
            .files
            .get(status.name())
            .map(|count| format!("{count} {}", status.name()))
    };
    let counts: Vec<String> = order.into_iter().filter_map(count).collect();
    counts.join(", ")
}

fn summary(out: &mut String, measured: &Measured) -> std::fmt::Result {
    let (all, cost) = (&measured.all, &measured.cost);
    writeln!(out, "files       {}", files_text(all))?;
    writeln!(
        out,
        "numstat     +{} -{} over all files, as git diff --numstat counts",
        all.insertions, all.deletions
    )?;
    writeln!(
        out,
        "own files   {} lines, {} of code; left out: {} lines, {} of code",
        all.new.lines, all.new.code, all.left_out.lines, all.left_out.code
    )?;
    if all.counts.masked > 0 {
        writeln!(
            out,
            "masked      {} lines of code went into comments or came out of them without a change of their own",
            all.counts.masked
        )?;
    }
    if let Some(glue) = &measured.glue {
        writeln!(
            out,
            "glue        {} files in {}: {} lines of code by hand, {} generated; glue ÷ reused {}",
            glue.files,
            clean(&glue.folders.join(", ")),
            glue.by_hand.code,
            glue.generated.code,
            glue_ratio(measured)
        )?;
    }
    writeln!(
        out,
        "cost        generated {} · by hand {} · changed {} lines of code; {} reused",
        cost.generated, cost.by_hand, cost.changed, cost.reused
    )?;
    if measured.files.iter().any(|file| !file.is_minimal) {
        writeln!(
            out,
            "note        in files of over 60,000 lines the changed lines may not be the fewest there can be"
        )?;
    }
    if measured.is_limited {
        writeln!(
            out,
            "note        too many files came and went: only those with one name were looked at as renamed"
        )?;
    }
    Ok(())
}

/// Glue for each line that is reused, per hundred.
pub(super) fn glue_ratio(measured: &Measured) -> String {
    let glue = measured.glue.as_ref().map_or(0, |glue| glue.by_hand.code);
    match measured.cost.reused {
        0 => "-".to_owned(),
        reused => format!("{} %", percent_text(Some(ratio(glue, reused) * 100.0))),
    }
}

/// A name as it may go to a terminal: it may come from a hostile tree, and hold sequences that move the cursor.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
