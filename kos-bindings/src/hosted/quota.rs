// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one process may take of the kernel. Who makes something pays for it, so nobody can use up what is another's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::nk::Retcode;

/// The most that a process may have of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Handles: in its table by its own doing, and in the tables of those whom it passed some to.
    pub handles: u32,
    /// Threads.
    pub threads: u32,
    /// Bytes of its requests that wait in queues of servers.
    pub message_bytes: u64,
    /// Bytes of shared memory that it made.
    pub memory_bytes: u64,
    /// Channels, listeners and other objects that it made.
    pub objects: u32,
    /// Subscriptions of its notices and badges, and events that wait in them.
    pub events: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handles: 1024,
            threads: 32,
            message_bytes: 16 << 20,
            memory_bytes: 64 << 20,
            objects: 512,
            events: 1024,
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum What {
    Handles = 0,
    Threads = 1,
    MessageBytes = 2,
    MemoryBytes = 3,
    Objects = 4,
    Events = 5,
}

/// The account of one process.
#[derive(Debug)]
pub(crate) struct Quota {
    limits: [u64; 6],
    used: [AtomicU64; 6],
}

impl Quota {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits: [
                limits.handles.into(),
                limits.threads.into(),
                limits.message_bytes,
                limits.memory_bytes,
                limits.objects.into(),
                limits.events.into(),
            ],
            used: Default::default(),
        })
    }

    /// Takes `amount`, to be given back when the charge is dropped.
    ///
    /// # Errors
    ///
    /// `rcFail` if the limit is reached.
    pub(crate) fn take(self: &Arc<Self>, what: What, amount: u64) -> Result<Charge, Retcode> {
        let (Some(limit), Some(used)) = (self.limits.get(what as usize), self.used.get(what as usize)) else {
            return Err(Retcode::FAIL);
        };
        let add = |now: u64| now.checked_add(amount).filter(|sum| sum <= limit);
        used.fetch_update(Relaxed, Relaxed, add).map_err(|_| Retcode::FAIL)?;
        Ok(Charge {
            quota: Arc::clone(self),
            what,
            amount,
        })
    }

    pub(crate) fn used(&self, what: What) -> u64 {
        self.used.get(what as usize).map_or(0, |used| used.load(Relaxed))
    }
}

/// Something that was taken of an account.
#[derive(Debug)]
pub(crate) struct Charge {
    quota: Arc<Quota>,
    what: What,
    amount: u64,
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(used) = self.quota.used.get(self.what as usize) {
            used.fetch_sub(self.amount, Relaxed);
        }
    }
}
