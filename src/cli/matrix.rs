// SPDX-License-Identifier: GPL-2.0-only
//! `matrix`: many drivers, and how far each comes.

use super::args::series;
use super::{Outcome, catch_signals};
use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use linux_compat::build::{Workshop, hash};
use linux_compat::html::{Cell, Column, Page, Table as HtmlTable};
use linux_compat::matrix::{self, Earlier, Level, Limits, Maker, Row, Selection, Table, Total};
use linux_compat::output::write_whole;
use linux_compat::skeleton::Bindings;
use linux_compat::system::{ClockKind, System, SystemOptions};
use linux_headers::{Locate, Profile, Series, Tree, cache};
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A module takes about half a second for each of two processors.
const PLAIN_STEP: usize = 50;

/// Shown below the command's help.
pub(super) const EXIT_STATUS: &str = "\
Levels: compiles, links (nothing missing), loads (its initcalls return 0), meets hardware (it is probed with a chip that
never answers, one that answers all zeros and one that answers all ones), unloads clean (no memory, interrupt, device,
task or timer is left).

Exit status:
  0    every module was tried, however far it came
  1    a step failed that every module needs; the message says which
  2    the command line is wrong
  130  a signal ended it; the same command with --resume goes on";

/// `matrix`.
#[derive(Clone, Debug, Args)]
pub(crate) struct MatrixArgs {
    /// Modules, files or folders of the tree, such as drivers/iio/accel [default: the whole tree]
    #[arg(value_name = "DIR|MODULE")]
    pub(crate) what: Vec<String>,
    /// Kernel series
    #[arg(long, value_name = "6.12,6.1", value_parser = series, value_delimiter = ',', default_value = "6.12")]
    pub(crate) kernel: Vec<Series>,
    /// Kernel tree to use instead of the one that was set up
    #[arg(long, value_name = "DIR")]
    pub(crate) linux: Option<PathBuf>,
    /// Modules that are tried at the same time [default: one for each processor]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    /// Go on where the same command was interrupted
    #[arg(long)]
    pub(crate) resume: bool,
    /// The same, and try those again that did not come to the end
    #[arg(long)]
    pub(crate) retry: bool,
    /// Write the table as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the table as one self-contained page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write the totals as a table of Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Seconds that a domain may take for an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub(crate) limit: u64,
    /// Show all modules, not only those that did not come to the end
    #[arg(long)]
    pub(crate) all: bool,
    /// Keep the images
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Runs the matrix.
///
/// # Errors
///
/// Nothing is named like what was asked for, or something is missing that every module needs.
pub(crate) fn command(args: &MatrixArgs) -> Result<Outcome> {
    let stop = Arc::<AtomicBool>::default();
    catch_signals(&stop)?;
    let mut tables = Vec::new();
    let mut is_interrupted = false;
    for series in &args.kernel {
        let tree = Tree::locate(&Locate {
            linux: args.linux.clone(),
            series: Some(*series),
        })?;
        let (table, was_interrupted) = one_tree(args, &tree, *series, &stop)?;
        is_interrupted |= was_interrupted;
        tables.push(table);
        if is_interrupted {
            break;
        }
    }
    let mut out = std::io::stdout().lock();
    for table in &tables {
        out.write_all(text(table, args.all).as_bytes())?;
    }
    if is_interrupted {
        eprintln!("linux-compat: interrupted; the same command with --resume goes on");
        return Ok(Outcome::Interrupted);
    }
    if let Some(path) = &args.json {
        let data = serde_json::to_vec_pretty(&tables)?;
        write_whole(path, &data).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &args.markdown {
        write_whole(path, markdown(&tables).as_bytes()).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &args.html {
        write_whole(path, page(&tables).as_bytes()).with_context(|| path.display().to_string())?;
    }
    Ok(Outcome::Success)
}

fn one_tree(args: &MatrixArgs, tree: &Tree, series: Series, stop: &AtomicBool) -> Result<(Table, bool)> {
    let workshop = Workshop::open(tree, Profile::Release)?;
    let selection = Selection::new(tree, workshop.index());
    let candidates = selection.of(&args.what)?;
    let bindings = Bindings::read(tree);
    let scratch = cache::dir()
        .join("matrix")
        .join(format!(".scratch-{}", std::process::id()));
    let answer = Duration::from_secs(args.limit);
    let system = System::new(SystemOptions {
        series: Some(series),
        linux: args.linux.clone(),
        clock: ClockKind::Virtual,
        watchdog: Some(answer),
        ..SystemOptions::default()
    })?;
    let maker = Maker {
        workshop: &workshop,
        system: &system,
        bindings: &bindings,
        limits: Limits { answer },
        profile: Profile::Release,
        scratch: (!args.keep).then(|| scratch.clone()),
    };
    let jobs = args
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let bar = ProgressBar::new(candidates.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {msg} {eta}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(format!("Linux {}", tree.full_version));
    let on_row = |row: &Row, count: usize| {
        bar.set_position(count as u64);
        bar.set_message(format!("{}: {}", row.module, row.level));
        // Where no bar is drawn a line now and then tells that it goes on.
        if bar.is_hidden() && count.is_multiple_of(PLAIN_STEP) {
            eprintln!("Linux {}: {count} of {} modules", tree.full_version, candidates.len());
        }
    };
    let kept = rows_file(args, tree);
    let earlier = match (args.resume, args.retry) {
        (_, true) => Earlier::Clean,
        (true, false) => Earlier::All,
        (false, false) => Earlier::None,
    };
    let outcome = matrix::run(&maker, &candidates, (&kept, earlier), jobs, stop, &on_row);
    // Whatever became of the run; what stays costs room and nothing else.
    let _ = std::fs::remove_dir_all(&scratch);
    let outcome = outcome?;
    bar.finish_and_clear();
    Ok((Table::new(&tree.full_version, outcome.rows), outcome.is_interrupted))
}

/// Where the rows of a run are kept until it is over, by what was asked for.
fn rows_file(args: &MatrixArgs, tree: &Tree) -> PathBuf {
    let asked = format!("{}\n{}", tree.dir.display(), args.what.join("\n"));
    let file = format!("{}-{}.jsonl", tree.full_version, &hash::text(&asked)[..16]);
    cache::dir().join("matrix").join(file)
}

fn text(table: &Table, all: bool) -> String {
    let mut out = String::new();
    let rows = table.rows.iter().filter(|row| all || row.level < Level::UnloadsClean);
    for row in rows {
        let reason = row.reason.as_deref().unwrap_or_default().replace('\n', " ");
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "{:<28} {:<14} {}", row.module, row.level, reason);
    }
    let _ = writeln!(
        out,
        "\nLinux {}\n{:<22} {:>7} {:>9} {:>9} {:>7} {:>7} {:>9} {:>9} {:>11} {:>7}",
        table.kernel,
        "subsystem",
        "modules",
        "lines",
        "compiles",
        "links",
        "loads",
        "meets hw",
        "clean",
        "clean lines",
        "changed"
    );
    for total in table.subsystems.iter().chain([&table.total]) {
        let _ = writeln!(
            out,
            "{:<22} {:>7} {:>9} {:>9} {:>7} {:>7} {:>9} {:>9} {:>11} {:>7}",
            total.subsystem,
            total.modules,
            total.lines,
            total.reached(Level::Compiles),
            total.reached(Level::Links),
            total.reached(Level::Loads),
            total.reached(Level::MeetsHardware),
            total.reached(Level::UnloadsClean),
            total.clean_lines,
            total.changed
        );
    }
    if table.programs.len() > 1 {
        let _ = writeln!(
            out,
            "\nthe rows are those of {} builds of this program; without --resume all modules are tried again",
            table.programs.len()
        );
    }
    if !table.missing.is_empty() {
        let _ = writeln!(out, "\nmissing symbols, and how many modules miss each:");
        for (name, count) in table.missing.iter().take(40) {
            let _ = writeln!(out, "{count:>6}  {name}");
        }
    }
    out
}

/// The totals as a table of Markdown.
fn markdown(tables: &[Table]) -> String {
    let mut out = String::new();
    for table in tables {
        // Writing to a String cannot fail, here and below.
        let _ = write!(out, "| Linux {} | modules | lines |", table.kernel);
        let levels = || Level::ALL.iter().skip(1);
        for level in levels() {
            let _ = write!(out, " {level} |");
        }
        let _ = writeln!(
            out,
            " clean lines | changed files |\n|---|{}",
            "--:|".repeat(4 + levels().count())
        );
        for total in table.subsystems.iter().chain([&table.total]) {
            let _ = write!(out, "| {} | {} | {} |", total.subsystem, total.modules, total.lines);
            for level in levels() {
                let _ = write!(out, " {} |", total.reached(*level));
            }
            let _ = writeln!(out, " {} | {} |", total.clean_lines, total.changed);
        }
        out.push('\n');
    }
    out
}

fn page(tables: &[Table]) -> String {
    let mut page = Page::new("linux-compat: drivers that run unmodified");
    for table in tables {
        page.heading(&format!("Linux {}", table.kernel));
        let total = &table.total;
        page.facts(&[
            ("modules", total.modules.to_string()),
            ("unload clean", total.reached(Level::UnloadsClean).to_string()),
            ("their lines", total.clean_lines.to_string()),
            ("changed files", total.changed.to_string()),
        ]);
        page.table(&totals(&table.subsystems));
        page.table(&modules(&table.rows));
    }
    page.finish()
}

fn totals(totals: &[Total]) -> HtmlTable {
    let mut columns = vec![
        Column::text("subsystem"),
        Column::count("modules"),
        Column::count("lines"),
    ];
    columns.extend(Level::ALL.iter().skip(1).map(|level| Column::count(level.name())));
    columns.extend([
        Column::count("clean lines"),
        Column::count("changed files"),
        Column::number("s"),
    ]);
    let mut table = HtmlTable::new("Subsystems", columns);
    for total in totals {
        let mut cells = vec![
            Cell::text(total.subsystem.as_str()),
            Cell::count(total.modules.into()),
            Cell::count(total.lines),
        ];
        cells.extend(
            Level::ALL
                .iter()
                .skip(1)
                .map(|level| Cell::count(total.reached(*level).into())),
        );
        cells.extend([
            Cell::count(total.clean_lines),
            Cell::count(total.changed.into()),
            seconds(total.time_ms),
        ]);
        table.row(cells);
    }
    table
}

fn seconds(ms: u64) -> Cell {
    let seconds = Duration::from_millis(ms).as_secs_f64();
    Cell::number(seconds, format!("{seconds:.1}"))
}

fn modules(rows: &[Row]) -> HtmlTable {
    let columns = vec![
        Column::text("module"),
        Column::choice("subsystem"),
        Column::choice("bus"),
        Column::count("files"),
        Column::count("lines"),
        Column::count("lines in image"),
        Column::count("changed files"),
        Column::choice("level"),
        Column::text("absent"),
        Column::text("zeros"),
        Column::text("ones"),
        Column::number("s"),
    ];
    let mut table = HtmlTable::new("Modules", columns);
    for row in rows {
        let rank = Level::ALL
            .iter()
            .position(|level| *level == row.level)
            .unwrap_or_default();
        let rank = u32::try_from(rank).map(f64::from).unwrap_or_default();
        let level = Cell::ranked(rank, row.level.name());
        let level = match &row.reason {
            Some(reason) => level.bad().note(reason.as_str()),
            None => level.good(),
        };
        let mut cells = vec![
            Cell::text(row.module.as_str()),
            Cell::text(row.subsystem.as_str()),
            Cell::text(row.buses.as_str()),
            Cell::count(row.files.len() as u64),
            Cell::count(row.lines.into()),
            Cell::count(row.image_lines.into()),
            Cell::count(row.changed.into()),
            level,
        ];
        for stand_in in ["absent", "zeros", "ones"] {
            let meeting = row.meetings.iter().find(|meeting| meeting.stand_in == stand_in);
            cells.push(Cell::text(match meeting.and_then(|meeting| meeting.probe) {
                Some(0) => "bound".to_owned(),
                Some(code) => format!("probe: {code}"),
                None => String::new(),
            }));
        }
        cells.push(seconds(row.time_ms));
        table.row(cells);
    }
    table
}
