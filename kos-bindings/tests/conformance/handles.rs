// SPDX-License-Identifier: MIT OR Apache-2.0
//! Point 7: handles, their rights, how they travel, come home, and are taken back.

use kos_bindings::kn::{event, right};
use kos_bindings::nk::{Handle, HandleDesc, Retcode, Transport};

use crate::world::*;

/// A user's object that may be passed on, called `context`.
fn object(pair: &mut Pair, context: u64) -> Handle {
    let rights = right::COMMON | right::spec(3) | right::spec(4);
    pair.c
        .kn()
        .handle_create_user_object(Handle::INVALID, 1, rights, context, 0)
        .expect("an object")
}

/// Passes `desc` from client to server; returns what the server got. The answer carries `back`.
fn pass(pair: &mut Pair, desc: HandleDesc, back: &[HandleDesc]) -> Result<(HandleDesc, Vec<HandleDesc>), Retcode> {
    let channel = pair.channel;
    std::thread::scope(|scope| {
        let client = scope.spawn(|| call(&mut pair.c, channel, &[desc], b""));
        match receive(&mut pair.s, pair.listener, 500) {
            Ok(got) => {
                let replied = answer(&mut pair.s, &got, back, b"");
                let (_, handles) = client.join().expect("no panic")?;
                replied?;
                Ok((got.handles[0], handles))
            }
            Err(_) => client
                .join()
                .expect("no panic")
                .map(|_| (HandleDesc::INVALID, Vec::new())),
        }
    })
}

#[test]
fn p07_values_are_local_to_a_process() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mine = object(&mut pair, 1);
    assert_eq!(
        pair.s.kn().sid_by_handle(Handle(mine.0 + 1000)),
        Err(Retcode::INVALID_ARGUMENT)
    );
    let (got, _) = pass(&mut pair, HandleDesc::all(mine), &[]).expect("passed on");
    let sid = pair.c.kn().sid_by_handle(mine).expect("a number");
    assert_eq!(
        pair.s.kn().sid_by_handle(got.handle),
        Ok(sid),
        "the same thing by another value"
    );
}

#[test]
fn p07_rights_shrink_and_never_grow() {
    let (kernel, audit) = world();
    let mut pair = pair(&kernel);
    let mine = object(&mut pair, 1);
    let less = pair
        .c
        .kn()
        .handle_copy(mine, right::TRANSFER | right::COPY, Handle::INVALID)
        .expect("a copy");
    assert_eq!(
        pair.c.kn().sid_by_handle(less),
        Err(Retcode::SECURITY_DISALLOW),
        "the right to ask is gone"
    );
    let more = right::TRANSFER | right::COPY | right::GET_SID;
    assert_eq!(
        pair.c.kn().handle_copy(less, more, Handle::INVALID),
        Err(Retcode::SECURITY_DISALLOW)
    );
    assert_eq!(
        pass(&mut pair, HandleDesc::with(less, more), &[]).map(drop),
        Err(Retcode::SECURITY_DISALLOW),
        "nor in a message"
    );
    assert_eq!(audit.take().last().expect("a record").code, Retcode::SECURITY_DISALLOW);
    let (got, _) = pass(&mut pair, HandleDesc::with(less, right::TRANSFER), &[]).expect("passed on");
    assert_eq!(got.rights, right::TRANSFER);
    assert_eq!(
        pair.s
            .kn()
            .handle_copy(got.handle, HandleDesc::SAME_RIGHTS, Handle::INVALID),
        Err(Retcode::SECURITY_DISALLOW),
        "it was passed on without the right to copy"
    );
}

#[test]
fn p07_without_the_right_to_be_passed_on_a_handle_stays() {
    let (kernel, audit) = world();
    let mut pair = pair(&kernel);
    let mine = object(&mut pair, 1);
    let fixed = pair
        .c
        .kn()
        .handle_copy(mine, right::GET_SID, Handle::INVALID)
        .expect("a copy");
    assert_eq!(
        pass(&mut pair, HandleDesc::all(fixed), &[]).map(drop),
        Err(Retcode::SECURITY_DISALLOW)
    );
    let record = audit.take().pop().expect("a record");
    assert_eq!((&*record.sender, record.what), ("client", "refused"));
}

