// SPDX-License-Identifier: GPL-2.0-only
//! The board's time: where it comes from, and how hardware events happen in their order on the way.

use super::SimBoard;
use crate::chip::NEVER;

/// Where the board's time comes from, in ns.
#[derive(Default)]
pub enum Clock {
    /// From the board itself: it starts at 0 and moves with transfers and with [`SimBoard::advance`].
    #[default]
    Virtual,
    /// From outside: a monotonic clock.
    Real(Box<dyn Fn() -> u64 + Send>),
}

/// Under the real clock, a longer gap is not gone through event by event.
const CATCH_UP_NS: u64 = 1_000_000_000;

/// Time stops here, after 146 years, so that adding a period to it cannot overflow whatever a domain asks for.
const END_OF_TIME: u64 = 1 << 62;

impl SimBoard {
    /// Board time in ns.
    pub fn now_ns(&self) -> u64 {
        match &self.clock {
            Clock::Virtual => self.now,
            // A clock that steps back must not turn time round.
            Clock::Real(clock) => clock().max(self.now),
        }
    }

    /// Whether the board's time is virtual.
    pub fn is_virtual(&self) -> bool {
        matches!(self.clock, Clock::Virtual)
    }

    /// When the hardware next does something by itself.
    pub fn next_event(&self) -> Option<u64> {
        (self.next_event != NEVER).then_some(self.next_event)
    }

    /// Moves time to `until_ns` or to the next hardware event, whichever is first, lets what is due then happen, and
    /// returns the time. Under the real clock time moves by itself: this only catches up with it.
    ///
    /// With nothing to wait for, neither `until_ns` (`u64::MAX`) nor an event, virtual time stands still.
    pub fn advance(&mut self, until_ns: u64) -> u64 {
        match self.clock {
            Clock::Virtual => {
                let target = until_ns.min(self.next_event);
                if target != NEVER {
                    self.run_to(target.max(self.now));
                }
            }
            Clock::Real(_) => self.catch_up(),
        }
        self.now
    }

    /// Brings the board to the present of its clock.
    #[inline]
    pub(super) fn catch_up(&mut self) {
        if let Clock::Real(_) = self.clock {
            self.catch_up_with_clock();
        }
    }

    fn catch_up_with_clock(&mut self) {
        let now = self.now_ns();
        // Nobody has looked for long (the machine slept): the chips themselves skip what is lost anyway.
        if now - self.now > CATCH_UP_NS {
            self.now = now;
            for index in 0..self.slots.len() {
                self.slots[index].chip.advance(now, &self.world);
                self.settle(index);
            }
        }
        self.run_to(now);
    }

    /// Lets all events up to `target` happen, each at its time, and makes `target` the present.
    pub(super) fn run_to(&mut self, target: u64) {
        let target = target.min(END_OF_TIME).max(self.now);
        while self.next_event <= target {
            self.now = self.next_event.max(self.now);
            for index in 0..self.slots.len() {
                let slot = &mut self.slots[index];
                if slot.next_event <= self.now {
                    slot.chip.advance(self.now, &self.world);
                    self.settle(index);
                }
            }
        }
        self.now = target;
    }

    /// How long a transfer of so many bits takes is how far the virtual clock moves.
    #[inline]
    pub(super) fn spend(&mut self, bits: u64, ns_per_bit: u64, extra_ns: u64) {
        if let Clock::Virtual = self.clock {
            let end = self
                .now
                .saturating_add(bits.saturating_mul(ns_per_bit))
                .saturating_add(extra_ns);
            if end >= self.next_event.min(END_OF_TIME) {
                self.run_to(end);
            } else {
                self.now = end;
            }
        }
    }
}
