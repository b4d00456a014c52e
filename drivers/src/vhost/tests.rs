// SPDX-License-Identifier: GPL-2.0-only
//! Both ends against each other, and each end against a stranger who lies, stalls or goes away.

use super::*;
use crate::board::{BoardOptions, I2cData, SharedBoard, SimBoard};
use crate::{Errno, Stimulus, dts};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const BOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/boards/adxl345-i2c.dts");
const CHIP: u16 = 0x53;
/// Short, since some tests wait for it; long enough for a busy machine to answer in.
const LIMIT: Duration = Duration::from_secs(5);
const SOON: Duration = Duration::from_millis(200);

pub(super) fn board() -> SharedBoard {
    let dtb = dts::compile(BOARD.as_ref()).unwrap();
    let stimulus = Stimulus::parse("accel=0,0,9.81").unwrap();
    let options = BoardOptions {
        stimulus,
        ..BoardOptions::default()
    };
    let mut sim = SimBoard::new(&dtb, options).unwrap();
    sim.record();
    SharedBoard::new(sim)
}

/// A socket that somebody listens on, and that goes away.
struct Place(PathBuf);

impl Place {
    fn new() -> (Self, UnixListener) {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("vhost-user-{}-{serial}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        (Place(path), listener)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Serves the board's bus to as many front ends as come.
fn device(board: &SharedBoard) -> Place {
    let (place, listener) = Place::new();
    let mut device = I2cDevice::new(board, "i2c0").unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = serve(stream.unwrap(), &mut device);
        }
    });
    place
}

fn connect(socket: &Path, limit: Duration) -> I2cFrontend {
    I2cFrontend::connect(socket, limit).unwrap()
}

fn read_reg(frontend: &mut I2cFrontend, address: u16, reg: u8, room: &mut [u8]) -> Result<usize, Errno> {
    frontend.transfer(&mut [
        Message {
            address,
            data: I2cData::Write(&[reg]),
        },
        Message {
            address,
            data: I2cData::Read(room),
        },
    ])
}

#[test]
fn a_register_is_read_in_one_transfer() {
    let board = board();
    let place = device(&board);
    let mut frontend = connect(&place.0, LIMIT);
    for _ in 0..1000 {
        let mut id = [0];
        assert_eq!((read_reg(&mut frontend, CHIP, 0, &mut id), id), (Ok(2), [0xe5]));
    }
    let line = board.with(|sim| sim.transcript().unwrap().transfers()[999].line());
    assert_eq!(line, "i2c0 53 w:00 r:e5 = 2");
}

#[test]
fn messages_of_every_size_arrive() {
    let board = board();
    let place = device(&board);
    let mut frontend = connect(&place.0, LIMIT);
    for len in [0, 1, 2, 255, 4096, 65535] {
        let mut room = vec![0; len];
        assert_eq!(read_reg(&mut frontend, CHIP, 0, &mut room), Ok(2), "{len}");
        let bytes = vec![0x1e; len];
        let data = I2cData::Write(&bytes);
        assert_eq!(
            frontend.transfer(&mut [Message { address: CHIP, data }]),
            Ok(1),
            "{len}"
        );
    }
}

#[test]
fn a_chip_that_is_not_there_has_done_no_message() {
    let board = board();
    let place = device(&board);
    let mut frontend = connect(&place.0, LIMIT);
    assert_eq!(read_reg(&mut frontend, 0x1d, 0, &mut [0]), Ok(0));
    assert_eq!(read_reg(&mut frontend, 0x80, 0, &mut [0]), Err(Errno::EINVAL));
    assert_eq!(read_reg(&mut frontend, CHIP, 0, &mut [0]), Ok(2));
}