#[test]
fn p07_a_handle_that_does_not_exist_is_not_passed_on_and_none_is_no_error() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    assert_eq!(
        pass(&mut pair, HandleDesc::all(Handle(4711)), &[]).map(drop),
        Err(Retcode::INVALID_ARGUMENT)
    );
    let (got, _) = pass(&mut pair, HandleDesc::INVALID, &[]).expect("none is fine");
    assert_eq!(got, HandleDesc::INVALID);
}

#[test]
fn p07_a_message_whose_second_handle_is_refused_hands_over_none() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mine = object(&mut pair, 1);
    let before = pair.client.handles();
    let descs = [HandleDesc::all(mine), HandleDesc::all(Handle(4711))];
    let outcome = call(&mut pair.c, pair.channel, &descs, b"").map(drop);
    assert_eq!(outcome, Err(Retcode::INVALID_ARGUMENT));
    assert_eq!(pair.client.handles(), before);
}

#[test]
fn p07_a_handle_that_comes_home_is_dereferenced() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mine = object(&mut pair, 0xc0ffee);
    let (got, _) = pass(&mut pair, HandleDesc::all(mine), &[]).expect("passed on");
    assert!(!got.is_dereferenced());
    let before = (pair.client.handles(), pair.server.handles());
    // Home in the answer to the next call.
    let dummy = object(&mut pair, 0);
    let back = HandleDesc::with(got.handle, right::TRANSFER | right::spec(3));
    let (_, home) = pass(&mut pair, HandleDesc::all(dummy), &[back]).expect("passed on");
    assert!(home[0].is_dereferenced());
    assert_eq!(home[0].handle, mine, "its own handle");
    assert_eq!(home[0].badge, 0xc0ffee, "and the context");
    assert_eq!(
        home[0].rights & !HandleDesc::DEREFERENCED,
        right::TRANSFER | right::spec(3)
    );
    assert_eq!(
        pair.client.handles(),
        before.0 + 2,
        "the dummy and its copy, nothing for the one at home"
    );
    assert_eq!(pair.server.handles(), before.1);
}

#[test]
fn p07_dereferencing_works_through_a_third_process_and_finds_the_badges_context() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let third = task(&kernel, "third");
    kernel.connect(&pair.server, &third, "st", &[]).expect("a channel");
    kernel.connect(&third, &pair.client, "tc", &[]).expect("a channel");
    let mut t = third.attach().expect("a thread");
    let mut home = pair.client.attach().expect("a thread");
    let mine = object(&mut pair, 1);
    let notice = pair.c.kn().notice_create().expect("a receiver");
    let badge = pair.c.kn().handle_create_badge(notice, 5, 0xbadbe).expect("a badge");
    let desc = HandleDesc::with_badge(mine, HandleDesc::SAME_RIGHTS, badge);
    let (got, _) = pass(&mut pair, desc, &[]).expect("passed on");
    let mut theirs = Handle::INVALID;
    std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let channel = pair.s.service_locator_connect("st");
            call(&mut pair.s, channel, &[HandleDesc::all(got.handle)], b"").expect("passed on")
        });
        let listener = t.service_locator_register("st");
        let request = receive(&mut t, listener, 5000).expect("a request");
        // The middle one closes: the tree closes over it.
        answer(&mut t, &request, &[], b"").expect("it waits");
        server.join().expect("no panic");
        theirs = request.handles[0].handle;
    });
    pair.s.kn().handle_close(got.handle).expect("closed");
    std::thread::scope(|scope| {
        let sent = scope.spawn(|| {
            let channel = t.service_locator_connect("tc");
            call(&mut t, channel, &[HandleDesc::all(theirs)], b"").expect("passed on")
        });
        let listener = home.service_locator_register("tc");
        let arrived = receive(&mut home, listener, 5000).expect("a request");
        assert!(arrived.handles[0].is_dereferenced());
        assert_eq!((arrived.handles[0].handle, arrived.handles[0].badge), (mine, 0xbadbe));
        answer(&mut home, &arrived, &[], b"").expect("it waits");
        sent.join().expect("no panic");
    });
}

