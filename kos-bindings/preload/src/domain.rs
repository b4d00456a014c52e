// SPDX-License-Identifier: MIT OR Apache-2.0
//! The domain that the program uses, and the ports to it: as many as threads wait in a call at once.

use kos_bindings::hosted::socket::Connection;
use kos_bindings::nk::{CallError, Handle, Retcode};
use kos_bindings::port::FOREVER;
use std::env;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Names the domain: what `linux-compat run` calls it, or `NAME@PID`.
pub const VARIABLE: &str = "LINUX_COMPAT_DOMAIN";

/// What a C function leaves in `errno`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

/// A mutex is never held while a thread can panic; if one did all the same, its data is whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection to the domain.
#[derive(Debug)]
pub struct Domain {
    /// Only makes others.
    root: Mutex<Connection>,
    handle: Handle,
    free: Mutex<Vec<Connection>>,
    is_free: Condvar,
}

struct Opened {
    pid: u32,
    domain: Arc<Domain>,
}

static OPENED: Mutex<Option<Opened>> = Mutex::new(None);

/// Says on standard error what a program's errno cannot.
pub(crate) fn complain(text: &str) {
    eprintln!("linux-compat-preload: {text}");
}

/// The domain, connected to when it is first asked for.
///
/// # Errors
///
/// `ENODEV`: the variable is not set, or no such domain runs; which one is said on standard error.
pub fn get() -> Result<Arc<Domain>, Errno> {
    let mut opened = lock(&OPENED);
    let pid = std::process::id();
    if let Some(opened) = opened.as_ref().filter(|opened| opened.pid == pid) {
        return Ok(Arc::clone(&opened.domain));
    }
    let name = env::var(VARIABLE).map_err(|_| {
        complain(&format!("{VARIABLE} names no domain"));
        Errno(libc::ENODEV)
    })?;
    let domain = Arc::new(Domain::open(&name).map_err(|error| {
        complain(&format!("{VARIABLE}={name}: {error}"));
        Errno(libc::ENODEV)
    })?);
    // A child lets go of what was its parent's.
    *opened = Some(Opened {
        pid,
        domain: Arc::clone(&domain),
    });
    Ok(domain)
}

impl Domain {
    fn open(name: &str) -> io::Result<Self> {
        let root = Connection::open(name)?;
        Ok(Self {
            handle: root.handle(),
            root: Mutex::new(root),
            free: Mutex::default(),
            is_free: Condvar::new(),
        })
    }

    fn take(&self) -> Result<Connection, Errno> {
        if let Some(port) = lock(&self.free).pop() {
            return Ok(port);
        }
        let made = lock(&self.root).thread();
        let error = match made {
            Ok(port) => return Ok(port),
            Err(error) => error,
        };
        // The client has as many as it may: another thread's is free in a moment, unless the kernel is gone.
        let mut free = lock(&self.free);
        loop {
            if let Some(port) = free.pop() {
                return Ok(port);
            }
            if error.kind() != io::ErrorKind::Other {
                return Err(Errno(libc::ENODEV));
            }
            free = self.is_free.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Calls the domain on a port that no other thread has; `limit_ns` is for how long.
    ///
    /// # Errors
    ///
    /// What `f` says; `ENODEV` if the domain or its kernel is gone.
    pub fn call<R>(
        &self,
        limit_ns: Option<u64>,
        f: impl FnOnce(&mut Connection, Handle) -> Result<R, Errno>,
    ) -> Result<R, Errno> {
        let mut port = self.take()?;
        port.set_timeout_ns(limit_ns.unwrap_or(FOREVER));
        let done = f(&mut port, self.handle);
        lock(&self.free).push(port);
        self.is_free.notify_one();
        done
    }
}

/// What a failed call is to a C program; `errno` reads the domain's own answer.
pub fn errno_of<E>(error: CallError<E>, errno: impl FnOnce(E) -> i32) -> Errno {
    match error {
        CallError::Error(error) => Errno(errno(error)),
        CallError::Retcode(Retcode::TIMEOUT) => Errno(libc::ETIMEDOUT),
        CallError::Retcode(Retcode::NOT_CONNECTED) => Errno(libc::ENODEV),
        CallError::Retcode(Retcode::SECURITY_DISALLOW) => Errno(libc::EACCES),
        CallError::Retcode(_) | CallError::Nk(_) => Errno(libc::EIO),
    }
}
