// SPDX-License-Identifier: MIT OR Apache-2.0
//! The port: the shared memory through which one thread makes `Call`, `Recv` and `Reply`.
//!
//! A port belongs to one thread of a domain or client, and to the kernel. Whoever has the *turn*
//! may write it:
//!
//! ```text
//!            op, handle, lens written; turn = KERNEL, wake              kernel took the request
//!   USER ───────────────────────────────────────────────▶ KERNEL ───────────────────────▶ BUSY
//!    ▲                         result, lens written; turn = USER, wake                      │
//!    └──────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Both sides sleep on the same futex word with different wake bits, so that a wake-up never goes
//! to the wrong one. `BUSY` makes the word differ from `KERNEL` while the kernel keeps a call open:
//! without it a kernel thread that goes to sleep late could miss the next request. Everything in a
//! port is hostile to the kernel: it copies what it reads once, checks the copy, and never follows
//! an offset from here.
//!
//! ```text
//! offset 0        Port                 the words below
//!        1024     BootInfo             written by the kernel before the domain starts, copied once by the domain
//!        4096     Epitaph              last words; read by the kernel after the domain's death
//!        16384    four areas           each 8 KiB constant part, then 128 KiB arena; pages cost nothing until touched
//!        PORT_BYTES                    blob: device tree, seccomp program, arguments (read-only for the domain)
//! ```

use core::sync::atomic::{AtomicU32, AtomicU64};
#[cfg(any(feature = "hosted", not(feature = "kasperskyos")))]
use {crate::nk::Lens, core::sync::atomic::Ordering::Relaxed};

/// Changes whenever this file changes what is where.
pub const ABI: u32 = 4;

/// The file descriptor on which a fresh domain finds its port.
pub const PORT_FD: i32 = 3;

/// The key of the auxiliary vector entry that hands an in-process domain its [`InProcess`] block.
pub const AT_IN_PROCESS: usize = 0x4c43_4250;

/// Values of [`Port::turn`].
pub mod turn {
    /// The owner of the port runs.
    pub const USER: u32 = 0;
    /// A request for the kernel is posted.
    pub const KERNEL: u32 = 1;
    /// The kernel took the request and has not finished it.
    pub const BUSY: u32 = 2;
    /// The kernel gave the port up: every operation fails with `rcNotConnected`.
    pub const DEAD: u32 = 3;
    /// Futex wake bit of the owner.
    pub const USER_BIT: u32 = 1;
    /// Futex wake bit of the kernel.
    pub const KERNEL_BIT: u32 = 2;
}

/// Values of [`Port::op`].
pub mod op {
    /// `Call`: send the request in [`super::Area::CallRequest`] to `handle`.
    pub const CALL: u32 = 1;
    /// `Recv`: wait for a request, an interrupt or the timeout.
    pub const RECV: u32 = 2;
    /// `Reply`: answer `caller` with [`super::Area::ServeResponse`].
    pub const REPLY: u32 = 3;
    /// `Reply`, then `Recv`, in one entry.
    pub const REPLY_RECV: u32 = 4;
    /// `Recv` on `handle`, a listener or an interrupt, and on nothing else.
    pub const RECV_ON: u32 = 5;
    /// `Reply` on `handle`, a listener, to client thread `thread`.
    pub const REPLY_ON: u32 = 6;
    /// `Reply` on `handle`, then `Recv` on it, in one entry.
    pub const REPLY_RECV_ON: u32 = 7;
    /// Before the sandbox is shut: the kernel takes the descriptor that lets it answer shared mappings.
    pub const SHARE: u32 = 8;
}

/// Values of [`Port::event`]: what ended a `Recv`.
pub mod event {
    /// A request lies in [`super::Area::ServeRequest`].
    pub const REQUEST: u32 = 1;
    /// An interrupt line changed.
    pub const IRQ: u32 = 2;
    /// The timeout passed.
    pub const TIMEOUT: u32 = 3;
    /// The client whose badge is in [`super::Port::caller`] is gone: no request of it comes any more.
    pub const CLIENT_GONE: u32 = 4;
    /// Nobody waits any more for the answer to the request in [`super::Port::caller`], which was received before.
    pub const ABANDONED: u32 = 5;
}

/// A timeout that never passes.
pub const FOREVER: u64 = u64::MAX;

/// Message lengths as they stand in a port.
#[repr(C)]
#[derive(Debug, Default)]
pub struct PortLens {
    /// Bytes of the constant part.
    pub constant: AtomicU32,
    /// Bytes of the arena.
    pub arena: AtomicU32,
}

#[cfg(any(feature = "hosted", not(feature = "kasperskyos")))]
impl PortLens {
    pub(crate) fn load(&self) -> Lens {
        Lens {
            constant: self.constant.load(Relaxed) as usize,
            arena: self.arena.load(Relaxed) as usize,
        }
    }

