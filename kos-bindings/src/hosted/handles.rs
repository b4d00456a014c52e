// SPDX-License-Identifier: MIT OR Apache-2.0
//! Handle tables: what a process may call. Values mean something in their own process only.

use std::sync::{Arc, Weak};
use std::vec::Vec;

use super::process::Process;
use super::server::ServerObject;
use crate::nk::{Handle, Retcode};

/// What may be done with a handle; rights can only shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights(u32);

impl Rights {
    /// No right.
    pub const NONE: Self = Self(0);
    /// To send requests (`OCAP_IPC_CALL`).
    pub const CALL: Self = Self(1);
    /// To pass the handle on (`OCAP_HANDLE_TRANSFER`).
    pub const TRANSFER: Self = Self(2);

    /// Tells whether all of `other` is in `self`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns what is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns what is in either; for building a first set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the mask as it travels in a handle descriptor.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

/// What a handle leads to.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// An object in the kernel's process.
    Server(Arc<ServerObject>),
    /// The listener of a domain.
    Process(Weak<Process>),
}

/// One handle: where it leads, which interface answers (0: any), and what may be done.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) target: Target,
    pub(crate) riid: u16,
    pub(crate) rights: Rights,
}

/// The handles of one process. A closed value is not used again.
#[derive(Debug, Default)]
pub(crate) struct HandleTable(Vec<Option<Entry>>);

impl HandleTable {
    /// Makes the table of a process that is born with `entries`.
    pub(crate) fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self(entries.into_iter().map(Some).collect())
    }

    /// Adds a handle. The first one is 1, so that a zeroed message calls nobody.
    pub(crate) fn insert(&mut self, entry: Entry) -> Handle {
        self.0.push(Some(entry));
        Handle(u32::try_from(self.0.len()).unwrap_or(u32::MAX))
    }

    fn slot(&mut self, handle: Handle) -> Option<&mut Option<Entry>> {
        let index = usize::try_from(handle.0).ok()?.checked_sub(1)?;
        self.0.get_mut(index)
    }

    /// Finds what `handle` leads to, if it may be called.
    pub(crate) fn callable(&self, handle: Handle) -> Result<&Entry, Retcode> {
        let index = usize::try_from(handle.0).ok().and_then(|value| value.checked_sub(1));
        let entry = index.and_then(|index| self.0.get(index)?.as_ref());
        let entry = entry.ok_or(Retcode::NOT_CONNECTED)?;
        if entry.rights.contains(Rights::CALL) {
            Ok(entry)
        } else {
            Err(Retcode::SECURITY_DISALLOW)
        }
    }

    /// Returns the processes that handles lead to, each once.
    pub(crate) fn processes(&self) -> Vec<Arc<Process>> {
        let mut found: Vec<Arc<Process>> = Vec::new();
        for entry in self.0.iter().flatten() {
            if let Target::Process(process) = &entry.target
                && let Some(process) = process.upgrade()
                && !found.iter().any(|known| Arc::ptr_eq(known, &process))
            {
                found.push(process);
            }
        }
        found
    }

    /// Makes a second handle with the rights that are in both its parent's and `mask`.
    pub(crate) fn copy(&mut self, handle: Handle, mask: Rights) -> Option<Handle> {
        let mut entry = self.slot(handle)?.clone()?;
        entry.rights = entry.rights.and(mask);
        Some(self.insert(entry))
    }

    /// Closes a handle for good.
    pub(crate) fn close(&mut self, handle: Handle) -> bool {
        self.slot(handle).is_some_and(|slot| slot.take().is_some())
    }
}
