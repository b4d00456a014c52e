// SPDX-License-Identifier: MIT OR Apache-2.0
//! A call that is open, and where its request went.

use std::sync::{Arc, Weak};

use super::{Process, Request};
use crate::hosted::listener::Listener;
use crate::hosted::object::Object;
use crate::hosted::sync::Sync;
use crate::hosted::task::Task;
use crate::nk::{Parts, Retcode};

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
    /// Asks the server, if it is still there.
    fn ask<R>(&self, domain: impl FnOnce(&Process) -> R, listener: impl FnOnce(&Listener) -> R) -> Option<R> {
        match self {
            Self::Domain(server) => server.upgrade().map(|server| domain(&server)),
            Self::Listener(object) => object.upgrade()?.listener().ok().map(listener),
        }
    }

    /// Hands a request over.
    ///
    /// # Errors
    ///
    /// The request, with what [`Process::deliver`] or [`Listener::deliver`] says.
    pub(crate) fn deliver(&self, request: Request, parts: Parts<'_>) -> Result<(), (Request, Retcode)> {
        let gone = Retcode::NOT_CONNECTED;
        match self {
            Self::Domain(server) => match server.upgrade() {
                Some(server) => server.deliver(request, parts),
                None => Err((request, gone)),
            },
            Self::Listener(object) => match object.upgrade().as_ref().map(|object| object.listener()) {
                Some(Ok(listener)) => listener.deliver(request, parts),
                _ => Err((request, gone)),
            },
        }
    }

    /// Tells the server that the client gave up.
    pub(crate) fn abandon(&self, id: u64) {
        self.ask(|domain| domain.abandon(id), |listener| listener.abandon(id));
    }

    /// Takes request `id` back if no server took it. Returns whether that was so.
    pub(crate) fn withdraw(&self, id: u64) -> bool {
        let done = self.ask(|domain| domain.withdraw(id), |listener| listener.withdraw(id));
        done.unwrap_or(false)
    }

    pub(crate) fn domain(&self) -> Option<Arc<Process>> {
        match self {
            Self::Domain(server) => server.upgrade(),
            Self::Listener(_) => None,
        }
    }

    /// Returns the process that serves.
    pub(crate) fn task(&self) -> Option<Arc<Task>> {
        self.ask(
            |domain| Some(Arc::clone(&domain.task)),
            |listener| listener.owner.upgrade(),
        )
        .flatten()
    }

    /// Returns the server's number.
    pub(super) fn number(&self) -> Option<u64> {
        self.task().map(|task| task.id)
    }
}
