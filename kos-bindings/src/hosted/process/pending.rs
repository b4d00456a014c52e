// SPDX-License-Identifier: MIT OR Apache-2.0
//! A call that is open, and where its request went.

use std::sync::{Arc, Weak};

use super::Process;
use crate::hosted::object::Object;
use crate::hosted::sync::Sync;

/// A `Call` that waits for its answer, as its client sees it.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) id: u64,
    /// On `CLOCK_MONOTONIC`; `u64::MAX` is never.
    pub(crate) deadline_ns: u64,
    /// The deadline that the kernel sets; the client's own may be earlier.
    pub(crate) kernel_deadline_ns: u64,
    /// Whether the client's own deadline stands after a server took the request.
    pub(crate) covers_service: bool,
    /// When the server is to be looked at next, if it is watched.
    pub(crate) watch_ns: u64,
    pub(crate) server: Peer,
    /// What may interrupt it.
    pub(crate) sync: Option<Arc<Sync>>,
}

/// Where a request went.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    /// To a domain.
    Domain(Weak<Process>),
    /// To a listener.
    Listener(Weak<Object>),
}

impl Peer {
    /// Tells the server that the client gave up.
    pub(crate) fn abandon(&self, id: u64) {
        match self {
            Self::Domain(server) => {
                if let Some(server) = server.upgrade() {
                    server.abandon(id);
                }
            }
            Self::Listener(object) => {
                if let Some(object) = object.upgrade()
                    && let Ok(listener) = object.listener()
                {
                    listener.abandon(id);
                }
            }
        }
    }

    /// Takes request `id` back if no server took it. Returns whether that was so.
    pub(crate) fn withdraw(&self, id: u64) -> bool {
        match self {
            Self::Domain(server) => server.upgrade().is_some_and(|server| server.withdraw(id)),
            Self::Listener(object) => object
                .upgrade()
                .is_some_and(|object| object.listener().is_ok_and(|listener| listener.withdraw(id))),
        }
    }

    pub(super) fn domain(&self) -> Option<Arc<Process>> {
        match self {
            Self::Domain(server) => server.upgrade(),
            Self::Listener(_) => None,
        }
    }

    /// Returns the server's number.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Domain(server) => server.upgrade().map(|server| server.id),
            Self::Listener(object) => object.upgrade()?.listener().ok().map(|listener| listener.owner_id),
        }
    }
}
