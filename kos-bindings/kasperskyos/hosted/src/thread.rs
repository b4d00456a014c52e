// SPDX-License-Identifier: MIT OR Apache-2.0
//! `kos/thread.h`, `coresrv/time/time_api.h`, `kos/random/random_api.h`.
#![expect(unsafe_code, reason = "C's pointers")]

use core::ffi::c_void;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kos_bindings::hosted::clock_ns;
use kos_bindings::kn::INFINITE;
use kos_bindings::nk::Retcode;
use rustix::rand::{GetRandomFlags, getrandom};

use crate::convert::{code, put};
use crate::process;

/// `ThreadRoutine`.
pub(crate) type Routine = unsafe extern "C" fn(context: *mut c_void) -> i32;

static THREADS: Mutex<BTreeMap<u32, JoinHandle<()>>> = Mutex::new(BTreeMap::new());

fn threads() -> std::sync::MutexGuard<'static, BTreeMap<u32, JoinHandle<()>>> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a thread of the caller's process. Its number is this function's own, and the priority says nothing here.
///
/// # Safety
///
/// `routine` may be called with `context` on another thread; `tid` is null or a place for a number.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KosThreadCreate(
    tid: *mut u32,
    _priority: u32,
    stack_bytes: u32,
    routine: Option<Routine>,
    context: *mut c_void,
    is_suspended: i32,
) -> i32 {
    let start = || {
        let routine = routine.ok_or(Retcode::INVALID_ARGUMENT)?;
        // A suspended thread could be resumed by nobody: what would is not declared here.
        if is_suspended != 0 {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        let task = process::task()?;
        let context = context.expose_provenance();
        let body = move || {
            let context = core::ptr::with_exposed_provenance_mut(context);
            // SAFETY: our caller's promise.
            let entered = process::enter(&task, || unsafe { routine(context) });
            if let Err(error) = entered {
                eprintln!("kos-c: a thread cannot run: {error}");
            }
        };
        // Rust's own part of a thread wants some of the stack, too.
        let stack_bytes = (stack_bytes as usize).max(256 << 10);
        let thread = std::thread::Builder::new().stack_size(stack_bytes).spawn(body);
        let thread = thread.map_err(|_| Retcode::FAIL)?;
        let mut threads = threads();
        let number = threads.last_key_value().map_or(1, |(last, _)| last + 1);
        threads.insert(number, thread);
        Ok(number)
    };
    // SAFETY: our caller's promise.
    unsafe { put(tid, start) }
}

/// Waits for a thread's end.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn KosThreadWait(tid: u32, msec: u32) -> i32 {
    let Some(thread) = threads().remove(&tid) else {
        return Retcode::INVALID_ARGUMENT.0;
    };
    let end = Instant::now() + Duration::from_millis(msec.into());
    while msec != INFINITE && !thread.is_finished() {
        if Instant::now() >= end {
            threads().insert(tid, thread);
            return Retcode::TIMEOUT.0;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    code(thread.join().map_err(|_| Retcode::FAIL))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KosThreadSleep(msec: u32) -> i32 {
    std::thread::sleep(Duration::from_millis(msec.into()));
    0
}

/// `RtlTimeSpec`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TimeSpec {
    sec: u64,
    nsec: u64,
}

/// # Safety
///
/// `time` is null or a place for a time.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KnGetUpTime(time: *mut TimeSpec) -> i32 {
    let now = || {
        let ns = clock_ns();
        Ok(TimeSpec {
            sec: ns / 1_000_000_000,
            nsec: ns % 1_000_000_000,
        })
    };
    // SAFETY: our caller's promise.
    unsafe { put(time, now) }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn KnGetMSecSinceStart() -> usize {
    usize::try_from(clock_ns() / 1_000_000).unwrap_or(usize::MAX)
}

/// # Safety
///
/// `output` has room for `size` bytes.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn KosRandomGenerate(size: usize, output: *mut u8) -> i32 {
    if output.is_null() && size > 0 {
        return Retcode::INVALID_ARGUMENT.0;
    }
    let mut chunk = [0; 256];
    for at in (0..size).step_by(chunk.len()) {
        let len = (size - at).min(chunk.len());
        let Some(part) = chunk.get_mut(..len) else {
            return Retcode::FAIL.0;
        };
        if getrandom(&mut *part, GetRandomFlags::empty()) != Ok(len) {
            return Retcode::FAIL.0;
        }
        // SAFETY: our caller's promise.
        unsafe { core::ptr::copy_nonoverlapping(part.as_ptr(), output.wrapping_add(at), len) };
    }
    0
}
