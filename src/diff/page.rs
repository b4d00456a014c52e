// SPDX-License-Identifier: GPL-2.0-only
//! The outcome as a page: drivers and files as tables, and each place that differs.

use super::count::Counts;
use super::hunks::{Class, Hunk};
use super::measure::Contents;
use super::outcome::{FileDiff, Measured, Status};
use super::side::Side;
use super::text::{files_text, glue_ratio, percent_text};
use crate::html::{Cell, Column, Page, Table, Tone, grouped};
use std::io;

/// Lines around a place that differs.
const CONTEXT: usize = 3;
/// What a browser still opens without a wait, in bytes.
const MAX_PAGE: usize = 24 << 20;
/// Above so many files the table has only those that changed.
const MAX_ROWS: usize = 5000;
/// Lines shown of one file.
const MAX_LINES: usize = 5000;
/// Columns shown of one line.
const MAX_WIDTH: usize = 1000;

/// Makes the page; the places' lines are read again from the two sides.
///
/// # Errors
///
/// A side can no longer be listed.
pub fn page(measured: &Measured, upstream: &Side, ported: &Side) -> io::Result<String> {
    let mut page = Page::new(&format!("{} → {}", measured.upstream, measured.ported));
    facts(&mut page, measured);
    page.table(&drivers(measured));
    page.table(&files(measured));
    if !measured.problems.is_empty() {
        page.heading("Not compared");
        for problem in &measured.problems {
            page.text(&format!("{}: {}", problem.path, problem.what));
        }
    }
    let contents = Contents::new(upstream, ported)?;
    page.heading("What changed");
    let mut left_out = 0;
    for (index, file) in measured.files.iter().enumerate().filter(|(_, file)| is_shown(file)) {
        if page.len_bytes() > MAX_PAGE {
            left_out += 1;
        } else {
            places(&mut page, index, file, &contents);
        }
    }
    if left_out > 0 {
        page.text(&format!(
            "{left_out} more files changed; they are not shown: a page of over {} MiB is none. --path names a part.",
            MAX_PAGE >> 20
        ));
    }
    Ok(page.finish())
}

fn is_shown(file: &FileDiff) -> bool {
    !file.hunks.is_empty() && file.status.is_in_both()
}

fn facts(page: &mut Page, measured: &Measured) {
    let (all, cost) = (&measured.all, &measured.cost);
    let percent = |percent| format!("{} %", percent_text(percent));
    let mut facts = vec![
        ("changed lines", grouped(all.counts.total.changed())),
        ("of upstream's lines", percent(all.percent)),
        ("changed lines of code", grouped(all.counts.code.changed())),
        ("of upstream's code", percent(all.code_percent)),
        ("cost: generated", grouped(cost.generated)),
        ("cost: by hand", grouped(cost.by_hand)),
        ("cost: changed", grouped(cost.changed)),
        ("reused code", grouped(cost.reused)),
    ];
    if let Some(glue) = &measured.glue {
        facts.push(("glue by hand", grouped(glue.by_hand.code)));
        facts.push(("glue ÷ reused", glue_ratio(measured)));
    }
    page.facts(&facts);
    page.text(&format!(
        "Files: {}. Lines over all files, as git diff --numstat counts: +{} −{}. The cost is in lines of code. Of \
         the lines that go and come in one place, as many as there are of both count as modified.",
        files_text(all),
        all.insertions,
        all.deletions
    ));
}

fn columns(first: Column, more: Vec<Column>) -> Vec<Column> {
    let mut columns = vec![first];
    columns.extend(more);
    columns.push(Column::count("lines"));
    columns.extend(["added", "removed", "modified"].map(Column::count));
    columns.push(Column::number("%"));
    columns.push(Column::count("code"));
    columns.extend(["code added", "code removed", "code modified"].map(Column::count));
    columns.push(Column::number("code %"));
    columns.extend(["comments", "layout"].map(Column::count));
    columns
}

fn cells(counts: &Counts, percent: Option<f64>, code_percent: Option<f64>) -> Vec<Cell> {
    let share = |percent: Option<f64>| match percent {
        Some(value) => Cell::number(value, percent_text(percent)),
        None => Cell::text("-"),
    };
    let (total, code) = (&counts.total, &counts.code);
    let mut cells = vec![Cell::count(counts.upstream.lines)];
    cells.extend([total.added, total.removed, total.modified].map(Cell::count));
    cells.push(share(percent));
    cells.push(Cell::count(counts.upstream.code));
    cells.extend([code.added, code.removed, code.modified].map(Cell::count));
    cells.push(share(code_percent));
    cells.extend([counts.comments.changed(), counts.whitespace.changed()].map(Cell::count));
    cells
}

fn drivers(measured: &Measured) -> Table {
    let more = vec![Column::count("files")];
    let mut table = Table::new("Drivers", columns(Column::text("driver"), more));
    for group in &measured.drivers {
        let mut row = vec![
            Cell::text(&group.driver),
            Cell::count(group.files.values().sum::<u64>()).note(files_text(group)),
        ];
        row.extend(cells(&group.counts, group.percent, group.code_percent));
        table.row(row);
    }
    table
}

