// SPDX-License-Identifier: GPL-2.0-only
//! Drivers outside the tree: a folder with its own `Kbuild` or `Makefile`, or with bare `.c` files.
//!
//! Kbuild's rules for such folders are in `Documentation/kbuild/modules.rst`.

use super::error::BuildError;
use super::kbuild::{Kbuild, Object};
use std::path::{Path, PathBuf};

/// A folder's driver.
#[derive(Debug, Default)]
pub struct Folder {
    /// Its objects.
    pub objects: Vec<Object>,
    /// The Kbuild files that were read.
    pub read: Vec<PathBuf>,
}

/// What makes a source a driver (`include/linux/module.h`, `include/linux/device/driver.h`).
fn is_driver(text: &str) -> bool {
    let marks = ["module_init(", "_initcall(", "builtin_driver(", "module_driver("];
    let is_helper = |line: &str| line.starts_with("module_") && line.contains("_driver(");
    marks.iter().any(|mark| text.contains(mark)) || text.lines().any(is_helper)
}

/// Finds the driver of a folder.
///
/// # Errors
///
/// It has none, its makefile names no object, or it names one without a source.
pub fn folder(dir: &Path) -> Result<Folder, BuildError> {
    let io = |error| BuildError::Io {
        path: dir.to_owned(),
        error,
    };
    let dir = dir.canonicalize().map_err(io)?;
    let found = match Kbuild::read_outside(&dir) {
        Some(kbuild) => by_makefile(&dir, kbuild)?,
        None => bare(&dir)?,
    };
    let has_driver = found.objects.iter().any(|object| {
        let text = std::fs::read(&object.source).unwrap_or_default();
        is_driver(&String::from_utf8_lossy(&text))
    });
    if has_driver {
        Ok(found)
    } else {
        Err(BuildError::NoDriver { path: dir })
    }
}

fn by_makefile(dir: &Path, kbuild: Kbuild) -> Result<Folder, BuildError> {
    let read: Vec<PathBuf> = kbuild.files.iter().map(|file| dir.join(file)).collect();
    let objects = kbuild.into_outside(dir);
    if objects.is_empty() {
        return Err(BuildError::Makefile {
            path: read.first().cloned().unwrap_or_else(|| dir.to_owned()),
        });
    }
    Ok(Folder { objects, read })
}

fn bare(dir: &Path) -> Result<Folder, BuildError> {
    let io = |error| BuildError::Io {
        path: dir.to_owned(),
        error,
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(io)? {
        files.push(entry.map_err(io)?.path());
    }
    files.retain(|path| path.extension().is_some_and(|end| end == "c") && path.is_file());
    files.sort();
    let object = |path: &PathBuf| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        Object::outside(&path.display().to_string(), &stem)
    };
    Ok(Folder {
        objects: files.iter().map(object).collect(),
        read: Vec::new(),
    })
}
