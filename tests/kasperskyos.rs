// SPDX-License-Identifier: GPL-2.0-only
//! A driver built for KasperskyOS: its folder's C files compile against the declarations, and it boots and measures on
//! the hosted kernel, whose functions are then KasperskyOS's.

mod common;

use common::Place;
use linux_compat::Board;
use linux_compat::solution::export::{Export, Exported, Interrupt, boundary};
use linux_headers::{Arch, Locate, Profile, Series, Tree};
use std::path::{Path, PathBuf};
use std::process::Command;

const INCLUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kos-bindings/kasperskyos/include");
const SOURCES: [&str; 3] = ["main.c", "board.c", "lc_kos.c"];

fn export(arch: Arch, irqs: &[Interrupt], out: &Path) -> Exported {
    let tree = Tree::locate(&Locate {
        series: Some(Series::V6_12),
        ..Locate::default()
    });
    let export = Export {
        tree: tree.expect("a tree"),
        driver: "adxl345",
        board: &Board::of_driver("adxl345").expect("a board"),
        profile: Profile::Release,
        arch,
        allow_modified: false,
        irqs,
    };
    export.write(out).expect("a folder")
}

fn passes(command: &mut Command) -> String {
    let out = command.output().expect("it starts");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr),
    );
    assert!(out.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", out.status);
    stdout.into_owned()
}

/// Compiles a folder's C files against our declarations.
fn compile(arch: Arch, folder: &Path) -> Vec<PathBuf> {
    let object = |source: &&str| {
        let object = folder.join(source).with_extension("o");
        passes(
            Command::new(arch.tool("gcc"))
                .args([
                    "-std=c17", "-Wall", "-Wextra", "-Werror", "-fno-pie", "-c", "-I", INCLUDE,
                ])
                // The hosted kernel numbers a class's endpoints as its own registry does.
                .args([
                    "-DLC_RIID_SYSFS=16",
                    "-DLC_RIID_CHARDEV=17",
                    "-DLC_RIID_SOCKET=19",
                    "-DLC_RIID_CONTROL=18",
                    "-o",
                ])
                .arg(&object)
                .arg(folder.join("src").join(source)),
        );
        object
    };
    SOURCES.iter().map(object).collect()
}

/// What a library wants of whom it is linked by is what `lc_kos.h` declares.
fn check_boundary(arch: Arch, library: &Path) {
    let wanted = passes(
        Command::new(arch.tool("nm"))
            .args(["--undefined-only", "--format=just-symbols"])
            .arg(library),
    );
    let offered = boundary();
    for name in wanted.lines().filter(|line| !line.is_empty() && !line.ends_with(':')) {
        assert!(offered.iter().any(|known| known == name), "{name} is nobody's");
    }
    let seen = passes(
        Command::new(arch.tool("nm"))
            .args(["--defined-only", "--extern-only", "--format=just-symbols"])
            .arg(library),
    );
    let seen: Vec<&str> = seen
        .lines()
        .filter(|line| !line.is_empty() && !line.ends_with(':'))
        .collect();
    assert_eq!(seen, ["lc_domain_start"]);
}

#[test]
fn a_driver_for_kasperskyos_runs_on_the_hosted_kernel() {
    let place = Place::new();
    let line = Interrupt {
        line: 3,
        irq: 3,
        is_level: true,
    };
    let exported = export(Arch::host(), &[line], place.path());
    check_boundary(Arch::host(), &exported.library);
    let mut objects = compile(Arch::host(), place.path());
    // The solution has a main function of its own, which starts the driver as a process among others.
    objects.retain(|object| !object.ends_with("main.o"));
    let member = place.path().join("driver.o");
    passes(
        Command::new("ar")
            .current_dir(place.path())
            .arg("x")
            .arg(&exported.library)
            .arg("library.o"),
    );
    std::fs::rename(place.path().join("library.o"), &member).expect("the library's one object");
    objects.push(member);

    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["rustc", "--quiet", "--example", "kasperskyos_solution", "--"])
        .args(["--cfg", "linked", "-Crelocation-model=static"]);
    for object in &objects {
        cargo.arg(format!("-Clink-arg={}", object.display()));
    }
    passes(&mut cargo);
    let program = std::env::current_exe().expect("this test").with_file_name("");
    let program = program.parent().expect("deps/").join("examples/kasperskyos_solution");
    let report = serde_json::to_string(&exported.built.report).expect("a report");
    let said = passes(Command::new("timeout").arg("60").arg(program).env("REPORT", report));
    for (axis, felt) in [("accel_x", 1.5), ("accel_y", -2.5), ("accel_z", 9.81)] {
        let read = said
            .lines()
            .find_map(|line| line.strip_prefix(axis))
            .expect("a reading");
        let read: f64 = read.trim().parse().expect("a number");
        assert!((read - felt).abs() < 0.039_f64, "{axis}: {read}, not {felt}");
    }
}

/// Without the other machine's tools this says so, and tests nothing.
#[test]
fn the_folder_for_aarch64_compiles() {
    let place = Place::new();
    let tree = Tree::locate(&Locate {
        series: Some(Series::V6_12),
        ..Locate::default()
    });
    if let Err(error) = linux_compat::shim::kasperskyos(&tree.expect("a tree"), Profile::Release, Arch::Aarch64) {
        println!("SKIPPED: {error}");
        return;
    }
    let exported = export(Arch::Aarch64, &[], place.path());
    check_boundary(Arch::Aarch64, &exported.library);
    let objects = compile(Arch::Aarch64, place.path());
    // As the SDK does: a static program at any address. What is missing of it is the SDK's own functions.
    let linked = place.path().join("linked.o");
    passes(
        Command::new(Arch::Aarch64.tool("ld"))
            .args(["-r", "-o"])
            .arg(&linked)
            .args(&objects)
            .arg(&exported.library),
    );
    let left = passes(
        Command::new(Arch::Aarch64.tool("nm"))
            .args(["--undefined-only", "--format=just-symbols"])
            .arg(&linked),
    );
    assert!(left.lines().all(|name| !name.starts_with("lc_")), "{left}");
    for name in ["Call", "RecvEx", "Reply", "ServiceLocatorConnect", "KnVmAllocate"] {
        assert!(left.lines().any(|line| line == name), "{name} is not asked for");
    }
    for file in [
        "README.md",
        "CMakeLists.txt",
        "init.yaml",
        "security.psl",
        "resources/driver/Adxl345.edl",
    ] {
        assert!(exported.files.iter().any(|known| known == file), "{file}");
    }
}
