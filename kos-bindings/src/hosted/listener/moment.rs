// SPDX-License-Identifier: MIT OR Apache-2.0
//! A moment that costs nothing: one thread for the whole program sleeps while somebody waits for a moment to end.
//!
//! A time limit on the wait itself would set a timer and take it back at each message. Where this runs on a virtual
//! machine each of the two leaves it, which was measured to cost as much as half a round trip.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, LazyLock, mpsc};
use std::thread::Builder;
use std::time::Duration;
use std::vec::Vec;

/// One to two of these is a moment: some round trips.
const TICK: Duration = Duration::from_micros(100);
/// When a wait ends that missed its moment, since the end is told without the waiter's lock. A timer that is not the
/// next to go off costs little.
pub(super) const FAR: Duration = Duration::from_millis(20);

/// Where moments of one listener end.
#[derive(Debug, Default)]
pub(super) struct Moment {
    pub(super) ended: std::sync::Condvar,
    ticks: AtomicU64,
    is_awaited: AtomicBool,
}

/// The thread's end of what it is asked; `None` if there is no thread to be had.
static TICKER: LazyLock<Option<mpsc::Sender<Arc<Moment>>>> = LazyLock::new(|| {
    let (ask, asked) = mpsc::channel::<Arc<Moment>>();
    let ticker = Builder::new().name("moments".into()).stack_size(64 << 10);
    ticker.spawn(move || tick(&asked)).ok().map(|_| ask)
});

fn tick(asked: &mpsc::Receiver<Arc<Moment>>) {
    while let Ok(first) = asked.recv() {
        std::thread::sleep(TICK);
        let moments: Vec<_> = std::iter::once(first).chain(asked.try_iter()).collect();
        for moment in moments {
            moment.is_awaited.store(false, Release);
            moment.ticks.fetch_add(1, Relaxed);
            moment.ended.notify_all();
        }
    }
}

impl Moment {
    /// Begins one; returns what [`Moment::is_over`] is to be asked with. `None` if nobody would end it.
    pub(super) fn begin(moment: &Arc<Self>) -> Option<u64> {
        let ask = TICKER.as_ref()?;
        let now = moment.ticks.load(Relaxed);
        if !moment.is_awaited.swap(true, AcqRel) {
            ask.send(Arc::clone(moment)).ok()?;
        }
        Some(now)
    }

    /// Tells whether the moment that began at `begun` is over.
    pub(super) fn is_over(&self, begun: u64) -> bool {
        self.ticks.load(Acquire) != begun
    }
}
