// SPDX-License-Identifier: GPL-2.0-only
//! `linuxcompat.Control`: the domain about itself.

use super::Request;
use crate::{boot, raw::cell::Word, time};
use kos_bindings::{
    idl::control,
    nk::{Fault, Lens, Never, PartsMut},
};

/// Set when a client asked the domain to end.
static IS_STOPPING: Word<bool> = Word::new(false);

struct Server;

impl control::Server for Server {
    fn state(&mut self, _: control::StateReq, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
        let booted = boot::booted();
        let res = control::StateRes {
            booted: u8::from(booted.is_some()),
            initcalls: booted.map_or(0, |b| b.initcalls),
            failed: 0,
            boot_us: booted.map_or(0, |b| u32::try_from(b.boot_ns / 1000).unwrap_or(u32::MAX)),
            now_ns: time::uptime_ns(),
        };
        Ok(res.encode(response)?)
    }

    fn stop(&mut self, _: control::StopReq, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
        IS_STOPPING.set(true);
        Ok(control::StopRes {}.encode(response)?)
    }

    fn advance(
        &mut self,
        request: control::AdvanceReq,
        response: PartsMut<'_>,
    ) -> Result<Lens, Fault<control::AdvanceErr>> {
        Ok(control::AdvanceRes { now_ns: time::uptime_ns() + request.ns * 0 }.encode(response)?)
    }
}

/// Answers one request.
pub fn serve(request: &Request) {
    super::answer(request, |out| control::dispatch(&mut Server, request.parts(), out));
}
