// SPDX-License-Identifier: GPL-2.0-only
//! Completeness: every symbol that the shim and its glue define is called from C by a driver of `tests/c`.
//!
//! What calls what is read from object files: the symbols that the archive and the compiled glue define, and the
//! relocations of the compiled `tests/c/waist_*.c`, which `tests/through_c.rs` runs. A symbol that a driver cannot
//! call is listed here with the reason, and must be referred to by upstream's objects instead.

use linux_compat::build::compile::Compiler;
use linux_compat::build::hash::Memory;
use linux_compat::build::index::Index;
use linux_compat::build::kbuild::Object;
use linux_compat::build::objfile::ObjFile;
use linux_compat::{board::Board, shim, system};
use linux_headers::kconfig::Kconfig;
use linux_headers::{Arch, Locate, Profile, Series, Tree, flags};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Who calls what a driver cannot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// Files of upstream's core, private to each other.
    Upstream,
    /// The other half of the shim.
    Shim,
    /// The linker, or what the build writes.
    Build,
}

/// What no driver can call: who does, and the reason.
const NOT_FOR_DRIVERS: [(&str, By, &str); 17] = [
    ("_start", By::Build, "the image's entry"),
    (
        "stack_call_trampoline",
        By::Build,
        "corosensei's assembly, in the object of its user",
    ),
    ("stack_init_trampoline", By::Build, "the same"),
    ("stack_init_trampoline_return", By::Build, "the same"),
    (
        "__missing_symbol",
        By::Build,
        "the stubs of missing symbols call it; tests/misuse.rs does so",
    ),
    (
        "__clk_of_table_end",
        By::Build,
        "a table's end, which the linker script puts behind it",
    ),
    (
        "ktime_get_update_offsets_now",
        By::Upstream,
        "kernel/time/hrtimer.c reads all clocks at once",
    ),
    ("pm_async_enabled", By::Upstream, "drivers/base/power/main.c"),
    (
        "rt_mutex_post_schedule",
        By::Upstream,
        "kernel/locking/rtmutex.c, around a sleep",
    ),
    (
        "rt_mutex_pre_schedule",
        By::Upstream,
        "kernel/locking/rtmutex.c, around a sleep",
    ),
    (
        "rt_mutex_schedule",
        By::Upstream,
        "kernel/locking/rtmutex.c sleeps with it",
    ),
    (
        "rt_mutex_setprio",
        By::Upstream,
        "kernel/locking/rtmutex.c lends a priority; waist_locks.c sees it",
    ),
    ("s2idle_wake", By::Upstream, "drivers/base/power/wakeup.c"),
    ("sysfs_init", By::Shim, "glue/start.c brings sysfs up"),
    ("tick_check_oneshot_change", By::Upstream, "kernel/time/hrtimer.c"),
    ("tick_irq_enter", By::Upstream, "kernel/softirq.c, at an interrupt"),
    ("tick_nohz_irq_exit", By::Upstream, "kernel/softirq.c, at an interrupt"),
];

fn c_files(dir: &str, prefix: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let entries = std::fs::read_dir(&dir).expect("the directory");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(prefix) && name.ends_with(".c")
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no {prefix}*.c in {}", dir.display());
    files
}

/// What one kernel's halves of the shim define, and who refers to what.
struct Seen {
    /// Each symbol, and the object that defines it.
    defined: BTreeMap<String, String>,
    by_drivers: BTreeSet<String>,
    by_upstream: BTreeSet<String>,
    by_shim: BTreeSet<String>,
}

fn names(objects: &[ObjFile]) -> BTreeSet<String> {
    objects.iter().flat_map(|object| object.names.iter().cloned()).collect()
}

