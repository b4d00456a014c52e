// SPDX-License-Identifier: MIT OR Apache-2.0
//! `kasperskyos/lc_kos.h`.
#![expect(unsafe_code, reason = "declares C functions")]

use core::ffi::{c_char, c_void};

/// A timeout that never passes (`LC_FOREVER`).
pub(super) const FOREVER: u32 = u32::MAX;

/// `struct lc_message`.
#[repr(C)]
pub(super) struct Message {
    pub(super) constant: *mut u8,
    pub(super) arena: *mut u8,
    pub(super) constant_size: u32,
    pub(super) constant_room: u32,
    pub(super) arena_size: u32,
    pub(super) arena_room: u32,
}

/// `struct lc_head`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Head {
    pub(super) riid: u16,
    pub(super) mid: u16,
    pub(super) handles: u8,
    pub(super) is_error: u8,
}

/// `struct lc_origin`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Origin {
    pub(super) reply_handle: u32,
    pub(super) thread: u32,
    pub(super) task: u32,
}

/// `struct lc_channel`.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) name: *const c_char,
    pub(super) connection: *const c_char,
    pub(super) endpoint: *const c_char,
    pub(super) riid: u16,
}

/// `struct lc_served`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Served {
    pub(super) riid: u16,
    pub(super) class_riid: u16,
}

/// `struct lc_irq`.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Irq {
    pub(super) line: u32,
    pub(super) irq: i32,
    pub(super) is_level: u32,
}

/// `struct lc_board`: what the project that links the driver tells it.
#[repr(C)]
#[derive(Debug)]
pub struct Board {
    pub(super) dtb: *const u8,
    pub(super) dtb_bytes: usize,
    pub(super) channels: *const Channel,
    pub(super) channel_count: usize,
    pub(super) served: *const Served,
    pub(super) served_count: usize,
    pub(super) irqs: *const Irq,
    pub(super) irq_count: usize,
    pub(super) args: *const u8,
    pub(super) args_bytes: usize,
    pub(super) memory_bytes: u64,
    pub(super) log_level: u32,
    pub(super) listener: *const c_char,
}

unsafe extern "C" {
    pub(super) fn lc_connect(channel: *const c_char, handle: *mut u32) -> i32;
    pub(super) fn lc_listen(channel: *const c_char, handle: *mut u32) -> i32;
    pub(super) fn lc_endpoint(handle: u32, name: *const c_char, riid: *mut u16) -> i32;
    pub(super) fn lc_call(handle: u32, head: *mut Head, out: *const Message, into: *mut Message, msec: u32) -> i32;
    pub(super) fn lc_recv(
        listener: u32,
        head: *mut Head,
        into: *mut Message,
        origin: *mut Origin,
        msec: u32,
        sync: u32,
    ) -> i32;
    pub(super) fn lc_reply(origin: *const Origin, head: *const Head, out: *const Message) -> i32;
    pub(super) fn lc_sync_create(sync: *mut u32) -> i32;
    pub(super) safe fn lc_sync_set(sync: u32) -> i32;
    pub(super) safe fn lc_sync_clear(sync: u32) -> i32;
    pub(super) fn lc_irq_start(
        irq: i32,
        is_level: u32,
        happened: extern "C" fn(context: *mut c_void),
        context: *mut c_void,
        registration: *mut u32,
    ) -> i32;
    pub(super) safe fn lc_irq_unmask(registration: u32) -> i32;
    pub(super) safe fn lc_uptime_ns() -> u64;
    pub(super) fn lc_random(to: *mut u8, bytes: usize) -> i32;
    pub(super) safe fn lc_vm_reserve(bytes: usize) -> *mut u8;
    pub(super) safe fn lc_vm_allocate(bytes: usize) -> *mut u8;
    pub(super) fn lc_vm_commit(at: *mut u8, bytes: usize) -> i32;
    pub(super) fn lc_vm_decommit(at: *mut u8, bytes: usize) -> i32;
    pub(super) fn lc_vm_release(at: *mut u8, bytes: usize) -> i32;
    pub(super) fn lc_say(text: *const u8, bytes: usize);
    pub(super) safe fn lc_exit(code: i32) -> !;
}

/// Writes a line to the system's diagnostic output.
pub(super) fn say(text: &[u8]) {
    // SAFETY: C reads the text's bytes and no more.
    unsafe { lc_say(text.as_ptr(), text.len()) };
}
