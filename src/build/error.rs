// SPDX-License-Identifier: GPL-2.0-only
//! What can go wrong while an image is built: one variant per step.

use std::io;
use std::path::PathBuf;

/// Why an image could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The kernel tree.
    #[error(transparent)]
    Tree(#[from] linux_headers::tree::TreeError),
    /// A file could not be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It was told to end.
    #[error("interrupted")]
    Cancelled,
    /// Nothing in the tree bears this name.
    #[error("no driver named {name:?} in Linux {version}; {}", nearest(near))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The tree's version.
        version: String,
        /// The nearest names.
        near: Vec<String>,
    },
    /// A source file that is neither here nor in the tree.
    #[error("{name}: no such file, neither here nor in Linux {version}{}", alike(near))]
    NoFile {
        /// What was asked for.
        name: String,
        /// The tree's version.
        version: String,
        /// Files of the tree with that name.
        near: Vec<String>,
    },
    /// A folder without a driver.
    #[error(
        "{}: no driver: no source here, or none that the makefile names, has a module_init() or a module_*_driver()",
        path.display()
    )]
    NoDriver {
        /// The folder.
        path: PathBuf,
    },
    /// A makefile that names no object.
    #[error(
        "{}: cannot be understood: expected obj-m or obj-y with objects whose sources are beside it \
         (Documentation/kbuild/modules.rst)",
        path.display()
    )]
    Makefile {
        /// The makefile.
        path: PathBuf,
    },
    /// Nothing on the board is for this driver.
    #[error("no node that {name:?} drives, expected compatible = {}", compatibles.join(" or "))]
    NoNode {
        /// The driver, as it was asked for.
        name: String,
        /// What its match tables name.
        compatibles: Vec<String>,
    },
    /// The board is no device tree blob.
    #[error("{}: {what}", path.display())]
    Board {
        /// The blob.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The configuration cannot have the driver.
    #[error("CONFIG_{symbol} depends on {depends}, which this architecture does not have")]
    Config {
        /// The driver's symbol.
        symbol: String,
        /// What does not hold.
        depends: String,
    },
    /// A source file differs from upstream's.
    #[error(
        "{path}: changed since Linux {version}: expected SHA-256 {expected}, found {found}; --allow-modified \
         builds it all the same"
    )]
    Modified {
        /// The file, relative to the tree.
        path: String,
        /// The tree's version.
        version: String,
        /// Upstream's hash.
        expected: String,
        /// The file's hash.
        found: String,
    },
    /// The compiler refused a file.
    #[error("{path}: does not compile:\n{message}")]
    Compile {
        /// The file, relative to the tree.
        path: String,
        /// What the compiler says.
        message: String,
    },
    /// An object file or archive could not be read.
    #[error("{}: {what}", path.display())]
    Object {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The linker refused.
    #[error("link:\n{message}")]
    Link {
        /// What the linker says.
        message: String,
    },
}

fn nearest(near: &[String]) -> String {
    if near.is_empty() {
        "nothing is named like it; expected a module, a chip, a compatible, or a source file".to_owned()
    } else {
        format!("nearest: {}", near.join(", "))
    }
}

fn alike(near: &[String]) -> String {
    if near.is_empty() {
        String::new()
    } else {
        format!("; nearest: {}", near.join(", "))
    }
}