    /// What is larger than an area the kernel refuses; a length over 4 GiB must not wrap to a small one.
    pub(crate) fn store(&self, lens: Lens) {
        let word = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        self.constant.store(word(lens.constant), Relaxed);
        self.arena.store(word(lens.arena), Relaxed);
    }
}

/// Interrupt lines of a domain, one bit each.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct IrqLines {
    /// The level now.
    pub level: AtomicU64,
    /// Lines that rose since the domain last swapped this to zero.
    pub rise: AtomicU64,
    /// Lines that fell since the domain last swapped this to zero.
    pub fall: AtomicU64,
}

/// The words of a port. All are atomic: two processes look at them, and one of them may be hostile.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Port {
    /// Whose turn it is; see [`turn`].
    pub turn: AtomicU32,
    /// What is asked of the kernel; see [`op`].
    pub op: AtomicU32,
    /// The handle to call.
    pub handle: AtomicU32,
    /// The [`crate::nk::Retcode`] of the operation; of the `Reply` in `REPLY_RECV`.
    pub result: AtomicU32,
    /// What ended a `Recv`; see [`event`].
    pub event: AtomicU32,
    /// How many requests and notices wait, a hint that spares a polling `Recv`.
    pub queued: AtomicU32,
    /// Which call was received (`Recv`) or is answered (`Reply`; on a handle, 0 is any of `thread`'s); whom a notice is
    /// about.
    pub caller: AtomicU64,
    /// Limit of `Call` or `Recv` in nanoseconds from now, or [`FOREVER`].
    pub timeout_ns: AtomicU64,
    /// The outgoing request.
    pub call_request: PortLens,
    /// The response to it.
    pub call_response: PortLens,
    /// The incoming request.
    pub serve_request: PortLens,
    /// The response to it.
    pub serve_response: PortLens,
    /// The domain's interrupt lines.
    pub irq: IrqLines,
    /// The IPC synchronisation object that may interrupt a `Call` or a `Recv` on a handle; 0: none.
    pub sync: AtomicU32,
    /// The process that asked, after a `Recv` on a handle.
    pub sender: AtomicU32,
    /// The thread that asked (`Recv` on a handle) or is answered (`Reply` on a handle; 0: the first that waits).
    pub thread: AtomicU32,
    /// The [`crate::nk::Retcode`] of the `Reply` in `REPLY_RECV_ON`, whose `result` is that of the `Recv`.
    pub reply_result: AtomicU32,
}

/// Size of a page; the layout below is in whole pages.
pub const PAGE: usize = 4096;
/// Where [`BootInfo`] lies.
pub const BOOT_AT: usize = 1024;
/// Where [`Epitaph`] lies.
pub const EPITAPH_AT: usize = PAGE;
/// Room for a constant part.
pub const CONSTANT_BYTES: usize = 8192;
/// Room for an arena.
pub const ARENA_BYTES: usize = 128 * 1024;

/// Where the four areas begin.
pub(crate) const AREAS_AT: usize = 4 * PAGE;
const AREA_BYTES: usize = CONSTANT_BYTES + ARENA_BYTES;
/// Bytes of a port without its blob.
pub const PORT_BYTES: usize = AREAS_AT + 4 * AREA_BYTES;

/// One of the four places for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Area {
    /// What the owner asks.
    CallRequest = 0,
    /// What it is answered.
    CallResponse = 1,
    /// What it is asked.
    ServeRequest = 2,
    /// What it answers.
    ServeResponse = 3,
}

impl Area {
    /// Returns the offset of the constant part in the port; the arena follows at
    /// [`Area::arena_at`].
    #[must_use]
    pub const fn constant_at(self) -> usize {
        AREAS_AT + self as usize * AREA_BYTES
    }

    /// Returns the offset of the arena in the port.
    #[must_use]
    pub const fn arena_at(self) -> usize {
        self.constant_at() + CONSTANT_BYTES
    }
}

/// A part of the blob, in bytes from its start.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub offset: u32,
    /// Count of bytes.
    pub len: u32,
}

/// Values of [`BootInfo::isolation`].
pub mod isolation {
    /// The domain is a process of its own.
    pub const PROCESS: u32 = 0;
    /// The domain runs inside its client's process.
    pub const NONE: u32 = 1;
}

/// Bits of [`BootInfo::flags`].
pub mod boot_flag {
    /// The processor has AVX2. For a domain to ask would be a trap on a virtual machine.
    pub const AVX2: u32 = 1;
}

/// Values of [`BootInfo::clock`].
pub mod clock {
    /// `CLOCK_MONOTONIC`.
    pub const REAL: u32 = 0;
    /// Time passes when the domain asks its clock channel to advance it.
    pub const VIRTUAL: u32 = 1;
}

/// Bytes of a channel's name, the terminating zero included.
pub const NAME_BYTES: usize = 24;
/// The most channels that a domain is born with.
pub const MAX_CHANNELS: usize = 64;

