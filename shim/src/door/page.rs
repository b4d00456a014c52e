// SPDX-License-Identifier: GPL-2.0-only
//! Buffers for the bytes of one request. A task's stack is too small for them; pages are kept for the next one.

use crate::{errno::Errno, raw::cell::Global};
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

const BYTES: usize = 4096;
/// As many as requests can be under way; more are given back to the heap.
const KEEP: usize = 8;

static KEPT: Global<Vec<Vec<u8>>> = Global::new(Vec::new());

/// A page of zeros, or of an earlier request's bytes: whoever takes it sends only what was written to it since.
pub struct Page(Vec<u8>);

impl Page {
    /// A page.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn take() -> Result<Page, Errno> {
        match KEPT.with(Vec::pop) {
            Some(kept) => Ok(Page(kept)),
            None => zeroed(BYTES).map(Page),
        }
    }
}

/// A buffer of `len` zeros.
///
/// # Errors
///
/// `ENOMEM`.
pub fn zeroed(len: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| Errno::ENOMEM)?;
    bytes.resize(len, 0);
    Ok(bytes)
}

impl Deref for Page {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Page {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let page = core::mem::take(&mut self.0);
        KEPT.with(|kept| {
            if kept.len() < KEEP && (kept.capacity() > kept.len() || kept.try_reserve(KEEP).is_ok()) {
                kept.push(page);
            }
        });
    }
}
