// SPDX-License-Identifier: GPL-2.0-only
//! The figures for a terminal, as a page, and as the block in the README.

use super::Figures;
use crate::html::{Cell, Column, Page, Table, grouped};
use std::fmt::Write;

/// What stands before the block in a README.
pub const BEGIN: &str = "<!-- figures: linux-compat report --readme README.md writes this -->\n";
/// What stands after it.
pub const END: &str = "<!-- end of figures -->";

/// How many modules a terminal is told the reasons of.
const SHOWN: usize = 12;

/// Text for a terminal.
#[must_use]
pub fn text(figures: &Figures) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_text(&mut out, figures);
    out
}

fn write_text(out: &mut String, figures: &Figures) -> std::fmt::Result {
    writeln!(
        out,
        "reused         {} lines, {} of code, in {} files of Linux {} that end up in images",
        figures.reused_lines, figures.reused_code_lines, figures.reused_files, figures.kernel
    )?;
    let hashes = &figures.hashes;
    writeln!(
        out,
        "changed        {} lines; {} files have the hashes of {}, {} have not",
        figures.changed_lines, hashes.pristine, hashes.package, hashes.modified
    )?;
    if !hashes.modified_headers.is_empty() {
        writeln!(
            out,
            "               changed headers: {}",
            hashes.modified_headers.join(", ")
        )?;
    }
    writeln!(out, "               SHA-256 over their hashes: {}", hashes.sha256)?;
    writeln!(
        out,
        "glue           {} lines, {} of code",
        figures.glue_lines, figures.glue_code_lines
    )?;
    writeln!(
        out,
        "glue ÷ reused  {:.2} %, of code {:.2} %",
        figures.glue_over_reused * 100.0,
        figures.glue_over_reused_code * 100.0
    )?;
    writeln!(out, "\nmodules by level, from {}", figures.levels_from)?;
    for (level, count) in &figures.modules {
        writeln!(out, "  {count:>6}  {level}")?;
    }
    let mut stopped = figures.module_levels.iter().filter(|module| module.reason.is_some());
    for module in stopped.by_ref().take(SHOWN) {
        let reason = module.reason.as_deref().unwrap_or_default();
        writeln!(
            out,
            "          {}: {}: {}",
            module.module,
            module.level,
            crate::diff::text::clean(reason)
        )?;
    }
    match stopped.count() {
        0 => {}
        more => writeln!(out, "          and why {more} others stopped: --json or --html")?,
    }
    writeln!(
        out,
        "\n{:<14} {:>6} {:>8} {:>12} {:>12}",
        "driver", "files", "lines", "by hand", "board lines"
    )?;
    for driver in &figures.drivers {
        writeln!(
            out,
            "{:<14} {:>6} {:>8} {:>12} {:>12}",
            driver.driver, driver.files, driver.lines, driver.hand_lines, driver.board_lines
        )?;
    }
    writeln!(
        out,
        "\n{:<32} {:>6} {:>8} {:>8} {:>8} {:>8}",
        "room (* is glue)", "files", "lines", "code", "comment", "blank"
    )?;
    for room in &figures.rooms {
        let name = format!("{}{}", room.room, if room.is_glue { " *" } else { "" });
        let counts = &room.counts;
        writeln!(
            out,
            "{name:<32} {:>6} {:>8} {:>8} {:>8} {:>8}",
            room.files, counts.lines, counts.code, counts.comments, counts.blanks
        )?;
    }
    Ok(())
}

/// The block of a README, with its marks. Our own lines are rounded, so that not every commit makes it untrue.
#[must_use]
pub fn block(figures: &Figures) -> String {
    let by_hand = figures.hand_lines_per_driver.values().max().copied().unwrap_or(0);
    let levels: Vec<String> = figures
        .modules
        .iter()
        .map(|(level, count)| format!("{count} {level}"))
        .collect();
    let hundreds = |lines: u64| grouped(lines.saturating_add(50) / 100 * 100);
    format!(
        "{BEGIN}\n| figure | |\n|---|---|\n\
         | Linux {} in images of modules that unload clean or have a board here | {} files, {} lines, {} of code |\n\
         | of it the modules' own, the rest is what they stand on | {} lines |\n\
         | of it changed | {} lines; {} of {} files have the package's hashes |\n\
         | modules by level | {} |\n\
         | lines by hand for one driver, at the most | {by_hand} |\n\
         | shim, its C, headers and Kconfig answers | about {} lines, {} of code |\n\
         | these ÷ Linux reused | {:.1} %, of code {:.1} % |\n\n{END}",
        figures.kernel,
        figures.reused_files,
        grouped(figures.reused_lines),
        grouped(figures.reused_code_lines),
        grouped(figures.module_lines),
        figures.changed_lines,
        figures.hashes.pristine,
        figures.reused_files,
        levels.join(", "),
        hundreds(figures.glue_lines),
        hundreds(figures.glue_code_lines),
        figures.glue_over_reused * 100.0,
        figures.glue_over_reused_code * 100.0,
    )
}

