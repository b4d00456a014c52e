// SPDX-License-Identifier: MIT OR Apache-2.0
//! The hand-over: how a port's word goes from its owner to the kernel and back; see [`crate::port`].
//!
//! It is written over [`Word`], so that `tests` can run it under every interleaving that the memory model allows.

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use crate::port::turn;
use crate::sys;

/// A word that two sides sleep on, each with its own wake bit: a futex.
#[cfg_attr(
    not(feature = "hosted"),
    expect(dead_code, reason = "a domain only posts here; how it waits is in `domain`")
)]
pub(crate) trait Word {
    fn load(&self) -> u32;
    fn store(&self, value: u32);
    /// Replaces whatever is there.
    fn swap(&self, value: u32);
    /// Replaces `from` by `to`, or returns what is there instead.
    fn replace(&self, from: u32, to: u32) -> Result<(), u32>;
    /// Sleeps while the word is `seen`, until a wake-up with `bit`; may return for no reason.
    fn wait(&self, seen: u32, bit: u32);
    /// Wakes the one sleeper that waits with `bit`.
    fn wake(&self, bit: u32);
}

impl Word for AtomicU32 {
    #[inline]
    fn load(&self) -> u32 {
        self.load(Acquire)
    }

    #[inline]
    fn store(&self, value: u32) {
        self.store(value, Release);
    }

    #[inline]
    fn swap(&self, value: u32) {
        self.swap(value, AcqRel);
    }

    #[inline]
    fn replace(&self, from: u32, to: u32) -> Result<(), u32> {
        self.compare_exchange(from, to, AcqRel, Acquire).map(drop)
    }

    #[inline]
    fn wait(&self, seen: u32, bit: u32) {
        sys::futex_wait(self, seen, bit, None);
    }

    #[inline]
    fn wake(&self, bit: u32) {
        sys::futex_wake(self, bit);
    }
}

/// The owner gives the turn to the kernel. Returns false if the port is dead; it stays so.
#[cfg(feature = "hosted")]
#[inline]
pub(crate) fn post(word: &impl Word) -> bool {
    if word.replace(turn::USER, turn::KERNEL).is_err() {
        return false;
    }
    word.wake(turn::KERNEL_BIT);
    true
}

/// The owner, a domain, gives the turn to the kernel: when its port is dead, it is dead itself.
#[inline]
pub(crate) fn post_alive(word: &impl Word) {
    word.store(turn::KERNEL);
    word.wake(turn::KERNEL_BIT);
}

/// The owner waits for its turn. Returns false if the port is dead.
#[cfg(feature = "hosted")]
#[inline]
pub(crate) fn wait(word: &impl Word) -> bool {
    loop {
        match word.load() {
            turn::USER => return true,
            turn::DEAD => return false,
            seen => word.wait(seen, turn::USER_BIT),
        }
    }
}

/// The kernel takes what was posted, or returns what it may sleep on; on [`turn::DEAD`] it must not, since nobody
/// wakes it any more.
#[cfg(feature = "hosted")]
#[inline]
pub(crate) fn take(word: &impl Word) -> Result<(), u32> {
    word.replace(turn::KERNEL, turn::BUSY)
}

/// The kernel gives the turn back. Any of its threads may, but only one does for what was posted once. A dead port
/// stays dead: without that a client could be told to go on whose kernel thread is gone, and then wait for ever.
#[cfg(feature = "hosted")]
#[inline]
pub(crate) fn give(word: &impl Word) {
    // It fails for a dead port, and for an owner that overwrote the word: which has the turn then by its own doing.
    let _ = word.replace(turn::BUSY, turn::USER);
    word.wake(turn::USER_BIT);
}

/// The kernel gives the port up. The word changes too, so a side that is just going to sleep does not.
#[cfg(feature = "hosted")]
#[inline]
pub(crate) fn close(word: &impl Word) {
    word.swap(turn::DEAD);
    word.wake(turn::USER_BIT);
    word.wake(turn::KERNEL_BIT);
}

#[cfg(all(test, feature = "hosted"))]
mod tests {
    use std::boxed::Box;

    use loom::cell::UnsafeCell;
    use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
    use loom::sync::{Arc, Condvar, Mutex};
    use loom::thread;

    use super::{Acquire, Release, Word, close, give, post, post_alive, take, wait};
    use crate::port::turn;

    /// A word with Linux's promise for futexes: the word is compared and the sleeper queued in one step, as seen by
    /// those who wake it.
    struct Futex {
        word: AtomicU32,
        queue: Mutex<()>,
        user: Condvar,
        kernel: Condvar,
        /// A message in the port. loom fails if both sides may touch it at once.
        message: UnsafeCell<u32>,
        is_dead: AtomicBool,
    }

