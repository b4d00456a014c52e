// SPDX-License-Identifier: MIT OR Apache-2.0
//! The message layer: KasperskyOS's two-part messages, without an allocation and without a panic.
//!
//! A message is a *constant part* (its size follows from interface and method alone) and an *arena*
//! (the bytes of strings, byte arrays and sequences, found by descriptors in the constant part).
//!
//! ```text
//! constant part   ┌ size:23 ncaps:8 err:1 │ riid:16 │ mid:16 │ self: handle descriptor
//!                 ├ handle descriptors, 16 bytes each, hoisted before all other parameters
//!                 └ parameters in declaration order, natural alignment, rounded up to 8
//! arena             segments: each the items of one string, bytes or sequence
//! ```
//!
//! Sizes, the hoisting and the alignment are as in generated KasperskyOS code. The position of the
//! bits in the header's first word and the order inside a handle descriptor are not published; ours
//! are inferred. Hence nothing outside this module knows them, and a KasperskyOS back end replaces
//! them here.
//!
//! * [`Parts`], [`PartsMut`], [`Lens`]: a message to read, room to write one, and what was written.
//! * [`Transport`]: how a generated client sends. [`NkErr`], [`Retcode`], [`CallError`], [`Fault`]:
//!   failures.
//! * [`Wire`], [`Seq`], [`Handle`], [`HandleDesc`]: what parameters are made of.

mod arena;
mod code;
mod header;
mod meta;
mod seq;
#[cfg(test)]
mod tests;
mod wire;

pub use arena::{ArenaReader, ArenaWriter, Desc};
pub use code::{CallError, Fault, Never, NkErr, Retcode};
pub use header::{HEADER_BYTES, Header, MAX_CONSTANT_BYTES, MAX_HANDLES};
#[cfg(feature = "hosted")]
pub use meta::{Field, FieldType, Fields};
pub use meta::{Interface, Method, Sizes};
pub use seq::{Seq, SeqIter};
pub use wire::{Handle, HandleDesc, Wire};
pub(crate) use wire::{part, part_mut};

/// A message to read. The bytes are private to the reader: nobody can change them while it looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The constant part, header included, exactly as long as what was sent.
    pub constant: &'a [u8],
    /// The used part of the arena.
    pub arena: &'a [u8],
}

/// Room to write a message into; the lengths are capacities.
#[derive(Debug, Default)]
pub struct PartsMut<'a> {
    /// Where the constant part goes.
    pub constant: &'a mut [u8],
    /// Where the arena goes.
    pub arena: &'a mut [u8],
}

impl PartsMut<'_> {
    /// Lends the room for one attempt, so that an error response can still be written after it.
    pub fn reborrow(&mut self) -> PartsMut<'_> {
        PartsMut {
            constant: self.constant,
            arena: self.arena,
        }
    }

    /// Returns what was written, if `lens` fits in the room.
    #[must_use]
    pub fn filled(&self, lens: Lens) -> Option<Parts<'_>> {
        Some(Parts {
            constant: self.constant.get(..lens.constant)?,
            arena: self.arena.get(..lens.arena)?,
        })
    }
}

/// How many bytes of each part a message uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lens {
    /// Bytes of the constant part, header included.
    pub constant: usize,
    /// Bytes of the arena.
    pub arena: usize,
}

/// How a generated `Client` sends a request and gets its response: KasperskyOS's `Call`.
pub trait Transport {
    /// Returns the room in which the next request is built.
    fn request(&mut self) -> PartsMut<'_>;

    /// Sends the request that was built in [`Transport::request`] and blocks until its response is
    /// there.
    ///
    /// # Errors
    ///
    /// The kernel's return code: the peer did not answer, or may not be asked.
    fn call(&mut self, handle: Handle, lens: Lens) -> Result<Parts<'_>, Retcode>;
}

impl<T: Transport + ?Sized> Transport for &mut T {
    fn request(&mut self) -> PartsMut<'_> {
        (**self).request()
    }

    fn call(&mut self, handle: Handle, lens: Lens) -> Result<Parts<'_>, Retcode> {
        (**self).call(handle, lens)
    }
}
