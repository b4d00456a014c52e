// SPDX-License-Identifier: GPL-2.0-only
//! Our own lines, by room of this repository.

use super::FiguresError;
use crate::diff::count::Lines;
use crate::diff::{code_of, glue};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// One room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Room {
    /// Its name.
    pub room: String,
    /// What it holds is what the published figures call glue: written by hand so that upstream's code runs.
    pub is_glue: bool,
    /// Files.
    pub files: u64,
    /// Their lines.
    #[serde(flatten)]
    pub counts: Lines,
}

/// The rooms, each with what is in it. A path is in the first room that has a beginning of it.
const ROOMS: [(&str, bool, &[&str]); 15] = [
    ("tests", false, &["tests/", "kos-bindings/kasperskyos/hosted/tests/"]),
    ("shim, Rust", true, &["shim/src/", "shim/build.rs"]),
    ("shim, C", true, &["shim/glue/"]),
    (
        "linux-headers: headers",
        true,
        &["linux-headers/include/", "linux-headers/link/"],
    ),
    ("linux-headers: Kconfig answers", true, &["linux-headers/config/"]),
    ("linux-headers: tree and flags", false, &["linux-headers/src/"]),
    (
        "kos-bindings: domain",
        false,
        &["kos-bindings/src/domain/", "kos-bindings/kasperskyos/"],
    ),
    ("kos-bindings: hosted kernel", false, &["kos-bindings/src/hosted/"]),
    ("kos-bindings: messages, clients", false, &["kos-bindings/src/"]),
    ("kos-bindings: languages", false, &["kos-bindings/"]),
    ("drivers: boards", false, &["drivers/boards/"]),
    ("drivers: chips and buses", false, &["drivers/"]),
    ("host library and command", false, &["src/", "build.rs", "examples/"]),
    ("oracle", false, &["oracle/"]),
    ("fuzzers, tasks, benchmarks", false, &["fuzz/", "xtask/", "benches/"]),
];

/// Endings of what is code, or says what code would.
const CODE: [&str; 12] = [
    "rs", "c", "h", "S", "dts", "dtsi", "lds", "idl", "cdl", "edl", "config", "toml",
];

/// Counts the rooms.
pub(super) fn count(root: &Path) -> Result<Vec<Room>, FiguresError> {
    let mut rooms: Vec<Room> = ROOMS
        .iter()
        .map(|(name, is_glue, _)| Room {
            room: (*name).to_owned(),
            is_glue: *is_glue,
            files: 0,
            counts: Lines::default(),
        })
        .collect();
    for path in files(root)? {
        let Some(index) = room_of(&path) else { continue };
        let data = read(&root.join(&path))?;
        let (code, tests) = parted(&data);
        let name = Path::new(known_as(&path));
        if let Some(room) = rooms.get_mut(index) {
            room.files += 1;
            room.counts += glue::count(name, code);
        }
        if let Some(room) = rooms.first_mut() {
            room.counts += glue::count(name, tests);
        }
    }
    Ok(rooms)
}

fn room_of(path: &str) -> Option<usize> {
    let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
    if is_test {
        return Some(0);
    }
    ROOMS
        .iter()
        .position(|(_, _, parts)| parts.iter().any(|part| path.starts_with(part)))
}

/// Code of this repository, in order; what is built or fetched is not in it.
fn files(root: &Path) -> Result<Vec<String>, FiguresError> {
    let mut found = Vec::new();
    let mut dirs: Vec<PathBuf> = Vec::new();
    let tops = [
        "benches",
        "drivers",
        "examples",
        "fuzz",
        "kos-bindings",
        "linux-headers",
        "oracle",
        "shim",
        "src",
    ];
    dirs.extend(tops.iter().chain(&["tests", "xtask"]).map(|top| root.join(top)));
    while let Some(dir) = dirs.pop() {
        let failed = |error| FiguresError::Io {
            path: dir.clone(),
            error,
        };
        for entry in std::fs::read_dir(&dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_made = ["target", "corpus", "artifacts", "coverage", "seeds"].contains(&name.as_str());
            if path.is_dir() {
                dirs.extend((!is_made).then_some(path));
                continue;
            }
            let relative = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let is_code = path
                .extension()
                .is_some_and(|end| CODE.iter().any(|known| end == *known));
            // Lists of upstream files without an ending.
            if is_code || relative.starts_with("linux-headers/config/") {
                found.push(relative);
            }
        }
    }
    found.push("build.rs".to_owned());
    found.sort();
    Ok(found)
}

/// What tokei would take a file for.
fn known_as(path: &str) -> &str {
    match path.rsplit_once('.') {
        // Answers and lists: `#` begins a comment.
        _ if path.starts_with("linux-headers/config/") => "Kconfig",
        // The description languages have C's comments.
        Some((_, "idl" | "cdl" | "edl")) => "description.h",
        _ => path,
    }
}

/// A file's code, and the tests at its end, as Rust has them.
fn parted(data: &[u8]) -> (&[u8], &[u8]) {
    const TESTS: &[u8] = b"\n#[cfg(test)]\nmod tests {\n";
    let at = data.windows(TESTS.len()).position(|window| window == TESTS);
    data.split_at(at.map_or(data.len(), |at| at + 1))
}

fn read(path: &Path) -> Result<Vec<u8>, FiguresError> {
    std::fs::read(path).map_err(|error| FiguresError::Io {
        path: path.to_owned(),
        error,
    })
}

/// Lines with code of one file.
pub(super) fn code_lines(path: &Path) -> Result<u64, FiguresError> {
    Ok(glue::count(path, &read(path)?).code)
}

/// The code of the rooms that are glue, for a search.
pub(super) struct GlueText(Vec<String>);

impl GlueText {
    pub(super) fn read(root: &Path) -> Result<Self, FiguresError> {
        let mut lines = Vec::new();
        for path in files(root)? {
            if room_of(&path).is_some_and(|room| ROOMS.get(room).is_some_and(|(_, is_glue, _)| *is_glue)) {
                let data = read(&root.join(&path))?;
                lines.extend(code_of(Path::new(known_as(&path)), parted(&data).0));
            }
        }
        Ok(Self(lines))
    }

    /// Lines of code that name one of `chips`.
    pub(super) fn lines_that_name(&self, chips: &[String]) -> u64 {
        let names = |line: &&String| {
            let line = line.to_lowercase();
            chips
                .iter()
                .any(|chip| !chip.is_empty() && line.contains(chip.as_str()))
        };
        self.0.iter().filter(names).count() as u64
    }
}
