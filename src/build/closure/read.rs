// SPDX-License-Identifier: GPL-2.0-only
//! Object files that a process has read, for one that builds many images.

use crate::build::error::BuildError;
use crate::build::objfile::ObjFile;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Object files that a process has read.
#[derive(Debug, Default)]
pub struct ReadObjects(Mutex<HashMap<PathBuf, Arc<ObjFile>>>);

impl ReadObjects {
    pub(super) fn read(&self, path: &Path) -> Result<Arc<ObjFile>, BuildError> {
        let read = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = read().get(path) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(ObjFile::read(path)?);
        read().insert(path.to_owned(), Arc::clone(&file));
        Ok(file)
    }
}