fn files(measured: &Measured) -> Table {
    let more = vec![
        Column::choice("status"),
        Column::choice("language"),
        Column::text("driver"),
    ];
    let with_same = measured.files.len() <= MAX_ROWS;
    let caption = if with_same { "Files" } else { "Files that changed" };
    let mut table = Table::new(caption, columns(Column::text("file"), more));
    let shown = measured.files.iter().enumerate();
    for (index, file) in shown.filter(|(_, file)| with_same || file.status != Status::Same) {
        let mut name = Cell::text(&file.path);
        if is_shown(file) {
            name = name.to(id(index));
        }
        if let Some(remark) = remark(file) {
            name = name.note(remark);
        }
        let status = Cell::text(file.status.name());
        let status = match (file.status, &file.problem) {
            (_, Some(_)) => status.bad(),
            (Status::Same, _) => status.good(),
            _ => status,
        };
        let mut row = vec![name, status, Cell::text(file.language), Cell::text(&file.driver)];
        row.extend(cells(&file.counts, file.percent, file.code_percent));
        table.row(row);
    }
    table
}

fn remark(file: &FileDiff) -> Option<String> {
    let from = file.from.as_ref().map(|from| format!("from {from}"));
    let likeness = file.likeness.map(|likeness| format!("{likeness} % alike"));
    let flags = [
        (file.is_binary, "binary"),
        (!file.is_utf8 && !file.is_binary, "not UTF-8"),
        (file.is_generated, "generated"),
        (!file.is_minimal, "perhaps not the fewest lines"),
    ];
    let flags = flags
        .into_iter()
        .filter(|(is_so, _)| *is_so)
        .map(|(_, text)| text.to_owned());
    let parts: Vec<String> = from
        .into_iter()
        .chain(likeness)
        .chain(flags)
        .chain(file.problem.clone())
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn id(index: usize) -> String {
    format!("file{index}")
}

/// The places of one file where it differs, with the lines around them.
fn places(page: &mut Page, index: usize, file: &FileDiff, contents: &Contents<'_>) {
    let total = &file.counts.total;
    let summary = format!("{}  +{} −{}", file.path, total.insertions(), total.deletions());
    let data = match contents.of(file) {
        Ok(data) => data,
        Err(error) => {
            let note = format!("cannot be read any more: {error}");
            page.folded(&id(index), &summary, [(Tone::Note, note.as_str())]);
            return;
        }
    };
    let [old, new] = data.each_ref().map(|data| lines(data));
    let mut shown: Vec<(Tone, String)> = Vec::new();
    let mut end = 0;
    for (nth, hunk) in file.hunks.iter().enumerate() {
        if shown.len() > MAX_LINES {
            let rest = file.hunks.len() - nth;
            shown.push((Tone::Note, format!("… and {rest} more places that are not shown")));
            break;
        }
        let next = file
            .hunks
            .get(nth + 1)
            .map_or(new.len(), |next| first(next.new_start, next.new_lines));
        place(&mut shown, hunk, &old, &new, end, next);
        end = (first(hunk.new_start, hunk.new_lines) + hunk.new_lines as usize + CONTEXT).min(next);
    }
    page.folded(
        &id(index),
        &summary,
        shown.iter().map(|(tone, line)| (*tone, line.as_str())),
    );
}

/// The index of a place's first line; of a place without lines, of the line that follows.
fn first(start: u32, count: u32) -> usize {
    (start as usize).saturating_sub(usize::from(count > 0))
}

fn place(out: &mut Vec<(Tone, String)>, hunk: &Hunk, old: &[String], new: &[String], end: usize, next: usize) {
    let (old_first, new_first) = (
        first(hunk.old_start, hunk.old_lines),
        first(hunk.new_start, hunk.new_lines),
    );
    let (old_lines, new_lines) = (hunk.old_lines as usize, hunk.new_lines as usize);
    let before = new_first.saturating_sub(CONTEXT).max(end.min(new_first));
    let class = match hunk.class {
        Class::Code => "code",
        Class::Comments => "comments only",
        Class::Whitespace => "layout only",
    };
    let at = format!(
        "@@ -{},{} +{},{} @@ {class}",
        hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines
    );
    out.push((Tone::Place, at));
    let mut push = |tone: Tone, mark: char, lines: &[String], from: usize, to: usize| {
        let lines = lines.get(from..to.min(lines.len())).unwrap_or_default();
        out.extend(lines.iter().take(MAX_LINES).map(|line| (tone, format!("{mark}{line}"))));
        if lines.len() > MAX_LINES {
            out.push((Tone::Note, format!("… and {} more lines", lines.len() - MAX_LINES)));
        }
    };
    push(Tone::Plain, ' ', new, before, new_first);
    push(Tone::Removed, '-', old, old_first, old_first + old_lines);
    push(Tone::Added, '+', new, new_first, new_first + new_lines);
    let after = new_first + new_lines;
    push(Tone::Plain, ' ', new, after, (after + CONTEXT).min(next));
}

fn lines(data: &[u8]) -> Vec<String> {
    let lines = data.split_inclusive(|&byte| byte == b'\n');
    lines
        .map(|line| {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let text = String::from_utf8_lossy(line);
            let mut short: String = text.chars().take(MAX_WIDTH).collect();
            if short.len() < text.len() {
                short.push('…');
            }
            short
        })
        .collect()
}
