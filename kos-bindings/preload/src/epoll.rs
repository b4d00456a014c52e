// SPDX-License-Identifier: MIT OR Apache-2.0
//! `epoll` with a domain's descriptors among the machine's.
//!
//! The machine's kernel cannot watch a domain. So a set of `epoll` has two halves: the machine's own, under the
//! program's descriptor, and a [`Set`] with what is ours. Whoever waits asks both in turn, as [`crate::wait`] does, and
//! waits in the domain if the set has one of ours and nothing else.
//!
//! A thread that waits for the machine's half alone learns of the first of ours by the set's waker: an `eventfd` in the
//! machine's half that is ready once, with [`mark`] for its data.

use crate::domain::{Errno, lock};
use crate::object::Object;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// `EPOLLERR` and `EPOLLHUP`: told whether asked for or not (epoll_ctl(2)).
const ALWAYS: u32 = 0x008 | 0x010;
/// `EPOLLET`, `EPOLLONESHOT` (`include/uapi/linux/eventpoll.h`).
const EDGE: u32 = 1 << 31;
const ONE_SHOT: u32 = 1 << 30;

/// `struct epoll_event`.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// `EPOLL*`.
    pub events: u32,
    /// The program's own.
    pub data: u64,
}

/// What `epoll_ctl` does.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// `EPOLL_CTL_ADD`.
    Add(Event),
    /// `EPOLL_CTL_MOD`.
    Modify(Event),
    /// `EPOLL_CTL_DEL`.
    Remove,
}

/// One of ours. Linux forgets it when its open file goes, and so is it here.
#[derive(Debug)]
struct Entry {
    fd: i32,
    object: Weak<Object>,
    wanted: Event,
    /// Its one shot is spent.
    is_spent: bool,
    /// With `EPOLLET`: what has been told, and how often the object had been used then.
    told: u32,
    uses: u64,
}

impl Entry {
    fn is(&self, fd: i32, object: &Arc<Object>) -> bool {
        self.fd == fd && self.object.as_ptr() == Arc::as_ptr(object)
    }

    /// What is to be told of `ready`, if anything.
    fn tell(&mut self, ready: u32, uses: u64) -> Option<Event> {
        let ready = ready & (self.wanted.events | ALWAYS);
        self.told &= if self.uses == uses { ready } else { 0 };
        let is_edge = self.wanted.events & EDGE != 0;
        if ready == 0 || self.is_spent || (is_edge && ready & !self.told == 0) {
            return None;
        }
        (self.told, self.uses) = (ready, uses);
        self.is_spent = self.wanted.events & ONE_SHOT != 0;
        Some(Event {
            events: ready,
            data: self.wanted.data,
        })
    }

    /// Whether its next event can be waited for in the domain: it would say at once what has been told already.
    fn can_wait(&self) -> bool {
        !self.is_spent && self.told == 0
    }
}

#[derive(Debug, Default)]
struct Half {
    entries: Vec<Entry>,
    /// Where the next look begins, so that all have their turn.
    first: usize,
    /// Looks at both halves.
    looks: usize,
    /// The machine's half may have something.
    has_others: bool,
    waker: Option<OwnedFd>,
}

/// Our half of a set.
#[derive(Debug, Default)]
pub struct Set(Mutex<Half>);

/// What the waker's event has for its data: an address that no program has.
#[must_use]
pub fn mark() -> u64 {
    (&raw const SETS).addr() as u64
}

impl Set {
    /// Adds, changes or removes one of ours.
    ///
    /// # Errors
    ///
    /// `EEXIST`, `ENOENT`: as epoll_ctl(2).
    pub fn change(&self, fd: i32, object: &Arc<Object>, change: Change) -> Result<(), Errno> {
        let mut half = lock(&self.0);
        half.entries.retain(|entry| entry.object.strong_count() > 0);
        let at = half.entries.iter().position(|entry| entry.is(fd, object));
        let fresh = |wanted| Entry {
            fd,
            object: Arc::downgrade(object),
            wanted,
            is_spent: false,
            told: 0,
            uses: object.uses(),
        };
        match (change, at) {
            (Change::Add(_), Some(_)) => return Err(Errno(libc::EEXIST)),
            (Change::Add(wanted), None) => half.entries.push(fresh(wanted)),
            (_, None) => return Err(Errno(libc::ENOENT)),
            (Change::Modify(wanted), Some(at)) => {
                if let Some(entry) = half.entries.get_mut(at) {
                    *entry = fresh(wanted);
                }
            }
            (Change::Remove, Some(at)) => drop(half.entries.remove(at)),
        }
        Ok(())
    }

