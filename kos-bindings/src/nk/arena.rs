// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arenas: where the items of `string`, `bytes` and `sequence` parameters lie.
//!
//! The writer lays segments one after the other. The reader accepts them in any order, but every
//! byte of the arena must belong to exactly one descriptor or be zero padding before an aligned
//! segment: bytes that nobody reads would be a way around the security policy.

use super::{NkErr, Seq, Wire};

/// No type needs more, so padding is always shorter.
const MAX_ALIGN: usize = 8;

/// A descriptor in the constant part (`nk_ptr_t`): where in the arena a parameter's bytes lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Desc {
    /// Bytes from the arena's start.
    pub offset: u32,
    /// Bytes, a string's terminating zero included.
    pub size: u32,
}

impl Wire for Desc {
    const BYTES: usize = 8;
    const ALIGN: usize = 4;
    const ZERO: Self = Self { offset: 0, size: 0 };

    #[inline]
    fn get(bytes: &[u8], at: usize) -> Result<Self, NkErr> {
        let size_at = at.checked_add(4).ok_or(NkErr::BadMsg)?;
        Ok(Self {
            offset: u32::get(bytes, at)?,
            size: u32::get(bytes, size_at)?,
        })
    }

    #[inline]
    fn put(&self, bytes: &mut [u8], at: usize) -> Result<(), NkErr> {
        self.offset.put(bytes, at)?;
        self.size.put(bytes, at.checked_add(4).ok_or(NkErr::NoMem)?)
    }
}

/// Reads the arena of a message that declares `K` parameters of variable size.
#[derive(Debug)]
pub struct ArenaReader<'a, const K: usize> {
    arena: &'a [u8],
    /// Start and end of each segment read so far; empty ones count as nothing.
    spans: [(usize, usize); K],
    used: usize,
}

impl<'a, const K: usize> ArenaReader<'a, K> {
    /// Starts to read `arena`.
    #[must_use]
    #[inline]
    pub fn new(arena: &'a [u8]) -> Self {
        Self {
            arena,
            spans: [(0, 0); K],
            used: 0,
        }
    }

    #[inline]
    fn segment(&mut self, desc: Desc, align: usize, max: usize) -> Result<&'a [u8], NkErr> {
        let (start, size) = (desc.offset as usize, desc.size as usize);
        let end = start.checked_add(size).ok_or(NkErr::BadMsg)?;
        let bytes = self.arena.get(start..end).ok_or(NkErr::BadMsg)?;
        if size > max || start.checked_rem(align) != Some(0) {
            return Err(NkErr::BadMsg);
        }
        if size > 0 {
            *self.spans.get_mut(self.used).ok_or(NkErr::BadMsg)? = (start, end);
            self.used = self.used.checked_add(1).ok_or(NkErr::BadMsg)?;
        }
        Ok(bytes)
    }

    /// Reads a `bytes<max>`.
    ///
    /// # Errors
    ///
    /// [`NkErr::BadMsg`] if it lies outside the arena or is longer than `max`.
    #[inline]
    pub fn bytes(&mut self, desc: Desc, max: usize) -> Result<&'a [u8], NkErr> {
        self.segment(desc, 1, max)
    }

    /// Reads a `string<max>`.
    ///
    /// An empty one may come without its zero byte, as edition 1.4 documents it.
    ///
    /// # Errors
    ///
    /// [`NkErr::BadMsg`] as for `bytes`, or if it is not UTF-8, or has not its one zero byte at the
    /// end.
    #[inline]
    pub fn string(&mut self, desc: Desc, max: usize) -> Result<&'a str, NkErr> {
        let bytes = self.segment(desc, 1, max.saturating_add(1))?;
        match bytes.split_last() {
            None => Ok(""),
            // A zero inside would end the string for a C peer, after the policy saw all of it.
            Some((0, text)) if !text.contains(&0) => core::str::from_utf8(text).map_err(|_| NkErr::BadMsg),
            Some(_) => Err(NkErr::BadMsg),
        }
    }

    /// Reads a `sequence<T, max>`.
    ///
    /// # Errors
    ///
    /// [`NkErr::BadMsg`] as for `bytes`, or if it is not aligned for `T` or no whole number of
    /// items.
    #[inline]
    pub fn seq<T: Wire>(&mut self, desc: Desc, max: usize) -> Result<Seq<'a, T>, NkErr> {
        let max_bytes = max.checked_mul(T::BYTES).ok_or(NkErr::BadMsg)?;
        Seq::from_wire(self.segment(desc, T::ALIGN, max_bytes)?)
    }

    /// Checks that the segments cover the arena and do not overlap.
    ///
    /// # Errors
    ///
    /// [`NkErr::BadMsg`] if two descriptors share a byte, or a byte that none describes is not
    /// padding.
    #[inline]
    pub fn finish(&self) -> Result<(), NkErr> {
        let mut at = 0;
        for _ in 0..self.used {
            // `K` is small, so the search for the next segment beats sorting. A segment that begins
            // before `at` overlaps one already passed: it is never found, and a later search fails.
            let rest = self.spans.iter().filter(|span| span.1 > span.0 && span.0 >= at);
            let (start, end) = *rest.min().ok_or(NkErr::BadMsg)?;
            let padding = self.arena.get(at..start).ok_or(NkErr::BadMsg)?;
            if padding.len() >= MAX_ALIGN || padding.iter().any(|byte| *byte != 0) {
                return Err(NkErr::BadMsg);
            }
            at = end;
        }
        if at == self.arena.len() {
            Ok(())
        } else {
            Err(NkErr::BadMsg)
        }
    }
}

