// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rights that grow, and handles that were taken back.

use kos_bindings::kn::{event, right};
use kos_bindings::nk::{Handle, HandleDesc, Retcode};

use crate::Stage;
use crate::world::*;

/// Gives the attacker a handle from another process, with these rights; returns it and its origin there.
fn gift(stage: &mut Stage, rights: u32) -> (kos_bindings::hosted::Task, kos_bindings::hosted::Thread, Handle, Handle) {
    let giver = task(&stage.kernel, "giver");
    stage
        .kernel
        .connect(&giver, &stage.mallory, "gift", &[])
        .expect("a channel");
    let mut g = giver.attach().expect("a thread");
    let mdl = g.kn().mdl_create(4096, 3).expect("memory");
    let listener = stage.m.service_locator_register("gift");
    let channel = g.service_locator_connect("gift");
    let m = &mut stage.m;
    let got = std::thread::scope(|scope| {
        let gives = scope.spawn(|| call(&mut g, channel, &[HandleDesc::with(mdl, rights)], b"").map(drop));
        let got = receive(m, listener, 5000).expect("a gift");
        answer(m, &got, &[], b"").expect("it waits");
        gives.join().expect("no panic").expect("an answer");
        got.handles[0].handle
    });
    (giver, g, mdl, got)
}

#[test]
fn rights_that_grow() {
    let mut stage = Stage::new();
    let channel = stage.channel;
    let (_giver, _g, _, got) = gift(&mut stage, right::TRANSFER | right::COPY | right::MAP_READ);
    let more = right::TRANSFER | right::COPY | right::MAP_READ | right::MAP_WRITE;
    for rights in [more, HandleDesc::DEREFERENCED, right::GET_SID, !0 >> 1] {
        let outcome = stage.m.kn().handle_copy(got, rights, Handle::INVALID);
        stage.refused("a copy with more rights", outcome, Retcode::SECURITY_DISALLOW);
        let outcome = call(&mut stage.m, channel, &[HandleDesc::with(got, rights)], b"");
        stage.refused("passing on more rights", outcome, Retcode::SECURITY_DISALLOW);
    }
    let outcome = stage.m.kn().mdl_map(got, 0, 4096, 3);
    stage.refused("writing what may be read", outcome, Retcode::SECURITY_DISALLOW);
    let part = stage
        .m
        .kn()
        .mdl_clone(got, 0, 4096)
        .expect("a part, with the same rights");
    let outcome = stage.m.kn().mdl_map(part, 0, 4096, 3);
    stage.refused("writing through a part", outcome, Retcode::SECURITY_DISALLOW);
    let outcome = stage.m.kn().mdl_map(got, 0, 4096, 1 | 4);
    stage.refused("executing", outcome, Retcode::INVALID_ARGUMENT);
    let outcome = stage.m.kn().sid_by_handle(got);
    stage.refused("asking without the right", outcome, Retcode::SECURITY_DISALLOW);
    let notice = stage.m.kn().notice_create().expect("a receiver");
    let outcome = stage.m.kn().notice_subscribe(notice, got, u32::MAX, 1);
    stage.refused("listening without the right", outcome, Retcode::SECURITY_DISALLOW);
}

#[test]
fn handles_without_the_right_to_be_copied_or_passed_on() {
    let mut stage = Stage::new();
    let channel = stage.channel;
    let (_giver, _g, _, got) = gift(&mut stage, right::MAP_READ);
    let outcome = stage.m.kn().handle_copy(got, HandleDesc::SAME_RIGHTS, Handle::INVALID);
    stage.refused("copying", outcome, Retcode::SECURITY_DISALLOW);
    let outcome = stage.m.kn().mdl_clone(got, 0, 4096);
    stage.refused("copying as a part", outcome, Retcode::SECURITY_DISALLOW);
    let outcome = call(&mut stage.m, channel, &[HandleDesc::all(got)], b"");
    stage.refused("passing on", outcome, Retcode::SECURITY_DISALLOW);
}

