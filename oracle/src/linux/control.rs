// SPDX-License-Identifier: GPL-2.0-only
//! The wire to the one process on real Linux: an I²C adapter of its own, that nothing is on.
//!
//! Not the console, whose input comes at any time: what comes over a virtio device comes at a virtual time. The
//! process reads its next question, which is two bytes of length and so many bytes; as long as there is none, the
//! clock is held. Answers are writes. Nothing here is of the scenario, and no transfer is recorded.

use board::vhost::{Calendar, Chain, Device, Ring};
use rustix::event::{EventfdFlags, eventfd};
use std::os::fd::OwnedFd;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

/// Address, padding, flags: what is before the bytes of a request (virtio 1.2, section 5.18.6.1).
const HEAD: usize = 8;
const FLAG_READ: u32 = 1 << 1;
const STATUS_OK: u8 = 0;
const STATUS_ERROR: u8 = 1;
/// `VIRTIO_I2C_F_ZERO_LENGTH_REQUEST`, without which the driver does not bind.
const F_ZERO_LENGTH_REQUEST: u64 = 1 << 0;
/// Bytes of a question's length.
const LENGTH: usize = 2;

/// Where questions are put.
#[derive(Clone)]
pub(crate) struct Questions {
    waiting: Arc<Mutex<Vec<u8>>>,
    wake: Arc<OwnedFd>,
    calendar: Option<Calendar>,
}

impl Questions {
    pub(crate) fn ask(&self, question: &str) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(question.as_bytes());
        drop(waiting);
        match &self.calendar {
            Some(calendar) => calendar.visit(&self.wake),
            // Full is as good as one more.
            None => drop(rustix::io::write(&*self.wake, &1u64.to_ne_bytes())),
        }
    }
}

/// The adapter.
pub(crate) struct Control {
    questions: Questions,
    answers: Sender<String>,
    /// A line that is not whole yet.
    line: Vec<u8>,
    /// The process waits for a question.
    reader: Option<Chain>,
    /// It has had the first part of one.
    is_partial: bool,
}

impl Control {
    /// The wire, with its near end; lines of answers go to `answers`.
    pub(crate) fn new(calendar: Option<Calendar>, answers: Sender<String>) -> std::io::Result<(Self, Questions)> {
        let questions = Questions {
            waiting: Arc::default(),
            wake: Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?),
            calendar,
        };
        let control = Self {
            questions: questions.clone(),
            answers,
            line: Vec::new(),
            reader: None,
            is_partial: false,
        };
        Ok((control, questions))
    }

    fn heard(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
                // Nobody listens any more when the machine is being ended.
                let _ = self.answers.send(line);
            } else {
                self.line.push(*byte);
            }
        }
    }

    /// Gives the waiting process what there is to ask, if this is the time for it; holds the clock otherwise.
    fn hand_over(&mut self, ring: &mut Ring, is_time: bool) {
        let mut waiting = self.questions.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(chain) = self.reader.take() else { return };
        let room = chain.room.saturating_sub(1 + LENGTH);
        if waiting.is_empty() || !is_time {
            if let Some(calendar) = &self.questions.calendar {
                calendar.hold();
            }
            self.reader = Some(chain);
            return;
        }
        let count = u16::try_from(waiting.len().min(room)).unwrap_or(u16::MAX);
        let mut answer = count.to_le_bytes().to_vec();
        answer.extend(waiting.drain(..usize::from(count)));
        answer.resize(LENGTH + room, 0);
        answer.push(STATUS_OK);
        self.is_partial = !waiting.is_empty();
        ring.give(chain, &answer);
    }
}

impl Device for Control {
    fn queues(&self) -> usize {
        1
    }

    fn features(&self) -> u64 {
        F_ZERO_LENGTH_REQUEST
    }

    fn forget(&mut self, _index: usize) {
        self.reader = None;
    }

    fn wake_fd(&self) -> Option<Arc<OwnedFd>> {
        Some(Arc::clone(&self.questions.wake))
    }

    fn kicked(&mut self, _index: usize, rings: &mut [Ring]) {
        let Some(ring) = rings.first_mut() else { return };
        while let Some(chain) = ring.take() {
            let Some((&[_, _, _, _, f0, f1, f2, f3], bytes)) = chain.out.split_first_chunk::<HEAD>() else {
                ring.give(chain, &[STATUS_ERROR]);
                continue;
            };
            if u32::from_le_bytes([f0, f1, f2, f3]) & FLAG_READ != 0 {
                self.reader = Some(chain);
            } else {
                let bytes = bytes.to_vec();
                ring.give(chain, &[STATUS_OK]);
                self.heard(&bytes);
            }
        }
        // A question comes when all is quiet, however early it was put: the calendar wakes us then.
        let is_time = self.questions.calendar.is_none() || self.is_partial;
        self.hand_over(ring, is_time);
    }

    fn woken(&mut self, rings: &mut [Ring]) {
        if let Some(ring) = rings.first_mut() {
            self.hand_over(ring, true);
        }
    }
}
