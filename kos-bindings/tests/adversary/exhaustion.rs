// SPDX-License-Identifier: MIT OR Apache-2.0
//! Using up what there is: handles, objects, memory, channels, events, threads, queues, time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use kos_bindings::hosted::{Limits, TaskSpec};
use kos_bindings::kn::{INFINITE, event, right};
use kos_bindings::nk::{Handle, HandleDesc, Retcode, Transport};

use crate::Stage;
use crate::world::*;

const FEW: Limits = Limits {
    handles: 40,
    threads: 4,
    message_bytes: 64 << 10,
    memory_bytes: 1 << 20,
    objects: 30,
    events: 16,
};

/// Repeats an attack until it is refused, at most so often.
fn until_refused<T>(most: usize, mut attack: impl FnMut() -> Result<T, Retcode>) -> (usize, Result<T, Retcode>) {
    for done in 0..most {
        let outcome = attack();
        if outcome.is_err() {
            return (done, outcome);
        }
    }
    (most, attack())
}

/// The server's process and the neighbour's can still make what the attacker has no more of.
fn others_are_not_short(stage: &mut Stage) {
    let mut kn = stage.n.kn();
    let notice = kn.notice_create().expect("a receiver");
    let object = kn
        .handle_create_user_object(Handle::INVALID, 1, right::COMMON, 0, 0)
        .expect("an object");
    kn.notice_subscribe(notice, object, u32::MAX, 1).expect("subscribed");
    let memory = kn.mdl_create(1 << 20, 3).expect("memory");
    for handle in [notice, object, memory] {
        kn.handle_close(handle).expect("closed");
    }
}

#[test]
fn handles_by_copying() {
    let mut stage = Stage::with_limits(FEW);
    let channel = stage.channel;
    let copy = |stage: &mut Stage| {
        stage
            .m
            .kn()
            .handle_copy(channel, HandleDesc::SAME_RIGHTS, Handle::INVALID)
    };
    let (done, outcome) = until_refused(100, || copy(&mut stage));
    assert!(done < 40);
    stage.refused("copies without end", outcome, Retcode::FAIL);
    others_are_not_short(&mut stage);
}

#[test]
fn handles_by_copying_and_closing_the_original() {
    let mut stage = Stage::with_limits(FEW);
    let mut at = stage.m.kn().mdl_create(4096, 1).expect("memory");
    let before = stage.mallory.handles();
    for _ in 0..500 {
        let copy = stage
            .m
            .kn()
            .handle_copy(at, HandleDesc::SAME_RIGHTS, Handle::INVALID)
            .expect("a copy");
        stage.m.kn().handle_close(at).expect("closed");
        at = copy;
    }
    assert_eq!(stage.mallory.handles(), before, "closed ones leave nothing behind");
    // With a badge each generation leaves a mark that the last must tell of, so there it ends.
    let notice = stage.m.kn().notice_create().expect("a receiver");
    let badge = stage.m.kn().handle_create_badge(notice, 1, 1).expect("a badge");
    let (done, outcome) = until_refused(500, || {
        let mut kn = stage.m.kn();
        let copy = kn.handle_copy(at, HandleDesc::SAME_RIGHTS, badge)?;
        kn.handle_close(at)?;
        at = copy;
        Ok(())
    });
    assert!(done < 40);
    stage.refused("badges upon badges", outcome, Retcode::FAIL);
    others_are_not_short(&mut stage);
}

#[test]
fn a_servers_table_by_sending_it_handles() {
    let mut stage = Stage::with_limits(FEW);
    let channel = stage.channel;
    let memory = stage.m.kn().mdl_create(4096, 1).expect("memory");
    // The server keeps what it is sent, as careless ones do. The sender pays.
    let (done, outcome) = until_refused(100, || {
        call(&mut stage.m, channel, &[HandleDesc::all(memory)], b"").map(drop)
    });
    // The echo answers a message with a handle by one without: that is well-formed here.
    assert!(done < 40, "{done}");
    stage.refused("handles for a server without end", outcome, Retcode::FAIL);
    others_are_not_short(&mut stage);
}

