// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server that attacks its clients: answers nobody asked for, twice, malformed, too late.

use kos_bindings::hosted::{Task, Thread};
use kos_bindings::nk::{Handle, HandleDesc, Header, Lens, Retcode, Wire};

use crate::Stage;
use crate::world::*;

/// Lets the attacker serve a victim; returns the attacker's listener and the victim.
fn serve(stage: &Stage) -> (Handle, Task, Thread, Handle) {
    let victim = task(&stage.kernel, "victim");
    stage
        .kernel
        .connect(&victim, &stage.mallory, "trap", &[])
        .expect("a channel");
    let v = victim.attach().expect("a thread");
    let channel = v.service_locator_connect("trap");
    (stage.m.service_locator_register("trap"), victim, v, channel)
}

#[test]
fn answers_that_nobody_asked_for() {
    let mut stage = Stage::new();
    let (listener, _victim, v, _) = serve(&stage);
    let threads = [0, 1, v.tid(), stage.n.tid(), stage.m.tid(), u32::MAX];
    for thread in threads {
        let lens = write(stage.m.response(), &[], b"surprise");
        let outcome = stage.m.reply(listener, thread, lens);
        stage.refused("an answer to nobody", outcome, Retcode::INVALID_ARGUMENT);
    }
}

#[test]
fn a_second_answer() {
    let mut stage = Stage::new();
    let (listener, _victim, mut v, channel) = serve(&stage);
    let m = &mut stage.m;
    let (first, got) = std::thread::scope(|scope| {
        let asks = scope.spawn(|| say(&mut v, channel, b"ask"));
        let got = receive(m, listener, 5000).expect("a request");
        answer(m, &got, &[], b"one").expect("it waits");
        (asks.join().expect("no panic"), got)
    });
    assert_eq!(first.as_deref(), Ok(&b"one"[..]));
    let outcome = answer(&mut stage.m, &got, &[], b"two");
    stage.refused("a second answer", outcome, Retcode::INVALID_ARGUMENT);
    // Not even while the victim waits for its next one, which was not received yet.
    let m = &mut stage.m;
    let outcome = std::thread::scope(|scope| {
        let asks = scope.spawn(|| say(&mut v, channel, b"again"));
        std::thread::sleep(std::time::Duration::from_millis(30));
        let outcome = answer(m, &got, &[], b"two");
        let got = receive(m, listener, 5000).expect("a request");
        answer(m, &got, &[], b"right").expect("it waits");
        assert_eq!(asks.join().expect("no panic").as_deref(), Ok(&b"right"[..]));
        outcome
    });
    stage.refused("an early answer", outcome, Retcode::INVALID_ARGUMENT);
}

#[test]
fn malformed_answers_and_handles_that_it_does_not_have() {
    let mut stage = Stage::new();
    let (listener, _victim, mut v, channel) = serve(&stage);
    let good = Header {
        size: 24,
        handles: 0,
        is_error: false,
        riid: RIID,
        mid: 0,
    };
    let invalid = Retcode::INVALID_ARGUMENT;
    let own = stage.m.kernel();
    let cases = [
        (
            "an answer of another interface",
            Header { riid: 1, ..good },
            HandleDesc::INVALID,
            24,
            24,
            invalid,
        ),
        (
            "an answer of impossible size",
            good,
            HandleDesc::INVALID,
            9000,
            0,
            invalid,
        ),
        (
            "a long error form",
            Header { is_error: true, ..good },
            HandleDesc::INVALID,
            24,
            0,
            invalid,
        ),
        (
            "an answer with a handle of nobody's",
            Header {
                mid: 1,
                handles: 1,
                size: 40,
                ..good
            },
            HandleDesc::all(Handle(4711)),
            40,
            0,
            invalid,
        ),
        (
            "an answer with a handle that may not travel",
            Header {
                mid: 1,
                handles: 1,
                size: 40,
                ..good
            },
            HandleDesc::all(own),
            40,
            0,
            Retcode::SECURITY_DISALLOW,
        ),
    ];
    for (what, header, desc, constant, arena, code) in cases {
        let m = &mut stage.m;
        let outcome = std::thread::scope(|scope| {
            let asks = scope.spawn(|| say(&mut v, channel, b"ask"));
            let got = receive(m, listener, 5000).expect("a request");
            m.response().constant[..64].fill(0);
            header.pack().put(m.response().constant, 0).expect("room");
            desc.put(m.response().constant, 24).expect("room");
            let outcome = m.reply(got.reply_handle, got.thread, Lens { constant, arena });
            assert_eq!(asks.join().expect("no panic"), Err(code), "{what}");
            outcome
        });
        if constant > 8192 {
            // It never became a message.
            assert_eq!(outcome, Err(code), "{what}");
            stage.neighbour_is_served(what);
        } else {
            stage.refused(what, outcome, code);
        }
    }
}

