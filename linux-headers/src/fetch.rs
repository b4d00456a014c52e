// SPDX-License-Identifier: GPL-2.0-only
//! Fetches a kernel tree: a Debian source package, downloaded and unpacked without root.
//!
//! Only what can be built for a domain or for the oracle (User-Mode Linux) is unpacked. While it is, each
//! file is hashed from the package's own stream; the result is the manifest that sources are checked with.

use crate::cache::{self, Lock};
use crate::manifest::{Manifest, hash_of};
use crate::tree::{Series, TreeError};
use indicatif::{ProgressBar, ProgressStyle};
use liblzma::read::XzDecoder;
use liblzma::stream::MtStreamBuilder;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Parts of the tree that are left out: other architectures, and the largest drivers of buses no domain has.
const SKIPPED: [&str; 22] = [
    "arch/",
    "Documentation/",
    "tools/",
    "samples/",
    "LICENSES/",
    "drivers/accel/",
    "drivers/gpu/drm/amd/",
    "drivers/gpu/drm/i915/",
    "drivers/gpu/drm/nouveau/",
    "drivers/gpu/drm/radeon/",
    "drivers/gpu/drm/xe/",
    "drivers/gpu/drm/msm/",
    "drivers/gpu/drm/vmwgfx/",
    "drivers/infiniband/",
    "drivers/net/ethernet/",
    "drivers/net/wireless/",
    "drivers/scsi/",
    "drivers/staging/media/atomisp/",
    "drivers/crypto/intel/",
    "drivers/comedi/",
    "fs/xfs/",
    "fs/btrfs/",
];

/// Parts of those that are wanted all the same.
const KEPT: [&str; 12] = [
    "arch/Kconfig",
    "arch/um/",
    "arch/x86/",
    "Documentation/devicetree/bindings/",
    "Documentation/Kconfig",
    "tools/include/",
    "tools/build/",
    "tools/scripts/",
    // They test themselves.
    "samples/kfifo/",
    // Tests in `lib/` include one of its headers, programs that test Linux from outside the others.
    "tools/testing/selftests/kselftest",
    "tools/testing/selftests/nci/",
    "tools/testing/selftests/rtc/",
];

/// Whether a file of the tree is unpacked.
fn is_wanted(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    // The whole tree's Kbuild and Kconfig files are read, whatever they describe.
    let describes =
        !path.starts_with("arch/") && (name.starts_with("Kconfig") || name == "Makefile" || name == "Kbuild");
    let under = |list: &[&str]| list.iter().any(|prefix| path.starts_with(prefix));
    // Kconfig of every architecture reads these, before it knows that they are none of its business.
    let describes = describes || (path.starts_with("arch/") && path.ends_with("/crypto/Kconfig"));
    describes || !under(&SKIPPED) || under(&KEPT)
}

/// Where the package's files went and what they hash to.
pub(crate) struct Unpacked {
    pub(crate) dir: PathBuf,
    pub(crate) manifest: PathBuf,
}

/// The place of a series in the cache.
pub(crate) fn place(series: Series) -> Unpacked {
    let dir = cache::dir().join("trees").join(series.to_string());
    Unpacked {
        manifest: dir.join("manifest"),
        dir: dir.join("linux"),
    }
}

/// Fetches and unpacks a series into the cache, if no other process has done so meanwhile.
pub(crate) fn fetch(series: Series) -> Result<Unpacked, TreeError> {
    let place = place(series);
    let trees = cache::dir().join("trees");
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| TreeError::Io { path, error }
    };
    let lock = trees.join(format!(".lock-{series}"));
    let _lock = Lock::take(&lock, || {
        eprintln!("linux {series}: another process is unpacking it, waiting")
    })
    .map_err(io(&lock))?;
    if place.manifest.exists() {
        return Ok(place);
    }
    // What a process left that was killed while it unpacked; the lock says that it is gone.
    let prefix = format!(".unpack-{series}-");
    for entry in fs::read_dir(&trees).map_err(io(&trees))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            fs::remove_dir_all(entry.path()).map_err(io(&trees))?;
        }
    }
    let temporary = trees.join(format!("{prefix}{}", std::process::id()));
    fs::create_dir_all(&temporary).map_err(io(&temporary))?;
    let (deb, is_ours) = package(series, &temporary)?;
    let unpacked = unpack(&deb, &temporary.join("linux"), series);
    if is_ours {
        // 150 MB that are not needed again.
        let _ = fs::remove_file(&deb);
    }
    let done = unpacked.and_then(|files| {
        let text = Manifest::text(&package_name(&deb), &files);
        cache::write_atomic(&temporary.join("manifest"), text.as_bytes()).map_err(io(&temporary))?;
        let target = trees.join(series.to_string());
        let _ = fs::remove_dir_all(&target);
        fs::rename(&temporary, &target).map_err(io(&target))
    });
    if done.is_err() {
        let _ = fs::remove_dir_all(&temporary);
    }
    done.map(|()| place)
}

