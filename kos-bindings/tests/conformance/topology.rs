// SPDX-License-Identifier: MIT OR Apache-2.0
//! Point 11: static channels by name, and dynamic ones.

use std::sync::{Arc, Mutex};

use kos_bindings::hosted::judge::Verdict;
use kos_bindings::hosted::{Config, Served, Thread};
use kos_bindings::kn::INFINITE;
use kos_bindings::nk::{Handle, Header, Retcode, Transport};

use crate::world::*;

#[test]
fn p11_static_channels_are_found_by_name_and_failure_is_no_handle() {
    let (kernel, _) = world();
    let pair = pair(&kernel);
    assert_eq!(
        pair.c.service_locator_connect("ch"),
        pair.channel,
        "as often as one asks"
    );
    assert_eq!(pair.c.service_locator_connect("hc"), Handle::INVALID);
    assert_eq!(pair.s.service_locator_register("hc"), Handle::INVALID);
    assert_eq!(
        pair.c.service_locator_register("ch"),
        Handle::INVALID,
        "it is no server there"
    );
    assert_eq!(pair.c.service_locator_get_riid(pair.channel, "send"), Some(RIID));
    assert_eq!(pair.c.service_locator_get_riid(pair.channel, "other"), None);
    assert_eq!(pair.c.service_locator_get_riid(Handle(77), "send"), None);
    assert!(
        kernel.connect(&pair.client, &pair.server, "ch", &[]).is_err(),
        "it has one"
    );
}

#[test]
fn p11_channels_of_one_name_share_the_servers_listener() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let other = task(&kernel, "other");
    kernel.connect(&other, &pair.server, "ch", &[]).expect("a channel");
    let mut o = other.attach().expect("a thread");
    let channel = o.service_locator_connect("ch");
    std::thread::scope(|scope| {
        scope.spawn(|| say(&mut pair.c, pair.channel, b"1").expect("an answer"));
        scope.spawn(|| say(&mut o, channel, b"2").expect("an answer"));
        let mut senders = Vec::new();
        for _ in 0..2 {
            let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
            senders.push(got.sender);
            answer(&mut pair.s, &got, &[], b"").expect("it waits");
        }
        senders.sort_unstable();
        let mut expected = [pair.client.id(), other.id()];
        expected.sort_unstable();
        assert_eq!(senders, expected);
    });
}

#[test]
fn p11_closing_a_static_channel_is_final() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    pair.c.kn().handle_close(pair.channel).expect("closed");
    assert_eq!(say(&mut pair.c, pair.channel, b""), Err(Retcode::NOT_CONNECTED));
    assert_eq!(pair.c.service_locator_connect("ch"), Handle::INVALID);
    assert_eq!(pair.c.service_locator_get_riid(pair.channel, "send"), None);
    assert!(
        kernel.connect(&pair.client, &pair.server, "ch", &[]).is_err(),
        "nor can the supervisor make it again"
    );
}

#[test]
fn p11_closing_the_servers_end_is_final_too() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    pair.s.kn().handle_close(pair.listener).expect("closed");
    assert_eq!(say(&mut pair.c, pair.channel, b""), Err(Retcode::NOT_CONNECTED));
    assert_eq!(pair.s.service_locator_register("ch"), Handle::INVALID);
}

#[test]
fn p11_a_disconnected_channel_leads_nowhere_whoever_has_it() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let rights = kos_bindings::nk::HandleDesc::SAME_RIGHTS;
    let copy = pair
        .c
        .kn()
        .handle_copy(pair.channel, rights, Handle::INVALID)
        .expect("a copy");
    pair.c.kn().handle_disconnect(pair.channel).expect("disconnected");
    assert_eq!(say(&mut pair.c, copy, b""), Err(Retcode::NOT_CONNECTED));
}

