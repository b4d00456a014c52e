// SPDX-License-Identifier: MIT OR Apache-2.0
//! Generated messages.
//!
//! * `malformed`: every kind of wrong message.
//! * `layout`: where the bytes lie, and round trips.
//! * `unions`: tags and bodies, types of another package, and error forms with an arena.
//! * `ends`: a client and a server that meet.

extern crate std;

mod ends;
mod layout;
mod malformed;
mod unions;

use std::vec;
use std::vec::Vec;

use crate::nk::{Lens, NkErr, Parts, PartsMut, Wire};

mod generated {
    #![expect(dead_code, unreachable_pub, reason = "the tests use only a part of this interface")]
    include!(concat!(env!("OUT_DIR"), "/everything.rs"));
}

/// A message with its own memory.
#[derive(Clone, Debug)]
struct Message {
    constant: Vec<u8>,
    arena: Vec<u8>,
}

impl Message {
    /// Encodes into room that is full of other bytes.
    fn new(encode: impl FnOnce(PartsMut<'_>) -> Result<Lens, NkErr>) -> Self {
        let (mut constant, mut arena) = (vec![0xa5; 512], vec![0x5a; 1 << 17]);
        let lens = encode(PartsMut {
            constant: &mut constant,
            arena: &mut arena,
        })
        .expect("encodes");
        constant.truncate(lens.constant);
        arena.truncate(lens.arena);
        Self { constant, arena }
    }

    fn parts(&self) -> Parts<'_> {
        Parts {
            constant: &self.constant,
            arena: &self.arena,
        }
    }

    /// Changes a copy with `edit`.
    fn with(&self, edit: impl FnOnce(&mut Self)) -> Self {
        let mut copy = self.clone();
        edit(&mut copy);
        copy
    }

    fn put<T: Wire>(&mut self, at: usize, value: T) {
        value.put(&mut self.constant, at).expect("inside the constant part");
    }
}
