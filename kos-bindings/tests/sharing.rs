// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sandboxed domains that share memory.

mod common;

use common::{call, kernel, mid, spec, start};
use kos_bindings::hosted::{ChannelSpec, DmaFault, DomainHandle, DomainSpec, Kernel, LocalClient, Rights};
use kos_bindings::nk::Retcode;

fn sharing(name: &str) -> DomainSpec {
    DomainSpec {
        shares_memory: true,
        ..spec(name)
    }
}

/// Starts a domain that calls `other` as `back`, and makes a client of it.
fn start_beside(kernel: &Kernel, mut spec: DomainSpec, other: &DomainHandle) -> (DomainHandle, LocalClient) {
    spec.channels.push(ChannelSpec {
        name: "back".into(),
        riid: 0,
        endpoint: other.endpoint(),
        rights: Rights::CALL,
    });
    let domain = start(kernel, &spec);
    let client = kernel.client("tester", &domain).expect("a client");
    (domain, client)
}

#[test]
fn a_domain_reads_what_its_peer_writes_and_gets_at_nothing_else() {
    let kernel = kernel();
    let reader = start(&kernel, &sharing("reader"));
    let (writer, mut client) = start_beside(&kernel, sharing("writer"), &reader);
    let handle = client.handle();
    let first = call(&mut client, handle, mid::SHARE, b"first").expect("an answer");
    let [attacks, refused, text @ ..] = first.as_slice() else {
        panic!("{first:?}");
    };
    assert_eq!(String::from_utf8_lossy(text), "first");
    assert_eq!(attacks, refused, "attacks, and how many were refused");
    assert!(*attacks >= 30, "{attacks}");
    // It is one memory, and stays so: nothing is handed over this time.
    for text in ["second", "the third one"] {
        let answer = call(&mut client, handle, mid::SHARE, text.as_bytes()).expect("an answer");
        assert_eq!(String::from_utf8_lossy(&answer[2..]), text);
    }
    assert!(reader.death().is_none() && writer.death().is_none());
}

#[test]
fn a_domain_that_was_not_made_for_it_maps_nothing() {
    let kernel = kernel();
    let reader = start(&kernel, &sharing("reader"));
    let (_writer, mut client) = start_beside(&kernel, spec("writer"), &reader);
    let handle = client.handle();
    let answer = call(&mut client, handle, mid::SHARE, b"text").expect("an answer");
    assert_eq!(answer, Retcode::FAIL.0.to_le_bytes());
}

#[test]
fn a_domain_shares_as_much_memory_as_it_may() {
    let kernel = kernel();
    let reader = start(&kernel, &sharing("reader"));
    // It makes two pages.
    for (name, memory_bytes) in [("short", 2 * 4096 - 1), ("enough", 2 * 4096)] {
        let mut spec = sharing(name);
        spec.limits.memory_bytes = memory_bytes;
        let (_domain, mut client) = start_beside(&kernel, spec, &reader);
        let handle = client.handle();
        let answer = call(&mut client, handle, mid::SHARE, name.as_bytes()).expect("an answer");
        match name {
            "short" => assert_eq!(answer, Retcode::FAIL.0.to_le_bytes()),
            _ => assert_eq!(&answer[2..], name.as_bytes()),
        }
    }
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}

#[test]
fn a_sandboxed_domain_and_a_device_share_a_dma_buffer() {
    let kernel = kernel();
    let device = kernel.dma();
    let domain = start(&kernel, &sharing("driver"));
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    let at = word(&call(&mut client, handle, mid::DMA, b"to the device").expect("an answer"));
    let mut got = [0; 13];
    device.read(at, &mut got).expect("it was let");
    assert_eq!(&got, b"to the device");
    for text in [&b"from the device"[..], b"once more"] {
        device.write(at + 4096, &[text, &[0]].concat()).expect("it was let");
        let answer = call(&mut client, handle, mid::DMA, b"look").expect("an answer");
        assert_eq!(answer, text);
    }
    assert_eq!(device.write(at + 2 * 4096, &[1]), Err(DmaFault), "beyond its end");
    assert_eq!(
        word(&call(&mut client, handle, mid::DMA, b"end").expect("an answer")),
        0
    );
    assert_eq!(device.read(at, &mut got), Err(DmaFault), "it is let no longer");
    assert!(domain.death().is_none());
    // What a domain leaves behind is out of reach, too.
    let domain = start(&kernel, &sharing("brief"));
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    let at = word(&call(&mut client, handle, mid::DMA, b"mine").expect("an answer"));
    assert_eq!(device.read(at, &mut got[..4]), Ok(()));
    domain.kill();
    assert!(domain.wait_death(common::SOON).is_some());
    assert_eq!(device.read(at, &mut got[..4]), Err(DmaFault));
}

#[test]
fn a_dma_buffer_needs_leave_to_share_and_is_paid_for() {
    let kernel = kernel();
    let mut poor = sharing("poor");
    poor.limits.memory_bytes = 2 * 4096 - 1;
    for spec in [spec("alone"), poor] {
        let domain = start(&kernel, &spec);
        let mut client = kernel.client("tester", &domain).expect("a client");
        let handle = client.handle();
        let answer = word(&call(&mut client, handle, mid::DMA, b"x").expect("an answer"));
        assert_eq!(answer, u64::from(Retcode::FAIL.0.cast_unsigned()), "{}", spec.name);
    }
}

#[test]
fn what_a_domain_holds_and_may_call_is_the_same() {
    let kernel = kernel();
    let domain = start(&kernel, &sharing("bare"));
    let files = std::fs::read_dir(format!("/proc/{}/fd", domain.pid())).expect("its files");
    assert_eq!(files.count(), 0, "no file until it maps something");
    let status = std::fs::read_to_string(format!("/proc/{}/status", domain.pid())).expect("its status");
    let filters = status.lines().find(|line| line.starts_with("Seccomp_filters"));
    assert_eq!(filters.map(|line| line.ends_with("2")), Some(true), "{filters:?}");
    // Many of them end, with what the kernel holds for each.
    domain.kill();
    let before = open_files();
    for _ in 0..60 {
        let domain = start(&kernel, &sharing("brief"));
        domain.kill();
        assert!(domain.wait_death(std::time::Duration::from_secs(5)).is_some());
    }
    // Other tests open some at the same time.
    assert!(open_files() < before + 40, "{} and {before}", open_files());
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

#[test]
fn a_domain_receives_on_listeners_and_lines_of_its_own() {
    let kernel = kernel();
    let other = start(&kernel, &spec("other"));
    let (_domain, mut client) = start_beside(&kernel, spec("own"), &other);
    let handle = client.handle();
    let done = std::sync::atomic::AtomicBool::new(false);
    let codes = std::thread::scope(|scope| {
        let lines = kernel.interrupts();
        let done = &done;
        scope.spawn(move || {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                lines.pulse(7);
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        let codes = call(&mut client, handle, mid::RECV_EX, b"");
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        codes.expect("an answer")
    });
    let codes: Vec<_> = codes
        .chunks_exact(4)
        .map(|code| Retcode(i32::from_le_bytes(code.try_into().expect("a code"))))
        .collect();
    let expected = [
        Retcode::TIMEOUT,
        Retcode::TIMEOUT,
        Retcode::NOT_CONNECTED,
        Retcode::SECURITY_DISALLOW,
        Retcode::IPC_INTERRUPT,
        Retcode::OK,
        Retcode::OK,
        Retcode::INVALID_ARGUMENT,
    ];
    assert_eq!(codes, expected);
}
