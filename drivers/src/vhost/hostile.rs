// SPDX-License-Identifier: GPL-2.0-only
//! Front ends that nobody would write by hand: any messages, and any memory behind a queue that was set up well.
//!
//! What must hold: the service ends when the front end goes, and nothing panics; a panic in the serving thread fails
//! the test.

use super::tests::board;
use super::*;
use proptest::prelude::*;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

pub(super) const SIZE: u64 = 0x4000;
/// A small queue, so that random indices often mean something.
const QUEUE: u32 = 8;
pub(super) const AVAILABLE: u64 = 0x1000;
const USED: u64 = 0x2000;
pub(super) const DATA: u64 = 0x3000;

fn is_gpio() -> impl Strategy<Value = bool> {
    any::<bool>()
}

/// Serves a device while `act` plays the front end.
fn with_device(is_gpio: bool, act: impl FnOnce(&UnixStream)) {
    let board = board();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let serving = std::thread::spawn(move || {
        let mut device: Box<dyn Device> = if is_gpio {
            Box::new(GpioDevice::new(&board).unwrap())
        } else {
            Box::new(I2cDevice::new(&board, "i2c0").unwrap())
        };
        // An error is the right answer to most of this.
        let _ = serve(theirs, &mut *device);
    });
    act(&ours);
    // Answers that nobody reads must not hold the device up.
    drop(ours);
    serving.join().expect("the device does not panic");
}

/// Sends one message; the device may have gone already.
pub(super) fn send(stream: &UnixStream, code: u32, words: &[u64], fds: &[BorrowedFd<'_>]) {
    let body: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let _ = wire::request(stream, code, false, &body, fds);
}

/// Sets the device's queue up as a driver would, over memory with this content, and kicks it.
pub(super) fn set_up_and_kick(stream: &UnixStream, queue: u64, content: &[u8]) {
    let memory = File::from(memfd_create("hostile", MemfdFlags::CLOEXEC).unwrap());
    memory.set_len(SIZE).unwrap();
    memory.write_all_at(content, 0).unwrap();
    let (kick, call) = (
        eventfd(1, EventfdFlags::CLOEXEC).unwrap(),
        eventfd(0, EventfdFlags::NONBLOCK).unwrap(),
    );
    send(
        stream,
        wire::SET_FEATURES,
        &[wire::F_VERSION_1 | wire::F_PROTOCOL_FEATURES],
        &[],
    );
    send(stream, wire::SET_MEM_TABLE, &[1, 0, SIZE, 0, 0], &[memory.as_fd()]);
    send(stream, wire::SET_VRING_NUM, &[queue | u64::from(QUEUE) << 32], &[]);
    send(stream, wire::SET_VRING_ADDR, &[queue, 0, USED, AVAILABLE, 0], &[]);
    send(stream, wire::SET_VRING_CALL, &[queue], &[call.as_fd()]);
    send(stream, wire::SET_VRING_KICK, &[queue], &[kick.as_fd()]);
    send(stream, wire::SET_VRING_ENABLE, &[queue | 1 << 32], &[]);
    // The answer says that all of it was done.
    let _ = wire::request(stream, wire::GET_FEATURES, false, &[], &[]);
    let _ = wire::answer(stream, wire::GET_FEATURES);
}

/// A descriptor that may be a good one: inside memory, with a short length and the flags that there are.
fn descriptor() -> impl Strategy<Value = [u8; 16]> {
    let good = (DATA..SIZE, 0_u32..64, 0_u16..8, 0_u16..8);
    let any = (any::<u64>(), any::<u32>(), any::<u16>(), any::<u16>());
    prop_oneof![4 => good.boxed(), 1 => any.boxed()]
        .prop_map(|(at, len, flags, next)| descriptor_of(at, len, flags, next))
}

/// A descriptor's bytes.
pub(super) fn descriptor_of(at: u64, len: u32, flags: u16, next: u16) -> [u8; 16] {
    let parts: [&[u8]; 4] = [
        &at.to_le_bytes(),
        &len.to_le_bytes(),
        &flags.to_le_bytes(),
        &next.to_le_bytes(),
    ];
    parts.concat().try_into().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_messages_end_in_an_error_or_an_answer(
        is_gpio in is_gpio(),
        messages in prop::collection::vec((0_u32..40, prop::collection::vec(any::<u64>(), 0..6)), 0..12),
    ) {
        with_device(is_gpio, |stream| {
            for (code, words) in &messages {
                send(stream, *code, words, &[]);
            }
        });
    }

    #[test]
    fn any_memory_behind_a_queue_is_survived(
        is_gpio in is_gpio(),
        queue in 0_u64..2,
        descriptors in prop::collection::vec(descriptor(), 8),
        flags in any::<u16>(),
        index in prop_oneof![4 => 0_u16..9, 1 => any::<u16>()],
        heads in prop::collection::vec(prop_oneof![4 => 0_u16..8, 1 => any::<u16>()], 8),
        data in prop::collection::vec(any::<u8>(), 256),
    ) {
        let mut content = vec![0; usize::try_from(SIZE).unwrap()];
        let mut put = |at: u64, bytes: &[u8]| {
            let at = usize::try_from(at).unwrap();
            content[at..at + bytes.len()].copy_from_slice(bytes);
        };
        put(0, &descriptors.concat());
        put(AVAILABLE, &flags.to_le_bytes());
        put(AVAILABLE + 2, &index.to_le_bytes());
        put(AVAILABLE + 4, &heads.iter().flat_map(|head| head.to_le_bytes()).collect::<Vec<u8>>());
        put(DATA, &data);
        with_device(is_gpio, |stream| set_up_and_kick(stream, if is_gpio { queue } else { 0 }, &content));
    }
}
