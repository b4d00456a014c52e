// SPDX-License-Identifier: MIT OR Apache-2.0
//! The floor: what a message's way costs with nothing in it, and the best of many short runs.

use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::futex;

pub const ROUNDS: u32 = 20;

/// The best of many short runs: others use the machine too.
pub fn best(mut run: impl FnMut() -> Duration) -> f64 {
    (0..2000)
        .map(|_| run())
        .min()
        .map_or(0.0, |time| time.as_secs_f64() * 1e9 / f64::from(ROUNDS))
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
pub fn bare(cpu: usize, is_process: &[bool]) -> f64 {
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

pub fn pin(cpu: usize) {
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

/// Runs as a relay if this program was started as one. Returns whether it was.
pub fn was_relay() -> bool {
    let args: Vec<String> = std::env::args().collect();
    if let [_, what, path, from, cpu] = &args[..]
        && what == RELAY
    {
        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .open(path)
            .expect("the words");
        relay(
            map(&file),
            from.parse().expect("a number"),
            cpu.parse().expect("a number"),
        );
        return true;
    }
    false
}
