// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measures what a message costs: against bare futex hand-overs on one core, isolated and not.
//!
//! `cargo bench -p kos-bindings --features hosted --bench roundtrip`

#[path = "../tests/common/mod.rs"]
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::{image, mid, registry, request};
use kos_bindings::hosted::inproc::{InProc, Options};
use kos_bindings::hosted::socket::{Connection, Door};
use kos_bindings::hosted::{ChannelSpec, Config, DomainSpec, Kernel, Rights};
use kos_bindings::nk::{Handle, Lens, Parts, PartsMut, Transport};

const ROUNDS: u32 = 20_000;

/// The best of some runs: others use the machine too.
fn best(mut run: impl FnMut() -> Duration) -> f64 {
    (0..7).map(|_| run()).min().map_or(0.0, |time| time.as_secs_f64() * 1e9 / f64::from(ROUNDS))
}

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

/// Two threads on one core that hand a word over with the futex that ports use.
fn bare(cpu: usize) -> f64 {
    let word = Arc::new(AtomicU32::new(0));
    let other = Arc::clone(&word);
    let thread = std::thread::spawn(move || {
        pin(cpu);
        loop {
            match other.load(Ordering::Acquire) {
                1 => {
                    other.store(0, Ordering::Release);
                    wake(&other, 1);
                }
                2 => return,
                seen => wait(&other, seen, 2),
            }
        }
    });
    pin(cpu);
    let time = best(|| {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            word.store(1, Ordering::Release);
            wake(&word, 2);
            while word.load(Ordering::Acquire) != 0 {
                wait(&word, 1, 1);
            }
        }
        start.elapsed()
    });
    word.store(2, Ordering::Release);
    wake(&word, 2);
    thread.join().expect("the other thread");
    time
}

fn pin(cpu: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu);
    rustix::thread::sched_setaffinity(None, &set).expect("the core is ours");
}

fn wait(word: &AtomicU32, seen: u32, bit: u32) {
    let bit = std::num::NonZero::new(bit).expect("a bit");
    let _ = rustix::thread::futex::wait_bitset(word, rustix::thread::futex::Flags::empty(), seen, None, bit);
}

fn wake(word: &AtomicU32, bit: u32) {
    let bit = std::num::NonZero::new(bit).expect("a bit");
    let _ = rustix::thread::futex::wake_bitset(word, rustix::thread::futex::Flags::empty(), 1, bit);
}

fn echo(_: u16, request: Parts<'_>, response: PartsMut<'_>) -> Result<Lens, kos_bindings::nk::Retcode> {
    response.constant[..request.constant.len()].copy_from_slice(request.constant);
    Ok(Lens { constant: request.constant.len(), arena: 0 })
}

fn main() {
    let cpu = rustix::thread::sched_getcpu();
    let kernel = Kernel::new(Config { registry, ..Config::default() }).expect("this machine permits the sandbox");
    let mut spec = DomainSpec::new("echo", image());
    let endpoint = kernel.register("echo", echo);
    spec.channels.push(ChannelSpec { name: "back".into(), riid: 0, endpoint, rights: Rights::CALL });

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
    let hand_over = bare(cpu) / 2.0;
    println!("one futex hand-over on one core        {hand_over:9.0} ns");
    println!("start of an empty domain: median       {:9.0} us, best {} us", starts[25].as_secs_f64() * 1e6, starts[0].as_micros());
    println!("private memory of the domain           {:9} KiB", domain.memory().expect("it lives").private_kib);

    let row = |what: &str, time: f64, hand_overs: f64| {
        let ratio = time / (hand_overs * hand_over);
        println!("{what:38} {time:9.0} ns   {hand_overs} hand-overs, x {ratio:.2}");
    };
    let mut local = kernel.client("bench", &domain).expect("a client");
    local.pin_thread();
    let handle = local.handle();
    row("kernel process to domain, empty", calls(&mut local, handle, mid::ECHO, &[]), 2.0);
    row("  with a call back into the kernel", calls(&mut local, handle, mid::UPCALL, &[]), 4.0);

    let directory = kos_bindings::hosted::socket::directory();
    let _door = Door::open(&kernel, &directory).expect("a door");
    let mut far = Connection::open("echo").expect("a connection");
    far.pin_thread();
    let handle = far.handle();
    row("through the socket's port, empty", calls(&mut far, handle, mid::ECHO, &[]), 4.0);
    row("  with 4 KiB both ways", calls(&mut far, handle, mid::ECHO, &[7; 4096]), 4.0);
    row("  with a call back into the kernel", calls(&mut far, handle, mid::UPCALL, &[]), 6.0);

    let mut inside = InProc::start(&spec, Options { registry, ..Options::default() }).expect("a domain inside");
    let handle = inside.handle();
    println!("in this process, empty                 {:9.0} ns", calls(&mut inside, handle, mid::ECHO, &[]));
    println!("  with a call to a server object       {:9.0} ns", calls(&mut inside, handle, mid::UPCALL, &[]));
}