#[test]
fn handles_that_were_taken_back() {
    let mut stage = Stage::new();
    let channel = stage.channel;
    let all = right::COMMON | right::MAP_READ | right::MAP_WRITE;
    let (_giver, mut g, mdl, got) = gift(&mut stage, all);
    let copy = stage.m.kn().handle_copy(got, all, Handle::INVALID).expect("a copy");
    let part = stage.m.kn().mdl_clone(got, 0, 4096).expect("a part");
    g.kn().handle_revoke(mdl).expect("revoked");
    for handle in [got, copy] {
        let outcome = stage.m.kn().mdl_map(handle, 0, 4096, 1);
        stage.refused("mapping what was revoked", outcome, Retcode::HANDLE_REVOKED);
        let outcome = stage.m.kn().handle_copy(handle, all, Handle::INVALID);
        stage.refused("copying what was revoked", outcome, Retcode::HANDLE_REVOKED);
        let outcome = stage.m.kn().mdl_clone(handle, 0, 4096);
        stage.refused("a part of what was revoked", outcome, Retcode::HANDLE_REVOKED);
        let outcome = call(&mut stage.m, channel, &[HandleDesc::all(handle)], b"");
        stage.refused("passing on what was revoked", outcome, Retcode::HANDLE_REVOKED);
    }
    let outcome = stage.m.kn().mdl_map(part, 0, 4096, 1);
    stage.refused("mapping a part of what was revoked", outcome, Retcode::HANDLE_REVOKED);
}

#[test]
fn a_race_against_revocation_leaves_no_descendant() {
    let mut stage = Stage::new();
    let all = right::COMMON | right::MAP_READ;
    for _ in 0..20 {
        let (giver, mut g, mdl, got) = gift(&mut stage, all);
        let m = &mut stage.m;
        let copies = std::thread::scope(|scope| {
            let copying = scope.spawn(|| {
                let mut copies = vec![got];
                let mut at = got;
                while let Ok(copy) = m.kn().handle_copy(at, all, Handle::INVALID) {
                    copies.push(copy);
                    at = copy;
                    if copies.len() == 500 {
                        break;
                    }
                }
                copies
            });
            std::thread::sleep(std::time::Duration::from_micros(300));
            g.kn().handle_revoke(mdl).expect("revoked");
            copying.join().expect("no panic")
        });
        for copy in &copies {
            assert_eq!(stage.m.kn().sid_by_handle(*copy), Err(Retcode::HANDLE_REVOKED));
            stage.m.kn().handle_close(*copy).expect("closed");
        }
        drop((g, giver));
    }
    stage.audit.take();
    stage.neighbour_is_served("racing revocation");
}

#[test]
fn events_that_only_the_kernel_raises() {
    let mut stage = Stage::new();
    let object = stage
        .m
        .kn()
        .handle_create_user_object(Handle::INVALID, 1, right::COMMON, 0, 0)
        .expect("an object");
    for mask in [event::OBJECT_DESTROYED, event::BADGE_CLOSED, event::KERNEL, u32::MAX, 0] {
        let outcome = stage.m.kn().notice_set_object_event(object, mask);
        stage.refused("raising a kernel's event", outcome, Retcode::INVALID_ARGUMENT);
    }
    let (channel, line) = (stage.channel, stage.m.kn().register_irq(3, 0).expect("a line"));
    for handle in [channel, line] {
        let outcome = stage.m.kn().notice_set_object_event(handle, event::user(0));
        stage.refused(
            "raising an event of a kernel's object",
            outcome,
            Retcode::INVALID_ARGUMENT,
        );
    }
    let core = stage.m.kernel();
    let outcome = stage.m.kn().notice_set_object_event(core, event::user(0));
    stage.refused("raising an event of the kernel", outcome, Retcode::SECURITY_DISALLOW);
    let rights = HandleDesc::DEREFERENCED | right::COMMON;
    let outcome = stage.m.kn().handle_create_user_object(Handle::INVALID, 1, rights, 0, 0);
    stage.refused(
        "an object that looks as if it came home",
        outcome,
        Retcode::INVALID_ARGUMENT,
    );
}