#[test]
fn p11_a_channel_within_a_process_is_made_by_hand() {
    let (kernel, _) = world();
    let task = task(&kernel, "task");
    let (mut server, mut client) = (task.attach().expect("a thread"), task.attach().expect("a thread"));
    let (listener, end, channel) = server.kn().handle_connect(Handle::INVALID).expect("a channel");
    for receiving in [listener, end] {
        std::thread::scope(|scope| {
            let asks = scope.spawn(|| say(&mut client, channel, b"me"));
            let got = receive(&mut server, receiving, 5000).expect("a request");
            assert_eq!(got.sender, task.id());
            answer(&mut server, &got, &[], b"too").expect("it waits");
            assert_eq!(asks.join().expect("no panic").as_deref(), Ok(&b"too"[..]));
        });
    }
    let (same, _, second) = server.kn().handle_connect(listener).expect("one more channel");
    assert_eq!(same, listener);
    assert_ne!(second, channel);
}

#[test]
fn p11_dynamic_channels_are_asked_for_and_accepted_or_dropped() {
    let (kernel, _) = world();
    let (server, client) = (task(&kernel, "server"), task(&kernel, "client"));
    let (mut s, mut c) = (server.attach().expect("a thread"), client.attach().expect("a thread"));
    let (listener, ..) = s.kn().handle_connect(Handle::INVALID).expect("a listener");
    std::thread::scope(|scope| {
        let asks = scope.spawn(move || (c.kn().cm_connect("server", "log.send", INFINITE), c));
        let (who, what) = s
            .kn()
            .cm_listen("", 5000, |client, service| (client.to_owned(), service.to_owned()))
            .expect("a client");
        assert_eq!((&*who, &*what), ("client", "log.send"));
        let end = s.kn().cm_accept(listener, &who, &what, RIID).expect("accepted");
        let (made, mut c) = asks.join().expect("no panic");
        let (channel, riid) = made.expect("a channel");
        assert_eq!(riid, u32::from(RIID));
        let speaks = scope.spawn(move || (say(&mut c, channel, b"hi"), c));
        let got = receive(&mut s, end, 5000).expect("a request");
        answer(&mut s, &got, &[], b"ho").expect("it waits");
        let (said, mut c) = speaks.join().expect("no panic");
        assert_eq!(said.as_deref(), Ok(&b"ho"[..]));

        let asks = scope.spawn(move || (c.kn().cm_connect("server", "secret", INFINITE), c));
        let missed = s.kn().cm_listen("log.send", 20, |_, _| ());
        assert_eq!(missed, Err(Retcode::TIMEOUT), "not what was filtered for");
        s.kn().cm_listen("secret", 5000, |_, _| ()).expect("a client");
        s.kn().cm_drop("client", "secret").expect("dropped");
        let (refused, mut c) = asks.join().expect("no panic");
        assert_eq!(refused, Err(Retcode::NOT_CONNECTED));
        assert_eq!(c.kn().cm_connect("server", "log.send", 20), Err(Retcode::TIMEOUT));
        assert_eq!(c.kn().cm_connect("nobody", "x", 20), Err(Retcode::NOT_CONNECTED));
        assert_eq!(
            s.kn().cm_accept(listener, "client", "log.send", 0),
            Err(Retcode::NOT_CONNECTED),
            "nobody waits any more"
        );
    });
}

#[test]
fn p11_a_server_that_dies_ends_who_asks_it() {
    let (kernel, _) = world();
    let (server, client) = (task(&kernel, "server"), task(&kernel, "client"));
    let mut c = client.attach().expect("a thread");
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| c.kn().cm_connect("server", "x", INFINITE));
        std::thread::sleep(std::time::Duration::from_millis(20));
        server.kill();
        assert_eq!(asks.join().expect("no panic"), Err(Retcode::NOT_CONNECTED));
    });
}

/// Sends `text` to endpoint `riid`, whatever it is.
fn ask(thread: &mut Thread, channel: Handle, riid: u16, text: &[u8]) -> Result<(u16, Vec<u8>), Retcode> {
    let lens = write(thread.request(), &[], text);
    thread.request().constant[4..6].copy_from_slice(&riid.to_le_bytes());
    let answer = thread.call(channel, lens)?;
    Ok((
        Header::read(answer.constant).expect("a header").riid,
        answer.arena.to_vec(),
    ))
}

