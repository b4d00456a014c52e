// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages through the hosted kernel, with a real sandboxed domain at the other end.

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{SOON, call, kernel, kernel_with, mid, request, spec, start};
use kos_bindings::hosted::judge::{Kind, Policy, Subject, Verdict};
use kos_bindings::hosted::{ChannelSpec, Config, Event, Lines, Rights};
use kos_bindings::nk::{Handle, Header, Lens, Parts, PartsMut, Retcode, Transport};
use kos_bindings::port::FOREVER;

fn echo(_: u16, request: Parts<'_>, response: PartsMut<'_>) -> Result<Lens, Retcode> {
    response.constant[..request.constant.len()].copy_from_slice(request.constant);
    response.arena[..request.arena.len()].copy_from_slice(request.arena);
    Ok(Lens {
        constant: request.constant.len(),
        arena: request.arena.len(),
    })
}

#[test]
fn a_message_comes_back() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("echo"));
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    for size in [0, 1, 100, 4096, 65_536, 131_072] {
        let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
        assert_eq!(call(&mut client, handle, mid::ECHO, &bytes), Ok(bytes), "{size} bytes");
    }
    assert_eq!(kernel.counts().requests, 6);
    assert_eq!(kernel.counts().responses, 6);
}

#[test]
fn a_domain_knows_what_it_was_given() {
    let kernel = kernel();
    let mut spec = spec("boot");
    spec.dtb = vec![0xd0; 5000];
    spec.args = vec!["rate=100".into(), "mode=fast".into()];
    spec.is_virtual_time = true;
    spec.log_level = 4;
    for name in ["i2c0", "back"] {
        let endpoint = kernel.register(name, echo);
        spec.channels.push(ChannelSpec {
            name: name.into(),
            riid: 7,
            endpoint,
            rights: Rights::CALL,
        });
    }
    let domain = start(&kernel, &spec);
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    let text = String::from_utf8(call(&mut client, handle, mid::BOOT, &[]).expect("an answer")).expect("text");
    assert_eq!(
        text,
        "dtb=5000 clock=1 log=4 second=0x0 rate=100 mode=fast i2c0=1:7 back=2:7"
    );
}

#[test]
fn a_domain_reads_the_same_clock() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("clock"));
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    let before = kos_bindings::hosted::clock_ns();
    let bytes = call(&mut client, handle, mid::CLOCK, &[]).expect("an answer");
    let there = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    assert!((before..=kos_bindings::hosted::clock_ns()).contains(&there));
}

#[test]
fn a_domain_calls_a_server_object() {
    let kernel = kernel();
    let mut spec = spec("upcall");
    let endpoint = kernel.register("echo", echo);
    spec.channels.push(ChannelSpec {
        name: "back".into(),
        riid: common::RIID,
        endpoint,
        rights: Rights::CALL,
    });
    let domain = start(&kernel, &spec);
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    assert_eq!(
        call(&mut client, handle, mid::UPCALL, b"through").as_deref(),
        Ok(&b"through"[..])
    );
}

#[test]
fn a_domain_calls_another_domain() {
    let kernel = kernel();
    let back = |endpoint| ChannelSpec {
        name: "back".into(),
        riid: 0,
        endpoint,
        rights: Rights::CALL,
    };
    let mut far = spec("far");
    far.channels.push(back(kernel.register("echo", echo)));
    let far = start(&kernel, &far);
    let mut near = spec("near");
    near.channels.push(back(far.endpoint()));
    let near = start(&kernel, &near);
    let mut client = kernel.client("tester", &near).expect("a client");
    let handle = client.handle();
    assert_eq!(
        call(&mut client, handle, mid::UPCALL, b"far").as_deref(),
        Ok(&b"far"[..])
    );
    far.kill();
    assert!(far.wait_death(SOON).is_some());
    let code = call(&mut client, handle, mid::UPCALL, b"far").expect("the near one lives");
    assert_eq!(code, Retcode::NOT_CONNECTED.0.to_le_bytes());
}

