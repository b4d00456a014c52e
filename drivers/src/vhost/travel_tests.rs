// SPDX-License-Identifier: GPL-2.0-only
//! The calendar against a Linux that is played: its requests, and who comes first.

use super::Calendar;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

const ACK: u32 = 0;
const START: u32 = 1;
const REQUEST: u32 = 2;
const WAIT: u32 = 3;
const GET: u32 = 4;
const UPDATE: u32 = 5;
const RUN: u32 = 6;
const GET_TOD: u32 = 8;
/// Long enough for a run that ought not to come to come.
const SOON: Duration = Duration::from_millis(100);

struct Linux(UnixStream);

impl Linux {
    fn new(calendar: &Calendar) -> Self {
        let (near, far) = UnixStream::pair().unwrap();
        let calendar = calendar.clone();
        std::thread::spawn(move || calendar.serve(far, 1_000_000));
        let mut linux = Linux(near);
        assert_eq!(linux.ask(START, 7), 0);
        linux
    }

    fn send(&mut self, op: u32, time_ns: u64) {
        let bytes = [&op.to_ne_bytes()[..], &9u32.to_ne_bytes(), &time_ns.to_ne_bytes()].concat();
        self.0.write_all(&bytes).unwrap();
    }

    fn receive(&mut self) -> (u32, u64) {
        let mut bytes = [0; 16];
        self.0.read_exact(&mut bytes).unwrap();
        let op = u32::from_ne_bytes(bytes[..4].try_into().unwrap());
        (op, u64::from_ne_bytes(bytes[8..].try_into().unwrap()))
    }

    /// Sends a message and returns what its confirmation says.
    fn ask(&mut self, op: u32, time_ns: u64) -> u64 {
        self.send(op, time_ns);
        let (op, time_ns) = self.receive();
        assert_eq!(op, ACK);
        time_ns
    }

    /// Waits for a time; returns the one at which it may run.
    fn sleep_until(&mut self, time_ns: u64) -> u64 {
        self.ask(REQUEST, time_ns);
        self.ask(WAIT, u64::MAX);
        self.run()
    }

    fn run(&mut self) -> u64 {
        let (op, time_ns) = self.receive();
        assert_eq!(op, RUN);
        self.send(ACK, 0);
        time_ns
    }

    fn is_silent(&mut self) -> bool {
        self.0.set_read_timeout(Some(SOON)).unwrap();
        let got = self.0.read(&mut [0; 1]);
        self.0.set_read_timeout(None).unwrap();
        got.is_err()
    }
}

fn eventfd() -> Arc<OwnedFd> {
    let flags = rustix::event::EventfdFlags::CLOEXEC;
    Arc::new(rustix::event::eventfd(0, flags).unwrap())
}

fn wait_for(wake: &OwnedFd) {
    rustix::io::read(wake, &mut [0; 8]).unwrap();
}

#[test]
fn time_goes_where_linux_asks_and_the_board_with_it() {
    let board = super::tests::board();
    let calendar = Calendar::new(&board).unwrap();
    let mut linux = Linux::new(&calendar);
    assert_eq!(linux.sleep_until(5_000_000), 5_000_000);
    assert_eq!(board.with(|sim| sim.now_ns()), 5_000_000);
    let happened = "5000000 Linux asks for\n0 Linux waits\n5000000 Linux runs";
    assert_eq!(calendar.recent(), happened);
    linux.ask(UPDATE, 6_000_000);
    assert_eq!(
        (linux.ask(GET, u64::MAX), linux.ask(GET_TOD, 0)),
        (6_000_000, 7_000_000)
    );
}

#[test]
fn a_device_that_works_stops_the_clock() {
    let board = super::tests::board();
    let calendar = Calendar::new(&board).unwrap();
    let mut linux = Linux::new(&calendar);
    calendar.begin();
    linux.ask(REQUEST, 1000);
    linux.ask(WAIT, u64::MAX);
    assert!(linux.is_silent());
    calendar.done();
    assert_eq!(linux.run(), 1000);
}

#[test]
fn a_device_is_woken_at_its_time_and_before_linux() {
    let board = super::tests::board();
    let calendar = Calendar::new(&board).unwrap();
    let mut linux = Linux::new(&calendar);
    let (late, early) = (eventfd(), eventfd());
    calendar.wake_at(800, &late);
    calendar.wake_at(300, &early);
    linux.ask(REQUEST, 1000);
    linux.ask(WAIT, u64::MAX);
    wait_for(&early);
    assert_eq!((calendar.now_ns(), linux.is_silent()), (300, true));
    // As an interrupt does: Linux wants to run now.
    linux.ask(REQUEST, 300);
    calendar.done();
    assert_eq!(linux.run(), 300);
    linux.ask(REQUEST, 1000);
    linux.ask(WAIT, u64::MAX);
    wait_for(&late);
    calendar.done();
    assert_eq!((linux.run(), calendar.now_ns()), (1000, 1000));
}

#[test]
fn whoever_holds_the_clock_is_waited_for() {
    let board = super::tests::board();
    let calendar = Calendar::new(&board).unwrap();
    let mut linux = Linux::new(&calendar);
    let wake = eventfd();
    calendar.hold();
    linux.ask(REQUEST, 1000);
    linux.ask(WAIT, u64::MAX);
    assert!(linux.is_silent());
    calendar.visit(&wake);
    assert!(linux.is_silent());
    wait_for(&wake);
    calendar.done();
    assert_eq!(linux.run(), 1000);
}

#[test]
fn a_visitor_waits_for_the_end_of_what_is_under_way() {
    let board = super::tests::board();
    let calendar = Calendar::new(&board).unwrap();
    let mut linux = Linux::new(&calendar);
    let (visitor, end) = (eventfd(), eventfd());
    calendar.wake_at(500, &end);
    calendar.hold();
    calendar.visit(&visitor);
    linux.ask(REQUEST, 1000);
    linux.ask(WAIT, u64::MAX);
    wait_for(&end);
    linux.ask(REQUEST, 500);
    calendar.done();
    assert_eq!(linux.run(), 500);
    assert!(linux.is_silent());
    linux.ask(REQUEST, 1000);
    linux.ask(WAIT, u64::MAX);
    wait_for(&visitor);
    assert_eq!(calendar.now_ns(), 500);
    calendar.done();
    assert_eq!(linux.run(), 1000);
}

#[test]
fn a_linux_that_does_not_keep_to_the_protocol_is_left() {
    let board = super::tests::board();
    let calendar = Calendar::new(&board).unwrap();
    for message in [[0xff; 16], [0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(&message).unwrap();
        assert!(calendar.serve(far, 0).is_err());
    }
    let (near, far) = UnixStream::pair().unwrap();
    drop(near);
    assert!(calendar.serve(far, 0).is_ok());
}