#[test]
fn objects_channels_and_listeners() {
    let mut stage = Stage::with_limits(FEW);
    let (done, outcome) = until_refused(100, || stage.m.kn().handle_connect(Handle::INVALID));
    assert!(done < 30);
    stage.refused("channels without end", outcome, Retcode::FAIL);
    let held = stage.mallory.handles();
    let again = stage.m.kn().handle_connect(Handle::INVALID);
    stage.refused("one more", again, Retcode::FAIL);
    assert_eq!(stage.mallory.handles(), held, "what was half made is gone");
    others_are_not_short(&mut stage);
}

#[test]
fn memory() {
    let mut stage = Stage::with_limits(FEW);
    let outcome = stage.m.kn().mdl_create(1 << 40, 3);
    stage.refused("a terabyte", outcome, Retcode::FAIL);
    let (done, outcome) = until_refused(100, || stage.m.kn().mdl_create(128 << 10, 3));
    assert_eq!(done, 8, "a megabyte it may have");
    stage.refused("memory without end", outcome, Retcode::FAIL);
    others_are_not_short(&mut stage);
}

#[test]
fn mappings() {
    let mut stage = Stage::with_limits(FEW);
    let memory = stage.m.kn().mdl_create(4096, 1).expect("memory");
    let (done, outcome) = until_refused(100, || stage.m.kn().mdl_map(memory, 0, 4096, 1));
    assert!(done < 30);
    stage.refused("mappings without end", outcome, Retcode::FAIL);
    others_are_not_short(&mut stage);
}

#[test]
fn memory_that_is_closed_but_mapped_is_still_paid_for() {
    let mut stage = Stage::with_limits(FEW);
    let (done, outcome) = until_refused(100, || {
        let mut kn = stage.m.kn();
        let memory = kn.mdl_create(256 << 10, 3)?;
        kn.mdl_map(memory, 0, 4096, 3)?;
        kn.handle_close(memory)
    });
    assert_eq!(done, 4);
    stage.refused("memory behind closed handles", outcome, Retcode::FAIL);
}

#[test]
fn events_and_what_waits_of_them() {
    let mut stage = Stage::with_limits(FEW);
    let notice = stage.m.kn().notice_create().expect("a receiver");
    let object = |stage: &mut Stage| {
        stage
            .m
            .kn()
            .handle_create_user_object(Handle::INVALID, 1, right::COMMON, 0, 0)
    };
    let one = object(&mut stage).expect("an object");
    let mut id = 0;
    let (done, outcome) = until_refused(100, || {
        id += 1;
        stage.m.kn().notice_subscribe(notice, one, u32::MAX, id)
    });
    assert_eq!(done, 16);
    stage.refused("subscriptions without end", outcome, Retcode::FAIL);
    stage.m.kn().handle_close(one).expect("closed");
    // The object is gone and its subscriptions with it, but their last events wait, and are paid for until they are
    // read.
    let other = object(&mut stage).expect("an object");
    let outcome = stage.m.kn().notice_subscribe(notice, other, u32::MAX, 99);
    stage.refused("events of dead objects without end", outcome, Retcode::FAIL);
    assert_eq!(events(&mut stage.m, notice, 0).expect("events").len(), 16);
    stage
        .m
        .kn()
        .notice_subscribe(notice, other, u32::MAX, 99)
        .expect("room again");
    // A flood of one event is one record.
    for _ in 0..2000 {
        stage
            .m
            .kn()
            .notice_set_object_event(other, event::user(1))
            .expect("raised");
    }
    assert_eq!(events(&mut stage.m, notice, 0), Ok(vec![(99, event::user(1), 2000)]));
    others_are_not_short(&mut stage);
}

