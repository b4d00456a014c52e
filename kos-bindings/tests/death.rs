// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every way for a domain to die: it dies alone, its clients get an error, and the supervisor hears
//! why.

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{SOON, call, kernel, kernel_with, mid, spec, start};
use kos_bindings::hosted::{Cause, Config, Death, Event, Status};
use kos_bindings::nk::Retcode;

/// Lets a domain die of `method` while a bystander lives, and returns its death.
fn die_of(method: u16) -> Death {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let kernel = kernel_with(Config {
        watchdog: Some(Duration::from_millis(300)),
        on_event: Box::new(move |event| log.lock().expect("the log").push(event)),
        ..Config::default()
    });
    let bystander = start(&kernel, &spec("bystander"));
    let victim = start(&kernel, &spec("victim"));
    let mut client = kernel.client("tester", &victim).expect("a client");
    let handle = client.handle();
    assert_eq!(call(&mut client, handle, method, &[]), Err(Retcode::NOT_CONNECTED));
    let death = victim.wait_death(SOON).expect("a death");
    assert_eq!(call(&mut client, handle, mid::ECHO, &[]), Err(Retcode::NOT_CONNECTED));
    let mut client = kernel.client("tester", &bystander).expect("a client");
    let handle = client.handle();
    assert_eq!(
        call(&mut client, handle, mid::ECHO, b"alive").as_deref(),
        Ok(&b"alive"[..])
    );
    assert!(bystander.death().is_none());
    drop(kernel);
    let seen = seen.lock().expect("the log");
    let deaths = seen.iter().filter(|event| matches!(event, Event::Died(_))).count();
    assert_eq!(deaths, 2, "the victim's, then the bystander's at the kernel's end");
    death
}

#[test]
fn exit_in_a_request() {
    let death = die_of(mid::EXIT);
    assert_eq!((death.status, death.cause), (Status::Exited(7), Cause::Itself));
    assert_eq!(death.last_words.expect("last words").cause, "as asked");
}

#[test]
fn a_panic() {
    let death = die_of(mid::PANIC);
    assert_eq!(death.status, Status::Exited(101));
    assert_eq!(death.last_words.expect("last words").cause, "as asked");
}

#[test]
fn a_spin() {
    let death = die_of(mid::SPIN);
    assert_eq!((death.status, death.cause), (Status::Exited(128 + 5), Cause::Watchdog));
    let words = death.last_words.expect("last words");
    assert_eq!((words.cause.as_str(), words.signal, words.addr), ("interrupted", 5, 0));
    assert_ne!(words.ip, 0);
}

#[test]
fn a_stack_overflow_is_reported_from_another_stack() {
    let death = die_of(mid::OVERFLOW);
    assert_eq!(death.status, Status::Exited(128 + 11));
    let words = death.last_words.expect("last words");
    assert_eq!(words.signal, 11);
    assert!(words.addr.abs_diff(words.sp) < 8192, "{words:x?}");
    assert_ne!(words.ip, 0);
}

#[test]
fn a_wild_pointer() {
    let words = die_of(mid::SEGFAULT).last_words.expect("last words");
    assert_eq!((words.signal, words.addr), (11, 0xdead_0000));
    assert_eq!(words.cause, "invalid memory access");
}

#[test]
fn exhausted_memory() {
    let death = die_of(mid::EXHAUST);
    assert_eq!(death.status, Status::Exited(12));
    assert_eq!(death.last_words.expect("last words").cause, "out of memory");
}

#[test]
fn a_port_that_is_scribbled_on() {
    let death = die_of(mid::BREAK_PROTOCOL);
    assert!(matches!(death.cause, Cause::Protocol | Cause::Watchdog), "{death}");
    let status = match death.cause {
        Cause::Watchdog => Status::Exited(128 + 5),
        _ => Status::Signaled(9),
    };
    assert_eq!(death.status, status);
}

#[test]
fn ports_full_of_garbage_harm_their_owners_only() {
    let kernel = kernel_with(Config {
        watchdog: Some(Duration::from_millis(300)),
        ..Config::default()
    });
    let bystander = start(&kernel, &spec("bystander"));
    let mut witness = kernel.client("witness", &bystander).expect("a client");
    let unharmed = witness.handle();
    for seed in 1..=150u64 {
        let victim = start(&kernel, &spec("victim"));
        let mut client = kernel.client("tester", &victim).expect("a client");
        let handle = client.handle();
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        // Garbage may by chance be an answer, and be it a bad one.
        if call(&mut client, handle, mid::SCRIBBLE, &seed) == Err(Retcode::NOT_CONNECTED) {
            assert!(victim.wait_death(SOON).is_some());
        }
        victim.kill();
        assert_eq!(call(&mut witness, unharmed, mid::ECHO, &seed).as_deref(), Ok(&seed[..]));
    }
    assert!(bystander.death().is_none());
}

#[test]
fn a_kill_in_a_request() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("victim"));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut client = kernel.client("tester", &domain).expect("a client");
            let handle = client.handle();
            call(&mut client, handle, mid::NEVER, &[])
        });
        std::thread::sleep(Duration::from_millis(50));
        domain.kill();
        assert_eq!(waiting.join().expect("no panic"), Err(Retcode::NOT_CONNECTED));
    });
    assert_eq!(domain.wait_death(SOON).expect("a death").cause, Cause::Stopped);
}

#[test]
fn requests_that_wait_in_the_queue_of_a_dying_domain_fail() {
    let kernel = kernel_with(Config {
        watchdog: Some(Duration::from_millis(300)),
        ..Config::default()
    });
    let domain = start(&kernel, &spec("victim"));
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (kernel, domain) = (&kernel, &domain);
            scope.spawn(move || {
                let mut client = kernel.client("tester", domain).expect("a client");
                let handle = client.handle();
                let method = if number == 0 { mid::SPIN } else { mid::NEVER };
                assert_eq!(call(&mut client, handle, method, &[]), Err(Retcode::NOT_CONNECTED));
            });
        }
    });
}

#[test]
fn a_domain_that_lives_is_not_mistaken_for_a_stuck_one() {
    let kernel = kernel_with(Config {
        watchdog: Some(Duration::from_millis(50)),
        ..Config::default()
    });
    let domain = start(&kernel, &spec("patient"));
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    client.set_timeout_ns(400_000_000);
    let begun = Instant::now();
    assert_eq!(call(&mut client, handle, mid::NEVER, &[]), Err(Retcode::TIMEOUT));
    assert!(begun.elapsed() >= Duration::from_millis(400));
    assert!(domain.death().is_none());
}

#[test]
fn an_image_that_is_none_says_so() {
    let kernel = kernel();
    let error = kernel
        .spawn(&kos_bindings::hosted::DomainSpec::new("none", "/nowhere"))
        .expect_err("no image");
    assert!(error.to_string().starts_with("image /nowhere: "), "{error}");
    let error = kernel
        .spawn(&kos_bindings::hosted::DomainSpec::new("none", "/etc/hostname"))
        .expect_err("no image");
    assert!(
        error.to_string().contains("/etc/hostname") || error.to_string().contains("image"),
        "{error}"
    );
}
