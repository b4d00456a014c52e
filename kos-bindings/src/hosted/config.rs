// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a kernel behaves, and what it tells its supervisor.

use std::boxed::Box;
use std::fmt;
use std::string::String;
use std::time::Duration;

use super::cpu::Cpu;
use super::judge::{AllowAll, Policy, Registry};
use super::life::Death;

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

/// How a kernel behaves.
pub struct Config {
    /// Where everything that hands messages over runs.
    pub cpu: Cpu,
    /// How long a domain may hold a request without entering the kernel before it is asked where it is, and ended;
    /// `None`: for ever.
    pub watchdog: Option<Duration>,
    /// How long any client's `Call` may take before it fails with `rcTimeout`; `None`: for ever.
    ///
    /// The domain lives on: it serves others, and its late answer is dropped.
    pub call_timeout: Option<Duration>,
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
            cpu: Cpu::Current,
            watchdog: Some(Duration::from_secs(2)),
            call_timeout: Some(Duration::from_secs(30)),
            registry: crate::idl::interface,
            policy: Box::new(AllowAll),
            on_event: Box::new(|_| {}),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("cpu", &self.cpu)
            .field("watchdog", &self.watchdog)
            .field("call_timeout", &self.call_timeout)
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
