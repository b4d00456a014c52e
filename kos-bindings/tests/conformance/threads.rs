// SPDX-License-Identifier: MIT OR Apache-2.0
//! Points 5 and 13: many threads on both ends, and the deaths of either.

use kos_bindings::hosted::judge::Verdict;
use kos_bindings::hosted::{Config, TaskSpec, Unknowns};
use kos_bindings::nk::{Handle, Retcode, Transport};

use crate::world::*;

#[test]
fn p05_answers_go_to_their_threads_in_any_order() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let threads: Vec<_> = (0..6u8).map(|_| pair.client.attach().expect("a thread")).collect();
    std::thread::scope(|scope| {
        let channel = pair.channel;
        let clients: Vec<_> = threads
            .into_iter()
            .zip(0u8..)
            .map(|(mut thread, number)| scope.spawn(move || say(&mut thread, channel, &[number])))
            .collect();
        let mut taken: Vec<_> = (0..6)
            .map(|_| receive(&mut pair.s, pair.listener, 5000).expect("a request"))
            .collect();
        taken.sort_by_key(|got| std::cmp::Reverse(got.thread));
        for got in &taken {
            answer(&mut pair.s, got, &[], &[got.text[0] + 100]).expect("it waits");
        }
        for (client, number) in clients.into_iter().zip(100u8..) {
            assert_eq!(client.join().expect("no panic"), Ok(vec![number]));
        }
    });
}

#[test]
fn p05_thread_0_is_the_one_that_was_received_first() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mut second = pair.client.attach().expect("a thread");
    let channel = pair.channel;
    std::thread::scope(|scope| {
        let first = scope.spawn(|| say(&mut pair.c, channel, b"a"));
        let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
        let other = scope.spawn(move || say(&mut second, channel, b"b"));
        receive(&mut pair.s, pair.listener, 5000).expect("a request");
        for text in [b"1", b"2"] {
            let lens = write(pair.s.response(), &[], text);
            pair.s.reply(got.reply_handle, 0, lens).expect("one waits");
        }
        assert_eq!(first.join().expect("no panic").as_deref(), Ok(&b"1"[..]));
        assert_eq!(other.join().expect("no panic").as_deref(), Ok(&b"2"[..]));
    });
}

#[test]
fn p05_several_server_threads_receive_and_one_answers_what_another_took() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mut helper = pair.server.attach().expect("a thread");
    std::thread::scope(|scope| {
        let client = scope.spawn(|| say(&mut pair.c, pair.channel, b"ask"));
        let got = receive(&mut helper, pair.listener, 5000).expect("a request");
        answer(&mut pair.s, &got, &[], b"from the other").expect("it waits");
        assert_eq!(client.join().expect("no panic").as_deref(), Ok(&b"from the other"[..]));
    });
}

#[test]
fn p05_a_pool_of_threads_serves_many_clients() {
    let (kernel, _) = world();
    let pair = pair(&kernel);
    let pool: Vec<_> = (0..3)
        .map(|_| echo(pair.server.attach().expect("a thread"), pair.listener))
        .collect();
    std::thread::scope(|scope| {
        for number in 0..8u8 {
            let mut thread = pair.client.attach().expect("a thread");
            scope.spawn(move || {
                for round in 0..200u8 {
                    let text = [number, round];
                    assert_eq!(say(&mut thread, pair.channel, &text).as_deref(), Ok(&text[..]));
                }
            });
        }
    });
    pair.server.kill();
    for thread in pool {
        thread.join().expect("no panic");
    }
}

