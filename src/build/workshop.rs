// SPDX-License-Identifier: GPL-2.0-only
//! What the builds of one tree share: read once, for one image or for thousands.

use super::closure::ReadObjects;
use super::compile::Known;
use super::engine::Build;
use super::error::BuildError;
use super::hash::Memory;
use super::index::Index;
use super::objfile::ObjFile;
use super::request::{BuildRequest, Built};
use linux_headers::flags::{Common, Profile};
use linux_headers::kconfig::Kconfig;
use linux_headers::{Arch, Tree, cache};
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What the builds of one tree have in common: for a process that makes many images of files that stay as they are
/// meanwhile.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) tree: Tree,
    pub(super) index: Index,
    pub(super) kconfig: Kconfig,
    pub(super) common: Common,
    pub(super) memory: Memory,
    /// What the compiler says of itself.
    pub(super) said: Vec<u8>,
    shims: Mutex<HashMap<PathBuf, Vec<Arc<ObjFile>>>>,
}

/// What a [`Session`] learns from build to build.
#[derive(Debug, Default)]
pub(super) struct Learnt {
    pub(super) known: Known,
    pub(super) objects: ReadObjects,
}

/// A session that remembers.
#[derive(Debug)]
pub struct Workshop {
    session: Session,
    learnt: Learnt,
}

impl Workshop {
    /// Reads a tree's index and Kconfig.
    ///
    /// # Errors
    ///
    /// The cache cannot be written, or an answer file is wrong.
    pub fn open(tree: &Tree, profile: Profile) -> Result<Self, BuildError> {
        let arch = Arch::host();
        let mut session = Session::open(tree, profile, arch, &arch.tool("gcc"))?;
        session.memory = std::mem::take(&mut session.memory).trusting();
        Ok(Self {
            session,
            learnt: Learnt::default(),
        })
    }

    /// The tree's index.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.session.index
    }

    /// The tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.session.tree
    }

    /// Builds an image for the host with the usual compiler. Nothing is remembered of it but its objects.
    ///
    /// # Errors
    ///
    /// One variant per step; see [`BuildError`].
    pub fn build(&self, request: &BuildRequest) -> Result<Built, BuildError> {
        let mut build = Build::new(&self.session, request, Some(&self.learnt));
        build.run(Instant::now()).map(|(built, _)| built)
    }

    /// Keeps what was learnt of files.
    pub fn save(&self) {
        self.session.memory.save();
    }
}

impl Session {
    pub(super) fn open(tree: &Tree, profile: Profile, arch: Arch, cc: &str) -> Result<Self, BuildError> {
        let kconfig = Kconfig::read(&tree.dir);
        let said = Command::new(cc).arg("--version").output();
        Ok(Self {
            tree: tree.clone(),
            index: Index::load(tree)?,
            common: Common::new(tree, &kconfig, profile, arch)?,
            kconfig,
            memory: Memory::load(cache::dir().join("files")),
            said: said.map(|out| out.stdout).unwrap_or_default(),
            shims: Mutex::default(),
        })
    }

    pub(super) fn shim(&self, path: Option<&PathBuf>) -> Result<Vec<Arc<ObjFile>>, BuildError> {
        let Some(path) = path else {
            return Ok(Vec::new());
        };
        let mut shims = self.shims.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shim) = shims.get(path) {
            return Ok(shim.clone());
        }
        let shim: Vec<_> = ObjFile::read_archive(path)?.into_iter().map(Arc::new).collect();
        shims.insert(path.clone(), shim.clone());
        Ok(shim)
    }
}
