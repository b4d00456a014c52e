// SPDX-License-Identifier: GPL-2.0-only
//! A progress bar for builds that take more than two seconds; shorter ones stay silent.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SILENT: Duration = Duration::from_secs(2);

/// The bar of one build. How many files there are becomes known only as they are compiled.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    start: Instant,
    is_shown: AtomicBool,
}

impl Progress {
    /// One that stays silent whatever happens: somebody else shows how far it is.
    pub(super) fn hidden() -> Self {
        let progress = Self::default();
        progress.is_shown.store(true, Ordering::Relaxed);
        progress
    }
}

impl Default for Progress {
    fn default() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("compiling [{bar:30}] {pos}/{len} {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self {
            bar,
            start: Instant::now(),
            is_shown: AtomicBool::new(false),
        }
    }
}

impl Progress {
    /// So many more files are to be compiled.
    pub(super) fn more(&self, files: usize) {
        self.bar.inc_length(u64::try_from(files).unwrap_or_default());
    }

    /// This file has been compiled.
    pub(super) fn done(&self, file: &str) {
        if self.start.elapsed() > SILENT && !self.is_shown.swap(true, Ordering::Relaxed) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_message(file.to_owned());
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
