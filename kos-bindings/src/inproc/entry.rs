// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an in-process domain enters instead of a kernel: its start, its calls, its end.
#![expect(
    unsafe_code,
    reason = "starts foreign code, and is called back by it with a raw context"
)]

use std::sync::atomic::Ordering::{Relaxed, Release};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

use super::host::{Answer, State, Stop};
use crate::hosted::handles::Target;
use crate::hosted::judge::{Between, Known, Party};
use crate::hosted::shared::Message;
use crate::nk::{Handle, HandleDesc, Header, Lens, Parts, Retcode};
use crate::port::{AT_IN_PROCESS, Area, FOREVER, InProcess, event, op, turn};

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

/// Starts the image on the coroutine's stack, with the initial stack that Linux would give it.
pub(super) fn begin(state: &State, entry: usize) -> ! {
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

/// `Call`, on the client's stack.
fn call(state: &State) -> Result<(), Retcode> {
    let shared = &state.process.shared;
    let port = shared.port();
    let lens = port.call_request.load();
    let handle = Handle(port.handle.load(Relaxed));
    let entry = state.handles.callable(handle)?;
    let Target::Server(server) = &entry.target else {
        return Err(Retcode::NOT_CONNECTED);
    };
    let between = Between::new(state.process.task.party(), Party::here(&server.name));
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
    port.call_response.store(lens);
    Ok(())
}

/// `Reply`. `goes_on` tells that the domain may write the area again before the client looks.
fn reply(state: &State, goes_on: bool) -> Retcode {
    let port = state.process.shared.port();
    let lens = port.serve_response.load();
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
    let between = Between::new(Party::here(super::CLIENT), state.process.task.party());
    state.judge.response(between, known, parts)?;
    Ok(parts)
}
