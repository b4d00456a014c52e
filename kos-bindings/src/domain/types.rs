// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a domain sees of both back ends.

use crate::nk::{Parts, PartsMut};
use crate::port::BootInfo;

/// What the kernel told the domain: [`BootInfo`], the device tree and arguments.
#[derive(Clone, Copy, Debug)]
pub struct Boot {
    pub(crate) info: &'static BootInfo,
    /// The flattened device tree.
    pub(crate) dtb: &'static [u8],
    /// Arguments, each ended by a zero byte.
    pub(crate) args: &'static [u8],
}

impl core::ops::Deref for Boot {
    type Target = BootInfo;

    fn deref(&self) -> &BootInfo {
        self.info
    }
}

impl Boot {
    /// Returns the flattened device tree, page-aligned and read-only.
    #[must_use]
    pub fn dtb(&self) -> &'static [u8] {
        self.dtb
    }

    /// Goes through the `name=value` arguments.
    pub fn args(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.args
            .split(|byte| *byte == 0)
            .filter_map(|arg| core::str::from_utf8(arg).ok())
            .filter(|arg| !arg.is_empty())
    }
}

/// Names a caller whose request was received, until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallerId(pub u64);

/// A request and the room for its response.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// Whom to answer.
    pub caller: CallerId,
    /// The request; valid until the listener is used again.
    pub request: Parts<'a>,
    /// Where the response is built.
    pub response: PartsMut<'a>,
}

/// What ended a `Recv`.
#[derive(Debug)]
pub enum Event<'a> {
    /// Somebody asks.
    Request(Incoming<'a>),
    /// An interrupt line changed. Until `IrqSource::take` is called, each `Recv` without a
    /// request ends so.
    Irq,
    /// The time passed.
    Timeout,
    /// The client whose requests bear this badge is gone: what is kept for it can be given up.
    ClientGone(u64),
    /// Nobody waits any more for the answer to this request, which was received before.
    Abandoned(CallerId),
}

/// What happened on the interrupt lines since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IrqEdges {
    /// Lines that are high now.
    pub level: u64,
    /// Lines that rose.
    pub rise: u64,
    /// Lines that fell.
    pub fall: u64,
}

/// Why and where a domain dies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Crash<'a> {
    /// The signal (`SIGSEGV` 11, `SIGILL` 4, `SIGFPE` 8, `SIGBUS` 7, `SIGTRAP` 5), or 0.
    pub signal: u32,
    /// The faulting address.
    pub addr: u64,
    /// Instruction pointer.
    pub ip: u64,
    /// Stack pointer.
    pub sp: u64,
    /// Frame pointer.
    pub bp: u64,
    /// The word at the stack pointer, or 0: the return address of a function that has no frame yet.
    pub top: u64,
    /// Somebody sent the signal, so nothing faulted and `addr` is 0.
    pub is_sent: bool,
    /// What happened; what does not fit is cut.
    pub cause: &'a [u8],
    /// Return addresses, innermost first.
    pub frames: &'a [u64],
}

/// Called on the signal stack; should end in `die` with better words than the default.
pub type FaultHook = fn(Crash<'_>);
