// SPDX-License-Identifier: GPL-2.0-only
//! Random numbers: a ChaCha20 generator with fast key erasure, over upstream's `lib/crypto/chacha.c`.
//!
//! The seed is what the supervisor gave at the start: it has the system's randomness, and under virtual time it
//! repeats a run. Without one the processor's random instruction seeds, which under a hypervisor costs as much as a
//! transfer. Consulted: `drivers/char/random.c` of Linux 6.12 for the promises of its functions.

pub mod ffi;

use crate::raw::cell::{Global, Word};

const KEY_WORDS: usize = 8;
const BLOCK: usize = 64;
const KEY_BYTES: usize = KEY_WORDS * 4;
/// "expand 32-byte k", little-endian, as RFC 8439 has it.
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// The supervisor's seed in hexadecimal digits, as it stands among the domain's arguments.
static SEED: Word<Option<&'static str>> = Word::new(None);

struct Generator {
    key: [u32; KEY_WORDS],
    is_seeded: bool,
}

static GENERATOR: Global<Generator> = Global::new(Generator {
    key: [0; KEY_WORDS],
    is_seeded: false,
});

impl Generator {
    /// Mixes in the supervisor's seed, or the hardware's numbers, once: who asks for no number spends nothing on them.
    fn seed_once(&mut self) {
        if self.is_seeded {
            return;
        }
        self.is_seeded = true;
        for (at, digit) in SEED.get().unwrap_or_default().chars().enumerate() {
            let digit = digit.to_digit(16).unwrap_or_default();
            if let Some(word) = self.key.get_mut(at / 8 % KEY_WORDS) {
                *word ^= digit << (at % 8 * 4);
            }
        }
        if SEED.get().is_some() || crate::time::is_virtual() {
            return;
        }
        for (i, word) in self.key.iter_mut().enumerate() {
            *word ^= ffi::hardware_word().unwrap_or_else(|| clock_word(i));
        }
    }

    fn block(&self, counter: u32) -> [u8; BLOCK] {
        let mut state = [0; 16];
        let words = CONSTANTS.iter().chain(&self.key).chain(core::iter::once(&counter));
        for (to, from) in state.iter_mut().zip(words) {
            *to = *from;
        }
        ffi::chacha20(&mut state)
    }

    /// Fills `to`; the key that made the bytes is replaced, so that they cannot be computed again afterwards.
    fn fill(&mut self, to: &mut [u8]) {
        self.seed_once();
        let first = self.block(0);
        let (next_key, spare) = first.split_at(KEY_BYTES);
        let (head, rest) = to.split_at_mut(to.len().min(spare.len()));
        copy(head, spare);
        for (chunk, counter) in rest.chunks_mut(BLOCK).zip(1_u32..) {
            copy(chunk, &self.block(counter));
        }
        let mut words = next_key.chunks_exact(4);
        for word in &mut self.key {
            *word = words
                .next()
                .and_then(|b| b.try_into().ok())
                .map_or(0, u32::from_le_bytes);
        }
    }

    fn mix(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(KEY_BYTES) {
            for (i, byte) in chunk.iter().enumerate() {
                if let Some(word) = self.key.get_mut(i / 4) {
                    *word ^= u32::from(*byte) << (i % 4 * 8);
                }
            }
            self.fill(&mut []);
        }
    }
}

fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// On a processor without the instruction: low bits of the clock, which jitter with every reading.
fn clock_word(i: usize) -> u32 {
    let ns = kos_bindings::domain::clock_ns();
    let [a, b, c, d, ..] = ns.rotate_left(u32::try_from(i * 7).unwrap_or(0)).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Fills `to` with random bytes.
pub fn fill(to: &mut [u8]) {
    GENERATOR.with(|g| g.fill(to));
}

/// Takes the supervisor's seed.
pub fn init(seed: Option<&'static str>) {
    SEED.set(seed);
}

/// Mixes in what drivers think is random.
pub fn mix(bytes: &[u8]) {
    GENERATOR.with(|g| g.mix(bytes));
}
