// SPDX-License-Identifier: MIT OR Apache-2.0
//! Points 1 to 4, 10 and 15: the calls, the messages, what is checked of them and who is asked.

use std::time::{Duration, Instant};

use kos_bindings::hosted::Config;
use kos_bindings::hosted::judge::{CORE, Kind, Verdict};
use kos_bindings::idl;
use kos_bindings::nk::{
    HEADER_BYTES, Handle, HandleDesc, Header, Lens, MAX_CONSTANT_BYTES, MAX_HANDLES, Retcode, Transport, Wire,
};

use crate::world::*;

#[test]
fn p01_call_recv_and_reply_are_all_there_is_and_they_block() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let channel = pair.channel;
    std::thread::scope(|scope| {
        let client = scope.spawn(|| say(&mut pair.c, channel, b"hello"));
        let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
        assert_eq!(got.text, b"hello");
        assert_eq!(got.sender, pair.client.id());
        std::thread::sleep(Duration::from_millis(20));
        assert!(!client.is_finished(), "the client waits for its answer");
        answer(&mut pair.s, &got, &[], b"world").expect("it waits");
        assert_eq!(client.join().expect("no panic").as_deref(), Ok(&b"world"[..]));
    });
}

#[test]
fn p01_the_kernel_is_a_server_like_any_other() {
    let (kernel, _) = world();
    let server = task(&kernel, "server");
    let mut thread = server.attach().expect("a thread");
    let before = kernel.counts();
    thread.kn().notice_create().expect("a receiver");
    let after = kernel.counts();
    assert_eq!(
        (after.requests - before.requests, after.responses - before.responses),
        (1, 1),
        "a service of the kernel is one request and one response, both judged"
    );
}

#[test]
fn p02_header_slots_and_descriptors_have_the_documented_sizes() {
    assert_eq!(HEADER_BYTES, 24);
    assert_eq!((HandleDesc::BYTES, HandleDesc::ALIGN), (16, 8));
    assert_eq!((kos_bindings::nk::Desc::BYTES, kos_bindings::nk::Desc::ALIGN), (8, 4));
    assert_eq!((MAX_CONSTANT_BYTES, MAX_HANDLES), ((1 << 23) - 1, 255));
    // The handles go first, then the others in the order of declaration: inHandle, copyBadge, newRightsMask.
    let fields = idl::handle::INTERFACE.methods[usize::from(idl::handle::mid::COPY)].fields;
    let place = |name: &str| {
        fields
            .request
            .iter()
            .find(|field| field.name == name)
            .expect("a field")
            .at
    };
    assert_eq!(
        [place("inHandle"), place("copyBadge"), place("newRightsMask")],
        [24, 40, 56]
    );
    assert_eq!(idl::handle::CopyReq::SIZES.constant, 64, "rounded up to 8");
}

#[test]
fn p02_only_the_used_part_of_an_arena_travels() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let channel = pair.channel;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pair.c.request().arena[..64].fill(0x55);
            say(&mut pair.c, channel, b"four").expect("an answer");
            say(&mut pair.c, channel, b"").expect("an answer");
        });
        let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
        assert_eq!(got.text, b"four");
        answer(&mut pair.s, &got, &[], b"").expect("it waits");
        let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
        assert_eq!(got.text, b"");
        answer(&mut pair.s, &got, &[], b"").expect("it waits");
    });
}

#[test]
fn p02_a_message_of_4_mib_travels_and_one_byte_more_does_not() {
    let (kernel, _) = world();
    let (server, client) = (large_task(&kernel, "server"), large_task(&kernel, "client"));
    kernel.connect(&client, &server, "ch", &[]).expect("a channel");
    let (s, mut c) = (server.attach().expect("a thread"), client.attach().expect("a thread"));
    let listener = s.service_locator_register("ch");
    let channel = c.service_locator_connect("ch");
    let echoing = echo(s, listener);
    let mut text = vec![0u8; (4 << 20) - HEADER_BYTES];
    for (at, byte) in text.iter_mut().enumerate() {
        *byte = at.to_le_bytes()[0] ^ at.to_le_bytes()[1];
    }
    assert!(say(&mut c, channel, &text).expect("an answer") == text);
    text.push(0);
    assert_eq!(say(&mut c, channel, &text), Err(Retcode::INVALID_ARGUMENT));
    drop(server);
    echoing.join().expect("no panic");
}

#[test]
fn p02_the_limit_of_a_message_is_configuration() {
    let config = Config {
        message_bytes: 100,
        ..Config::default()
    };
    let (kernel, _) = world_with(config, |_| Verdict::Allow);
    let mut pair = pair(&kernel);
    let echoing = echo(pair.s, pair.listener);
    assert_eq!(say(&mut pair.c, pair.channel, &[1; 76]).as_deref(), Ok(&[1; 76][..]));
    assert_eq!(say(&mut pair.c, pair.channel, &[1; 77]), Err(Retcode::INVALID_ARGUMENT));
    drop(pair.server);
    echoing.join().expect("no panic");
}