    impl Futex {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                word: AtomicU32::new(turn::USER),
                queue: Mutex::new(()),
                user: Condvar::new(),
                kernel: Condvar::new(),
                message: UnsafeCell::new(0),
                is_dead: AtomicBool::new(false),
            })
        }

        fn sleepers(&self, bit: u32) -> &Condvar {
            if bit == turn::USER_BIT {
                &self.user
            } else {
                &self.kernel
            }
        }

        #[expect(unsafe_code, reason = "what loom checks")]
        fn write(&self, value: u32) {
            // SAFETY: loom checks that nobody else touches it meanwhile.
            self.message.with_mut(|message| unsafe { *message = value });
        }

        #[expect(unsafe_code, reason = "what loom checks")]
        fn read(&self) -> u32 {
            // SAFETY: as above.
            self.message.with(|message| unsafe { *message })
        }

        fn bury(&self) {
            self.is_dead.store(true, SeqCst);
            close(self);
        }
    }

    impl Word for Futex {
        fn load(&self) -> u32 {
            self.word.load(Acquire)
        }

        fn store(&self, value: u32) {
            self.word.store(value, Release);
        }

        fn swap(&self, value: u32) {
            self.word.swap(value, loom::sync::atomic::Ordering::AcqRel);
        }

        fn replace(&self, from: u32, to: u32) -> Result<(), u32> {
            self.word
                .compare_exchange(from, to, loom::sync::atomic::Ordering::AcqRel, Acquire)
                .map(drop)
        }

        fn wait(&self, seen: u32, bit: u32) {
            let queue = self.queue.lock().expect("no panic");
            if self.word.load(Acquire) == seen {
                drop(self.sleepers(bit).wait(queue).expect("no panic"));
            }
        }

        fn wake(&self, bit: u32) {
            drop(self.queue.lock().expect("no panic"));
            self.sleepers(bit).notify_one();
        }
    }

    /// The kernel's thread: serves until the port is dead, or `rounds` requests were taken and handed to `then`.
    fn serve(port: &Futex, rounds: u32, mut then: impl FnMut(&Futex)) {
        let mut taken = 0;
        while taken < rounds && !port.is_dead.load(SeqCst) {
            match take(port) {
                Ok(()) => {
                    taken += 1;
                    then(port);
                }
                Err(turn::DEAD) => return,
                Err(seen) => port.wait(seen, turn::KERNEL_BIT),
            }
        }
    }

    /// Runs all interleavings with up to `switches` switches that no thread asked for.
    fn model(switches: usize, run: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(switches);
        builder.check(run);
    }

    fn echo(port: &Futex) {
        port.write(port.read() + 1);
        give(port);
    }

    #[test]
    fn each_message_is_handed_over_and_back() {
        for is_domain in [false, true] {
            model(4, move || {
                let port = Futex::new();
                let kernel = Arc::clone(&port);
                let kernel = thread::spawn(move || serve(&kernel, 2, echo));
                for round in 0..2 {
                    port.write(round * 10);
                    if is_domain {
                        post_alive(&*port);
                    } else {
                        assert!(post(&*port));
                    }
                    assert!(wait(&*port));
                    assert_eq!(port.read(), round * 10 + 1);
                }
                kernel.join().expect("no panic");
            });
        }
    }

    #[test]
    fn another_thread_of_the_kernel_may_give_the_turn_back() {
        model(4, || {
            let port = Futex::new();
            let kernel = Arc::clone(&port);
            let kernel = thread::spawn(move || {
                let mut helpers: Box<[_]> = Box::new([]);
                serve(&kernel, 1, |port| {
                    // As a server's kernel thread does that answers: the taker's own goes back to sleep.
                    let other = Arc::clone(&kernel);
                    let _ = port;
                    helpers = Box::new([thread::spawn(move || echo(&other))]);
                });
                for helper in helpers {
                    helper.join().expect("no panic");
                }
            });
            port.write(1);
            assert!(post(&*port));
            assert!(wait(&*port));
            assert_eq!(port.read(), 2);
            kernel.join().expect("no panic");
        });
    }

    #[test]
    fn a_port_that_dies_at_any_time_lets_both_sides_go() {
        // Three threads take long: with three switches it is minutes.
        model(2, || {
            let port = Futex::new();
            let kernel = Arc::clone(&port);
            let kernel = thread::spawn(move || serve(&kernel, u32::MAX, give));
            let killer = Arc::clone(&port);
            let killer = thread::spawn(move || killer.bury());
            // As long as it is told to go on, it goes on.
            let mut rounds = 0;
            while rounds < 2 && post(&*port) && wait(&*port) {
                rounds += 1;
            }
            killer.join().expect("no panic");
            assert!(!post(&*port), "a dead port stays dead");
            kernel.join().expect("no panic");
        });
    }
}
