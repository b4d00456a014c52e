// SPDX-License-Identifier: MIT OR Apache-2.0
//! The thread that is the domains' parent: it notices their deaths, and answers the shared mappings that they ask for.
//! When it ends, Linux kills what
//! is left of them.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use std::vec::Vec;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use super::config::Event;
use super::error::Error;
use super::kernel::Inner;
use super::life::Status;
use super::share::Answered;

/// What the reaper waits on.
#[derive(Debug)]
pub(crate) struct Watch {
    epoll: OwnedFd,
    wake: OwnedFd,
}

/// The wake-up's key; domains' numbers begin at 1.
const WAKE: u64 = 0;
/// In the key of a domain's shared mappings, beside its number.
const SHARE: u64 = 1 << 63;

impl Watch {
    pub(crate) fn new() -> Result<Self, Error> {
        let events = |error: Errno| Error::Events(error.into());
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(events)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC).map_err(events)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN).map_err(events)?;
        Ok(Self { epoll, wake })
    }

    /// Watches the process behind `pidfd`.
    pub(crate) fn add(&self, domain: u64, pidfd: &OwnedFd) -> Result<(), Error> {
        epoll::add(&self.epoll, pidfd.as_fd(), EventData::new_u64(domain), EventFlags::IN)
            .map_err(|error| Error::Events(error.into()))
    }

    /// Watches the shared mappings that a domain asks for.
    pub(crate) fn add_share(&self, domain: u64, listener: &OwnedFd) -> Result<(), Errno> {
        epoll::add(
            &self.epoll,
            listener,
            EventData::new_u64(domain | SHARE),
            EventFlags::IN,
        )
    }

    /// Makes the reaper look whether it should end.
    pub(crate) fn wake(&self) {
        // An eventfd refuses only when its counter is full, which wakes too.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }
}

/// Waits for deaths until the kernel stops and the last domain is dead.
pub(crate) fn reap(kernel: &Arc<Inner>) {
    let mut events = Vec::with_capacity(16);
    while !(kernel.is_stopping.load(Acquire) && kernel.is_empty()) {
        events.clear();
        let waited = epoll::wait(&kernel.watch.epoll, rustix::buffer::spare_capacity(&mut events), None);
        if waited.is_err_and(|error| error != Errno::INTR) {
            return;
        }
        for event in &events {
            let (key, flags) = (event.data.u64(), event.flags);
            if key == WAKE {
                let _ = rustix::io::read(&kernel.watch.wake, &mut [0u8; 8]);
            } else if key & SHARE == 0 {
                dead(kernel, key);
            } else if let Some(process) = kernel.domain(key & !SHARE)
                && let Some(share) = process.life.as_ref().and_then(|life| life.share.as_ref())
                // Nobody is left to ask, and waiting for who does would be for ever.
                && (flags.contains(EventFlags::HUP) || share.answer() == Answered::Gone)
                && let Some(listener) = share.listener()
            {
                let _ = epoll::delete(&kernel.watch.epoll, listener);
            }
        }
    }
}

fn dead(kernel: &Inner, domain: u64) {
    let Some(process) = kernel.remove(domain) else {
        return;
    };
    let Some((life, pidfd)) = process.life.as_ref().and_then(|life| Some((life, life.pidfd()?))) else {
        return;
    };
    let status = match waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED) {
        Ok(Some(status)) => status
            .exit_status()
            .map(Status::Exited)
            .or_else(|| status.terminating_signal().map(Status::Signaled))
            .unwrap_or(Status::Unknown),
        // The process that holds this kernel ignores SIGCHLD, or waited for any child.
        _ => Status::Unknown,
    };
    let _ = epoll::delete(&kernel.watch.epoll, pidfd);
    let death = life.ended(domain, status, &process.shared.epitaph());
    process.bury();
    life.buried();
    (kernel.config.on_event)(Event::Died(death));
}