/// Answers each request with the number that it came with, or with what `number` makes of it.
fn serve(mut thread: Thread, listener: Handle, number: impl Fn(u16) -> u16 + Send + 'static) {
    std::thread::spawn(move || {
        while let Ok(received) = thread.recv(listener) {
            let (handle, client) = (received.reply_handle, received.thread);
            let riid = Header::read(received.message.constant).expect("a header").riid;
            let lens = write(thread.response(), &[], &riid.to_le_bytes());
            thread.response().constant[4..6].copy_from_slice(&number(riid).to_le_bytes());
            let _ = thread.reply(handle, client, lens);
        }
    });
}

#[test]
fn p15_endpoints_have_their_classes_numbers() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&seen);
    let (kernel, audit) = world_with(Config::default(), move |subject| {
        let riid = Header::read(subject.message.constant).expect("a header").riid;
        sees.lock().expect("the list").push((subject.interface.name, riid));
        Verdict::Allow
    });
    let interface = registry(RIID).expect("the test interface");
    let served = |name: &str, riid| Served {
        name: name.into(),
        riid,
        interface,
    };
    let (one, other, client) = (task(&kernel, "one"), task(&kernel, "other"), task(&kernel, "client"));
    // Two endpoints of one interface; and the same number for something else in another class.
    let ones = [served("left", 0), served("right", 1)];
    kernel.connect_served(&client, &one, "ch", &ones).expect("a channel");
    kernel
        .connect_served(&client, &other, "other", &[served("bus.only", 7)])
        .expect("a channel");
    let twice = kernel.connect_served(&client, &one, "twice", &[served("a", 3), served("b", 3)]);
    assert!(twice.is_err(), "two endpoints of one number");
    for (server, name) in [(&one, "ch"), (&other, "other")] {
        let thread = server.attach().expect("a thread");
        let listener = thread.service_locator_register(name);
        serve(thread, listener, |riid| riid);
    }
    let mut c = client.attach().expect("a thread");
    let (to_one, to_other) = (c.service_locator_connect("ch"), c.service_locator_connect("other"));
    assert_eq!(c.service_locator_get_riid(to_one, "left"), Some(0));
    assert_eq!(c.service_locator_get_riid(to_one, "right"), Some(1));
    assert_eq!(c.service_locator_get_riid(to_other, "bus.only"), Some(7));
    for (channel, riid) in [(to_one, 0), (to_one, 1), (to_other, 7)] {
        // The server is told the class's number, and the client is answered with it.
        assert_eq!(
            ask(&mut c, channel, riid, b"?"),
            Ok((riid, riid.to_le_bytes().to_vec()))
        );
    }
    assert_eq!(
        *seen.lock().expect("the list"),
        [("test.Send", RIID); 6],
        "the policy's number"
    );
    audit.take();
    for (channel, riid) in [
        (to_one, 2),
        (to_one, 7),
        (to_other, 0),
        (to_one, RIID),
        (to_one, u16::MAX),
    ] {
        assert_eq!(
            ask(&mut c, channel, riid, b"?"),
            Err(Retcode::INVALID_ARGUMENT),
            "{riid}"
        );
    }
    assert_eq!(audit.take().len(), 5, "each under the client's name");
}

#[test]
fn p15_an_answer_has_the_number_of_its_request() {
    let (kernel, audit) = world();
    let (server, client) = (task(&kernel, "server"), task(&kernel, "client"));
    let interface = registry(RIID).expect("the test interface");
    let served = [("left", 0), ("right", 1)].map(|(name, riid)| Served {
        name: name.into(),
        riid,
        interface,
    });
    kernel
        .connect_served(&client, &server, "ch", &served)
        .expect("a channel");
    let thread = server.attach().expect("a thread");
    let listener = thread.service_locator_register("ch");
    serve(thread, listener, |riid| if riid == 0 { RIID } else { 0 });
    let mut c = client.attach().expect("a thread");
    let channel = c.service_locator_connect("ch");
    for riid in [0, 1] {
        assert_eq!(ask(&mut c, channel, riid, b"?"), Err(Retcode::INVALID_ARGUMENT));
    }
    let audited = audit.take();
    assert!(audited.iter().all(|record| record.sender == "server"), "{audited:?}");
    assert_eq!(audited.len(), 2);
}
