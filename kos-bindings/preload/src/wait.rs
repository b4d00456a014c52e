// SPDX-License-Identifier: MIT OR Apache-2.0
//! `poll` on several descriptors, ours among them.
//!
//! The machine's kernel knows nothing of a domain, nor a domain of the machine: if the program waits for both, or for
//! several of ours, each is asked in turn, at first often, then a hundred times a second.

use crate::object::Object;
use crate::table;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(10);
/// The end of a domain is noticed after this time.
const ALONE: Duration = Duration::from_secs(1);

/// Something to wait for.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// The descriptor; negative: none.
    pub fd: i32,
    /// `POLL*` to wait for.
    pub events: u32,
    /// Those that are there.
    pub revents: u32,
}

/// Failed (`POLLERR`), and hung up (`POLLHUP`): what is left of a domain that is gone.
const GONE: u32 = 0x008 | 0x010;

fn look(object: &Object, events: u32, limit: Duration) -> u32 {
    object.poll(events, limit).unwrap_or(GONE)
}

/// Whether one of the descriptors is ours.
#[must_use]
pub fn is_ours(items: &[Item]) -> bool {
    items.iter().any(|item| table::get(item.fd).is_some())
}

/// Waits until one of `items` is there, `limit` at the most (`None`: for ever). `others` looks at those that are not
/// ours and waits as long as it is told; it returns whether one is there. Returns how many are there.
pub fn poll(
    items: &mut [Item],
    limit: Option<Duration>,
    mut others: impl FnMut(&mut [Item], Duration) -> usize,
) -> usize {
    let ours: Vec<(usize, Arc<Object>)> = (0..)
        .zip(items.iter())
        .filter_map(|(at, item)| Some((at, table::get(item.fd)?)))
        .collect();
    let end = limit.and_then(|limit| Instant::now().checked_add(limit));
    let is_alone = items.len() == 1;
    let mut slice = SHORTEST;
    loop {
        let rest = end.map_or(ALONE, |end| end.saturating_duration_since(Instant::now()));
        let mut found = 0;
        for (at, object) in &ours {
            let limit = if is_alone { rest.min(ALONE) } else { Duration::ZERO };
            if let Some(item) = items.get_mut(*at) {
                item.revents = look(object, item.events, limit);
                found += usize::from(item.revents != 0);
            }
        }
        let pause = if found > 0 || is_alone {
            Duration::ZERO
        } else {
            rest.min(slice)
        };
        found += others(items, pause);
        if found > 0 || rest.is_zero() {
            return found;
        }
        slice = (slice * 2).min(LONGEST);
    }
}
