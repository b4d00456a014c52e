// SPDX-License-Identifier: GPL-2.0-only
//! One virtual clock for a board and for a User-Mode Linux that uses it: the "calendar" of `time-travel=ext:SOCKET`.
//!
//! The messages are those of `include/uapi/linux/um_timetravel.h`. Linux asks for the time at which it has something
//! to do next, says that it waits, and is told to run. So time moves in one place, [`Calendar::serve`], and only when
//! nobody has anything left to do in the present: Linux waits, no device is at work, and nobody [holds](Calendar::hold)
//! the clock. Then comes whatever is next: an end of a transfer, an event of a chip, or Linux's own time.
//!
//! Devices are in time only if each of their interrupts is confirmed before they are no longer at work: vhost-user's
//! in-band notifications, which [`serve_in_time`](super::serve_in_time) offers.

use crate::board::SharedBoard;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const ACK: u32 = 0;
const START: u32 = 1;
const REQUEST: u32 = 2;
const WAIT: u32 = 3;
const GET: u32 = 4;
const UPDATE: u32 = 5;
const RUN: u32 = 6;
const GET_TOD: u32 = 8;
/// Operation, sequence number, time.
const MESSAGE: usize = 16;
/// Linux's word for "never" (`time_travel_sleep` in `arch/um/kernel/time.c`); it panics at this time.
const LINUX_NEVER: u64 = i64::MAX as u64;

/// The clock. Clones are the same one.
#[derive(Clone)]
pub struct Calendar(Arc<Shared>);

struct Shared {
    board: SharedBoard,
    state: Mutex<State>,
    /// Readable when time may be able to move.
    changed: OwnedFd,
}

