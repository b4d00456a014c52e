// SPDX-License-Identifier: MIT OR Apache-2.0
//! `coresrv/syscalls.h`, `services/rtl/nk_msg.h`, `coresrv/sl/sl_api.h`.
#![expect(unsafe_code, reason = "messages in C's buffers")]

use core::ffi::{c_char, c_void};

use kos_bindings::kn::INFINITE;
use kos_bindings::nk::{Handle, Lens, NkErr, Parts, PartsMut, Retcode, Transport};

use crate::convert::{code, nk_code, text};
use crate::process::with;

/// `IndirDesc`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IndirDesc {
    buf: *mut u8,
    size: u32,
}

/// `SMsgHdr`, as `ipc/if_rend.h` has it.
#[repr(C)]
#[derive(Debug)]
pub struct SMsgHdr {
    reply_handle: u32,
    sender: u32,
    thread_id: u32,
    trace_id: u64,
    span_id: u64,
    imm_size: u32,
    descs: [IndirDesc; 2],
}

impl SMsgHdr {
    pub(crate) const EMPTY: Self = Self {
        reply_handle: Handle::INVALID.0,
        sender: 0,
        thread_id: 0,
        trace_id: 0,
        span_id: 0,
        imm_size: 0,
        descs: [IndirDesc {
            buf: core::ptr::null_mut(),
            size: 0,
        }; 2],
    };

    /// Whom to answer, and on which handle.
    pub(crate) fn origin(&self) -> (u32, u32) {
        (self.reply_handle, self.thread_id)
    }

    pub(crate) fn answer_to(&mut self, thread: u32) {
        self.thread_id = thread;
    }

    /// Says in `arena` how much of it arrived.
    ///
    /// # Safety
    ///
    /// `arena` is null or was packed into this header.
    pub(crate) unsafe fn tell(&self, arena: *mut Arena) {
        // SAFETY: our caller's promise.
        if let Some(arena) = unsafe { arena.as_mut() } {
            arena.current = arena.start.wrapping_add(self.descs[1].size as usize);
        }
    }
}

/// `nk_message`: the header of a constant part.
#[repr(C)]
#[derive(Debug)]
pub struct Message {
    word: u32,
    iid: u16,
    mid: u16,
    own: [u64; 2],
}

/// `nk_arena`.
#[repr(C)]
#[derive(Debug)]
pub struct Arena {
    start: *mut u8,
    current: *mut u8,
    end: *mut u8,
}

/// In `traceId`: the span is the number of a call. What tracing means by the two words is not public; a reply that
/// hands them back as `Recv` gave them is to this call, one that does not is to any of its client's.
const CALL_TRACE: u64 = u64::from_le_bytes(*b"the call");
const SIZE_BITS: u32 = 23;
const NK_EOK: i32 = 0;

/// Copies a message of C's into a port.
///
/// # Safety
///
/// `header` is null or points to a header whose descriptors name memory that is there.
unsafe fn gather(header: *const SMsgHdr, room: PartsMut<'_>) -> Result<Lens, Retcode> {
    // SAFETY: our caller's promise.
    let header = unsafe { header.as_ref() }.ok_or(Retcode::INVALID_ARGUMENT)?;
    // Immediate data has a form of its own, which nothing public describes.
    if header.imm_size != 0 {
        return Err(Retcode::INVALID_ARGUMENT);
    }
    let [constant, arena] = header.descs;
    // SAFETY: our caller's promise.
    let constant = unsafe { copy_in(constant, room.constant) }?;
    // SAFETY: our caller's promise.
    let arena = unsafe { copy_in(arena, room.arena) }?;
    Ok(Lens { constant, arena })
}

/// # Safety
///
/// `from` names memory that is there.
unsafe fn copy_in(from: IndirDesc, room: &mut [u8]) -> Result<usize, Retcode> {
    let len = from.size as usize;
    let room = room.get_mut(..len).ok_or(Retcode::INVALID_ARGUMENT)?;
    if len > 0 {
        if from.buf.is_null() {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        // SAFETY: our caller's promise; the port is other memory than a caller's buffer.
        room.copy_from_slice(unsafe { core::slice::from_raw_parts(from.buf, len) });
    }
    Ok(len)
}

/// Copies a message out of a port into C's buffers, and says there how long it is.
///
/// # Safety
///
/// `header`'s descriptors name memory that may be written.
unsafe fn scatter(header: &mut SMsgHdr, parts: Parts<'_>) -> Result<(), Retcode> {
    for (desc, bytes) in header.descs.iter_mut().zip([parts.constant, parts.arena]) {
        if bytes.len() > desc.size as usize || (desc.buf.is_null() && !bytes.is_empty()) {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        if !bytes.is_empty() {
            // SAFETY: our caller's promise, and there is room.
            unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), desc.buf, bytes.len()) };
        }
        desc.size = u32::try_from(bytes.len()).map_err(|_| Retcode::INVALID_ARGUMENT)?;
    }
    Ok(())
}

/// # Safety
///
/// As the messages' descriptors say.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn CallEx(
    handle: u32,
    out: *const SMsgHdr,
    into: *mut SMsgHdr,
    mdelay: u32,
    sync: u32,
) -> i32 {
    code(with(|thread| {
        // SAFETY: our caller's promise.
        let lens = unsafe { gather(out, thread.request()) }?;
        // SAFETY: our caller's promise.
        let into = unsafe { into.as_mut() }.ok_or(Retcode::INVALID_ARGUMENT)?;
        let answer = thread.call_ex(Handle(handle), lens, mdelay, Handle(sync))?;
        // SAFETY: our caller's promise.
        unsafe { scatter(into, answer) }
    }))
}

