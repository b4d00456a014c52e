// SPDX-License-Identifier: GPL-2.0-only
//! A client of a driver's domain: what a Linux user has, its sysfs tree, its character devices and its sockets.
//!
//! A [`Client`] works over any transport: inside the supervisor's process, from another process, or over a domain
//! that runs without isolation. On top come typed clients, such as [`crate::iio`].

mod attribute;
mod chardev;
mod errno;
mod socket;
mod sysfs;

pub use attribute::Attribute;
pub use chardev::{DeviceFile, DeviceNode, poll};
pub use errno::Errno;
pub use socket::{Datagram, Socket, family};
pub(crate) use sysfs::follow as sysfs_follow;
pub use sysfs::{Entry, EntryKind};

use kos_bindings::idl::control;
use kos_bindings::nk::{CallError, Handle, Never, NkErr, Retcode, Transport};
use std::fmt;

/// Why a request to a domain failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The driver, or Linux's code above it, said no.
    #[error("{what}: {errno}")]
    Errno {
        /// What was asked, such as `read class/iio/x`.
        what: String,
        /// The driver's answer.
        errno: Errno,
    },
    /// The domain ended, before the request or during it.
    #[error("{what}: the domain has ended")]
    Gone {
        /// What was asked.
        what: String,
    },
    /// The domain did not answer in time.
    #[error("{what}: no answer in time")]
    Timeout {
        /// What was asked.
        what: String,
    },
    /// The kernel did not let the request or its answer through.
    #[error("{what}: {code}{}", hint(*code))]
    Kernel {
        /// What was asked.
        what: String,
        /// The kernel's word.
        code: Retcode,
    },
    /// The request does not fit its message, or the answer is malformed.
    #[error("{what}: {error}")]
    Message {
        /// What was asked.
        what: String,
        /// What is wrong.
        error: NkErr,
    },
}

/// What a user can do about a code of the kernel's.
fn hint(code: Retcode) -> &'static str {
    if code == Retcode::SECURITY_DISALLOW {
        " (the security policy lets no client do this; `linux-compat policy show DRIVER` prints it)"
    } else {
        ""
    }
}

impl ClientError {
    /// The driver's answer, if it was the driver who said no.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Errno { errno, .. } => Some(*errno),
            _ => None,
        }
    }

    /// Whether the domain has ended.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Gone { .. })
    }

    fn new<E>(what: String, error: CallError<E>, errno: impl Fn(E) -> i32) -> Self {
        match error {
            CallError::Error(error) => Self::Errno {
                what,
                errno: Errno(errno(error)),
            },
            CallError::Retcode(Retcode::NOT_CONNECTED) => Self::Gone { what },
            CallError::Retcode(Retcode::TIMEOUT) => Self::Timeout { what },
            CallError::Retcode(code) => Self::Kernel { what, code },
            CallError::Nk(error) => Self::Message { what, error },
        }
    }

    fn never(what: &str, error: CallError<Never>) -> Self {
        Self::new(what.to_owned(), error, |never| match never {})
    }
}

/// How far a domain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// All initcalls have returned.
    pub is_booted: bool,
    /// Initcalls that have returned.
    pub initcalls: u32,
    /// Those of them that returned an error.
    pub failed: u32,
    /// From the first instruction to the end of the last initcall, in µs.
    pub boot_us: u32,
    /// The domain's clock in ns.
    pub now_ns: u64,
}

/// What there is in a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Devices.
    pub devices: u32,
    /// Interrupt handlers.
    pub interrupts: u32,
    /// Kernel tasks.
    pub tasks: u32,
    /// Objects of caches and of kmalloc.
    pub objects: u32,
    /// Their bytes.
    pub bytes: u64,
    /// Pages that were allocated as pages.
    pub pages: u32,
    /// When the next timer is due, in ns of the domain's clock.
    pub timer_ns: Option<u64>,
}

