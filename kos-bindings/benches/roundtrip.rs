// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measures what a message costs: against bare futex hand-overs on one core, isolated and not.
//!
//! `cargo bench -p kos-bindings --features hosted --bench roundtrip`

#![expect(unsafe_code, reason = "a benchmark maps its own futex word")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::{image, mid, registry, request};
use kos_bindings::hosted::inproc::{InProc, Options};
use kos_bindings::hosted::socket::{Connection, Door};
use kos_bindings::hosted::{ChannelSpec, Config, DomainSpec, Kernel, Rights};
use kos_bindings::nk::{Handle, Lens, Parts, PartsMut, Transport};

const ROUNDS: u32 = 100;

/// The best of many short runs: others use the machine too.
fn best(mut run: impl FnMut() -> Duration) -> f64 {
    (0..600)
        .map(|_| run())
        .min()
        .map_or(0.0, |time| time.as_secs_f64() * 1e9 / f64::from(ROUNDS))
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

/// The test domain's counterpart without a kernel between: a process that answers on one futex
/// word.
const ANSWER: &str = "answer";

/// Two processes on one core that hand a word over with the futex that ports use, and nothing else.
fn bare(cpu: usize) -> f64 {
    let file = rustix::fs::memfd_create("word", rustix::fs::MemfdFlags::empty()).expect("a file");
    rustix::fs::ftruncate(&file, 4096).expect("a page");
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    let me = std::env::current_exe().expect("a path");
    let mut other = Command::new(me)
        .args([ANSWER, &path, &cpu.to_string()])
        .spawn()
        .expect("a process");
    pin(cpu);
    let word = map(&file);
    let time = best(|| {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            word.store(1, Ordering::Release);
            wake(word, 2);
            while word.load(Ordering::Acquire) != 0 {
                wait(word, 1, 1);
            }
        }
        start.elapsed()
    });
    word.store(2, Ordering::Release);
    wake(word, 2);
    other.wait().expect("the other process");
    time
}

fn answer(path: &str, cpu: usize) {
    pin(cpu);
    let word = map(&std::fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .expect("the word's file"));
    loop {
        match word.load(Ordering::Acquire) {
            1 => {
                word.store(0, Ordering::Release);
                wake(word, 1);
            }
            2 => return,
            seen => wait(word, seen, 2),
        }
    }
}

fn map(file: &impl AsFd) -> &'static AtomicU32 {
    use rustix::mm::{MapFlags, ProtFlags, mmap};
    let prot = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a fresh mapping at an address that the system chooses.
    let at = unsafe { mmap(std::ptr::null_mut(), 4096, prot, MapFlags::SHARED, file, 0) };
    // SAFETY: it is never unmapped, and an atomic may be shared with whoever maps it too.
    unsafe { &*at.expect("a mapping").cast::<AtomicU32>() }
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
    Ok(Lens {
        constant: request.constant.len(),
        arena: 0,
    })
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let [_, what, path, cpu] = &args[..]
        && what == ANSWER
    {
        return answer(path, cpu.parse().expect("a number"));
    }
    let cpu = rustix::thread::sched_getcpu();
    let kernel = Kernel::new(Config {
        registry,
        ..Config::default()
    })
    .expect("this machine permits the sandbox");
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
    let hand_over = bare(cpu) / 2.0;
    println!("one futex hand-over on one core        {hand_over:9.0} ns");
    println!(
        "start of an empty domain: median       {:9.0} us, best {} us",
        starts[25].as_secs_f64() * 1e6,
        starts[0].as_micros()
    );
    println!(
        "private memory of the domain           {:9} KiB",
        domain.memory().expect("it lives").private_kib
    );

    let row = |what: &str, time: f64, hand_overs: f64| {
        let ratio = time / (hand_overs * hand_over);
        println!("{what:38} {time:9.0} ns   {hand_overs} hand-overs, x {ratio:.2}");
    };
    let mut local = kernel.client("bench", &domain).expect("a client");
    local.pin_thread();
    let handle = local.handle();
    row(
        "kernel process to domain, empty",
        calls(&mut local, handle, mid::ECHO, &[]),
        3.0,
    );
    row(
        "  with a call back into the kernel",
        calls(&mut local, handle, mid::UPCALL, &[]),
        5.0,
    );

    let directory = kos_bindings::hosted::socket::directory();
    let _door = Door::open(&kernel, &directory).expect("a door");
    let mut far = Connection::open("echo").expect("a connection");
    far.pin_thread();
    let handle = far.handle();
    row(
        "through the socket's port, empty",
        calls(&mut far, handle, mid::ECHO, &[]),
        4.0,
    );
    row(
        "  with 4 KiB both ways",
        calls(&mut far, handle, mid::ECHO, &[7; 4096]),
        4.0,
    );
    row(
        "  with a call back into the kernel",
        calls(&mut far, handle, mid::UPCALL, &[]),
        6.0,
    );

    let mut inside = InProc::start(
        &spec,
        Options {
            registry,
            ..Options::default()
        },
    )
    .expect("a domain inside");
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