/// Starts a domain whose channel leads to `server`, and returns what its call there came to.
fn upcall(config: Config, server: impl kos_bindings::hosted::Server + 'static, rights: Rights, riid: u16) -> i32 {
    let kernel = kernel_with(config);
    let mut spec = spec("upcall");
    let endpoint = kernel.register("server", server);
    spec.channels.push(ChannelSpec {
        name: "back".into(),
        riid,
        endpoint,
        rights,
    });
    let domain = start(&kernel, &spec);
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    let bytes = call(&mut client, handle, mid::UPCALL, b"").expect("an answer");
    i32::from_le_bytes(bytes.try_into().expect("a return code"))
}

#[test]
fn a_panic_in_a_server_is_its_callers_error() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let on_event = Box::new(move |event| log.lock().expect("the log").push(event));
    let panics = |_: u16, _: Parts<'_>, _: PartsMut<'_>| -> Result<Lens, Retcode> { panic!("no chip") };
    let code = upcall(
        Config {
            on_event,
            ..Config::default()
        },
        panics,
        Rights::CALL,
        0,
    );
    assert_eq!(code, Retcode::FAIL.0);
    let seen = seen.lock().expect("the log");
    assert!(matches!(&seen[0], Event::ServerPanicked { server, text } if server == "server" && text == "no chip"));
}

#[test]
fn a_servers_malformed_answer_is_its_callers_error() {
    let lies = |_: u16, _: Parts<'_>, _: PartsMut<'_>| Ok(Lens { constant: 9, arena: 0 });
    assert_eq!(
        upcall(Config::default(), lies, Rights::CALL, 0),
        Retcode::INVALID_ARGUMENT.0
    );
    let boasts = |_: u16, _: Parts<'_>, _: PartsMut<'_>| {
        Ok(Lens {
            constant: usize::MAX,
            arena: usize::MAX,
        })
    };
    assert_eq!(
        upcall(Config::default(), boasts, Rights::CALL, 0),
        Retcode::INVALID_ARGUMENT.0
    );
}

#[test]
fn a_handle_without_the_right_or_of_another_interface_calls_nobody() {
    assert_eq!(
        upcall(Config::default(), echo, Rights::TRANSFER, 0),
        Retcode::SECURITY_DISALLOW.0
    );
    assert_eq!(
        upcall(Config::default(), echo, Rights::CALL, common::RIID + 1),
        Retcode::INVALID_ARGUMENT.0
    );
}

struct Deny(Kind);

impl Policy for Deny {
    fn judge(&self, subject: &Subject<'_>) -> Verdict {
        assert_eq!(subject.interface.name, "test.Domain");
        if subject.kind == self.0 && subject.server == "server" {
            Verdict::Deny
        } else {
            Verdict::Allow
        }
    }
}

#[test]
fn the_policy_refuses_requests_and_responses() {
    for kind in [Kind::Request, Kind::Response] {
        let config = Config {
            policy: Box::new(Deny(kind)),
            ..Config::default()
        };
        assert_eq!(
            upcall(config, echo, Rights::CALL, 0),
            Retcode::SECURITY_DISALLOW.0,
            "{kind:?}"
        );
    }
}

#[test]
fn malformed_requests_reach_nobody() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("strict"));
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    let cases = [
        (0x7002, 0, 24, 24),
        (common::RIID, 99, 24, 24),
        (common::RIID, 0, 32, 24),
        (common::RIID, 0, 24, 16),
    ];
    for (riid, mid, size, sent) in cases {
        let header = Header {
            size,
            handles: 0,
            is_error: false,
            riid,
            mid,
        };
        header.begin::<24>(client.request().constant).expect("room");
        let outcome = client
            .call(
                handle,
                Lens {
                    constant: sent,
                    arena: 0,
                },
            )
            .map(|_| ());
        assert_eq!(outcome, Err(Retcode::INVALID_ARGUMENT), "{riid:#x} {mid} {size} {sent}");
    }
    assert_eq!(kernel.counts().requests, 0);
    assert_eq!(kernel.counts().malformed, 4);
    let huge = client
        .call(
            handle,
            Lens {
                constant: usize::MAX,
                arena: usize::MAX,
            },
        )
        .map(|_| ());
    assert_eq!(huge, Err(Retcode::INVALID_ARGUMENT));
}

