// SPDX-License-Identifier: MIT OR Apache-2.0
//! The requests that wait for a domain, and whose turn it is.
//!
//! Turns are between *parties* ([`Task::party`](crate::hosted::task::Task)): all connections of one program are one,
//! so who opens a hundred is served no more often than who opened one. Each request gets a tag when it comes: one more
//! than that of the request served last, or than the last one of its own party that waits. The least tag is served
//! next, of equal ones the oldest (start-time fair queueing, each request costing the same). So of two parties each is
//! served every second time, whatever the other has waiting, and nothing is kept of a party that has nothing waiting.

use std::vec::Vec;

use super::Request;
use crate::hosted::shared::Message;

/// The most requests of one party that a domain works on at once; more wait until one of them is answered. It is half
/// of the workers that a driver's domain has, so a party whose requests all sleep leaves the others as many.
pub(crate) const MAX_IN_SERVICE: usize = 16;

/// Requests that wait, in the order of their coming.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Vec<(u64, Request, Message)>,
    /// The tag of the request that was served last.
    now: u64,
}

fn party(request: &Request) -> u64 {
    request.client.task.party
}

impl Queue {
    /// Tells whether the domain works on as many requests of `request`'s party as it may.
    pub(super) fn is_full_of(taken: &[Request], request: &Request) -> bool {
        let party = party(request);
        taken.len() >= MAX_IN_SERVICE
            && taken.iter().filter(|other| other.client.task.party == party).count() >= MAX_IN_SERVICE
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn push(&mut self, request: Request, message: Message) {
        let own = self
            .waiting
            .iter()
            .filter(|(_, other, _)| party(other) == party(&request));
        let last = own.map(|(tag, ..)| *tag).max().unwrap_or(0).max(self.now);
        self.waiting.push((last.saturating_add(1), request, message));
    }

    /// How many could be received now.
    pub(super) fn deliverable(&self, taken: &[Request]) -> usize {
        let waiting = self.waiting.iter();
        waiting
            .filter(|(_, request, _)| !Self::is_full_of(taken, request))
            .count()
    }

    /// Takes the request whose turn it is; `taken` are those in service.
    pub(super) fn next(&mut self, taken: &[Request]) -> Option<(Request, Message)> {
        let waiting = self.waiting.iter().enumerate();
        let ready = waiting.filter(|(_, (_, request, _))| !Self::is_full_of(taken, request));
        // Of equal tags `min_by_key` finds the first, which is the oldest.
        let (at, _) = ready.min_by_key(|(_, (tag, ..))| *tag)?;
        let (tag, request, message) = self.waiting.remove(at);
        self.now = self.now.max(tag);
        Some((request, message))
    }

    /// Takes request `id` back.
    pub(super) fn remove(&mut self, id: u64) -> Option<Request> {
        let at = self.waiting.iter().position(|(_, request, _)| request.id == id)?;
        Some(self.waiting.remove(at).1)
    }

    pub(super) fn into_requests(self) -> impl Iterator<Item = Request> {
        self.waiting.into_iter().map(|(_, request, _)| request)
    }
}
