// SPDX-License-Identifier: GPL-2.0-only
//! Proves that the fuzzers see what they are there to see: each error of `faulty.c` ends the domain with its own name
//! and place, a domain that died is put back, and the same input has the same effect twice.
#![no_main]

use harness::device::Identity;
use harness::{Image, Machine};
use kos_bindings::idl::sysfs;
use libfuzzer_sys::fuzz_target;

/// What is written, and what the last words must say; nothing: the domain lives.
const CASES: [(&str, Option<&str>); 11] = [
    ("0", None),
    ("1", Some("heap-buffer-overflow: write of 1 bytes")),
    ("2", Some("heap-buffer-overflow: write of 1 bytes")),
    ("3", Some("heap-use-after-free: write of 1 bytes")),
    ("4", Some("heap-buffer-overflow: write of 14 bytes")),
    ("5", Some("stack-buffer-overflow: write of 1 bytes")),
    ("6", Some("global-buffer-overflow: write of 1 bytes")),
    ("7", Some("invalid memory access at 0x0")),
    ("8", Some("heap-buffer-overflow: read of 6 bytes")),
    ("9", Some("heap-buffer-overflow: write of 14 bytes")),
    ("0", None),
];

/// Commits one error; how the domain died, if it did.
fn commit(machine: &mut Machine, number: &str) -> Option<harness::finding::Finding> {
    machine.reset(&[]);
    let request = sysfs::WriteReq {
        path: "kernel/faulty/err",
        offset: 0,
        data: number.as_bytes(),
    };
    let handle = machine.domain.handle();
    let done = sysfs::Client::new(&mut machine.domain, handle)
        .write(&request)
        .map(|done| done.written);
    let finding = machine.finding();
    assert_eq!(done.is_ok(), finding.is_none(), "{number}: {done:?}");
    finding
}

fn test() -> ! {
    let identity = Identity { register: 0, value: 0 };
    let mut machine = Machine::boot(Image::parse(env!("IMAGE_FAULTY")), identity);
    machine.keep();
    for (number, wanted) in CASES {
        let first = commit(&mut machine, number);
        let again = commit(&mut machine, number);
        match (&first, wanted) {
            (None, None) => {}
            (Some(finding), Some(wanted)) => {
                assert!(
                    finding.cause.contains(wanted),
                    "{number}: wanted {wanted:?}:\n{finding}"
                );
                let is_placed = finding.trace.iter().any(|frame| frame.function == "err_store");
                assert!(is_placed, "{number}: the trace does not lead to the error:\n{finding}");
            }
            (None, Some(wanted)) => panic!("{number}: {wanted:?} was not seen"),
            (Some(finding), None) => panic!("{number}: nothing is wrong there:\n{finding}"),
        }
        let cause = |finding: &Option<harness::finding::Finding>| finding.as_ref().map(|finding| finding.cause.clone());
        assert_eq!(cause(&first), cause(&again), "{number}: the second time was another");
        println!(
            "selftest {number}: {}",
            cause(&first).unwrap_or_else(|| "nothing, as it must be".to_owned())
        );
    }
    std::process::exit(0)
}

fuzz_target!(
    init: test(),
    |_data: &[u8]| ()
);
