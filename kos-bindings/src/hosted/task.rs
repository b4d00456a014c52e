// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process: its class in the policy's eyes, its handles, its limits, its threads, its mappings.

use std::collections::BTreeMap;
use std::string::{String, ToString};
use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Acquire};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::vec::Vec;

use super::caps::{self, Node, Table};
use super::handles::{Rights, Target};
use super::judge::{Judge, Party};
use super::mdl::Mapping;
use super::notice::lock;
use super::object::{Kind, Object};
use super::process::Process;
use super::quota::{Charge, Limits, Quota, What};
use super::shared::Room;
use crate::nk::{Handle, Interface, Retcode};

/// A static channel's end, under its name.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) handle: Handle,
    /// Endpoints that the server has there: `component.endpoint` and number.
    pub(crate) endpoints: Vec<(String, u16)>,
}

/// A process of the kernel's.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) id: u64,
    /// Among whom the turns at a domain are shared: itself, or the program behind it that may have several of these.
    pub(crate) party: u64,
    pub(crate) name: String,
    /// What the policy calls it.
    pub(crate) class: String,
    /// The interface through which its class asks the policy itself.
    pub(crate) security: Option<&'static Interface>,
    pub(crate) quota: Arc<Quota>,
    /// Room in the ports of its threads.
    pub(crate) room: Room,
    /// Whether another process maps those ports.
    pub(crate) is_mapped_elsewhere: bool,
    table: Mutex<Table>,
    threads: Mutex<Vec<(Weak<Process>, Charge)>>,
    /// Static channels that it may call, and those that it serves.
    pub(crate) clients: Mutex<BTreeMap<String, Named>>,
    pub(crate) servers: Mutex<BTreeMap<String, Named>>,
    /// What it mapped; `None` if its memory is not this process's.
    pub(crate) mappings: Mutex<Option<Vec<Mapping>>>,
    /// Whether it ends with its one thread.
    has_one_thread: bool,
    /// What those get who wait for an answer of it when it dies.
    pub(crate) death: Retcode,
    is_dead: AtomicBool,
    /// Who is told of its end.
    judge: Arc<Judge>,
}

/// What a process begins as.
#[derive(Debug)]
pub(crate) struct Born {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) class: String,
    /// The program behind it, if that may have several of these.
    pub(crate) party: Option<u64>,
    /// The interface through which its class asks the policy itself.
    pub(crate) security: Option<&'static Interface>,
    pub(crate) limits: Limits,
    /// What those get who wait for an answer of it when it dies.
    pub(crate) death: Retcode,
    pub(crate) judge: Arc<Judge>,
}

impl Task {
    /// Makes a process that is its one thread, somewhere else: a domain, or a client from outside.
    pub(crate) fn with_one_thread(born: Born) -> Arc<Self> {
        Arc::new(Self::new(born, Room::DEFAULT, true))
    }

    /// Makes a process whose threads are threads of this program.
    pub(crate) fn here(born: Born, room: Room, is_mapped_elsewhere: bool) -> Arc<Self> {
        Arc::new(Self {
            is_mapped_elsewhere,
            ..Self::new(born, room, false)
        })
    }

    fn new(born: Born, room: Room, has_one_thread: bool) -> Self {
        Self {
            id: born.id,
            party: born.party.unwrap_or(born.id),
            name: born.name,
            class: born.class,
            security: born.security,
            quota: Quota::new(born.limits),
            room,
            is_mapped_elsewhere: has_one_thread,
            table: Mutex::default(),
            threads: Mutex::default(),
            clients: Mutex::default(),
            servers: Mutex::default(),
            mappings: Mutex::new((!has_one_thread).then(Vec::new)),
            has_one_thread,
            death: born.death,
            is_dead: AtomicBool::new(false),
            judge: born.judge,
        }
    }

