// SPDX-License-Identifier: MIT OR Apache-2.0
//! `tests/c/generated.h`: the dispatcher that the generator wrote of `linuxcompat.Log`, for C to call.

use std::ffi::{CStr, c_char, c_int};

use kos_bindings::idl::log::{self, WriteReq};
use kos_bindings::nk::{Fault, HEADER_BYTES, Lens, Never, Parts, PartsMut};

/// `struct log_message`.
#[repr(C, align(8))]
struct Message {
    constant: [u8; 48],
    text: [u8; 64],
}

/// `nk_arena`.
#[repr(C)]
struct Arena {
    start: *mut u8,
    current: *mut u8,
    end: *mut u8,
}

impl Arena {
    /// # Safety
    ///
    /// It names memory that is there, and nobody else's meanwhile.
    unsafe fn bytes<'a>(&self, to: *mut u8) -> &'a mut [u8] {
        // SAFETY: our caller's promise.
        unsafe { core::slice::from_raw_parts_mut(self.start, to.addr() - self.start.addr()) }
    }
}

/// # Safety
///
/// `text` is a string.
#[unsafe(no_mangle)]
unsafe extern "C" fn log_message_of(text: *const c_char) -> Message {
    // SAFETY: our caller's promise.
    let text = unsafe { CStr::from_ptr(text) }.to_str().expect("text");
    let mut message = Message {
        constant: [0; 48],
        text: [0; 64],
    };
    let room = PartsMut {
        constant: &mut message.constant,
        arena: &mut message.text,
    };
    let lens = WriteReq {
        level: 6,
        time_ns: 0,
        text,
    }
    .encode(room)
    .expect("room");
    assert_eq!(lens.constant, 48, "generated.h has the size");
    message
}

struct Text;

impl log::Server for Text {
    fn write(&mut self, line: WriteReq<'_>, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
        assert_eq!(line.text, "text", "nothing else gets here");
        Ok(log::WriteRes {}.encode(response)?)
    }
}

/// # Safety
///
/// `req` and `res` are messages, the arenas name memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn log_dispatch(req: *mut u8, req_arena: *const Arena, res: *mut u8, res_arena: *mut Arena) -> c_int {
    // SAFETY: a message has a header, and its word the size of its constant part.
    let header = unsafe { core::slice::from_raw_parts(req, 8) };
    let size = u32::from_le_bytes(*header.first_chunk().expect("a word")) & 0x7f_ffff;
    // SAFETY: our caller's promise.
    let asked = unsafe { &*req_arena };
    // SAFETY: our caller's promise.
    let answer = unsafe { &*res_arena };
    let request = Parts {
        // SAFETY: as above.
        constant: unsafe { core::slice::from_raw_parts(req, size as usize) },
        // SAFETY: our caller's promise.
        arena: unsafe { asked.bytes(asked.current) },
    };
    let response = PartsMut {
        // SAFETY: our caller's promise.
        constant: unsafe { core::slice::from_raw_parts_mut(res, HEADER_BYTES) },
        // SAFETY: our caller's promise.
        arena: unsafe { answer.bytes(answer.end) },
    };
    match log::dispatch(&mut Text, request, response) {
        Ok(_) => 0,
        Err(err) => kos_c::nk_code(err),
    }
}