/// Sends a request with this header and so many bytes of constant part.
fn raw(pair: &mut Pair, header: Header, constant: usize) -> Result<(), Retcode> {
    let room = pair.c.request();
    room.constant[..constant.max(32)].fill(0);
    header.pack().put(room.constant, 0).expect("room");
    pair.c.call(pair.channel, Lens { constant, arena: 0 }).map(drop)
}

#[test]
fn p03_malformed_requests_are_refused_before_delivery() {
    let (kernel, audit) = world();
    let mut pair = pair(&kernel);
    let good = Header {
        size: 24,
        handles: 0,
        is_error: false,
        riid: RIID,
        mid: 0,
    };
    let bad = [
        (Header { size: 32, ..good }, 24),
        (good, 32),
        (good, 16),
        (good, 0),
        (Header { size: 40, ..good }, 40),
        (Header { handles: 1, ..good }, 24),
        (Header { is_error: true, ..good }, 24),
        (Header { riid: RIID + 1, ..good }, 24),
        (Header { mid: 99, ..good }, 24),
    ];
    for (header, constant) in bad {
        assert_eq!(
            raw(&mut pair, header, constant),
            Err(Retcode::INVALID_ARGUMENT),
            "{header:?} {constant}"
        );
        let record = audit.take();
        assert_eq!((record.len(), record[0].what), (1, "malformed"), "{header:?}");
        assert_eq!((&*record[0].sender, &*record[0].receiver), ("client", "server"));
    }
    assert_eq!(
        receive(&mut pair.s, pair.listener, 0).map(drop),
        Err(Retcode::TIMEOUT),
        "nothing reached the server"
    );
}

#[test]
fn p03_malformed_responses_and_error_forms_are_refused_before_delivery() {
    let (kernel, audit) = world();
    let mut pair = pair(&kernel);
    let good = Header {
        size: 32,
        handles: 0,
        is_error: true,
        riid: RIID,
        mid: 0,
    };
    let bad = [
        (Header { size: 24, ..good }, 24),
        (good, 24),
        (Header { handles: 2, ..good }, 32),
        (
            Header {
                is_error: false,
                ..good
            },
            32,
        ),
    ];
    for (header, constant) in bad {
        std::thread::scope(|scope| {
            let client = scope.spawn(|| say(&mut pair.c, pair.channel, b"do it"));
            let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
            pair.s.response().constant[..32].fill(0);
            header.pack().put(pair.s.response().constant, 0).expect("room");
            let replied = pair.s.reply(got.reply_handle, got.thread, Lens { constant, arena: 0 });
            assert_eq!(replied, Err(Retcode::INVALID_ARGUMENT), "{header:?}");
            assert_eq!(client.join().expect("no panic"), Err(Retcode::INVALID_ARGUMENT));
        });
        let record = audit.take();
        assert_eq!(record.len(), 1);
        assert_eq!((&*record[0].sender, record[0].what), ("server", "malformed"));
    }
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let lens = write(pair.c.request(), &[], b"do it");
            let answer = pair.c.call(pair.channel, lens).expect("an answer");
            (Header::is_error_form(answer.constant), u64::get(answer.constant, 24))
        });
        let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
        good.pack().put(pair.s.response().constant, 0).expect("room");
        77u64.put(pair.s.response().constant, 24).expect("room");
        let lens = Lens { constant: 32, arena: 0 };
        pair.s
            .reply(got.reply_handle, got.thread, lens)
            .expect("a good error form");
        assert_eq!(client.join().expect("no panic"), (true, Ok(77)));
    });
}

#[test]
fn p03_services_of_the_kernel_are_validated_too() {
    let (kernel, audit) = world();
    let client = task(&kernel, "client");
    let mut c = client.attach().expect("a thread");
    let core = c.kernel();
    let lens = idl::notice::SetObjectEventReq {
        object: HandleDesc::all(Handle(1)),
        ev_mask: 1,
    }
    .encode(c.request())
    .expect("room");
    let short = Lens {
        constant: lens.constant - 8,
        ..lens
    };
    assert_eq!(c.call(core, short).map(drop), Err(Retcode::INVALID_ARGUMENT));
    let with_arena = Lens { arena: 8, ..lens };
    assert_eq!(c.call(core, with_arena).map(drop), Err(Retcode::INVALID_ARGUMENT));
    // An interface that the kernel does not serve, though it is known.
    let lens = write(c.request(), &[], b"");
    assert_eq!(c.call(core, lens).map(drop), Err(Retcode::INVALID_ARGUMENT));
    let records = audit.take();
    assert_eq!(records.len(), 3);
    assert!(
        records
            .iter()
            .all(|record| record.receiver == CORE && record.what == "malformed")
    );
}

