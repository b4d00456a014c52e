// SPDX-License-Identifier: GPL-2.0-only
//! When a converter samples: a period, and what happens when nobody has looked for long.

use crate::chip::NEVER;

/// When nobody has looked for longer, only so many of the last samples are made: more than any FIFO here holds.
const CATCH_UP: u64 = 1024;

/// The moments of a converter's samples. Default: stopped.
pub struct Sampler {
    next: u64,
}

impl Default for Sampler {
    fn default() -> Self {
        Sampler { next: NEVER }
    }
}

impl Sampler {
    /// Makes `time_ns` the moment of the next sample.
    pub fn start(&mut self, time_ns: u64) {
        self.next = time_ns;
    }

    /// No more samples.
    pub fn stop(&mut self) {
        self.next = NEVER;
    }

    /// Whether it samples.
    pub fn is_running(&self) -> bool {
        self.next != NEVER
    }

    /// The moment of the next sample, or [`NEVER`].
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The next sample that is due at `now`, if one is. Call it until there is none.
    #[inline]
    pub fn due(&mut self, now: u64, period_ns: u64) -> Option<u64> {
        if now < self.next {
            return None;
        }
        let behind = (now - self.next) / period_ns.max(1);
        if behind > CATCH_UP {
            self.next += (behind - CATCH_UP) * period_ns;
        }
        let time = self.next;
        self.next = time.saturating_add(period_ns.max(1));
        Some(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sleep_costs_only_the_last_samples() {
        let mut sampler = Sampler::default();
        assert_eq!(sampler.due(u64::MAX - 1, 10), None);
        sampler.start(5);
        let times: Vec<u64> = std::iter::from_fn(|| sampler.due(1_000_000_000_000, 10)).collect();
        assert_eq!(times.len(), 1025);
        // In phase, and the last one is the present.
        assert_eq!(times.last(), Some(&999_999_999_995));
    }
}
