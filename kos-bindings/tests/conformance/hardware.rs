// SPDX-License-Identifier: MIT OR Apache-2.0
//! Points 9, 12 and 16: interrupts, shared memory, and where buffers lie.
#![expect(unsafe_code, reason = "looks into shared memory as two processes do")]

use std::time::Duration;

use kos_bindings::hosted::judge::Verdict;
use kos_bindings::hosted::{Config, IrqMask, Thread, Unknowns};
use kos_bindings::kn::{INFINITE, right};
use kos_bindings::nk::{Handle, HandleDesc, Retcode};

use crate::world::*;

/// Waits for an interrupt.
fn interrupt(thread: &mut Thread, delivery: Handle, ms: u32) -> Result<(), Retcode> {
    thread.recv_ex(delivery, ms, Handle::INVALID).map(|received| {
        assert_eq!((received.sender, received.thread), (0, 0));
        assert!(received.message.constant.is_empty() && received.message.arena.is_empty());
    })
}

#[test]
fn p09_a_thread_that_is_bound_receives_its_lines_interrupts() {
    let (kernel, _) = world();
    let driver = task(&kernel, "driver");
    let mut thread = driver.attach().expect("a thread");
    let lines = kernel.interrupts();
    let line = thread.kn().register_irq(5, 0).expect("a line");
    let delivery = thread.kn().attach_irq(line).expect("bound");
    assert_eq!(interrupt(&mut thread, delivery, 10), Err(Retcode::TIMEOUT));
    lines.pulse(4);
    assert_eq!(
        interrupt(&mut thread, delivery, 0),
        Err(Retcode::TIMEOUT),
        "another line"
    );
    lines.pulse(5);
    lines.pulse(5);
    assert_eq!(interrupt(&mut thread, delivery, 0), Ok(()));
    assert_eq!(
        interrupt(&mut thread, delivery, 0),
        Err(Retcode::TIMEOUT),
        "what came while it worked is remembered once"
    );
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| interrupt(&mut thread, delivery, INFINITE));
        std::thread::sleep(Duration::from_millis(20));
        lines.pulse(5);
        assert_eq!(waits.join().expect("no panic"), Ok(()));
    });
}

#[test]
fn p09_only_the_thread_that_attached_receives() {
    let (kernel, _) = world();
    let driver = task(&kernel, "driver");
    let (mut one, mut two) = (driver.attach().expect("a thread"), driver.attach().expect("a thread"));
    let line = one.kn().register_irq(5, 0).expect("a line");
    let delivery = one.kn().attach_irq(line).expect("bound");
    assert_eq!(interrupt(&mut two, delivery, 0), Err(Retcode::INVALID_ARGUMENT));
    assert_eq!(two.kn().attach_irq(line), Err(Retcode::ALREADY_EXISTS));
    one.kn().detach_irq(line).expect("unbound");
    assert_eq!(one.kn().detach_irq(line), Err(Retcode::INVALID_ARGUMENT));
    assert_eq!(interrupt(&mut one, delivery, 0), Err(Retcode::NOT_CONNECTED));
    let delivery = two.kn().attach_irq(line).expect("bound to the other");
    kernel.interrupts().pulse(5);
    assert_eq!(interrupt(&mut two, delivery, 0), Ok(()));
}

#[test]
fn p09_disabled_interrupts_are_held_back_and_remembered_once() {
    let (kernel, _) = world();
    let driver = task(&kernel, "driver");
    let mut thread = driver.attach().expect("a thread");
    let line = thread.kn().register_irq(5, 0).expect("a line");
    let delivery = thread.kn().attach_irq(line).expect("bound");
    thread.kn().disable_irq(line).expect("disabled");
    for _ in 0..3 {
        kernel.interrupts().pulse(5);
    }
    assert_eq!(interrupt(&mut thread, delivery, 0), Err(Retcode::TIMEOUT));
    thread.kn().enable_irq(line).expect("enabled");
    assert_eq!(interrupt(&mut thread, delivery, 0), Ok(()));
    assert_eq!(interrupt(&mut thread, delivery, 0), Err(Retcode::TIMEOUT));
}

