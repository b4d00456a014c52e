// SPDX-License-Identifier: GPL-2.0-only
//! From what a user calls a driver to the objects that make it.
//!
//! A driver is named by its module, its source file, a `compatible`, or its chip: `adxl345` stands for
//! `adxl345_i2c` and `adxl345_spi`, and the board says which.

use super::error::BuildError;
use super::fdt::Device;
use super::index::Index;
use super::kbuild::Object;
use super::vendor;
use linux_headers::Tree;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The driver's objects in the tree.
    pub objects: Vec<u32>,
    /// The names of the modules.
    pub modules: Vec<String>,
    /// Source files outside the tree.
    pub outside: Vec<Object>,
    /// Kbuild files outside the tree that say so.
    pub read: Vec<PathBuf>,
}

/// Finds a driver by name, for a board.
///
/// # Errors
///
/// Nothing bears that name; the nearest names are in the error.
pub fn driver(tree: &Tree, index: &Index, name: &str, board: &[Device]) -> Result<Found, BuildError> {
    if name.ends_with(".c") {
        return file(tree, index, name);
    }
    if name.starts_with("CONFIG_") {
        return of_symbols(tree, index, name);
    }
    if name.contains('/') && Path::new(name).is_dir() {
        return folder(Path::new(name));
    }
    let exact = modules(index, |module| module == fix(name));
    if !exact.is_empty() {
        return Ok(of_modules(index, &exact));
    }
    let bus = board
        .iter()
        .find(|device| device.compatible.iter().any(|compatible| compatible == name))
        .map_or("", Device::bus);
    let driving = driving(index, name, bus);
    if !driving.is_empty() {
        return Ok(of_modules(index, &driving));
    }
    let chip = chip(index, name, board);
    if !chip.is_empty() {
        return Ok(of_modules(index, &chip));
    }
    Err(unknown(tree, index, name))
}

/// The drivers of all other devices of the board: supplies, expanders, muxes.
#[must_use]
pub fn board_drivers(index: &Index, board: &[Device], already: &[String]) -> Vec<u32> {
    let mut found = BTreeSet::new();
    for device in board {
        for compatible in &device.compatible {
            // Buses without a driver of their own: populating them is the core's work.
            if matches!(compatible.as_str(), "simple-bus" | "simple-mfd") {
                continue;
            }
            let modules = driving(index, compatible, device.bus());
            if modules.is_empty() {
                continue;
            }
            // Of two drivers for one chip the other must not take it.
            let known = index.driving(compatible).iter();
            let mut known = known.filter_map(|number| index.kbuild.objects.get(*number as usize));
            if !known.any(|object| already.contains(&object.module)) {
                found.extend(of_modules(index, &modules).objects);
            }
            break;
        }
    }
    found.into_iter().collect()
}

fn fix(name: &str) -> String {
    name.replace('-', "_")
}

fn modules(index: &Index, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let all: BTreeSet<&str> = index
        .kbuild
        .objects
        .iter()
        .map(|object| object.module.as_str())
        .collect();
    all.into_iter()
        .filter(|module| wanted(&fix(module)))
        .map(str::to_owned)
        .collect()
}

fn of_modules(index: &Index, modules: &[String]) -> Found {
    let objects = (0u32..)
        .zip(&index.kbuild.objects)
        .filter(|(_, object)| modules.contains(&object.module));
    Found {
        objects: objects.map(|(number, _)| number).collect(),
        modules: modules.to_vec(),
        outside: Vec::new(),
        read: Vec::new(),
    }
}

/// The symbols that a driver's name stands for: `CONFIG_A CONFIG_B`; none for other names.
pub(super) fn symbols_of(name: &str) -> impl Iterator<Item = &str> {
    name.split(' ').filter_map(|word| word.strip_prefix("CONFIG_"))
}

/// All that symbols of the configuration turn on themselves.
fn of_symbols(tree: &Tree, index: &Index, name: &str) -> Result<Found, BuildError> {
    let mut found = Found::default();
    for symbol in symbols_of(name) {
        let before = found.objects.len();
        for (number, object) in (0u32..).zip(&index.kbuild.objects) {
            if object.symbols().last() == Some(symbol) {
                found.objects.push(number);
                found.modules.push(object.module.clone());
            }
        }
        if found.objects.len() == before {
            return Err(unknown(tree, index, symbol));
        }
    }
    found.modules.sort();
    found.modules.dedup();
    Ok(found)
}

fn file(tree: &Tree, index: &Index, name: &str) -> Result<Found, BuildError> {
    let path = Path::new(name);
    let in_tree = path
        .canonicalize()
        .ok()
        .and_then(|path| path.strip_prefix(&tree.dir).ok().map(Path::to_owned));
    let source = in_tree.map_or(name.to_owned(), |path| path.display().to_string());
    if let Some(object) = index.kbuild.objects.iter().find(|object| object.source == source) {
        return Ok(of_modules(index, std::slice::from_ref(&object.module)));
    }
    let absolute = path.canonicalize().ok().filter(|path| path.is_file());
    let absolute = absolute.ok_or_else(|| no_file(tree, index, name))?;
    let module = absolute
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let outside = Object::outside(&absolute.display().to_string(), &module);
    Ok(Found {
        objects: Vec::new(),
        modules: vec![module],
        outside: vec![outside],
        read: Vec::new(),
    })
}

/// The driver of a folder outside the tree.
fn folder(dir: &Path) -> Result<Found, BuildError> {
    let folder = vendor::folder(dir)?;
    let modules: BTreeSet<&str> = folder.objects.iter().map(|object| object.module.as_str()).collect();
    Ok(Found {
        objects: Vec::new(),
        modules: modules.into_iter().map(str::to_owned).collect(),
        outside: folder.objects.clone(),
        read: folder.read,
    })
}

