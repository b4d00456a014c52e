// SPDX-License-Identifier: MIT OR Apache-2.0
//! `coresrv/handle/handle_api.h`, `coresrv/handle/notice_api.h`, `coresrv/ipc/ipc_api.h`.
#![expect(unsafe_code, reason = "C's pointers")]

use core::ffi::c_void;

use kos_bindings::kn::{EventDesc, INFINITE, MAX_EVENTS};
use kos_bindings::nk::{Handle, Retcode};

use crate::convert::{code, put};
use crate::process::kn;

/// # Safety
///
/// The last three are places for handles.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnHandleConnect(
    known: u32,
    listener: *mut u32,
    server: *mut u32,
    client: *mut u32,
) -> i32 {
    if listener.is_null() || server.is_null() || client.is_null() {
        return Retcode::INVALID_ARGUMENT.0;
    }
    code(kn(|kn| {
        let (new_listener, new_server, new_client) = kn.handle_connect(Handle(known))?;
        for (place, handle) in [(listener, new_listener), (server, new_server), (client, new_client)] {
            // SAFETY: our caller's promise, and not null.
            unsafe { place.write(handle.0) };
        }
        Ok(())
    }))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnHandleClose(handle: u32) -> i32 {
    code(kn(|kn| kn.handle_close(Handle(handle))))
}

/// # Safety
///
/// `out` is null or a place for a handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnHandleCopy(handle: u32, rights: u32, badge: u32, out: *mut u32) -> i32 {
    // SAFETY: our caller's promise.
    unsafe {
        put(out, || {
            kn(|kn| Ok(kn.handle_copy(Handle(handle), rights, Handle(badge))?.0))
        })
    }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnHandleRevoke(handle: u32) -> i32 {
    code(kn(|kn| kn.handle_revoke(Handle(handle))))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnHandleRevokeSubtree(handle: u32, badge: u32) -> i32 {
    code(kn(|kn| kn.handle_revoke_subtree(Handle(handle), Handle(badge))))
}

/// # Safety
///
/// `badge` is null or a place for a handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnHandleCreateBadge(
    notice: u32,
    event_id: usize,
    context: *mut c_void,
    badge: *mut u32,
) -> i32 {
    let (event_id, context) = (event_id as u64, context.addr() as u64);
    // SAFETY: our caller's promise.
    unsafe {
        put(badge, || {
            kn(|kn| Ok(kn.handle_create_badge(Handle(notice), event_id, context)?.0))
        })
    }
}

/// # Safety
///
/// `out` is null or a place for a handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnHandleCreateUserObjectEx(
    kind: u32,
    rights: u32,
    context: *mut c_void,
    listener: u32,
    riid: u16,
    out: *mut u32,
) -> i32 {
    let context = context.addr() as u64;
    let make = || {
        kn(|kn| {
            let made = kn.handle_create_user_object(Handle(listener), kind, rights, context, riid)?;
            Ok(made.0)
        })
    };
    // SAFETY: our caller's promise.
    unsafe { put(out, make) }
}

/// # Safety
///
/// `out` is null or a place for a handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnHandleCreateUserObject(
    kind: u32,
    rights: u32,
    context: *mut c_void,
    out: *mut u32,
) -> i32 {
    // SAFETY: our caller's promise.
    unsafe { KnHandleCreateUserObjectEx(kind, rights, context, Handle::INVALID.0, 0, out) }
}

/// # Safety
///
/// `client` is null or a place for a handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnHandleSecurityConnect(client: *mut u32) -> i32 {
    // SAFETY: our caller's promise.
    unsafe { put(client, || kn(|kn| Ok(kn.handle_security_connect()?.0))) }
}

/// # Safety
///
/// `sid` is null or a place for a number.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnHandleGetSidByHandle(handle: u32, sid: *mut u32) -> i32 {
    // SAFETY: our caller's promise.
    unsafe { put(sid, || kn(|kn| kn.sid_by_handle(Handle(handle)))) }
}

/// # Safety
///
/// `notice` is null or a place for a handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnNoticeCreate(notice: *mut u32) -> i32 {
    // SAFETY: our caller's promise.
    unsafe { put(notice, || kn(|kn| Ok(kn.notice_create()?.0))) }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnNoticeSubscribeToObject(notice: u32, object: u32, mask: u32, event_id: usize) -> i32 {
    code(kn(|kn| {
        kn.notice_subscribe(Handle(notice), Handle(object), mask, event_id as u64)
    }))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnNoticeUnsubscribeFromEvent(notice: u32, event_id: usize) -> i32 {
    code(kn(|kn| kn.notice_unsubscribe_event(Handle(notice), event_id as u64)))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnNoticeUnsubscribeFromObject(notice: u32, object: u32) -> i32 {
    code(kn(|kn| kn.notice_unsubscribe_object(Handle(notice), Handle(object))))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnNoticeSetObjectEvent(object: u32, mask: u32) -> i32 {
    code(kn(|kn| kn.notice_set_object_event(Handle(object), mask)))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnNoticeDropAndWake(notice: u32, finish: u32) -> i32 {
    code(kn(|kn| kn.notice_drop_and_wake(Handle(notice), finish != 0)))
}

/// `EventDesc`, as `coresrv/handle/notice_api.h` has it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Event {
    id: u64,
    mask: u32,
    count: u32,
}

/// # Safety
///
/// `events` has room for `count_max`, `count` is a place for a number.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnNoticeGetEvent(
    notice: u32,
    msec: u64,
    count_max: usize,
    events: *mut Event,
    count: *mut usize,
) -> i32 {
    const NONE: EventDesc = EventDesc {
        ev_id: 0,
        mask: 0,
        counter: 0,
    };
    if events.is_null() {
        return Retcode::INVALID_ARGUMENT.0;
    }
    let get = || {
        let mut list = [NONE; MAX_EVENTS];
        let list = list.get_mut(..count_max.min(MAX_EVENTS)).unwrap_or_default();
        let msec = u32::try_from(msec).unwrap_or(INFINITE);
        let found = kn(|kn| kn.notice_get_event(Handle(notice), msec, list))?;
        for (at, event) in list.iter().take(found).enumerate() {
            let event = Event {
                id: event.ev_id,
                mask: event.mask,
                count: event.counter,
            };
            // SAFETY: our caller's promise; `found` is `count_max` at the most.
            unsafe { events.wrapping_add(at).write(event) };
        }
        Ok(found)
    };
    // SAFETY: our caller's promise.
    unsafe { put(count, get) }
}

/// # Safety
///
/// `sync` is null or a place for a handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnIpcCreateSyncObject(sync: *mut u32) -> i32 {
    // SAFETY: our caller's promise.
    unsafe { put(sync, || kn(|kn| Ok(kn.ipc_create_sync_object(false)?.0))) }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnIpcSetInterrupt(sync: u32) -> i32 {
    code(kn(|kn| kn.ipc_set_interrupt(Handle(sync))))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnIpcClearInterrupt(sync: u32) -> i32 {
    code(kn(|kn| kn.ipc_clear_interrupt(Handle(sync))))
}