    /// The machine's half has got something.
    pub fn has_others(&self) {
        lock(&self.0).has_others = true;
    }

    /// Whether there is a waker, or now is: `make` makes it.
    ///
    /// # Errors
    ///
    /// What `make` says.
    pub fn wake(&self, make: impl FnOnce() -> Result<OwnedFd, Errno>) -> Result<(), Errno> {
        let mut half = lock(&self.0);
        if half.waker.is_none() {
            half.waker = Some(make()?);
        }
        Ok(())
    }

    /// Whether nothing of ours is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let half = lock(&self.0);
        half.entries.iter().all(|entry| entry.object.strong_count() == 0)
    }

    /// Whether one of ours is in it that can be waited for in the domain, and nothing else.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        let half = lock(&self.0);
        !half.has_others && matches!(half.entries.as_slice(), [only] if only.can_wait())
    }

    /// How many of `most` events the next look takes from ours at the most: by turns all, and half, so that the
    /// machine's are seen though ours are always ready.
    #[must_use]
    pub fn share(&self, most: usize) -> usize {
        let mut half = lock(&self.0);
        half.looks = half.looks.wrapping_add(1);
        if half.looks.is_multiple_of(2) { most / 2 } else { most }
    }

    /// Events of ours, `most` at the most; waits for them up to `limit`, if one is alone.
    #[must_use]
    pub fn collect(&self, most: usize, limit: Duration) -> Vec<Event> {
        let mut found = Vec::new();
        for (fd, object, events) in self.in_turn() {
            if found.len() == most {
                break;
            }
            let uses = object.uses();
            // What is left of a domain that is gone: failed, and hung up.
            let ready = object.poll(events & !(EDGE | ONE_SHOT), limit).unwrap_or(ALWAYS);
            let mut half = lock(&self.0);
            // It may have been changed or removed meanwhile.
            let entry = half.entries.iter_mut().find(|entry| entry.is(fd, &object));
            found.extend(entry.and_then(|entry| entry.tell(ready, uses)));
            half.first = half.first.wrapping_add(1);
        }
        found
    }

    fn in_turn(&self) -> Vec<(i32, Arc<Object>, u32)> {
        let mut half = lock(&self.0);
        half.entries.retain(|entry| entry.object.strong_count() > 0);
        let first = half.first % half.entries.len().max(1);
        let (before, from) = half.entries.split_at(first);
        let live = from.iter().chain(before).filter(|entry| !entry.is_spent);
        live.filter_map(|entry| Some((entry.fd, entry.object.upgrade()?, entry.wanted.events)))
            .collect()
    }
}

struct Sets {
    /// The process that they are open in.
    pid: u32,
    by_number: BTreeMap<i32, Arc<Set>>,
}

static SETS: Mutex<Sets> = Mutex::new(Sets {
    pid: 0,
    by_number: BTreeMap::new(),
});
/// Programs without `epoll` close descriptors too.
static IS_ANY: AtomicBool = AtomicBool::new(false);

/// Our half of the set `epfd`; it has one if it was made since this library was loaded.
#[must_use]
pub fn get(epfd: i32) -> Option<Arc<Set>> {
    if !IS_ANY.load(Relaxed) {
        return None;
    }
    let sets = lock(&SETS);
    if sets.pid != std::process::id() {
        return None;
    }
    sets.by_number.get(&epfd).cloned()
}

/// Makes `set` our half of the set `epfd`.
pub fn insert(epfd: i32, set: Arc<Set>) {
    IS_ANY.store(true, Relaxed);
    let pid = std::process::id();
    // Let go outside: a set closes its waker.
    let mut stale = BTreeMap::new();
    let mut sets = lock(&SETS);
    if sets.pid != pid {
        stale = std::mem::take(&mut sets.by_number);
        sets.pid = pid;
    }
    let before = sets.by_number.insert(epfd, set);
    drop(sets);
    drop((before, stale));
}

/// Forgets our half of the set `epfd`, if it is one.
pub fn remove(epfd: i32) {
    if IS_ANY.load(Relaxed) {
        let removed = lock(&SETS).by_number.remove(&epfd);
        drop(removed);
    }
}
