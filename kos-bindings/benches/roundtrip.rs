// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measures what a message costs: against bare futex hand-overs on one core, isolated and not.
//!
//! `cargo bench -p kos-bindings --features hosted --bench roundtrip`

#[path = "../tests/common/mod.rs"]
mod common;
#[expect(
    unsafe_code,
    unreachable_pub,
    reason = "maps its own futex words; shared by benchmarks"
)]
mod floor;

use std::time::{Duration, Instant};

use common::{image, mid, registry, request};
use floor::{ROUNDS, bare, best, was_relay};
use kos_bindings::hosted::inproc::{InProc, Options};
use kos_bindings::hosted::socket::{Connection, Door};
use kos_bindings::hosted::{ChannelSpec, Config, DomainSpec, Kernel, Rights};
use kos_bindings::nk::{Handle, Lens, Parts, PartsMut, Transport};

fn calls<T: Transport>(client: &mut T, handle: Handle, method: u16, arena: &[u8]) -> f64 {
    best(|| {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            let lens = request(client.request(), method, arena);
            client.call(handle, lens).expect("an answer");
        }
        start.elapsed()
    })
}

fn echo(_: u16, request: Parts<'_>, response: PartsMut<'_>) -> Result<Lens, kos_bindings::nk::Retcode> {
    response.constant[..request.constant.len()].copy_from_slice(request.constant);
    Ok(Lens {
        constant: request.constant.len(),
        arena: 0,
    })
}

fn main() {
    if was_relay() {
        return;
    }
    let cpu = rustix::thread::sched_getcpu();
    let begun = Instant::now();
    let kernel = Kernel::new(Config {
        registry,
        ..Config::default()
    })
    .expect("this machine permits the sandbox");
    println!(
        "start of the kernel                    {:9} us",
        begun.elapsed().as_micros()
    );
    let mut spec = DomainSpec::new("echo", image());
    let endpoint = kernel.register("echo", echo);
    spec.channels.push(ChannelSpec {
        name: "back".into(),
        riid: 0,
        endpoint,
        rights: Rights::CALL,
    });

    let mut starts = Vec::new();
    for _ in 0..50 {
        let start = Instant::now();
        let domain = kernel.spawn(&spec).expect("a domain");
        assert!(domain.wait_ready(Duration::from_secs(1)));
        starts.push(start.elapsed());
        domain.kill();
        let _ = domain.wait_death(Duration::from_secs(1));
    }
    starts.sort();

    let domain = kernel.spawn(&spec).expect("a domain");
    assert!(domain.wait_ready(Duration::from_secs(1)));
    let (thread, process) = (false, true);
    println!(
        "start of an empty domain: median       {:9.0} us, best {} us",
        starts[25].as_secs_f64() * 1e6,
        starts[0].as_micros()
    );
    println!(
        "private memory of the domain           {:9} KiB",
        domain.memory().expect("it lives").private_kib
    );

    let row = |what: &str, time: f64, way: &[bool]| {
        let floor = bare(cpu, way);
        let ratio = time / floor;
        println!(
            "{what:38} {time:9.0} ns   {} bare hand-overs {floor:7.0} ns   x {ratio:.2}",
            way.len() + 1
        );
    };
    let mut local = kernel.client("bench", &domain).expect("a client");
    local.pin_thread();
    let handle = local.handle();
    row(
        "kernel process to domain, empty",
        calls(&mut local, handle, mid::ECHO, &[]),
        &[process, thread],
    );
    let there_and_back = [process, thread, process, thread];
    row(
        "  with a call back into the kernel",
        calls(&mut local, handle, mid::UPCALL, &[]),
        &there_and_back,
    );

    let directory = kos_bindings::hosted::socket::directory();
    let _door = Door::open(&kernel, &directory).expect("a door");
    let mut far = Connection::open("echo").expect("a connection");
    far.pin_thread();
    let handle = far.handle();
    let way = [thread, process, thread];
    row(
        "through the socket's port, empty",
        calls(&mut far, handle, mid::ECHO, &[]),
        &way,
    );
    row(
        "  with 4 KiB both ways",
        calls(&mut far, handle, mid::ECHO, &[7; 4096]),
        &way,
    );
    let way = [thread, process, thread, process, thread];
    row(
        "  with a call back into the kernel",
        calls(&mut far, handle, mid::UPCALL, &[]),
        &way,
    );

    let options = Options {
        registry,
        ..Options::default()
    };
    let mut inside = InProc::start(&spec, options).expect("a domain inside");
    let handle = inside.handle();
    println!(
        "in this process, empty                 {:9.0} ns",
        calls(&mut inside, handle, mid::ECHO, &[])
    );
    println!(
        "  with a call to a server object       {:9.0} ns",
        calls(&mut inside, handle, mid::UPCALL, &[])
    );
}
