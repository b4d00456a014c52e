// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two domains that share memory: one writes and hands it over for reading, the other attacks it, and reads.

use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use kos_bindings::domain::{Boot, Caller, Domain, mem};
use kos_bindings::kn::{Kn, right};
use kos_bindings::nk::{Handle, HandleDesc, Header, Lens, Parts, PartsMut, Retcode, Transport, Wire};

use crate::escape::syscall;

const PAGE: usize = 4096;
/// The tests' interface.
const RIID: u16 = 0x7001;
const MMAP: usize = 9;
const MPROTECT: usize = 10;
const EPERM: isize = -1;
const EACCES: isize = -13;

/// What was mapped first; a domain has one thread.
static MINE: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());

fn error(text: &mut [u8], code: Retcode) -> usize {
    text[..4].copy_from_slice(&code.0.to_le_bytes());
    4
}

/// The writer: the request's text is written to the second page of shared memory, which the domain behind `back` is
/// handed for reading the first time. Returns what that one answers.
pub fn share(caller: &mut Caller, boot: Boot, request: Parts<'_>, text: &mut [u8]) -> usize {
    match try_share(caller, boot, request) {
        Ok(answer) => {
            let len = answer.arena.len().min(text.len());
            text[..len].copy_from_slice(&answer.arena[..len]);
            len
        }
        Err(code) => error(text, code),
    }
}

fn try_share<'a>(caller: &'a mut Caller, boot: Boot, request: Parts<'_>) -> Result<Parts<'a>, Retcode> {
    let mut memory = None;
    if MINE.load(Relaxed).is_null() {
        let mut kn = Kn::new(&mut *caller, Handle(boot.kernel));
        let whole = kn.mdl_create(2 * PAGE as u64, 3)?;
        MINE.store(mem::map_mdl(&mut kn, whole, 0, 2 * PAGE, 3)?, Relaxed);
        let part = kn.mdl_clone(whole, PAGE as u64, PAGE as u64)?;
        let rights = right::TRANSFER | right::COPY | right::MAP_READ;
        memory = Some(kn.handle_copy(part, rights, Handle::INVALID)?);
    }
    let at = MINE.load(Relaxed);
    let secret = b"not for the reader";
    for (to, from) in (0..).zip(secret) {
        // SAFETY: the first page of memory that was mapped for good.
        unsafe { at.wrapping_add(to).write_volatile(*from) };
    }
    for (to, from) in (PAGE..2 * PAGE).zip(request.arena.iter().chain([&0])) {
        // SAFETY: the second page of it.
        unsafe { at.wrapping_add(to).write_volatile(*from) };
    }
    let back = boot.channel("back").map_or(0, |channel| channel.handle);
    let lens = message(caller.request(), super::mid::SHARED, memory)?;
    caller.call(Handle(back), lens)
}

/// The reader: returns how many attacks there were and how many of them were refused as they must be, and what it
/// reads then.
pub fn shared(caller: &mut Caller, boot: Boot, request: Parts<'_>, text: &mut [u8]) -> usize {
    let mut counts = [0u8; 2];
    if Header::read(request.constant).is_ok_and(|header| header.handles == 1) {
        let Ok(desc) = HandleDesc::get(request.constant, 24) else {
            return 0;
        };
        let mut kn = Kn::new(caller, Handle(boot.kernel));
        match attack(&mut kn, desc.handle, &mut counts) {
            Ok(at) => MINE.store(at, Relaxed),
            Err(code) => return error(text, code),
        }
    }
    text[..2].copy_from_slice(&counts);
    let at = MINE.load(Relaxed);
    let mut len = 2;
    for place in 0..text.len() - 2 {
        // SAFETY: a page that was mapped for good.
        let byte = unsafe { at.wrapping_add(place).read_volatile() };
        if byte == 0 {
            break;
        }
        text[len] = byte;
        len += 1;
    }
    len
}

