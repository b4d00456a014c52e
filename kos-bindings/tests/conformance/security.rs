// SPDX-License-Identifier: MIT OR Apache-2.0
//! Point 4, its other half: a process asks the policy itself, through the security interface of its class.

#[path = "../common/guard.rs"]
mod guard;

use guard::Guard;
use kos_bindings::hosted::judge::Query;
use kos_bindings::hosted::{Config, Kernel, Task, TaskSpec, Thread};
use kos_bindings::idl::{clock, log};
use kos_bindings::kn::right;
use kos_bindings::nk::{Handle, HandleDesc, Header, Lens, Retcode, Transport};

use crate::world::*;

/// Grants log lines of level 6.
fn may(query: &Query<'_>) -> bool {
    assert_eq!((query.interface.name, query.method.name), ("linuxcompat.Log", "Write"));
    log::WriteReq::decode(query.message).is_ok_and(|line| line.level == 6)
}

/// `Log` has no results, so a class may have it as its security interface.
fn asker(kernel: &Kernel) -> (Task, Thread) {
    let spec = TaskSpec {
        security: Some(&log::INTERFACE),
        ..TaskSpec::new("verifier")
    };
    let task = kernel.task(&spec).expect("a process");
    let thread = task.attach().expect("a thread");
    (task, thread)
}

fn ask(thread: &mut Thread, to: Handle, level: u8) -> Result<usize, Retcode> {
    let request = log::WriteReq {
        level,
        time_ns: 0,
        text: "text",
    };
    let lens = request.encode(thread.request()).expect("room");
    thread.call(to, lens).map(|answer| {
        let header = Header::read(answer.constant).expect("a header");
        assert_eq!((header.riid, header.mid, header.is_error), (log::RIID, 0, false));
        answer.constant.len() + answer.arena.len()
    })
}

fn guarded() -> (Kernel, Guard) {
    let guard = Guard::new(may);
    let config = Config {
        policy: Box::new(guard.clone()),
        ..Config::default()
    };
    (Kernel::new(config).expect("this machine permits the sandbox"), guard)
}

#[test]
fn p04_a_process_asks_the_policy_through_its_class_interface() {
    let (kernel, guard) = guarded();
    let (task, mut thread) = asker(&kernel);
    let to = thread.kn().handle_security_connect().expect("a handle");
    assert_eq!(ask(&mut thread, to, 6), Ok(24), "the answer is empty");
    assert_eq!(ask(&mut thread, to, 3), Err(Retcode::SECURITY_DISALLOW));
    let asked = guard.take();
    let me = ("verifier".to_owned(), u64::from(task.id()));
    assert_eq!(asked, [me.clone(), me], "by class and process");
    // What is no message of that interface, the policy is not asked about.
    let lens = clock::AdvanceReq { until_ns: 1 }
        .encode(thread.request())
        .expect("room");
    assert_eq!(thread.call(to, lens).map(drop), Err(Retcode::INVALID_ARGUMENT));
    let lens = Lens { constant: 3, arena: 0 };
    assert_eq!(thread.call(to, lens).map(drop), Err(Retcode::INVALID_ARGUMENT));
    let asked = guard.take();
    assert!(asked.iter().all(|(who, _)| who == "malformed verifier"), "{asked:?}");
    assert_eq!(asked.len(), 2);
}

#[test]
fn p04_the_handle_to_the_policy_is_its_process_alone() {
    let (kernel, _) = guarded();
    let (_task, mut thread) = asker(&kernel);
    let to = thread.kn().handle_security_connect().expect("a handle");
    assert_eq!(
        receive(&mut thread, to, 0).map(drop),
        Err(Retcode::SECURITY_DISALLOW),
        "it is not to receive on"
    );
    let grown = thread.kn().handle_copy(to, right::TRANSFER, Handle::INVALID);
    assert_eq!(grown, Err(Retcode::SECURITY_DISALLOW), "nor to be passed on");
    let copy = thread
        .kn()
        .handle_copy(to, HandleDesc::SAME_RIGHTS, Handle::INVALID)
        .expect("a copy");
    assert_eq!(ask(&mut thread, copy, 6), Ok(24));
    thread.kn().handle_close(to).expect("closed");
    assert_eq!(ask(&mut thread, to, 6), Err(Retcode::NOT_CONNECTED));
    assert_eq!(ask(&mut thread, copy, 6), Ok(24));
}

#[test]
fn p04_a_class_without_a_security_interface_has_nothing_to_connect_to() {
    let (kernel, _) = guarded();
    let plain = task(&kernel, "plain");
    let mut thread = plain.attach().expect("a thread");
    assert_eq!(thread.kn().handle_security_connect(), Err(Retcode::NOT_CONNECTED));
}

#[test]
fn p04_a_policy_that_does_not_know_queries_refuses_them() {
    // The one of the other tests says nothing of queries.
    let (kernel, _) = world();
    let (_task, mut thread) = asker(&kernel);
    let to = thread.kn().handle_security_connect().expect("a handle");
    assert_eq!(ask(&mut thread, to, 6), Err(Retcode::SECURITY_DISALLOW));
}
