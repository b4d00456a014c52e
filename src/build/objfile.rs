// SPDX-License-Identifier: GPL-2.0-only
//! An object file as the closure sees it: sections, and what each section refers to.
//!
//! Everything is compiled with one section per function and per variable, and the linker drops sections
//! that nothing reaches. So needs are followed from section to section: a file is pulled in for what is
//! really used of another, and a symbol is missing only if code that can run refers to it.

use super::error::BuildError;
use object::read::archive::ArchiveFile;
use object::{
    Architecture, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationFlags, RelocationTarget, SectionFlags,
    SymbolSection, elf,
};
use std::collections::HashMap;
use std::path::Path;

/// What a relocation refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ref {
    /// A section of the same object.
    Local(u32),
    /// A global name; `weak` if it may stay undefined.
    Name {
        /// Its number in [`ObjFile::names`].
        name: u32,
        /// Declared `__weak`.
        weak: bool,
        /// Called, not only referred to: it is a function.
        called: bool,
    },
}

/// One allocated section.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// Its name; empty for a section that is not loaded.
    pub name: String,
    /// What it refers to, each thing once.
    pub refs: Vec<Ref>,
}

/// A global definition.
#[derive(Debug, Clone, Copy)]
pub struct Def {
    /// The section that holds it; `None` for an absolute symbol.
    pub section: Option<u32>,
    /// Gives way to a definition that is not weak.
    pub weak: bool,
}

/// An object file.
#[derive(Debug, Clone, Default)]
pub struct ObjFile {
    /// Its name, for messages.
    pub name: String,
    /// Its sections by ELF index.
    pub sections: Vec<Section>,
    /// Global names that are defined here.
    pub defs: HashMap<String, Def>,
    /// Global names that are referred to.
    pub names: Vec<String>,
}

impl ObjFile {
    /// Reads an object file.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn read(path: &Path) -> Result<Self, BuildError> {
        let data = std::fs::read(path).map_err(|error| BuildError::Io {
            path: path.to_owned(),
            error,
        })?;
        Self::parse(&path.display().to_string(), &data).map_err(|error| BuildError::Object {
            path: path.to_owned(),
            what: error.to_string(),
        })
    }

    /// Reads the members of an archive.
    ///
    /// # Errors
    ///
    /// It is none, or one of its members is no object file.
    pub fn read_archive(path: &Path) -> Result<Vec<Self>, BuildError> {
        let bad = |error: object::Error| BuildError::Object {
            path: path.to_owned(),
            what: error.to_string(),
        };
        let data = std::fs::read(path).map_err(|error| BuildError::Io {
            path: path.to_owned(),
            error,
        })?;
        let archive = ArchiveFile::parse(&*data).map_err(bad)?;
        let mut out = Vec::new();
        for member in archive.members() {
            let member = member.map_err(bad)?;
            let bytes = member.data(&*data).map_err(bad)?;
            // Rust archives also hold metadata, which is no ELF file.
            if bytes.starts_with(b"\x7fELF") {
                out.push(Self::parse(&String::from_utf8_lossy(member.name()), bytes).map_err(bad)?);
            }
        }
        Ok(out)
    }

    fn parse(name: &str, data: &[u8]) -> Result<Self, object::Error> {
        let file = object::File::parse(data)?;
        let mut out = Self {
            name: name.to_owned(),
            ..Self::default()
        };
        let mut numbers: HashMap<String, u32> = HashMap::new();
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags } = section.flags() else {
                continue;
            };
            let index = section.index().0;
            if out.sections.len() <= index {
                out.sections.resize_with(index + 1, Section::default);
            }
            if sh_flags & u64::from(elf::SHF_ALLOC) == 0 {
                continue;
            }
            let mut refs = Vec::new();
            for (_, relocation) in section.relocations() {
                let called = match relocation.flags() {
                    RelocationFlags::Elf { r_type } => is_call(file.architecture(), r_type),
                    _ => false,
                };
                let RelocationTarget::Symbol(symbol) = relocation.target() else {
                    continue;
                };
                let symbol = file.symbol_by_index(symbol)?;
                let target = match symbol.section() {
                    SymbolSection::Section(index) if symbol.is_local() => Ref::Local(number(index.0)),
                    SymbolSection::Section(_) | SymbolSection::Undefined | SymbolSection::Common => {
                        let name = symbol.name()?;
                        if name.is_empty() {
                            continue;
                        }
                        let next = number(numbers.len());
                        let name = *numbers.entry(name.to_owned()).or_insert(next);
                        Ref::Name {
                            name,
                            weak: symbol.is_undefined() && symbol.is_weak(),
                            called,
                        }
                    }
                    _ => continue,
                };
                refs.push(target);
            }
            refs.sort_unstable();
            refs.dedup();
            if let Some(slot) = out.sections.get_mut(index) {
                *slot = Section {
                    name: section.name()?.to_owned(),
                    refs,
                };
            }
        }
        out.names = vec![String::new(); numbers.len()];
        for (name, number) in numbers {
            if let Some(slot) = out.names.get_mut(number as usize) {
                *slot = name;
            }
        }
        for symbol in file.symbols() {
            if symbol.is_global() && symbol.is_definition() {
                let section = symbol.section_index().map(|index| number(index.0));
                out.defs.insert(
                    symbol.name()?.to_owned(),
                    Def {
                        section,
                        weak: symbol.is_weak(),
                    },
                );
            }
        }
        Ok(out)
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Whether a relocation is one of a call instruction.
fn is_call(architecture: Architecture, r_type: u32) -> bool {
    match architecture {
        Architecture::X86_64 => r_type == elf::R_X86_64_PLT32,
        Architecture::Aarch64 => matches!(r_type, elf::R_AARCH64_CALL26 | elf::R_AARCH64_JUMP26),
        Architecture::Riscv64 => matches!(r_type, elf::R_RISCV_CALL | elf::R_RISCV_CALL_PLT),
        _ => false,
    }
}

/// `.text.foo` is the function `foo`.
pub(super) fn short(section: &str) -> &str {
    [
        ".text.unlikely.",
        ".text.",
        ".data.rel.ro.",
        ".data.",
        ".rodata.",
        ".bss.",
    ]
    .iter()
    .find_map(|prefix| section.strip_prefix(prefix))
    .unwrap_or(section)
}
