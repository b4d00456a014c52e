// SPDX-License-Identifier: GPL-2.0-only
//! `build`: an image, and what went into it.

use super::args::{BuildArgs, TargetArg, board};
use super::{Outcome, catch_signals};
use anyhow::{Context, Result};
use linux_compat::build::{Built, Report};
use linux_compat::solution::export::Export;
use linux_compat::{Board, shim, system};
use linux_headers::{Arch, Tree};
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The report on an image, for programs: the engine's own, with the image's place and without our own C files.
#[derive(Serialize)]
struct ImageReport<'a> {
    image: &'a Path,
    debug: &'a Path,
    #[serde(flatten)]
    report: &'a Report,
}

/// The report on a folder, for programs.
#[derive(Serialize)]
struct FolderReport<'a> {
    folder: &'a Path,
    class: &'a str,
    files: &'a [String],
    #[serde(flatten)]
    report: &'a Report,
}

/// Builds an image.
///
/// # Errors
///
/// A step of the build failed.
pub(crate) fn command(args: &BuildArgs) -> Result<Outcome> {
    let tree = args.kernel.tree()?;
    catch_signals(&Arc::default())?;
    let board = board(args.board.as_ref(), &args.driver, &tree)?;
    if args.target == TargetArg::Kasperskyos {
        return folder(args, tree, &board);
    }
    let built = system::build_image(
        tree,
        &args.driver,
        &board,
        args.kernel.profile(),
        args.kernel.allow_modified,
    );
    let mut built = built.with_context(|| args.driver.clone())?;
    let glue = shim::glue_dir();
    built
        .report
        .sources
        .retain(|source| !Path::new(&source.path).starts_with(&glue));
    let mut out = std::io::stdout().lock();
    if args.json {
        let report = ImageReport {
            image: &built.image,
            debug: &built.debug,
            report: &built.report,
        };
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        print(&mut out, &built)?;
    }
    Ok(Outcome::Success)
}

/// Writes a folder for a project of KasperskyOS's SDK.
fn folder(args: &BuildArgs, tree: Tree, board: &Board) -> Result<Outcome> {
    let export = Export {
        tree,
        driver: &args.driver,
        board,
        profile: args.kernel.profile(),
        arch: Arch::Aarch64,
        allow_modified: args.kernel.allow_modified,
        irqs: &args.irq,
    };
    let out = match &args.out {
        Some(dir) => dir.clone(),
        None => {
            let name = Path::new(&args.driver).file_stem().unwrap_or_default();
            PathBuf::from(format!("{}-kasperskyos", name.to_string_lossy()))
        }
    };
    let exported = export.write(&out).with_context(|| args.driver.clone())?;
    let mut stdout = std::io::stdout().lock();
    if args.json {
        let report = FolderReport {
            folder: &out,
            class: &exported.class,
            files: &exported.files,
            report: &exported.built.report,
        };
        serde_json::to_writer(&mut stdout, &report)?;
        writeln!(stdout)?;
    } else {
        writeln!(
            stdout,
            "{}: {}, not run on KasperskyOS itself",
            out.display(),
            exported.class
        )?;
        for file in &exported.files {
            writeln!(stdout, "  {file}")?;
        }
    }
    Ok(Outcome::Success)
}

fn print(out: &mut impl Write, built: &Built) -> std::io::Result<()> {
    let report = &built.report;
    let lines: u64 = report.sources.iter().map(|source| u64::from(source.lines)).sum();
    writeln!(out, "{}", built.image.display())?;
    writeln!(
        out,
        "  {} bytes; with debug information: {}",
        report.image_bytes,
        built.debug.display()
    )?;
    writeln!(out, "  Linux {}, modules {}", report.kernel, report.modules.join(", "))?;
    writeln!(out, "  {} files, {lines} lines of Linux:", report.sources.len())?;
    for source in &report.sources {
        let hash = source.sha256.get(..12).unwrap_or(&source.sha256);
        let state = if source.pristine {
            "pristine"
        } else if source.expected.is_some() {
            "MODIFIED"
        } else {
            "unchecked"
        };
        let why = source
            .why
            .as_ref()
            .map_or(String::new(), |why| format!("  {} needs {}", why.by, why.symbol));
        writeln!(out, "  {:>6}  {hash}  {state:<9}  {}{why}", source.lines, source.path)?;
    }
    if !report.config.is_empty() {
        writeln!(out, "  turned on for it: {}", report.config.join(", "))?;
    }
    for refused in &report.refused {
        writeln!(out, "  refused: {refused}")?;
    }
    if !report.missing.is_empty() {
        writeln!(
            out,
            "  {} symbols that nobody provides; calling one ends the domain:",
            report.missing.len()
        )?;
    }
    for missing in &report.missing {
        let hint = missing
            .hint
            .as_ref()
            .map_or(String::new(), |hint| format!("  ({hint})"));
        writeln!(out, "    {}{hint}", missing.name)?;
        for caller in &missing.callers {
            writeln!(out, "      {caller}")?;
        }
    }
    for changed in &report.changed {
        writeln!(out, "  MODIFIED: {}, not upstream's", changed.path)?;
        writeln!(out, "    expected SHA-256 {}", changed.expected)?;
        writeln!(out, "    found            {}", changed.sha256)?;
    }
    let timings = &report.timings;
    let how = if timings.warm {
        "found built".to_owned()
    } else {
        format!("{} files compiled", timings.compiled)
    };
    writeln!(out, "  {how}, {:.0} ms", timings.total_ms)
}
