// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sys/epoll.h`: waiting for many descriptors, ours among them.

use super::{number, real};
use crate::domain::{self, Errno};
use crate::epoll::{self, Change, Event, Set};
use crate::table;
use libc::{c_int, epoll_event, sigset_t, timespec};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

type Create = unsafe extern "C" fn(c_int) -> c_int;
type Ctl = unsafe extern "C" fn(c_int, c_int, c_int, *mut epoll_event) -> c_int;
type Wait = unsafe extern "C" fn(c_int, *mut epoll_event, c_int, c_int) -> c_int;
type PWait = unsafe extern "C" fn(c_int, *mut epoll_event, c_int, c_int, *const sigset_t) -> c_int;
type PWait2 = unsafe extern "C" fn(c_int, *mut epoll_event, c_int, *const timespec, *const sigset_t) -> c_int;

/// How long the domain is asked at once: after that, what another thread added to the set is seen.
const SLICE: Duration = Duration::from_millis(100);
/// How long the machine is asked at once while the domain has to be asked too.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(10);
/// Events that are taken from the machine at once.
const MOST: usize = 1024;

fn errno() -> Errno {
    Errno(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
}

fn made(epfd: c_int) -> c_int {
    if epfd >= 0 {
        epoll::insert(epfd, Arc::default());
    }
    epfd
}

/// `epoll_create(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_create(size: c_int) -> c_int {
    let real = real!(epoll_create: Create);
    // SAFETY: the caller's own argument.
    made(unsafe { real(size) })
}

/// `epoll_create1(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_create1(flags: c_int) -> c_int {
    let real = real!(epoll_create1: Create);
    // SAFETY: the caller's own argument.
    made(unsafe { real(flags) })
}

/// Our half of `epfd`. One that came from elsewhere gets one now, if the machine says that it is a set.
fn half(epfd: c_int, fd: c_int) -> Result<Arc<Set>, Errno> {
    if let Some(set) = epoll::get(epfd) {
        return Ok(set);
    }
    let real = real!(epoll_ctl: Ctl);
    // What stands in for ours is in no set: ENOENT, unless `epfd` is none.
    // SAFETY: no event is read to remove one.
    let done = unsafe { real(epfd, libc::EPOLL_CTL_DEL, fd, std::ptr::null_mut()) };
    if done != 0 && errno() != Errno(libc::ENOENT) {
        return Err(errno());
    }
    let set: Arc<Set> = Arc::default();
    set.has_others();
    epoll::insert(epfd, Arc::clone(&set));
    Ok(set)
}

/// Puts a waker into the machine's half, where it wakes who waits there.
fn waker(epfd: c_int) -> Result<OwnedFd, Errno> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { libc::eventfd(1, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(errno());
    }
    // SAFETY: just made, and nobody else's.
    let waker = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut event = epoll_event {
        events: (libc::EPOLLIN | libc::EPOLLONESHOT).cast_unsigned(),
        u64: epoll::mark(),
    };
    let real = real!(epoll_ctl: Ctl);
    // SAFETY: the event is live.
    if unsafe { real(epfd, libc::EPOLL_CTL_ADD, fd, &raw mut event) } != 0 {
        return Err(errno());
    }
    Ok(waker)
}

/// `epoll_ctl(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_ctl(epfd: c_int, op: c_int, fd: c_int, event: *mut epoll_event) -> c_int {
    let Some(object) = table::get(fd) else {
        let real = real!(epoll_ctl: Ctl);
        // SAFETY: the caller's own arguments.
        let done = unsafe { real(epfd, op, fd, event) };
        if let (0, libc::EPOLL_CTL_ADD, Some(set)) = (done, op, epoll::get(epfd)) {
            set.has_others();
        }
        return done;
    };
    // SAFETY: the caller passes an event, or null.
    let wanted = unsafe { event.as_ref() }.ok_or(Errno(libc::EFAULT)).map(|event| Event {
        events: event.events,
        data: event.u64,
    });
    let change = match op {
        libc::EPOLL_CTL_ADD => wanted.map(Change::Add),
        libc::EPOLL_CTL_MOD => wanted.map(Change::Modify),
        libc::EPOLL_CTL_DEL => Ok(Change::Remove),
        _ => Err(Errno(libc::EINVAL)),
    };
    number(change.and_then(|change| {
        let set = half(epfd, fd)?;
        set.change(fd, &object, change)?;
        set.wake(|| waker(epfd))?;
        Ok(0)
    }))
}

/// Takes what the machine's half has, waiting up to `limit` (`None`: for ever).
fn theirs(epfd: c_int, most: usize, limit: Option<Duration>) -> Result<Vec<Event>, Errno> {
    let mut events = vec![epoll_event { events: 0, u64: 0 }; most.min(MOST)];
    // Up, so that a short time is not none.
    let ms = limit.map_or(-1, |limit| {
        c_int::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX)
    });
    let room = c_int::try_from(events.len()).unwrap_or(0);
    let real = real!(epoll_wait: Wait);
    // SAFETY: there is room for as many events as are said.
    let found = unsafe { real(epfd, events.as_mut_ptr(), room, ms) };
    let found = usize::try_from(found).map_err(|_| errno())?;
    let real = events.iter().take(found).map(|event| Event {
        events: event.events,
        data: event.u64,
    });
    Ok(real.filter(|event| event.data != epoll::mark()).collect())
}

