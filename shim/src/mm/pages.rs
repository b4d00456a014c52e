// SPDX-License-Identifier: GPL-2.0-only
//! Which page is free: one bit a page, lowest address first.
//!
//! First fit keeps what a small domain touches together, and the bitmap costs 32 bytes per MiB where
//! buddy lists would touch the descriptors of free pages. A block of 2^n pages is aligned to its size,
//! as Linux promises of `alloc_pages`. Pages above the high-water mark were never used and read as
//! zero, which saves both the clearing and the touching.

use super::raw::OneThread;
use core::cell::Cell;

/// The page allocator.
pub struct Pages {
    /// Bit set: the page is in use.
    bitmap: Cell<&'static [Cell<u64>]>,
    count: Cell<usize>,
    /// Page frame number of page 0, to align blocks by address.
    bias: Cell<usize>,
    /// No page below this word of the bitmap is free.
    hint: Cell<usize>,
    high_water: Cell<usize>,
    free: Cell<usize>,
}

/// The domain's pages.
pub static PAGES: OneThread<Pages> = OneThread(Pages {
    bitmap: Cell::new(&[]),
    count: Cell::new(0),
    bias: Cell::new(0),
    hint: Cell::new(0),
    high_water: Cell::new(0),
    free: Cell::new(0),
});

/// A run of pages that was just taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its first page's number.
    pub index: usize,
    /// It reads as zero because nobody ever used it.
    pub is_fresh: bool,
}

impl Pages {
    /// Starts with `count` free pages, the first of which has frame number `bias`.
    pub fn start(&self, bitmap: &'static [Cell<u64>], count: usize, bias: usize) {
        self.bitmap.set(bitmap);
        self.count.set(count);
        self.bias.set(bias);
        self.hint.set(0);
        self.high_water.set(0);
        self.free.set(count);
    }

    /// How many pages are free.
    #[must_use]
    pub fn free_count(&self) -> usize {
        self.free.get()
    }

    /// How many pages there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.get()
    }

    /// How many pages were ever used.
    #[must_use]
    pub fn high_water(&self) -> usize {
        self.high_water.get()
    }

    /// Finds `len` free neighbouring pages whose first is aligned to `align` pages (a power of two).
    #[must_use]
    pub fn find(&self, len: usize, align: usize) -> Option<usize> {
        if len > self.free.get() {
            None
        } else if len == 1 && align == 1 {
            self.find_one()
        } else {
            self.find_run(len, align)
        }
    }

    /// Takes `len` pages that [`Pages::find`] found.
    pub fn take(&self, index: usize, len: usize) -> Run {
        self.mark(index, len, true);
        self.free.set(self.free.get() - len);
        let is_fresh = index >= self.high_water.get();
        self.high_water.set(self.high_water.get().max(index + len));
        Run { index, is_fresh }
    }

    /// Gives pages back; `false` when one of them is free already or not ours.
    #[must_use]
    pub fn give(&self, index: usize, len: usize) -> bool {
        let Some(end) = index.checked_add(len) else {
            return false;
        };
        if len == 0 || end > self.count.get() || self.last_with(index, end, false).is_some() {
            return false;
        }
        self.mark(index, len, false);
        self.free.set(self.free.get() + len);
        self.hint.set(self.hint.get().min(index / 64));
        true
    }

    /// Whether the page is in use.
    #[must_use]
    pub fn is_used(&self, index: usize) -> bool {
        index < self.count.get() && self.word(index / 64) >> (index % 64) & 1 == 1
    }

    fn word(&self, at: usize) -> u64 {
        self.bitmap.get().get(at).map_or(u64::MAX, Cell::get)
    }

    fn find_one(&self) -> Option<usize> {
        let mut at = self.hint.get();
        while at < self.bitmap.get().len() {
            let free = !self.word(at);
            if free != 0 {
                self.hint.set(at);
                let index = at * 64 + free.trailing_zeros() as usize;
                return (index < self.count.get()).then_some(index);
            }
            at += 1;
        }
        None
    }

    fn find_run(&self, len: usize, align: usize) -> Option<usize> {
        let bias = self.bias.get();
        let aligned = |index: usize| (index + bias).next_multiple_of(align) - bias;
        let mut index = aligned(self.hint.get() * 64);
        loop {
            let end = index.checked_add(len)?;
            if end > self.count.get() {
                return None;
            }
            match self.last_with(index, end, true) {
                None => return Some(index),
                Some(used) => index = aligned(used + 1),
            }
        }
    }

    /// The last page in `from..to` that is used (or free, when `used` is false).
    fn last_with(&self, from: usize, to: usize, used: bool) -> Option<usize> {
        let mut at = to.div_ceil(64);
        while at > from / 64 {
            at -= 1;
            let word = if used { self.word(at) } else { !self.word(at) };
            let wanted = word & mask(at, from, to);
            if wanted != 0 {
                return Some(at * 64 + 63 - wanted.leading_zeros() as usize);
            }
        }
        None
    }

    fn mark(&self, from: usize, len: usize, used: bool) {
        let to = from + len;
        for at in from / 64..to.div_ceil(64) {
            let Some(word) = self.bitmap.get().get(at) else { return };
            let bits = mask(at, from, to);
            word.set(if used { word.get() | bits } else { word.get() & !bits });
        }
    }
}

/// The bits of word `at` that stand for pages in `from..to`.
fn mask(at: usize, from: usize, to: usize) -> u64 {
    let low = from.saturating_sub(at * 64);
    let high = (to - at * 64).min(64);
    let below = |n: usize| if n >= 64 { u64::MAX } else { (1 << n) - 1 };
    below(high) & !below(low)
}
