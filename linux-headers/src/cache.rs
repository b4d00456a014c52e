// SPDX-License-Identifier: GPL-2.0-only
//! The cache directory: kernel trees, objects, indexes, images.
//!
//! Everything in it can be made again; nothing in it is ever half written: a file is written beside its
//! place and renamed, and a long job holds a [`Lock`].

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Returns the cache directory: `LINUX_COMPAT_CACHE`, else the user's cache directory.
#[must_use]
pub fn dir() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(dir) = set("LINUX_COMPAT_CACHE") {
        return dir;
    }
    if let Some(dir) = set("XDG_CACHE_HOME") {
        return dir.join("linux-compat");
    }
    set("HOME")
        .unwrap_or_else(|| PathBuf::from("/tmp"))
        .join(".cache/linux-compat")
}

/// Writes `data` to `path` so that a reader sees the old file, the new file or none, and never a part.
///
/// # Errors
///
/// Whatever the file system says.
pub fn write_atomic(path: &Path, data: &[u8]) -> io::Result<()> {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let beside = parent.join(format!(".tmp-{}-{serial}", std::process::id()));
    let done = File::create(&beside)
        .and_then(|mut file| file.write_all(data))
        .and_then(|()| fs::rename(&beside, path));
    if done.is_err() {
        // The error that matters is the first one.
        let _ = fs::remove_file(&beside);
    }
    done
}

/// Like [`write_atomic`], but leaves a file that already holds `data` untouched, so that its time stays.
///
/// # Errors
///
/// Whatever the file system says.
pub fn write_if_changed(path: &Path, data: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == data) {
        return Ok(());
    }
    write_atomic(path, data)
}

/// An advisory lock on a file, held until dropped; the kernel lets go of it when the process dies.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held for its drop")] File);

impl Lock {
    /// Takes the lock at `path`, waiting for its holder; `on_wait` is called once if it must wait.
    ///
    /// # Errors
    ///
    /// The lock file cannot be made.
    pub fn take(path: &Path, on_wait: impl FnOnce()) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                on_wait();
                file.lock()?;
            }
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self(file))
    }
}
