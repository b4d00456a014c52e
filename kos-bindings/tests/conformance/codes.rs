// SPDX-License-Identifier: MIT OR Apache-2.0
//! The documented return codes: where each comes from. Most have further tests under the points.

use kos_bindings::hosted::{Limits, TaskSpec};
use kos_bindings::kn::right;
use kos_bindings::nk::{Handle, HandleDesc, Lens, Retcode, Transport};

use crate::world::*;

#[test]
fn rc_ok_is_zero_and_timeout_has_the_number_that_was_seen() {
    assert_eq!((Retcode::OK.0, Retcode::OK.ok()), (0, Ok(())));
    assert_eq!(Retcode::TIMEOUT.0.cast_unsigned(), 0x9000_0014);
}

#[test]
fn rc_ok_of_reply_means_that_the_client_has_the_answer() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| say(&mut pair.c, pair.channel, b""));
        let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
        assert_eq!(answer(&mut pair.s, &got, &[], b"it"), Ok(()));
        assert_eq!(client.join().expect("no panic").as_deref(), Ok(&b"it"[..]));
    });
}

#[test]
fn rc_invalid_argument_for_what_is_no_message_or_owed_no_answer() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let lens = Lens { constant: 5, arena: 0 };
    assert_eq!(
        pair.c.call(pair.channel, lens).map(drop),
        Err(Retcode::INVALID_ARGUMENT)
    );
    let lens = write(pair.s.response(), &[], b"");
    assert_eq!(pair.s.reply(pair.listener, 1, lens), Err(Retcode::INVALID_ARGUMENT));
    assert_eq!(pair.s.reply(pair.listener, 0, lens), Err(Retcode::INVALID_ARGUMENT));
}

#[test]
fn rc_security_disallow_without_a_right() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let deaf = pair
        .s
        .kn()
        .handle_copy(pair.listener, right::COMMON, Handle::INVALID)
        .expect("a copy");
    assert_eq!(receive(&mut pair.s, deaf, 0).map(drop), Err(Retcode::SECURITY_DISALLOW));
    let lens = write(pair.s.response(), &[], b"");
    assert_eq!(pair.s.reply(deaf, 0, lens), Err(Retcode::SECURITY_DISALLOW));
    assert_eq!(
        say(&mut pair.s, pair.listener, b""),
        Err(Retcode::SECURITY_DISALLOW),
        "a listener cannot be called"
    );
    assert_eq!(
        receive(&mut pair.c, pair.channel, 0).map(drop),
        Err(Retcode::SECURITY_DISALLOW),
        "nor a client's end received on"
    );
}

#[test]
fn rc_not_connected_without_a_server() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    assert_eq!(say(&mut pair.c, Handle(999), b""), Err(Retcode::NOT_CONNECTED));
    assert_eq!(say(&mut pair.c, Handle(0), b""), Err(Retcode::NOT_CONNECTED));
    assert_eq!(say(&mut pair.c, Handle::INVALID, b""), Err(Retcode::NOT_CONNECTED));
    assert_eq!(
        receive(&mut pair.s, Handle(999), 0).map(drop),
        Err(Retcode::NOT_CONNECTED)
    );
    let lens = write(pair.s.response(), &[], b"");
    assert_eq!(pair.s.reply(Handle(999), 0, lens), Err(Retcode::NOT_CONNECTED));
    drop(pair.server);
    assert_eq!(say(&mut pair.c, pair.channel, b""), Err(Retcode::NOT_CONNECTED));
}

#[test]
fn rc_handle_revoked_for_call_recv_and_reply() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let same = HandleDesc::SAME_RIGHTS;
    let channel = pair
        .c
        .kn()
        .handle_copy(pair.channel, same, Handle::INVALID)
        .expect("a copy");
    let listener = pair
        .s
        .kn()
        .handle_copy(pair.listener, same, Handle::INVALID)
        .expect("a copy");
    pair.c.kn().handle_revoke(pair.channel).expect("revoked");
    pair.s.kn().handle_revoke(pair.listener).expect("revoked");
    assert_eq!(say(&mut pair.c, channel, b""), Err(Retcode::HANDLE_REVOKED));
    assert_eq!(
        receive(&mut pair.s, listener, 0).map(drop),
        Err(Retcode::HANDLE_REVOKED)
    );
    let lens = write(pair.s.response(), &[], b"");
    assert_eq!(pair.s.reply(listener, 0, lens), Err(Retcode::HANDLE_REVOKED));
}