#[test]
fn handles_are_local_and_rights_only_shrink() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("handles"));
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    let weak = client.copy_handle(handle, Rights::TRANSFER).expect("a copy");
    assert_eq!(call(&mut client, weak, mid::ECHO, &[]), Err(Retcode::SECURITY_DISALLOW));
    let weaker = client
        .copy_handle(weak, Rights::CALL.or(Rights::TRANSFER))
        .expect("a copy");
    assert_eq!(
        call(&mut client, weaker, mid::ECHO, &[]),
        Err(Retcode::SECURITY_DISALLOW)
    );
    for bad in [Handle(0), Handle(99), Handle::INVALID] {
        assert_eq!(call(&mut client, bad, mid::ECHO, &[]), Err(Retcode::NOT_CONNECTED));
    }
    assert!(client.close_handle(handle));
    assert!(!client.close_handle(handle));
    assert_eq!(call(&mut client, handle, mid::ECHO, &[]), Err(Retcode::NOT_CONNECTED));
    let mut other = kernel.client("other", &domain).expect("a client");
    let bytes = call(&mut other, handle, mid::WRONG_HANDLE, &[]).expect("an answer");
    let expected = Retcode::NOT_CONNECTED.0.to_le_bytes().repeat(3);
    assert_eq!(bytes, expected, "a domain without channels calls nobody");
}

#[test]
fn answers_go_to_their_callers_in_any_order() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("late"));
    std::thread::scope(|scope| {
        let late = scope.spawn(|| {
            let mut client = kernel.client("late", &domain).expect("a client");
            let handle = client.handle();
            call(&mut client, handle, mid::LATE, &[])
        });
        // Whichever the domain takes first: `LATE` waits for one more request.
        let mut client = kernel.client("early", &domain).expect("a client");
        let handle = client.handle();
        while !late.is_finished() {
            let answer = call(&mut client, handle, mid::ECHO, b"echo").expect("an answer");
            assert!(answer == b"other" || answer == b"echo");
        }
        assert_eq!(late.join().expect("no panic").as_deref(), Ok(&b"mine"[..]));
    });
}

#[test]
fn a_second_reply_is_refused() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("twice"));
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    assert_eq!(call(&mut client, handle, mid::TWICE, &[]).as_deref(), Ok(&b"once"[..]));
    let text = String::from_utf8(call(&mut client, handle, mid::BOOT, &[]).expect("an answer")).expect("text");
    assert!(text.contains("second=0x2"), "{text}");
}

#[test]
fn a_reply_of_impossible_size_is_the_callers_error_and_the_domain_lives() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("garbage"));
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    assert_eq!(
        call(&mut client, handle, mid::GARBAGE, &[]),
        Err(Retcode::INVALID_ARGUMENT)
    );
    assert_eq!(call(&mut client, handle, mid::NO_ANSWER, &[]), Err(Retcode::FAIL));
    assert_eq!(
        call(&mut client, handle, mid::ECHO, b"alive").as_deref(),
        Ok(&b"alive"[..])
    );
}

#[test]
fn a_flood_of_clients_and_timeouts_is_served() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("flood"));
    std::thread::scope(|scope| {
        for number in 0..8u8 {
            let (kernel, domain) = (&kernel, &domain);
            scope.spawn(move || {
                let mut client = kernel.client("flood", domain).expect("a client");
                let handle = client.handle();
                for round in 0..300u16 {
                    let bytes = [number, round.to_le_bytes()[0], round.to_le_bytes()[1]];
                    assert_eq!(call(&mut client, handle, mid::ECHO, &bytes).as_deref(), Ok(&bytes[..]));
                }
            });
        }
    });
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    let count = call(&mut client, handle, mid::TIMEOUTS, &[]).expect("an answer");
    assert_eq!(u32::from_le_bytes(count.try_into().expect("a count")), 2000);
}