fn look(series: Series, profile: Profile) -> Seen {
    let locate = Locate {
        linux: None,
        series: Some(series),
    };
    let tree = Tree::locate(&locate).expect("the kernel tree");
    let index = Index::load(&tree).expect("its index");
    let kconfig = Kconfig::read(&tree.dir);
    let setup = flags::setup(&tree, &kconfig, profile, Arch::host(), &[]).expect("a configuration");
    let memory = Memory::load(linux_headers::cache::dir().join("files"));
    let compiler = Compiler::new(&tree, &index.kbuild, &setup, &memory, "gcc", Vec::new());
    let compile = |object: &Object| {
        let compiled = compiler.compile(object).unwrap_or_else(|e| panic!("{e}"));
        ObjFile::read(&compiled.path).unwrap_or_else(|e| panic!("{e}"))
    };
    let ours = |files: Vec<PathBuf>| -> Vec<ObjFile> {
        let object = |path: &PathBuf| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let mut read = compile(&Object::outside(&path.display().to_string(), &stem));
            read.name = stem;
            read
        };
        files.iter().map(object).collect()
    };
    let glue = ours(c_files("shim/glue", ""));
    let drivers = ours(c_files("tests/c", "waist_"));

    // The whole board's image: every part of upstream that the tests' drivers stand on.
    let bus = c_files("tests/c", "waist_bus").remove(0);
    let waist = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/waist.dts");
    let board = Board::open(&waist).expect("the board");
    let built = system::build_image(tree.clone(), &bus.display().to_string(), &board, profile, false);
    let report = built.unwrap_or_else(|e| panic!("{e}")).report;
    let linked: BTreeSet<&str> = report.sources.iter().map(|source| source.path.as_str()).collect();
    let upstream: Vec<ObjFile> = index
        .kbuild
        .objects
        .iter()
        .filter(|object| linked.contains(object.source.as_str()))
        .map(compile)
        .collect();
    assert!(upstream.len() > 100, "{} upstream objects", upstream.len());

    let archive = shim::archive(series, profile).expect("the shim");
    let members = ObjFile::read_archive(&archive).expect("its members");
    let rust: Vec<ObjFile> = members
        .into_iter()
        .filter(|member| member.name.starts_with("shim"))
        .collect();
    let mut defined = BTreeMap::new();
    for object in rust.iter().chain(&glue) {
        for symbol in object.defs.keys().filter(|symbol| is_c_name(symbol)) {
            defined.insert(symbol.clone(), object.name.clone());
        }
    }
    assert!(defined.len() > 200, "{} symbols", defined.len());
    Seen {
        defined,
        by_drivers: names(&drivers),
        by_upstream: names(&upstream),
        by_shim: names(&glue).union(&names(&rust)).cloned().collect(),
    }
}

/// Rust's own names are mangled.
fn is_c_name(symbol: &str) -> bool {
    !symbol.starts_with("_R") && !symbol.starts_with("_ZN") && !symbol.contains('.')
}

/// What is wrong with one symbol; nothing, if it is called as it should be.
fn fault(seen: &Seen, symbol: &str) -> Option<&'static str> {
    if seen.by_drivers.contains(symbol) {
        return None;
    }
    if let Some((_, by, _)) = NOT_FOR_DRIVERS.iter().find(|(name, ..)| *name == symbol) {
        let is_used = match by {
            By::Upstream => seen.by_upstream.contains(symbol),
            By::Shim => seen.by_shim.contains(symbol),
            By::Build => true,
        };
        return (!is_used).then_some("is not called by whom the list names");
    }
    // Names of our own: what the halves of the shim, and the architecture's headers, ask of each other.
    if symbol.starts_with("machine_") {
        let is_used = seen.by_shim.contains(symbol) || seen.by_upstream.contains(symbol);
        return (!is_used).then_some("is used by neither half of the shim");
    }
    Some("is called by no driver of tests/c")
}

#[test]
fn every_symbol_of_the_shim_is_called_from_c() {
    let mut faults = BTreeSet::new();
    let mut unused: BTreeSet<&str> = NOT_FOR_DRIVERS.iter().map(|(name, ..)| *name).collect();
    for series in [Series::V6_12, Series::V6_1] {
        for profile in [Profile::Release, Profile::Debug] {
            let seen = look(series, profile);
            for (symbol, object) in &seen.defined {
                if let Some(what) = fault(&seen, symbol) {
                    faults.insert(format!("{symbol} ({object}, {series}, {profile:?}) {what}"));
                }
                if !seen.by_drivers.contains(symbol) {
                    unused.remove(symbol.as_str());
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(
        unused.is_empty(),
        "listed, but not defined or called by a driver: {unused:?}"
    );
}
