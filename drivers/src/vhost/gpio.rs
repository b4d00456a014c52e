// SPDX-License-Identifier: GPL-2.0-only
//! A board's lines as a virtio GPIO controller with interrupts (Virtual I/O Device specification 1.2, section 5.19).
//!
//! Requests come in queue 0. In queue 1 the driver leaves one buffer for each line whose interrupt it wants to hear
//! of; it comes back when the interrupt comes. An edge that comes while there is no buffer is kept.

use super::backend::Device;
use super::ring::{Chain, Ring};
use super::travel::Calendar;
use crate::board::SharedBoard;
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The virtio device's number.
pub const DEVICE_ID: u32 = 41;

const F_IRQ: u64 = 1 << 0;
const REQUESTS: usize = 0;
const EVENTS: usize = 1;

const GET_DIRECTION: u16 = 2;
const SET_DIRECTION: u16 = 3;
const GET_VALUE: u16 = 4;
const SET_VALUE: u16 = 5;
const IRQ_TYPE: u16 = 6;

const DIRECTION_NONE: u32 = 0;
const DIRECTION_OUT: u32 = 1;
const DIRECTION_IN: u32 = 2;

const IRQ_NONE: u32 = 0;
const IRQ_RISING: u32 = 1;
const IRQ_FALLING: u32 = 2;
const IRQ_BOTH: u32 = 3;
const IRQ_HIGH: u32 = 4;
const IRQ_LOW: u32 = 8;

const STATUS_OK: u8 = 0;
const STATUS_ERROR: u8 = 1;
const IRQ_INVALID: u8 = 0;
const IRQ_VALID: u8 = 1;

/// One line as the driver has set it up.
#[derive(Default)]
struct Line {
    trigger: u32,
    /// The level that an output is to have as soon as it is one.
    value: bool,
    is_out: bool,
    /// An edge that the driver has not been told of.
    is_pending: bool,
    buffer: Option<Chain>,
}

/// What the board says of its lines, from whatever thread moves it.
struct Wires {
    /// A bit for each line: high.
    levels: AtomicU64,
    changes: Mutex<Vec<(u32, bool)>>,
    wake: Arc<OwnedFd>,
    calendar: Option<Calendar>,
    /// A front end is there. Before, a change is none that anybody asked to hear of, and nobody would wake.
    is_served: AtomicBool,
}

/// The lines of a board as a virtio device.
pub struct GpioDevice {
    board: SharedBoard,
    lines: Vec<Line>,
    wires: Arc<Wires>,
}

impl GpioDevice {
    /// The lines of the board; whoever heard of their changes before does not any more.
    ///
    /// # Errors
    ///
    /// The system has no descriptor left.
    pub fn new(board: &SharedBoard) -> io::Result<Self> {
        Self::connect(board, None)
    }

    /// The same by a clock that the driver has too: it is told of a change when its clock is where the board was then.
    ///
    /// # Errors
    ///
    /// The system has no descriptor left.
    pub fn in_time(board: &SharedBoard, calendar: &Calendar) -> io::Result<Self> {
        Self::connect(board, Some(calendar.clone()))
    }

    fn connect(board: &SharedBoard, calendar: Option<Calendar>) -> io::Result<Self> {
        let wires = Arc::new(Wires {
            levels: AtomicU64::new(0),
            changes: Mutex::default(),
            wake: Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?),
            calendar,
            is_served: AtomicBool::new(false),
        });
        let told = Arc::clone(&wires);
        let count = board.with(|sim| {
            sim.set_line_sink(Box::new(move |line, is_high| told.change(line, is_high)));
            sim.line_count()
        });
        Ok(GpioDevice {
            board: board.clone(),
            lines: (0..count).map(|_| Line::default()).collect(),
            wires,
        })
    }

    fn request(&mut self, out: &[u8]) -> Option<u8> {
        let &[t0, t1, l0, l1, v0, v1, v2, v3] = out.first_chunk::<8>()?;
        let (kind, number) = (u16::from_le_bytes([t0, t1]), u16::from_le_bytes([l0, l1]));
        let value = u32::from_le_bytes([v0, v1, v2, v3]);
        let line = self.lines.get_mut(usize::from(number))?;
        let number = u32::from(number);
        let done = |is_done: bool| is_done.then_some(0);
        match kind {
            GET_DIRECTION => {
                let is_out = self.board.with(|sim| sim.line_is_output(number)).ok()?;
                u8::try_from(if is_out { DIRECTION_OUT } else { DIRECTION_IN }).ok()
            }
            SET_DIRECTION => {
                let is_out = match value {
                    DIRECTION_OUT => true,
                    DIRECTION_IN | DIRECTION_NONE => false,
                    _ => return None,
                };
                line.is_out = is_out;
                let level = line.value;
                done(
                    self.board
                        .with(|sim| sim.set_line_direction(number, is_out, level))
                        .is_ok(),
                )
            }
            GET_VALUE => self.board.with(|sim| sim.line(number)).ok().map(u8::from),
            SET_VALUE => {
                line.value = value != 0;
                let level = line.value;
                // Linux sets the value of an output before it makes it one.
                done(!line.is_out || self.board.with(|sim| sim.set_line(number, level)).is_ok())
            }
            IRQ_TYPE => {
                let is_known = matches!(
                    value,
                    IRQ_NONE | IRQ_RISING | IRQ_FALLING | IRQ_BOTH | IRQ_HIGH | IRQ_LOW
                );
                (line.trigger, line.is_pending) = (value, false);
                done(is_known)
            }
            _ => None,
        }
    }

    fn give_back(&mut self, ring: &mut Ring, index: usize, status: u8) {
        if let Some(buffer) = self.lines.get_mut(index).and_then(|line| line.buffer.take()) {
            ring.give(buffer, &[status]);
        }
    }

    /// Gives back the buffers of the lines that interrupt, and of those that are switched off.
    fn deliver(&mut self, rings: &mut [Ring]) {
        let Some(ring) = rings.get_mut(EVENTS).filter(|ring| ring.is_enabled) else {
            return;
        };
        let levels = self.wires.levels.load(Ordering::Acquire);
        for index in 0..self.lines.len() {
            let Some(line) = self.lines.get_mut(index).filter(|line| line.buffer.is_some()) else {
                continue;
            };
            let is_high = levels >> index & 1 != 0;
            let is_due = match line.trigger {
                IRQ_HIGH => is_high,
                IRQ_LOW => !is_high,
                _ => std::mem::take(&mut line.is_pending),
            };
            if line.trigger == IRQ_NONE {
                self.give_back(ring, index, IRQ_INVALID);
            } else if is_due {
                self.give_back(ring, index, IRQ_VALID);
            }
        }
    }
}

