// SPDX-License-Identifier: GPL-2.0-only
//! A folder that drops into a project of KasperskyOS's SDK: the driver as a static library, and all that goes with it.
//!
//! What is in it has not run on KasperskyOS. The library, `lc_kos.c` and the board's table run on the hosted back end
//! (`tests/kasperskyos.rs`), whose C functions are declared like the SDK's; what the public documents leave open is
//! marked in `lc_kos.c` and in the folder's README.

mod board;
mod text;

use super::Domain;
use crate::board::{Board, BoardError};
use crate::build::{BuildError, BuildRequest, Built, Emit, build};
use crate::policy::{self, Needs, class_of_driver};
use crate::shim::{self, CrossError};
use crate::system::ClockKind;
use linux_headers::{Arch, Profile, Tree};
use std::path::{Path, PathBuf};

/// Why there is no folder: one variant per step.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Tools for the other machine are missing, or do not work.
    #[error(transparent)]
    Cross(#[from] CrossError),
    /// The board.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// The library.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Code of the driver reads data that nobody provides: on the hosted back end that ends the domain, in a library it
    /// cannot be told from other addresses.
    #[error("no library: code reads {}, which nobody provides", names.join(", "))]
    Missing {
        /// The symbols.
        names: Vec<String>,
    },
    /// A file cannot be written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

/// An interrupt of the machine for a line of the board's GPIO controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// The line.
    pub line: u32,
    /// Its number.
    pub irq: i32,
    /// Whether it is a level, not an edge.
    pub is_level: bool,
}

/// What to export.
#[derive(Debug)]
pub struct Export<'a> {
    /// The kernel tree.
    pub tree: Tree,
    /// The driver, as it is asked for.
    pub driver: &'a str,
    /// Its board.
    pub board: &'a Board,
    /// With or without Linux's debugging options.
    pub profile: Profile,
    /// KasperskyOS's is aarch64; another one is for trying the folder on the hosted back end.
    pub arch: Arch,
    /// Build sources that differ from upstream's.
    pub allow_modified: bool,
    /// The interrupts, as far as they are known.
    pub irqs: &'a [Interrupt],
}

/// A folder that was written.
#[derive(Debug)]
pub struct Exported {
    /// The driver's class.
    pub class: String,
    /// The library.
    pub library: PathBuf,
    /// The files, relative to the folder.
    pub files: Vec<String>,
    /// What went into the library.
    pub built: Built,
}

impl Export<'_> {
    /// Builds the library and writes the folder.
    ///
    /// # Errors
    ///
    /// One variant per step.
    pub fn write(&self, out: &Path) -> Result<Exported, ExportError> {
        let built = self.library()?;
        let needs = Needs::of(self.driver, self.board, &built.report, ClockKind::Real);
        let class = class_of_driver(self.driver);
        let domain = Domain {
            needs: &needs,
            class: &class,
        };
        let name = class.rsplit('.').next().unwrap_or(&class).to_ascii_lowercase();
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        let mut add = |path: &str, text: String| files.push((path.to_owned(), text.into_bytes()));
        add("README.md", text::readme(&domain, &name, &built.report));
        add("CMakeLists.txt", text::cmake(&domain, &name));
        add("init.yaml", super::init_yaml(&[domain]).to_string());
        let psl = format!(
            "{}\n{}{}",
            policy::COMMON,
            policy::generate(&needs, &class),
            text::kernel_psl(&class, self.irqs)
        );
        add("security.psl", psl);
        add("src/main.c", text::main());
        add("src/board.c", board::table(&domain, self.board.dtb(), self.irqs));
        add("src/checks.c", text::checks(&needs));
        add("src/lc_kos.h", shim::LINKED_BY_THE_PROJECT.to_owned());
        add(
            "src/lc_kos.c",
            include_str!("../../../kos-bindings/kasperskyos/lc_kos.c").to_owned(),
        );
        for (path, text) in super::files(&[domain]) {
            add(&format!("resources/{path}"), text);
        }
        let library = format!("lib/lib{name}.a");
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error| ExportError::Io { path, error }
        };
        files.push((library.clone(), std::fs::read(&built.image).map_err(io(&built.image))?));
        for (name, bytes) in &files {
            let path = out.join(name);
            if let Some(dir) = path.parent() {
                std::fs::create_dir_all(dir).map_err(io(dir))?;
            }
            std::fs::write(&path, bytes).map_err(io(&path))?;
        }
        Ok(Exported {
            class,
            library: out.join(library),
            files: files.into_iter().map(|(name, _)| name).collect(),
            built,
        })
    }

    fn library(&self) -> Result<Built, ExportError> {
        let archive = shim::kasperskyos(&self.tree, self.profile, self.arch)?;
        let mut request = BuildRequest::new(self.tree.clone(), self.driver);
        request.arch = self.arch;
        request.cc = self.arch.tool("gcc");
        request.board_dtb = Some(self.board.dtb_file()?);
        request.profile = self.profile;
        request.shim_archive = Some(archive);
        request.glue_dir = Some(shim::glue_dir());
        request.allow_modified = self.allow_modified;
        request.emit = Emit::Library;
        request.provided = boundary();
        let built = build(&request).map_err(|error| match error {
            BuildError::NoNode { compatibles, .. } => ExportError::Board(self.board.lacks(self.driver, &compatibles)),
            other => ExportError::Build(other),
        })?;
        let names = absolute(&built.image)?;
        if names.is_empty() {
            Ok(built)
        } else {
            Err(ExportError::Missing { names })
        }
    }
}

/// The functions of `lc_kos.h` that the library calls.
#[must_use]
pub fn boundary() -> Vec<String> {
    let words = shim::LINKED_BY_THE_PROJECT.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    let mut names: Vec<String> = words
        .filter(|word| word.starts_with("lc_") && *word != "lc_domain_start")
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The absolute symbols that code of a library refers to: what nobody provides, at addresses that mean something only
/// in an image of our own.
fn absolute(library: &Path) -> Result<Vec<String>, ExportError> {
    use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind, SymbolSection};
    let bad = |what: String| {
        let path = library.to_owned();
        ExportError::Build(BuildError::Object { path, what })
    };
    let data = std::fs::read(library).map_err(|error| bad(error.to_string()))?;
    let archive = object::read::archive::ArchiveFile::parse(&*data).map_err(|error| bad(error.to_string()))?;
    let mut names = Vec::new();
    for member in archive.members() {
        let member = member.and_then(|member| member.data(&*data));
        let file = member
            .and_then(object::File::parse)
            .map_err(|error| bad(error.to_string()))?;
        for section in file.sections().filter(|section| section.kind() == SectionKind::Text) {
            for (_, relocation) in section.relocations() {
                let RelocationTarget::Symbol(index) = relocation.target() else {
                    continue;
                };
                let symbol = file.symbol_by_index(index).map_err(|error| bad(error.to_string()))?;
                if symbol.section() == SymbolSection::Absolute {
                    names.push(symbol.name().unwrap_or("?").to_owned());
                }
            }
        }
    }
    names.sort();
    names.dedup();
    Ok(names)
}