/// A channel that a domain is born with.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Channel {
    /// The channel's name, such as `i2c0`, padded with zeros.
    pub name: [u8; NAME_BYTES],
    /// The handle to call.
    pub handle: u32,
    /// The interface that answers there, or 0 if several do.
    pub riid: u32,
}

impl Channel {
    /// An unused slot.
    pub const NONE: Self = Self {
        name: [0; NAME_BYTES],
        handle: 0,
        riid: 0,
    };

    /// Returns the name without its padding.
    #[must_use]
    pub fn name(&self) -> &str {
        let end = self.name.iter().position(|b| *b == 0).unwrap_or(NAME_BYTES);
        let text = self.name.get(..end).unwrap_or_default();
        core::str::from_utf8(text).unwrap_or_default()
    }
}

/// Everything that a domain knows when it starts.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct BootInfo {
    /// [`ABI`] of the kernel.
    pub abi: u32,
    /// See [`isolation`].
    pub isolation: u32,
    /// See [`clock`].
    pub clock: u32,
    /// Linux console log level: messages at or above it stay inside.
    pub log_level: u32,
    /// `CLOCK_MONOTONIC` when the decision to start was made, or the virtual clock's start.
    pub start_ns: u64,
    /// How much memory the domain may commit.
    pub heap_bytes: u64,
    /// Bytes of the blob behind the port.
    pub blob_bytes: u64,
    /// The flattened device tree.
    pub dtb: Span,
    /// The seccomp program, an array of `sock_filter`.
    pub seccomp: Span,
    /// `name=value` arguments, each ended by a zero byte.
    pub args: Span,
    /// How many of `channels` are used.
    pub channel_count: u32,
    /// See [`boot_flag`].
    pub flags: u32,
    /// The handle on which the kernel's own services are called ([`crate::kn`]); 0: there are none.
    pub kernel: u32,
    /// 1 if the domain may map shared memory.
    pub shares: u32,
    /// The channels.
    pub channels: [Channel; MAX_CHANNELS],
}

impl BootInfo {
    /// A domain with nothing.
    pub const EMPTY: Self = Self {
        abi: ABI,
        isolation: isolation::PROCESS,
        clock: clock::REAL,
        log_level: 7,
        start_ns: 0,
        heap_bytes: 0,
        blob_bytes: 0,
        dtb: Span { offset: 0, len: 0 },
        seccomp: Span { offset: 0, len: 0 },
        args: Span { offset: 0, len: 0 },
        channel_count: 0,
        flags: 0,
        kernel: 0,
        shares: 0,
        channels: [Channel::NONE; MAX_CHANNELS],
    };

    /// Finds the channel called `name`.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels().find(|channel| channel.name() == name)
    }

    /// Goes through the channels.
    pub fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.channels.iter().take(self.channel_count as usize)
    }
}

/// Bytes of an epitaph's text.
pub const CAUSE_BYTES: usize = 4096;
/// Frames of an epitaph's call trace.
pub const MAX_FRAMES: usize = 128;

/// The last words of a domain. They need no `Call`, so a domain can say them in any state.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Epitaph {
    /// Signal that ended the domain, or 0.
    pub signal: u32,
    /// Bytes of `cause`.
    pub cause_len: u32,
    /// Count of `frames`.
    pub frame_count: u32,
    /// Reserved, 0.
    pub reserved: u32,
    /// Faulting address.
    pub addr: u64,
    /// Instruction pointer.
    pub ip: u64,
    /// Stack pointer.
    pub sp: u64,
    /// Frame pointer.
    pub bp: u64,
    /// The word at the stack pointer, or 0: the return address of a function that has no frame yet.
    pub top: u64,
    /// What happened, UTF-8.
    pub cause: [u8; CAUSE_BYTES],
    /// Return addresses, innermost first.
    pub frames: [u64; MAX_FRAMES],
}

/// What an in-process domain gets instead of a port on [`PORT_FD`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct InProcess {
    /// The port and its blob.
    pub port: *mut u8,
    /// For the two functions.
    pub context: *mut (),
    /// Does what the port asks and returns when it is the user's turn.
    pub enter: unsafe extern "C" fn(context: *mut ()),
    /// Ends the domain; never returns to it.
    pub exit: unsafe extern "C" fn(context: *mut (), code: i32) -> !,
    /// Maps fresh zeroed pages, accessible or only reserved; null if there are none. The process owns them and unmaps
    /// them after the domain's end.
    pub map: unsafe extern "C" fn(context: *mut (), bytes: usize, is_accessible: bool) -> *mut u8,
}

const _: () = {
    assert!(size_of::<Port>() <= BOOT_AT, "port words reach into the boot info");
    assert!(BOOT_AT + size_of::<BootInfo>() <= EPITAPH_AT, "boot info too long");
    assert!(EPITAPH_AT + size_of::<Epitaph>() <= AREAS_AT, "epitaph too long");
};