#[test]
fn p05_a_process_is_a_client_on_one_channel_and_a_server_on_another() {
    let (kernel, _) = world();
    let tasks = ["a", "b", "c"].map(|name| task(&kernel, name));
    kernel.connect(&tasks[0], &tasks[1], "ab", &[]).expect("a channel");
    kernel.connect(&tasks[1], &tasks[2], "bc", &[]).expect("a channel");
    let [mut a, mut b, c] = tasks.each_ref().map(|task| task.attach().expect("a thread"));
    let listener = c.service_locator_register("bc");
    let last = echo(c, listener);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let channel = a.service_locator_connect("ab");
            say(&mut a, channel, b"through")
        });
        let listener = b.service_locator_register("ab");
        let got = receive(&mut b, listener, 5000).expect("a request");
        let next = b.service_locator_connect("bc");
        let text = say(&mut b, next, &got.text).expect("an answer");
        answer(&mut b, &got, &[], &text).expect("it waits");
        assert_eq!(client.join().expect("no panic").as_deref(), Ok(&b"through"[..]));
    });
    drop(tasks);
    last.join().expect("no panic");
}

#[test]
fn p13_a_server_that_dies_at_each_stage_ends_its_clients_calls() {
    for death in [Retcode::NOT_CONNECTED, Retcode::FAIL] {
        let unknowns = Unknowns {
            server_death: death,
            ..Unknowns::default()
        };
        let config = Config {
            unknowns,
            ..Config::default()
        };
        let (kernel, _) = world_with(config, |_| Verdict::Allow);
        for is_taken in [false, true] {
            let mut pair = pair(&kernel);
            std::thread::scope(|scope| {
                let before = kernel.counts().requests;
                let client = scope.spawn(|| say(&mut pair.c, pair.channel, b"ask"));
                if is_taken {
                    receive(&mut pair.s, pair.listener, 5000).expect("a request");
                } else {
                    // It was judged, and is about to wait in the queue.
                    until(|| kernel.counts().requests > before);
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                pair.server.kill();
                assert_eq!(client.join().expect("no panic"), Err(death), "taken: {is_taken}");
            });
            assert_eq!(
                say(&mut pair.c, pair.channel, b"again"),
                Err(Retcode::NOT_CONNECTED),
                "the channel leads nowhere"
            );
            assert_eq!(
                receive(&mut pair.s, pair.listener, 0).map(drop),
                Err(Retcode::NOT_CONNECTED)
            );
        }
    }
}

#[test]
fn p13_a_client_that_dies_is_answered_in_vain_and_its_thread_number_is_not_mixed_up() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| say(&mut pair.c, pair.channel, b"ask"));
        let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
        pair.client.kill();
        assert_eq!(client.join().expect("no panic"), Err(Retcode::NOT_CONNECTED));
        assert_eq!(answer(&mut pair.s, &got, &[], b""), Err(Retcode::NOT_CONNECTED));
        assert_eq!(
            answer(&mut pair.s, &got, &[], b""),
            Err(Retcode::INVALID_ARGUMENT),
            "and once only"
        );
    });
    assert!(pair.client.attach().is_err());
}

#[test]
fn p13_whether_reply_hears_of_a_dead_client_is_configuration() {
    let unknowns = Unknowns {
        reply_waits: false,
        ..Unknowns::default()
    };
    let config = Config {
        unknowns,
        ..Config::default()
    };
    let (kernel, _) = world_with(config, |_| Verdict::Allow);
    let mut pair = pair(&kernel);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| say(&mut pair.c, pair.channel, b"ask"));
        let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
        pair.client.kill();
        assert!(client.join().expect("no panic").is_err());
        assert_eq!(answer(&mut pair.s, &got, &[], b""), Ok(()));
    });
}

#[test]
fn p13_a_thread_that_ends_leaves_its_process_and_what_it_took() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mut short_lived = pair.server.attach().expect("a thread");
    std::thread::scope(|scope| {
        let client = scope.spawn(|| say(&mut pair.c, pair.channel, b"ask"));
        let got = receive(&mut short_lived, pair.listener, 5000).expect("a request");
        drop(short_lived);
        answer(&mut pair.s, &got, &[], b"late").expect("the process owes it still");
        assert_eq!(client.join().expect("no panic").as_deref(), Ok(&b"late"[..]));
    });
}

