// SPDX-License-Identifier: GPL-2.0-only
//! What went into an image, for people and for programs.

use serde::{Deserialize, Serialize};

/// An upstream file that was compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its path in the tree, or as it was given.
    pub path: String,
    /// Lines.
    pub lines: u32,
    /// Hash of its content, in hexadecimal.
    pub sha256: String,
    /// Its content is upstream's, as the package has it.
    pub pristine: bool,
    /// Upstream's hash, if the content is not upstream's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expected: Option<String>,
    /// The file that needed it first, and the symbol; absent for the driver's own files.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<Why>,
}

/// A file of the tree, source or header, that is not as the package has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Its path in the tree.
    pub path: String,
    /// Upstream's hash.
    pub expected: String,
    /// Hash of its content, in hexadecimal.
    pub sha256: String,
}

/// Why a file was pulled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The file that refers to the symbol.
    pub by: String,
    /// The symbol.
    pub symbol: String,
}

/// A symbol that nobody provides; calling it stops the domain and says its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingSymbol {
    /// Its name.
    pub name: String,
    /// Who refers to it, as `file: function`.
    pub callers: Vec<String>,
    /// Where upstream has it, and why that file was not taken.
    pub hint: Option<String>,
}

/// How long the steps took, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Loading or making the index.
    pub index_ms: f64,
    /// Resolving the configuration.
    pub config_ms: f64,
    /// Compiling and closing the link.
    pub closure_ms: f64,
    /// Linking.
    pub link_ms: f64,
    /// Everything, as this call of the build took it.
    pub total_ms: f64,
    /// How often the compiler ran.
    pub compiled: usize,
    /// The image was found as it was left by an earlier build.
    pub warm: bool,
}

/// The report on one image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The driver, as it was asked for.
    pub driver: String,
    /// Its modules, as Kbuild names them.
    pub modules: Vec<String>,
    /// The tree's full version.
    pub kernel: String,
    /// The driver's modules can be removed and inserted again while the domain runs.
    #[serde(default)]
    pub is_module: bool,
    /// Upstream files, in link order.
    pub sources: Vec<Source>,
    /// Size of the stripped image.
    pub image_bytes: u64,
    /// Symbols that nobody provides.
    pub missing: Vec<MissingSymbol>,
    /// Symbols that nobody provides and that nothing in a domain calls (`linux-headers/config/unreached`).
    #[serde(default)]
    pub unreached: Vec<MissingSymbol>,
    /// Configuration symbols that the driver turned on over the base.
    pub config: Vec<String>,
    /// Selects that the base configuration forbids, as `BY selects SYMBOL`.
    pub refused: Vec<String>,
    /// A source differs from upstream's and was allowed to.
    pub modified: bool,
    /// All that differ.
    pub changed: Vec<Changed>,
    /// How long it took.
    pub timings: Timings,
}
