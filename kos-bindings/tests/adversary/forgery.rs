// SPDX-License-Identifier: MIT OR Apache-2.0
//! Handles that are none, another's, or of another kind.

use kos_bindings::kn::right;
use kos_bindings::nk::{Handle, HandleDesc, Retcode};

use crate::Stage;
use crate::world::*;

const NONE: [Handle; 4] = [Handle(0), Handle::INVALID, Handle(4711), Handle(0x0001_0001)];

#[test]
fn calls_on_handles_that_do_not_exist() {
    let mut stage = Stage::new();
    for handle in NONE {
        let outcome = say(&mut stage.m, handle, b"");
        stage.refused(&format!("call of {handle:?}"), outcome, Retcode::NOT_CONNECTED);
    }
    // All values that another process has are nothing here, but for the attacker's own two.
    let own = [stage.m.kernel(), stage.channel];
    for value in (1..64).map(Handle).filter(|value| !own.contains(value)) {
        assert_eq!(say(&mut stage.m, value, b""), Err(Retcode::NOT_CONNECTED));
    }
    stage.audit.take();
    stage.neighbour_is_served("guessing");
}

#[test]
fn receiving_and_answering_where_one_does_not_serve() {
    let mut stage = Stage::new();
    let notice = stage.m.kn().notice_create().expect("a receiver");
    let (channel, core) = (stage.channel, stage.m.kernel());
    for handle in NONE {
        let outcome = receive(&mut stage.m, handle, 0).map(drop);
        stage.refused("recv on nothing", outcome, Retcode::NOT_CONNECTED);
        let lens = write(stage.m.response(), &[], b"");
        let outcome = stage.m.reply(handle, 0, lens);
        stage.refused("reply on nothing", outcome, Retcode::NOT_CONNECTED);
    }
    for handle in [channel, core, notice] {
        let outcome = receive(&mut stage.m, handle, 0).map(drop);
        stage.refused("recv on another's", outcome, Retcode::SECURITY_DISALLOW);
        let lens = write(stage.m.response(), &[], b"");
        let outcome = stage.m.reply(handle, 0, lens);
        stage.refused("reply on another's", outcome, Retcode::SECURITY_DISALLOW);
    }
}

#[test]
fn handles_in_messages_that_do_not_exist_or_may_not_travel() {
    let mut stage = Stage::new();
    let channel = stage.channel;
    for handle in [Handle(0), Handle(4711), Handle(0x0001_0001)] {
        let outcome = call(&mut stage.m, channel, &[HandleDesc::all(handle)], b"");
        stage.refused("passing nothing", outcome, Retcode::INVALID_ARGUMENT);
    }
    let mut kn = stage.m.kn();
    let notice = kn.notice_create().expect("a receiver");
    let sync = kn.ipc_create_sync_object(false).expect("an object");
    let badge = kn.handle_create_badge(notice, 0, 0).expect("a badge");
    let line = kn.register_irq(1, 0).expect("a line");
    let delivery = kn.attach_irq(line).expect("bound");
    let memory = kn.mdl_create(4096, 1).expect("memory");
    for handle in [stage.m.kernel(), notice, sync, badge, delivery] {
        let outcome = call(&mut stage.m, channel, &[HandleDesc::all(handle)], b"");
        stage.refused("passing what may not travel", outcome, Retcode::SECURITY_DISALLOW);
    }
    let with = |badge| HandleDesc {
        handle: memory,
        rights: HandleDesc::SAME_RIGHTS,
        badge,
    };
    for badge in [u64::MAX, 1 << 32, 4711, u64::from(memory.0), u64::from(channel.0)] {
        let outcome = call(&mut stage.m, channel, &[with(badge)], b"");
        stage.refused("a badge that is none", outcome, Retcode::INVALID_ARGUMENT);
    }
}

