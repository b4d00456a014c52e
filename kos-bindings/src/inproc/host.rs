// SPDX-License-Identifier: MIT OR Apache-2.0
//! The coroutine on which an in-process domain runs; what it enters instead of a kernel is in `entry`.
//!
//! Domain and client share one thread, so at any time one of them runs and the other stands still:
//! the port's areas are never looked at by both.
#![expect(
    unsafe_code,
    reason = "starts foreign code on a stack of its own, and is called back by it with a raw context"
)]

use std::boxed::Box;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::vec::Vec;

use corosensei::stack::{DefaultStack, Stack};
use corosensei::{Coroutine, CoroutineResult, Yielder};
use rustix::mm::munmap;

use super::REQUEST;
use super::entry::begin;
use super::snapshot::{self, Memory};
use crate::hosted::handles::{HandleTable, Rights};
use crate::hosted::judge::{Between, Judge, Known, Party};
use crate::hosted::process::Process;
use crate::hosted::shared::Message;
use crate::nk::{Handle, HandleDesc, Header, Lens, Parts, PartsMut, Retcode};
use crate::port::{AREAS_AT, Area, PAGE, event};

/// Where the domain stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// In `Recv`.
    Receiving { deadline_ns: u64 },
    /// It exited.
    Exited(i32),
}

/// Where the answer in hand lies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// In the port: the domain stands still since it gave it.
    Port(Lens),
    /// In a copy: the domain went on after it.
    Copy(Lens),
}

/// What both sides of the coroutine reach. Cells: there is one thread, and no borrow lives over a
/// switch.
pub(super) struct State {
    pub(super) process: Arc<Process>,
    /// What the domain may call; it stays as it was at birth, so no lock guards it.
    pub(super) handles: HandleTable,
    pub(super) judge: Arc<Judge>,
    pub(super) yielder: Cell<*const Yielder<(), Stop>>,
    /// The request that is being served, if it was received and not answered.
    pub(super) current: Cell<Option<(u64, Known)>>,
    pub(super) answer: Cell<Option<(u64, Result<Answer, Retcode>)>>,
    pub(super) copy: RefCell<Message>,
    /// What the domain mapped: start and bytes.
    pub(super) memory: RefCell<Vec<(usize, usize)>>,
}

impl Drop for State {
    fn drop(&mut self) {
        for (start, bytes) in self.memory.borrow().iter() {
            // SAFETY: `map` mapped the range, and the domain that used it has ended with its coroutine.
            let done = unsafe { munmap(*start as *mut _, *bytes) };
            debug_assert!(done.is_ok(), "a whole mapping can always be unmapped");
        }
    }
}

/// The running domain.
pub(super) struct Host {
    state: Box<State>,
    coroutine: Running,
    stop: Option<Stop>,
    stack: Range<usize>,
}

type Running = Coroutine<(), Stop, Stop, DefaultStack>;

/// Where a domain stood, and its memory then.
pub(super) struct Still {
    memory: Memory,
    /// The coroutine's own words: what is in it says where on its stack it goes on.
    coroutine: MaybeUninit<Running>,
    stop: Option<Stop>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("stop", &self.stop).finish_non_exhaustive()
    }
}

impl Still {
    pub(super) fn pieces(&self) -> impl Iterator<Item = Range<usize>> {
        self.memory.pieces()
    }
}

