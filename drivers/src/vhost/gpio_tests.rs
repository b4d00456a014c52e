// SPDX-License-Identifier: GPL-2.0-only
//! Interrupts for a front end that is played: a ring of the test's own, in memory that both see.

use super::hostile::{AVAILABLE, DATA, SIZE, descriptor_of, send};
use super::{GpioDevice, serve, wire};
use crate::board::{BoardOptions, BusId, Clock, I2cData, I2cMsg, SharedBoard, SimBoard};
use crate::dts;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

const REQUESTS: u64 = 0;
const EVENTS: u64 = 1;
/// How far the second queue's parts lie behind the first one's.
const NEXT: u64 = 0x400;
const USED: u64 = 0x2000;

/// A front end that has set both queues up.
struct FrontEnd {
    stream: UnixStream,
    memory: File,
    kicks: [OwnedFd; 2],
}

impl FrontEnd {
    fn new(stream: UnixStream) -> Self {
        let memory = File::from(memfd_create("front-end", MemfdFlags::CLOEXEC).unwrap());
        memory.set_len(SIZE).unwrap();
        let kicks = [(), ()].map(|()| eventfd(0, EventfdFlags::CLOEXEC).unwrap());
        let features = wire::F_VERSION_1 | wire::F_PROTOCOL_FEATURES | 1;
        send(&stream, wire::SET_FEATURES, &[features], &[]);
        send(&stream, wire::SET_MEM_TABLE, &[1, 0, SIZE, 0, 0], &[memory.as_fd()]);
        let front_end = Self { stream, memory, kicks };
        for queue in [REQUESTS, EVENTS] {
            let at = queue * NEXT;
            front_end.send(wire::SET_VRING_NUM, &[queue | 8 << 32]);
            front_end.send(wire::SET_VRING_ADDR, &[queue, at, USED + at, AVAILABLE + at, 0]);
            let kick = &front_end.kicks[usize::try_from(queue).unwrap()];
            send(&front_end.stream, wire::SET_VRING_KICK, &[queue], &[kick.as_fd()]);
            front_end.enable(queue, true);
        }
        front_end
    }

    fn send(&self, code: u32, words: &[u64]) {
        send(&self.stream, code, words, &[]);
    }

    fn enable(&self, queue: u64, is_enabled: bool) {
        self.send(wire::SET_VRING_ENABLE, &[queue | u64::from(is_enabled) << 32]);
        self.settle();
    }

    /// Returns when the device has done all that it was told before.
    fn settle(&self) {
        wire::request(&self.stream, wire::GET_FEATURES, false, &[], &[]).unwrap();
        wire::answer(&self.stream, wire::GET_FEATURES).unwrap();
    }

    /// Leaves the queue its first request: `out`, and room for an answer behind it.
    fn ask(&self, queue: u64, out: &[u8]) {
        let (at, data) = (queue * NEXT, DATA + queue * NEXT);
        let put = |at: u64, bytes: &[u8]| self.memory.write_all_at(bytes, at).unwrap();
        put(at, &descriptor_of(data, u32::try_from(out.len()).unwrap(), 1, 1));
        put(at + 16, &descriptor_of(data + 64, 2, 2, 0));
        put(data, out);
        put(AVAILABLE + at + 2, &1_u16.to_le_bytes());
        rustix::io::write(&self.kicks[usize::try_from(queue).unwrap()], &1_u64.to_ne_bytes()).unwrap();
        // A kick is looked at between two messages.
        for _ in 0..2 {
            self.settle();
        }
    }

    /// How many requests came back, and the first byte of the first one's answer.
    fn answered(&self, queue: u64) -> (u16, u8) {
        let mut index = [0; 2];
        let mut answer = [0];
        self.memory.read_exact_at(&mut index, USED + queue * NEXT + 2).unwrap();
        self.memory
            .read_exact_at(&mut answer, DATA + queue * NEXT + 64)
            .unwrap();
        (u16::from_le_bytes(index), answer[0])
    }
}

fn board() -> SharedBoard {
    let dts = concat!(env!("CARGO_MANIFEST_DIR"), "/boards/adxl345-i2c.dts");
    let options = BoardOptions {
        clock: Clock::Virtual,
        ..BoardOptions::default()
    };
    SharedBoard::new(SimBoard::new(&dts::compile(dts.as_ref()).unwrap(), options).unwrap())
}

/// Lets the chip raise line 0: it measures, and tells of each measurement.
fn raise(board: &SharedBoard) {
    board.with(|sim| {
        let bus: BusId = sim.bus("i2c0").unwrap();
        for out in [[0x2e, 0x80], [0x2d, 0x08]] {
            let mut msgs = [I2cMsg {
                addr: 0x53,
                flags: 0,
                data: I2cData::Write(&out),
            }];
            sim.i2c_xfer(bus, &mut msgs).unwrap();
        }
        sim.advance(u64::MAX);
        assert_eq!(sim.line(0), Ok(true));
    });
}

/// Linux disables its rings while it is suspended, and enables them again as they were.
#[test]
fn an_interrupt_comes_though_its_ring_was_disabled_in_between() {
    let board = board();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut device = GpioDevice::new(&board).unwrap();
    let serving = std::thread::spawn(move || serve(theirs, &mut device));
    let front_end = FrontEnd::new(ours);
    // IRQ_TYPE of line 0: as long as it is high.
    front_end.ask(REQUESTS, &[6, 0, 0, 0, 4, 0, 0, 0]);
    assert_eq!(front_end.answered(REQUESTS), (1, 0));
    front_end.ask(EVENTS, &[0, 0]);
    assert_eq!(front_end.answered(EVENTS), (0, 0));
    front_end.enable(EVENTS, false);
    raise(&board);
    front_end.settle();
    assert_eq!(
        front_end.answered(EVENTS),
        (0, 0),
        "a ring that is disabled stands still"
    );
    front_end.enable(EVENTS, true);
    assert_eq!(
        front_end.answered(EVENTS),
        (1, 1),
        "the interrupt is told as soon as it may be"
    );
    drop(front_end);
    serving.join().unwrap().unwrap();
}