#[test]
fn threads() {
    let mut stage = Stage::with_limits(FEW);
    let more: Vec<_> = (0..10).map(|_| stage.mallory.attach()).collect();
    assert_eq!(
        more.iter().filter(|thread| thread.is_ok()).count(),
        3,
        "with its first, four"
    );
    drop(more);
    assert!(stage.mallory.attach().is_ok(), "and again when they are gone");
    stage.neighbour_is_served("threads without end");
}

#[test]
fn queues_of_a_server_that_is_busy() {
    let mut stage = Stage::with_limits(FEW);
    // A server of its own that takes nothing, so that the attacker's requests pile up.
    let idle = task(&stage.kernel, "idle");
    stage
        .kernel
        .connect(&stage.mallory, &idle, "idle", &[])
        .expect("a channel");
    stage
        .kernel
        .connect(&stage._neighbour, &idle, "idle", &[])
        .expect("a channel");
    let mut i = idle.attach().expect("a thread");
    let listener = i.service_locator_register("idle");
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| stage.mallory.attach().expect("a thread")).collect();
        let floods: Vec<_> = threads
            .into_iter()
            .map(|mut thread| {
                scope.spawn(move || {
                    let channel = thread.service_locator_connect("idle");
                    let lens = write(thread.request(), &[], &[1; 30 << 10]);
                    thread.call_ex(channel, lens, 300, Handle::INVALID).map(drop)
                })
            })
            .collect();
        floods
            .into_iter()
            .map(|flood| flood.join().expect("no panic"))
            .collect()
    });
    let refused = outcomes
        .iter()
        .filter(|outcome| **outcome == Err(Retcode::FAIL))
        .count();
    assert_eq!(refused, 1, "two of 30 KiB wait, a third is over 64 KiB: {outcomes:?}");
    let records = stage.audit.take();
    let is_it = |record: &Record| record.sender == "mallory" && record.code == Retcode::FAIL;
    assert!(records.iter().any(is_it), "{records:?}");
    std::thread::scope(|scope| {
        let n = &mut stage.n;
        let asks = scope.spawn(move || {
            let channel = n.service_locator_connect("idle");
            say(n, channel, b"mine")
        });
        let got = receive(&mut i, listener, 5000).expect("only the neighbour's is left");
        assert_eq!(got.text, b"mine");
        answer(&mut i, &got, &[], b"").expect("it waits");
        assert!(asks.join().expect("no panic").is_ok());
    });
    stage.neighbour_is_served("queues without end");
}

#[test]
fn receptions_that_time_out_at_once() {
    let mut stage = Stage::with_limits(FEW);
    let (listener, ..) = stage.m.kn().handle_connect(Handle::INVALID).expect("a listener");
    for ms in (0..300).map(|round| round % 2) {
        assert_eq!(receive(&mut stage.m, listener, ms).map(drop), Err(Retcode::TIMEOUT));
    }
    stage.neighbour_is_served("receptions without end");
}

#[test]
fn calls_that_give_up_at_once() {
    let mut stage = Stage::with_limits(FEW);
    let channel = stage.channel;
    for _ in 0..500 {
        let lens = write(stage.m.request(), &[], b"hurry");
        let outcome = stage.m.call_ex(channel, lens, 0, Handle::INVALID);
        assert!(matches!(outcome.map(drop), Ok(()) | Err(Retcode::TIMEOUT)));
    }
    stage.neighbour_is_served("calls that give up");
}

#[test]
fn wishes_for_channels() {
    let mut stage = Stage::with_limits(FEW);
    for _ in 0..50 {
        let outcome = stage.m.kn().cm_connect("server", "x", 0);
        assert_eq!(outcome, Err(Retcode::TIMEOUT));
    }
    assert_eq!(
        stage.m.kn().cm_connect("nobody", "x", INFINITE),
        Err(Retcode::NOT_CONNECTED)
    );
    let listener = stage.m.kn().handle_connect(Handle::INVALID).expect("a listener").0;
    let outcome = stage.m.kn().cm_accept(listener, "neighbour", "x", 0);
    assert_eq!(outcome, Err(Retcode::NOT_CONNECTED), "who did not ask gets nothing");
    let outcome = stage.m.kn().cm_drop("neighbour", "x");
    assert_eq!(outcome, Err(Retcode::NOT_CONNECTED));
    stage.neighbour_is_served("wishes without end");
}

