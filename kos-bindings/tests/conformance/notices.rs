// SPDX-License-Identifier: MIT OR Apache-2.0
//! Point 8: notices.

use std::time::{Duration, Instant};

use kos_bindings::kn::{EventDesc, MAX_EVENTS, event, right};
use kos_bindings::nk::{Handle, Retcode};

use crate::world::*;

/// A process with a receiver and an object.
fn setup(thread: &mut kos_bindings::hosted::Thread) -> (Handle, Handle) {
    let mut kn = thread.kn();
    let notice = kn.notice_create().expect("a receiver");
    let object = kn
        .handle_create_user_object(Handle::INVALID, 1, right::COMMON, 0, 0)
        .expect("an object");
    (notice, object)
}

#[test]
fn p08_events_that_were_asked_for_arrive_under_their_identifier() {
    let (kernel, _) = world();
    let task = task(&kernel, "task");
    let mut thread = task.attach().expect("a thread");
    let (notice, object) = setup(&mut thread);
    let wanted = event::user(0) | event::user(2);
    thread
        .kn()
        .notice_subscribe(notice, object, wanted, 77)
        .expect("subscribed");
    thread
        .kn()
        .notice_set_object_event(object, event::user(1))
        .expect("raised");
    assert_eq!(events(&mut thread, notice, 0), Err(Retcode::TIMEOUT), "not asked for");
    let raised = event::user(0) | event::user(1);
    thread.kn().notice_set_object_event(object, raised).expect("raised");
    assert_eq!(events(&mut thread, notice, 0), Ok(vec![(77, event::user(0), 1)]));
    assert_eq!(
        events(&mut thread, notice, 0),
        Err(Retcode::TIMEOUT),
        "each is read once"
    );
}

#[test]
fn p08_repeated_events_coalesce_and_a_counter_tells_how_many() {
    let (kernel, _) = world();
    let task = task(&kernel, "task");
    let mut thread = task.attach().expect("a thread");
    let (notice, object) = setup(&mut thread);
    thread
        .kn()
        .notice_subscribe(notice, object, u32::MAX, 1)
        .expect("subscribed");
    for round in 0..500 {
        thread
            .kn()
            .notice_set_object_event(object, event::user(round % 2))
            .expect("raised");
    }
    let both = event::user(0) | event::user(1);
    assert_eq!(events(&mut thread, notice, 0), Ok(vec![(1, both, 500)]));
}

#[test]
fn p08_at_most_128_records_are_read_at_once() {
    let (kernel, _) = world();
    let task = task(&kernel, "task");
    let mut thread = task.attach().expect("a thread");
    let (notice, object) = setup(&mut thread);
    for id in 0..200 {
        thread
            .kn()
            .notice_subscribe(notice, object, u32::MAX, id)
            .expect("subscribed");
    }
    thread
        .kn()
        .notice_set_object_event(object, event::user(0))
        .expect("raised");
    let empty = EventDesc {
        ev_id: 0,
        mask: 0,
        counter: 0,
    };
    let mut room = [empty; 300];
    assert_eq!(thread.kn().notice_get_event(notice, 0, &mut room), Ok(MAX_EVENTS));
    let first: Vec<_> = room[..MAX_EVENTS].iter().map(|one| one.ev_id).collect();
    assert_eq!(first, (0..128).collect::<Vec<_>>(), "the oldest first");
    assert_eq!(thread.kn().notice_get_event(notice, 0, &mut room), Ok(72));
    assert_eq!(
        thread.kn().notice_get_event(notice, 0, &mut []),
        Err(Retcode::INVALID_ARGUMENT)
    );
}

#[test]
fn p08_reading_waits_in_milliseconds() {
    let (kernel, _) = world();
    let task = task(&kernel, "task");
    let mut thread = task.attach().expect("a thread");
    let mut other = task.attach().expect("a thread");
    let (notice, object) = setup(&mut thread);
    thread
        .kn()
        .notice_subscribe(notice, object, u32::MAX, 1)
        .expect("subscribed");
    let begun = Instant::now();
    assert_eq!(events(&mut thread, notice, 30), Err(Retcode::TIMEOUT));
    assert!(begun.elapsed() >= Duration::from_millis(30));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| events(&mut thread, notice, 5000));
        std::thread::sleep(Duration::from_millis(20));
        other
            .kn()
            .notice_set_object_event(object, event::user(3))
            .expect("raised");
        assert_eq!(reader.join().expect("no panic"), Ok(vec![(1, event::user(3), 1)]));
    });
}

#[test]
fn p08_users_cannot_raise_the_kernels_events() {
    let (kernel, _) = world();
    let task = task(&kernel, "task");
    let mut thread = task.attach().expect("a thread");
    let (notice, object) = setup(&mut thread);
    thread
        .kn()
        .notice_subscribe(notice, object, u32::MAX, 1)
        .expect("subscribed");
    let kernels = (0..16).map(|bit| 1 << bit);
    for mask in kernels.chain([event::KERNEL, u32::MAX, event::user(0) | event::OBJECT_DESTROYED, 0]) {
        assert_eq!(
            thread.kn().notice_set_object_event(object, mask),
            Err(Retcode::INVALID_ARGUMENT),
            "{mask:#x}"
        );
    }
    assert_eq!(
        thread.kn().notice_set_object_event(notice, event::user(0)),
        Err(Retcode::INVALID_ARGUMENT),
        "nor any of an object that is not a user's"
    );
    assert_eq!(events(&mut thread, notice, 0), Err(Retcode::TIMEOUT));
}

