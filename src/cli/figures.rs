// SPDX-License-Identifier: GPL-2.0-only
//! `report`: the project's own figures.

use super::args::KernelArgs;
use super::{Outcome, catch_signals};
use anyhow::{Context, Result};
use clap::Args;
use linux_compat::figures::levels::{Matrix, MatrixFrom};
use linux_compat::figures::{Figures, show};
use linux_compat::output::write_whole;
use linux_compat::system::{ClockKind, System, SystemOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// `report`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FiguresArgs {
    #[command(flatten)]
    kernel: KernelArgs,
    /// Modules and levels besides the boards': what `linux-compat matrix --json` wrote, instead of the recorded run
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,
    /// Count the boards' drivers only
    #[arg(long, conflicts_with = "matrix")]
    boards: bool,
    /// Write what is recorded of --matrix, for `src/figures/matrix-SERIES.json`, and compute nothing
    #[arg(long, value_name = "FILE", requires = "matrix")]
    record: Option<PathBuf>,
    /// Write a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write the figures into a README, between its marks
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
    /// Fail if a README has other figures
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

/// Computes and prints.
///
/// # Errors
///
/// A driver cannot be built, a file cannot be read or written, or a README says something else.
pub(crate) fn command(args: &FiguresArgs) -> Result<Outcome> {
    let stop = Arc::new(AtomicBool::new(false));
    catch_signals(&stop)?;
    let options = SystemOptions {
        series: args.kernel.kernel,
        linux: args.kernel.linux.clone(),
        profile: args.kernel.profile(),
        allow_modified: args.kernel.allow_modified,
        // The same twice, however busy the machine is.
        clock: ClockKind::Virtual,
        ..SystemOptions::default()
    };
    if let (Some(path), Some(matrix)) = (&args.record, &args.matrix) {
        let system = System::new(options)?;
        let record = Matrix::read(matrix, system.tree())?.record()?;
        write_whole(path, record.as_bytes()).with_context(|| path.display().to_string())?;
        return Ok(Outcome::Success);
    }
    let matrix = match &args.matrix {
        Some(path) => MatrixFrom::File(path),
        None if args.boards => MatrixFrom::Nowhere,
        None => MatrixFrom::Recorded,
    };
    let figures = Figures::compute(options, matrix);
    if stop.load(Relaxed) {
        eprintln!("linux-compat: interrupted");
        return Ok(Outcome::Interrupted);
    }
    let figures = figures?;
    if let Some(path) = &args.html {
        write_whole(path, show::page(&figures).as_bytes()).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &args.readme {
        let readme = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let readme = show::with_block(&readme, &show::block(&figures)).with_context(|| path.display().to_string())?;
        write_whole(path, readme.as_bytes()).with_context(|| path.display().to_string())?;
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &figures)?;
        writeln!(out)?;
    } else {
        out.write_all(show::text(&figures).as_bytes())?;
    }
    if let Some(path) = &args.check {
        let readme = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        if !show::check(&readme, &figures).with_context(|| path.display().to_string())? {
            eprintln!(
                "linux-compat: {}: its figures are of another Linux than {}, and were not compared",
                path.display(),
                figures.kernel
            );
        }
    }
    Ok(Outcome::Success)
}
