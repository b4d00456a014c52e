// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measures IPC between two processes that are threads of this program: a round trip against bare hand-overs,
//! messages a second, 1 MiB through shared memory against 1 MiB in messages, and what a flood does to a neighbour.
//!
//! `cargo bench -p kos-bindings --features hosted --bench ipc`

#[allow(dead_code, reason = "the relays of other processes are the other benchmark's")]
#[expect(
    unsafe_code,
    unreachable_pub,
    reason = "maps its own futex words; shared by benchmarks"
)]
mod floor;
#[path = "../tests/conformance/world.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the conformance tests")]
mod world;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use floor::{ROUNDS, bare, best, was_relay};
use kos_bindings::hosted::{Kernel, Task, Thread};
use kos_bindings::nk::{Handle, HandleDesc, Transport};
use world::{answer, call, echo, large_task, receive, say, world, write};

const MIB: usize = 1 << 20;

/// A channel from `client` to `server`: a thread and a handle of each.
fn channel(kernel: &Kernel, client: &Task, server: &Task) -> (Thread, Handle, Thread, Handle) {
    kernel.connect(client, server, "ch", &[]).expect("a channel");
    let (c, s) = (client.attach().expect("a thread"), server.attach().expect("a thread"));
    let (to, on) = (c.service_locator_connect("ch"), s.service_locator_register("ch"));
    (c, to, s, on)
}

/// The time of one call with `text`.
fn round_trip(thread: &mut Thread, handle: Handle, text: &[u8]) -> f64 {
    best(|| {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            let lens = write(thread.request(), &[], text);
            thread.call(handle, lens).expect("an answer");
        }
        start.elapsed()
    })
}

/// The shortest of some runs, in microseconds.
fn shortest(mut run: impl FnMut()) -> f64 {
    let time = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..200)
        .map(|_| time(&mut run))
        .min()
        .map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

#[expect(unsafe_code, reason = "the kernel mapped this memory")]
fn memory<'a>(thread: &mut Thread, mdl: Handle, prot: u32) -> &'a mut [u8] {
    let at = thread.kn().mdl_map(mdl, 0, MIB as u64, prot).expect("a mapping");
    // SAFETY: it was just mapped and is never unmapped; sender and receiver touch it in turn, ordered by their
    // messages.
    unsafe { std::slice::from_raw_parts_mut(std::ptr::with_exposed_provenance_mut(at), MIB) }
}

fn sum(bytes: &[u8]) -> u64 {
    bytes
        .chunks_exact(8)
        .map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()))
        .fold(0, u64::wrapping_add)
}

/// Hands 1 MiB over in a message's arena; `touches` tells whether both ends touch all of it.
fn by_arena(kernel: &Kernel, touches: bool) -> f64 {
    let (server, client) = (large_task(kernel, "server"), large_task(kernel, "client"));
    let (mut c, to, mut s, on) = channel(kernel, &client, &server);
    let serving = std::thread::spawn(move || {
        s.pin();
        while let Ok(received) = s.recv(on) {
            let (handle, thread) = (received.reply_handle, received.thread);
            std::hint::black_box(if touches { sum(received.message.arena) } else { 0 });
            let lens = write(s.response(), &[], b"");
            let _ = s.reply(handle, thread, lens);
        }
    });
    c.pin();
    let data = vec![1u8; MIB];
    let mut round = 0u8;
    let time = shortest(|| {
        round = round.wrapping_add(1);
        let lens = if touches {
            // Produced in place.
            c.request().arena[..MIB].fill(round);
            let mut lens = write(c.request(), &[], b"");
            lens.arena = MIB;
            lens
        } else {
            write(c.request(), &[], &data)
        };
        c.call(to, lens).expect("an answer");
    });
    drop(server);
    serving.join().expect("no panic");
    time
}