impl Host {
    /// Prepares a domain whose code begins at `entry`, with a stack of `stack_bytes`.
    pub(super) fn new(
        process: Arc<Process>,
        handles: HandleTable,
        judge: Arc<Judge>,
        entry: usize,
        stack_bytes: u64,
    ) -> io::Result<Self> {
        let state = Box::new(State {
            process,
            handles,
            judge,
            yielder: Cell::new(std::ptr::null()),
            current: Cell::new(None),
            answer: Cell::new(None),
            copy: RefCell::new(Message::default()),
            memory: RefCell::default(),
        });
        let context = (&raw const *state).expose_provenance();
        let stack = DefaultStack::new(usize::try_from(stack_bytes).unwrap_or(1 << 20).max(64 << 10))?;
        let range = stack.limit().get()..stack.base().get();
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<(), Stop>, ()| {
            // SAFETY: `state` is boxed and outlives the coroutine: `Host` drops the coroutine
            // first.
            let state = unsafe { &*std::ptr::with_exposed_provenance::<State>(context) };
            state.yielder.set(yielder);
            begin(state, entry)
        });
        Ok(Self {
            state,
            coroutine,
            stop: None,
            stack: range,
        })
    }

    /// Keeps the domain's state; `data` is its image's writable memory, of which `skipped` stays as it is.
    pub(super) fn keep(&self, data: &[Range<usize>], skipped: &[Range<usize>]) -> io::Result<Still> {
        let port = self.state.process.shared.base().addr();
        // What of the image does not exist yet comes from its file and is not zero.
        for page in data.iter().flat_map(|range| range.clone().step_by(PAGE)) {
            // SAFETY: the image is mapped for as long as its host lives.
            unsafe { snapshot::touch(page) };
        }
        let mut ranges = data.to_vec();
        ranges.extend(
            self.state
                .memory
                .borrow()
                .iter()
                .map(|(start, bytes)| *start..start + bytes),
        );
        ranges.extend([self.stack.clone(), port..port + AREAS_AT]);
        // SAFETY: the domain stands still, and all these ranges stay mapped while this host lives; whoever holds a
        // `Still` holds this host too.
        let memory = unsafe { Memory::keep(&ranges, skipped.to_vec()) }?;
        let mut coroutine = MaybeUninit::<Running>::uninit();
        // SAFETY: the copy is only ever written back over the original, so nothing is dropped twice.
        unsafe { std::ptr::copy_nonoverlapping(&raw const self.coroutine, coroutine.as_mut_ptr(), 1) };
        Ok(Still {
            memory,
            coroutine,
            stop: self.stop,
        })
    }

    /// Puts the domain's state back.
    pub(super) fn put_back(&mut self, still: &mut Still) -> io::Result<()> {
        // SAFETY: the domain stands still: either in `Recv` or for ever.
        unsafe { still.memory.put_back() }?;
        // SAFETY: the words are this very coroutine's own, and its stack is again what it was with them.
        unsafe { std::ptr::copy_nonoverlapping(still.coroutine.as_ptr(), &raw mut self.coroutine, 1) };
        self.stop = still.stop;
        self.state.current.set(None);
        self.state.answer.set(None);
        Ok(())
    }

    pub(super) fn process(&self) -> &Arc<Process> {
        &self.state.process
    }

    pub(super) fn judge(&self) -> &Judge {
        &self.state.judge
    }

    pub(super) fn stop(&self) -> Option<Stop> {
        self.stop
    }

    pub(super) fn exit_code(&self) -> Option<i32> {
        match self.stop {
            Some(Stop::Exited(code)) => Some(code),
            _ => None,
        }
    }

    /// Runs the domain until it stands still again.
    pub(super) fn resume(&mut self) {
        if self.exit_code().is_none() {
            self.stop = Some(match self.coroutine.resume(()) {
                CoroutineResult::Yield(stop) | CoroutineResult::Return(stop) => stop,
            });
        }
    }

    /// Lends the room for the next request.
    pub(super) fn request_room(&mut self) -> PartsMut<'_> {
        // SAFETY: the domain stands still in `Recv`, where it holds nothing of the request area.
        unsafe { self.state.process.shared.room(REQUEST) }
    }

    /// Judges the request in the room.
    pub(super) fn judge_request(&mut self, lens: Lens) -> Result<Known, Retcode> {
        let State { process, judge, .. } = &*self.state;
        let between = Between::new(Party::here(super::CLIENT), process.task.party());
        // SAFETY: the domain stands still, and `&mut self` keeps the room from anybody else.
        let parts = unsafe { process.shared.view(REQUEST, lens) }.ok_or(Retcode::INVALID_ARGUMENT)?;
        let known = judge.request(between, 0, parts)?;
        let desc = HandleDesc {
            handle: Handle::INVALID,
            rights: Rights::CALL.bits(),
            badge: 0,
        };
        Header::set_self_handle(self.request_room().constant, desc).map_err(|_| Retcode::INVALID_ARGUMENT)?;
        Ok(known)
    }

    /// Ends the domain's `Recv` with the request in the room.
    pub(super) fn deliver(&mut self, id: u64, known: Known, lens: Lens) {
        let port = self.state.process.shared.port();
        port.serve_request.store(lens);
        port.caller.store(id, Relaxed);
        port.event.store(event::REQUEST, Relaxed);
        self.state.current.set(Some((id, known)));
        self.state.answer.set(None);
    }

    /// Returns the answer to request `id`, if it was given.
    pub(super) fn take_answer(&mut self, id: u64) -> Option<Result<Lens, Retcode>> {
        let (answered, answer) = self.state.answer.get()?;
        (answered == id).then(|| {
            answer.map(|answer| match answer {
                Answer::Port(lens) | Answer::Copy(lens) => lens,
            })
        })
    }

    /// Lends the answer that was just taken.
    pub(super) fn answer_parts(&mut self, lens: Lens) -> Result<Parts<'_>, Retcode> {
        match self.state.answer.take() {
            // SAFETY: the domain stands still, and `&mut self` keeps it there for the borrow.
            Some((_, Ok(Answer::Port(_)))) => unsafe {
                self.state
                    .process
                    .shared
                    .view(Area::ServeResponse, lens)
                    .ok_or(Retcode::INVALID_ARGUMENT)
            },
            Some((_, Ok(Answer::Copy(_)))) => {
                let copy = self.state.copy.as_ptr();
                // SAFETY: only `reply` borrows the copy, on the domain's side, which stands still.
                Ok(unsafe { (*copy).parts(lens) })
            }
            _ => Err(Retcode::FAIL),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: the domain's frames own nothing of this process: it is foreign code that is
        // simply not resumed.
        unsafe { self.coroutine.force_reset() };
        self.state.process.bury();
    }
}