#[test]
fn p09_when_an_interrupt_comes_again_is_configuration() {
    for mask in [IrqMask::UntilRecv, IrqMask::UntilEnable, IrqMask::Never] {
        let unknowns = Unknowns {
            irq_mask: mask,
            ..Unknowns::default()
        };
        let config = Config {
            unknowns,
            ..Config::default()
        };
        let (kernel, _) = world_with(config, |_| Verdict::Allow);
        let driver = task(&kernel, "driver");
        let mut thread = driver.attach().expect("a thread");
        let line = thread.kn().register_irq(5, 0).expect("a line");
        let delivery = thread.kn().attach_irq(line).expect("bound");
        // A level that stays high.
        kernel.interrupts().set_level(5, true);
        assert_eq!(interrupt(&mut thread, delivery, 0), Ok(()));
        let again = interrupt(&mut thread, delivery, 0);
        match mask {
            IrqMask::UntilEnable => {
                assert_eq!(again, Err(Retcode::TIMEOUT));
                thread.kn().enable_irq(line).expect("enabled");
                assert_eq!(interrupt(&mut thread, delivery, 0), Ok(()));
            }
            IrqMask::UntilRecv | IrqMask::Never => assert_eq!(again, Ok(())),
        }
        kernel.interrupts().set_level(5, false);
    }
}

#[test]
fn p09_a_line_has_one_owner_unless_all_share_it() {
    let (kernel, _) = world();
    let (a, b) = (task(&kernel, "a"), task(&kernel, "b"));
    let (mut a, mut b) = (a_thread(&a), a_thread(&b));
    let line = a.kn().register_irq(5, 0).expect("a line");
    assert_eq!(b.kn().register_irq(5, 0), Err(Retcode::ALREADY_EXISTS));
    assert_eq!(
        b.kn().register_irq(5, kos_bindings::idl::io::IRQ_SHARED),
        Err(Retcode::ALREADY_EXISTS)
    );
    a.kn().revoke_resource(line).expect("given back");
    assert_eq!(a.kn().attach_irq(line), Err(Retcode::HANDLE_REVOKED));
    let shared = kos_bindings::idl::io::IRQ_SHARED;
    let (la, lb) = (
        a.kn().register_irq(5, shared).expect("a line"),
        b.kn().register_irq(5, shared).expect("the line"),
    );
    let (da, db) = (
        a.kn().attach_irq(la).expect("bound"),
        b.kn().attach_irq(lb).expect("bound"),
    );
    kernel.interrupts().pulse(5);
    assert_eq!((interrupt(&mut a, da, 0), interrupt(&mut b, db, 0)), (Ok(()), Ok(())));
    assert_eq!(a.kn().register_irq(100_000, 0), Err(Retcode::INVALID_ARGUMENT));
    assert_eq!(a.kn().register_irq(6, 0x80), Err(Retcode::INVALID_ARGUMENT));
}

fn a_thread(task: &kos_bindings::hosted::Task) -> Thread {
    task.attach().expect("a thread")
}

#[test]
fn p09_a_wait_for_an_interrupt_is_ended_by_detaching_and_by_a_sync_object() {
    let (kernel, _) = world();
    let driver = task(&kernel, "driver");
    let (mut thread, mut other) = (a_thread(&driver), a_thread(&driver));
    let line = thread.kn().register_irq(5, 0).expect("a line");
    let delivery = thread.kn().attach_irq(line).expect("bound");
    let sync = other.kn().ipc_create_sync_object(true).expect("an object");
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| thread.recv_ex(delivery, INFINITE, sync).map(drop));
        std::thread::sleep(Duration::from_millis(20));
        other.kn().ipc_set_interrupt(sync).expect("set");
        assert_eq!(waits.join().expect("no panic"), Err(Retcode::IPC_INTERRUPT));
    });
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| interrupt(&mut thread, delivery, INFINITE));
        std::thread::sleep(Duration::from_millis(20));
        other.kn().detach_irq(line).expect("unbound");
        assert_eq!(waits.join().expect("no panic"), Err(Retcode::NOT_CONNECTED));
    });
}

/// Shared memory as one process sees it.
fn bytes<'a>(address: usize, len: usize) -> &'a [std::sync::atomic::AtomicU8] {
    // SAFETY: the kernel mapped the range, and nobody unmaps it during the test; its bytes are only touched as atomics.
    unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(address), len) }
}

const PAGE: u64 = 4096;
const LEN: usize = 4096;