fn attack<T: Transport>(kn: &mut Kn<T>, memory: Handle, counts: &mut [u8; 2]) -> Result<*mut u8, Retcode> {
    let mut count = |is_refused: bool| {
        counts[0] += 1;
        counts[1] += u8::from(is_refused);
    };
    let map = |at: usize, bytes: usize, prot: usize, flags: usize, file: usize, offset: usize| {
        syscall(MMAP, [at, bytes, prot, flags, file, offset])
    };
    // Nothing was granted.
    count(map(0, PAGE, 1, 1, 0, 0) == EPERM);
    count(kn.mdl_map(memory, 0, PAGE as u64, 3) == Err(Retcode::SECURITY_DISALLOW));
    count(kn.mdl_map(memory, 0, 2 * PAGE as u64, 1) == Err(Retcode::INVALID_ARGUMENT));
    count(kn.mdl_map(memory, PAGE as u64, PAGE as u64, 1) == Err(Retcode::INVALID_ARGUMENT));
    count(kn.mdl_map(Handle(4711), 0, PAGE as u64, 1) == Err(Retcode::INVALID_ARGUMENT));
    // Something was, but another mapping than this.
    let elsewhere = 0x5000_0000;
    let others = [
        [0, PAGE, 3, 1, 0, PAGE],
        [0, PAGE, 5, 1, 0, PAGE],
        [0, 2 * PAGE, 1, 1, 0, PAGE],
        [0, 2 * PAGE, 1, 1, 0, 0],
        [0, PAGE, 1, 1, 0, 0],
        [0, PAGE, 1, 3, 0, PAGE],
        [0, PAGE, 1, 0x11, 0, PAGE],
        [0, PAGE, 1, 2, 0, PAGE],
        [0, PAGE, 1, 1, 1, PAGE],
        [elsewhere, PAGE, 1, 1, 0, PAGE],
        [0, PAGE, 1, 1 | 1 << 40, 0, PAGE],
    ];
    for [at, bytes, prot, flags, file, offset] in others {
        count(kn.mdl_map(memory, 0, PAGE as u64, 1) == Ok(PAGE));
        count(map(at, bytes, prot, flags, file, offset) == EPERM);
        // The grant is used up, or that was refused before it was asked about: nothing comes of asking twice.
        let again = map(0, PAGE, 1, 1, 0, PAGE);
        if again != EPERM {
            count(again > 0);
            count(map(0, PAGE, 1, 1, 0, PAGE) == EPERM);
        }
    }
    let at = mem::map_mdl(kn, memory, 0, PAGE, 1)?;
    // The file is on descriptor 0 now, and of no use.
    count(map(0, PAGE, 1, 1, 0, PAGE) == EPERM);
    count(map(0, PAGE, 1, 1, 0, 0) == EPERM);
    count(map(0, PAGE, 3, 2, 0, 0) == EPERM);
    count(syscall(MPROTECT, [at as usize, PAGE, 3, 0, 0, 0]) == EACCES);
    for (nr, args) in [
        (0, [0, at as usize, 1, 0, 0, 0]),
        (3, [0; 6]),
        (32, [0; 6]),
        (77, [0, 0, 0, 0, 0, 0]),
        (285, [0, 0, 0, PAGE, 0, 0]),
        (436, [0, 9, 0, 0, 0, 0]),
    ] {
        count(syscall(nr, args) == EPERM);
    }
    Ok(at)
}

/// Answers with `text`, and without the handles that came with the request.
pub fn answer(request: Parts<'_>, response: PartsMut<'_>, text: &[u8]) -> Lens {
    let Ok(header) = Header::read(request.constant) else {
        return Lens::default();
    };
    let header = Header {
        size: 24,
        handles: 0,
        ..header
    };
    if header.begin::<24>(response.constant).is_err() {
        return Lens::default();
    }
    response.arena[..text.len()].copy_from_slice(text);
    Lens {
        constant: 24,
        arena: text.len(),
    }
}