/// Why a README does not have the block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// There is no place for it.
    #[error("no block of figures: expected the lines {:?} and {END:?}", BEGIN.trim_end())]
    NoMarks,
    /// It says something else.
    #[error("the figures differ; `linux-compat report --readme FILE` mends it\n{0}")]
    Differs(String),
}

/// The README with the block as it should be.
///
/// # Errors
///
/// The marks are not there.
pub fn with_block(readme: &str, block: &str) -> Result<String, BlockError> {
    let (before, rest) = readme.split_once(BEGIN).ok_or(BlockError::NoMarks)?;
    let (_, after) = rest.split_once(END).ok_or(BlockError::NoMarks)?;
    Ok(format!("{before}{block}{after}"))
}

/// Whether a README has the block as it should be. One that was written with another version of the kernel cannot be
/// judged here, and `false` says so.
///
/// # Errors
///
/// It has none, or another.
pub fn check(readme: &str, figures: &Figures) -> Result<bool, BlockError> {
    let (_, rest) = readme.split_once(BEGIN).ok_or(BlockError::NoMarks)?;
    let (found, _) = rest.split_once(END).ok_or(BlockError::NoMarks)?;
    if !found.contains(&format!("Linux {} ", figures.kernel)) && found.contains("| Linux ") {
        return Ok(false);
    }
    let wanted = block(figures);
    let expected = wanted
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(END))
        .unwrap_or(&wanted);
    if found == expected {
        return Ok(true);
    }
    let only = |a: &str, b: &str, mark: char| -> String {
        let lines = a.lines().filter(|line| !b.lines().any(|other| other == *line));
        lines.map(|line| format!("{mark} {line}\n")).collect()
    };
    Err(BlockError::Differs(
        only(found, expected, '-') + &only(expected, found, '+'),
    ))
}

/// A page.
#[must_use]
pub fn page(figures: &Figures) -> String {
    let mut page = Page::new("linux-compat in figures");
    page.facts(&[
        ("reused lines", grouped(figures.reused_lines)),
        ("of code", grouped(figures.reused_code_lines)),
        ("changed lines", grouped(figures.changed_lines)),
        ("glue lines", grouped(figures.glue_lines)),
        ("glue ÷ reused", format!("{:.2} %", figures.glue_over_reused * 100.0)),
        ("of code", format!("{:.2} %", figures.glue_over_reused_code * 100.0)),
    ]);
    page.text(&format!(
        "Linux {}: {} files have the hashes of {}, {} have not. SHA-256 over all hashes and paths: {}. \
         Levels come from {}.",
        figures.kernel,
        figures.hashes.pristine,
        figures.hashes.package,
        figures.hashes.modified,
        figures.hashes.sha256,
        figures.levels_from
    ));
    for table in [drivers(figures), modules(figures), rooms(figures), upstream(figures)] {
        page.table(&table);
    }
    page.finish()
}

fn drivers(figures: &Figures) -> Table {
    let columns = vec![
        Column::text("driver"),
        Column::text("modules"),
        Column::number("files"),
        Column::number("lines"),
        Column::count("lines by hand"),
        Column::count("board lines"),
    ];
    let mut table = Table::new("Drivers", columns);
    for driver in &figures.drivers {
        let mut row = vec![Cell::text(&driver.driver), Cell::text(driver.modules.join(", "))];
        row.extend([driver.files, driver.lines, driver.hand_lines, driver.board_lines].map(Cell::count));
        table.row(row);
    }
    table
}

fn modules(figures: &Figures) -> Table {
    let mut table = Table::new(
        "Modules",
        vec![Column::text("module"), Column::choice("level"), Column::text("reason")],
    );
    for module in &figures.module_levels {
        let reason = module.reason.as_deref().unwrap_or_default();
        table.row(vec![
            Cell::text(&module.module),
            Cell::text(&module.level),
            Cell::text(reason),
        ]);
    }
    table
}

fn rooms(figures: &Figures) -> Table {
    let mut columns = vec![Column::text("room"), Column::choice("counts as")];
    columns.extend(["files", "lines", "code", "comments", "blank"].map(Column::count));
    let mut table = Table::new("Our lines", columns);
    for room in &figures.rooms {
        let mut row = vec![
            Cell::text(&room.room),
            Cell::text(if room.is_glue { "glue" } else { "other" }),
        ];
        let counts = &room.counts;
        row.extend([room.files, counts.lines, counts.code, counts.comments, counts.blanks].map(Cell::count));
        table.row(row);
    }
    table
}

fn upstream(figures: &Figures) -> Table {
    let mut columns = vec![Column::text("file"), Column::choice("folder")];
    columns.extend(["lines", "code", "changed"].map(Column::count));
    columns.push(Column::text("SHA-256"));
    let mut table = Table::new("Linux in the images", columns);
    for file in &figures.upstream {
        let folder = file.path.split('/').next().unwrap_or_default();
        let hash = Cell::text(&file.sha256);
        table.row(vec![
            Cell::text(&file.path),
            Cell::text(folder),
            Cell::count(file.counts.lines),
            Cell::count(file.counts.code),
            Cell::count(file.changed_lines),
            if file.pristine { hash.good() } else { hash.bad() },
        ]);
    }
    table
}
