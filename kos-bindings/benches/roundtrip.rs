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
use rustix::thread::futex;

const ROUNDS: u32 = 20;

/// The best of many short runs: others use the machine too.
fn best(mut run: impl FnMut() -> Duration) -> f64 {
    (0..2000)
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

/// The word that makes this program a relay.
const RELAY: &str = "relay";
/// Words that are handed over, each on a cache line of its own.
const STRIDE: usize = 16;
const STOP: u32 = 2;

fn word(words: &'static [AtomicU32], number: usize) -> &'static AtomicU32 {
    &words[number * STRIDE]
}

/// Waits for word `from`, then sets word `from + 1`: one hand-over, with nothing else in it.
fn relay(words: &'static [AtomicU32], from: usize, cpu: usize) {
    pin(cpu);
    let (mine, next) = (word(words, from), word(words, from + 1));
    loop {
        match mine.load(Ordering::Acquire) {
            1 => {
                mine.store(0, Ordering::Relaxed);
                next.store(1, Ordering::Release);
                wake(next);
            }
            STOP => return,
            seen => wait(mine, seen),
        }
    }
}

/// Measures the way of a message with nothing in it: hand-overs by the futex that ports use, through as many
/// threads of this process and other processes as a real one goes through. `is_process` has one entry per relay.
fn bare(cpu: usize, is_process: &[bool]) -> f64 {
    let file = rustix::fs::memfd_create("words", rustix::fs::MemfdFlags::empty()).expect("a file");
    rustix::fs::ftruncate(&file, 4096).expect("a page");
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    let me = std::env::current_exe().expect("a path");
    let words = map(&file);
    let mut processes = Vec::new();
    let mut threads = Vec::new();
    for (from, is_process) in is_process.iter().enumerate() {
        if *is_process {
            let args = [RELAY, &path, &from.to_string(), &cpu.to_string()];
            processes.push(Command::new(&me).args(args).spawn().expect("a process"));
        } else {
            threads.push(std::thread::spawn(move || relay(words, from, cpu)));
        }
    }
    pin(cpu);
    let (first, last) = (word(words, 0), word(words, is_process.len()));
    let time = best(|| {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            first.store(1, Ordering::Release);
            wake(first);
            while last.swap(0, Ordering::Acquire) == 0 {
                wait(last, 0);
            }
        }
        start.elapsed()
    });
    for from in 0..is_process.len() {
        word(words, from).store(STOP, Ordering::Release);
        wake(word(words, from));
    }
    processes.iter_mut().for_each(|process| drop(process.wait()));
    threads.into_iter().for_each(|thread| thread.join().expect("a relay"));
    time
}

fn map(file: &impl AsFd) -> &'static [AtomicU32] {
    use rustix::mm::{MapFlags, ProtFlags, mmap};
    let prot = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a fresh mapping at an address that the system chooses.
    let at = unsafe { mmap(std::ptr::null_mut(), 4096, prot, MapFlags::SHARED, file, 0) };
    // SAFETY: it is never unmapped, and atomics may be shared with whoever maps them too.
    unsafe { std::slice::from_raw_parts(at.expect("a mapping").cast::<AtomicU32>(), 1024) }
}

fn pin(cpu: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu);
    rustix::thread::sched_setaffinity(None, &set).expect("the core is ours");
}

fn wait(word: &AtomicU32, seen: u32) {
    let _ = futex::wait(word, futex::Flags::empty(), seen, None);
}

fn wake(word: &AtomicU32) {
    let _ = futex::wake(word, futex::Flags::empty(), 1);
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
    if let [_, what, path, from, cpu] = &args[..]
        && what == RELAY
    {
        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .open(path)
            .expect("the words");
        return relay(
            map(&file),
            from.parse().expect("a number"),
            cpu.parse().expect("a number"),
        );
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
