// SPDX-License-Identifier: MIT OR Apache-2.0
//! Point 6: what may end a wait from outside, and at which stage only.

use std::time::Duration;

use kos_bindings::hosted::judge::Verdict;
use kos_bindings::hosted::{Config, Unknowns};
use kos_bindings::kn::{INFINITE, right};
use kos_bindings::nk::{Handle, HandleDesc, Retcode, Transport};

use crate::world::*;

/// Calls with a limit and a synchronisation object.
fn call_with(pair: &mut Pair, ms: u32, sync: Handle) -> Result<(), Retcode> {
    let lens = write(pair.c.request(), &[], b"ask");
    pair.c.call_ex(pair.channel, lens, ms, sync).map(drop)
}

fn a_moment() {
    std::thread::sleep(Duration::from_millis(30));
}

#[test]
fn p06_a_call_is_interrupted_before_a_server_takes_it() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mut control = pair.client.attach().expect("a thread");
    let sync = control.kn().ipc_create_sync_object(false).expect("an object");
    std::thread::scope(|scope| {
        let client = scope.spawn(|| call_with(&mut pair, INFINITE, sync));
        a_moment();
        assert!(!client.is_finished(), "a new object interrupts nothing");
        control.kn().ipc_set_interrupt(sync).expect("set");
        assert_eq!(client.join().expect("no panic"), Err(Retcode::IPC_INTERRUPT));
    });
    assert_eq!(
        receive(&mut pair.s, pair.listener, 0).map(drop),
        Err(Retcode::TIMEOUT),
        "the server never sees it"
    );
    assert_eq!(
        call_with(&mut pair, INFINITE, sync),
        Err(Retcode::IPC_INTERRUPT),
        "it stays set"
    );
    control.kn().ipc_clear_interrupt(sync).expect("cleared");
    assert_eq!(call_with(&mut pair, 20, sync), Err(Retcode::TIMEOUT));
}

#[test]
fn p06_a_call_that_a_server_took_is_not_interrupted() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mut control = pair.client.attach().expect("a thread");
    let sync = control.kn().ipc_create_sync_object(false).expect("an object");
    let channel = pair.channel;
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let lens = write(pair.c.request(), &[], b"ask");
            pair.c.call_ex(channel, lens, INFINITE, sync).map(drop)
        });
        let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
        control.kn().ipc_set_interrupt(sync).expect("set");
        a_moment();
        assert!(!client.is_finished(), "it stays blocked until the answer");
        answer(&mut pair.s, &got, &[], b"").expect("it waits");
        assert_eq!(client.join().expect("no panic"), Ok(()));
    });
}

#[test]
fn p06_a_recv_is_interrupted_while_it_is_idle() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mut control = pair.server.attach().expect("a thread");
    let sync = control.kn().ipc_create_sync_object(false).expect("an object");
    std::thread::scope(|scope| {
        let server = scope.spawn(|| pair.s.recv_ex(pair.listener, INFINITE, sync).map(drop));
        a_moment();
        control.kn().ipc_set_interrupt(sync).expect("set");
        assert_eq!(server.join().expect("no panic"), Err(Retcode::IPC_INTERRUPT));
    });
}

#[test]
fn p06_an_automatic_object_interrupts_once() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let sync = pair.c.kn().ipc_create_sync_object(true).expect("an object");
    pair.c.kn().ipc_set_interrupt(sync).expect("set");
    assert_eq!(call_with(&mut pair, 20, sync), Err(Retcode::IPC_INTERRUPT));
    assert_eq!(call_with(&mut pair, 20, sync), Err(Retcode::TIMEOUT));
}

#[test]
fn p06_only_waits_that_name_the_object_are_interrupted() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mut control = pair.client.attach().expect("a thread");
    let other = control.kn().ipc_create_sync_object(false).expect("an object");
    control.kn().ipc_set_interrupt(other).expect("set");
    assert_eq!(call_with(&mut pair, 30, Handle::INVALID), Err(Retcode::TIMEOUT));
    let channel = pair.channel;
    assert_eq!(
        call_with(&mut pair, 30, channel),
        Err(Retcode::INVALID_ARGUMENT),
        "and a handle that is none is refused"
    );
}

#[test]
fn p06_the_object_cannot_be_passed_on() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let sync = pair.c.kn().ipc_create_sync_object(false).expect("an object");
    let passed = call(&mut pair.c, pair.channel, &[HandleDesc::all(sync)], b"");
    assert_eq!(passed.map(drop), Err(Retcode::SECURITY_DISALLOW));
    let copy = pair.c.kn().handle_copy(sync, right::TRANSFER, Handle::INVALID);
    assert_eq!(copy, Err(Retcode::SECURITY_DISALLOW), "nor can the right be gained");
}

#[test]
fn p06_the_timeout_ends_a_call_in_service_unless_configured_otherwise() {
    for covers in [true, false] {
        let unknowns = Unknowns {
            timeout_covers_service: covers,
            ..Unknowns::default()
        };
        let config = Config {
            unknowns,
            ..Config::default()
        };
        let (kernel, _) = world_with(config, |_| Verdict::Allow);
        let mut pair = pair(&kernel);
        let channel = pair.channel;
        std::thread::scope(|scope| {
            let client = scope.spawn(|| {
                let lens = write(pair.c.request(), &[], b"ask");
                pair.c.call_ex(channel, lens, 100, Handle::INVALID).map(drop)
            });
            let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
            std::thread::sleep(Duration::from_millis(150));
            let replied = answer(&mut pair.s, &got, &[], b"");
            let ended = client.join().expect("no panic");
            match covers {
                true => assert_eq!((ended, replied), (Err(Retcode::TIMEOUT), Err(Retcode::NOT_CONNECTED))),
                false => assert_eq!((ended, replied), (Ok(()), Ok(()))),
            }
        });
        // One that no server took ends either way.
        let lens = write(pair.c.request(), &[], b"ask");
        let ended = pair.c.call_ex(channel, lens, 20, Handle::INVALID).map(drop);
        assert_eq!(ended, Err(Retcode::TIMEOUT));
    }
}

#[test]
fn p06_interrupting_while_calls_begin_and_end_loses_nothing() {
    let (kernel, _) = world();
    let pair = pair(&kernel);
    let mut control = pair.client.attach().expect("a thread");
    let sync = control.kn().ipc_create_sync_object(true).expect("an object");
    let echoing = echo(pair.s, pair.listener);
    let mut c = pair.c;
    std::thread::scope(|scope| {
        let calls = scope.spawn(move || {
            let mut interrupted = 0u32;
            for round in 0..2000u32 {
                let lens = write(c.request(), &[], &round.to_le_bytes());
                match c.call_ex(pair.channel, lens, INFINITE, sync) {
                    Ok(answer) => assert_eq!(answer.arena, round.to_le_bytes()),
                    Err(code) => {
                        assert_eq!(code, Retcode::IPC_INTERRUPT);
                        interrupted += 1;
                    }
                }
            }
            interrupted
        });
        let mut sets = 0u32;
        while !calls.is_finished() {
            control.kn().ipc_set_interrupt(sync).expect("set");
            sets += 1;
        }
        assert!(calls.join().expect("no panic") <= sets);
    });
    drop(pair.server);
    echoing.join().expect("no panic");
}