#[test]
fn a_server_that_never_answers_holds_only_its_clients_and_only_as_long_as_they_want() {
    let mut stage = Stage::new();
    let (listener, _victim, mut v, channel) = serve(&stage);
    let m = &mut stage.m;
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| {
            use kos_bindings::nk::Transport;
            let lens = write(v.request(), &[], b"ask");
            v.call_ex(channel, lens, 50, Handle::INVALID).map(drop)
        });
        let got = receive(m, listener, 5000).expect("a request");
        assert_eq!(asks.join().expect("no panic"), Err(Retcode::TIMEOUT));
        assert_eq!(answer(m, &got, &[], b""), Err(Retcode::NOT_CONNECTED));
    });
    stage.neighbour_is_served("never answering");
}

#[test]
fn a_late_answer_is_not_that_to_the_next_request() {
    let mut stage = Stage::new();
    let (listener, _victim, mut v, channel) = serve(&stage);
    let mut helper = stage.mallory.attach().expect("a thread");
    let m = &mut stage.m;
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| {
            use kos_bindings::nk::Transport;
            let lens = write(v.request(), &[], b"first");
            let first = v.call_ex(channel, lens, 50, Handle::INVALID).map(drop);
            assert_eq!(first, Err(Retcode::TIMEOUT));
            say(&mut v, channel, b"second")
        });
        let late = receive(m, listener, 5000).expect("the first");
        let next = receive(&mut helper, listener, 5000).expect("the second");
        assert_eq!(answer(m, &late, &[], b"to the first"), Err(Retcode::NOT_CONNECTED));
        answer(&mut helper, &next, &[], b"to the second").expect("it waits");
        assert_eq!(asks.join().expect("no panic").as_deref(), Ok(&b"to the second"[..]));
    });
    stage.neighbour_is_served("answering late");
}

#[test]
fn a_late_answer_by_whoever_holds_the_next_request_too() {
    let mut stage = Stage::new();
    let (listener, _victim, mut v, channel) = serve(&stage);
    let m = &mut stage.m;
    let mut outcomes = Vec::new();
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| {
            use kos_bindings::nk::Transport;
            let lens = write(v.request(), &[], b"first");
            let first = v.call_ex(channel, lens, 50, Handle::INVALID).map(drop);
            assert_eq!(first, Err(Retcode::TIMEOUT));
            say(&mut v, channel, b"second")
        });
        let late = receive(m, listener, 5000).expect("the first");
        let next = receive(m, listener, 5000).expect("the second");
        assert_eq!(
            (late.thread, late.sender),
            (next.thread, next.sender),
            "one thread asks twice"
        );
        assert_ne!(late.call, next.call);
        for (call, text) in [
            (u64::MAX, "to no call"),
            (late.call, "to the first"),
            (late.call, "again"),
        ] {
            let lens = write(m.response(), &[], text.as_bytes());
            outcomes.push((text, m.reply_to(listener, next.thread, call, lens)));
        }
        // A call of the victim's, but not this thread's.
        let lens = write(m.response(), &[], b"to another thread");
        outcomes.push((
            "to another thread",
            m.reply_to(listener, next.thread + 1, next.call, lens),
        ));
        let lens = write(m.response(), &[], b"to the second");
        m.reply_to(listener, next.thread, next.call, lens).expect("it waits");
        assert_eq!(asks.join().expect("no panic").as_deref(), Ok(&b"to the second"[..]));
    });
    let late = outcomes.remove(1);
    assert_eq!(
        late,
        ("to the first", Err(Retcode::NOT_CONNECTED)),
        "as where a client is gone"
    );
    let codes: Vec<_> = outcomes.iter().map(|(_, outcome)| *outcome).collect();
    assert_eq!(codes, [Err(Retcode::INVALID_ARGUMENT); 3], "{outcomes:?}");
    let audited = stage.audit.take();
    assert_eq!(
        audited.iter().filter(|record| record.sender == "mallory").count(),
        3,
        "{audited:?}"
    );
    stage.neighbour_is_served("answering late by number");
}

#[test]
fn an_answer_that_names_a_handle_as_if_the_kernel_did() {
    let mut stage = Stage::new();
    let (listener, _victim, mut v, channel) = serve(&stage);
    let m = &mut stage.m;
    let own = std::thread::scope(|scope| {
        let asks = scope.spawn(|| {
            use kos_bindings::nk::Transport;
            let lens = write(v.request(), &[], b"ask");
            let answer = v.call(channel, lens).expect("an answer");
            Header::self_handle(answer.constant).expect("a header")
        });
        let got = receive(m, listener, 5000).expect("a request");
        let lens = write(m.response(), &[], b"");
        let lie = HandleDesc {
            handle: Handle(1),
            rights: HandleDesc::DEREFERENCED,
            badge: 7,
        };
        Header::set_self_handle(m.response().constant, lie).expect("room");
        m.reply(got.reply_handle, got.thread, lens).expect("it waits");
        asks.join().expect("no panic")
    });
    assert_eq!(own, HandleDesc::INVALID);
    stage.neighbour_is_served("lying about a handle");
}
