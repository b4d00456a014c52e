// SPDX-License-Identifier: GPL-2.0-only
//! `port`: can a driver run here, and what is missing?

use super::args::KernelArgs;
use super::{Outcome, catch_signals};
use anyhow::{Context, Result};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use linux_compat::board::Board;
use linux_compat::build::{Report, Workshop};
use linux_compat::matrix::{Limits, Maker};
use linux_compat::output::write_whole;
use linux_compat::port::{End, Port, Subject, port};
use linux_compat::shim;
use linux_compat::skeleton::{Bindings, Origin};
use linux_compat::system::{ClockKind, System, SystemOptions};
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Shown below the command's help.
pub(super) const EXIT_STATUS: &str = "\
Exit status:
  0    it runs: it loads, meets a chip that never answers, one of zeros and one of ones, and leaves nothing behind
  1    a step failed that every driver needs
  2    the command line is wrong
  10   there is no such driver, or the folder has none
  11   its makefile cannot be understood
  12   the configuration cannot have it
  13   it does not compile
  14   symbols are missing
  15   it does not load: an initcall fails, or its domain dies meanwhile, as in a probe that the initcall starts
  16   it is not probed, or its domain dies later
  17   it cannot be removed, or leaves something behind
  18   all is well, but dtc rejects the example of its binding document
  130  a signal ended it";

/// `port`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PortArgs {
    /// A module, a compatible, a source file, or a folder with a Kbuild, a Makefile or bare .c files
    #[arg(value_name = "NAME|COMPATIBLE|FILE.c|DIR", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) driver: String,
    #[command(flatten)]
    pub(crate) kernel: KernelArgs,
    /// The board, instead of one made from the example of the driver's binding document
    #[arg(long, value_name = "FILE.dts")]
    pub(crate) board: Option<PathBuf>,
    /// Write the board there, to be completed and used with --board
    #[arg(long, value_name = "FILE.dts")]
    pub(crate) write_board: Option<PathBuf>,
    /// Print JSON, one object, and nothing else on stdout
    #[arg(long)]
    pub(crate) json: bool,
    /// Seconds that the domain may take for an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub(crate) limit: u64,
}

/// Ports a driver.
///
/// # Errors
///
/// Nothing is called so, or something is missing that every driver needs.
pub(crate) fn command(args: &PortArgs) -> Result<Outcome> {
    catch_signals(&Arc::default())?;
    let tree = args.kernel.tree()?;
    let profile = args.kernel.profile();
    let workshop = Workshop::open(&tree, profile)?;
    let board = args.board.as_deref().map(Board::open).transpose()?;
    let subject = match Subject::find(&workshop, &args.driver, board.is_some()) {
        Ok(subject) => subject,
        Err(error) => {
            eprintln!("linux-compat: {error}");
            return Ok(Outcome::Status(error.status()));
        }
    };
    let bindings = Bindings::read(&tree);
    let answer = Duration::from_secs(args.limit);
    let system = System::new(SystemOptions {
        series: Some(tree.series),
        linux: args.kernel.linux.clone(),
        profile,
        clock: ClockKind::Virtual,
        watchdog: Some(answer),
        ..SystemOptions::default()
    })?;
    let maker = Maker {
        workshop: &workshop,
        system: &system,
        bindings: &bindings,
        limits: Limits { answer },
        profile,
        scratch: None,
    };
    let ported = port(&maker, &subject, board).with_context(|| args.driver.clone())?;
    workshop.save();
    if let Some(path) = &args.write_board {
        write_whole(path, ported.board.as_bytes()).with_context(|| path.display().to_string())?;
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &ported)?;
        writeln!(out)?;
    } else {
        out.write_all(text(&ported).as_bytes())?;
    }
    Ok(match ported.end {
        End::UnloadsClean => Outcome::Success,
        end => Outcome::Status(end.status()),
    })
}

