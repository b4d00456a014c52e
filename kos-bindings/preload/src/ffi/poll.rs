// SPDX-License-Identifier: MIT OR Apache-2.0
//! `poll.h`, `sys/select.h`: waiting for several descriptors.

use super::{number, real};
use crate::domain::Errno;
use crate::table;
use crate::wait::{self, Item};
use libc::{c_int, c_short, fd_set, nfds_t, pollfd, sigset_t, size_t, timespec, timeval};
use std::time::Duration;

type Poll = unsafe extern "C" fn(*mut pollfd, nfds_t, c_int) -> c_int;
type PollChk = unsafe extern "C" fn(*mut pollfd, nfds_t, c_int, size_t) -> c_int;
type PPoll = unsafe extern "C" fn(*mut pollfd, nfds_t, *const timespec, *const sigset_t) -> c_int;
type Select = unsafe extern "C" fn(c_int, *mut fd_set, *mut fd_set, *mut fd_set, *mut timeval) -> c_int;

fn bits(events: c_short) -> u32 {
    u32::from(events.cast_unsigned())
}

fn short(events: u32) -> c_short {
    c_short::try_from(events & 0x7fff).unwrap_or(0)
}

/// Looks at those that are not ours, with the C library's `poll`.
fn others(items: &mut [Item], limit: Duration) -> usize {
    let real = real!(poll: Poll);
    let is_other = |item: &Item| item.fd >= 0 && table::get(item.fd).is_none();
    let mut theirs: Vec<pollfd> = items
        .iter()
        .map(|item| pollfd {
            fd: if is_other(item) { item.fd } else { -1 },
            events: short(item.events),
            revents: 0,
        })
        .collect();
    let ms = c_int::try_from(limit.as_millis()).unwrap_or(c_int::MAX);
    let count = nfds_t::try_from(theirs.len()).unwrap_or(0);
    // SAFETY: as many descriptors as are said.
    unsafe { real(theirs.as_mut_ptr(), count, ms) };
    let mut found = 0;
    for (item, their) in items.iter_mut().zip(&theirs).filter(|(_, their)| their.fd >= 0) {
        item.revents = bits(their.revents);
        found += usize::from(their.revents != 0);
    }
    found
}

/// The descriptors of a call.
///
/// # Safety
///
/// `fds` is null or `count` of them lie there, for this call alone.
unsafe fn descriptors<'a>(fds: *mut pollfd, count: nfds_t) -> &'a mut [pollfd] {
    match usize::try_from(count) {
        // SAFETY: not null, and the caller promises the rest.
        Ok(count) if count > 0 && !fds.is_null() => unsafe { std::slice::from_raw_parts_mut(fds, count) },
        _ => &mut [],
    }
}

/// Waits, if one of the descriptors is ours.
fn ours(fds: &mut [pollfd], limit: Option<Duration>) -> Option<c_int> {
    let mut items: Vec<Item> = fds
        .iter()
        .map(|one| Item {
            fd: one.fd,
            events: bits(one.events),
            revents: 0,
        })
        .collect();
    if !wait::is_ours(&items) {
        return None;
    }
    let found = wait::poll(&mut items, limit, others);
    for (one, item) in fds.iter_mut().zip(&items) {
        one.revents = short(item.revents);
    }
    Some(c_int::try_from(found).unwrap_or(c_int::MAX))
}

fn of_ms(ms: c_int) -> Option<Duration> {
    u64::try_from(ms).ok().map(Duration::from_millis)
}

/// `poll(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn poll(fds: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int {
    // SAFETY: the caller passes `count` descriptors.
    let all = unsafe { descriptors(fds, count) };
    if let Some(found) = ours(all, of_ms(timeout)) {
        return found;
    }
    let real = real!(poll: Poll);
    // SAFETY: the caller's own arguments.
    unsafe { real(fds, count, timeout) }
}

