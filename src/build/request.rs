// SPDX-License-Identifier: GPL-2.0-only
//! What a build is asked for, and what it gives.

use super::report::Report;
use linux_headers::{Arch, Profile, Tree, cache};
use std::path::PathBuf;

/// What the linker makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Emit {
    /// A static executable.
    Image,
    /// One relocatable object without the shim, for a host program to link (a fuzz target).
    Relocatable,
    /// A static library with one entry point, for a program of another system to link: a domain on KasperskyOS.
    Library,
}

/// What to build.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The kernel tree.
    pub tree: Tree,
    /// The driver: a module, a chip, a `compatible`, a source file, or `CONFIG_X CONFIG_Y` for all that
    /// these symbols turn on.
    pub driver: String,
    /// The board's device tree blob; its other devices' drivers go in too.
    pub board_dtb: Option<PathBuf>,
    /// Optimised, or with Linux's debugging options.
    pub profile: Profile,
    /// The instruction set.
    pub arch: Arch,
    /// The address that the image is linked at.
    pub image_base: u64,
    /// The shim, as a static library.
    pub shim_archive: Option<PathBuf>,
    /// The shim's C files, which are compiled like the kernel's.
    pub glue_dir: Option<PathBuf>,
    /// More such C files: a sanitizer's, for a fuzzer.
    pub extra_glue: Vec<PathBuf>,
    /// Build files that differ from upstream's.
    pub allow_modified: bool,
    /// The C compiler.
    pub cc: String,
    /// Flags to add to each file, such as a sanitizer's.
    pub extra_cflags: Vec<String>,
    /// Flags to add to the driver's own files in the tree.
    pub driver_cflags: Vec<String>,
    /// Flags to add to the link.
    pub extra_ldflags: Vec<String>,
    /// Symbols of the configuration to turn on besides the driver's own.
    pub wishes: Vec<String>,
    /// Roots besides the driver and the script's entry.
    pub extra_roots: Vec<String>,
    /// Symbols that the program defines which links a [`Emit::Library`].
    pub provided: Vec<String>,
    /// What to make.
    pub emit: Emit,
    /// The driver's own initcalls and exit functions stand apart and run when a client says so, as modules are inserted
    /// into a kernel that runs, and removed. What the board has beside the driver goes in only if
    /// it compiles.
    pub is_module: bool,
    /// Where images are made, instead of the cache, which all processes share.
    pub images: Option<PathBuf>,
}

impl BuildRequest {
    /// A request with the usual answers: the host's instruction set, `gcc`, an image at 4 MiB, no shim.
    #[must_use]
    pub fn new(tree: Tree, driver: &str) -> Self {
        Self {
            tree,
            driver: driver.to_owned(),
            board_dtb: None,
            profile: Profile::Release,
            arch: Arch::host(),
            image_base: 0x40_0000,
            shim_archive: None,
            glue_dir: None,
            extra_glue: Vec::new(),
            allow_modified: false,
            cc: Arch::host().tool("gcc"),
            extra_cflags: Vec::new(),
            driver_cflags: Vec::new(),
            extra_ldflags: Vec::new(),
            wishes: Vec::new(),
            extra_roots: Vec::new(),
            provided: Vec::new(),
            emit: Emit::Image,
            is_module: false,
            images: None,
        }
    }

    /// Where images are made.
    pub(super) fn images_dir(&self) -> PathBuf {
        self.images.clone().unwrap_or_else(|| cache::dir().join("images"))
    }
}

/// What was built.
#[derive(Debug, Clone)]
pub struct Built {
    /// The stripped image, or the relocatable object.
    pub image: PathBuf,
    /// The image with symbols and debug information.
    pub debug: PathBuf,
    /// What went into it.
    pub report: Report,
}