/// What a tree has that Kconfig and Make can work on, and that holds all of Linux's own tests.
const WHOLE: [&str; 4] = [
    "arch/arm/crypto/Kconfig",
    "tools/testing/selftests/nci/nci_dev.c",
    "tools/testing/selftests/rtc/rtctest.c",
    "samples/kfifo/record-example.c",
];

/// Whether a tree is one that Kconfig and Make can work on, with Linux's own tests: those that were unpacked before
/// User-Mode Linux and the tests were wanted are not.
pub(crate) fn is_whole(manifest: &Manifest) -> bool {
    WHOLE.iter().all(|path| manifest.hash(path).is_some())
}

/// Adds to a tree in the cache what it lacks, file by file: others may be working with it.
pub(crate) fn complete(series: Series) -> Result<(), TreeError> {
    let place = place(series);
    let trees = cache::dir().join("trees");
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| TreeError::Io { path, error }
    };
    let lock = trees.join(format!(".lock-{series}"));
    let _lock = Lock::take(&lock, || {
        eprintln!("linux {series}: another process is unpacking it, waiting")
    })
    .map_err(io(&lock))?;
    if Manifest::read(&place.manifest).is_ok_and(|manifest| is_whole(&manifest)) {
        return Ok(());
    }
    let temporary = trees.join(format!(".unpack-{series}-{}", std::process::id()));
    fs::create_dir_all(&temporary).map_err(io(&temporary))?;
    let (deb, _) = package(series, &temporary)?;
    let fresh = temporary.join("linux");
    let done = unpack(&deb, &fresh, series).and_then(|files| {
        for path in files.keys() {
            let target = place.dir.join(path);
            if !target.exists() {
                let parent = target.parent().unwrap_or(&place.dir);
                fs::create_dir_all(parent).map_err(io(parent))?;
                fs::rename(fresh.join(path), &target).map_err(io(&target))?;
            }
        }
        let text = Manifest::text(&package_name(&deb), &files);
        cache::write_atomic(&place.manifest, text.as_bytes()).map_err(io(&place.manifest))
    });
    let _ = fs::remove_dir_all(&temporary);
    done
}

/// `linux-source-6.12 6.12.117-1~deb12u1`, from the file's name.
fn package_name(deb: &Path) -> String {
    let name = deb
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    name.split('_')
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
        .replace("%3a", ":")
}

/// The package: from `LINUX_COMPAT_DEBS` if it is there, else downloaded; and whether it is ours to delete.
fn package(series: Series, into: &Path) -> Result<(PathBuf, bool), TreeError> {
    if let Some(dir) = std::env::var_os("LINUX_COMPAT_DEBS")
        && let Some(deb) = find_deb(Path::new(&dir), series)
    {
        return Ok((deb, false));
    }
    download(series, into)?;
    let what = "apt-get download left no file".to_owned();
    find_deb(into, series)
        .map(|deb| (deb, true))
        .ok_or(TreeError::Fetch { series, what })
}

fn find_deb(dir: &Path, series: Series) -> Option<PathBuf> {
    let prefix = format!("linux-source-{series}_");
    let mut found: Vec<PathBuf> = fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        name.starts_with(&prefix) && name.ends_with(".deb")
    });
    found.sort();
    found.pop()
}

fn download(series: Series, into: &Path) -> Result<(), TreeError> {
    let name = format!("linux-source-{series}");
    let failed = |what: String| TreeError::Fetch { series, what };
    let shown = Command::new("apt-cache")
        .args(["show", "--no-all-versions", &name])
        .stderr(Stdio::null())
        .output();
    let shown = shown.map_err(|error| failed(format!("apt-cache: {error}")))?;
    let text = String::from_utf8_lossy(&shown.stdout);
    let size = text
        .lines()
        .find_map(|line| line.strip_prefix("Size: ")?.parse::<u64>().ok());
    let Some(size) = size else {
        return Err(failed(format!(
            "apt knows no package {name}; `sudo apt-get update` reads the package lists"
        )));
    };
    let bar = bar(size, format!("downloading {name}"));
    let mut child = Command::new("apt-get")
        .args(["download", "-q", &name])
        .current_dir(into)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("apt-get: {error}")))?;
    let status = loop {
        bar.set_position(arrived(into));
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => thread::sleep(Duration::from_millis(100)),
            Err(error) => return Err(failed(format!("apt-get: {error}"))),
        }
    };
    bar.finish_and_clear();
    if status.success() {
        return Ok(());
    }
    let mut message = String::new();
    if let Some(stderr) = &mut child.stderr {
        let _ = stderr.read_to_string(&mut message);
    }
    let last = message
        .lines()
        .rfind(|line| line.starts_with("E:"))
        .unwrap_or("apt-get download failed")
        .to_owned();
    Err(failed(format!("{last}; `sudo apt-get update` may help")))
}

fn arrived(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(fs::Metadata::is_file)
        .map(|meta| meta.len())
        .sum()
}