/// Hands 1 MiB over that lies in shared memory.
fn by_mdl(kernel: &Kernel, touches: bool) -> f64 {
    let (server, client) = (large_task(kernel, "server"), large_task(kernel, "client"));
    let (mut c, to, mut s, on) = channel(kernel, &client, &server);
    let serving = std::thread::spawn(move || {
        s.pin();
        let got = receive(&mut s, on, u32::MAX).expect("the memory");
        let shared = memory(&mut s, got.handles[0].handle, 1);
        answer(&mut s, &got, &[], b"").expect("it waits");
        while let Ok(received) = s.recv(on) {
            let (handle, thread) = (received.reply_handle, received.thread);
            std::hint::black_box(if touches { sum(shared) } else { 0 });
            let lens = write(s.response(), &[], b"");
            let _ = s.reply(handle, thread, lens);
        }
    });
    c.pin();
    let mdl = c.kn().mdl_create(MIB as u64, 3).expect("memory");
    let shared = memory(&mut c, mdl, 3);
    call(&mut c, to, &[HandleDesc::all(mdl)], b"").expect("an answer");
    let mut round = 0u8;
    let time = shortest(|| {
        round = round.wrapping_add(1);
        if touches {
            shared.fill(round);
        }
        let lens = write(c.request(), &[], b"");
        c.call(to, lens).expect("an answer");
    });
    drop(server);
    serving.join().expect("no panic");
    time
}

/// The median of a neighbour's calls to a server, in microseconds, beside so many threads that flood it.
fn neighbour(kernel: &Kernel, flood: usize) -> f64 {
    let (server, client, mallory) = (
        large_task(kernel, "server"),
        large_task(kernel, "client"),
        large_task(kernel, "mallory"),
    );
    let (mut c, to, s, on) = channel(kernel, &client, &server);
    kernel.connect(&mallory, &server, "ch", &[]).expect("a channel");
    let serving = echo(s, on);
    let stop = AtomicBool::new(false);
    let median = std::thread::scope(|scope| {
        for _ in 0..flood {
            let mut thread = mallory.attach().expect("a thread");
            let stop = &stop;
            scope.spawn(move || {
                let to = thread.service_locator_connect("ch");
                while !stop.load(Relaxed) {
                    say(&mut thread, to, b"flood").expect("an answer");
                }
            });
        }
        std::thread::sleep(Duration::from_millis(50));
        let mut times: Vec<_> = (0..2000)
            .map(|_| {
                let start = Instant::now();
                say(&mut c, to, b"mine").expect("an answer");
                start.elapsed()
            })
            .collect();
        stop.store(true, Relaxed);
        times.sort();
        times[1000].as_secs_f64() * 1e6
    });
    drop(server);
    serving.join().expect("no panic");
    median
}

fn main() {
    if was_relay() {
        return;
    }
    let cpu = rustix::thread::sched_getcpu();
    let (kernel, _) = world();
    let (server, client) = (large_task(&kernel, "server"), large_task(&kernel, "client"));
    let (mut c, to, s, on) = channel(&kernel, &client, &server);
    s.pin();
    let serving = echo(s, on);
    c.pin();
    // The client's kernel thread, the server, the server's kernel thread.
    let floor = bare(cpu, &[false, false, false]);
    let time = round_trip(&mut c, to, &[7; 64]);
    println!(
        "client to server and back, 64 B        {time:9.0} ns   4 bare hand-overs {floor:7.0} ns   x {:.2}",
        time / floor
    );
    println!(
        "messages a second, one pair            {:9.0}      floor           {:9.0}      x {:.2}",
        2e9 / time,
        2e9 / floor,
        floor / time
    );
    println!("figure ipc_round_trip {:.3} x", time / floor);
    // Of one pair, one message is under way: its rate is the same ratio, and has a bar of its own.
    println!("figure ipc_messages {:.3} x", time / floor);
    drop((server, client));
    serving.join().expect("no panic");
    for (what, touches) in [("handed over", false), ("written, handed over, read", true)] {
        let (arena, mdl) = (by_arena(&kernel, touches), by_mdl(&kernel, touches));
        println!(
            "1 MiB {what:26}       {mdl:9.1} us   in a message  {arena:9.1} us   x {:.1}",
            arena / mdl
        );
        if !touches {
            println!("figure mdl {:.4} x", mdl / arena);
        }
    }
    let alone = neighbour(&kernel, 0);
    for flood in [1, 4] {
        let beside = neighbour(&kernel, flood);
        println!(
            "a neighbour beside a flood of {flood}        {beside:9.1} us   alone         {alone:9.1} us   x {:.2}",
            beside / alone
        );
        if flood == 4 {
            println!("figure neighbour {:.3} x", beside / alone);
        }
    }
}
