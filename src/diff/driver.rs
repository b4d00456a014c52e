// SPDX-License-Identifier: GPL-2.0-only
//! Which driver a file belongs to.
//!
//! Kbuild's own word first: the module that the folder's `Makefile` or `Kbuild` makes of the file. A driver often is
//! several modules, a core and one for each bus; they count as one, so a module's name is taken without the endings
//! in [`ROLES`]. A header goes to the driver of its folder whose name its own begins with. What is left is its
//! folder's. In a folder without a Makefile a source file's own name does what a module's would.

use super::side::{Listing, Reader};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Endings that say which part of a driver a module is.
const ROLES: [&str; 12] = [
    "core", "i2c", "spi", "i3c", "usb", "uart", "serdev", "mdio", "pci", "platform", "main", "trigger",
];
/// A Makefile of more bytes is none.
const MAX_MAKEFILE: u64 = 1 << 20;

/// The drivers of both sides.
#[derive(Debug, Default)]
pub(super) struct Drivers {
    /// By folder: a source file's stem, and its driver.
    modules: BTreeMap<PathBuf, BTreeMap<String, String>>,
    /// By folder: all of its drivers.
    names: BTreeMap<PathBuf, BTreeSet<String>>,
}

impl Drivers {
    /// Reads what Kbuild says on either side.
    pub(super) fn new(sides: [(&Listing, &Reader); 2]) -> Self {
        let mut drivers = Self::default();
        for (listing, reader) in sides {
            for (path, entry) in &listing.files {
                let is_kbuild = path
                    .file_name()
                    .is_some_and(|name| name == "Makefile" || name == "Kbuild");
                if !is_kbuild || entry.size > MAX_MAKEFILE {
                    continue;
                }
                // One that cannot be read is told of when it is compared.
                let Ok(data) = reader.read(entry) else { continue };
                let dir = path.parent().unwrap_or(Path::new("")).to_owned();
                drivers
                    .modules
                    .entry(dir)
                    .or_default()
                    .extend(modules(&String::from_utf8_lossy(&data)));
            }
            for path in listing.files.keys().filter(|path| is_source(path)) {
                let dir = path.parent().unwrap_or(Path::new("")).to_owned();
                let driver = drivers.of_source(path);
                drivers.names.entry(dir).or_default().extend(driver);
            }
        }
        drivers
    }

    fn of_source(&self, path: &Path) -> Option<String> {
        let stem = path.file_stem()?.to_string_lossy();
        match self.modules.get(path.parent().unwrap_or(Path::new(""))) {
            Some(modules) => modules.get(&*stem).cloned(),
            None => Some(family(&stem).to_owned()),
        }
    }

    /// The driver that a file belongs to, with its folder.
    pub(super) fn of(&self, path: &Path) -> String {
        let dir = path.parent().unwrap_or(Path::new(""));
        let named = if is_source(path) {
            self.of_source(path)
        } else {
            self.of_header(dir, path)
        };
        match named {
            Some(name) => dir.join(name).display().to_string(),
            None if dir.as_os_str().is_empty() => "./".to_owned(),
            None => format!("{}/", dir.display()),
        }
    }

    fn of_header(&self, dir: &Path, path: &Path) -> Option<String> {
        let plain = |text: &str| text.replace('-', "_");
        let stem = plain(&path.file_stem()?.to_string_lossy());
        let is_header = path.extension().is_some_and(|extension| extension == "h");
        let names = self
            .names
            .get(dir)?
            .iter()
            .filter(|name| is_header && stem.starts_with(&plain(name)));
        names.max_by_key(|name| name.len()).cloned()
    }
}

fn is_source(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| ["c", "S", "rs"].iter().any(|known| extension == *known))
}

/// A module's name without what says which part it is.
fn family(module: &str) -> &str {
    let whole = module;
    let cut = module.rsplit_once(['_', '-']).filter(|(_, role)| ROLES.contains(role));
    cut.map_or(whole, |(name, _)| name)
}

/// From each object's stem to its driver, as a Makefile has it: `obj-… += a.o`, `a-y := b.o c.o`, `a-objs = b.o`.
fn modules(text: &str) -> BTreeMap<String, String> {
    let text = text.replace("\\\n", " ");
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    let mut parts = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let Some((left, right)) = line.split_once('=') else {
            continue;
        };
        let left = left.trim_end_matches([':', '+', '?', ' ', '\t']).trim();
        let Some((name, condition)) = left.split_once('-').and_then(|_| split_condition(left)) else {
            continue;
        };
        let objects = right
            .split_ascii_whitespace()
            .filter_map(|word| word.strip_suffix(".o"));
        for object in objects {
            if name == "obj" || (name == "lib" && condition == "y") {
                owners
                    .entry(object.to_owned())
                    .or_insert_with(|| family(object).to_owned());
            } else {
                parts.push((object.to_owned(), name.to_owned()));
            }
        }
    }
    for (object, module) in parts {
        // Only of what is a module itself: `ccflags-y` and the like are not.
        if let Some(driver) = owners.get(&module).cloned() {
            owners.insert(object, driver);
        }
    }
    owners
}

/// `NAME-y`, `NAME-m`, `NAME-objs`, `NAME-$(CONFIG_X)`: the name, and the rest. The name may have hyphens itself.
fn split_condition(left: &str) -> Option<(&str, &str)> {
    if let Some(at) = left.find("-$(") {
        return Some((&left[..at], &left[at + 1..]));
    }
    let (name, condition) = left.rsplit_once('-')?;
    ["y", "m", "objs"].contains(&condition).then_some((name, condition))
}

#[cfg(test)]
mod tests {
    use super::{family, modules};

    #[test]
    fn a_makefile_names_the_drivers() {
        let drivers = modules(
            "obj-$(CONFIG_A) += sensor_core.o\nobj-$(CONFIG_A_I2C) += sensor_i2c.o # bus\n\
             obj-m := two-part.o\ntwo-part-y := first.o \\\n\tsecond.o\ntwo-part-$(CONFIG_X) += third.o\n\
             ccflags-y += -I$(src)/x.o\nobj-y += sub/\n",
        );
        let of = |stem: &str| drivers.get(stem).map(String::as_str);
        assert_eq!(of("sensor_core"), Some("sensor"));
        assert_eq!(of("sensor_i2c"), Some("sensor"));
        for stem in ["first", "second", "third"] {
            assert_eq!(of(stem), Some("two-part"), "{stem}");
        }
        assert_eq!(of("-I$(src)/x"), None);
    }

    #[test]
    fn only_roles_are_cut_off() {
        assert_eq!(family("st_accel_i2c"), "st_accel");
        assert_eq!(family("inv-mpu6050-spi"), "inv-mpu6050");
        assert_eq!(family("kxcjk-1013"), "kxcjk-1013");
        assert_eq!(family("core"), "core");
    }
}
