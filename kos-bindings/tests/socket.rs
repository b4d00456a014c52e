// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clients that come by the socket.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use common::{SOON, call, kernel, mid, spec, start};
use kos_bindings::hosted::socket::{Connection, Door, directory, list};
use kos_bindings::hosted::{ChannelSpec, DomainHandle, Kernel, LocalClient, Rights};
use kos_bindings::nk::{Lens, Parts, PartsMut, Retcode};
use kos_bindings::port::FOREVER;

/// The directory comes from the environment, so one test at a time uses it.
static ONE: Mutex<()> = Mutex::new(());

#[test]
fn clients_find_domains_by_name() {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let kernel = kernel();
    let domain = start(&kernel, &spec("by-name"));
    let door = Door::open(&kernel, &directory()).expect("a door");
    let listed = list()
        .into_iter()
        .find(|listed| listed.name == "by-name")
        .expect("it is listed");
    assert_eq!((listed.id, listed.pid), (domain.id(), domain.pid()));
    let mut client = Connection::open("by-name").expect("a connection");
    let handle = client.handle();
    for size in [0, 3, 65_536] {
        let bytes = vec![7; size];
        assert_eq!(call(&mut client, handle, mid::ECHO, &bytes), Ok(bytes));
    }
    assert_eq!(
        call(&mut client, handle, mid::GARBAGE, &[]),
        Err(Retcode::INVALID_ARGUMENT)
    );
    client.set_timeout_ns(10_000_000);
    assert_eq!(call(&mut client, handle, mid::NEVER, &[]), Err(Retcode::TIMEOUT));
    let error = Connection::open("nobody").expect_err("no such domain");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    // On a busy machine its death may be noticed later than any limit.
    client.set_timeout_ns(kos_bindings::port::FOREVER);
    domain.kill();
    assert_eq!(call(&mut client, handle, mid::ECHO, &[]), Err(Retcode::NOT_CONNECTED));
    drop(door);
}

#[test]
fn many_clients_come_and_go() {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let kernel = kernel();
    let _domain = start(&kernel, &spec("busy"));
    let _door = Door::open(&kernel, &directory()).expect("a door");
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let mut client = Connection::open("busy").expect("a connection");
                    let handle = client.handle();
                    assert_eq!(call(&mut client, handle, mid::ECHO, b"x").as_deref(), Ok(&b"x"[..]));
                }
            });
        }
    });
}

#[test]
fn a_kernel_that_ends_ends_its_clients_calls() {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let kernel = kernel();
    let _domain = start(&kernel, &spec("ending"));
    let door = Door::open(&kernel, &directory()).expect("a door");
    let mut client = Connection::open("ending").expect("a connection");
    let handle = client.handle();
    let waiting = std::thread::spawn(move || call(&mut client, handle, mid::NEVER, &[]));
    std::thread::sleep(std::time::Duration::from_millis(50));
    drop(door);
    drop(kernel);
    assert_eq!(waiting.join().expect("no panic"), Err(Retcode::NOT_CONNECTED));
}

#[test]
fn a_process_may_have_several_doors() {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let kernels = [kernel(), kernel()];
    let _domains = [start(&kernels[0], &spec("left")), start(&kernels[1], &spec("right"))];
    let doors = kernels
        .each_ref()
        .map(|kernel| Door::open(kernel, &directory()).expect("a door"));
    for name in ["left", "right"] {
        let mut client = Connection::open(name).expect("a connection");
        let handle = client.handle();
        assert_eq!(call(&mut client, handle, mid::ECHO, b"x").as_deref(), Ok(&b"x"[..]));
    }
    let [left, _right] = doors;
    drop(left);
    assert!(Connection::open("left").is_err() && Connection::open("right").is_ok());
}

fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("kos-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

#[test]
fn stale_sockets_are_cleaned_and_nothing_is_left() {
    let path = scratch("stale");
    let kernel = kernel();
    std::fs::create_dir(&path).expect("a directory");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("its mode");
    drop(std::os::unix::net::UnixListener::bind(path.join("1.sock")).expect("a socket"));
    let door = Door::open(&kernel, &path).expect("a door");
    let left: Vec<_> = std::fs::read_dir(&path)
        .expect("the directory")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert_eq!(left, [door.path()]);
    drop(door);
    assert!(!path.exists());
}

#[test]
fn a_directory_that_others_can_enter_is_refused() {
    let path = scratch("open");
    std::fs::create_dir(&path).expect("a directory");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).expect("its mode");
    let error = Door::open(&kernel(), &path).expect_err("not private");
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    std::fs::remove_dir(&path).expect("it is empty");
}

/// Waits until the kernel let `count` requests through, and they are where they wait.
fn until_delivered(kernel: &Kernel, count: u64) {
    let end = Instant::now() + SOON;
    while kernel.counts().requests < count {
        assert!(Instant::now() < end, "{:?}", kernel.counts());
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(30));
}