/// A client of one domain.
///
/// # Examples
///
/// ```
/// use linux_compat::System;
///
/// let system = System::new(Default::default())?;
/// let domain = system.run("adxl345")?;
/// let mut client = domain.client()?;
/// let names: Vec<String> = client.list("bus/iio/devices")?.into_iter().map(|entry| entry.name).collect();
/// assert_eq!(names, ["iio:device0"]);
/// assert_eq!(client.read_text("bus/iio/devices/iio:device0/name")?, "adxl345");
///
/// // What a driver refuses comes back as Linux's errno.
/// let refusal = client.write("bus/iio/devices/iio:device0/in_accel_sampling_frequency", b"fast").unwrap_err();
/// assert_eq!(refusal.errno().and_then(|errno| errno.name()), Some("EINVAL"));
/// # Ok::<(), linux_compat::system::SystemError>(())
/// ```
pub struct Client {
    transport: Box<dyn Transport + Send>,
    handle: Handle,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client that reaches its domain by `handle` over `transport`.
    pub fn new(transport: impl Transport + Send + 'static, handle: Handle) -> Self {
        Self {
            transport: Box::new(transport),
            handle,
        }
    }

    fn control(&mut self) -> control::Client<&mut (dyn Transport + Send + 'static)> {
        control::Client::new(&mut *self.transport, self.handle)
    }

    /// Asks how far the domain is. The answer comes once it listens.
    ///
    /// # Errors
    ///
    /// The domain has ended or does not answer.
    pub fn state(&mut self) -> Result<State, ClientError> {
        let state = self
            .control()
            .state()
            .map_err(|error| ClientError::never("state", error))?;
        Ok(State {
            is_booted: state.booted != 0,
            initcalls: state.initcalls,
            failed: state.failed,
            boot_us: state.boot_us,
            now_ns: state.now_ns,
        })
    }

    /// Lets `ns` of virtual time pass, and returns the time.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` if the domain runs on the real clock; the domain has ended or does not answer.
    pub fn advance(&mut self, ns: u64) -> Result<u64, ClientError> {
        let request = control::AdvanceReq { ns };
        let done = self.control().advance(&request);
        Ok(done
            .map_err(|error| ClientError::new("advance".to_owned(), error, |error| error.errno))?
            .now_ns)
    }

    /// Removes the driver's modules: runs their exit functions, and returns how many they have.
    ///
    /// # Errors
    ///
    /// The domain has ended or does not answer.
    pub fn unload(&mut self) -> Result<u32, ClientError> {
        let done = self.control().unload();
        Ok(done.map_err(|error| ClientError::never("unload", error))?.exits)
    }

    /// Inserts them: runs their initcalls, which do not run at the start of an image that was built as a module, and
    /// returns how many they have.
    ///
    /// # Errors
    ///
    /// What an initcall returned; the domain has ended or does not answer.
    pub fn load(&mut self) -> Result<u32, ClientError> {
        let done = self.control().load();
        Ok(done
            .map_err(|error| ClientError::new("load".to_owned(), error, |error| error.errno))?
            .initcalls)
    }

    /// Counts what there is in the domain.
    ///
    /// # Errors
    ///
    /// The domain has ended or does not answer.
    pub fn census(&mut self) -> Result<Census, ClientError> {
        let census = self
            .control()
            .census()
            .map_err(|error| ClientError::never("census", error))?;
        Ok(Census {
            devices: census.devices,
            interrupts: census.interrupts,
            tasks: census.tasks,
            objects: census.objects,
            bytes: census.bytes,
            pages: census.pages,
            timer_ns: (census.timer_ns != u64::MAX).then_some(census.timer_ns),
        })
    }

    /// Suspends all devices as Linux does when it suspends to idle. Until the domain is awake again only this,
    /// `state`, `advance`, `census` and what wakes it are answered: [`resume`](Self::resume), `stop`, `load`,
    /// `unload`. It is for who runs the domain ([`Domain::supervisor`](crate::system::Domain::supervisor)).
    ///
    /// # Errors
    ///
    /// What a driver returned that refuses, or `EBUSY`: then all devices work as before. The domain has ended or does
    /// not answer.
    pub fn suspend(&mut self) -> Result<(), ClientError> {
        let done = self.control().suspend();
        done.map(drop)
            .map_err(|error| ClientError::new("suspend".to_owned(), error, |error| error.errno))
    }

    /// Wakes the domain, and returns once all devices work.
    ///
    /// # Errors
    ///
    /// The domain has ended or does not answer.
    pub fn resume(&mut self) -> Result<(), ClientError> {
        self.control()
            .resume()
            .map(drop)
            .map_err(|error| ClientError::never("resume", error))
    }

    /// Ends the domain in order: its devices are removed, then it exits.
    ///
    /// # Errors
    ///
    /// The domain has ended already or does not answer.
    pub fn stop(&mut self) -> Result<(), ClientError> {
        self.control()
            .stop()
            .map(drop)
            .map_err(|error| ClientError::never("stop", error))
    }
}
