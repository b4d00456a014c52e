// SPDX-License-Identifier: GPL-2.0-only
//! From addresses in an image to functions and lines.

use object::{Object, ObjectSection, ObjectSymbol};
use std::fmt;
use std::path::{Path, PathBuf};

/// One frame of a call trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The address.
    pub address: u64,
    /// The function, if it is known.
    pub function: Option<String>,
    /// The source file, relative to the kernel tree if it is in it.
    pub file: Option<String>,
    /// The line.
    pub line: Option<u32>,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(function) => f.write_str(function)?,
            None => write!(f, "{:#x}", self.address)?,
        }
        if let Some(file) = &self.file {
            write!(f, " at {file}")?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
        }
        Ok(())
    }
}

/// Finds functions and lines in an image's debug information.
pub struct Symbols {
    loader: Option<addr2line::Loader>,
    path: PathBuf,
    /// Directories that are left out of file names.
    roots: Vec<String>,
}

/// Where the build puts symbols that nobody provides and that are not called directly: nothing is mapped there, and
/// each has this much room.
const MISSING_BASE: u64 = 0x6f00_0000;
const MISSING_END: u64 = 0x7f00_0000;
const MISSING_STEP: u64 = 0x1_0000;

impl Symbols {
    /// Opens an image with debug information. Without one, frames stay addresses: a report of a death must come.
    #[must_use]
    pub fn open(path: &Path, roots: &[&Path]) -> Self {
        let roots = roots.iter().map(|root| format!("{}/", root.display())).collect();
        Self {
            loader: addr2line::Loader::new(path).ok(),
            path: path.to_owned(),
            roots,
        }
    }

    /// The frames at an address: one, or several if calls were inlined there, innermost first. A return address points
    /// behind its call: subtract one from it.
    #[must_use]
    pub fn frames(&self, address: u64) -> Vec<Frame> {
        let unknown = Frame {
            address,
            function: None,
            file: None,
            line: None,
        };
        let Some(loader) = &self.loader else {
            return vec![unknown];
        };
        let mut found = Vec::new();
        if let Ok(mut frames) = loader.find_frames(address) {
            while let Ok(Some(frame)) = frames.next() {
                let function = frame
                    .function
                    .as_ref()
                    .and_then(|name| name.demangle().ok())
                    .map(|name| name.into_owned());
                let location = frame.location.as_ref();
                found.push(Frame {
                    address,
                    function: function.or_else(|| self.function(address)),
                    file: location.and_then(|at| at.file).map(|file| self.short(file)),
                    line: location.and_then(|at| at.line),
                });
            }
        }
        if found.is_empty() {
            found.push(Frame {
                function: self.function(address),
                ..unknown
            });
        }
        found
    }

    fn function(&self, address: u64) -> Option<String> {
        self.loader.as_ref()?.find_symbol(address).map(str::to_owned)
    }

    fn short(&self, file: &str) -> String {
        let root = self.roots.iter().find_map(|root| file.strip_prefix(root.as_str()));
        root.unwrap_or(file).trim_start_matches("./").to_owned()
    }

    /// Whether the caller of the function at `ip` is missing from a call trace, and `top` is the return address into
    /// it.
    ///
    /// A function that calls nothing has no frame, and another has none at its very beginning. The chain of frames then
    /// begins with the caller's caller, and the word at the stack's top, which otherwise may be anything, lies behind a
    /// call.
    #[must_use]
    pub fn is_left_out(&self, ip: u64, top: u64) -> bool {
        let Ok(data) = std::fs::read(&self.path) else {
            return false;
        };
        let Ok(file) = object::File::parse(data.as_slice()) else {
            return false;
        };
        if file.architecture() != object::Architecture::X86_64 || !is_behind_call(&file, top) {
            return false;
        }
        let holds = |symbol: &object::Symbol<'_, '_>| {
            let rest = ip.checked_sub(symbol.address());
            rest.is_some_and(|rest| rest < symbol.size())
        };
        // A call that led nowhere left nothing behind but its return address.
        let start = file.symbols().find(holds).map(|symbol| symbol.address());
        start.is_none_or(|start| !sets_frame(code(&file, start, ip - start).unwrap_or_default()))
    }

    /// The symbol that nobody provides whose address was used, if it was one.
    #[must_use]
    pub fn missing(&self, address: u64) -> Option<String> {
        if !(MISSING_BASE..MISSING_END).contains(&address) {
            return None;
        }
        let data = std::fs::read(&self.path).ok()?;
        let file = object::File::parse(data.as_slice()).ok()?;
        let base = address / MISSING_STEP * MISSING_STEP;
        let symbol = file.symbols().find(|symbol| symbol.address() == base)?;
        symbol.name().ok().map(str::to_owned)
    }
}

/// The bytes of an image at an address.
fn code<'data>(file: &object::File<'data>, at: u64, len: u64) -> Option<&'data [u8]> {
    file.sections()
        .filter(|section| section.kind() == object::SectionKind::Text)
        .find_map(|section| section.data_range(at, len).ok().flatten())
}

/// Whether x86_64 code sets a frame up: `mov %rsp, %rbp`.
fn sets_frame(code: &[u8]) -> bool {
    code.windows(3).any(|code| code == [0x48, 0x89, 0xe5])
}

/// Whether a call of x86_64 ends at an address: `call rel32`, or `call r/m64` in its lengths from 2 to 7.
fn is_behind_call(file: &object::File<'_>, address: u64) -> bool {
    let before = |len: u64| code(file, address.checked_sub(len)?, len);
    let is_direct = before(5).is_some_and(|code| code[0] == 0xe8);
    // Opcode 0xff with 2 in the middle bits of the byte behind it.
    let is_indirect = |len| before(len).is_some_and(|code| code[0] == 0xff && code[1] >> 3 & 7 == 2);
    is_direct || (2..=7).any(is_indirect)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_small_program_is_symbolised() {
        let dir = std::env::temp_dir().join(format!("linux-compat-symbol-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let source = dir.join("probe.c");
        std::fs::write(
            &source,
            "int twice(int x)\n{\n\treturn 2 * x;\n}\nint main(void) { return twice(0); }\n",
        )
        .unwrap();
        let image = dir.join("probe");
        let built = Command::new("gcc")
            .args(["-g", "-O0", "-no-pie", "-o"])
            .arg(&image)
            .arg(&source)
            .status()
            .unwrap();
        assert!(built.success());
        let data = std::fs::read(&image).unwrap();
        let file = object::File::parse(data.as_slice()).unwrap();
        let twice = file
            .symbols()
            .find(|symbol| symbol.name() == Ok("twice"))
            .unwrap()
            .address();
        let frames = Symbols::open(&image, &[dir.as_path()]).frames(twice);
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].to_string(), "twice at probe.c:2");
    }

    #[test]
    fn without_an_image_frames_stay_addresses() {
        let symbols = Symbols::open(Path::new("/nonexistent"), &[]);
        assert_eq!(symbols.frames(0x1234)[0].to_string(), "0x1234");
        assert_eq!(symbols.missing(0x1234), None);
    }
}
