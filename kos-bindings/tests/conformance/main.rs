// SPDX-License-Identifier: MIT OR Apache-2.0
//! KasperskyOS's IPC as it is documented, point by point, on the hosted back end, through Rust.
//!
//! A test is named after what it checks: `pNN_…` is point NN of the list in `docs/ipc.md`, `rc_…` a documented return
//! code.

#[expect(unreachable_pub, reason = "shared with the adversary's tests")]
#[allow(dead_code, reason = "each test uses its part")]
mod world;

mod codes;
mod dma;
mod handles;
mod hardware;
mod interruption;
mod messages;
mod nk;
mod notices;
mod security;
mod threads;
mod topology;