/// `poll`, as a program calls it that was compiled to be checked.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __poll_chk(fds: *mut pollfd, count: nfds_t, timeout: c_int, size: size_t) -> c_int {
    // SAFETY: the caller passes `count` descriptors, or the C library ends it.
    let all = unsafe { descriptors(fds, count.min((size / size_of::<pollfd>()) as nfds_t)) };
    if let Some(found) = ours(all, of_ms(timeout)) {
        return found;
    }
    let real = real!(__poll_chk: PollChk);
    // SAFETY: the caller's own arguments.
    unsafe { real(fds, count, timeout, size) }
}

/// `ppoll(2)`. With descriptors of ours the signal mask must be null: it could not be set together with the wait.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ppoll(
    fds: *mut pollfd,
    count: nfds_t,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    // SAFETY: the caller passes `count` descriptors.
    let all = unsafe { descriptors(fds, count) };
    if all.iter().any(|one| table::get(one.fd).is_some()) {
        if !mask.is_null() {
            return number(Err(Errno(libc::EINVAL)));
        }
        // SAFETY: the caller passes a time, or null.
        let limit = unsafe { timeout.as_ref() }.map(super::duration);
        return ours(all, limit).unwrap_or(0);
    }
    let real = real!(ppoll: PPoll);
    // SAFETY: the caller's own arguments.
    unsafe { real(fds, count, timeout, mask) }
}

/// A set of `select`, and the events that it stands for.
struct Set(*mut fd_set, u32);

const READ: u32 = 0x001;
const WRITE: u32 = 0x004;
const EXCEPT: u32 = 0x002;
/// What `select` calls readable (include/linux/poll.h, `POLLIN_SET`): errors and hang-ups too.
const READABLE: u32 = READ | 0x008 | 0x010;
const WRITABLE: u32 = WRITE | 0x008;

impl Set {
    fn has(&self, fd: c_int) -> bool {
        // SAFETY: the caller of `select` passes a set or null, and `fd` is below its size.
        !self.0.is_null() && unsafe { libc::FD_ISSET(fd, self.0) }
    }

    /// Leaves `fd` in the set if it is ready.
    fn answer(&self, fd: c_int, revents: u32) -> usize {
        let wanted = match self.1 {
            READ => READABLE,
            WRITE => WRITABLE,
            other => other,
        };
        if !self.has(fd) || revents & wanted != 0 {
            return usize::from(self.has(fd));
        }
        // SAFETY: as above.
        unsafe { libc::FD_CLR(fd, self.0) };
        0
    }
}

/// `select(2)`.
///
/// # Safety
///
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn select(
    count: c_int,
    read: *mut fd_set,
    write: *mut fd_set,
    except: *mut fd_set,
    timeout: *mut timeval,
) -> c_int {
    let sets = [Set(read, READ), Set(write, WRITE), Set(except, EXCEPT)];
    let most = c_int::try_from(libc::FD_SETSIZE).unwrap_or(0);
    let mut items: Vec<Item> = (0..count.min(most))
        .map(|fd| Item {
            fd,
            events: sets
                .iter()
                .filter(|set| set.has(fd))
                .fold(0, |events, set| events | set.1),
            revents: 0,
        })
        .filter(|item| item.events != 0)
        .collect();
    if !wait::is_ours(&items) {
        let real = real!(select: Select);
        // SAFETY: the caller's own arguments.
        return unsafe { real(count, read, write, except, timeout) };
    }
    // SAFETY: the caller passes a time, or null.
    let limit = unsafe { timeout.as_ref() }.map(|limit| {
        let seconds = Duration::from_secs(u64::try_from(limit.tv_sec).unwrap_or(0));
        seconds + Duration::from_micros(u64::try_from(limit.tv_usec).unwrap_or(0))
    });
    wait::poll(&mut items, limit, others);
    let ready = items
        .iter()
        .map(|item| sets.iter().map(|set| set.answer(item.fd, item.revents)).sum::<usize>());
    c_int::try_from(ready.sum::<usize>()).unwrap_or(c_int::MAX)
}
