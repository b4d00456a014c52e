// SPDX-License-Identifier: GPL-2.0-only
//! A ring of samples: the memory of a chip's FIFO. Fixed size, no allocation.

/// Holds up to `N` items, oldest first.
pub struct Ring<T, const N: usize> {
    items: [T; N],
    first: usize,
    len: usize,
}

impl<T: Copy + Default, const N: usize> Ring<T, N> {
    /// An empty ring.
    pub fn new() -> Self {
        Ring {
            items: [T::default(); N],
            first: 0,
            len: 0,
        }
    }

    /// How many items it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it holds `N`.
    pub fn is_full(&self) -> bool {
        self.len == N
    }

    /// Drops all items.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds an item; a full ring loses its oldest.
    pub fn push(&mut self, item: T) {
        self.items[(self.first + self.len) % N] = item;
        if self.len < N {
            self.len += 1;
        } else {
            self.first = (self.first + 1) % N;
        }
    }

    /// Takes the oldest item.
    pub fn pop(&mut self) -> Option<T> {
        let item = self.front()?;
        self.first = (self.first + 1) % N;
        self.len -= 1;
        Some(item)
    }

    /// The oldest item.
    #[inline]
    pub fn front(&self) -> Option<T> {
        if self.len == 0 {
            None
        } else {
            self.items.get(self.first).copied()
        }
    }

    /// Drops the oldest items until at most `len` are left.
    pub fn keep_newest(&mut self, len: usize) {
        while self.len > len {
            self.pop();
        }
    }
}

impl<T: Copy + Default, const N: usize> Default for Ring<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_loses_its_oldest() {
        let mut ring = Ring::<u8, 3>::new();
        (1..=5).for_each(|i| ring.push(i));
        assert!(ring.is_full());
        assert_eq!(
            [ring.pop(), ring.pop(), ring.pop(), ring.pop()],
            [Some(3), Some(4), Some(5), None]
        );
    }

    #[test]
    fn keeping_the_newest_drops_the_front() {
        let mut ring = Ring::<u8, 4>::new();
        (1..=4).for_each(|i| ring.push(i));
        ring.keep_newest(2);
        assert_eq!((ring.len(), ring.front()), (2, Some(3)));
    }
}