#[test]
fn p07_revoking_reaches_all_descendants_and_closes_the_handle() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mine = object(&mut pair, 1);
    let (got, _) = pass(&mut pair, HandleDesc::all(mine), &[]).expect("passed on");
    let copy = pair
        .s
        .kn()
        .handle_copy(got.handle, HandleDesc::SAME_RIGHTS, Handle::INVALID)
        .expect("a copy");
    pair.c.kn().handle_revoke(mine).expect("revoked");
    for handle in [got.handle, copy] {
        assert_eq!(pair.s.kn().sid_by_handle(handle), Err(Retcode::HANDLE_REVOKED));
        assert_eq!(
            pair.s
                .kn()
                .handle_copy(handle, HandleDesc::SAME_RIGHTS, Handle::INVALID),
            Err(Retcode::HANDLE_REVOKED)
        );
    }
    assert_eq!(
        pair.c.kn().sid_by_handle(mine),
        Err(Retcode::INVALID_ARGUMENT),
        "it is closed"
    );
    // A revoked handle is not closed; that is its owner's to do.
    pair.s.kn().handle_close(copy).expect("closed");
    assert_eq!(pair.s.kn().handle_close(copy), Err(Retcode::INVALID_ARGUMENT));
}

#[test]
fn p07_revoking_a_subtree_reaches_what_a_badge_marks_and_nothing_else() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mine = object(&mut pair, 1);
    let notice = pair.c.kn().notice_create().expect("a receiver");
    let badge = pair.c.kn().handle_create_badge(notice, 5, 9).expect("a badge");
    let with = HandleDesc::with_badge(mine, HandleDesc::SAME_RIGHTS, badge);
    let (marked, _) = pass(&mut pair, with, &[]).expect("passed on");
    let (plain, _) = pass(&mut pair, HandleDesc::all(mine), &[]).expect("passed on");
    pair.c.kn().handle_revoke_subtree(mine, badge).expect("revoked");
    assert_eq!(pair.s.kn().sid_by_handle(marked.handle), Err(Retcode::HANDLE_REVOKED));
    assert!(pair.s.kn().sid_by_handle(plain.handle).is_ok());
    assert!(pair.c.kn().sid_by_handle(mine).is_ok());
}

#[test]
fn p07_closing_leaves_ancestors_and_descendants_and_the_tree() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mine = object(&mut pair, 1);
    let middle = pair
        .c
        .kn()
        .handle_copy(mine, HandleDesc::SAME_RIGHTS, Handle::INVALID)
        .expect("a copy");
    let (leaf, _) = pass(&mut pair, HandleDesc::all(middle), &[]).expect("passed on");
    pair.c.kn().handle_close(middle).expect("closed");
    assert!(pair.s.kn().sid_by_handle(leaf.handle).is_ok());
    pair.c.kn().handle_revoke(mine).expect("revoked");
    assert_eq!(
        pair.s.kn().sid_by_handle(leaf.handle),
        Err(Retcode::HANDLE_REVOKED),
        "the closed one's place is its parent's"
    );
}

#[test]
fn p07_a_badge_tells_when_its_receiver_let_go_or_died() {
    let (kernel, _) = world();
    for dies in [false, true] {
        let mut pair = pair(&kernel);
        let mine = object(&mut pair, 1);
        let notice = pair.c.kn().notice_create().expect("a receiver");
        let badge = pair.c.kn().handle_create_badge(notice, 42, 7).expect("a badge");
        let with = HandleDesc::with_badge(mine, HandleDesc::SAME_RIGHTS, badge);
        let (got, _) = pass(&mut pair, with, &[]).expect("passed on");
        let copy = pair
            .s
            .kn()
            .handle_copy(got.handle, HandleDesc::SAME_RIGHTS, Handle::INVALID)
            .expect("a copy");
        pair.s.kn().handle_close(got.handle).expect("closed");
        assert_eq!(
            events(&mut pair.c, notice, 0),
            Err(Retcode::TIMEOUT),
            "a descendant is left"
        );
        if dies {
            pair.server.kill();
        } else {
            pair.s.kn().handle_close(copy).expect("closed");
        }
        assert_eq!(
            events(&mut pair.c, notice, 1000),
            Ok(vec![(42, event::BADGE_CLOSED, 1)])
        );
        pair.c.kn().handle_close(badge).expect("closed");
        assert_eq!(
            events(&mut pair.c, notice, 1000),
            Ok(vec![(42, event::OBJECT_DESTROYED, 1)])
        );
    }
}

