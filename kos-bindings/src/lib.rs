// SPDX-License-Identifier: MIT OR Apache-2.0
//! The microkernel: KasperskyOS's IPC model and its hosted back end.
//!
//! * [`nk`]: the message layer: layout, arenas, return codes, what a client needs to send.
//! * [`idl`]: the interfaces between domains, bus servers and clients, generated from `idl/*.idl`.
//! * [`kn`]: what the kernel itself offers, over messages: handles, notices, shared memory, interrupts, channels.
//! * [`port`]: the shared memory between a thread and the kernel; the one ABI of the hosted back
//!   end.
//! * [`domain`]: inside a domain: start, `Call`, `Recv`, `Reply`, memory, clock, last words. No
//!   libc, no heap. With the feature `kasperskyos` the same over the SDK's C API.
//! * `hosted` (feature): the trusted side: the kernel, its sandboxed processes, its doors for
//!   clients.
//! * `connection`: a client's end of such a door, in the client's process. `inproc`: a domain inside its
//!   client, where nobody is kept from anybody. Both are found under `hosted`.
#![no_std]

#[cfg(feature = "hosted")]
extern crate std;

#[cfg(feature = "hosted")]
mod connection;
#[cfg(not(feature = "kasperskyos"))]
pub mod domain;
#[cfg(feature = "kasperskyos")]
#[path = "kasperskyos/mod.rs"]
pub mod domain;
#[cfg(feature = "hosted")]
pub mod hosted;
pub mod idl;
#[cfg(feature = "hosted")]
pub mod inproc;
pub mod kn;
pub mod nk;
pub mod port;
#[cfg(any(feature = "hosted", not(feature = "kasperskyos")))]
mod sys;
#[cfg(any(feature = "hosted", not(feature = "kasperskyos")))]
mod turn;