    /// Returns who it is, for the judge.
    pub(crate) fn party(&self) -> Party<'_> {
        Party {
            class: &self.class,
            process: self.id,
        }
    }

    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        lock(&self.table)
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Acquire)
    }

    /// Finds a handle.
    ///
    /// # Errors
    ///
    /// `otherwise` if there is none of this value.
    pub(crate) fn node(&self, handle: Handle, otherwise: Retcode) -> Result<Arc<Node>, Retcode> {
        self.table().get(handle).cloned().ok_or(otherwise)
    }

    /// Finds what a handle with all of `rights` leads to.
    ///
    /// # Errors
    ///
    /// `otherwise` if there is no such handle, `rcHandleRevoked`, `rcSecurityDisallow` without the rights.
    pub(crate) fn object(&self, handle: Handle, rights: Rights, otherwise: Retcode) -> Result<Arc<Object>, Retcode> {
        let node = self.node(handle, otherwise)?;
        let object = node.object()?;
        if node.rights.contains(rights) {
            Ok(object)
        } else {
            Err(Retcode::SECURITY_DISALLOW)
        }
    }

    /// Adds what it is born with: whom it may call. The first handle is 1, so that a zeroed message calls nobody.
    pub(crate) fn born_with(&self, target: Target, riid: u16, rights: Rights) -> Result<Handle, Retcode> {
        caps::root(self, Object::new(Kind::Born { target, riid }, None), rights)
    }

    /// Returns the domains that handles lead to, each once.
    pub(crate) fn domains(&self) -> Vec<Arc<Process>> {
        let objects: Vec<_> = self.table().nodes().filter_map(|node| node.object().ok()).collect();
        let mut found: Vec<Arc<Process>> = Vec::new();
        for object in &objects {
            if let Kind::Born {
                target: Target::Process(process),
                ..
            } = &object.kind
                && let Some(process) = process.upgrade()
                && !found.iter().any(|known| Arc::ptr_eq(known, &process))
            {
                found.push(process);
            }
        }
        found
    }

    /// Takes a thread in.
    ///
    /// # Errors
    ///
    /// `rcFail` if there are too many, `rcNotConnected` if it is dead.
    pub(crate) fn add_thread(&self, thread: &Arc<Process>, charge: Charge) -> Result<(), Retcode> {
        let mut threads = lock(&self.threads);
        if self.is_dead() {
            return Err(Retcode::NOT_CONNECTED);
        }
        threads.retain(|(thread, _)| thread.upgrade().is_some_and(|thread| !thread.is_dead()));
        threads.push((Arc::downgrade(thread), charge));
        Ok(())
    }

    pub(crate) fn charge_thread(&self) -> Result<Charge, Retcode> {
        let mut threads = lock(&self.threads);
        threads.retain(|(thread, _)| thread.upgrade().is_some_and(|thread| !thread.is_dead()));
        self.quota.take(What::Threads, 1)
    }

    /// Ends it: its threads, then all that its handles kept.
    pub(crate) fn end(&self) {
        let threads = {
            let mut threads = lock(&self.threads);
            if self.is_dead.swap(true, AcqRel) {
                return;
            }
            std::mem::take(&mut *threads)
        };
        for thread in threads.iter().filter_map(|(thread, _)| thread.upgrade()) {
            thread.bury();
        }
        caps::close_all(self);
        self.judge.ended(&self.class, self.id);
    }

    /// Hears that a thread of it is dead.
    pub(crate) fn thread_ended(&self) {
        if self.has_one_thread {
            self.end();
        }
    }

    /// Finds a static channel's end in `names`, as long as it was not closed.
    pub(crate) fn named(&self, names: &Mutex<BTreeMap<String, Named>>, name: &str) -> Option<Named> {
        let found = lock(names).get(name).cloned()?;
        let table = self.table();
        table.get(found.handle).map(|_| found.clone())
    }

    pub(crate) fn set_name(names: &Mutex<BTreeMap<String, Named>>, name: &str, named: Named) {
        lock(names).insert(name.to_string(), named);
    }
}
