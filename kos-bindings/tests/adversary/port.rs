// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attacks on the port itself: the shared memory is mapped a second time and rewritten while the kernel works.
#![expect(unsafe_code, reason = "maps a port as a hostile process would")]

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use kos_bindings::hosted::judge::Verdict;
use kos_bindings::hosted::{Config, Thread};
use kos_bindings::nk::{Handle, Lens, Retcode, Transport};
use kos_bindings::port::{Area, PORT_BYTES, Port, turn};
use rustix::mm::{MapFlags, ProtFlags, mmap};

use crate::Stage;
use crate::world::*;

/// A second mapping of a thread's port; it is never unmapped.
#[derive(Clone, Copy)]
struct Mapped(&'static [AtomicU8]);

impl Mapped {
    fn of(thread: &Thread) -> Self {
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a fresh mapping at an address that the system chooses.
        let at = unsafe {
            mmap(
                std::ptr::null_mut(),
                PORT_BYTES,
                prot,
                MapFlags::SHARED,
                thread.port_file(),
                0,
            )
        };
        let at = at.expect("a mapping");
        // SAFETY: it stays mapped, and is looked at through atomics only.
        Self(unsafe { std::slice::from_raw_parts(at.cast::<AtomicU8>(), PORT_BYTES) })
    }

    fn words(self) -> &'static Port {
        // SAFETY: a port begins with its words, all of them atomics; the mapping is page-aligned and stays.
        unsafe { &*self.0.as_ptr().cast::<Port>() }
    }

    fn arena(self, area: Area, len: usize) -> &'static [AtomicU8] {
        &self.0[area.arena_at()..][..len]
    }
}

const LEN: usize = 512;

/// Flips a text between good and evil until told to stop; each byte on its own, so that mixtures occur too.
fn flip(bytes: &[AtomicU8], stop: &AtomicBool) {
    while !stop.load(Relaxed) {
        for value in [b'g', b'E'] {
            for byte in bytes {
                byte.store(value, Relaxed);
            }
        }
    }
}

#[test]
fn rewriting_a_request_that_is_being_judged() {
    // The policy refuses each message with one evil byte; the server must never see one.
    let (kernel, audit) = world_with(Config::default(), |subject| {
        match subject.message.arena.contains(&b'E') {
            true => Verdict::Deny,
            false => Verdict::Allow,
        }
    });
    let mut pair = pair(&kernel);
    let mapped = Mapped::of(&pair.c);
    let stop = AtomicBool::new(false);
    let (mut allowed, mut denied) = (0u32, 0u32);
    let mut server = pair.s;
    let listener = pair.listener;
    std::thread::scope(|scope| {
        let serving = scope.spawn(move || {
            let mut seen = 0u32;
            while let Ok(got) = receive(&mut server, listener, 20_000) {
                assert_eq!(got.text.len(), LEN);
                assert!(!got.text.contains(&b'E'), "the server sees what the policy saw");
                seen += 1;
                let _ = answer(&mut server, &got, &[], b"");
            }
            seen
        });
        let flipping = scope.spawn(|| flip(mapped.arena(Area::CallRequest, LEN), &stop));
        let end = Instant::now() + Duration::from_secs(3);
        while Instant::now() < end && (allowed < 300 || denied < 300) {
            let lens = write(pair.c.request(), &[], &[b'g'; LEN]);
            match pair.c.call(pair.channel, lens).map(drop) {
                Ok(()) => allowed += 1,
                Err(code) => {
                    assert_eq!(code, Retcode::SECURITY_DISALLOW);
                    denied += 1;
                }
            }
        }
        stop.store(true, Relaxed);
        flipping.join().expect("no panic");
        pair.server.kill();
        assert_eq!(serving.join().expect("no panic"), allowed);
    });
    assert!(
        allowed > 0 && denied > 0,
        "the race was run: {allowed} allowed, {denied} denied"
    );
    assert_eq!(audit.take().len(), denied as usize);
}

#[test]
fn rewriting_an_answer_that_is_being_judged() {
    let (kernel, _) = world_with(Config::default(), |subject| {
        match subject.message.arena.contains(&b'E') {
            true => Verdict::Deny,
            false => Verdict::Allow,
        }
    });
    let mut pair = pair(&kernel);
    let mapped = Mapped::of(&pair.s);
    let stop = AtomicBool::new(false);
    let (mut allowed, mut denied) = (0u32, 0u32);
    let mut server = pair.s;
    let listener = pair.listener;
    std::thread::scope(|scope| {
        let serving = scope.spawn(move || {
            while let Ok(got) = receive(&mut server, listener, 20_000) {
                let _ = answer(&mut server, &got, &[], &[b'g'; LEN]);
            }
        });
        let flipping = scope.spawn(|| flip(mapped.arena(Area::ServeResponse, LEN), &stop));
        let end = Instant::now() + Duration::from_secs(3);
        while Instant::now() < end && (allowed < 300 || denied < 300) {
            match say(&mut pair.c, pair.channel, b"") {
                Ok(text) => {
                    assert!(!text.contains(&b'E'), "the client sees what the policy saw");
                    allowed += 1;
                }
                Err(code) => {
                    assert_eq!(code, Retcode::SECURITY_DISALLOW);
                    denied += 1;
                }
            }
        }
        stop.store(true, Relaxed);
        flipping.join().expect("no panic");
        pair.server.kill();
        serving.join().expect("no panic");
    });
    assert!(
        allowed > 0 && denied > 0,
        "the race was run: {allowed} allowed, {denied} denied"
    );
}

