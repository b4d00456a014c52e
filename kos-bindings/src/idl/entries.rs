// SPDX-License-Identifier: MIT OR Apache-2.0
//! The packed entries in the listings of `linuxcompat.Sysfs` and `linuxcompat.Chardev`.
//!
//! ```text
//! kind: u8 │ mode: u16 │ name length: u16 │ name │ target length: u16 │ target
//! ```
//!
//! All numbers are little-endian.

use crate::nk::{NkErr, Wire};

/// One entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What it is: `d`, `f`, `l` or `c`.
    pub kind: u8,
    /// Permission bits.
    pub mode: u16,
    /// Its name.
    pub name: &'a str,
    /// Where a link points; "major:minor" for a character device; otherwise empty.
    pub target: &'a str,
}

/// Appends an entry at `*at`, which moves on only if all of it fits: the caller ends its piece
/// there.
///
/// # Errors
///
/// [`NkErr::NoMem`] if it does not fit into `room`, [`NkErr::Inval`] if a text is longer than 65535
/// bytes.
pub fn push(room: &mut [u8], at: &mut usize, entry: &Entry<'_>) -> Result<(), NkErr> {
    let mut end = *at;
    put(room, &mut end, entry.kind)?;
    put(room, &mut end, entry.mode)?;
    for text in [entry.name, entry.target] {
        put(room, &mut end, u16::try_from(text.len()).map_err(|_| NkErr::Inval)?)?;
        let start = end;
        end = end.checked_add(text.len()).ok_or(NkErr::NoMem)?;
        room.get_mut(start..end)
            .ok_or(NkErr::NoMem)?
            .copy_from_slice(text.as_bytes());
    }
    *at = end;
    Ok(())
}

fn put<T: Wire>(room: &mut [u8], at: &mut usize, value: T) -> Result<(), NkErr> {
    value.put(room, *at)?;
    *at = at.checked_add(T::BYTES).ok_or(NkErr::NoMem)?;
    Ok(())
}

/// Iterates over packed entries; after malformed bytes comes one error and then nothing.
#[must_use]
pub fn iter(bytes: &[u8]) -> Entries<'_> {
    Entries { rest: bytes }
}

/// Iterator over packed entries.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    fn take<T: Wire>(&mut self) -> Result<T, NkErr> {
        let value = T::get(self.rest, 0)?;
        self.rest = self.rest.get(T::BYTES..).ok_or(NkErr::BadMsg)?;
        Ok(value)
    }

    fn take_text(&mut self) -> Result<&'a str, NkErr> {
        let len = usize::from(self.take::<u16>()?);
        let (text, rest) = self.rest.split_at_checked(len).ok_or(NkErr::BadMsg)?;
        self.rest = rest;
        core::str::from_utf8(text).map_err(|_| NkErr::BadMsg)
    }

    fn take_entry(&mut self) -> Result<Entry<'a>, NkErr> {
        Ok(Entry {
            kind: self.take()?,
            mode: self.take()?,
            name: self.take_text()?,
            target: self.take_text()?,
        })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, NkErr>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.take_entry();
        if entry.is_err() {
            self.rest = &[];
        }
        Some(entry)
    }
}
