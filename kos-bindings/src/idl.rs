// SPDX-License-Identifier: MIT OR Apache-2.0
//! The interfaces between domains, bus servers and clients, generated from `idl/linuxcompat/*.idl`.
//!
//! One module per interface: its constants and structs; for each method a request, a result and an error form
//! (`XReq`, `XRes`, `XErr`) with `encode` and `decode`; a `Client`, a `Server` with `dispatch`; and `INTERFACE`,
//! by which the kernel validates messages without knowing what they mean. To decode is to validate.
//!
//! # Examples
//!
//! A server:
//!
//! ```
//! use kos_bindings::idl::gpio::{self, *};
//! use kos_bindings::nk::{Fault, Lens, Never, PartsMut};
//!
//! struct OneButton;
//!
//! impl gpio::Server for OneButton {
//!     fn lines(&mut self, _: LinesReq, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
//!         Ok(LinesRes { count: 1 }.encode(response)?)
//!     }
//!     fn get(&mut self, request: GetReq, response: PartsMut<'_>) -> Result<Lens, Fault<GetErr>> {
//!         match request.line {
//!             0 => Ok(GetRes { value: 1 }.encode(response)?),
//!             _ => Err(GetErr { errno: 22 }.into()),
//!         }
//!     }
//!     # fn set(&mut self, _: SetReq, _: PartsMut<'_>) -> Result<Lens, Fault<SetErr>> { Err(SetErr { errno: 1 }.into()) }
//!     # fn direction(&mut self, _: DirectionReq, _: PartsMut<'_>) -> Result<Lens, Fault<DirectionErr>> { Err(DirectionErr { errno: 1 }.into()) }
//!     # fn set_direction(&mut self, _: SetDirectionReq, _: PartsMut<'_>) -> Result<Lens, Fault<SetDirectionErr>> { Err(SetDirectionErr { errno: 1 }.into()) }
//!     // …
//! }
//!
//! // Whoever receives the bytes hands them to `dispatch`:
//! # use kos_bindings::nk::Parts;
//! # let (mut request, mut answer) = ([0; 64], [0; 64]);
//! # let lens = GetReq { line: 0 }.encode(PartsMut { constant: &mut request, arena: &mut [] }).unwrap();
//! # let request = Parts { constant: &request[..lens.constant], arena: &[] };
//! let response = PartsMut { constant: &mut answer, arena: &mut [] };
//! let lens = gpio::dispatch(&mut OneButton, request, response)?;
//! # assert_eq!(GetRes::decode(Parts { constant: &answer[..lens.constant], arena: &[] })?.value, 1);
//! # Ok::<(), kos_bindings::nk::NkErr>(())
//! ```

use crate::nk::Interface;

pub mod entries;
#[cfg(test)]
mod tests;

include!(concat!(env!("OUT_DIR"), "/interfaces.rs"));
