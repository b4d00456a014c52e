// SPDX-License-Identifier: GPL-2.0-only
//! Builds the image of a driver and prints what the machine would still have to provide.
//!
//! `cargo run --example closure -- adxl345_i2c [SHIM.a [GLUE_DIR [BOARD.dtb]]]`

use linux_compat::build::{BuildError, BuildRequest, build};
use linux_headers::{Locate, Tree};
use std::path::PathBuf;

fn main() -> Result<(), BuildError> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "adxl345_i2c".to_owned());
    let tree = Tree::locate(&Locate::default())?;
    let mut request = BuildRequest::new(tree, &name);
    request.shim_archive = arguments.next().filter(|path| path != "-").map(PathBuf::from);
    request.glue_dir = arguments.next().filter(|path| path != "-").map(PathBuf::from);
    request.board_dtb = arguments.next().map(PathBuf::from);
    if request.shim_archive.is_none() {
        // What the shim's start asks of upstream.
        let roots = [
            "driver_init",
            "radix_tree_init",
            "maple_tree_init",
            "unflatten_device_tree",
            "of_platform_populate",
        ];
        request.extra_roots = roots.iter().map(|root| (*root).to_owned()).collect();
    }
    let built = build(&request)?;
    for source in &built.report.sources {
        match &source.why {
            Some(why) => eprintln!("  {}  ({} needs {})", source.path, why.by, why.symbol),
            None => eprintln!("  {}", source.path),
        }
    }
    for missing in &built.report.missing {
        let callers: Vec<&str> = missing.callers.iter().take(3).map(String::as_str).collect();
        println!(
            "{}\t{}\t{}",
            missing.name,
            missing.hint.as_deref().unwrap_or(""),
            callers.join(", ")
        );
    }
    eprintln!(
        "{} ({} bytes), {} files, {} missing",
        built.image.display(),
        built.report.image_bytes,
        built.report.sources.len(),
        built.report.missing.len()
    );
    eprintln!(
        "on over the base: {:?}\nrefused: {:?}\n{:?}",
        built.report.config, built.report.refused, built.report.timings
    );
    Ok(())
}