#[test]
fn a_call_that_is_never_answered_times_out_and_the_domain_lives() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("never"));
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    client.set_timeout_ns(20_000_000);
    let begun = Instant::now();
    assert_eq!(call(&mut client, handle, mid::NEVER, &[]), Err(Retcode::TIMEOUT));
    assert!(begun.elapsed() >= Duration::from_millis(20));
    client.set_timeout_ns(FOREVER);
    assert_eq!(
        call(&mut client, handle, mid::ECHO, b"alive").as_deref(),
        Ok(&b"alive"[..])
    );
}

#[test]
fn a_domain_that_does_not_answer_in_the_kernels_time_is_reported() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let kernel = kernel_with(Config {
        call_timeout: Some(Duration::from_millis(20)),
        on_event: Box::new(move |event| log.lock().expect("the log").push(event)),
        ..Config::default()
    });
    let domain = start(&kernel, &spec("slow"));
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    assert_eq!(call(&mut client, handle, mid::NEVER, &[]), Err(Retcode::TIMEOUT));
    let seen = seen.lock().expect("the log");
    assert!(matches!(&seen[..], [Event::Unanswered { domain: id }] if *id == domain.id()));
}

#[test]
fn a_client_that_leaves_harms_nobody() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("leave"));
    for _ in 0..20 {
        let mut client = kernel.client("leaver", &domain).expect("a client");
        client.set_timeout_ns(1_000_000);
        let handle = client.handle();
        let _ = call(&mut client, handle, mid::NEVER, &[]);
    }
    let mut client = kernel.client("stayer", &domain).expect("a client");
    let handle = client.handle();
    assert_eq!(
        call(&mut client, handle, mid::ECHO, b"alive").as_deref(),
        Ok(&b"alive"[..])
    );
}

#[test]
fn lines_raise_edges_and_levels() {
    let kernel = kernel();
    let mut spec = spec("irq");
    let lines = Lines::new();
    lines.set(5, true);
    spec.lines = lines.clone();
    let domain = start(&kernel, &spec);
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    let mut edges = || {
        let bytes = call(&mut client, handle, mid::IRQS, &[]).expect("an answer");
        let words = bytes
            .chunks_exact(8)
            .map(|word| u64::from_le_bytes(word.try_into().expect("a word")));
        words.collect::<Vec<_>>()
    };
    assert_eq!(edges(), [1 << 5, 1 << 5, 0], "high before the domain was made");
    lines.set(5, false);
    lines.set(63, true);
    lines.set(63, true);
    lines.set(64, true);
    assert_eq!(edges(), [1 << 63, 1 << 63, 1 << 5]);
    assert_eq!(edges(), [1 << 63, 0, 0], "each edge is taken once");
}

#[test]
fn two_hundred_domains_live_side_by_side() {
    let kernel = kernel();
    let begun = Instant::now();
    let domains: Vec<_> = (0..200)
        .map(|number| kernel.spawn(&spec(&format!("domain-{number}"))))
        .collect();
    let domains: Vec<_> = domains.into_iter().map(|domain| domain.expect("a domain")).collect();
    for domain in &domains {
        assert!(domain.wait_ready(SOON));
    }
    let started = begun.elapsed();
    let memory: u64 = domains
        .iter()
        .map(|domain| domain.memory().expect("it lives").private_kib)
        .sum();
    println!("200 domains: {started:?}, {memory} KiB private");
    assert!(memory < 200 * 64, "{memory} KiB");
    let mut client = kernel.client("tester", &domains[199]).expect("a client");
    let handle = client.handle();
    assert_eq!(
        call(&mut client, handle, mid::ECHO, b"last").as_deref(),
        Ok(&b"last"[..])
    );
}

#[test]
fn nothing_of_a_dropped_kernel_is_left() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("drop"));
    let mut client = kernel.client("tester", &domain).expect("a client");
    let pid = domain.pid();
    drop(kernel);
    assert!(domain.wait_death(SOON).is_some());
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    let handle = client.handle();
    assert_eq!(call(&mut client, handle, mid::ECHO, &[]), Err(Retcode::NOT_CONNECTED));
    let _ = request(client.request(), mid::ECHO, &[]);
}