#[test]
fn p04_the_policy_is_asked_for_each_message_with_all_that_it_is() {
    let (kernel, audit) = world_with(Config::default(), |subject| {
        let what = (
            subject.client,
            subject.server,
            subject.interface.name,
            subject.method.mid,
        );
        match what {
            ("client", "server", "test.Send", 0) if subject.message.arena == b"secret" => Verdict::Deny,
            ("client", "server", "test.Send", 0) => Verdict::Allow,
            _ => Verdict::Deny,
        }
    });
    let mut pair = pair(&kernel);
    let echoing = echo(pair.s, pair.listener);
    assert_eq!(say(&mut pair.c, pair.channel, b"hello").as_deref(), Ok(&b"hello"[..]));
    assert_eq!(
        say(&mut pair.c, pair.channel, b"secret"),
        Err(Retcode::SECURITY_DISALLOW)
    );
    assert_eq!(
        pair.c.kn().notice_create(),
        Err(Retcode::SECURITY_DISALLOW),
        "the kernel's services too"
    );
    let records = audit.take();
    assert_eq!(records.len(), 2);
    assert_eq!((&*records[0].receiver, &*records[1].receiver), ("server", CORE));
    drop(pair.server);
    echoing.join().expect("no panic");
}

#[test]
fn p04_each_service_of_the_kernel_can_be_refused_by_itself() {
    let (kernel, _) = world_with(Config::default(), |subject| {
        match (subject.interface.name, subject.method.name, subject.kind) {
            ("kl.core.IO", "RegisterIrq", Kind::Request) => {
                // As a policy pins a driver down: this line and no other.
                match idl::io::RegisterIrqReq::decode(subject.message) {
                    Ok(request) if request.irq == 7 => Verdict::Allow,
                    _ => Verdict::Deny,
                }
            }
            _ => Verdict::Allow,
        }
    });
    let driver = task(&kernel, "driver");
    let mut thread = driver.attach().expect("a thread");
    assert_eq!(thread.kn().register_irq(8, 0), Err(Retcode::SECURITY_DISALLOW));
    assert!(thread.kn().register_irq(7, 0).is_ok());
}

#[test]
fn p04_a_refused_response_fails_a_call_that_was_served() {
    let (kernel, audit) = world_with(Config::default(), |subject| match subject.kind {
        Kind::Response if subject.message.arena == b"leak" => Verdict::Deny,
        _ => Verdict::Allow,
    });
    let mut pair = pair(&kernel);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| say(&mut pair.c, pair.channel, b"ask"));
        let got = receive(&mut pair.s, pair.listener, 5000).expect("the server has it");
        assert_eq!(answer(&mut pair.s, &got, &[], b"leak"), Err(Retcode::SECURITY_DISALLOW));
        assert_eq!(client.join().expect("no panic"), Err(Retcode::SECURITY_DISALLOW));
    });
    assert_eq!(audit.take()[0].sender, "server");
}

#[test]
fn p10_times_are_milliseconds_and_a_call_does_not_end_before() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    for ms in [1, 20] {
        let begun = Instant::now();
        let lens = write(pair.c.request(), &[], b"");
        let outcome = pair.c.call_ex(pair.channel, lens, ms, Handle::INVALID).map(drop);
        assert_eq!(outcome, Err(Retcode::TIMEOUT));
        assert!(begun.elapsed() >= Duration::from_millis(ms.into()));
        let begun = Instant::now();
        let fresh = receive(&mut pair.s, pair.listener, ms).map(drop);
        assert_eq!(fresh, Err(Retcode::TIMEOUT), "the request that timed out is gone");
        assert!(begun.elapsed() >= Duration::from_millis(ms.into()));
    }
}

#[test]
fn p10_memory_is_never_executable() {
    let (kernel, _) = world();
    let task = task(&kernel, "task");
    let mut thread = task.attach().expect("a thread");
    const EXECUTE: u32 = 4;
    for prot in [EXECUTE, 1 | EXECUTE, 3 | EXECUTE, 0, 2] {
        assert_eq!(thread.kn().mdl_create(4096, prot), Err(Retcode::INVALID_ARGUMENT));
    }
    let mdl = thread.kn().mdl_create(4096, 3).expect("memory");
    assert_eq!(
        thread.kn().mdl_map(mdl, 0, 4096, 3 | EXECUTE),
        Err(Retcode::INVALID_ARGUMENT)
    );
}

#[test]
fn p15_numbers_of_interfaces_and_methods_are_data() {
    // What a client sends comes from generated code, and the kernel finds it by what the same code says.
    for interface in idl::INTERFACES {
        assert_eq!(
            idl::interface(interface.riid).map(|found| found.name),
            Some(interface.name)
        );
        for (mid, method) in interface.methods.iter().enumerate() {
            assert_eq!(usize::from(method.mid), mid);
        }
    }
}