/// The modules whose match tables name `compatible`; on a bus of a known kind only those for that bus.
fn driving(index: &Index, compatible: &str, bus: &str) -> Vec<String> {
    let objects = index
        .driving(compatible)
        .iter()
        .filter_map(|number| index.kbuild.objects.get(*number as usize));
    let all: BTreeSet<&str> = objects
        .filter(|object| object.source.starts_with("drivers/") || object.source.starts_with("sound/"))
        .map(|object| object.module.as_str())
        .collect();
    let fitting: Vec<String> = all
        .iter()
        .filter(|module| fits(module, bus))
        .map(|module| (*module).to_owned())
        .collect();
    match fitting.as_slice() {
        // Two subsystems drive some chips; upstream's configuration allows one at a time. The first is as good as any.
        [first, _, ..] => vec![first.clone()],
        _ => fitting,
    }
}

/// Whether a module is for this kind of bus, as far as its name tells.
fn fits(module: &str, bus: &str) -> bool {
    let other = match bus {
        "i2c" => "spi",
        "spi" => "i2c",
        _ => return true,
    };
    !fix(module).split('_').any(|part| part == other)
}

fn chip(index: &Index, name: &str, board: &[Device]) -> Vec<String> {
    let name = fix(name);
    let mut out = Vec::new();
    let on_bus = |bus: &str| {
        board.iter().any(|device| {
            device.bus() == bus
                && device
                    .compatible
                    .iter()
                    .any(|compatible| compatible.split(',').next_back().is_some_and(|chip| fix(chip) == name))
        })
    };
    for bus in ["i2c", "spi"] {
        let wanted = format!("{name}_{bus}");
        let found = modules(index, |module| module == wanted);
        if !found.is_empty() && (board.is_empty() || on_bus(bus)) {
            out.extend(found);
        }
    }
    if out.is_empty() {
        // A chip that another chip's driver also drives.
        for device in board {
            for compatible in &device.compatible {
                if compatible.split(',').next_back().is_some_and(|chip| fix(chip) == name) {
                    out.extend(driving(index, compatible, device.bus()));
                }
            }
        }
    }
    if out.is_empty() {
        let compatible = index
            .compatibles()
            .filter(|c| c.split_once(',').is_some_and(|(_, chip)| fix(chip) == name))
            .min();
        out.extend(
            compatible
                .map(|compatible| driving(index, compatible, "i2c"))
                .unwrap_or_default(),
        );
    }
    out.sort();
    out.dedup();
    out
}

fn no_file(tree: &Tree, index: &Index, name: &str) -> BuildError {
    let file = name.rsplit('/').next().unwrap_or(name);
    let sources = index.kbuild.objects.iter().map(|object| object.source.as_str());
    let alike: BTreeSet<&str> = sources
        .filter(|source| source.rsplit('/').next() == Some(file))
        .collect();
    BuildError::NoFile {
        name: name.to_owned(),
        version: tree.full_version.clone(),
        near: alike.into_iter().take(5).map(str::to_owned).collect(),
    }
}

/// Wants a node on the board for the driver that was asked for.
///
/// A driver may also match by a chip's name alone (`i2c_device_id`), so a chip that no match table names could be its.
/// And one without a match table, or from outside the tree, may need no node.
///
/// # Errors
///
/// All chips of the board are for others.
pub fn wants_node(index: &Index, name: &str, found: &Found, board: &[Device]) -> Result<(), BuildError> {
    let is_own = |number: &u32| found.objects.contains(number);
    let drives = |compatible: &str| index.driving(compatible).iter().any(is_own);
    let compatibles: BTreeSet<&str> = index.compatibles().filter(|compatible| drives(compatible)).collect();
    let is_free = |device: &&Device| {
        let is_known = |compatible: &String| !index.driving(compatible).is_empty();
        !device.bus().is_empty() && !device.compatible.iter().any(is_known)
    };
    let has_node = board
        .iter()
        .any(|device| device.compatible.iter().any(|compatible| drives(compatible)));
    if !found.outside.is_empty() || compatibles.is_empty() || has_node || board.iter().any(|device| is_free(&device)) {
        return Ok(());
    }
    Err(BuildError::NoNode {
        name: name.to_owned(),
        compatibles: compatibles.into_iter().map(str::to_owned).collect(),
    })
}

fn unknown(tree: &Tree, index: &Index, name: &str) -> BuildError {
    let wanted = fix(name).to_lowercase();
    let drivers = index
        .kbuild
        .objects
        .iter()
        .filter(|object| object.source.starts_with("drivers/") || object.source.starts_with("sound/"));
    let names: BTreeSet<&str> = drivers.map(|object| object.module.as_str()).collect();
    let mut rated: Vec<(f64, &str)> = names
        .into_iter()
        .map(|module| (likeness(&wanted, &fix(module)), module))
        .collect();
    if name.contains(',') {
        rated = index
            .compatibles()
            .map(|compatible| (strsim::jaro_winkler(name, compatible), compatible))
            .collect();
    }
    rated.retain(|(rate, _)| *rate > 0.75);
    rated.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let near = rated.into_iter().take(5).map(|(_, module)| module.to_owned()).collect();
    BuildError::Unknown {
        name: name.to_owned(),
        version: tree.full_version.clone(),
        near,
    }
}

/// How alike two names are; the bus at the end of a module's name does not count.
fn likeness(wanted: &str, module: &str) -> f64 {
    let chip = module
        .strip_suffix("_i2c")
        .or_else(|| module.strip_suffix("_spi"))
        .unwrap_or(module);
    strsim::jaro_winkler(wanted, chip).max(strsim::jaro_winkler(wanted, module))
}
