// SPDX-License-Identifier: GPL-2.0-only
//! State of the machine. A domain has one OS thread, so no lock is needed, only a check of borrows.

use core::cell::{Cell, RefCell};

/// A word that all of the machine may read and write.
pub struct Word<T: Copy>(Cell<T>);

// SAFETY: a domain runs on one OS thread (design, "One thread, many tasks"); seccomp refuses clone.
unsafe impl<T: Copy> Sync for Word<T> {}

impl<T: Copy> Word<T> {
    /// A word that holds `value`.
    pub const fn new(value: T) -> Self {
        Word(Cell::new(value))
    }

    /// The value now.
    pub fn get(&self) -> T {
        self.0.get()
    }

    /// Replaces the value and returns the old one.
    pub fn replace(&self, value: T) -> T {
        self.0.replace(value)
    }

    /// Replaces the value.
    pub fn set(&self, value: T) {
        self.0.set(value);
    }
}

/// A larger piece of state, lent to one user at a time.
pub struct Global<T>(RefCell<T>);

// SAFETY: as for `Word`; a second borrow inside the first is refused by the `RefCell`.
unsafe impl<T> Sync for Global<T> {}

impl<T> Global<T> {
    /// State that starts as `value`.
    pub const fn new(value: T) -> Self {
        Global(RefCell::new(value))
    }

    /// Lends the state to `f` unless it is lent already.
    pub fn try_with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.0.try_borrow_mut().ok().map(|mut state| f(&mut state))
    }

    /// Lends the state to `f`, which must not switch tasks.
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        match self.0.try_borrow_mut() {
            Ok(mut state) => f(&mut state),
            Err(_) => crate::fatal::fatal(format_args!("machine state is used inside its own use")),
        }
    }
}
