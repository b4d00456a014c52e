// SPDX-License-Identifier: GPL-2.0-only
//! An instrumented image, as `examples/instrumented.rs` describes it.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

/// An image and the places in it that the harness needs.
#[derive(Clone, Debug)]
pub struct Image {
    /// The stripped image.
    pub path: PathBuf,
    /// The image with debug information.
    pub debug: PathBuf,
    /// The board.
    pub dtb: PathBuf,
    /// One byte per edge of the C code.
    pub counters: Range<usize>,
    /// Their places in the code.
    pub pcs: Range<usize>,
    /// The sanitizer's constructors: pointers to functions.
    pub constructors: Vec<Range<usize>>,
    /// libFuzzer's functions go here.
    pub hooks: usize,
    /// The function with which the domain dies.
    pub fatal: usize,
    /// The code.
    pub text: Range<usize>,
}

impl Image {
    /// Reads a description: `name=value` by semicolons.
    ///
    /// # Panics
    ///
    /// It is not one.
    #[must_use]
    pub fn parse(description: &str) -> Self {
        let values: HashMap<&str, &str> = description.split(';').filter_map(|line| line.split_once('=')).collect();
        let text = |name: &str| *values.get(name).unwrap_or_else(|| panic!("no {name} in {description}"));
        let number = |text: &str| text.parse::<usize>().expect("an address");
        let range = |name: &str| {
            let (start, end) = text(name).split_once(' ').expect("two addresses");
            number(start)..number(end)
        };
        Self {
            path: text("image").into(),
            debug: text("debug").into(),
            dtb: text("dtb").into(),
            counters: range("__sancov_cntrs"),
            pcs: range("__sancov_pcs"),
            constructors: [".init_array", ".init_array.1"].map(range).to_vec(),
            hooks: number(text("sanitizer_hooks")),
            fatal: number(text("machine_fatal")),
            text: number(text("_text"))..number(text("_etext")),
        }
    }
}
