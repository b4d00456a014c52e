// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose turn it is at a listener, where one process asks with many threads.
//!
//! A server is never idle then: whoever has just been answered finds, when it asks again, a request of the flood in
//! service, and often the next one taken before its own arrives. So a process that asks with several threads at once
//! waits a moment for those that were answered just before, as a disk scheduler does for whoever reads on. It is served
//! one time in four at the least, and it loses no time to neighbours that do not come back: after one moment in vain
//! it is not held back for a while.

/// Requests that are served without waiting after nobody came.
const PATIENCE: u8 = 8;

/// Who was served last.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Processes, the latest first; 0 is none.
    served: [u64; 4],
    /// Requests until others are waited for again.
    impatience: u8,
}

impl Turns {
    /// Whose request was received last.
    pub(super) fn last(&self) -> u64 {
        self.served[0]
    }

    pub(super) fn serve(&mut self, process: u64) {
        self.served.rotate_right(1);
        self.served[0] = process;
        self.impatience = self.impatience.saturating_sub(1);
    }

    pub(super) fn nobody_came(&mut self) {
        self.impatience = PATIENCE;
    }

    /// Tells whether others are waited for.
    pub(super) fn are_patient(&self) -> bool {
        self.impatience == 0
    }

    /// Tells whether `process` had its turn, and somebody else asked not long ago.
    pub(super) fn are_due_to_others(&self, process: u64) -> bool {
        let [a, b, c, _] = self.served;
        let are_others = self.served.iter().any(|other| *other != process && *other != 0);
        [a, b, c].contains(&process) && are_others
    }
}

#[cfg(test)]
mod tests {
    use super::{PATIENCE, Turns};

    const FLOOD: u64 = 1;
    const OTHER: u64 = 2;

    #[test]
    fn a_flood_is_held_back_three_times_of_four_and_only_for_others() {
        let mut turns = Turns::default();
        for _ in 0..8 {
            turns.serve(FLOOD);
            assert!(!turns.are_due_to_others(FLOOD), "there is nobody else");
        }
        turns.serve(OTHER);
        for _ in 0..4 {
            for _ in 0..2 {
                assert!(turns.are_due_to_others(FLOOD));
                turns.serve(OTHER);
            }
            assert!(!turns.are_due_to_others(FLOOD), "it waits for three, and is served");
            turns.serve(FLOOD);
            assert!(turns.are_due_to_others(FLOOD));
            turns.serve(OTHER);
        }
    }

    #[test]
    fn who_does_not_come_back_is_not_waited_for_again() {
        let mut turns = Turns::default();
        turns.serve(OTHER);
        turns.serve(FLOOD);
        assert!(turns.are_patient());
        turns.nobody_came();
        for _ in 0..PATIENCE {
            assert!(!turns.are_patient());
            turns.serve(FLOOD);
        }
        assert!(turns.are_patient(), "for whoever comes then");
        assert!(!turns.are_due_to_others(FLOOD), "the other one is forgotten");
    }
}
