// SPDX-License-Identifier: GPL-2.0-only
//! Files that a user asks for: whole or not there.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes `data` to `path`, so that whoever looks sees what was there before or all of `data`.
///
/// A regular file, or one that is not there yet, is written beside its place and renamed; where a link leads is kept.
/// Anything else (`/dev/stdout`, a pipe) takes what is written as it comes: renaming would put a file in its place.
///
/// # Errors
///
/// Whatever the file system says; then nothing is left behind.
pub fn write_whole(path: &Path, data: &[u8]) -> io::Result<()> {
    let place = match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(found) if !found.is_file() => return File::options().write(true).open(path)?.write_all(data),
        Ok(_) => path.canonicalize()?,
        Err(_) => path.to_owned(),
    };
    let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty());
    // The cache's own writer makes folders that are missing; a mistyped one is not ours to make.
    fs::metadata(parent.unwrap_or(Path::new(".")))?;
    linux_headers::cache::write_atomic(&place, data)
}

#[cfg(test)]
mod tests {
    use super::write_whole;
    use std::fs;
    use std::io::ErrorKind;
    use std::path::PathBuf;

    fn place(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("linux-compat-output-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory");
        dir
    }

    #[test]
    fn a_link_stays_a_link_and_nothing_is_left_beside() {
        let dir = place("link");
        fs::create_dir(dir.join("real")).expect("a directory");
        fs::write(dir.join("real/page"), "old").expect("a file");
        std::os::unix::fs::symlink("real/page", dir.join("page")).expect("a link");
        write_whole(&dir.join("page"), b"new").expect("it is written");
        assert!(dir.join("page").is_symlink());
        assert_eq!(fs::read(dir.join("real/page")).expect("a file"), b"new");
        assert_eq!(fs::read_dir(dir.join("real")).expect("a directory").count(), 1);
        fs::remove_dir_all(dir).expect("removed");
    }

    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        write_whole("/dev/null".as_ref(), b"x").expect("it is written");
        assert!(!fs::metadata("/dev/null").expect("it is there").is_file());
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_made() {
        let dir = place("missing");
        let error = write_whole(&dir.join("no/page"), b"x").expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(
            write_whole(&dir, b"x").expect_err("refused").kind(),
            ErrorKind::IsADirectory
        );
        assert_eq!(fs::read_dir(&dir).expect("a directory").count(), 0);
        fs::remove_dir_all(dir).expect("removed");
    }
}