#[test]
fn a_device_that_goes_away_costs_its_transfer_and_no_more() {
    let board = board();
    let (place, listener) = Place::new();
    let mut device = I2cDevice::new(&board, "i2c0").unwrap();
    let serving = std::thread::spawn(move || {
        // The first connection ends as soon as it is set up.
        let (stream, _) = listener.accept().unwrap();
        let ending = stream.try_clone().unwrap();
        let ended = std::thread::spawn(move || {
            std::thread::sleep(SOON);
            ending.shutdown(std::net::Shutdown::Both).unwrap();
        });
        let _ = serve(stream, &mut device);
        ended.join().unwrap();
        let (stream, _) = listener.accept().unwrap();
        let _ = serve(stream, &mut device);
    });
    let mut frontend = connect(&place.0, LIMIT);
    std::thread::sleep(2 * SOON);
    assert_eq!(read_reg(&mut frontend, CHIP, 0, &mut [0]), Ok(0));
    let mut id = [0];
    assert_eq!((read_reg(&mut frontend, CHIP, 0, &mut id), id), (Ok(2), [0xe5]));
    drop(frontend);
    serving.join().unwrap();
}

#[test]
fn half_a_transfer_of_one_front_end_is_no_part_of_the_nexts() {
    use super::hostile::{AVAILABLE, DATA, SIZE, descriptor_of, set_up_and_kick};
    let board = board();
    let place = device(&board);
    let mut content = vec![0; usize::try_from(SIZE).unwrap()];
    let mut put = |at: u64, bytes: &[u8]| {
        let at = usize::try_from(at).unwrap();
        content[at..at + bytes.len()].copy_from_slice(bytes);
    };
    // One message that says that another follows it: a head to read, then a byte to write.
    put(0, &descriptor_of(DATA, 8, 1, 1));
    put(16, &descriptor_of(DATA + 64, 1, 2, 0));
    put(AVAILABLE + 2, &1_u16.to_le_bytes());
    put(DATA, &[0xa6, 0, 0, 0, 1, 0, 0, 0]);
    let stream = UnixStream::connect(&place.0).unwrap();
    set_up_and_kick(&stream, 0, &content);
    drop(stream);
    let mut frontend = connect(&place.0, LIMIT);
    assert_eq!(read_reg(&mut frontend, CHIP, 0, &mut [0]), Ok(2));
    let text = board.with(|sim| sim.transcript().unwrap().text());
    assert_eq!(text, "i2c0 53 w:00 r:e5 = 2\n");
}

/// A device that negotiates as one should and then answers nothing: what a test wants done with its queue, it does
/// itself, in the memory that it was given.
fn stranger(act: impl FnOnce(&std::fs::File) + Send + 'static) -> (Place, JoinHandle<()>) {
    let (place, listener) = Place::new();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let (mut memory, mut kick, mut act) = (None, None, Some(act));
        while let Ok(Some(message)) = wire::receive(&stream) {
            let value: u64 = match message.code {
                wire::GET_FEATURES => wire::F_VERSION_1 | wire::F_PROTOCOL_FEATURES | 1,
                wire::GET_PROTOCOL_FEATURES => wire::PROTOCOL_REPLY_ACK,
                _ => 0,
            };
            if message.needs_reply || matches!(message.code, wire::GET_FEATURES | wire::GET_PROTOCOL_FEATURES) {
                wire::reply(&stream, message.code, &value.to_ne_bytes()).unwrap();
            }
            match (message.code, message.fds.into_iter().next()) {
                (wire::SET_MEM_TABLE, fd) => memory = fd.map(std::fs::File::from),
                (wire::SET_VRING_KICK, fd) => kick = fd,
                (wire::SET_VRING_ENABLE, _) => {
                    // The front end's transfer comes with its kick.
                    let kick = kick.take().unwrap();
                    while rustix::io::read(&kick, &mut [0; 8]).is_err() {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    act.take().unwrap()(memory.as_ref().unwrap());
                }
                _ => {}
            }
        }
    });
    (place, thread)
}

/// Where the used ring's index and the states of the messages are in the front end's memory.
const USED_INDEX: u64 = 0x2002;
const STATES: u64 = 0x3800;

