// SPDX-License-Identifier: GPL-2.0-only
//! What a driver leaves behind.
//!
//! A kernel's first use of a subsystem makes things that stay: caches, class directories, workers. So a module is
//! loaded and removed several times, and something is left behind only if each time there is more of it. A timer is
//! another matter: whoever waits long enough sees all that run out, and one that is still set then was left.

use crate::client::Census;

/// Compares what there was before the first load and after each removal.
///
/// Returns what was left, in words.
#[must_use]
pub fn of(before: &Census, after: &[Census]) -> Vec<String> {
    let mut left = Vec::new();
    let mut look = |what: &str, count: &dyn Fn(&Census) -> u64| {
        let grows = after.len() > 1
            && after
                .windows(2)
                .all(|pair| matches!(pair, [a, b] if count(b) > count(a)));
        if let (true, [.., a, b]) = (grows, after) {
            left.push(format!("{} {what}", count(b) - count(a)));
        }
    };
    look("objects", &|census| u64::from(census.objects));
    look("bytes of memory", &|census| census.bytes);
    look("pages", &|census| u64::from(census.pages));
    look("interrupt handlers", &|census| u64::from(census.interrupts));
    look("devices", &|census| u64::from(census.devices));
    look("tasks", &|census| u64::from(census.tasks));
    if before.timer_ns.is_none() && after.last().is_some_and(|census| census.timer_ns.is_some()) {
        left.push("a timer".to_owned());
    }
    left
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::client::Census;

    const NOTHING: Census = Census {
        devices: 5,
        interrupts: 0,
        tasks: 4,
        objects: 100,
        bytes: 4096,
        pages: 3,
        timer_ns: None,
    };

    #[test]
    fn only_what_grows_each_time_was_left() {
        let once = Census {
            objects: 120,
            ..NOTHING
        };
        assert!(of(&NOTHING, &[once, once, once]).is_empty());
        let later = Census {
            objects: 121,
            ..NOTHING
        };
        assert!(of(&NOTHING, &[once, later, later]).is_empty());
        let more = Census {
            objects: 122,
            ..NOTHING
        };
        assert_eq!(of(&NOTHING, &[once, later, more]), ["1 objects"]);
    }

    #[test]
    fn a_timer_that_was_not_set_before_was_left() {
        let set = Census {
            timer_ns: Some(7),
            ..NOTHING
        };
        assert_eq!(of(&NOTHING, &[set]), ["a timer"]);
        assert!(of(&set, &[set]).is_empty());
    }
}
