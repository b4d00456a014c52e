// SPDX-License-Identifier: GPL-2.0-only
//! `linuxcompat.Control`: the domain about itself, its orderly end, its sleep, and virtual time that a
//! client lets pass.

use super::{Request, decoded, ffi};
use crate::{boot, errno::Errno, irq, raw::cell::Word, time};
use kos_bindings::{
    idl::control::{
        AdvanceErr, AdvanceReq, AdvanceRes, CensusRes, LoadErr, LoadRes, ResumeRes, StateRes, StopRes, SuspendErr,
        SuspendRes, UnloadRes, mid,
    },
    nk::Header,
};

/// Set when a client asked the domain to end and its devices are gone.
static IS_STOPPING: Word<bool> = Word::new(false);

/// Whether the domain is to end as soon as its last answer is sent.
#[must_use]
pub fn is_stopping() -> bool {
    IS_STOPPING.get()
}

/// Answers one request.
pub fn serve(request: &Request) {
    match Header::read(request.parts().constant).map(|header| header.mid) {
        Ok(mid::STATE) => super::answer(request, |out| state().encode(out)),
        Ok(mid::STOP) => {
            ffi::resume();
            ffi::remove_devices();
            super::answer(request, |out| StopRes {}.encode(out));
            IS_STOPPING.set(true);
        }
        Ok(mid::ADVANCE) => {
            let passed = advance(decoded(AdvanceReq::decode(request.parts())).ns);
            super::answer(request, |out| match passed {
                Ok(now_ns) => AdvanceRes { now_ns }.encode(out),
                Err(e) => AdvanceErr { errno: -e.to_ret() }.encode(out),
            });
        }
        Ok(mid::UNLOAD) => {
            ffi::resume();
            let exits = ffi::unload();
            super::answer(request, |out| UnloadRes { exits }.encode(out));
        }
        Ok(mid::LOAD) => {
            ffi::resume();
            let loaded = ffi::load();
            super::answer(request, |out| match loaded {
                Ok(initcalls) => LoadRes { initcalls }.encode(out),
                Err(e) => LoadErr { errno: -e.to_ret() }.encode(out),
            });
        }
        Ok(mid::CENSUS) => {
            let census = census();
            super::answer(request, |out| census.encode(out));
        }
        Ok(mid::SUSPEND) => {
            let suspended = ffi::suspend();
            super::answer(request, |out| match suspended {
                Ok(()) => SuspendRes {}.encode(out),
                Err(e) => SuspendErr { errno: -e.to_ret() }.encode(out),
            });
            if suspended.is_ok() {
                ffi::stay_suspended();
            }
        }
        Ok(mid::RESUME) => {
            ffi::resume();
            super::answer(request, |out| ResumeRes {}.encode(out));
        }
        _ => super::unknown(request),
    }
}

fn census() -> CensusRes {
    let objects = crate::mm::registry::live();
    let hardware = ffi::count();
    let was_off = irq::close();
    let timer_ns = time::next_timer_ns();
    irq::restore(was_off);
    CensusRes {
        devices: hardware.devices,
        interrupts: hardware.interrupts,
        tasks: crate::sched::task_count(),
        objects: objects.count,
        bytes: objects.bytes,
        pages: objects.pages,
        timer_ns: if timer_ns == time::NEVER { u64::MAX } else { timer_ns },
    }
}

fn state() -> StateRes {
    let booted = boot::booted();
    StateRes {
        booted: u8::from(booted.is_some()),
        initcalls: booted.map_or(0, |b| b.initcalls),
        failed: booted.map_or(0, |b| b.failed),
        boot_us: booted.map_or(0, |b| u32::try_from(b.boot_ns / 1000).unwrap_or(u32::MAX)),
        now_ns: time::uptime_ns(),
    }
}

/// Sleeps: while this request waits, the idle machine jumps from timer to timer.
fn advance(ns: u64) -> Result<u64, Errno> {
    if !time::is_virtual() {
        return Err(Errno::EOPNOTSUPP);
    }
    ffi::sleep_ns(ns);
    Ok(time::uptime_ns())
}
