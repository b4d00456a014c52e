// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notices: who hears of which events of which objects, and what waits to be read; and badges, which tell when a handle
//! that was passed on is gone.
//!
//! Events under one identifier coalesce into one record with a mask and a counter, so a flood costs one record. A
//! record holds the charge of the subscription that it came from until it is read.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use std::vec::Vec;

use super::object::Object;
use super::quota::Charge;
use crate::idl::notice::EventDesc;
use crate::kn::event;
use crate::nk::Retcode;

/// How long a kernel thread waits before it looks whether its process still lives.
const LOOK: Duration = Duration::from_millis(50);

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns how long to wait until `end`, before looking.
///
/// # Errors
///
/// `rcTimeout`.
pub(crate) fn until(end: Option<Instant>) -> Result<Duration, Retcode> {
    match end.map(|end| end.saturating_duration_since(Instant::now())) {
        None => Ok(LOOK),
        Some(Duration::ZERO) => Err(Retcode::TIMEOUT),
        Some(rest) => Ok(rest.min(LOOK)),
    }
}

/// One who wants to hear.
#[derive(Debug)]
struct Subscription {
    notice: Weak<Notice>,
    mask: u32,
    id: u64,
    charge: Arc<Charge>,
}

/// Those who want to hear of one object.
#[derive(Debug, Default)]
pub(crate) struct Events(Mutex<Vec<Subscription>>);

impl Events {
    pub(crate) fn subscribe(&self, notice: &Arc<Notice>, mask: u32, id: u64, charge: Charge) {
        let mut list = lock(&self.0);
        list.retain(|one| one.notice.strong_count() > 0);
        list.push(Subscription {
            notice: Arc::downgrade(notice),
            mask,
            id,
            charge: Arc::new(charge),
        });
    }

    /// Forgets subscriptions of `notice`; returns their identifiers.
    pub(crate) fn unsubscribe(&self, notice: &Arc<Notice>, only: Option<u64>) -> Vec<u64> {
        let mut gone = Vec::new();
        lock(&self.0).retain(|one| {
            let is_meant = one.notice.as_ptr() == Arc::as_ptr(notice) && only.is_none_or(|id| id == one.id);
            if is_meant {
                gone.push(one.id);
            }
            !is_meant
        });
        gone
    }

    /// Tells those who asked for any event in `mask`.
    pub(crate) fn raise(&self, mask: u32) {
        // Collected first: no lock is held while another is taken.
        let told: Vec<_> = lock(&self.0)
            .iter()
            .filter(|one| one.mask & mask != 0)
            .filter_map(|one| Some((one.notice.upgrade()?, one.id, one.mask & mask, Arc::clone(&one.charge))))
            .collect();
        for (notice, id, mask, charge) in told {
            notice.put(id, mask, charge);
        }
    }
}

#[derive(Debug)]
struct Record {
    desc: EventDesc,
    _charge: Arc<Charge>,
}

#[derive(Debug, Default)]
struct State {
    records: VecDeque<Record>,
    is_finished: bool,
    /// How often all waits were ended.
    wakes: u64,
    /// What was subscribed to.
    objects: Vec<Weak<Object>>,
}

/// A receiver of notices.
#[derive(Debug, Default)]
pub(crate) struct Notice {
    state: Mutex<State>,
    changed: Condvar,
}

impl Notice {
    fn put(&self, id: u64, mask: u32, charge: Arc<Charge>) {
        let mut state = lock(&self.state);
        if state.is_finished {
            return;
        }
        if let Some(record) = state.records.iter_mut().find(|record| record.desc.ev_id == id) {
            record.desc.mask |= mask;
            record.desc.counter = record.desc.counter.saturating_add(1);
        } else {
            let desc = EventDesc {
                ev_id: id,
                mask,
                counter: 1,
            };
            state.records.push_back(Record { desc, _charge: charge });
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Notes that it hears of `object`.
    pub(crate) fn note(&self, object: &Arc<Object>) {
        let mut state = lock(&self.state);
        state.objects.retain(|one| one.strong_count() > 0);
        if !state.objects.iter().any(|one| one.as_ptr() == Arc::as_ptr(object)) {
            state.objects.push(Arc::downgrade(object));
        }
    }

    /// Returns what it hears of.
    pub(crate) fn objects(&self) -> Vec<Arc<Object>> {
        lock(&self.state).objects.iter().filter_map(Weak::upgrade).collect()
    }

    /// Forgets what waits under `id`.
    pub(crate) fn forget(&self, id: u64) {
        lock(&self.state).records.retain(|record| record.desc.ev_id != id);
    }

    /// Ends all waits, and drops what waits to be read.
    pub(crate) fn drop_and_wake(&self, finish: bool) {
        let mut state = lock(&self.state);
        let records = std::mem::take(&mut state.records);
        state.is_finished |= finish;
        state.wakes = state.wakes.wrapping_add(1);
        drop(state);
        drop(records);
        self.changed.notify_all();
    }

    /// Takes up to `max` records; waits until `end` for one while `is_wanted`.
    ///
    /// # Errors
    ///
    /// `rcTimeout`; `rcFail` if the receiver was dropped; `rcNotConnected` if the wait is not wanted any more.
    pub(crate) fn get(
        &self,
        end: Option<Instant>,
        max: usize,
        is_wanted: impl Fn() -> bool,
    ) -> Result<Vec<EventDesc>, Retcode> {
        let mut state = lock(&self.state);
        let wakes = state.wakes;
        loop {
            if state.is_finished || state.wakes != wakes {
                return Err(Retcode::FAIL);
            }
            if !state.records.is_empty() {
                let count = state.records.len().min(max);
                return Ok(state.records.drain(..count).map(|record| record.desc).collect());
            }
            if !is_wanted() {
                return Err(Retcode::NOT_CONNECTED);
            }
            let waited = self.changed.wait_timeout(state, until(end)?);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A resource transfer context: what is told when a handle that was passed on with it is gone.
#[derive(Debug)]
pub(crate) struct Badge {
    /// The process that made it.
    pub(crate) owner: u64,
    pub(crate) context: u64,
    notice: Weak<Notice>,
    id: u64,
    charge: Arc<Charge>,
}

impl Badge {
    pub(crate) fn new(owner: u64, context: u64, notice: &Arc<Notice>, id: u64, charge: Charge) -> Self {
        Self {
            owner,
            context,
            notice: Arc::downgrade(notice),
            id,
            charge: Arc::new(charge),
        }
    }

    fn tell(&self, mask: u32) {
        if let Some(notice) = self.notice.upgrade() {
            notice.put(self.id, mask, Arc::clone(&self.charge));
        }
    }
}

impl Drop for Badge {
    fn drop(&mut self) {
        self.tell(event::OBJECT_DESTROYED);
    }
}

/// Held by a handle that was passed on with a badge, and by all its descendants: when the last lets go, the badge
/// tells.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) badge: Arc<Badge>,
    /// That of the handle which was passed on.
    pub(crate) outer: Option<Arc<Token>>,
    _charge: Charge,
}

impl Token {
    pub(crate) fn new(badge: Arc<Badge>, outer: Option<Arc<Token>>, charge: Charge) -> Arc<Self> {
        Arc::new(Self {
            badge,
            outer,
            _charge: charge,
        })
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.badge.tell(event::BADGE_CLOSED);
        // A chain may be long, and its end must not be found by recursion.
        let mut next = self.outer.take();
        while let Some(mut token) = next.and_then(Arc::into_inner) {
            next = token.outer.take();
        }
    }
}
