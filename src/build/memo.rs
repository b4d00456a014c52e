// SPDX-License-Identifier: GPL-2.0-only
//! The memory that lets an unchanged build end after a few file stamps.

use super::engine::{ms, outputs};
use super::error::BuildError;
use super::hash::{self, Stamp};
use super::report::{Report, Timings};
use super::request::{BuildRequest, Built};
use linux_headers::cache;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The engine itself: another engine may build another image from the same files.
const ENGINE: [&str; 13] = [
    include_str!("closure.rs"),
    include_str!("compile.rs"),
    include_str!("engine.rs"),
    include_str!("index/lex.rs"),
    include_str!("kbuild/walk.rs"),
    include_str!("link.rs"),
    include_str!("lookup.rs"),
    include_str!("objfile.rs"),
    include_str!("overlay.rs"),
    include_str!("report.rs"),
    include_str!("unreached.rs"),
    include_str!("vendor.rs"),
    include_str!("workshop.rs"),
];

/// What an earlier build of the same request looked at and made.
#[derive(Serialize, Deserialize)]
struct Memo {
    inputs: Vec<(PathBuf, Stamp)>,
    image_dir: String,
    report: String,
}

fn key(request: &BuildRequest) -> Result<String, BuildError> {
    let board = match &request.board_dtb {
        Some(path) => hash::hex(&hash::bytes(&std::fs::read(path).map_err(|error| BuildError::Io {
            path: path.clone(),
            error,
        })?)),
        None => String::new(),
    };
    let mut request = request.clone();
    request.board_dtb = None;
    let compiler = Stamp::of(&which(&request.cc));
    Ok(hash::text(&format!(
        "{request:?} {board} {compiler:?} {}",
        ENGINE.concat()
    )))
}

/// Where a command is found; for its stamp only.
fn which(command: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join(command))
        .find(|path| path.exists())
        .unwrap_or_default()
}

/// Where a request's memory lies.
pub(super) fn place(request: &BuildRequest) -> Result<PathBuf, BuildError> {
    Ok(cache::dir().join("memo").join(key(request)?))
}

/// Keeps what a build looked at and made.
pub(super) fn keep(memo: PathBuf, inputs: &[PathBuf], image_dir: String, report: &Report) -> Result<(), BuildError> {
    let inputs = inputs
        .iter()
        .filter_map(|path| Some((path.clone(), Stamp::of(path)?)))
        .collect();
    let report = serde_json::to_string(report).unwrap_or_default();
    let data = postcard::to_stdvec(&Memo {
        inputs,
        image_dir,
        report,
    })
    .unwrap_or_default();
    cache::write_atomic(&memo, &data).map_err(|error| BuildError::Io { path: memo, error })
}

/// What an earlier build made, if nothing that it looked at has changed since.
pub(super) fn recall(memo: &Path, request: &BuildRequest, start: Instant) -> Option<Built> {
    let memo: Memo = postcard::from_bytes(&std::fs::read(memo).ok()?).ok()?;
    let same = memo.inputs.iter().all(|(path, stamp)| Stamp::of(path) == Some(*stamp));
    let (image, debug) = outputs(&request.images_dir().join(&memo.image_dir), request.emit);
    if !same || !image.exists() {
        return None;
    }
    let mut report: Report = serde_json::from_str(&memo.report).ok()?;
    report.timings = Timings {
        warm: true,
        total_ms: ms(start),
        ..Timings::default()
    };
    Some(Built { image, debug, report })
}

#[cfg(test)]
mod tests {
    use super::{BuildRequest, Report, keep, recall};
    use linux_headers::{Series, Tree};
    use std::time::Instant;

    #[test]
    fn an_image_is_found_where_it_was_made() {
        let dir = std::env::temp_dir().join(format!("memo-{}", std::process::id()));
        let tree = Tree {
            dir: dir.clone(),
            series: Series::V6_12,
            full_version: "6.12.0".to_owned(),
            manifest: None,
        };
        let mut request = BuildRequest::new(tree, "chip");
        request.images = Some(dir.join("mine"));
        let image = dir.join("mine/made/image");
        linux_headers::cache::write_atomic(&image, b"an image").expect("writes");
        let memo = dir.join("memo");
        keep(memo.clone(), &[], "made".to_owned(), &Report::default()).expect("keeps");
        let built = recall(&memo, &request, Instant::now()).map(|built| built.image);
        let _ = std::fs::remove_dir_all(&dir);
        assert_eq!(built, Some(image));
    }
}
