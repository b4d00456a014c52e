// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a kernel behaves, and what it tells its supervisor.

use std::boxed::Box;
use std::fmt;
use std::string::String;
use std::time::Duration;

use super::judge::{AllowAll, Policy, Registry};
use super::life::Death;
use crate::nk::Retcode;

/// What the supervisor hears from its kernel, on a thread of the kernel's.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A domain ended. Its clients have been told already.
    Died(Death),
    /// A domain did not answer a call within [`Config::call_timeout`]; the client got `rcTimeout`.
    /// It may be stuck, even if it enters the kernel now and then: whether to end it is the
    /// supervisor's decision.
    Unanswered {
        /// The domain's number.
        domain: u64,
    },
    /// A server object panicked; its caller got `rcFail`.
    ServerPanicked {
        /// The server's name.
        server: String,
        /// The panic's text.
        text: String,
    },
}

/// When an interrupt that was delivered may come again. KasperskyOS's way is not published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IrqMask {
    /// When its thread calls `Recv` again.
    #[default]
    UntilRecv,
    /// When the line is enabled again.
    UntilEnable,
    /// At once; it is then remembered for the next `Recv`.
    Never,
}

/// What is not published of KasperskyOS's IPC, as this kernel does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknowns {
    /// What a `Call` returns whose server dies while it has the request.
    pub server_death: Retcode,
    /// Whether `Reply` tells that the client is gone; otherwise it is `rcOk` then too.
    pub reply_waits: bool,
    /// Whether the timeout of `CallEx` ends a call whose request a server has taken.
    pub timeout_covers_service: bool,
    /// When an interrupt that was delivered may come again.
    pub irq_mask: IrqMask,
}

impl Default for Unknowns {
    fn default() -> Self {
        Self {
            server_death: Retcode::NOT_CONNECTED,
            reply_waits: true,
            timeout_covers_service: true,
            irq_mask: IrqMask::default(),
        }
    }
}

/// How a kernel behaves.
pub struct Config {
    /// How long a domain may hold a request without entering the kernel before it is asked where it is, and ended;
    /// `None`: for ever.
    pub watchdog: Option<Duration>,
    /// How long any client's `Call` may take before it fails with `rcTimeout`; `None`: for ever.
    ///
    /// The domain lives on: it serves others, and its late answer is dropped.
    pub call_timeout: Option<Duration>,
    /// The most bytes of a message, both parts together: 4, 8 or 16 MiB on KasperskyOS's platforms.
    pub message_bytes: usize,
    /// Interrupt lines that processes may register, from 0.
    pub irq_lines: u32,
    /// What KasperskyOS's documentation leaves open.
    pub unknowns: Unknowns,
    /// Finds interfaces.
    pub registry: Registry,
    /// Judges messages.
    pub policy: Box<dyn Policy>,
    /// Hears events.
    pub on_event: Box<dyn Fn(Event) + Send + Sync>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            watchdog: Some(Duration::from_secs(2)),
            call_timeout: Some(Duration::from_secs(30)),
            message_bytes: 4 << 20,
            irq_lines: 256,
            unknowns: Unknowns::default(),
            registry: crate::idl::interface,
            policy: Box::new(AllowAll),
            on_event: Box::new(|_| {}),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("watchdog", &self.watchdog)
            .field("call_timeout", &self.call_timeout)
            .field("message_bytes", &self.message_bytes)
            .field("irq_lines", &self.irq_lines)
            .field("unknowns", &self.unknowns)
            .finish_non_exhaustive()
    }
}

fn nanoseconds(limit: Option<Duration>) -> u64 {
    limit
        .and_then(|limit| u64::try_from(limit.as_nanos()).ok())
        .unwrap_or(u64::MAX)
}

impl Config {
    pub(crate) fn watchdog_ns(&self) -> u64 {
        nanoseconds(self.watchdog)
    }

    pub(crate) fn call_timeout_ns(&self) -> u64 {
        nanoseconds(self.call_timeout)
    }
}