#[test]
fn services_of_the_kernel_with_handles_of_the_wrong_kind() {
    let mut stage = Stage::new();
    let channel = stage.channel;
    let mut kn = stage.m.kn();
    let notice = kn.notice_create().expect("a receiver");
    let memory = kn.mdl_create(4096, 3).expect("memory");
    let sync = kn.ipc_create_sync_object(false).expect("an object");
    let invalid = Retcode::INVALID_ARGUMENT;
    for handle in NONE {
        let outcome = stage.m.kn().handle_close(handle);
        stage.refused("close of nothing", outcome, invalid);
        let outcome = stage.m.kn().handle_copy(handle, 0, Handle::INVALID);
        stage.refused("copy of nothing", outcome, invalid);
        let outcome = stage.m.kn().handle_revoke(handle);
        stage.refused("revoking nothing", outcome, invalid);
        let outcome = stage.m.kn().mdl_map(handle, 0, 4096, 1);
        stage.refused("mapping nothing", outcome, invalid);
        let outcome = stage.m.kn().ipc_set_interrupt(handle);
        stage.refused("interrupting nothing", outcome, invalid);
    }
    let outcome = stage.m.kn().mdl_map(sync, 0, 4096, 1);
    stage.refused("mapping a sync object", outcome, Retcode::SECURITY_DISALLOW);
    let outcome = stage.m.kn().mdl_get_size(notice);
    stage.refused("the size of a notice", outcome, invalid);
    let outcome = stage.m.kn().ipc_set_interrupt(channel);
    stage.refused("interrupting a channel", outcome, invalid);
    let outcome = stage.m.kn().notice_subscribe(memory, channel, u32::MAX, 1);
    stage.refused("memory as a receiver", outcome, invalid);
    let outcome = stage.m.kn().handle_create_badge(memory, 1, 1);
    stage.refused("a badge that tells memory", outcome, invalid);
    let outcome = stage.m.kn().handle_connect(channel);
    stage.refused("channels to a client's end", outcome, Retcode::SECURITY_DISALLOW);
    let outcome = stage.m.kn().handle_disconnect(memory);
    stage.refused("disconnecting memory", outcome, invalid);
    let outcome = stage.m.kn().enable_irq(memory);
    stage.refused("enabling memory as a line", outcome, invalid);
    let outcome = stage.m.kn().handle_revoke_subtree(memory, sync);
    stage.refused("a sync object as a badge", outcome, invalid);
    let outcome = stage.m.kn().handle_copy(memory, HandleDesc::SAME_RIGHTS, notice);
    stage.refused("a copy with a notice as badge", outcome, invalid);
    let rights = right::COMMON | right::CALL;
    let outcome = stage.m.kn().handle_create_user_object(channel, 1, rights, 0, RIID);
    stage.refused(
        "a callable object at another's channel",
        outcome,
        Retcode::SECURITY_DISALLOW,
    );
    let outcome = stage
        .m
        .kn()
        .handle_create_user_object(Handle::INVALID, 1, rights, 0, RIID);
    stage.refused("a callable object at nothing", outcome, invalid);
}

#[test]
fn the_sender_cannot_write_the_kernels_part_of_a_message() {
    let mut stage = Stage::new();
    let (kernel, channel) = (&stage.kernel, stage.channel);
    let _ = channel;
    let server = task(kernel, "strict");
    kernel
        .connect(&stage.mallory, &server, "strict", &[])
        .expect("a channel");
    let mut s = server.attach().expect("a thread");
    let listener = s.service_locator_register("strict");
    let strict = stage.m.service_locator_connect("strict");
    let tid = stage.m.tid();
    let sender = stage.mallory.id();
    std::thread::scope(|scope| {
        let m = &mut stage.m;
        scope.spawn(move || {
            use kos_bindings::nk::{Header, Transport};
            let lens = write(m.request(), &[], b"");
            let lie = HandleDesc {
                handle: Handle(1),
                rights: u32::MAX,
                badge: 0xdead_beef,
            };
            Header::set_self_handle(m.request().constant, lie).expect("room");
            m.call(strict, lens).map(drop).expect("an answer");
        });
        let got = receive(&mut s, listener, 5000).expect("a request");
        assert_eq!(got.own.handle, Handle::INVALID);
        assert_eq!(got.own.badge, u64::from(tid), "who asks, from the kernel");
        assert!(!got.own.is_dereferenced());
        assert_eq!((got.sender, got.thread), (sender, tid));
        answer(&mut s, &got, &[], b"").expect("it waits");
    });
    stage.neighbour_is_served("lying about oneself");
}

#[test]
fn interrupts_of_others() {
    let mut stage = Stage::new();
    let driver = task(&stage.kernel, "driver");
    let mut d = driver.attach().expect("a thread");
    let line = d.kn().register_irq(9, 0).expect("a line");
    let delivery = d.kn().attach_irq(line).expect("bound");
    let outcome = stage.m.kn().register_irq(9, 0);
    stage.refused("another's line", outcome, Retcode::ALREADY_EXISTS);
    let outcome = stage.m.kn().register_irq(9, 1);
    stage.refused(
        "sharing what its owner does not share",
        outcome,
        Retcode::ALREADY_EXISTS,
    );
    for handle in [line, delivery].map(|handle| Handle(handle.0 + 7)) {
        let outcome = stage.m.kn().disable_irq(handle);
        stage.refused("disabling another's line", outcome, Retcode::INVALID_ARGUMENT);
        let outcome = stage.m.kn().attach_irq(handle);
        stage.refused("attaching to another's line", outcome, Retcode::INVALID_ARGUMENT);
    }
    let outcome = stage.m.kn().register_irq(u32::MAX, 0);
    stage.refused("a line that does not exist", outcome, Retcode::INVALID_ARGUMENT);
    stage.kernel.interrupts().pulse(9);
    assert!(
        d.recv_ex(delivery, 0, Handle::INVALID).is_ok(),
        "it is the driver's as before"
    );
}
