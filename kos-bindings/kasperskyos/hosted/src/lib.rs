// SPDX-License-Identifier: MIT OR Apache-2.0
//! KasperskyOS's C API on the hosted kernel: the functions that `kasperskyos/include` declares.
//!
//! A thread of this program that [`enter`]s a process may call them, and threads that it starts with `KosThreadCreate`.
//! They are what a domain built for KasperskyOS links here instead of the SDK's libraries, so its code runs before it
//! sees KasperskyOS; and what a C program finds out about the hosted kernel.
//!
//! * [`mod@process`]: the process that a thread belongs to. [`ipc`]: `Call`, `Recv`, `Reply`, static channels.
//!   [`transport`]: what generated code calls instead of them.
//! * [`kernel`]: handles, notices, synchronisation objects. [`io`]: interrupts, MDL.
//! * [`dma`]: DMA buffers. [`memory`]: pages.
//! * [`thread`]: threads, time, random numbers. [`symbols`]: their addresses, so that a linker keeps them.

mod convert;
pub mod dma;
pub mod io;
pub mod ipc;
pub mod kernel;
pub mod memory;
pub mod process;
pub mod symbols;
pub mod thread;
pub mod transport;

pub use convert::nk_code;
pub use process::enter;
