// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one place where every message is judged.
//!
//! Each request, response and error response passes `Judge::judge` once, as a private copy,
//! before anybody but its sender sees it: first the form (the interface's generated validator),
//! then the policy. Nothing reaches the peer that either refuses.

use std::boxed::Box;
use std::fmt;
use std::string::String;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::error::Error;
use crate::nk::{Header, Interface, Method, Parts, Retcode};

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// From client to server.
    Request,
    /// From server to client: the result.
    Response,
    /// From server to client: the error form.
    Error,
}

/// A well-formed message, as the policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Class of the client, for a request and for its answer.
    pub client: &'a str,
    /// Which process of that class: no two have the same number, nor does one come again. 0 is none, but part of the
    /// trusted process.
    pub client_process: u64,
    /// Class of the server.
    pub server: &'a str,
    /// Which process of that class.
    pub server_process: u64,
    /// The interface.
    pub interface: &'static Interface,
    /// The method.
    pub method: &'static Method,
    /// Request, response or error.
    pub kind: Kind,
    /// The message; its fields are decoded with the interface's types.
    pub message: Parts<'a>,
}

/// A well-formed message to the policy itself.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The security interface of the sender's class.
    pub interface: &'static Interface,
    /// The method.
    pub method: &'static Method,
    /// The message.
    pub message: Parts<'a>,
}

/// What the policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Deliver.
    Allow,
    /// Refuse with `rcSecurityDisallow`.
    Deny,
}

/// Decides on well-formed messages.
pub trait Policy: Send + Sync {
    /// Judges one message. Called on the kernel thread of the sender's port: it must be quick and
    /// must not block.
    fn judge(&self, subject: &Subject<'_>) -> Verdict;

    /// Judges whether `process`, of class `server`, may be started by a process of class `starter`.
    fn execute(&self, starter: &str, server: &str, process: u64) -> Verdict {
        let _ = (starter, server, process);
        Verdict::Allow
    }

    /// Hears that `process` has ended, or that a process that was allowed to start did not. It is of class `class`.
    fn ended(&self, class: &str, process: u64) {
        let _ = (class, process);
    }

    /// Decides on what `process`, of class `sender`, asks it itself through its class's security interface.
    fn security(&self, sender: &str, process: u64, query: Query<'_>) -> Verdict {
        let _ = (sender, process, query);
        Verdict::Deny
    }

    /// Hears of a message that was not what it claimed, and so was refused before its policy was
    /// asked. `sender` is the class that sent it.
    fn malformed(&self, sender: &str, receiver: &str, kind: Kind, message: Parts<'_>) {
        let _ = (sender, receiver, kind, message);
    }

    /// Hears of what the kernel refused for another reason than form and policy: a handle that does not exist, was
    /// revoked, lacks a right, may not be passed on or would gain rights; a reply that nobody asked for. `code` is
    /// what the sender gets; `receiver` is empty if it was none, and so is the message if there was none.
    fn refused(&self, sender: &str, receiver: &str, message: Parts<'_>, code: Retcode) {
        let _ = code;
        self.malformed(sender, receiver, Kind::Request, message);
    }
}

/// The class of whoever starts domains, as the policy sees it.
pub const SUPERVISOR: &str = "linuxcompat.Supervisor";

/// The kernel's own class, as the policy sees it.
pub const CORE: &str = "kl.core.Core";

/// The class of clients from outside, as the policy sees it.
pub const CLIENT: &str = "linuxcompat.Client";

/// Lets every well-formed message through on the channels that exist.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Policy for AllowAll {
    fn judge(&self, _: &Subject<'_>) -> Verdict {
        Verdict::Allow
    }

    fn security(&self, _: &str, _: u64, _: Query<'_>) -> Verdict {
        Verdict::Allow
    }
}

/// How to find an interface by its RIID.
pub type Registry = fn(u16) -> Option<&'static Interface>;

/// What a judged request leaves behind, to judge its response by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) interface: &'static Interface,
    pub(crate) method: &'static Method,
}

/// Messages judged so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests delivered.
    pub requests: u64,
    /// Responses delivered, error forms included.
    pub responses: u64,
    /// Messages that were not what they claimed.
    pub malformed: u64,
    /// Messages that the policy refused.
    pub denied: u64,
}

/// Whether several threads count at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Each message on the kernel thread of its sender.
    Threads,
    /// All on one thread, as without isolation; then an increment need not lock the bus, which
    /// would cost a tenth of the whole round trip.
    None,
}

/// The judge: registry, policy and counters.
pub(crate) struct Judge {
    sharing: Sharing,
    registry: Registry,
    policy: Box<dyn Policy>,
    requests: AtomicU64,
    responses: AtomicU64,
    malformed: AtomicU64,
    denied: AtomicU64,
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

/// Who talks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Party<'a> {
    pub(crate) class: &'a str,
    pub(crate) process: u64,
}

impl<'a> Party<'a> {
    /// A part of the trusted process; the empty class is nobody.
    pub(crate) const fn here(class: &'a str) -> Self {
        Self { class, process: 0 }
    }
}

/// Who talks to whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Between<'a> {
    pub(crate) client: Party<'a>,
    pub(crate) server: Party<'a>,
}

impl<'a> Between<'a> {
    pub(crate) const fn new(client: Party<'a>, server: Party<'a>) -> Self {
        Self { client, server }
    }
}