/// # Safety
///
/// As [`CallEx`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn Call(handle: u32, out: *const SMsgHdr, into: *mut SMsgHdr) -> i32 {
    // SAFETY: our caller's promise.
    unsafe { CallEx(handle, out, into, INFINITE, Handle::INVALID.0) }
}

/// # Safety
///
/// As the message's descriptors say.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn RecvEx(handle: u32, into: *mut SMsgHdr, mdelay: u32, sync: u32) -> i32 {
    code(with(|thread| {
        // SAFETY: our caller's promise.
        let into = unsafe { into.as_mut() }.ok_or(Retcode::INVALID_ARGUMENT)?;
        let got = thread.recv_ex(Handle(handle), mdelay, Handle(sync))?;
        let (reply_handle, sender, tid, call) = (got.reply_handle.0, got.sender, got.thread, got.call);
        // SAFETY: our caller's promise.
        unsafe { scatter(into, got.message) }?;
        (into.reply_handle, into.sender, into.thread_id) = (reply_handle, sender, tid);
        (into.trace_id, into.span_id) = (CALL_TRACE, call);
        Ok(())
    }))
}

/// # Safety
///
/// As [`RecvEx`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn Recv(handle: u32, into: *mut SMsgHdr) -> i32 {
    // SAFETY: our caller's promise.
    unsafe { RecvEx(handle, into, INFINITE, Handle::INVALID.0) }
}

/// # Safety
///
/// As the message's descriptors say.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn Reply(handle: u32, out: *const SMsgHdr) -> i32 {
    code(with(|thread| {
        // SAFETY: our caller's promise.
        let lens = unsafe { gather(out, thread.response()) }?;
        // SAFETY: `gather` found it readable.
        let SMsgHdr {
            thread_id,
            trace_id,
            span_id,
            ..
        } = unsafe { core::ptr::read(out) };
        let call = if trace_id == CALL_TRACE { span_id } else { 0 };
        thread.reply_to(Handle(handle), thread_id, call, lens)
    }))
}

/// Fills a header's descriptors; `used` is what there is of the arena.
///
/// # Safety
///
/// The pointers are null or to such things.
unsafe fn pack(header: *mut SMsgHdr, message: *mut Message, arena: Option<(*mut u8, usize)>) -> i32 {
    // SAFETY: our caller's promise.
    let header = unsafe { header.as_mut() };
    // SAFETY: our caller's promise.
    let seen = unsafe { message.as_ref() };
    let (header, size) = match (header, seen) {
        (Some(header), Some(message)) => (header, message.word & ((1 << SIZE_BITS) - 1)),
        _ => return nk_code(NkErr::Inval),
    };
    let (buf, used) = arena.unwrap_or((core::ptr::null_mut(), 0));
    let Ok(used) = u32::try_from(used) else {
        return nk_code(NkErr::Inval);
    };
    let constant = IndirDesc {
        buf: message.cast(),
        size,
    };
    header.imm_size = 0;
    header.descs = [constant, IndirDesc { buf, size: used }];
    NK_EOK
}

/// # Safety
///
/// The pointers are null or to such things.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn PackOutMsg(header: *mut SMsgHdr, message: *mut Message, arena: *mut Arena) -> i32 {
    // SAFETY: our caller's promise.
    let arena =
        unsafe { arena.as_ref() }.map(|arena| (arena.start, arena.current.addr().wrapping_sub(arena.start.addr())));
    // SAFETY: our caller's promise.
    unsafe { pack(header, message, arena) }
}

/// # Safety
///
/// The pointers are null or to such things.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn PackInMsg(header: *mut SMsgHdr, message: *mut Message, arena: *mut Arena) -> i32 {
    // SAFETY: our caller's promise.
    let arena = unsafe { arena.as_ref() }.map(|arena| (arena.start, arena.end.addr().wrapping_sub(arena.start.addr())));
    // SAFETY: our caller's promise.
    unsafe { pack(header, message, arena) }
}

/// # Safety
///
/// `name` is null or a string.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ServiceLocatorConnect(name: *const c_char) -> u32 {
    // SAFETY: our caller's promise.
    let Some(name) = (unsafe { text(name) }) else {
        return Handle::INVALID.0;
    };
    with(|thread| Ok(thread.service_locator_connect(name))).map_or(Handle::INVALID.0, |handle| handle.0)
}

/// # Safety
///
/// `name` is null or a string, `id` null or a place for a number.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ServiceLocatorRegister(
    name: *const c_char,
    _: *const c_void,
    _: usize,
    id: *mut u16,
) -> u32 {
    // SAFETY: our caller's promise.
    let Some(name) = (unsafe { text(name) }) else {
        return Handle::INVALID.0;
    };
    if !id.is_null() {
        // SAFETY: our caller's promise. What the number means is not public, and it is obsolete.
        unsafe { id.write(0) };
    }
    with(|thread| Ok(thread.service_locator_register(name))).map_or(Handle::INVALID.0, |handle| handle.0)
}

/// # Safety
///
/// `endpoint` is null or a string.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ServiceLocatorGetRiid(channel: u32, endpoint: *const c_char) -> u16 {
    // SAFETY: our caller's promise.
    let Some(endpoint) = (unsafe { text(endpoint) }) else {
        return u16::MAX;
    };
    let found = with(|thread| Ok(thread.service_locator_get_riid(Handle(channel), endpoint)));
    found.ok().flatten().unwrap_or(u16::MAX)
}
