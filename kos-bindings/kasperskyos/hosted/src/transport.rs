// SPDX-License-Identifier: MIT OR Apache-2.0
//! `nk/transport.h`, `coresrv/nk/transport-kos.h`: what generated proxies and servers send and receive through.
#![expect(unsafe_code, reason = "messages in C's buffers")]

use core::ffi::c_void;

use kos_bindings::kn::INFINITE;
use kos_bindings::nk::{Handle, NkErr, Retcode};

use crate::convert::nk_code;
use crate::ipc::{Arena, CallEx, Message, PackInMsg, PackOutMsg, RecvEx, Reply, SMsgHdr};

/// `struct nk_transport_ops`.
#[repr(C)]
#[derive(Debug)]
pub struct Ops {
    call: unsafe extern "C" fn(*mut Transport, *mut Message, *mut Arena, *mut Message, *mut Arena) -> i32,
    recv: unsafe extern "C" fn(*mut Transport, *mut Message, *mut Arena) -> i32,
    reply: unsafe extern "C" fn(*mut Transport, *mut Message, *mut Arena) -> i32,
}

/// `NkKosTransport`.
#[repr(C)]
#[derive(Debug)]
pub struct Transport {
    ops: *const Ops,
    handle: u32,
    reply_handle: u32,
    thread: u32,
}

static OPS: Ops = Ops { call, recv, reply };

/// What the message layer says of the kernel's code. Published is what it says of a refusal; for the others this is
/// the one that a caller's own mistakes have.
fn outcome(code: i32) -> i32 {
    match Retcode(code) {
        Retcode::OK => 0,
        Retcode::SECURITY_DISALLOW => nk_code(NkErr::Perm),
        _ => nk_code(NkErr::Inval),
    }
}

/// # Safety
///
/// `transport` is a place for one.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn NkKosTransport_Init(
    transport: *mut Transport,
    handle: u32,
    _unused: *mut c_void,
    _none: usize,
) {
    let made = Transport {
        ops: &raw const OPS,
        handle,
        reply_handle: Handle::INVALID.0,
        thread: 0,
    };
    // SAFETY: our caller's promise.
    unsafe { transport.write(made) };
}

/// # Safety
///
/// All pointers are to such things, whose parts name memory that is there; an arena's may be null.
unsafe extern "C" fn call(
    transport: *mut Transport,
    req: *mut Message,
    req_arena: *mut Arena,
    res: *mut Message,
    res_arena: *mut Arena,
) -> i32 {
    let (mut out, mut into) = (SMsgHdr::EMPTY, SMsgHdr::EMPTY);
    // SAFETY: our caller's promise.
    let packed = unsafe { PackOutMsg(&raw mut out, req, req_arena) };
    // SAFETY: our caller's promise.
    let packed = packed | unsafe { PackInMsg(&raw mut into, res, res_arena) };
    if packed != 0 {
        return nk_code(NkErr::Inval);
    }
    // SAFETY: our caller's promise.
    let handle = unsafe { (*transport).handle };
    // SAFETY: both were packed from what our caller promises.
    let code = unsafe { CallEx(handle, &raw const out, &raw mut into, INFINITE, Handle::INVALID.0) };
    // SAFETY: our caller's promise.
    unsafe { into.tell(res_arena) };
    outcome(code)
}

/// # Safety
///
/// As [`call`].
unsafe extern "C" fn recv(transport: *mut Transport, req: *mut Message, arena: *mut Arena) -> i32 {
    let mut into = SMsgHdr::EMPTY;
    // SAFETY: our caller's promise.
    if unsafe { PackInMsg(&raw mut into, req, arena) } != 0 {
        return nk_code(NkErr::Inval);
    }
    // SAFETY: our caller's promise.
    let transport = unsafe { &mut *transport };
    // SAFETY: it was packed from what our caller promises.
    let code = unsafe { RecvEx(transport.handle, &raw mut into, INFINITE, Handle::INVALID.0) };
    (transport.reply_handle, transport.thread) = into.origin();
    // SAFETY: our caller's promise.
    unsafe { into.tell(arena) };
    outcome(code)
}

/// # Safety
///
/// As [`call`].
unsafe extern "C" fn reply(transport: *mut Transport, res: *mut Message, arena: *mut Arena) -> i32 {
    let mut out = SMsgHdr::EMPTY;
    // SAFETY: our caller's promise.
    if unsafe { PackOutMsg(&raw mut out, res, arena) } != 0 {
        return nk_code(NkErr::Inval);
    }
    // SAFETY: our caller's promise.
    let transport = unsafe { &*transport };
    out.answer_to(transport.thread);
    // SAFETY: it was packed from what our caller promises.
    outcome(unsafe { Reply(transport.reply_handle, &raw const out) })
}