#[test]
fn rewriting_lengths_and_handles_meanwhile() {
    let mut stage = Stage::new();
    let mapped = Mapped::of(&stage.m);
    let stop = AtomicBool::new(false);
    let channel = stage.channel;
    let m = &mut stage.m;
    std::thread::scope(|scope| {
        let lying = scope.spawn(|| {
            let words = mapped.words();
            let values = [0, 8, 24, 25, 4096, 8192, 8193, 1 << 17, u32::MAX];
            while !stop.load(Relaxed) {
                for value in values {
                    words.call_request.constant.store(value, Relaxed);
                    words.call_request.arena.store(value, Relaxed);
                    words.handle.store(value, Relaxed);
                    words.sync.store(value, Relaxed);
                    words.call_response.arena.store(value, Relaxed);
                }
            }
        });
        for _ in 0..1000 {
            let lens = write(m.request(), &[], b"text");
            match m.call_ex(channel, lens, 50, Handle::INVALID) {
                Ok(_) => {}
                Err(code) => assert!(
                    [
                        Retcode::INVALID_ARGUMENT,
                        Retcode::NOT_CONNECTED,
                        Retcode::TIMEOUT,
                        Retcode::SECURITY_DISALLOW
                    ]
                    .contains(&code),
                    "{code}"
                ),
            }
        }
        stop.store(true, Relaxed);
        lying.join().expect("no panic");
    });
    stage.neighbour_is_served("lying lengths");
}

#[test]
fn operations_that_do_not_exist() {
    let mut stage = Stage::new();
    let mapped = Mapped::of(&stage.m);
    let words = mapped.words();
    for op in [0, 8, 99, u32::MAX] {
        words.op.store(op, Relaxed);
        words.turn.store(turn::KERNEL, std::sync::atomic::Ordering::Release);
        wake(&words.turn);
        until(|| words.turn.load(Relaxed) == turn::USER);
        let code = Retcode(words.result.load(Relaxed).cast_signed());
        assert_eq!(code, Retcode::INVALID_ARGUMENT, "{op}");
    }
    stage.neighbour_is_served("unknown operations");
}

/// Wakes whoever sleeps on a word of a port, as a hostile process can.
fn wake(word: &AtomicU32) {
    // SAFETY: the kernel uses the address as a key only.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
}

#[test]
fn posting_while_an_operation_is_open() {
    let mut stage = Stage::new();
    let mapped = Mapped::of(&stage.m);
    let (listener, ..) = stage.m.kn().handle_connect(Handle::INVALID).expect("a listener");
    let m = &mut stage.m;
    std::thread::scope(|scope| {
        let receives = scope.spawn(move || receive(m, listener, u32::MAX).map(drop));
        let words = mapped.words();
        until(|| words.turn.load(Relaxed) == turn::BUSY);
        std::thread::sleep(Duration::from_millis(20));
        words.turn.store(turn::KERNEL, std::sync::atomic::Ordering::Release);
        wake(&words.turn);
        assert_eq!(
            receives.join().expect("no panic"),
            Err(Retcode::NOT_CONNECTED),
            "the thread that breaks the protocol is ended"
        );
    });
    let mut other = stage.mallory.attach().expect("its process lives");
    assert!(say(&mut other, stage.channel, b"").is_ok());
    stage.neighbour_is_served("breaking the protocol");
}

#[test]
fn scribbling_over_the_whole_port() {
    let mut stage = Stage::new();
    for seed in 1..12u64 {
        let mut victim = stage.mallory.attach().expect("a thread");
        let mapped = Mapped::of(&victim);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let scribbles = scope.spawn(|| {
                let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                while !stop.load(Relaxed) {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    let [a, b, c, ..] = state.to_le_bytes();
                    // The words, and the beginning of the areas; not the turn, or the thread would only end itself.
                    let at = 4 + usize::from(u16::from_le_bytes([a, b])) % 1000;
                    mapped.0[at].store(c, Relaxed);
                    mapped.arena(Area::CallRequest, 64)[at % 64].store(c, Relaxed);
                }
            });
            for _ in 0..100 {
                let lens = write(victim.request(), &[], b"text");
                let _ = victim.call_ex(stage.channel, lens, 2, Handle::INVALID).map(drop);
                let _ = victim.reply(Handle(3), 0, Lens::default());
            }
            stop.store(true, Relaxed);
            scribbles.join().expect("no panic");
        });
        // It may wait for something that it wrote itself; its process can be ended all the same.
        drop(victim);
        stage.neighbour_is_served("scribbling");
    }
}