/// Writes an arena, segment after segment.
#[derive(Debug)]
pub struct ArenaWriter<'a> {
    room: &'a mut [u8],
    used: usize,
}

impl<'a> ArenaWriter<'a> {
    /// Starts an empty arena in `room`.
    #[must_use]
    #[inline]
    pub fn new(room: &'a mut [u8]) -> Self {
        Self { room, used: 0 }
    }

    /// Returns how many bytes are used.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.used
    }

    /// Tells whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    #[inline]
    fn segment(&mut self, size: usize, align: usize) -> Result<(&mut [u8], Desc), NkErr> {
        let start = self.used.checked_next_multiple_of(align).ok_or(NkErr::NoMem)?;
        let end = start.checked_add(size).ok_or(NkErr::NoMem)?;
        let desc = Desc {
            offset: u32::try_from(start).map_err(|_| NkErr::NoMem)?,
            size: u32::try_from(size).map_err(|_| NkErr::NoMem)?,
        };
        if size == 0 {
            return Ok((&mut [], Desc::ZERO));
        }
        self.room.get_mut(self.used..start).ok_or(NkErr::NoMem)?.fill(0);
        let bytes = self.room.get_mut(start..end).ok_or(NkErr::NoMem)?;
        self.used = end;
        Ok((bytes, desc))
    }

    /// Writes a `bytes<max>`.
    ///
    /// # Errors
    ///
    /// [`NkErr::Inval`] if it is longer than `max`, [`NkErr::NoMem`] if it does not fit.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8], max: usize) -> Result<Desc, NkErr> {
        self.in_place(bytes.len(), max).map(|(room, desc)| {
            room.copy_from_slice(bytes);
            desc
        })
    }

    /// Claims `len` bytes for a `bytes<max>` that the caller wrote, or will write, in the room
    /// itself.
    ///
    /// # Errors
    ///
    /// As [`ArenaWriter::bytes`].
    #[inline]
    pub fn in_place(&mut self, len: usize, max: usize) -> Result<(&mut [u8], Desc), NkErr> {
        if len > max {
            return Err(NkErr::Inval);
        }
        self.segment(len, 1)
    }

    /// Writes a `string<max>` and its terminating zero.
    ///
    /// # Errors
    ///
    /// As [`ArenaWriter::bytes`]; also [`NkErr::Inval`] if the text holds a zero byte.
    #[inline]
    pub fn string(&mut self, text: &str, max: usize) -> Result<Desc, NkErr> {
        if text.len() > max || text.as_bytes().contains(&0) {
            return Err(NkErr::Inval);
        }
        let (room, desc) = self.segment(text.len().saturating_add(1), 1)?;
        if let Some((zero, rest)) = room.split_last_mut() {
            *zero = 0;
            rest.copy_from_slice(text.as_bytes());
        }
        Ok(desc)
    }

    /// Writes a `sequence<T, max>`.
    ///
    /// # Errors
    ///
    /// As [`ArenaWriter::bytes`].
    #[inline]
    pub fn seq<T: Wire>(&mut self, items: Seq<'_, T>, max: usize) -> Result<Desc, NkErr> {
        let count = items.len();
        if count > max {
            return Err(NkErr::Inval);
        }
        let size = count.checked_mul(T::BYTES).ok_or(NkErr::NoMem)?;
        let (room, desc) = self.segment(size, T::ALIGN)?;
        for (item, place) in items.iter().zip(room.chunks_exact_mut(T::BYTES.max(1))) {
            item.put(place, 0)?;
        }
        Ok(desc)
    }
}
