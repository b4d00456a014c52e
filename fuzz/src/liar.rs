// SPDX-License-Identifier: GPL-2.0-only
//! What comes between a chip's model and its driver: it changes a byte that the driver reads, puts in its own, or lets
//! the transfer fail.
//!
//! # What ST95HF may not say
//!
//! Upstream's `st95hf_spi_recv_response` reads as many bytes as the head of an answer says, up to 1,023, into a buffer
//! whose size it does not know (`docs/upstream-findings.md`). A fuzzer would find nothing but that. So the length in a
//! head is bounded by what its callers have room for: [`COMMAND_ROOM`] for what answers a command of the driver's own,
//! [`EXCHANGE_ROOM`] for what comes from a tag. All else about an answer is the fuzzer's. Which of the two a head
//! belongs to is told by the command that was sent last, which is right but when an answer comes late: what then
//! overruns is the one error that `KNOWN` in [`crate::finding`] has of that function.

use crate::input::Input;
use board::Errno;
use board::server::SpiServer;
use kos_bindings::idl::spi;
use kos_bindings::nk::{Fault, Lens, PartsMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// `st95hf_response_arr` in `st95hf_send_recv_cmd`: two bytes, which are the head.
const COMMAND_ROOM: u16 = 0;
/// `MAX_RESPONSE_BUFFER_SIZE`, less the head.
const EXCHANGE_ROOM: u16 = 280 - 2;

/// Control bytes and a command of ST95HF (data sheet DocID025630, tables 8 and 10).
const SEND: u8 = 0x00;
const READ: u8 = 0x02;
const SEND_RECEIVE: u8 = 0x04;

#[derive(Debug, Default)]
struct State {
    /// Room for the answer to the command that was sent last.
    room: u16,
    /// The next two bytes that are read are the head of an answer.
    is_head: bool,
}

/// Has a hand in what drivers read. Clones are the same liar.
#[derive(Clone, Debug)]
pub struct Liar {
    input: Input,
    state: Arc<Mutex<State>>,
}

impl Liar {
    /// One that lies as `input` says.
    #[must_use]
    pub fn new(input: Input) -> Self {
        let state = Arc::default();
        Self { input, state }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew, as the chips do.
    pub fn forget(&self) {
        *self.lock() = State::default();
    }

    /// Changes what is read.
    ///
    /// # Errors
    ///
    /// What the transfer fails with, if it shall.
    pub fn lie(&self, bytes: &mut [u8]) -> Result<(), Errno> {
        self.change(bytes)?;
        let mut state = self.lock();
        if let (true, [first, second]) = (state.is_head, bytes) {
            state.is_head = false;
            bound(first, second, state.room);
        }
        Ok(())
    }

    fn change(&self, bytes: &mut [u8]) -> Result<(), Errno> {
        let Some(choice) = self.input.device() else {
            return Ok(());
        };
        match choice >> 5 {
            0..=3 => {}
            4 | 5 => {
                let at = usize::from(self.input.device().unwrap_or(0));
                let to = self.input.device().unwrap_or(0);
                let count = bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(at % count) {
                    *byte = to;
                }
            }
            6 => {
                for byte in bytes.iter_mut() {
                    *byte = self.input.device().unwrap_or(0);
                }
            }
            _ => return Err(if choice & 1 == 0 { Errno::EIO } else { Errno::ENXIO }),
        }
        Ok(())
    }

    /// Looks at a message to ST95HF.
    fn see(&self, request: &spi::TransferReq<'_>) {
        let mut state = self.lock();
        state.is_head = false;
        match request.tx {
            [SEND, SEND_RECEIVE, ..] => state.room = EXCHANGE_ROOM,
            [SEND, ..] => state.room = COMMAND_ROOM,
            [READ] => state.is_head = true,
            _ => {}
        }
    }
}

/// Bounds the length in a head: ten bits, of which the upper two are among the bits of the first byte.
fn bound(first: &mut u8, second: &mut u8, room: u16) {
    const UPPER: u8 = 0x60;
    let len = (u16::from(*first & UPPER) << 3) | u16::from(*second);
    let [upper, lower] = len.min(room).to_be_bytes();
    *first = (*first & !UPPER) | (upper << 5);
    *second = lower;
}

/// The bus of ST95HF, with an eye on what is sent.
pub struct Bounded {
    bus: SpiServer,
    liar: Liar,
}

impl Bounded {
    /// `bus`, as `liar` sees it.
    #[must_use]
    pub fn new(bus: SpiServer, liar: Liar) -> Self {
        Self { bus, liar }
    }
}

impl spi::Server for Bounded {
    fn transfer(
        &mut self,
        request: spi::TransferReq<'_>,
        response: PartsMut<'_>,
    ) -> Result<Lens, Fault<spi::TransferErr>> {
        self.liar.see(&request);
        spi::Server::transfer(&mut &self.bus, request, response)
    }
}
