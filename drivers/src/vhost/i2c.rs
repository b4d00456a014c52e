// SPDX-License-Identifier: GPL-2.0-only
//! A bus as a virtio I²C adapter (Virtual I/O Device specification 1.2, section 5.18).
//!
//! Each message of a transfer is a request of its own; all but the last bear the flag "fail next", and together they
//! are one transfer with repeated STARTs. The answer to each is one status byte: the errno does not travel.

use super::backend::Device;
use super::ring::{Chain, Ring};
use super::travel::Calendar;
use crate::board::{BusId, SharedBoard, SimBoard};
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The virtio device's number.
pub const DEVICE_ID: u32 = 34;

/// `VIRTIO_I2C_F_ZERO_LENGTH_REQUEST`, without which Linux's driver does not bind.
const F_ZERO_LENGTH_REQUEST: u64 = 1 << 0;
const FLAG_FAIL_NEXT: u32 = 1 << 0;
const FLAG_READ: u32 = 1 << 1;
const STATUS_OK: u8 = 0;
const STATUS_ERROR: u8 = 1;
/// Address, padding, flags.
const HEAD: usize = 8;
/// The most messages that are held back for the last of their transfer.
const MAX_MESSAGES: usize = 64;

/// A bus of a board as a virtio device.
pub struct I2cDevice {
    board: SharedBoard,
    bus: BusId,
    /// Messages of a transfer whose last is still to come.
    transfer: Vec<Request>,
    time: Option<InTime>,
}

/// What a device needs whose transfers take their time.
struct InTime {
    calendar: Calendar,
    wake: Arc<OwnedFd>,
    /// Requests of a transfer whose end is still to come, with their answers, in the order in which they go back.
    done: Vec<(Request, Vec<u8>)>,
}

struct Request {
    chain: Chain,
    address: u16,
    flags: u32,
}

impl Request {
    fn of(chain: Chain) -> Result<Self, Chain> {
        let Some((&[a0, a1, _, _, f0, f1, f2, f3], _)) = chain.out.split_first_chunk::<HEAD>() else {
            return Err(chain);
        };
        if chain.room == 0 {
            return Err(chain);
        }
        let flags = u32::from_le_bytes([f0, f1, f2, f3]);
        // Seven bits, with the direction's bit below them.
        let address = u16::from_le_bytes([a0, a1]) >> 1;
        Ok(Request { chain, address, flags })
    }

    fn is_last(&self) -> bool {
        self.flags & FLAG_FAIL_NEXT == 0
    }
}

impl I2cDevice {
    /// The bus with this channel name, if the board has it as an I²C bus.
    #[must_use]
    pub fn new(board: &SharedBoard, channel: &str) -> Option<Self> {
        let bus = board.with(|sim| {
            sim.i2c_channels()
                .any(|name| name == channel)
                .then(|| sim.bus(channel))?
        })?;
        let transfer = Vec::new();
        Some(I2cDevice {
            board: board.clone(),
            bus,
            transfer,
            time: None,
        })
    }

    /// Lets each transfer end when its bits have gone over the wire, by a clock that the driver has too.
    ///
    /// # Errors
    ///
    /// The system has no descriptor left.
    pub fn in_time(mut self, calendar: &Calendar) -> io::Result<Self> {
        self.time = Some(InTime {
            calendar: calendar.clone(),
            wake: Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?),
            done: Vec::new(),
        });
        Ok(self)
    }
}

/// Does a transfer; returns each message's answer.
fn run(board: &mut SimBoard, bus: BusId, transfer: &[Request]) -> Vec<Vec<u8>> {
    let mut answers: Vec<Vec<u8>> = transfer.iter().map(|request| vec![0; request.chain.room]).collect();
    let mut done = 0;
    if let Ok(mut running) = board.i2c_begin(bus) {
        for (request, answer) in transfer.iter().zip(&mut answers) {
            let data = answer.split_last_mut().map(|(_, data)| data).unwrap_or_default();
            if request.flags & FLAG_READ != 0 {
                running.read(request.address, 0, data);
            } else {
                let bytes = request.chain.out.get(HEAD..).unwrap_or_default();
                running.write(request.address, 0, bytes);
            }
        }
        done = running.done();
        // How it failed is in the transcript; over this wire only where.
        let _ = running.finish();
    }
    for (index, answer) in answers.iter_mut().enumerate() {
        if let Some(status) = answer.last_mut() {
            *status = if index < done { STATUS_OK } else { STATUS_ERROR };
        }
    }
    answers
}

impl Device for I2cDevice {
    fn queues(&self) -> usize {
        1
    }

    fn features(&self) -> u64 {
        F_ZERO_LENGTH_REQUEST
    }

    fn forget(&mut self, _index: usize) {
        self.transfer.clear();
        if let Some(time) = &mut self.time {
            time.done.clear();
        }
    }

    fn wake_fd(&self) -> Option<Arc<OwnedFd>> {
        self.time.as_ref().map(|time| Arc::clone(&time.wake))
    }

    fn woken(&mut self, rings: &mut [Ring]) {
        if let (Some(time), Some(ring)) = (&mut self.time, rings.first_mut()) {
            for (request, answer) in time.done.drain(..) {
                ring.give(request.chain, &answer);
            }
        }
    }

    fn kicked(&mut self, index: usize, rings: &mut [Ring]) {
        let Some(ring) = rings.get_mut(index) else { return };
        while let Some(chain) = ring.take() {
            let request = match Request::of(chain) {
                Ok(request) => request,
                Err(chain) => {
                    ring.give(chain, &[STATUS_ERROR]);
                    continue;
                }
            };
            let is_last = request.is_last() || self.transfer.len() + 1 == MAX_MESSAGES;
            self.transfer.push(request);
            if !is_last {
                continue;
            }
            let transfer = std::mem::take(&mut self.transfer);
            let (answers, end_ns) = self
                .board
                .with(|board| (run(board, self.bus, &transfer), board.now_ns()));
            // The last one first: Linux's driver (docs/upstream-findings.md) waits for the messages in their order, and
            // after one that failed it frees the memory of all, also of those that it has not had back.
            let done = transfer.into_iter().zip(answers).rev();
            if let Some(time) = &mut self.time {
                time.done.extend(done);
                time.calendar.wake_at(end_ns, &time.wake);
            } else {
                done.for_each(|(request, answer)| ring.give(request.chain, &answer));
            }
        }
    }
}