impl Wires {
    fn change(&self, line: u32, is_high: bool) {
        let bit = 1u64.checked_shl(line).unwrap_or(0);
        if is_high {
            self.levels.fetch_or(bit, Ordering::AcqRel);
        } else {
            self.levels.fetch_and(!bit, Ordering::AcqRel);
        }
        if !self.is_served.load(Ordering::Acquire) {
            return;
        }
        self.changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((line, is_high));
        if let Some(calendar) = &self.calendar {
            return calendar.wake_with_board(&self.wake);
        }
        // Full is as good as one more.
        let _ = rustix::io::write(&*self.wake, &1u64.to_ne_bytes());
    }
}

impl Device for GpioDevice {
    fn queues(&self) -> usize {
        2
    }

    fn features(&self) -> u64 {
        F_IRQ
    }

    /// `ngpio`, two bytes of padding, and no names.
    fn config(&self) -> Vec<u8> {
        let count = u16::try_from(self.lines.len()).unwrap_or(u16::MAX);
        [count.to_le_bytes(), [0; 2], [0; 2], [0; 2]].concat()
    }

    fn forget(&mut self, index: usize) {
        if index == EVENTS {
            self.lines.iter_mut().for_each(|line| line.buffer = None);
        }
    }

    fn wake_fd(&self) -> Option<Arc<OwnedFd>> {
        Some(Arc::clone(&self.wires.wake))
    }

    fn kicked(&mut self, index: usize, rings: &mut [Ring]) {
        self.wires.is_served.store(true, Ordering::Release);
        if index == REQUESTS {
            while let Some(chain) = rings.get_mut(REQUESTS).and_then(Ring::take) {
                let answer = match self.request(&chain.out) {
                    Some(value) => [STATUS_OK, value],
                    None => [STATUS_ERROR, 0],
                };
                if let Some(ring) = rings.get_mut(REQUESTS) {
                    ring.give(chain, &answer);
                }
            }
        } else {
            while let Some(chain) = rings.get_mut(EVENTS).and_then(Ring::take) {
                let number = chain
                    .out
                    .first_chunk()
                    .map(|bytes| usize::from(u16::from_le_bytes(*bytes)));
                let line = number.and_then(|number| self.lines.get_mut(number));
                let refused = match line {
                    // One buffer for each line: a second one is the driver's mistake.
                    Some(line) if line.buffer.is_none() => {
                        line.buffer = Some(chain);
                        None
                    }
                    _ => Some(chain),
                };
                if let (Some(chain), Some(ring)) = (refused, rings.get_mut(EVENTS)) {
                    ring.give(chain, &[IRQ_INVALID]);
                }
            }
        }
        self.deliver(rings);
    }

    fn woken(&mut self, rings: &mut [Ring]) {
        let changes = std::mem::take(&mut *self.wires.changes.lock().unwrap_or_else(PoisonError::into_inner));
        for (line, is_high) in changes {
            let index = usize::try_from(line).unwrap_or(usize::MAX);
            if let Some(line) = self.lines.get_mut(index) {
                line.is_pending |= match line.trigger {
                    IRQ_RISING => is_high,
                    IRQ_FALLING => !is_high,
                    IRQ_BOTH => true,
                    _ => false,
                };
            }
        }
        self.deliver(rings);
    }
}
