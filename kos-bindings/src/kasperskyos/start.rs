// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the project's `main` to the image's own function, and the end.
#![expect(unsafe_code, reason = "reads the board's table, and keeps what it found for good")]

use core::cell::UnsafeCell;
use core::ffi::CStr;
use core::ffi::c_char;

use super::ffi::{self, Board};
use super::ipc::{Caller, Endpoint, Known, Listener, MAX_ENDPOINTS, ROOM_BYTES, Room};
use super::irq::{self, IrqSource};
use super::mem;
use super::types::{Boot, Crash, FaultHook};
use crate::nk::{Handle, Retcode};
use crate::port::{BootInfo, Channel, MAX_CHANNELS, NAME_BYTES};

/// What a domain is handed at birth. There is one per image.
#[derive(Debug)]
pub struct Domain {
    /// What the board's table says.
    pub boot: Boot,
    /// Its client end.
    pub caller: Caller,
    /// Its server end.
    pub listener: Listener,
    /// Its interrupt lines.
    pub irq: IrqSource,
}

/// Where an image's own code begins.
pub type EntryFn = fn(Domain) -> !;

/// Arguments, the seed included.
const ARGS_BYTES: usize = 4096;
const SEED_BYTES: usize = 32;

struct State {
    boot: BootInfo,
    args: [u8; ARGS_BYTES],
    args_len: usize,
}

struct Once(UnsafeCell<State>);

// SAFETY: `entry` writes on the only thread there is, before anybody can read.
unsafe impl Sync for Once {}

static STATE: Once = Once(UnsafeCell::new(State {
    boot: BootInfo::EMPTY,
    args: [0; ARGS_BYTES],
    args_len: 0,
}));

/// Nanoseconds since the system's start.
#[must_use]
pub fn clock_ns() -> u64 {
    ffi::lc_uptime_ns()
}

/// Does nothing: a fault ends the process, and what KasperskyOS lets a process do about it
/// (`KnTaskSetExceptionHandler`) is not public enough to be relied upon.
pub fn set_fault_hook(_: FaultHook) {}

/// Says the last words and ends the process with `code`.
pub fn die(crash: Crash<'_>, code: i32) -> ! {
    if !crash.cause.is_empty() {
        ffi::say(b"linux-compat: the domain died: ");
        ffi::say(crash.cause);
        for frame in crash.frames {
            ffi::say(b"\n  ");
            ffi::say(&hex(*frame));
        }
        ffi::say(b"\n");
    }
    ffi::lc_exit(code)
}

fn digit(nibble: u64) -> u8 {
    *b"0123456789abcdef".get((nibble & 15) as usize).unwrap_or(&b'?')
}

fn hex(value: u64) -> [u8; 16] {
    core::array::from_fn(|at| digit(value >> (60 - 4 * at)))
}

/// A mistake in the board's table, or a kernel that does not give what it names: nothing can run without.
fn refuse(what: &[u8], name: &[u8], code: Retcode) -> ! {
    for part in [
        b"linux-compat: ",
        what,
        b" ",
        name,
        b": ",
        code.name().unwrap_or("unknown return code").as_bytes(),
        b"\n",
    ] {
        ffi::say(part);
    }
    ffi::lc_exit(1)
}

/// # Safety
///
/// `at` points to `count` values that stay, or `count` is 0.
unsafe fn slice<'a, T>(at: *const T, count: usize) -> &'a [T] {
    if count == 0 {
        return &[];
    }
    // SAFETY: our caller's promise.
    unsafe { core::slice::from_raw_parts(at, count) }
}

/// # Safety
///
/// `text` points to a string with its zero, which stays.
unsafe fn text<'a>(text: *const c_char) -> &'a [u8] {
    // SAFETY: our caller's promise.
    unsafe { CStr::from_ptr(text) }.to_bytes()
}

/// Connects one channel of the table.
///
/// # Safety
///
/// Its three names are strings with their zeros, which stay.
unsafe fn connect(channel: &ffi::Channel) -> (Channel, Known) {
    // SAFETY: our caller's promise.
    let name = unsafe { text(channel.name) };
    let (mut handle, mut class_riid) = (0, 0);
    // SAFETY: C reads the name and writes one handle.
    let code = Retcode(unsafe { ffi::lc_connect(channel.connection, &raw mut handle) });
    if !code.is_ok() {
        refuse(b"there is no channel for", name, code);
    }
    // SAFETY: C reads the name and writes one number.
    let code = Retcode(unsafe { ffi::lc_endpoint(handle, channel.endpoint, &raw mut class_riid) });
    if !code.is_ok() {
        refuse(b"its server has no endpoint for", name, code);
    }
    let mut known = Channel {
        handle,
        riid: channel.riid.into(),
        ..Channel::NONE
    };
    match known.name.get_mut(..name.len()).filter(|_| name.len() < NAME_BYTES) {
        Some(room) => room.copy_from_slice(name),
        None => refuse(b"too long a name:", name, Retcode::INVALID_ARGUMENT),
    }
    (known, (Handle(handle), channel.riid, class_riid))
}