#[test]
fn rc_timeout_for_call_and_recv() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    assert_eq!(receive(&mut pair.s, pair.listener, 5).map(drop), Err(Retcode::TIMEOUT));
    let lens = write(pair.c.request(), &[], b"");
    let outcome = pair.c.call_ex(pair.channel, lens, 5, Handle::INVALID).map(drop);
    assert_eq!(outcome, Err(Retcode::TIMEOUT));
}

#[test]
fn rc_ipc_interrupt_for_a_wait_that_a_sync_object_ended() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let sync = pair.s.kn().ipc_create_sync_object(false).expect("an object");
    pair.s.kn().ipc_set_interrupt(sync).expect("set");
    assert_eq!(
        pair.s.recv_ex(pair.listener, 5000, sync).map(drop),
        Err(Retcode::IPC_INTERRUPT)
    );
}

#[test]
fn rc_already_exists_for_a_line_that_somebody_has() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    pair.s.kn().register_irq(3, 0).expect("a line");
    assert_eq!(pair.c.kn().register_irq(3, 0), Err(Retcode::ALREADY_EXISTS));
}

#[test]
fn rc_busy_when_too_many_wait_at_one_listener() {
    let (kernel, _) = world();
    let server = task(&kernel, "server");
    let s = server.attach().expect("a thread");
    // One after the other gives up on its own, so the queue must fill by many threads at once: 9 processes of 32.
    let clients: Vec<_> = (0..9)
        .map(|number| {
            let client = task(&kernel, &format!("client-{number}"));
            kernel.connect(&client, &server, "ch", &[]).expect("a channel");
            client
        })
        .collect();
    let _ = s.service_locator_register("ch");
    // All ask at once, however long it takes to make them.
    let start = std::sync::Barrier::new(288);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let (start, server) = (&start, &server);
        let threads: Vec<_> = clients
            .iter()
            .flat_map(|client| (0..32).map(move |_| client.attach().expect("a thread")))
            .map(|mut thread| {
                scope.spawn(move || {
                    start.wait();
                    let channel = thread.service_locator_connect("ch");
                    let lens = write(thread.request(), &[], b"");
                    let outcome = thread.call_ex(channel, lens, 20_000, Handle::INVALID).map(drop);
                    if outcome == Err(Retcode::BUSY) {
                        // That is all; the others need not wait on.
                        server.kill();
                    }
                    outcome
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    let count = |code: Retcode| outcomes.iter().filter(|outcome| **outcome == Err(code)).count();
    assert!(count(Retcode::BUSY) >= 1, "{} gave up", count(Retcode::TIMEOUT));
    assert_eq!(count(Retcode::NOT_CONNECTED) + count(Retcode::BUSY), 288);
}

#[test]
fn rc_fail_for_a_limit_and_for_a_server_that_gives_no_answer() {
    let (kernel, _) = world();
    let spec = TaskSpec {
        limits: Limits {
            handles: 4,
            ..Limits::default()
        },
        ..TaskSpec::new("small")
    };
    let small = kernel.task(&spec).expect("a process");
    let mut thread = small.attach().expect("a thread");
    let made: Vec<_> = (0..4).map(|_| thread.kn().notice_create()).collect();
    assert_eq!(
        made.iter().filter(|made| made.is_ok()).count(),
        3,
        "one is for the kernel"
    );
    assert_eq!(made[3], Err(Retcode::FAIL));
    let mut pair = pair(&kernel);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| say(&mut pair.c, pair.channel, b""));
        let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
        pair.s
            .reply(got.reply_handle, got.thread, Lens::default())
            .expect("none");
        assert_eq!(client.join().expect("no panic"), Err(Retcode::FAIL));
    });
}