#[test]
fn p07_a_callable_handle_leads_to_its_issuer_with_its_context() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    // The client makes a listener and a callable handle, and passes it to the server, which calls back on it.
    let (listener, _, _) = pair.c.kn().handle_connect(Handle::INVALID).expect("a listener");
    let rights = right::COMMON | right::CALL;
    let callable = pair
        .c
        .kn()
        .handle_create_user_object(listener, 1, rights, 0x5e55, RIID)
        .expect("a handle");
    let (got, _) = pass(&mut pair, HandleDesc::all(callable), &[]).expect("passed on");
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| say(&mut pair.s, got.handle, b"back"));
        let request = receive(&mut pair.c, listener, 5000).expect("a request");
        assert_eq!(request.text, b"back");
        assert!(request.own.is_dereferenced());
        assert_eq!((request.own.handle, request.own.badge), (callable, 0x5e55));
        answer(&mut pair.c, &request, &[], b"thanks").expect("it waits");
        assert_eq!(caller.join().expect("no panic").as_deref(), Ok(&b"thanks"[..]));
    });
    // Without the right to call, and for another interface, it is none.
    let mute = pair
        .s
        .kn()
        .handle_copy(got.handle, right::GET_SID, Handle::INVALID)
        .expect("a copy");
    assert_eq!(say(&mut pair.s, mute, b""), Err(Retcode::SECURITY_DISALLOW));
    let other = pair
        .c
        .kn()
        .handle_create_user_object(listener, 1, rights, 0, RIID + 1)
        .expect("a handle");
    assert_eq!(say(&mut pair.c, other, b""), Err(Retcode::INVALID_ARGUMENT));
    // Revoked, it leads nowhere.
    pair.c.kn().handle_revoke(callable).expect("revoked");
    assert_eq!(say(&mut pair.s, got.handle, b""), Err(Retcode::HANDLE_REVOKED));
}

#[test]
fn p07_lines_and_memory_are_passed_on_but_not_mappings_notices_and_sync_objects() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let line = pair.c.kn().register_irq(1, 0).expect("a line");
    let memory = pair.c.kn().mdl_create(4096, 3).expect("memory");
    for handle in [line, memory] {
        assert!(pass(&mut pair, HandleDesc::all(handle), &[]).is_ok());
    }
    let delivery = pair.c.kn().attach_irq(line).expect("bound");
    let sync = pair.c.kn().ipc_create_sync_object(false).expect("an object");
    let notice = pair.c.kn().notice_create().expect("a receiver");
    let badge = pair.c.kn().handle_create_badge(notice, 0, 0).expect("a badge");
    for handle in [delivery, sync, notice, badge, pair.c.kernel()] {
        assert_eq!(
            pass(&mut pair, HandleDesc::all(handle), &[]).map(drop),
            Err(Retcode::SECURITY_DISALLOW)
        );
    }
    // A mapping is an address and no handle at all.
    assert!(pair.c.kn().mdl_map(memory, 0, 4096, 3).is_ok());
}

#[test]
fn p07_handles_of_a_request_that_nobody_took_are_gone_again() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mine = object(&mut pair, 1);
    let before = pair.client.handles();
    let lens = write(pair.c.request(), &[HandleDesc::all(mine)], b"");
    let outcome = pair.c.call_ex(pair.channel, lens, 20, Handle::INVALID).map(drop);
    assert_eq!(outcome, Err(Retcode::TIMEOUT));
    assert_eq!(pair.client.handles(), before);
}

#[test]
fn p07_a_closed_value_does_not_come_back() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..2000 {
        let handle = object(&mut pair, round);
        assert!(seen.insert(handle.0), "{handle:?} was used before");
        pair.c.kn().handle_close(handle).expect("closed");
        assert_eq!(pair.c.kn().sid_by_handle(handle), Err(Retcode::INVALID_ARGUMENT));
    }
}

#[test]
fn p07_an_unused_transport_is_no_way_around() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mine = object(&mut pair, 1);
    let lens = write(pair.c.request(), &[], b"");
    assert_eq!(
        pair.c.call(mine, lens).map(drop),
        Err(Retcode::SECURITY_DISALLOW),
        "an object without a channel cannot be called"
    );
}