#[test]
fn one_program_with_many_connections_gets_every_second_turn_at_the_most() {
    const FLOOD: u64 = 40;
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let kernel = kernel();
    let (open, gate) = mpsc::channel::<()>();
    let order = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&order);
    // The domain asks it for each request, so it sees in what order they are served; the first is held.
    let back = Mutex::new(move |_: u16, request: Parts<'_>, response: PartsMut<'_>| {
        if request.arena == b"gate" {
            gate.recv().map_err(|_| Retcode::FAIL)?;
        } else {
            noted.lock().expect("no panic").push(request.arena.to_vec());
        }
        response.constant[..request.constant.len()].copy_from_slice(request.constant);
        Ok(Lens {
            constant: request.constant.len(),
            arena: 0,
        })
    });
    let back = kernel.register("back", back);
    let mut spec = spec("fair");
    spec.channels.push(ChannelSpec {
        name: "back".into(),
        riid: 0,
        endpoint: back,
        rights: Rights::CALL,
    });
    let domain = start(&kernel, &spec);
    let _door = Door::open(&kernel, &directory()).expect("a door");
    std::thread::scope(|scope| {
        let (kernel, domain) = (&kernel, &domain);
        let ask = |text: &'static [u8]| {
            let mut client = kernel.client("tester", domain).expect("a client");
            scope.spawn(move || {
                let handle = client.handle();
                call(&mut client, handle, mid::UPCALL, text).expect("an answer");
            });
        };
        ask(b"gate");
        until_delivered(kernel, 2);
        for _ in 0..FLOOD {
            scope.spawn(|| {
                let mut client = Connection::open("fair").expect("a connection");
                let handle = client.handle();
                call(&mut client, handle, mid::UPCALL, b"flood").expect("an answer");
            });
        }
        until_delivered(kernel, 2 + FLOOD);
        ask(b"one");
        until_delivered(kernel, 3 + FLOOD);
        ask(b"two");
        until_delivered(kernel, 4 + FLOOD);
        open.send(()).expect("the gate waits");
    });
    let order = order.lock().expect("no panic");
    assert_eq!(order.len() as u64, FLOOD + 2, "the flood was served, too");
    let at = |text: &[u8]| order.iter().position(|served| served == text).expect("served");
    // They asked last, and wait for one request of the flood; in the order of asking they would be 40 and 41.
    assert_eq!((at(b"one"), at(b"two")), (1, 2));
}

#[test]
fn requests_of_one_program_that_are_never_answered_leave_others_room() {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let kernel = kernel();
    let domain = start(&kernel, &spec("room"));
    let _door = Door::open(&kernel, &directory()).expect("a door");
    let connect = || Connection::open("room").expect("a connection");
    std::thread::scope(|scope| {
        for number in 0..16 {
            let mut client = connect();
            scope.spawn(move || {
                let handle = client.handle();
                // One of them gives up after two seconds, the others when the domain ends.
                client.set_timeout_ns(if number == 0 { 2_000_000_000 } else { FOREVER });
                let _ = call(&mut client, handle, mid::NEVER, &[]);
            });
        }
        until_delivered(&kernel, 16);
        let mut late = connect();
        late.set_timeout_ns(50_000_000);
        let handle = late.handle();
        let full = call(&mut late, handle, mid::ECHO, b"late");
        let mut other = kernel.client("tester", &domain).expect("a client");
        let handle = other.handle();
        let served = call(&mut other, handle, mid::ECHO, b"other");
        // Until one of the sixteen gives up.
        late.set_timeout_ns(FOREVER);
        let handle = late.handle();
        let freed = call(&mut late, handle, mid::ECHO, b"late");
        domain.kill();
        assert_eq!(full, Err(Retcode::TIMEOUT), "sixteen are in service");
        assert_eq!(served.as_deref(), Ok(&b"other"[..]));
        assert_eq!(freed.as_deref(), Ok(&b"late"[..]));
    });
}

/// How many requests the domain has received and not answered.
fn held(observer: &mut LocalClient) -> u64 {
    let handle = observer.handle();
    let words = call(observer, handle, mid::NOTICES, &[]).expect("an answer");
    u64::from_le_bytes(words[32..].try_into().expect("eight bytes"))
}

/// Calls what is never answered, as a program of its own for each of `count`, until the domain ends.
fn park<'s>(kernel: &'s Kernel, domain: &DomainHandle, count: usize, scope: &'s std::thread::Scope<'s, '_>) {
    for _ in 0..count {
        let mut client = kernel.client("tester", domain).expect("a client");
        scope.spawn(move || {
            let handle = client.handle();
            let _ = call(&mut client, handle, mid::NEVER, &[]);
        });
    }
}

#[test]
fn whoever_asks_one_thing_is_served_beside_any_number_of_programs_whose_requests_sleep() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("sleepers"));
    let mut observer = kernel.client("observer", &domain).expect("a client");
    std::thread::scope(|scope| {
        park(&kernel, &domain, 100, scope);
        until_delivered(&kernel, 100);
        observer.set_timeout_ns(SOON.as_nanos().try_into().expect("a time"));
        let served = (0..3).map(|_| held(&mut observer)).collect::<Vec<_>>();
        domain.kill();
        assert_eq!(served, [100; 3], "all of them still sleep");
    });
}

