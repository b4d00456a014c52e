// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a process is born with: whom it may call, and what may be done with a handle. How handles spread from there
//! is in [`super::caps`].

use std::sync::{Arc, Weak};
use std::vec::Vec;

use super::process::Process;
use super::server::ServerObject;
use crate::kn::right;
use crate::nk::{Handle, Retcode};

/// What may be done with a handle; rights can only shrink. The bits are those of [`crate::kn::right`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights(pub(crate) u32);

impl Rights {
    /// No right.
    pub const NONE: Self = Self(0);
    /// To send requests (`OCAP_IPC_CALL`).
    pub const CALL: Self = Self(right::CALL);
    /// To pass the handle on (`OCAP_HANDLE_TRANSFER`).
    pub const TRANSFER: Self = Self(right::TRANSFER);

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

/// What a domain inside its client's process was born with, which is all that it ever has.
#[derive(Debug, Default)]
pub(crate) struct HandleTable(Vec<Entry>);

impl HandleTable {
    /// Makes the table of a process that is born with `entries`. The first handle is 1, so that a zeroed message calls
    /// nobody.
    pub(crate) fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self(entries.into_iter().collect())
    }

    /// Finds what `handle` leads to, if it may be called.
    pub(crate) fn callable(&self, handle: Handle) -> Result<&Entry, Retcode> {
        let index = usize::try_from(handle.0).ok().and_then(|value| value.checked_sub(1));
        let entry = index.and_then(|index| self.0.get(index));
        let entry = entry.ok_or(Retcode::NOT_CONNECTED)?;
        if entry.rights.contains(Rights::CALL) {
            Ok(entry)
        } else {
            Err(Retcode::SECURITY_DISALLOW)
        }
    }
}