/// Writes the board's arguments and a seed where they stay.
///
/// # Safety
///
/// As [`entry`].
unsafe fn arguments(board: &Board, state: &mut State) {
    // SAFETY: our caller's promise.
    let given = unsafe { slice(board.args, board.args_bytes) };
    let mut seed = [0_u8; SEED_BYTES];
    // SAFETY: C writes the seed's bytes.
    let code = Retcode(unsafe { ffi::lc_random(seed.as_mut_ptr(), SEED_BYTES) });
    if !code.is_ok() {
        refuse(b"there are no random numbers for", b"a seed", code);
    }
    let digits = seed
        .iter()
        .flat_map(|byte| [digit(u64::from(*byte) >> 4), digit((*byte).into())]);
    let all = given.iter().copied().chain(*b"seed=").chain(digits).chain([0]);
    for byte in all {
        match state.args.get_mut(state.args_len) {
            Some(place) => *place = byte,
            None => refuse(b"too many", b"arguments", Retcode::INVALID_ARGUMENT),
        }
        state.args_len += 1;
    }
}

/// Starts the domain; [`crate::domain_start!`] calls it from the project's `main`.
///
/// # Safety
///
/// `board` and all that it points to stay and are as `lc_kos.h` says. This is called once, while there is one thread.
pub unsafe fn entry(board: *const Board, main: EntryFn) -> ! {
    // SAFETY: our caller's promise.
    let board = unsafe { &*board };
    // SAFETY: there is one thread, and nobody read the state yet.
    let state = unsafe { &mut *STATE.0.get() };
    // SAFETY: our caller's promise.
    let channels = unsafe { slice(board.channels, board.channel_count) };
    let mut known: [Known; MAX_CHANNELS] = [(Handle::INVALID, 0, 0); MAX_CHANNELS];
    for ((channel, slot), known) in channels.iter().zip(&mut state.boot.channels).zip(&mut known) {
        // SAFETY: the board's names are strings, by our caller's promise.
        (*slot, *known) = unsafe { connect(channel) };
    }
    if channels.len() > MAX_CHANNELS {
        refuse(b"too many", b"channels", Retcode::INVALID_ARGUMENT);
    }
    state.boot.channel_count = u32::try_from(channels.len()).unwrap_or(0);
    state.boot.heap_bytes = board.memory_bytes;
    state.boot.log_level = board.log_level;
    state.boot.start_ns = clock_ns();
    // SAFETY: our caller's promise.
    unsafe { arguments(board, state) };
    let Some(rooms) = mem::allocate(4 * ROOM_BYTES) else {
        refuse(b"there is no memory for", b"messages", Retcode::FAIL)
    };
    // SAFETY: four rooms were allocated, and each is made once.
    let room = |index: usize| unsafe { Room::new(rooms.wrapping_add(index * ROOM_BYTES)) };
    // SAFETY: our caller's promise.
    let listener = unsafe { listen(board, (room(2), room(3))) };
    main(Domain {
        boot: Boot {
            info: &state.boot,
            // SAFETY: our caller's promise.
            dtb: unsafe { slice(board.dtb, board.dtb_bytes) },
            args: state.args.get(..state.args_len).unwrap_or_default(),
        },
        caller: Caller::new(room(0), room(1), known),
        listener,
        irq: IrqSource::new(),
    })
}

/// Registers the listener and starts the interrupts.
///
/// # Safety
///
/// As [`entry`].
unsafe fn listen(board: &Board, rooms: (Room, Room)) -> Listener {
    // SAFETY: our caller's promise.
    let name = unsafe { text(board.listener) };
    let mut handle = 0;
    // SAFETY: C reads the name and writes one handle.
    let code = Retcode(unsafe { ffi::lc_listen(board.listener, &raw mut handle) });
    if !code.is_ok() {
        refuse(b"nobody may be heard on", name, code);
    }
    // SAFETY: our caller's promise.
    let irqs = unsafe { slice(board.irqs, board.irq_count) };
    let wake = match irq::start(irqs) {
        Ok(wake) => wake,
        Err(code) => refuse(b"interrupts of", name, code),
    };
    let mut served: [Endpoint; MAX_ENDPOINTS] = [(u16::MAX, u16::MAX); MAX_ENDPOINTS];
    // SAFETY: our caller's promise.
    let table = unsafe { slice(board.served, board.served_count) };
    if table.len() > MAX_ENDPOINTS {
        refuse(b"too many endpoints of", name, Retcode::INVALID_ARGUMENT);
    }
    for (slot, endpoint) in served.iter_mut().zip(table) {
        *slot = (endpoint.riid, endpoint.class_riid);
    }
    Listener::new(rooms, Handle(handle), served, wake)
}

/// Defines the library's entry point `lc_domain_start`, which ends up in `$main`, an `fn(Domain) -> !`.
#[macro_export]
macro_rules! domain_start {
    ($main:path) => {
        /// `lc_kos.h`: boots the driver, then serves for ever.
        ///
        /// # Safety
        ///
        /// As [`kos_bindings::domain::entry`].
        #[unsafe(no_mangle)]
        unsafe extern "C" fn lc_domain_start(board: *const $crate::domain::Board) -> ! {
            const MAIN: $crate::domain::EntryFn = $main;
            // SAFETY: our caller's promise.
            unsafe { $crate::domain::entry(board, MAIN) }
        }
    };
}
