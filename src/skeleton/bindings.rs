// SPDX-License-Identifier: GPL-2.0-only
//! The tree's binding documents, as far as their examples go.
//!
//! A document is YAML whose `examples:` are literal blocks (`Documentation/devicetree/bindings/example-schema.yaml`):
//! they are found by their indentation, which YAML prescribes, so that 4,000 documents take a fraction of a second.

use super::source::{Buses, Drives};
use linux_headers::Tree;
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::Path;

/// Where the documents are in a tree.
const PLACE: &str = "Documentation/devicetree/bindings";

#[derive(Debug)]
struct Block {
    document: String,
    /// From 1.
    number: usize,
    text: String,
    compatibles: Vec<String>,
}

/// The examples of all binding documents.
#[derive(Debug, Default)]
pub struct Bindings {
    blocks: Vec<Block>,
    by_compatible: HashMap<String, Vec<usize>>,
}

/// An example that was found.
#[derive(Debug)]
pub struct Place<'a> {
    /// The document, relative to the tree.
    pub document: String,
    /// Which of its examples, from 1.
    pub number: usize,
    /// Its text.
    pub text: &'a str,
}

impl Bindings {
    /// Reads all documents of a tree.
    #[must_use]
    pub fn read(tree: &Tree) -> Self {
        let mut files = Vec::new();
        collect(&tree.dir.join(PLACE), &mut files);
        files.sort();
        let blocks: Vec<Block> = files
            .par_iter()
            .flat_map_iter(|file| {
                let document = Path::new(file).strip_prefix(&tree.dir).unwrap_or(Path::new(file));
                let document = document.display().to_string();
                let text = std::fs::read_to_string(file).unwrap_or_default();
                let found = (1..).zip(examples(&text)).map(move |(number, text)| Block {
                    document: document.clone(),
                    number,
                    compatibles: compatibles(&text),
                    text,
                });
                found.collect::<Vec<_>>()
            })
            .collect();
        let mut by_compatible: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, block) in blocks.iter().enumerate() {
            for compatible in &block.compatibles {
                by_compatible.entry(compatible.clone()).or_default().push(number);
            }
        }
        Self { blocks, by_compatible }
    }

    /// The examples for a driver: those on a bus that it is for come first.
    #[must_use]
    pub fn examples(&self, drives: &Drives) -> Vec<Place<'_>> {
        let named = drives
            .compatibles
            .iter()
            .filter_map(|name| self.by_compatible.get(name));
        let mut found: Vec<(bool, usize)> = Vec::new();
        for number in named.flatten() {
            let Some(block) = self.blocks.get(*number) else {
                continue;
            };
            let is_spi = block.text.contains("spi-max-frequency") || block.text.contains("spi {");
            let fits = match drives.buses {
                Buses::I2c => !is_spi,
                Buses::Spi => is_spi,
                Buses::Both => true,
            };
            if !found.iter().any(|(_, known)| known == number) {
                found.push((!fits, *number));
            }
        }
        found.sort_by_key(|(is_other, _)| *is_other);
        let places = found
            .into_iter()
            .take(3)
            .filter_map(|(_, number)| self.blocks.get(number));
        places
            .map(|block| Place {
                document: block.document.clone(),
                number: block.number,
                text: &block.text,
            })
            .collect()
    }
}

fn collect(dir: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, into);
        } else if path.extension().is_some_and(|end| end == "yaml") {
            into.push(path);
        }
    }
}

/// The examples of a document.
#[must_use]
pub fn examples(document: &str) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines = document
        .lines()
        .skip_while(|line| !line.starts_with("examples:"))
        .skip(1);
    let mut found: Vec<String> = Vec::new();
    let mut entry = None;
    for line in lines {
        if line.trim().is_empty() {
            if let Some(text) = found.last_mut() {
                text.push('\n');
            }
            continue;
        }
        let is_entry = line.trim_start().starts_with("- |");
        match entry {
            _ if indent(line) == 0 && !line.starts_with("- |") => break,
            Some(at) if is_entry && indent(line) == at => found.push(String::new()),
            None if is_entry => {
                entry = Some(indent(line));
                found.push(String::new());
            }
            _ => {
                if let Some(text) = found.last_mut() {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
    }
    found
}

/// The `compatible` strings that a device tree source names.
fn compatibles(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for after in text.split("compatible").skip(1) {
        let Some(value) = after.trim_start().strip_prefix('=') else {
            continue;
        };
        let value = value.split(';').next().unwrap_or_default();
        found.extend(value.split('"').skip(1).step_by(2).map(str::to_owned));
    }
    found
}
