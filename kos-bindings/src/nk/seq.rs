// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sequence<T, N>`: items of fixed size, borrowed either from the sender's slice or from an arena.

use core::fmt;

use super::{NkErr, Wire};

/// A borrowed sequence. Both sides use the one type: a sender makes it from a slice, a receiver
/// reads items by value.
#[derive(Clone, Copy)]
pub struct Seq<'a, T>(Source<'a, T>);

#[derive(Clone, Copy)]
enum Source<'a, T> {
    Items(&'a [T]),
    /// A whole number of items, each of them one, as [`Seq::from_wire`] made sure.
    Wire(&'a [u8]),
}

impl<'a, T: Wire> Seq<'a, T> {
    /// Takes the bytes of an arena segment.
    ///
    /// # Errors
    ///
    /// [`NkErr::BadMsg`] if they are not a whole number of items, or one of them is none.
    #[inline]
    pub fn from_wire(bytes: &'a [u8]) -> Result<Self, NkErr> {
        if bytes.len().checked_rem(T::BYTES) != Some(0) {
            return Err(NkErr::BadMsg);
        }
        if !T::IS_TOTAL {
            for at in (0..bytes.len()).step_by(T::BYTES) {
                T::get(bytes, at)?;
            }
        }
        Ok(Self(Source::Wire(bytes)))
    }

    /// Returns the count of items.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {
            Source::Items(items) => items.len(),
            Source::Wire(bytes) => bytes.len().checked_div(T::BYTES).unwrap_or(0),
        }
    }

    /// Tells whether there are no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns item number `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<T> {
        match self.0 {
            Source::Items(items) => items.get(index).copied(),
            Source::Wire(bytes) => T::get(bytes, index.checked_mul(T::BYTES)?).ok(),
        }
    }

    /// Iterates over the items, by value.
    #[must_use]
    pub fn iter(&self) -> SeqIter<'a, T> {
        SeqIter { seq: *self, next: 0 }
    }
}

impl<'a, T> From<&'a [T]> for Seq<'a, T> {
    fn from(items: &'a [T]) -> Self {
        Self(Source::Items(items))
    }
}

impl<'a, T, const N: usize> From<&'a [T; N]> for Seq<'a, T> {
    fn from(items: &'a [T; N]) -> Self {
        Self(Source::Items(items))
    }
}

impl<T> Default for Seq<'_, T> {
    fn default() -> Self {
        Self(Source::Items(&[]))
    }
}

impl<T: Wire + PartialEq> PartialEq for Seq<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Wire + Eq> Eq for Seq<'_, T> {}

impl<T: Wire + fmt::Debug> fmt::Debug for Seq<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: Wire> IntoIterator for Seq<'a, T> {
    type Item = T;
    type IntoIter = SeqIter<'a, T>;

    fn into_iter(self) -> SeqIter<'a, T> {
        self.iter()
    }
}

/// Iterator over the items of a [`Seq`].
#[derive(Clone)]
pub struct SeqIter<'a, T> {
    seq: Seq<'a, T>,
    next: usize,
}

impl<T: Wire> Iterator for SeqIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let item = self.seq.get(self.next)?;
        self.next = self.next.saturating_add(1);
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.seq.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl<T: Wire> ExactSizeIterator for SeqIter<'_, T> {}
