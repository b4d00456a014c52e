// SPDX-License-Identifier: MIT OR Apache-2.0
//! The interfaces between domains, bus servers and clients, generated from `idl/linuxcompat/*.idl`.
//!
//! One module per interface: its constants and structs; for each method a request, a result and an
//! error form (`XReq`, `XRes`, `XErr`) with `encode` and `decode`; a `Client`, a `Server` with
//! `dispatch`; and `INTERFACE`, by which the kernel validates messages without knowing what they
//! mean. To decode is to validate.
//!
//! # Examples
//!
//! A server, and a request that reaches it. In a client, `Client` does the first half.
//!
//! ```
//! use kos_bindings::idl::firmware::{self, ReadErr, ReadReq, ReadRes, SizeErr, SizeReq, SizeRes};
//! use kos_bindings::nk::{Fault, Lens, NkErr, Parts, PartsMut};
//!
//! struct OneFile(&'static [u8]);
//!
//! impl firmware::Server for OneFile {
//!     fn size(&mut self, req: SizeReq<'_>, res: PartsMut<'_>) -> Result<Lens, Fault<SizeErr>> {
//!         match req.name {
//!             "chip.bin" => Ok(SizeRes { size: self.0.len() as u64 }.encode(res)?),
//!             _ => Err(SizeErr { errno: 2 }.into()),
//!         }
//!     }
//!
//!     fn read(&mut self, req: ReadReq<'_>, mut res: PartsMut<'_>) -> Result<Lens, Fault<ReadErr>> {
//!         let from = usize::try_from(req.offset).unwrap_or(usize::MAX);
//!         let data = self.0.get(from..).unwrap_or_default();
//!         // Written where it is sent from; `ReadRes { data }.encode(res)` would copy it there.
//!         let room = ReadRes::data_room(&mut res);
//!         let len = data.len().min(room.len());
//!         room[..len].copy_from_slice(&data[..len]);
//!         Ok(ReadRes::encode_in_place(res, len)?)
//!     }
//! }
//!
//! let (mut request, mut arena) = ([0; 64], [0; 512]);
//! let mut out = PartsMut { constant: &mut request, arena: &mut arena };
//! let lens = ReadReq { name: "chip.bin", offset: 1 }.encode(out.reborrow())?;
//! let request = out.filled(lens).expect("the room is large enough");
//!
//! let (mut response, mut arena) = ([0; 64], [0; 512]);
//! let mut out = PartsMut { constant: &mut response, arena: &mut arena };
//! let lens = firmware::dispatch(&mut OneFile(b"abc"), request, out.reborrow())?;
//! let response = out.filled(lens).expect("the room is large enough");
//! assert_eq!(ReadRes::decode(response)?.data, b"bc");
//! # Ok::<(), NkErr>(())
//! ```

use crate::nk::Interface;

pub mod entries;
#[cfg(test)]
mod tests;

include!(concat!(env!("OUT_DIR"), "/interfaces.rs"));
