// SPDX-License-Identifier: MIT OR Apache-2.0
//! The coroutine on which an in-process domain runs, and what it enters instead of a kernel.
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
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::vec::Vec;

use corosensei::stack::{DefaultStack, Stack};
use corosensei::{Coroutine, CoroutineResult, Yielder};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::REQUEST;
use super::snapshot::{self, Memory};
use crate::hosted::handles::{HandleTable, Rights, Target};
use crate::hosted::judge::{Between, Judge, Known};
use crate::hosted::process::Process;
use crate::hosted::shared::Message;
use crate::nk::{Handle, HandleDesc, Header, Lens, Parts, PartsMut, Retcode};
use crate::port::{AREAS_AT, AT_IN_PROCESS, Area, FOREVER, InProcess, PAGE, event, op, turn};

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
enum Answer {
    /// In the port: the domain stands still since it gave it.
    Port(Lens),
    /// In a copy: the domain went on after it.
    Copy(Lens),
}

/// What both sides of the coroutine reach. Cells: there is one thread, and no borrow lives over a
/// switch.
struct State {
    process: Arc<Process>,
    /// What the domain may call; it stays as it was at birth, so no lock guards it.
    handles: HandleTable,
    judge: Judge,
    yielder: Cell<*const Yielder<(), Stop>>,
    /// The request that is being served, if it was received and not answered.
    current: Cell<Option<(u64, Known)>>,
    answer: Cell<Option<(u64, Result<Answer, Retcode>)>>,
    copy: RefCell<Message>,
    /// What the domain mapped: start and bytes.
    memory: RefCell<Vec<(usize, usize)>>,
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

/// A pointer that is used on this thread only.
struct Here<T>(*const T);

// SAFETY: `on_parent_stack` asks for `Send` so that the yielder cannot leave its stack; the state
// holds it in a cell, and what runs there does not touch that cell.
unsafe impl<T> Send for Here<T> {}

impl<T> Here<T> {
    fn get(&self) -> *const T {
        self.0
    }
}

impl Host {
    /// Prepares a domain whose code begins at `entry`, with a stack of `stack_bytes`.
    pub(super) fn new(
        process: Arc<Process>,
        handles: HandleTable,
        judge: Judge,
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
        let between = Between {
            client: super::CLIENT,
            server: &process.class,
        };
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
        let word = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        port.serve_request.constant.store(word(lens.constant), Relaxed);
        port.serve_request.arena.store(word(lens.arena), Relaxed);
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

/// Starts the image on the coroutine's stack, with the initial stack that Linux would give it.
fn begin(state: &State, entry: usize) -> ! {
    const AT_NULL: usize = 0;
    const AT_SYSINFO_EHDR: usize = 33;
    /// The block lies above the words: the image's stack grows down from these.
    #[repr(C, align(16))]
    struct Initial {
        words: [usize; 10],
        block: InProcess,
    }

    // SAFETY: reads a word of the auxiliary vector.
    let vdso = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) };
    let vdso = usize::try_from(vdso).unwrap_or(0);
    let mut initial = Initial {
        // argc, argv's null, the environment's null, then the auxiliary vector.
        words: [0, 0, 0, AT_SYSINFO_EHDR, vdso, AT_IN_PROCESS, 0, AT_NULL, 0, 0],
        block: InProcess {
            port: state.process.shared.base(),
            context: std::ptr::from_ref(state).cast_mut().cast(),
            enter,
            exit,
            map,
        },
    };
    initial.words[6] = (&raw const initial.block).expose_provenance();
    let sp = &raw const initial;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: `entry` is the entry point of a mapped image, which takes this stack and never
    // returns.
    unsafe {
        std::arch::asm!("mov rsp, {sp}", "xor ebp, ebp", "jmp {entry}", sp = in(reg) sp, entry = in(reg) entry,
            options(noreturn))
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("mov sp, {sp}", "br {entry}", sp = in(reg) sp, entry = in(reg) entry, options(noreturn))
    }
}

/// # Safety
///
/// `context` is the state of the host on whose coroutine the caller runs.
unsafe extern "C" fn enter(context: *mut ()) {
    // SAFETY: our caller's promise.
    let state = unsafe { &*context.cast::<State>() };
    let port = state.process.shared.port();
    match port.op.load(Relaxed) {
        op::CALL => {
            let here = Here(std::ptr::from_ref(state));
            // SAFETY: set before the image began to run.
            let yielder = unsafe { &*state.yielder.get() };
            // The domain's stack is as small as a Linux kernel's; validators and simulated chips
            // want more.
            yielder.on_parent_stack(move || {
                // SAFETY: the state outlives the coroutine.
                let state = unsafe { &*here.get() };
                let code = call(state).err().unwrap_or(Retcode::OK);
                state.process.set_result(code);
            });
        }
        op::RECV => {
            state.process.set_result(Retcode::OK);
            receive(state);
        }
        op::REPLY => {
            let code = reply(state, true);
            state.process.set_result(code);
        }
        op::REPLY_RECV => {
            let code = reply(state, false);
            state.process.set_result(code);
            receive(state);
        }
        _ => state.process.set_result(Retcode::INVALID_ARGUMENT),
    }
    port.turn.store(turn::USER, Release);
}

/// # Safety
///
/// As for [`enter`].
unsafe extern "C" fn exit(context: *mut (), code: i32) -> ! {
    // SAFETY: our caller's promise.
    let state = unsafe { &*context.cast::<State>() };
    loop {
        // SAFETY: set before the image began to run.
        unsafe { &*state.yielder.get() }.suspend(Stop::Exited(code));
    }
}

/// # Safety
///
/// As for [`enter`].
unsafe extern "C" fn map(context: *mut (), bytes: usize, is_accessible: bool) -> *mut u8 {
    // SAFETY: our caller's promise.
    let state = unsafe { &*context.cast::<State>() };
    let prot = if is_accessible {
        ProtFlags::READ | ProtFlags::WRITE
    } else {
        ProtFlags::empty()
    };
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: a fresh mapping at an address that the system chooses takes no memory from anybody.
    match unsafe { mmap_anonymous(std::ptr::null_mut(), bytes, prot, flags) } {
        Ok(at) => {
            state.memory.borrow_mut().push((at.addr(), bytes));
            at.cast()
        }
        Err(_) => std::ptr::null_mut(),
    }
}

/// `Recv`: back to the client, unless an interrupt waits already.
fn receive(state: &State) {
    let port = state.process.shared.port();
    if port.irq.rise.load(Relaxed) | port.irq.fall.load(Relaxed) != 0 && state.answer.get().is_none() {
        port.event.store(event::IRQ, Relaxed);
        return;
    }
    let deadline_ns = match port.timeout_ns.load(Relaxed) {
        0 => 0,
        FOREVER => u64::MAX,
        timeout => crate::hosted::clock_ns().saturating_add(timeout),
    };
    // SAFETY: set before the image began to run.
    unsafe { &*state.yielder.get() }.suspend(Stop::Receiving { deadline_ns });
}

fn load(lens: &crate::port::PortLens) -> Lens {
    Lens {
        constant: lens.constant.load(Relaxed) as usize,
        arena: lens.arena.load(Relaxed) as usize,
    }
}

/// `Call`, on the client's stack.
fn call(state: &State) -> Result<(), Retcode> {
    let shared = &state.process.shared;
    let port = shared.port();
    let lens = load(&port.call_request);
    let handle = Handle(port.handle.load(Relaxed));
    let entry = state.handles.callable(handle)?;
    let Target::Server(server) = &entry.target else {
        return Err(Retcode::NOT_CONNECTED);
    };
    let between = Between {
        client: &state.process.class,
        server: &server.name,
    };
    // SAFETY: the domain stands still in its `Call`.
    let request = unsafe { shared.view(Area::CallRequest, lens) }.ok_or(Retcode::INVALID_ARGUMENT)?;
    let known = state.judge.request(between, entry.riid, request)?;
    let desc = HandleDesc {
        handle: Handle::INVALID,
        rights: entry.rights.bits(),
        badge: state.process.id,
    };
    // SAFETY: the view above is used no more.
    let room = unsafe { shared.room(Area::CallRequest) };
    Header::set_self_handle(room.constant, desc).map_err(|_| Retcode::INVALID_ARGUMENT)?;
    // SAFETY: the room above is used no more.
    let request = unsafe { shared.view(Area::CallRequest, lens) }.ok_or(Retcode::INVALID_ARGUMENT)?;
    // SAFETY: another area than the request's.
    let room = unsafe { shared.room(Area::CallResponse) };
    let outcome = server.dispatch(known.interface.riid, request, room);
    let lens = outcome.map_err(|(code, _)| code)?;
    // SAFETY: the room went to the server, which is done.
    let response = unsafe { shared.view(Area::CallResponse, lens) }.ok_or(Retcode::INVALID_ARGUMENT)?;
    state.judge.response(between, known, response)?;
    let word = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    port.call_response.constant.store(word(lens.constant), Relaxed);
    port.call_response.arena.store(word(lens.arena), Relaxed);
    Ok(())
}

/// `Reply`. `goes_on` tells that the domain may write the area again before the client looks.
fn reply(state: &State, goes_on: bool) -> Retcode {
    let port = state.process.shared.port();
    let lens = load(&port.serve_response);
    let caller = port.caller.load(Relaxed);
    let Some((id, known)) = state.current.get().filter(|(id, _)| *id == caller) else {
        // An answer that nobody waits for any more, or a second one.
        return Retcode::INVALID_ARGUMENT;
    };
    state.current.set(None);
    let judged = judge_reply(state, known, lens);
    let answer = judged.map(|parts| {
        if goes_on {
            *state.copy.borrow_mut() = Message::copy_of(parts);
            Answer::Copy(lens)
        } else {
            Answer::Port(lens)
        }
    });
    state.answer.set(Some((id, answer)));
    match answer {
        Ok(_) | Err(Retcode::FAIL) => Retcode::OK,
        Err(code) => code,
    }
}

fn judge_reply(state: &State, known: Known, lens: Lens) -> Result<Parts<'_>, Retcode> {
    if lens == Lens::default() {
        return Err(Retcode::FAIL);
    }
    // SAFETY: the domain stands still in its `Reply`.
    let parts = unsafe { state.process.shared.view(Area::ServeResponse, lens) }.ok_or(Retcode::INVALID_ARGUMENT)?;
    let between = Between {
        client: super::CLIENT,
        server: &state.process.class,
    };
    state.judge.response(between, known, parts)?;
    Ok(parts)
}