#[test]
fn a_flood_of_requests_leaves_the_neighbour_its_turn() {
    let mut stage = Stage::new();
    let alone = latency(&mut stage);
    let stop = AtomicBool::new(false);
    let threads: Vec<_> = (0..4).map(|_| stage.mallory.attach().expect("a thread")).collect();
    let channel = stage.channel;
    let flooded = std::thread::scope(|scope| {
        for mut thread in threads {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Relaxed) {
                    say(&mut thread, channel, b"flood").expect("an answer");
                }
            });
        }
        std::thread::sleep(Duration::from_millis(20));
        let flooded = latency(&mut stage);
        stop.store(true, Relaxed);
        flooded
    });
    // How long that is in time depends on the machine; `benches/ipc.rs` measures it.
    println!("neighbour: {alone:?} alone, {flooded:?} beside a flood of four threads");
    assert!(flooded < Duration::from_secs(1), "{alone:?} {flooded:?}");
}

/// Time as the server knows it: in requests served. Alone, one passes from a neighbour's asking to its being served;
/// beside a flood no more than twice as many may.
#[test]
fn a_flood_of_requests_makes_the_neighbour_wait_for_one_of_them() {
    let mut stage = Stage::new();
    let served = AtomicU64::new(0);
    let counter = task(&stage.kernel, "counter");
    for client in [&stage._neighbour, &stage.mallory] {
        stage.kernel.connect(client, &counter, "count", &[]).expect("a channel");
    }
    let mut c = counter.attach().expect("a thread");
    let threads: Vec<_> = (0..4).map(|_| stage.mallory.attach().expect("a thread")).collect();
    let waited = std::thread::scope(|scope| {
        let served = &served;
        scope.spawn(move || {
            let listener = c.service_locator_register("count");
            let mut next = c.recv(listener).map(|received| received.thread);
            while let Ok(client) = next {
                let now = served.fetch_add(1, Relaxed) + 1;
                let lens = write(c.response(), &[], &now.to_le_bytes());
                let (_, received) = c.reply_recv(listener, client, lens, u32::MAX, Handle::INVALID);
                next = received.map(|received| received.thread);
            }
        });
        for mut thread in threads {
            scope.spawn(move || {
                let to = thread.service_locator_connect("count");
                // Until the server ends.
                while say(&mut thread, to, b"flood").is_ok() {}
            });
        }
        std::thread::sleep(Duration::from_millis(20));
        let to = stage.n.service_locator_connect("count");
        let mut waited: Vec<_> = (0..500)
            .map(|_| {
                let asked = served.load(Relaxed);
                let answer = say(&mut stage.n, to, b"mine").expect("an answer");
                u64::from_le_bytes(answer.try_into().expect("a number")) - asked
            })
            .collect();
        drop(counter);
        waited.sort_unstable();
        waited
    });
    println!(
        "served until the neighbour was: {} at the median, {} at the most",
        waited[250], waited[499]
    );
    assert!(served.load(Relaxed) > 500, "the flood was served, too");
    assert!(waited[250] <= 2, "{waited:?}");
    stage.neighbour_is_served("a flood beside it");
}

/// The median time of the neighbour's calls.
fn latency(stage: &mut Stage) -> Duration {
    let mut times: Vec<_> = (0..200)
        .map(|_| {
            let begun = Instant::now();
            stage.neighbour_is_served("flooding");
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[100]
}

#[test]
fn processes_of_one_name() {
    let stage = Stage::new();
    let twice = stage.kernel.task(&TaskSpec::new("server"));
    assert!(twice.is_err(), "nobody else can be `server` and be asked in its place");
}