#[derive(Default)]
struct State {
    now_ns: u64,
    /// Devices at work in the present.
    at_work: usize,
    is_held: bool,
    /// Somebody from outside of time who waits until all is quiet.
    visitor: Option<Arc<OwnedFd>>,
    alarms: Vec<Alarm>,
    /// Alarms since the clock was held.
    unquiet: usize,
    /// What happened last, and at what time, for who wonders why Linux is not there any more.
    recent: VecDeque<(&'static str, u64)>,
}

impl State {
    fn note(&mut self, what: &'static str, time_ns: u64) {
        const MOST: usize = 48;
        if self.recent.len() == MOST {
            self.recent.pop_front();
        }
        self.recent.push_back((what, time_ns));
    }
}

/// So many ends of transfers in a row are waited for before a visitor comes all the same: as many as a domain's bus
/// master does before it lets others run.
const PATIENCE: usize = 1000;

/// A device that has something to do later: what it waits for becomes readable then.
struct Alarm {
    /// `None`: when the calendar has come to where the board is, which a transfer moves ahead to its end.
    at_ns: Option<u64>,
    wake: Arc<OwnedFd>,
}

/// Linux as it is while it waits.
#[derive(Default)]
struct Linux {
    next_ns: Option<u64>,
    is_waiting: bool,
    sequence: u32,
}

fn write_counter(fd: impl AsFd) {
    // Full is as good as one more.
    let _ = rustix::io::write(fd, &1u64.to_ne_bytes());
}

impl Calendar {
    /// A clock at zero for a board whose own clock is virtual.
    ///
    /// # Errors
    ///
    /// The system has no descriptor left.
    pub fn new(board: &SharedBoard) -> io::Result<Self> {
        Ok(Self(Arc::new(Shared {
            board: board.clone(),
            state: Mutex::default(),
            changed: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left whole numbers behind.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A device begins to work: time stands still until it is [done](Self::done).
    pub(crate) fn begin(&self) {
        let mut state = self.lock();
        state.at_work += 1;
        let now_ns = state.now_ns;
        state.note("device begins", now_ns);
    }

    pub(crate) fn done(&self) {
        let mut state = self.lock();
        state.at_work = state.at_work.saturating_sub(1);
        let now_ns = state.now_ns;
        state.note("device done", now_ns);
        drop(state);
        write_counter(&self.0.changed);
    }

    /// Wakes a device at a time; it is at work from then on.
    pub(crate) fn wake_at(&self, at_ns: u64, wake: &Arc<OwnedFd>) {
        self.alarm(Some(at_ns), wake);
    }

    /// The same as soon as the calendar is where the board is. A board that calls this is locked.
    pub(crate) fn wake_with_board(&self, wake: &Arc<OwnedFd>) {
        let is_there = |alarm: &Alarm| alarm.at_ns.is_none() && Arc::ptr_eq(&alarm.wake, wake);
        if !self.lock().alarms.iter().any(is_there) {
            self.alarm(None, wake);
        }
    }

    fn alarm(&self, at_ns: Option<u64>, wake: &Arc<OwnedFd>) {
        let wake = Arc::clone(wake);
        self.lock().alarms.push(Alarm { at_ns, wake });
        write_counter(&self.0.changed);
    }

    /// Stops the clock as soon as no transfer is under way, until there is a [visitor](Self::visit): nothing is to be
    /// done but what somebody outside of time asks. A domain's driver too ends its transfers before it is asked again.
    pub fn hold(&self) {
        let mut state = self.lock();
        (state.is_held, state.unquiet) = (true, 0);
        drop(state);
        write_counter(&self.0.changed);
    }

    /// Lets the clock go on as soon as it is held, with a device at work that is woken.
    pub fn visit(&self, wake: &Arc<OwnedFd>) {
        self.lock().visitor = Some(Arc::clone(wake));
        write_counter(&self.0.changed);
    }

    /// The present, in ns.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.lock().now_ns
    }

    /// What happened last, oldest first, each with its time in ns: what Linux asked for, and what it or a device was
    /// told.
    #[must_use]
    pub fn recent(&self) -> String {
        let recent = &self.lock().recent;
        let lines: Vec<String> = recent
            .iter()
            .map(|(what, time_ns)| format!("{time_ns} {what}"))
            .collect();
        lines.join("\n")
    }

    /// Tells a User-Mode Linux its time until it is gone. `tod_ns` is its wall clock at time zero.
    ///
    /// # Errors
    ///
    /// It breaks the protocol, or the system fails us.
    pub fn serve(&self, mut stream: UnixStream, tod_ns: u64) -> io::Result<()> {
        let mut linux = Linux::default();
        loop {
            let mut fds = [
                PollFd::new(&stream, PollFlags::IN),
                PollFd::new(&self.0.changed, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let is_message = !fds[0].revents().is_empty();
            // Nothing there is as good as something.
            let _ = rustix::io::read(&self.0.changed, &mut [0; 8]);
            if is_message {
                if !self.answer(&mut stream, &mut linux, tod_ns)? {
                    return Ok(());
                }
            } else if linux.is_waiting {
                self.turn(&mut stream, &mut linux)?;
            }
        }
    }

    /// Takes one message; returns false when Linux is gone.
    fn answer(&self, stream: &mut UnixStream, linux: &mut Linux, tod_ns: u64) -> io::Result<bool> {
        let mut bytes = [0; MESSAGE];
        match stream.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
        let (op, sequence, time_ns) = parse(&bytes);
        let now_ns = self.now_ns();
        match op {
            REQUEST => self.lock().note("Linux asks for", time_ns),
            UPDATE => self.lock().note("Linux says it is", time_ns),
            WAIT => self.lock().note("Linux waits", now_ns),
            GET => self.lock().note("Linux asks the time", now_ns),
            _ => {}
        }
        let answer = match op {
            ACK => return Ok(true),
            START => {
                send_start(stream, sequence)?;
                return Ok(true);
            }
            REQUEST => {
                linux.next_ns = Some(time_ns);
                0
            }
            WAIT => {
                linux.is_waiting = true;
                write_counter(&self.0.changed);
                0
            }
            GET => self.now_ns(),
            UPDATE => {
                self.set(time_ns);
                0
            }
            GET_TOD => tod_ns.saturating_add(self.now_ns()),
            _ => {
                let what = format!("time travel: operation {op} is none");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        };
        send(stream, ACK, sequence, answer)?;
        if linux.is_waiting {
            // It has asked for another time, most likely.
            write_counter(&self.0.changed);
        }
        Ok(true)
    }

    fn set(&self, now_ns: u64) {
        let now_ns = {
            let mut state = self.lock();
            state.now_ns = state.now_ns.max(now_ns);
            state.now_ns
        };
        self.0
            .board
            .with(|sim| while sim.now_ns() < now_ns && sim.advance(now_ns) < now_ns {});
    }

    /// Everybody waits: does what is next, if it is anybody's turn. At the same time Linux is first, since it may
    /// begin something; then the devices that end something; then the chips.
    fn turn(&self, stream: &mut UnixStream, linux: &mut Linux) -> io::Result<()> {
        let (here_ns, event_ns) = self.0.board.with(|sim| (sim.now_ns(), sim.next_event()));
        let mut state = self.lock();
        if state.at_work > 0 {
            return Ok(());
        }
        let is_due = linux.next_ns.is_some_and(|time| time <= state.now_ns);
        let is_quiet = (state.alarms.is_empty() && !is_due) || state.unquiet >= PATIENCE;
        if state.is_held && is_quiet {
            if let Some(visitor) = state.visitor.take() {
                state.is_held = false;
                state.at_work += 1;
                write_counter(&*visitor);
            }
            return Ok(());
        }
        let due = |alarm: &Alarm| alarm.at_ns.unwrap_or(here_ns).max(state.now_ns);
        // The first of those with the same time: they are in the order in which they were set.
        let first = (0..state.alarms.len()).min_by_key(|index| state.alarms.get(*index).map(due));
        let alarm_ns = first.and_then(|index| state.alarms.get(index)).map_or(u64::MAX, due);
        let event_ns = event_ns.unwrap_or(u64::MAX).max(here_ns);
        let linux_ns = linux.next_ns.filter(|time| *time < LINUX_NEVER).unwrap_or(u64::MAX);
        let next_ns = alarm_ns.min(event_ns).min(linux_ns);
        if next_ns == u64::MAX {
            // Nobody has anything to do, ever. It is for somebody outside to ask for something.
            return Ok(());
        }
        if linux_ns == next_ns {
            state.note("Linux runs", linux_ns);
            drop(state);
            self.set(linux_ns);
            (linux.next_ns, linux.is_waiting) = (None, false);
            linux.sequence = linux.sequence.wrapping_add(1);
            return send(stream, RUN, linux.sequence, linux_ns);
        }
        if alarm_ns == next_ns {
            let alarm = first.map(|index| state.alarms.remove(index));
            state.at_work += usize::from(alarm.is_some());
            state.unquiet += 1;
            state.note("device is woken", alarm_ns);
            drop(state);
            self.set(alarm_ns);
            if let Some(alarm) = alarm {
                write_counter(&*alarm.wake);
            }
        } else {
            state.note("event of a chip", event_ns);
            drop(state);
            self.set(event_ns);
        }
        // What comes after it.
        write_counter(&self.0.changed);
        Ok(())
    }
}

fn parse(bytes: &[u8; MESSAGE]) -> (u32, u32, u64) {
    let [o0, o1, o2, o3, s0, s1, s2, s3, time @ ..] = *bytes;
    (
        u32::from_ne_bytes([o0, o1, o2, o3]),
        u32::from_ne_bytes([s0, s1, s2, s3]),
        u64::from_ne_bytes(time),
    )
}

fn message(op: u32, sequence: u32, time_ns: u64) -> Vec<u8> {
    [&op.to_ne_bytes()[..], &sequence.to_ne_bytes(), &time_ns.to_ne_bytes()].concat()
}

fn send(stream: &mut UnixStream, op: u32, sequence: u32, time_ns: u64) -> io::Result<()> {
    stream.write_all(&message(op, sequence, time_ns))
}

/// Linux 6.12 takes two descriptors with this answer, for memory and a log that we do not share with it, and uses
/// whatever its stack holds if there are none (`time_travel_handle_message`). It cannot map these, and lets them be.
fn send_start(stream: &UnixStream, sequence: u32) -> io::Result<()> {
    let nothing = [File::open("/dev/null")?, File::open("/dev/null")?];
    let fds = nothing.each_ref().map(AsFd::as_fd);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("time travel: no room for two descriptors"));
    }
    let bytes = message(ACK, sequence, 0);
    let sent = rustix::net::sendmsg(stream, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
    let mut stream = stream;
    stream.write_all(bytes.get(sent..).unwrap_or_default())
}