impl Judge {
    pub(crate) fn new(registry: Registry, policy: Box<dyn Policy>, sharing: Sharing) -> Self {
        Self {
            sharing,
            registry,
            policy,
            requests: AtomicU64::new(0),
            responses: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
            denied: AtomicU64::new(0),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            requests: self.requests.load(Relaxed),
            responses: self.responses.load(Relaxed),
            malformed: self.malformed.load(Relaxed),
            denied: self.denied.load(Relaxed),
        }
    }

    /// Judges a request on a handle that allows interface `only` (0: any that is registered).
    pub(crate) fn request(&self, between: Between<'_>, only: u16, message: Parts<'_>) -> Result<Known, Retcode> {
        self.request_of(self.registry, between, only, message)
    }

    /// As [`Judge::request`], of an interface that `registry` has: one of the kernel's own services.
    pub(crate) fn request_of(
        &self,
        registry: Registry,
        between: Between<'_>,
        only: u16,
        message: Parts<'_>,
    ) -> Result<Known, Retcode> {
        let refuse = || self.refuse_form(between, Kind::Request, message);
        let known = Self::lookup(registry, only, message).ok_or_else(refuse)?;
        (known.method.validate_request)(message).map_err(|_| refuse())?;
        self.judge(between, known, Kind::Request, message)?;
        self.count(&self.requests);
        Ok(known)
    }

    /// Tells the policy of a request whose handles were refused.
    pub(crate) fn refused(&self, between: Between<'_>, message: Parts<'_>, code: Retcode) {
        self.denied.fetch_add(1, Relaxed);
        let (client, server) = (between.client.class, between.server.class);
        self.policy.refused(client, server, message, code);
    }

    /// Judges the answer to the request that `known` came from.
    pub(crate) fn response(&self, between: Between<'_>, known: Known, message: Parts<'_>) -> Result<(), Retcode> {
        let refuse = || self.refuse_form(between, Kind::Response, message);
        let header = Header::read(message.constant).map_err(|_| refuse())?;
        (known.method.validate_response)(message).map_err(|_| refuse())?;
        let kind = if header.is_error { Kind::Error } else { Kind::Response };
        self.judge(between, known, kind, message)?;
        self.count(&self.responses);
        Ok(())
    }

    #[inline]
    fn count(&self, counter: &AtomicU64) {
        match self.sharing {
            Sharing::Threads => {
                counter.fetch_add(1, Relaxed);
            }
            Sharing::None => counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed),
        }
    }

    fn lookup(registry: Registry, only: u16, message: Parts<'_>) -> Option<Known> {
        let header = Header::read(message.constant).ok()?;
        if only != 0 && header.riid != only {
            return None;
        }
        let interface = registry(header.riid)?;
        let method = interface.method(header.mid)?;
        Some(Known { interface, method })
    }

    /// Judges a query of `asker`, whose class has the security interface `interface`, to the policy itself.
    pub(crate) fn security(
        &self,
        asker: Party<'_>,
        interface: &'static Interface,
        message: Parts<'_>,
    ) -> Result<&'static Method, Retcode> {
        let between = Between::new(asker, Party::here(""));
        let refuse = || self.refuse_form(between, Kind::Request, message);
        let header = Header::read(message.constant).map_err(|_| refuse())?;
        let method = interface.method(header.mid).filter(|_| header.riid == interface.riid);
        let method = method.ok_or_else(refuse)?;
        (method.validate_request)(message).map_err(|_| refuse())?;
        let query = Query {
            interface,
            method,
            message,
        };
        match self.policy.security(asker.class, asker.process, query) {
            Verdict::Allow => {
                self.count(&self.requests);
                Ok(method)
            }
            Verdict::Deny => {
                self.denied.fetch_add(1, Relaxed);
                Err(Retcode::SECURITY_DISALLOW)
            }
        }
    }

    /// Tells the policy that a process has ended.
    pub(crate) fn ended(&self, class: &str, process: u64) {
        self.policy.ended(class, process);
    }

    /// Asks whether the supervisor may start `process`, of class `class`.
    pub(crate) fn execute(&self, class: &str, process: u64) -> Result<(), Error> {
        match self.policy.execute(SUPERVISOR, class, process) {
            Verdict::Allow => Ok(()),
            Verdict::Deny => {
                self.denied.fetch_add(1, Relaxed);
                Err(Error::Policy(String::from(class)))
            }
        }
    }

    fn refuse_form(&self, between: Between<'_>, kind: Kind, message: Parts<'_>) -> Retcode {
        self.malformed.fetch_add(1, Relaxed);
        let (sender, receiver) = match kind {
            Kind::Request => (between.client, between.server),
            Kind::Response | Kind::Error => (between.server, between.client),
        };
        self.policy.malformed(sender.class, receiver.class, kind, message);
        Retcode::INVALID_ARGUMENT
    }

    /// The verdict on one well-formed message.
    fn judge(&self, between: Between<'_>, known: Known, kind: Kind, message: Parts<'_>) -> Result<(), Retcode> {
        let subject = Subject {
            client: between.client.class,
            client_process: between.client.process,
            server: between.server.class,
            server_process: between.server.process,
            interface: known.interface,
            method: known.method,
            kind,
            message,
        };
        match self.policy.judge(&subject) {
            Verdict::Allow => Ok(()),
            Verdict::Deny => {
                self.denied.fetch_add(1, Relaxed);
                Err(Retcode::SECURITY_DISALLOW)
            }
        }
    }
}