/// Receives on what is the domain's own, and on what is not. Returns one return code for each attempt; `back` is
/// another domain, which is handed an object of this one's and calls it ([`call_own`]).
pub fn recv_ex(domain: &mut Domain, back: u32, text: &mut [u8]) -> usize {
    let codes = try_recv_ex(domain, back);
    for (to, code) in text.chunks_exact_mut(4).zip(codes) {
        to.copy_from_slice(&code.err().map_or(0, |code| code.0).to_le_bytes());
    }
    4 * codes.len()
}

fn try_recv_ex(domain: &mut Domain, back: u32) -> [Result<(), Retcode>; 8] {
    const MS: u64 = 1_000_000;
    let none = Handle::INVALID;
    let Domain {
        caller, listener, boot, ..
    } = domain;
    let mut kn = Kn::new(&mut *caller, Handle(boot.kernel));
    let line = kn.register_irq(7, 0).unwrap_or(none);
    let delivery = kn.attach_irq(line).unwrap_or(none);
    let (own, ..) = kn.handle_connect(none).unwrap_or((none, none, none));
    let sync = kn.ipc_create_sync_object(true).unwrap_or(none);
    let _ = kn.ipc_set_interrupt(sync);
    let object = kn.handle_create_user_object(own, 0x7f00, right::CALL | right::TRANSFER, 42, RIID);
    let none_came = listener.recv_ex(own, 0, none).map(drop);
    let too_long = listener.recv_ex(own, 5 * MS, none).map(drop);
    let nobodys = listener.recv_ex(Handle(4711), 0, none).map(drop);
    let not_to_receive_on = listener.recv_ex(Handle(back), 0, none).map(drop);
    let interrupted = listener.recv_ex(own, u64::MAX, sync).map(drop);
    let interrupt = listener.recv_ex(delivery, u64::MAX, none).and_then(|received| {
        let is_empty = received.message.constant.is_empty() && received.call == 0;
        if is_empty { Ok(()) } else { Err(Retcode::FAIL) }
    });
    // The other domain calls what it is handed while it serves this call, so it is not asked to wait for an answer.
    let served = object.and_then(|object| hand_over(caller, back, object));
    let owed = listener.reply_to(own, 1, 1, Lens::default());
    [
        none_came,
        too_long,
        nobodys,
        not_to_receive_on,
        interrupted,
        interrupt,
        served,
        owed,
    ]
}

/// Writes a request of method `mid` that has `handle`, or none.
fn message(room: PartsMut<'_>, mid: u16, handle: Option<Handle>) -> Result<Lens, Retcode> {
    let handles = u8::from(handle.is_some());
    let size = 24 + 16 * u32::from(handles);
    let header = Header {
        size,
        handles,
        is_error: false,
        riid: RIID,
        mid,
    };
    let constant = &mut room.constant[..size as usize];
    constant.fill(0);
    let mut put = || {
        header.pack().put(constant, 0)?;
        HandleDesc::INVALID.put(constant, 8)?;
        handle.map_or(Ok(()), |handle| HandleDesc::all(handle).put(constant, 24))
    };
    put().map_err(|_| Retcode::FAIL)?;
    Ok(Lens {
        constant: size as usize,
        arena: 0,
    })
}

fn hand_over(caller: &mut Caller, back: u32, object: Handle) -> Result<(), Retcode> {
    let lens = message(caller.request(), super::mid::CALL_OWN, Some(object))?;
    caller.call(Handle(back), lens).map(drop)
}

/// The other domain: calls the object that it is handed, whose server waits for it and cannot receive meanwhile, for
/// a moment, and says what came of it.
pub fn call_own(caller: &mut Caller, request: Parts<'_>, response: PartsMut<'_>) -> Lens {
    let Ok(desc) = HandleDesc::get(request.constant, 24) else {
        return Lens::default();
    };
    caller.set_timeout_ns(5_000_000);
    let outcome = message(caller.request(), super::mid::ECHO, Some(desc.handle))
        .and_then(|lens| caller.call(desc.handle, lens).map(drop));
    caller.set_timeout_ns(u64::MAX);
    let code = outcome.err().map_or(0, |code| code.0);
    if code != Retcode::TIMEOUT.0 {
        return Lens::default();
    }
    answer(request, response, &code.to_le_bytes())
}