#[test]
fn p12_memory_is_shared_by_its_handle() {
    use std::sync::atomic::Ordering::Relaxed;
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let mdl = pair.c.kn().mdl_create(4 * PAGE, 3).expect("memory");
    let ours = pair.c.kn().mdl_map(mdl, 0, 4 * PAGE, 3).expect("mapped");
    bytes(ours, 4)[3].store(42, Relaxed);
    let channel = pair.channel;
    let read_only = right::TRANSFER | right::MAP_READ;
    std::thread::scope(|scope| {
        let client = scope.spawn(|| call(&mut pair.c, channel, &[HandleDesc::with(mdl, read_only)], b""));
        let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
        let theirs = got.handles[0].handle;
        assert_eq!(pair.s.kn().mdl_get_size(theirs), Ok(4 * PAGE));
        assert_eq!(
            pair.s.kn().mdl_map(theirs, 0, PAGE, 3),
            Err(Retcode::SECURITY_DISALLOW),
            "it may read only"
        );
        let at = pair.s.kn().mdl_map(theirs, 0, PAGE, 1).expect("mapped");
        assert_ne!(at, ours);
        assert_eq!(bytes(at, 4)[3].load(Relaxed), 42);
        bytes(ours, 4)[3].store(43, Relaxed);
        assert_eq!(bytes(at, 4)[3].load(Relaxed), 43, "the same page");
        let second = pair.s.kn().mdl_map(theirs, PAGE, PAGE, 1).expect("mapped again");
        pair.s.kn().unmap(second, PAGE).expect("unmapped");
        assert_eq!(pair.s.kn().unmap(second, PAGE), Err(Retcode::INVALID_ARGUMENT));
        answer(&mut pair.s, &got, &[], b"").expect("it waits");
        client.join().expect("no panic").expect("an answer");
    });
}

#[test]
fn p12_ranges_and_rights_of_memory_are_checked() {
    let (kernel, _) = world();
    let task = task(&kernel, "task");
    let mut thread = task.attach().expect("a thread");
    for size in [0, 1, PAGE - 1, PAGE + 1, u64::MAX, u64::MAX - (PAGE - 1)] {
        assert!(thread.kn().mdl_create(size, 3).is_err(), "{size}");
    }
    let mdl = thread.kn().mdl_create(4 * PAGE, 3).expect("memory");
    let bad = [
        (0, 5 * PAGE),
        (4 * PAGE, PAGE),
        (PAGE, 4 * PAGE),
        (1, PAGE),
        (0, 1),
        (0, 0),
        (u64::MAX - PAGE + 1, PAGE),
        (PAGE, u64::MAX - PAGE + 1),
    ];
    for (offset, length) in bad {
        let refused = Err(Retcode::INVALID_ARGUMENT);
        assert_eq!(
            thread.kn().mdl_map(mdl, offset, length, 1),
            refused,
            "{offset} {length}"
        );
        assert_eq!(thread.kn().mdl_clone(mdl, offset, length).map(drop), refused.map(drop));
    }
    let part = thread.kn().mdl_clone(mdl, PAGE, 2 * PAGE).expect("a part");
    assert_eq!(thread.kn().mdl_get_size(part), Ok(2 * PAGE));
    assert_eq!(
        thread.kn().mdl_map(part, PAGE, 2 * PAGE, 1),
        Err(Retcode::INVALID_ARGUMENT),
        "a part ends where it ends"
    );
    let read_only = thread.kn().mdl_create(PAGE, 1).expect("memory");
    assert_eq!(
        thread.kn().mdl_map(read_only, 0, PAGE, 3),
        Err(Retcode::SECURITY_DISALLOW)
    );
    let notice = thread.kn().notice_create().expect("a receiver");
    assert_eq!(thread.kn().mdl_get_size(notice), Err(Retcode::INVALID_ARGUMENT));
}

#[test]
fn p12_a_part_is_the_same_memory() {
    use std::sync::atomic::Ordering::Relaxed;
    let (kernel, _) = world();
    let task = task(&kernel, "task");
    let mut thread = task.attach().expect("a thread");
    let mdl = thread.kn().mdl_create(4 * PAGE, 3).expect("memory");
    let part = thread.kn().mdl_clone(mdl, 2 * PAGE, PAGE).expect("a part");
    let whole = thread.kn().mdl_map(mdl, 0, 4 * PAGE, 3).expect("mapped");
    let slice = thread.kn().mdl_map(part, 0, PAGE, 1).expect("mapped");
    bytes(whole, 4 * LEN)[2 * LEN + 5].store(9, Relaxed);
    assert_eq!(bytes(slice, LEN)[5].load(Relaxed), 9);
    thread.kn().handle_close(mdl).expect("closed");
    assert_eq!(bytes(slice, LEN)[5].load(Relaxed), 9, "the part keeps it");
}

#[test]
fn p16_messages_lie_in_ports_only() {
    // The kernel takes no address from a process: what it reads and writes is the port, ordinary memory that it made.
    // So no buffer of an interface can lie in a device's mapping.
    for interface in kos_bindings::idl::INTERFACES {
        if !interface.name.starts_with("kl.core.") {
            continue;
        }
        for method in interface.methods {
            let addresses = method.fields.request.iter().filter(|field| field.name == "va");
            let is_unmapping = interface.name == "kl.core.VMM" && method.name == "Free";
            assert_eq!(addresses.count(), usize::from(is_unmapping), "{}", method.name);
        }
    }
}