fn bar(size: u64, message: String) -> ProgressBar {
    let bar = ProgressBar::new(size).with_message(message);
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {bytes}/{total_bytes}, {eta} left") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

/// One file on its way from the stream to the disk.
struct Item {
    path: String,
    data: Vec<u8>,
    is_executable: bool,
}

/// Unpacks the wanted part of the package's tree into `dir`, and returns the hash of each file.
fn unpack(deb: &Path, dir: &Path, series: Series) -> Result<BTreeMap<String, [u8; 32]>, TreeError> {
    let io = |error| TreeError::Io {
        path: deb.to_owned(),
        error,
    };
    let mut child = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(deb)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| TreeError::Fetch {
            series,
            what: format!("dpkg-deb: {error}"),
        })?;
    let files = members(&mut child, dir, series).map_err(io);
    // The package holds nothing after the tree that matters.
    let _ = child.kill();
    let _ = child.wait();
    let files = files?;
    if files.contains_key("Makefile") {
        return Ok(files);
    }
    Err(TreeError::Fetch {
        series,
        what: format!("{}: holds no kernel tree", deb.display()),
    })
}

fn members(child: &mut Child, dir: &Path, series: Series) -> io::Result<BTreeMap<String, [u8; 32]>> {
    let Some(out) = child.stdout.take() else {
        return Ok(BTreeMap::new());
    };
    let mut outer = tar::Archive::new(BufReader::with_capacity(1 << 20, out));
    for entry in outer.entries()? {
        let entry = entry?;
        let name = entry.path_bytes().into_owned();
        if !name.ends_with(b".tar.xz") {
            continue;
        }
        let bar = bar(entry.size(), format!("unpacking linux {series}"));
        let threads = u32::try_from(thread::available_parallelism().map_or(1, usize::from)).unwrap_or(1);
        let stream = MtStreamBuilder::new()
            .threads(threads)
            .memlimit_threading(1 << 29)
            .memlimit_stop(u64::MAX)
            .decoder()?;
        let inner = XzDecoder::new_stream(BufReader::with_capacity(1 << 20, bar.wrap_read(entry)), stream);
        let files = tree_of(&mut tar::Archive::new(inner), dir)?;
        bar.finish_and_clear();
        return Ok(files);
    }
    Ok(BTreeMap::new())
}

fn tree_of<R: Read>(archive: &mut tar::Archive<R>, dir: &Path) -> io::Result<BTreeMap<String, [u8; 32]>> {
    let (sender, receiver) = sync_channel(256);
    thread::scope(|scope| {
        let writer = scope.spawn(move || write_all(&receiver, dir));
        let read = read_all(archive, dir, &sender);
        drop(sender);
        let written = writer
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the writer died")));
        read.and(written)
    })
}

fn read_all<R: Read>(archive: &mut tar::Archive<R>, dir: &Path, sender: &SyncSender<Item>) -> io::Result<()> {
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        // All is below one directory, `linux-source-6.12/`.
        let Some((_, path)) = path.trim_start_matches("./").split_once('/') else {
            continue;
        };
        let is_inside = path.split('/').all(|part| part != "..");
        if path.is_empty() || !is_inside || !is_wanted(path) {
            continue;
        }
        let path = path.to_owned();
        let kind = entry.header().entry_type();
        if kind.is_symlink() {
            if let Some(target) = entry.link_name()? {
                let place = dir.join(&path);
                fs::create_dir_all(place.parent().unwrap_or(dir))?;
                std::os::unix::fs::symlink(target, place)?;
            }
        } else if kind.is_file() {
            let is_executable = entry.header().mode()? & 0o100 != 0;
            let mut data = Vec::new();
            entry.read_to_end(&mut data)?;
            sender
                .send(Item {
                    path,
                    data,
                    is_executable,
                })
                .map_err(|_| io::Error::other("the writer stopped"))?;
        }
    }
    Ok(())
}

fn write_all(receiver: &Receiver<Item>, dir: &Path) -> io::Result<BTreeMap<String, [u8; 32]>> {
    let mut files = BTreeMap::new();
    let mut last_parent = PathBuf::new();
    for item in receiver {
        let place = dir.join(&item.path);
        let parent = place.parent().unwrap_or(dir);
        if parent != last_parent {
            fs::create_dir_all(parent)?;
            parent.clone_into(&mut last_parent);
        }
        fs::write(&place, &item.data)?;
        if item.is_executable {
            File::open(&place)?.set_permissions(fs::Permissions::from_mode(0o755))?;
        }
        files.insert(item.path, hash_of(&item.data));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::is_wanted;

    #[test]
    fn what_a_domain_can_use_is_wanted() {
        for path in [
            "drivers/iio/accel/adxl345_core.c",
            "arch/um/Makefile",
            "arch/Kconfig",
            "arch/arm64/crypto/Kconfig",
            "drivers/net/ethernet/intel/Kconfig",
            "Makefile",
            "tools/testing/selftests/kselftest_module.h",
            "tools/testing/selftests/kselftest_harness.h",
            "tools/testing/selftests/nci/nci_dev.c",
            "samples/kfifo/record-example.c",
        ] {
            assert!(is_wanted(path), "{path}");
        }
        for path in [
            "arch/arm64/Kconfig",
            "drivers/gpu/drm/amd/amdgpu/amdgpu.h",
            "Documentation/process/howto.rst",
        ] {
            assert!(!is_wanted(path), "{path}");
        }
    }
}
