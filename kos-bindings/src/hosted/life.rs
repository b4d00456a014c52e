// SPDX-License-Identifier: MIT OR Apache-2.0
//! The child process behind a domain: killing it, and what is known of its death.

use std::fmt;
use std::os::fd::OwnedFd;
use std::string::String;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use std::vec::Vec;

use rustix::process::{Signal, pidfd_send_signal};

use super::notice::lock;
use super::share::Share;
use crate::port::Epitaph;

/// How long a process that is stuck has for its last words.
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(500);

/// Why a domain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// By its own doing: it exited, crashed, or exhausted its memory.
    Itself,
    /// It held a request for longer than the watchdog allows without entering the kernel. It was asked to say where it
    /// is; one that did not was killed.
    Watchdog,
    /// It broke the protocol of its port.
    Protocol,
    /// The supervisor stopped it.
    Stopped,
}

/// How a domain's process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It exited with this code. 120 to 125 mean that it could not be started: see
    /// [`crate::domain::step`].
    Exited(i32),
    /// This signal killed it.
    Signaled(i32),
    /// Somebody else took its exit status.
    Unknown,
}

/// The epitaph of a domain, out of its port: its own words, to be believed as far as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastWords {
    /// Signal that it met, or 0.
    pub signal: u32,
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
    /// What happened.
    pub cause: String,
    /// Return addresses, innermost first.
    pub frames: Vec<u64>,
}

impl LastWords {
    pub(crate) fn of(epitaph: &Epitaph) -> Option<Self> {
        let cause = epitaph.cause.get(..epitaph.cause_len as usize)?;
        if cause.is_empty() {
            return None;
        }
        Some(Self {
            signal: epitaph.signal,
            addr: epitaph.addr,
            ip: epitaph.ip,
            sp: epitaph.sp,
            bp: epitaph.bp,
            top: epitaph.top,
            cause: String::from_utf8_lossy(cause).into_owned(),
            frames: epitaph.frames.get(..epitaph.frame_count as usize)?.to_vec(),
        })
    }
}

/// A domain's death.
#[derive(Clone, Debug)]
pub struct Death {
    /// The domain's number in its kernel.
    pub domain: u64,
    /// Its name.
    pub name: String,
    /// Its process, which is gone.
    pub pid: i32,
    /// How the process ended.
    pub status: Status,
    /// Why.
    pub cause: Cause,
    /// What it said last.
    pub last_words: Option<LastWords>,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "domain {:?} ", self.name)?;
        match self.cause {
            Cause::Watchdog => f.write_str("was stopped: it did not enter the kernel in time")?,
            Cause::Protocol => f.write_str("was stopped: it broke the protocol of its port")?,
            Cause::Stopped => f.write_str("was stopped")?,
            Cause::Itself => match self.status {
                Status::Exited(code) => write!(f, "exited with status {code}")?,
                Status::Signaled(signal) => write!(f, "was ended by signal {signal}")?,
                Status::Unknown => f.write_str("ended")?,
            },
        }
        match &self.last_words {
            Some(words) => write!(f, ": {}", words.cause),
            None => Ok(()),
        }
    }
}

/// The process of a domain.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) name: String,
    /// Whether clients from outside are turned away.
    pub(crate) is_private: bool,
    process: OnceLock<(i32, OwnedFd)>,
    cause: Mutex<Cause>,
    /// When it was asked to say where it is, because it is stuck.
    asked: Mutex<Option<Instant>>,
    /// Its way to shared memory, if it has one.
    pub(crate) share: Option<Share>,
    /// Its death, and whether all that it had is given back.
    death: Mutex<(Option<Death>, bool)>,
    ended: Condvar,
}

impl Life {
    pub(crate) fn new(name: String, share: Option<Share>) -> Self {
        Self {
            name,
            is_private: false,
            share,
            process: OnceLock::new(),
            cause: Mutex::new(Cause::Itself),
            asked: Mutex::new(None),
            death: Mutex::new((None, false)),
            ended: Condvar::new(),
        }
    }

    /// Notes the process, once it exists.
    pub(crate) fn born(&self, pid: i32, pidfd: OwnedFd) {
        // It is set once, by the spawn that made this value.
        let _ = self.process.set((pid, pidfd));
    }

    pub(crate) fn pid(&self) -> Option<i32> {
        self.process.get().map(|(pid, _)| *pid)
    }

    pub(crate) fn pidfd(&self) -> Option<&OwnedFd> {
        self.process.get().map(|(_, pidfd)| pidfd)
    }

    /// Kills the process; the first cause stands. A process that is gone already stays as it is.
    pub(crate) fn kill(&self, cause: Cause) {
        self.signal(Signal::KILL, cause);
    }

    /// Ends a process that does not come back. The first time it is asked to say where it is, with a signal that the
    /// domain's runtime takes ([`crate::domain::Crash`]); if it lives on, it is killed the next time.
    pub(crate) fn end_stuck(&self) {
        let mut asked = lock(&self.asked);
        match *asked {
            None => {
                *asked = Some(Instant::now());
                self.signal(Signal::TRAP, Cause::Watchdog);
            }
            // Several clients may wait for it, and each sees that it is stuck.
            Some(at) if at.elapsed() < LAST_WORDS => {}
            Some(_) => self.signal(Signal::KILL, Cause::Watchdog),
        }
    }

    fn signal(&self, signal: Signal, cause: Cause) {
        let Some(pidfd) = self.pidfd() else {
            return;
        };
        let mut known = lock(&self.cause);
        if pidfd_send_signal(pidfd, signal).is_ok() && *known == Cause::Itself {
            *known = cause;
        }
    }

    /// Notes the death.
    pub(crate) fn ended(&self, domain: u64, status: Status, epitaph: &Epitaph) -> Death {
        let known = *lock(&self.cause);
        let cause = match (status, known) {
            // It said where it was, as the watchdog asked, and ended.
            (Status::Exited(_), Cause::Watchdog) => known,
            // It was already ending by itself when it was killed.
            (Status::Exited(_), _) => Cause::Itself,
            _ => known,
        };
        let death = Death {
            domain,
            name: self.name.clone(),
            pid: self.pid().unwrap_or(0),
            status,
            cause,
            last_words: LastWords::of(epitaph),
        };
        lock(&self.death).0 = Some(death.clone());
        death
    }

    /// Tells those who wait for the death: nobody, and no device, reaches what the domain had.
    pub(crate) fn buried(&self) {
        lock(&self.death).1 = true;
        self.ended.notify_all();
    }

    pub(crate) fn death(&self) -> Option<Death> {
        lock(&self.death).0.clone()
    }

    /// Waits for the death, and until all that the domain had is given back.
    pub(crate) fn wait(&self, limit: Duration) -> Option<Death> {
        let waits = |death: &mut (Option<Death>, bool)| !death.1;
        let waited = self.ended.wait_timeout_while(lock(&self.death), limit, waits);
        let (death, is_over) = waited.unwrap_or_else(PoisonError::into_inner).0.clone();
        death.filter(|_| is_over)
    }
}
