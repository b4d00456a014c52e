// SPDX-License-Identifier: GPL-2.0-only
//! `diff`: how large is a port's change.

use super::{Outcome, catch_signals};
use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use linux_compat::diff::{self, DiffError, Measured, Options, Side, page, side, text};
use linux_compat::output::write_whole;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Shown below the help of `diff`.
pub(crate) const EXIT_STATUS: &str = "\
Exit status:
  0    measured, whether anything differs or not
  1    a step failed: git, or a file that could not be written
  2    the command line is wrong
  4    a side is missing, cannot be read, or has no files
  5    the two have nothing in common
  6    measured, but some files could not be compared; they are named on stderr
  130  a signal ended it; no file was written";

const NO_SIDE: u8 = 4;
const DISJOINT: u8 = 5;
const INCOMPLETE: u8 = 6;

/// `diff`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DiffArgs {
    /// The original: a folder or a file; with --git a revision, or a range A..B (A...B: from where they parted)
    #[arg(value_name = "UPSTREAM")]
    upstream: PathBuf,
    /// The port of it
    #[arg(value_name = "PORTED")]
    ported: Option<PathBuf>,
    /// The repository whose revisions are compared [default: with a range alone, the one here]
    #[arg(long, value_name = "DIR")]
    git: Option<PathBuf>,
    /// Only what is below this folder of both sides
    #[arg(long, value_name = "DIR")]
    path: Vec<PathBuf>,
    /// What was written beside the port; it is counted and compared with nothing
    #[arg(long, value_name = "DIR")]
    glue: Vec<PathBuf>,
    /// Write a page with every place that differs
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write JSON; - is stdout
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// List unchanged files, too
    #[arg(long)]
    all: bool,
}

/// Measures.
///
/// # Errors
///
/// A step failed.
pub(crate) fn command(args: &DiffArgs) -> Result<Outcome> {
    let stop = Arc::new(AtomicBool::new(false));
    catch_signals(&stop)?;
    let (upstream, ported) = sides(args)?;
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template("  {bar:30} {pos}/{len} files")?);
    let options = Options {
        within: args.path.clone(),
        glue: args.glue.clone(),
        stop: &stop,
        on_file: &|done, total| {
            bar.set_length(total);
            bar.set_position(done);
        },
    };
    let measured = diff::measure(&upstream, &ported, &options);
    bar.finish_and_clear();
    let measured = match measured {
        Ok(measured) => measured,
        Err(error) => {
            eprintln!("linux-compat: {}", text::clean(&error.to_string()));
            return Ok(match error {
                DiffError::Cancelled => Outcome::Interrupted,
                DiffError::Disjoint { .. } => Outcome::Status(DISJOINT),
                DiffError::Side { .. } | DiffError::Empty { .. } | DiffError::Mixed { .. } => Outcome::Status(NO_SIDE),
            });
        }
    };
    if !write(args, &measured, (&upstream, &ported), &stop)? {
        eprintln!("linux-compat: interrupted");
        return Ok(Outcome::Interrupted);
    }
    for problem in &measured.problems {
        let (path, what) = (text::clean(&problem.path), text::clean(&problem.what));
        eprintln!("linux-compat: {path}: {what}");
    }
    Ok(if measured.problems.is_empty() {
        Outcome::Success
    } else {
        Outcome::Status(INCOMPLETE)
    })
}

/// Writes what was asked for; false if a signal came before.
fn write(args: &DiffArgs, measured: &Measured, sides: (&Side, &Side), stop: &AtomicBool) -> Result<bool> {
    let html = match &args.html {
        Some(path) => Some((path, page::page(measured, sides.0, sides.1)?)),
        None => None,
    };
    let json = match &args.json {
        Some(path) => Some((path, serde_json::to_string(measured)? + "\n")),
        None => None,
    };
    if stop.load(Relaxed) {
        return Ok(false);
    }
    let is_stdout = |path: &Path| path == Path::new("-");
    let mut files = html.iter().chain(json.iter().filter(|(path, _)| !is_stdout(path)));
    files.try_for_each(|(path, data)| {
        write_whole(path, data.as_bytes()).with_context(|| format!("{}", path.display()))
    })?;
    let mut out = std::io::stdout().lock();
    match &json {
        Some((path, data)) if is_stdout(path) => out.write_all(data.as_bytes())?,
        _ => out.write_all(text::table(measured, args.all).as_bytes())?,
    }
    Ok(true)
}

/// What is compared with what.
fn sides(args: &DiffArgs) -> Result<(Side, Side)> {
    let here = PathBuf::from(".");
    let is_range = args.ported.is_none() && args.upstream.to_string_lossy().contains("..") && !args.upstream.exists();
    let repo = match (&args.git, &args.ported) {
        (Some(repo), _) => repo,
        (None, None) if is_range => &here,
        (None, None) => bail!(
            "{}: expected a second folder or file to compare with, or a range of revisions such as A..B",
            args.upstream.display()
        ),
        (None, Some(ported)) => return Ok((Side::Disk(args.upstream.clone()), Side::Disk(ported.clone()))),
    };
    let revision = |path: &Path| path.to_string_lossy().into_owned();
    let ported = args.ported.as_deref().map(revision);
    let (old, new) = side::range(repo, &revision(&args.upstream), ported.as_deref())?;
    Ok((Side::Git(old), Side::Git(new)))
}
