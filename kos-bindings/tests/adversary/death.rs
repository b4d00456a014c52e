// SPDX-License-Identifier: MIT OR Apache-2.0
//! Dying at each stage, with whatever is in flight.

use std::time::Duration;

use kos_bindings::hosted::{Task, TaskSpec, Thread};
use kos_bindings::kn::{INFINITE, event};
use kos_bindings::nk::{Handle, HandleDesc, Retcode};

use crate::Stage;
use crate::world::*;

fn a_moment() {
    std::thread::sleep(Duration::from_millis(15));
}

/// Another server, which takes what it is told to.
fn helper(stage: &Stage) -> (Task, Thread, Handle) {
    let server = task(&stage.kernel, "helper");
    stage
        .kernel
        .connect(&stage.mallory, &server, "help", &[])
        .expect("a channel");
    let thread = server.attach().expect("a thread");
    let listener = thread.service_locator_register("help");
    (server, thread, listener)
}

#[test]
fn with_a_request_in_the_queue() {
    let mut stage = Stage::new();
    let (server, mut h, listener) = helper(&stage);
    let before = server.handles();
    let memory = stage.m.kn().mdl_create(4096, 3).expect("memory");
    std::thread::scope(|scope| {
        let m = &mut stage.m;
        let asks = scope.spawn(move || {
            let channel = m.service_locator_connect("help");
            call(m, channel, &[HandleDesc::all(memory)], b"").map(drop)
        });
        a_moment();
        stage.mallory.kill();
        assert_eq!(asks.join().expect("no panic"), Err(Retcode::NOT_CONNECTED));
    });
    assert_eq!(
        receive(&mut h, listener, 10).map(drop),
        Err(Retcode::TIMEOUT),
        "nothing is left of it"
    );
    assert_eq!(server.handles(), before);
    stage.neighbour_is_served("death in the queue");
}

#[test]
fn with_a_request_in_service() {
    let mut stage = Stage::new();
    let (_server, mut h, listener) = helper(&stage);
    std::thread::scope(|scope| {
        let m = &mut stage.m;
        let asks = scope.spawn(move || {
            let channel = m.service_locator_connect("help");
            say(m, channel, b"")
        });
        let got = receive(&mut h, listener, 5000).expect("a request");
        stage.mallory.kill();
        assert_eq!(asks.join().expect("no panic"), Err(Retcode::NOT_CONNECTED));
        assert_eq!(answer(&mut h, &got, &[], b""), Err(Retcode::NOT_CONNECTED));
    });
    stage.neighbour_is_served("death in service");
}

#[test]
fn while_it_receives_waits_for_events_asks_for_a_channel_or_an_interrupt() {
    for what in 0..4 {
        let mut stage = Stage::new();
        std::thread::scope(|scope| {
            let m = &mut stage.m;
            // Made before: however slow this machine is, it is its wait that it dies in.
            let on = match what {
                0 => m.kn().handle_connect(Handle::INVALID).expect("a listener").0,
                1 => m.kn().notice_create().expect("a receiver"),
                2 => Handle::INVALID,
                _ => m.kn().register_irq(1, 0).expect("a line"),
            };
            let on = match what {
                3 => m.kn().attach_irq(on).expect("bound"),
                _ => on,
            };
            let waits = scope.spawn(move || match what {
                0 => receive(m, on, INFINITE).map(drop),
                1 => events(m, on, INFINITE).map(drop),
                2 => m.kn().cm_connect("neighbour", "x", INFINITE).map(drop),
                _ => m.recv_ex(on, INFINITE, Handle::INVALID).map(drop),
            });
            a_moment();
            stage.mallory.kill();
            assert_eq!(waits.join().expect("no panic"), Err(Retcode::NOT_CONNECTED), "{what}");
        });
        stage.neighbour_is_served("death while waiting");
        // The line is free again.
        assert!(stage.n.kn().register_irq(1, 0).is_ok());
    }
}

#[test]
fn as_a_server_with_requests_queued_and_taken() {
    let mut stage = Stage::new();
    let clients: Vec<_> = (0..4)
        .map(|number| task(&stage.kernel, &format!("victim-{number}")))
        .collect();
    for client in &clients {
        stage
            .kernel
            .connect(client, &stage.mallory, "trap", &[])
            .expect("a channel");
    }
    let listener = stage.m.service_locator_register("trap");
    std::thread::scope(|scope| {
        let asks: Vec<_> = clients
            .iter()
            .map(|client| {
                let mut thread = client.attach().expect("a thread");
                scope.spawn(move || {
                    let channel = thread.service_locator_connect("trap");
                    say(&mut thread, channel, b"")
                })
            })
            .collect();
        for _ in 0..2 {
            receive(&mut stage.m, listener, 5000).expect("a request");
        }
        a_moment();
        stage.mallory.kill();
        for ask in asks {
            assert_eq!(ask.join().expect("no panic"), Err(Retcode::NOT_CONNECTED));
        }
    });
    stage.neighbour_is_served("death of a server");
}

#[test]
fn with_handles_that_it_was_given() {
    let mut stage = Stage::new();
    stage
        .kernel
        .connect(&stage._neighbour, &stage.mallory, "gift", &[])
        .expect("a channel");
    let notice = stage.n.kn().notice_create().expect("a receiver");
    let badge = stage.n.kn().handle_create_badge(notice, 1, 2).expect("a badge");
    let memory = stage.n.kn().mdl_create(4096, 3).expect("memory");
    let listener = stage.m.service_locator_register("gift");
    let before = stage._neighbour.handles();
    let (n, m) = (&mut stage.n, &mut stage.m);
    std::thread::scope(|scope| {
        let gives = scope.spawn(move || {
            let channel = n.service_locator_connect("gift");
            let desc = HandleDesc::with_badge(memory, HandleDesc::SAME_RIGHTS, badge);
            call(n, channel, &[desc], b"").map(drop)
        });
        let got = receive(m, listener, 5000).expect("a gift");
        answer(m, &got, &[], b"").expect("it waits");
        gives.join().expect("no panic").expect("an answer");
    });
    stage.mallory.kill();
    assert_eq!(
        events(&mut stage.n, notice, 1000),
        Ok(vec![(1, event::BADGE_CLOSED, 1)])
    );
    assert_eq!(stage._neighbour.handles(), before);
    stage.neighbour_is_served("death with gifts");
}

#[test]
fn again_and_again_leaves_nothing() {
    let mut stage = Stage::new();
    for round in 0..30 {
        let spec = TaskSpec::new("short");
        let short = stage.kernel.task(&spec).expect("a process");
        let channel_to = stage.server.as_ref().expect("it runs");
        stage.kernel.connect(&short, channel_to, "ch", &[]).expect("a channel");
        let mut thread = short.attach().expect("a thread");
        let channel = thread.service_locator_connect("ch");
        let memory = thread.kn().mdl_create(4096, 3).expect("memory");
        if round % 2 == 0 {
            call(&mut thread, channel, &[HandleDesc::all(memory)], b"").expect("an answer");
        }
        thread.kn().mdl_map(memory, 0, 4096, 3).expect("mapped");
        drop(short);
        assert_eq!(say(&mut thread, channel, b""), Err(Retcode::NOT_CONNECTED));
    }
    stage.neighbour_is_served("dying again and again");
}