#[test]
fn however_many_programs_ask_a_domain_gets_no_more_than_it_has_workers_for() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("crowd"));
    let mut observer = kernel.client("observer", &domain).expect("a client");
    std::thread::scope(|scope| {
        // 32, and one for each place at the door.
        park(&kernel, &domain, 296, scope);
        until_delivered(&kernel, 296);
        observer.set_timeout_ns(100_000_000);
        let handle = observer.handle();
        let full = call(&mut observer, handle, mid::NOTICES, &[]);
        domain.kill();
        assert_eq!(full, Err(Retcode::TIMEOUT), "288 are in service");
    });
}

#[test]
fn a_program_with_many_threads_does_not_take_all_places_in_the_queue() {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let kernel = kernel();
    let domain = start(&kernel, &spec("queue"));
    let _door = Door::open(&kernel, &directory()).expect("a door");
    let mut other = kernel.client("tester", &domain).expect("a client");
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..12)
            .flat_map(|_| {
                let first = Connection::open("queue").expect("a connection");
                let mut threads: Vec<_> = (0..24).map(|_| first.thread().expect("a thread")).collect();
                threads.push(first);
                threads
            })
            .map(|mut client| {
                scope.spawn(move || {
                    let handle = client.handle();
                    call(&mut client, handle, mid::NEVER, &[]).map(drop)
                })
            })
            .collect();
        until_delivered(&kernel, 300);
        let handle = other.handle();
        let served = call(&mut other, handle, mid::ECHO, b"other");
        domain.kill();
        assert_eq!(served.as_deref(), Ok(&b"other"[..]));
        let outcomes: Vec<_> = calls.into_iter().map(|call| call.join().expect("no panic")).collect();
        let busy = outcomes
            .iter()
            .filter(|outcome| **outcome == Err(Retcode::BUSY))
            .count();
        // All but half of the queue, and those that the domain took meanwhile.
        assert!((156..=172).contains(&busy), "{busy} of 300");
    });
}

#[test]
fn a_program_that_gives_up_again_and_again_leaves_others_their_workers() {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let kernel = kernel();
    let domain = start(&kernel, &spec("fickle"));
    let _door = Door::open(&kernel, &directory()).expect("a door");
    let mut observer = kernel.client("observer", &domain).expect("a client");
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut client = Connection::open("fickle").expect("a connection");
                let handle = client.handle();
                client.set_timeout_ns(5_000_000);
                for _ in 0..20 {
                    // What it gives up the domain works on for ever, as a driver does that sleeps uninterruptibly.
                    assert_eq!(call(&mut client, handle, mid::NEVER, &[]), Err(Retcode::TIMEOUT));
                }
            });
        }
    });
    let held = held(&mut observer);
    // All that may be given up, and what was in service meanwhile.
    assert!((5..=18).contains(&held), "{held} of 320, of 32 workers");
}

#[test]
fn one_program_does_not_take_all_places_at_the_door() {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let kernel = kernel();
    let _domain = start(&kernel, &spec("places"));
    let _door = Door::open(&kernel, &directory()).expect("a door");
    let mut all = Vec::new();
    let refused = loop {
        match Connection::open("places") {
            Ok(connection) => all.push(connection),
            Err(error) => break error,
        }
        assert!(all.len() <= 64, "of 256 places");
    };
    assert_eq!(all.len(), 64, "{refused}");
    drop(all.pop());
    let end = Instant::now() + SOON;
    while Connection::open("places").is_err() {
        assert!(Instant::now() < end, "a place that is free again");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn threads_of_a_client_are_one_client() {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let kernel = kernel();
    let _domain = start(&kernel, &spec("threads"));
    let _door = Door::open(&kernel, &directory()).expect("a door");
    let mut first = Connection::open("threads").expect("a connection");
    let handle = first.handle();
    let word = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at * 8..][..8].try_into().expect("a word"));
    let mut second = first.thread().expect("another thread");
    assert_eq!(second.handle(), handle);
    let badges = [&mut first, &mut second].map(|thread| {
        let said = call(thread, handle, mid::NOTICES, &[]).expect("an answer");
        word(&said, 3)
    });
    assert_eq!(badges[0], badges[1]);
    // One waits for an answer that never comes, the other is served meanwhile.
    let waiting = std::thread::spawn(move || call(&mut second, handle, mid::NEVER, &[]));
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(call(&mut first, handle, mid::ECHO, b"x").as_deref(), Ok(&b"x"[..]));
    let full = (0..1_000).map(|_| first.thread()).find_map(Result::err);
    assert!(
        full.is_some_and(|error| error.to_string().starts_with("no ")),
        "there is a limit"
    );
    assert!(!waiting.is_finished());
    // All threads go with the socket, which the waiting one holds too; here their kernel ends them.
    drop(first);
    drop(kernel);
    assert_eq!(waiting.join().expect("no panic"), Err(Retcode::NOT_CONNECTED));
}