fn text(port: &Port) -> String {
    let mut out = String::new();
    let row = &port.row;
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "{} for Linux {}: {}", row.module, row.kernel, row.level);
    if let Some(reason) = &row.reason {
        let _ = writeln!(out, "  {}", reason.replace('\n', "\n  "));
    }
    if let Some(report) = &port.report {
        files(&mut out, report, &row.files);
    }
    for lack in &port.lacks {
        let _ = writeln!(out, "  missing: {}", lack.name);
        let header = lack.header.as_ref().map(|header| format!("declared in {header}"));
        let words = [header, lack.hint.clone(), lack.other_series.clone()];
        for words in words.into_iter().flatten() {
            let _ = writeln!(out, "    {words}");
        }
        for caller in &lack.callers {
            let _ = writeln!(out, "    called by {caller}");
        }
    }
    board(&mut out, port);
    for meeting in &row.meetings {
        let probe = match meeting.probe {
            Some(0) => "bound".to_owned(),
            Some(code) => format!("its probe returned {code}"),
            None => "its probe was not called".to_owned(),
        };
        let end = meeting.failure.as_deref().unwrap_or("removed, nothing left");
        let _ = writeln!(
            out,
            "  with a chip that answers {}: {probe}; {end}",
            of(&meeting.stand_in)
        );
        for warning in &meeting.warnings {
            let _ = writeln!(out, "    {warning}");
        }
    }
    let _ = writeln!(out, "  {} ms", row.time_ms);
    out
}

fn of(stand_in: &str) -> &str {
    match stand_in {
        "absent" => "nothing",
        "zeros" => "all zeros",
        _ => "all ones",
    }
}

/// What went into the image, and why.
fn files(out: &mut String, report: &Report, own: &[String]) {
    let _ = writeln!(out, "  modules: {}", report.modules.join(", "));
    let glue = shim::glue_dir();
    let upstream = || {
        report
            .sources
            .iter()
            .filter(|source| !Path::new(&source.path).starts_with(&glue))
    };
    for source in upstream().filter(|source| own.contains(&source.path)) {
        let _ = writeln!(out, "    {:>6} lines  {}", source.lines, source.path);
    }
    let pulled = || upstream().filter(|source| !own.contains(&source.path));
    let lines: u64 = pulled().map(|source| u64::from(source.lines)).sum();
    let changed = report.changed.len();
    let _ = writeln!(
        out,
        "  {} upstream files come with it, {lines} lines, {changed} files changed:",
        pulled().count()
    );
    for source in pulled() {
        let why = source
            .why
            .as_ref()
            .map_or(String::new(), |why| format!("  {} needs {}", why.by, why.symbol));
        let _ = writeln!(out, "    {:>6} lines  {}{why}", source.lines, source.path);
    }
    if !report.config.is_empty() {
        let _ = writeln!(out, "  turned on for it: {}", report.config.join(", "));
    }
    for refused in &report.refused {
        let _ = writeln!(out, "  refused: {refused}");
    }
}

fn board(out: &mut String, port: &Port) {
    let row = &port.row;
    let from = match &row.board {
        Some(Origin::Example { document, number }) => format!("example {number} of {document}"),
        Some(Origin::Given) => "the one that was given".to_owned(),
        Some(Origin::Made) | None => "made without an example: no binding document has one for it".to_owned(),
    };
    let _ = writeln!(out, "  board: {from}");
    let asks = &row.asks;
    if !asks.bus.is_empty() {
        let _ = writeln!(
            out,
            "    bus {}, {} interrupts, lines: {}; supplies: {}; {} clocks",
            asks.bus,
            asks.interrupts,
            list(&asks.lines),
            list(&asks.supplies),
            asks.clocks
        );
    }
    if !asks.left_out.is_empty() {
        let _ = writeln!(
            out,
            "    left out, since nothing here provides it: {}",
            asks.left_out.join(", ")
        );
    }
    for rejected in &port.rejected {
        let _ = writeln!(out, "    rejected: {}", rejected.replace('\n', "; "));
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
