// SPDX-License-Identifier: MIT OR Apache-2.0
//! A policy that lets all messages through, and decides on what it is asked itself.

use std::sync::{Arc, Mutex};

use kos_bindings::hosted::judge::{Kind, Policy, Query, Subject, Verdict};
use kos_bindings::nk::Parts;

/// Grants the queries that `may` is true for, and remembers by class and process who asked; what was no query it keeps
/// as `malformed` and the class.
#[derive(Clone)]
pub(crate) struct Guard {
    may: fn(&Query<'_>) -> bool,
    asked: Arc<Mutex<Vec<(String, u64)>>>,
}

impl Guard {
    pub(crate) fn new(may: fn(&Query<'_>) -> bool) -> Self {
        Self {
            may,
            asked: Arc::default(),
        }
    }

    /// Takes what it remembers.
    pub(crate) fn take(&self) -> Vec<(String, u64)> {
        std::mem::take(&mut *self.asked.lock().expect("no panic"))
    }

    fn note(&self, who: String, process: u64) {
        self.asked.lock().expect("no panic").push((who, process));
    }
}

impl Policy for Guard {
    fn judge(&self, _: &Subject<'_>) -> Verdict {
        Verdict::Allow
    }

    fn security(&self, sender: &str, process: u64, query: Query<'_>) -> Verdict {
        self.note(sender.to_owned(), process);
        match (self.may)(&query) {
            true => Verdict::Allow,
            false => Verdict::Deny,
        }
    }

    fn malformed(&self, sender: &str, _: &str, _: Kind, _: Parts<'_>) {
        self.note(format!("malformed {sender}"), 0);
    }
}