/// Waits for events of both halves.
fn both(epfd: c_int, set: &Set, most: usize, limit: Option<Duration>) -> Result<Vec<Event>, Errno> {
    let end = limit.and_then(|limit| Instant::now().checked_add(limit));
    let mut slice = SHORTEST;
    loop {
        let rest = end.map(|end| end.saturating_duration_since(Instant::now()));
        let within = |most: Duration| rest.map_or(most, |rest| rest.min(most));
        let is_alone = set.is_alone();
        let share = if is_alone { most } else { set.share(most) };
        let mut found = set.collect(share, if is_alone { within(SLICE) } else { Duration::ZERO });
        if found.len() < most && !is_alone {
            let pause = match (found.is_empty() && share > 0, set.is_empty()) {
                (false, _) => Some(Duration::ZERO),
                (true, true) => rest,
                (true, false) => Some(within(slice)),
            };
            found.extend(theirs(epfd, most - found.len(), pause)?);
        }
        if !found.is_empty() || (share > 0 && rest.is_some_and(|rest| rest.is_zero())) {
            return Ok(found);
        }
        slice = (slice * 2).min(LONGEST);
    }
}

/// Waits if `epfd` is a set that ours may be in, and writes what was found.
///
/// # Safety
///
/// `events` is null, or good for writes of `most` events.
unsafe fn ours(epfd: c_int, events: *mut epoll_event, most: c_int, limit: Option<Duration>) -> Option<c_int> {
    let set = epoll::get(epfd)?;
    let most = usize::try_from(most).unwrap_or(0);
    if most == 0 {
        return Some(number(Err(Errno(libc::EINVAL))));
    }
    if events.is_null() {
        return Some(number(Err(Errno(libc::EFAULT))));
    }
    let found = both(epfd, &set, most, limit);
    Some(number(found.map(|found| {
        for (at, event) in found.iter().enumerate() {
            // SAFETY: no more were asked for than the caller has room for.
            let place = unsafe { events.add(at) };
            let event = epoll_event {
                events: event.events,
                u64: event.data,
            };
            // SAFETY: as above.
            unsafe { place.write(event) };
        }
        c_int::try_from(found.len()).unwrap_or(c_int::MAX)
    })))
}

/// Whether a signal mask would have to be set together with a wait for ours, which cannot be.
fn is_masked(epfd: c_int, mask: *const sigset_t) -> bool {
    let is_masked = !mask.is_null() && epoll::get(epfd).is_some_and(|set| !set.is_empty());
    if is_masked {
        domain::complain("epoll_pwait cannot set a signal mask while it waits for a domain");
    }
    is_masked
}

/// `epoll_wait(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_wait(epfd: c_int, events: *mut epoll_event, most: c_int, timeout: c_int) -> c_int {
    let limit = u64::try_from(timeout).ok().map(Duration::from_millis);
    // SAFETY: the caller passes room for `most` events.
    if let Some(found) = unsafe { ours(epfd, events, most, limit) } {
        return found;
    }
    let real = real!(epoll_wait: Wait);
    // SAFETY: the caller's own arguments.
    unsafe { real(epfd, events, most, timeout) }
}

/// `epoll_pwait(2)`. With descriptors of ours in the set the signal mask must be null.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_pwait(
    epfd: c_int,
    events: *mut epoll_event,
    most: c_int,
    timeout: c_int,
    mask: *const sigset_t,
) -> c_int {
    if is_masked(epfd, mask) {
        return number(Err(Errno(libc::EINVAL)));
    }
    if mask.is_null() {
        // SAFETY: the caller's own arguments.
        return unsafe { epoll_wait(epfd, events, most, timeout) };
    }
    let real = real!(epoll_pwait: PWait);
    // SAFETY: the caller's own arguments.
    unsafe { real(epfd, events, most, timeout, mask) }
}

/// `epoll_pwait2(2)`. With descriptors of ours in the set the signal mask must be null.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_pwait2(
    epfd: c_int,
    events: *mut epoll_event,
    most: c_int,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    if is_masked(epfd, mask) {
        return number(Err(Errno(libc::EINVAL)));
    }
    if mask.is_null() {
        // SAFETY: the caller passes a time, or null.
        let limit = unsafe { timeout.as_ref() }.map(super::duration);
        // SAFETY: the caller passes room for `most` events.
        if let Some(found) = unsafe { ours(epfd, events, most, limit) } {
            return found;
        }
    }
    let real = real!(epoll_pwait2: PWait2);
    // SAFETY: the caller's own arguments.
    unsafe { real(epfd, events, most, timeout, mask) }
}
