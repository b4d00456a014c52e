// SPDX-License-Identifier: GPL-2.0-only
//! Where bindgen will find libclang: the directories and names that the `clang-sys` crate tries at run time.

use std::path::{Path, PathBuf};

/// Finds libclang; `LIBCLANG_PATH` goes first, as it does in `clang-sys`.
pub(super) fn find() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("LIBCLANG_PATH").map(PathBuf::from) {
        return if path.is_file() {
            Some(path)
        } else {
            in_directory(&path)
        };
    }
    let listed = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = std::env::split_paths(&listed).collect();
    dirs.extend(children("/usr/lib", "llvm-").into_iter().map(|dir| dir.join("lib")));
    dirs.extend(children("/usr/local", "llvm").into_iter().map(|dir| dir.join("lib")));
    let arch = std::env::consts::ARCH;
    dirs.extend(["/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64"].map(PathBuf::from));
    dirs.push(format!("/usr/lib/{arch}-linux-gnu").into());
    dirs.iter().find_map(|dir| in_directory(dir))
}

fn in_directory(dir: &Path) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = dir.read_dir().ok()?.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_libclang) && path.exists());
    found.sort();
    found.pop()
}

/// Matches `libclang.so`, `libclang-*.so`, `libclang.so.*` and `libclang-*.so.*`, but not `libclang-cpp`.
fn is_libclang(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("libclang") else {
        return false;
    };
    let Some((version, suffix)) = rest.split_once(".so") else {
        return false;
    };
    let is_version = version.is_empty()
        || version
            .strip_prefix('-')
            .is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()));
    is_version && (suffix.is_empty() || suffix.starts_with('.'))
}

fn children(dir: &str, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = Path::new(dir).read_dir() else {
        return Vec::new();
    };
    let named = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    let mut dirs: Vec<PathBuf> = named.map(|entry| entry.path()).collect();
    dirs.sort();
    dirs
}

#[cfg(test)]
mod tests {
    use super::is_libclang;

    #[test]
    fn libclang_is_told_from_its_neighbours() {
        for name in [
            "libclang.so",
            "libclang-14.so",
            "libclang.so.1",
            "libclang-14.so.1",
            "libclang-14.so.14.0.6",
        ] {
            assert!(is_libclang(name), "{name}");
        }
        for name in [
            "libclang-cpp.so.14",
            "libclangAST.a",
            "libclang.a",
            "libclang-cpp.so",
            "libLLVM.so",
        ] {
            assert!(!is_libclang(name), "{name}");
        }
    }
}