#[test]
fn p08_the_end_of_an_object_is_an_event() {
    let (kernel, _) = world();
    let task = task(&kernel, "task");
    let mut thread = task.attach().expect("a thread");
    let (notice, object) = setup(&mut thread);
    thread
        .kn()
        .notice_subscribe(notice, object, event::OBJECT_DESTROYED, 9)
        .expect("subscribed");
    thread.kn().handle_close(object).expect("closed");
    assert_eq!(
        events(&mut thread, notice, 0),
        Ok(vec![(9, event::OBJECT_DESTROYED, 1)])
    );
}

#[test]
fn p08_subscriptions_end_by_identifier_and_by_object() {
    let (kernel, _) = world();
    let task = task(&kernel, "task");
    let mut thread = task.attach().expect("a thread");
    let (notice, object) = setup(&mut thread);
    let (_, other) = setup(&mut thread);
    for (object, id) in [(object, 1), (object, 2), (other, 1), (other, 3)] {
        thread
            .kn()
            .notice_subscribe(notice, object, u32::MAX, id)
            .expect("subscribed");
    }
    let raise = |thread: &mut kos_bindings::hosted::Thread| {
        thread
            .kn()
            .notice_set_object_event(object, event::user(0))
            .expect("raised");
        thread
            .kn()
            .notice_set_object_event(other, event::user(0))
            .expect("raised");
    };
    raise(&mut thread);
    thread.kn().notice_unsubscribe_event(notice, 1).expect("unsubscribed");
    raise(&mut thread);
    let bit = event::user(0);
    assert_eq!(events(&mut thread, notice, 0), Ok(vec![(2, bit, 2), (3, bit, 2)]));
    thread
        .kn()
        .notice_unsubscribe_object(notice, object)
        .expect("unsubscribed");
    raise(&mut thread);
    assert_eq!(events(&mut thread, notice, 0), Ok(vec![(3, bit, 1)]));
}

#[test]
fn p08_dropping_wakes_who_waits() {
    let (kernel, _) = world();
    let task = task(&kernel, "task");
    let mut thread = task.attach().expect("a thread");
    let mut other = task.attach().expect("a thread");
    let (notice, object) = setup(&mut thread);
    thread
        .kn()
        .notice_subscribe(notice, object, u32::MAX, 1)
        .expect("subscribed");
    for finish in [false, true] {
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| events(&mut thread, notice, 5000));
            std::thread::sleep(Duration::from_millis(20));
            other.kn().notice_drop_and_wake(notice, finish).expect("dropped");
            assert_eq!(reader.join().expect("no panic"), Err(Retcode::FAIL));
        });
        other
            .kn()
            .notice_set_object_event(object, event::user(0))
            .expect("raised");
        let after = events(&mut thread, notice, 0);
        match finish {
            false => assert_eq!(after, Ok(vec![(1, event::user(0), 1)])),
            true => assert_eq!(after, Err(Retcode::FAIL)),
        }
    }
}

#[test]
fn p08_closing_the_receiver_ends_its_readers() {
    let (kernel, _) = world();
    let task = task(&kernel, "task");
    let mut thread = task.attach().expect("a thread");
    let mut other = task.attach().expect("a thread");
    let (notice, _) = setup(&mut thread);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| events(&mut thread, notice, 5000));
        std::thread::sleep(Duration::from_millis(20));
        other.kn().handle_close(notice).expect("closed");
        assert_eq!(reader.join().expect("no panic"), Err(Retcode::FAIL));
    });
}

#[test]
fn p08_the_rights_to_set_and_to_get_events_are_needed() {
    let (kernel, _) = world();
    let task = task(&kernel, "task");
    let mut thread = task.attach().expect("a thread");
    let (notice, object) = setup(&mut thread);
    let only = |thread: &mut kos_bindings::hosted::Thread, right| {
        thread.kn().handle_copy(object, right, Handle::INVALID).expect("a copy")
    };
    let (set, get) = (only(&mut thread, right::SET_EVENT), only(&mut thread, right::GET_EVENT));
    assert_eq!(
        thread.kn().notice_subscribe(notice, set, u32::MAX, 1),
        Err(Retcode::SECURITY_DISALLOW)
    );
    assert_eq!(
        thread.kn().notice_set_object_event(get, event::user(0)),
        Err(Retcode::SECURITY_DISALLOW)
    );
    thread
        .kn()
        .notice_subscribe(notice, get, u32::MAX, 1)
        .expect("subscribed");
    thread
        .kn()
        .notice_set_object_event(set, event::user(0))
        .expect("raised");
    assert_eq!(events(&mut thread, notice, 0).expect("one").len(), 1);
}
