// SPDX-License-Identifier: GPL-2.0-only
//! A board that several threads use: the bus servers' threads, and under the real clock one for hardware events.

use super::SimBoard;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A board behind a lock. Clones are the same board.
#[derive(Clone)]
pub struct SharedBoard(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// The next event became earlier, or the end has come.
    changed: Condvar,
}

struct State {
    board: SimBoard,
    /// What the event thread sleeps for; `None` when nobody does.
    waits_for: Option<u64>,
    stopped: bool,
}

impl SharedBoard {
    /// Takes the board in.
    pub fn new(board: SimBoard) -> Self {
        let state = State {
            board,
            waits_for: None,
            stopped: false,
        };
        SharedBoard(Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }))
    }

    /// Does something with the board.
    pub fn with<R>(&self, work: impl FnOnce(&mut SimBoard) -> R) -> R {
        let mut state = self.lock();
        let result = work(&mut state.board);
        if state.waits_for.is_some_and(|time| state.board.next_event < time) {
            self.0.changed.notify_one();
        }
        result
    }

    /// Starts the thread that makes hardware events happen in real time: it sleeps until the next one, raises the lines
    /// through the board's line sink, and sleeps again. Under the virtual clock there is nothing to do for it.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn run_events(&self) -> std::io::Result<Events> {
        let board = self.clone();
        let thread = std::thread::Builder::new()
            .name("board-events".to_owned())
            .spawn(move || board.event_loop())?;
        Ok(Events {
            board: self.clone(),
            thread: Some(thread),
        })
    }

    fn event_loop(&self) {
        let mut state = self.lock();
        while !state.stopped && !state.board.is_virtual() {
            let now = state.board.now_ns();
            let next = state.board.next_event;
            if next <= now {
                state.board.advance(now);
                continue;
            }
            state.waits_for = Some(next);
            // An event that never comes is waited for in slices; a wake-up too many does no harm.
            let wait = Duration::from_nanos((next - now).min(1_000_000_000));
            let woken = self.0.changed.wait_timeout(state, wait);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
            state.waits_for = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the board as it was between two bytes: still a board.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The event thread; dropping this ends it.
pub struct Events {
    board: SharedBoard,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Events {
    fn drop(&mut self) {
        self.board.lock().stopped = true;
        self.board.0.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
