// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a domain hears of clients that are gone, and of requests that nobody waits for.

mod common;

use std::time::Instant;

use common::{SOON, call, kernel, mid, spec, start};
use kos_bindings::nk::Retcode;
use kos_bindings::port::FOREVER;

/// What the domain was told of its clients: how many are gone, who last, how many requests were given up; and who asks.
fn notices(client: &mut kos_bindings::hosted::LocalClient) -> [u64; 4] {
    let handle = client.handle();
    let words = call(client, handle, mid::NOTICES, &[]).expect("an answer");
    std::array::from_fn(|at| u64::from_le_bytes(words[8 * at..][..8].try_into().expect("eight bytes")))
}

#[test]
fn a_domain_is_told_which_of_its_clients_are_gone() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("told"));
    let mut observer = kernel.client("tester", &domain).expect("a client");
    for gone in 1..=5 {
        let mut client = kernel.client("tester", &domain).expect("a client");
        let [.., badge] = notices(&mut client);
        drop(client);
        // The notice was there before this request, and goes before it.
        let [count, last, abandoned, me] = notices(&mut observer);
        assert_eq!((count, last, abandoned), (gone, badge, 0));
        assert_ne!(me, badge);
    }
    // A client that never asked has left nothing, and is not talked about.
    drop(kernel.client("tester", &domain).expect("a client"));
    assert_eq!(notices(&mut observer)[0], 5);
}

#[test]
fn a_domain_is_told_of_requests_that_nobody_waits_for() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("given-up"));
    let mut observer = kernel.client("tester", &domain).expect("a client");
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    client.set_timeout_ns(1_000_000);
    let end = Instant::now() + SOON;
    let (mut calls, mut told) = (0, 0);
    while told < 3 {
        // On a busy machine it may be given up before the domain took it; then there is nothing to be told.
        assert_eq!(call(&mut client, handle, mid::NEVER, &[]), Err(Retcode::TIMEOUT));
        calls += 1;
        told = notices(&mut observer)[2];
        assert!(told <= calls && Instant::now() < end, "{told} of {calls}");
    }
    client.set_timeout_ns(FOREVER);
    let waiting = std::thread::spawn(move || call(&mut client, handle, mid::NEVER, &[]));
    domain.kill();
    assert_eq!(waiting.join().expect("no panic"), Err(Retcode::NOT_CONNECTED));
}
