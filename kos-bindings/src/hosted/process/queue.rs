// SPDX-License-Identifier: MIT OR Apache-2.0
//! The requests that wait for a domain, and whose turn it is.
//!
//! Turns are between *parties* ([`Task::party`](crate::hosted::task::Task)): all connections of one program are one,
//! so who opens a hundred is served no more often than who opened one. Each request gets a tag when it comes: one more
//! than that of the request served last, or than the last one of its own party that waits. The least tag is served
//! next, of equal ones the oldest (start-time fair queueing, each request costing the same). So of two parties each is
//! served every second time, whatever the other has waiting, and nothing is kept of a party that has nothing waiting.

use std::vec::Vec;

use super::{Request, is_queue_full};
use crate::hosted::shared::Message;
use crate::nk::Retcode;

/// How many requests a driver's domain works on at once for parties that ask more than one thing.
const WORKERS: usize = 32;

/// How many parties more may have one request each in service: as many as the door has places, so that whoever got in
/// is served, whatever the requests of all others wait for. A domain never gets more than these and [`WORKERS`]: there
/// they would wait in the order of their coming.
const FIRSTS: usize = 256;

/// How many requests that one party gave up a domain may still work on before it gets no more of that party's.
const MAX_GIVEN_UP: usize = 4;

/// What a domain works on, and who gets more in.
///
/// A party has fewer requests in service than workers are free. So one whose requests all sleep has 16 and leaves as
/// many; two have 10 each and leave 12. Whoever has none finds a worker, be all of these taken.
#[derive(Debug, Default)]
pub(super) struct InService {
    taken: Vec<Request>,
    /// Calls whose clients gave up after they were taken, and their parties: a worker may sleep on. Their answers are
    /// expected, and dropped.
    given_up: Vec<(u64, u64)>,
}

impl InService {
    /// Tells whether nothing more of `request`'s party is taken in.
    pub(super) fn is_full_for(&self, request: &Request) -> bool {
        let own = party(request);
        let all = self.taken.len() + self.given_up.len();
        let in_service = self.taken.iter().filter(|other| party(other) == own).count();
        let given_up = self.given_up.iter().filter(|(_, party)| *party == own).count();
        if in_service + given_up == 0 {
            return all >= WORKERS + FIRSTS;
        }
        in_service >= WORKERS.saturating_sub(all) || given_up > MAX_GIVEN_UP
    }

    pub(super) fn push(&mut self, request: Request) {
        self.taken.push(request);
    }

    /// Takes request `id`, which is being answered.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if its client is gone, `rcInvalidArgument` if there is none to be answered.
    pub(super) fn take(&mut self, id: u64) -> Result<Request, Retcode> {
        if let Some(at) = self.taken.iter().position(|request| request.id == id) {
            return Ok(self.taken.swap_remove(at));
        }
        let at = self.given_up.iter().position(|(given_up, _)| *given_up == id);
        self.given_up.swap_remove(at.ok_or(Retcode::INVALID_ARGUMENT)?);
        Err(Retcode::NOT_CONNECTED)
    }

    /// Notes that nobody waits for request `id`. Returns whether it was in service.
    pub(super) fn give_up(&mut self, id: u64) -> bool {
        let Some(at) = self.taken.iter().position(|request| request.id == id) else {
            return false;
        };
        let request = self.taken.swap_remove(at);
        // No more than were let in.
        self.given_up.push((id, party(&request)));
        true
    }

    pub(super) fn into_requests(self) -> impl Iterator<Item = Request> {
        self.taken.into_iter()
    }
}

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
    /// Tells whether no more of `request`'s party may wait.
    pub(super) fn is_full_for(&self, request: &Request) -> bool {
        let waiting = self.waiting.iter();
        let own = waiting.filter(|(_, other, _)| party(other) == party(request)).count();
        is_queue_full(own, self.waiting.len())
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
    pub(super) fn deliverable(&self, in_service: &InService) -> usize {
        let waiting = self.waiting.iter();
        waiting
            .filter(|(_, request, _)| !in_service.is_full_for(request))
            .count()
    }

    /// Takes the request whose turn it is.
    pub(super) fn next(&mut self, in_service: &InService) -> Option<(Request, Message)> {
        let waiting = self.waiting.iter().enumerate();
        let ready = waiting.filter(|(_, (_, request, _))| !in_service.is_full_for(request));
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
