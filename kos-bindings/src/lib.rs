// SPDX-License-Identifier: MIT OR Apache-2.0
//! The microkernel: KasperskyOS's IPC model and its hosted back end.
//!
//! * [`nk`]: the message layer: layout, arenas, return codes, what a client needs to send.
//! * [`idl`]: the interfaces between domains, bus servers and clients, generated from `idl/*.idl`.
#![no_std]

pub mod idl;
pub mod nk;
