// SPDX-License-Identifier: GPL-2.0-only
//! The fuzzer's bytes as decisions: those of the device are taken from the front, those of the user from the back, so
//! that a change of one does not shift the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often a device whose bytes are used up still answers as a healthy one. A driver may ask for ever.
const PATIENCE: u32 = 512;

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    front: usize,
    back: usize,
    patience: u32,
}

/// One input. Clones are the same input.
#[derive(Clone, Debug, Default)]
pub struct Input(Arc<Mutex<State>>);

impl Input {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts over with other bytes.
    pub fn set(&self, bytes: &[u8]) {
        let mut state = self.lock();
        state.bytes.clear();
        state.bytes.extend_from_slice(bytes);
        (state.front, state.back, state.patience) = (0, bytes.len(), PATIENCE);
    }

    /// The device's next byte.
    #[must_use]
    pub fn device(&self) -> Option<u8> {
        let mut state = self.lock();
        let byte = *state.bytes.get(state.front).filter(|_| state.front < state.back)?;
        state.front += 1;
        Some(byte)
    }

    /// The user's next byte.
    #[must_use]
    pub fn user(&self) -> Option<u8> {
        let mut state = self.lock();
        if state.front >= state.back {
            return None;
        }
        state.back -= 1;
        state.bytes.get(state.back).copied()
    }

    /// Whether a device without bytes still answers.
    #[must_use]
    pub fn is_patient(&self) -> bool {
        let mut state = self.lock();
        state.patience = state.patience.saturating_sub(1);
        state.patience > 0
    }
}
