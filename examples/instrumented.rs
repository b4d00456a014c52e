// SPDX-License-Identifier: GPL-2.0-only
//! Builds a driver's image for the fuzzers: debugging options on, every C file instrumented by clang.
//!
//! ```sh
//! cargo run --example instrumented -- adxl345 drivers/boards/adxl345-i2c.dts
//! ```
//!
//! `fuzz/build.rs` runs it and reads the lines that it prints: `name=value`, where a value is a path, or the first and
//! the last address of a section, or the address of a symbol.

use linux_compat::Board;
use linux_compat::build::{BuildRequest, build};
use linux_headers::{Locate, Profile, Series, Tree};
use object::{Object, ObjectSection, ObjectSymbol};
use std::error::Error;
use std::path::{Path, PathBuf};

/// clang 14 is Debian 12's.
const CC: &str = "clang-14";
/// No redzones between the entries of tables that the linker puts together: see the file.
const UNINSTRUMENTED: &str = "fuzz/glue/uninstrumented.txt";
const SECTIONS: [&str; 4] = ["__sancov_cntrs", "__sancov_pcs", ".init_array", ".init_array.1"];
const SYMBOLS: [&str; 4] = ["sanitizer_hooks", "machine_fatal", "_text", "_etext"];

fn cflags(root: &Path) -> Vec<String> {
    let mut flags: Vec<String> = [
        "-fsanitize=address",
        "-fsanitize-address-globals-dead-stripping",
        // A fake stack would need the sanitizer's allocator.
        "-fsanitize-address-use-after-return=never",
        "-fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp",
    ]
    .map(str::to_owned)
    .to_vec();
    flags.push(format!("-fsanitize-ignorelist={}", root.join(UNINSTRUMENTED).display()));
    flags
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(driver), Some(board)) = (args.next(), args.next()) else {
        return Err("wanted: DRIVER BOARD.dts".into());
    };
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let tree = Tree::locate(&Locate {
        linux: None,
        series: Some(Series::V6_12),
    })?;
    let board = Board::open(Path::new(&board))?;
    let mut request = BuildRequest::new(tree, &driver);
    request.board_dtb = Some(board.dtb_file()?);
    request.profile = Profile::Debug;
    request.shim_archive = Some(linux_compat::shim::archive(Series::V6_12, Profile::Debug)?);
    request.glue_dir = Some(linux_compat::shim::glue_dir());
    request.extra_glue = vec![root.join("fuzz/glue/sanitizer.c")];
    request.cc = CC.to_owned();
    request.extra_cflags = cflags(&root);
    // What is counted and guarded must not be kept for the sake of its counters and guards.
    request.extra_ldflags = ["-z", "start-stop-gc"].map(str::to_owned).to_vec();
    let built = build(&request)?;
    if let Some(missing) = built.report.missing.first() {
        eprintln!(
            "{driver}: nobody provides {} (and {} more)",
            missing.name,
            built.report.missing.len() - 1
        );
    }
    println!("image={}", built.image.display());
    println!("debug={}", built.debug.display());
    println!("dtb={}", board.dtb_file()?.display());
    let data = std::fs::read(&built.debug)?;
    let file = object::File::parse(data.as_slice())?;
    for name in SECTIONS {
        let section = file.section_by_name(name);
        let (start, size) = section.map_or((0, 0), |section| (section.address(), section.size()));
        println!("{name}={start} {}", start + size);
    }
    for name in SYMBOLS {
        let symbol = file.symbols().find(|symbol| symbol.name() == Ok(name));
        println!("{name}={}", symbol.ok_or(name)?.address());
    }
    Ok(())
}