#[test]
fn p13_host_only_a_process_can_be_started_again() {
    let (kernel, _) = world();
    for _ in 0..3 {
        let mut pair = pair(&kernel);
        let echoing = echo(pair.s, pair.listener);
        assert!(say(&mut pair.c, pair.channel, b"up").is_ok());
        drop((pair.server, pair.client));
        echoing.join().expect("no panic");
    }
}

#[test]
fn p14_each_process_has_its_class_and_no_two_of_one_name_run() {
    let (kernel, _) = world_with(Config::default(), |subject| match subject.client {
        "board.Driver" => Verdict::Allow,
        _ => Verdict::Deny,
    });
    let spec = TaskSpec {
        class: "board.Driver".into(),
        ..TaskSpec::new("driver")
    };
    let driver = kernel.task(&spec).expect("a process");
    assert!(kernel.task(&spec).is_err(), "it runs already");
    assert!(driver.attach().expect("a thread").kn().notice_create().is_ok());
    let other = task(&kernel, "other");
    let mut thread = other.attach().expect("a thread");
    assert_eq!(thread.kn().notice_create(), Err(Retcode::SECURITY_DISALLOW));
    assert_eq!(
        {
            let lens = write(thread.request(), &[], b"");
            thread.call(Handle(99), lens).map(drop)
        },
        Err(Retcode::NOT_CONNECTED)
    );
}

#[test]
fn p05_no_process_is_served_twice_in_a_row_while_another_waits() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let other = task(&kernel, "other");
    kernel.connect(&other, &pair.server, "ch", &[]).expect("a channel");
    let flood: Vec<_> = (0..4).map(|_| pair.client.attach().expect("a thread")).collect();
    let mut o = other.attach().expect("a thread");
    let channel = pair.channel;
    std::thread::scope(|scope| {
        for mut thread in flood {
            scope.spawn(move || say(&mut thread, channel, b"flood").expect("an answer"));
        }
        // All four wait before the other one comes.
        std::thread::sleep(std::time::Duration::from_millis(50));
        scope.spawn(move || {
            let channel = o.service_locator_connect("ch");
            say(&mut o, channel, b"mine").expect("an answer")
        });
        std::thread::sleep(std::time::Duration::from_millis(50));
        let order: Vec<_> = (0..5)
            .map(|_| {
                let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
                answer(&mut pair.s, &got, &[], b"").expect("it waits");
                got.text == b"mine"
            })
            .collect();
        assert!(order[0] || order[1], "{order:?}");
    });
}

#[test]
fn p05_answering_and_receiving_in_one_entry_tells_of_both() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let lens = write(pair.s.response(), &[], b"to nobody");
    let (replied, received) = pair.s.reply_recv(pair.listener, 77, lens, 10, Handle::INVALID);
    assert_eq!(replied, Err(Retcode::INVALID_ARGUMENT));
    assert_eq!(received.map(drop), Err(Retcode::TIMEOUT));
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let first = say(&mut pair.c, pair.channel, b"1");
            (first, say(&mut pair.c, pair.channel, b"2"))
        });
        let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
        let lens = write(pair.s.response(), &[], b"one");
        let (replied, received) = pair
            .s
            .reply_recv(pair.listener, got.thread, lens, 5000, Handle::INVALID);
        assert_eq!(replied, Ok(()));
        let second = received.expect("the next");
        assert_eq!(second.message.arena, b"2");
        let thread = second.thread;
        let lens = write(pair.s.response(), &[], b"two");
        pair.s.reply(pair.listener, thread, lens).expect("it waits");
        let (first, second) = client.join().expect("no panic");
        assert_eq!(
            (first.as_deref(), second.as_deref()),
            (Ok(&b"one"[..]), Ok(&b"two"[..]))
        );
    });
}