#[test]
fn a_device_that_stalls_costs_the_limit() {
    let (place, _thread) = stranger(|_| std::thread::sleep(LIMIT));
    let mut frontend = connect(&place.0, SOON);
    let begun = Instant::now();
    assert_eq!(read_reg(&mut frontend, CHIP, 0, &mut [0]), Ok(0));
    assert!((SOON..LIMIT).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[test]
fn a_device_that_lies_has_done_no_message() {
    use std::os::unix::fs::FileExt;
    type Lie = fn(&std::fs::File);
    let lies: [(&str, Lie); 3] = [
        ("more came back than was given", |memory| {
            memory.write_all_at(&77_u16.to_le_bytes(), USED_INDEX).unwrap();
        }),
        ("all came back without an answer", |memory| {
            memory.write_all_at(&2_u16.to_le_bytes(), USED_INDEX).unwrap();
        }),
        ("an unknown state", |memory| {
            memory.write_all_at(&[7, 7], STATES).unwrap();
            memory.write_all_at(&2_u16.to_le_bytes(), USED_INDEX).unwrap();
        }),
    ];
    for (what, lie) in lies {
        let (place, _thread) = stranger(lie);
        let mut frontend = connect(&place.0, SOON);
        assert_eq!(read_reg(&mut frontend, CHIP, 0, &mut [0]), Ok(0), "{what}");
    }
}

#[test]
fn the_memory_of_a_transfer_cannot_be_taken_away() {
    let (place, thread) = stranger(|memory| {
        assert!(memory.set_len(0).is_err(), "it was made shorter");
        assert!(memory.set_len(1 << 30).is_err(), "it was made longer");
    });
    let mut frontend = connect(&place.0, SOON);
    assert_eq!(read_reg(&mut frontend, CHIP, 0, &mut [0]), Ok(0));
    drop(frontend);
    thread.join().unwrap();
}

#[test]
fn a_device_of_another_kind_is_refused_in_words() {
    let (place, listener) = Place::new();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        while let Ok(Some(message)) = wire::receive(&stream) {
            if message.code == wire::GET_FEATURES {
                wire::reply(&stream, message.code, &0_u64.to_ne_bytes()).unwrap();
            }
        }
    });
    let error = I2cFrontend::connect(&place.0, LIMIT).err().unwrap().to_string();
    thread.join().unwrap();
    assert!(error.contains("no virtio I2C device"), "{error}");
}

/// Sends raw bytes to a served device and returns how the service ended.
fn served(bytes: &[u8]) -> std::io::Result<()> {
    let board = board();
    let mut device = I2cDevice::new(&board, "i2c0").unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let bytes = bytes.to_vec();
    let sender = std::thread::spawn(move || {
        let mut ours = ours;
        let _ = ours.write_all(&bytes);
        ours.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = ours.read_to_end(&mut Vec::new());
    });
    let result = serve(theirs, &mut device);
    sender.join().unwrap();
    result
}

fn message(code: u32, flags: u32, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap();
    let head: Vec<u8> = [code, flags, len].into_iter().flat_map(u32::to_ne_bytes).collect();
    [head, body.to_vec()].concat()
}

#[test]
fn a_front_end_that_breaks_the_protocol_is_left() {
    assert!(served(&[]).is_ok());
    let zeros = [0; 72];
    for (what, bytes) in [
        ("half a head", vec![1, 0, 0]),
        ("another version", message(wire::GET_FEATURES, 2, &[])),
        ("an unknown request", message(99, 1, &[])),
        (
            "a body that never ends",
            [99_u32, 1, u32::MAX].into_iter().flat_map(u32::to_ne_bytes).collect(),
        ),
        (
            "features that were not offered",
            message(wire::SET_FEATURES, 1, &u64::MAX.to_ne_bytes()),
        ),
        (
            "memory without a descriptor",
            message(wire::SET_MEM_TABLE, 1, &[[1, 0, 0, 0].as_slice(), &zeros].concat()),
        ),
        (
            "a queue that is not there",
            message(wire::SET_VRING_NUM, 1, &[9, 0, 0, 0, 1, 0, 0, 0]),
        ),
        ("a queue of no size", message(wire::SET_VRING_NUM, 1, &[0; 8])),
        (
            "a queue outside of memory",
            message(wire::SET_VRING_ADDR, 1, &zeros[..40]),
        ),
        ("a kick without a descriptor", message(wire::SET_VRING_KICK, 1, &[0; 8])),
        ("a short body", message(wire::SET_VRING_NUM, 1, &[0; 2])),
        (
            "configuration of a wrong size",
            message(wire::GET_CONFIG, 1, &[0, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0]),
        ),
    ] {
        assert!(served(&bytes).is_err(), "{what}");
    }
}
