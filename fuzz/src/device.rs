// SPDX-License-Identifier: GPL-2.0-only
//! The hardware as the fuzzer wants it: a chip on I2C or SPI, the lines, and time.
//!
//! Each transfer takes a byte that says how it ends: refused with an error, cut short, or answered, and whether the
//! interrupt line changes meanwhile. Answers are the fuzzer's bytes too, but for a chip's identity, which is right
//! unless the fuzzer wants it wrong: else nearly every input would end in probe.

use crate::input::Input;
use kos_bindings::hosted::{Lines, Server};
use kos_bindings::idl::{clock, gpio, i2c, log, spi};
use kos_bindings::nk::{Fault, Lens, Never, Parts, PartsMut, Retcode};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// What a bus may say, as Linux's adapters do (`Documentation/i2c/fault-codes.rst`), and what none should.
const ERRNOS: [i32; 16] = [6, 121, 110, 5, 11, 16, 19, 22, 71, 90, 95, 12, 1, 4095, 512, 517];

/// The register that says what the chip is, and what it says.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// The register.
    pub register: u8,
    /// Its value.
    pub value: u8,
}

/// The chip, and the line that it drives.
#[derive(Clone, Debug)]
pub struct Chip {
    input: Input,
    lines: Lines,
    identity: Identity,
    level: bool,
}

/// How one transfer goes.
enum Way {
    Answer { is_honest: bool },
    Short,
    Error(i32),
}

impl Chip {
    /// A chip on `lines` that answers from `input`.
    #[must_use]
    pub fn new(input: Input, lines: Lines, identity: Identity) -> Self {
        Self {
            input,
            lines,
            identity,
            level: false,
        }
    }

    fn way(&mut self) -> Way {
        let Some(byte) = self.input.device() else {
            return if self.input.is_patient() {
                Way::Answer { is_honest: true }
            } else {
                Way::Error(6)
            };
        };
        if byte & 0x20 != 0 {
            self.level = !self.level;
            self.lines.set(0, self.level);
        }
        match byte >> 6 {
            3 if byte & 0x10 != 0 => Way::Error(ERRNOS[usize::from(byte & 0x0f)]),
            3 => Way::Short,
            2 => Way::Answer { is_honest: false },
            _ => Way::Answer { is_honest: true },
        }
    }

    /// Fills what the driver reads from `register` on.
    fn fill(&self, register: Option<u8>, is_honest: bool, room: &mut [u8]) {
        for (byte, offset) in room.iter_mut().zip(0u8..=255) {
            let is_identity = register.map(|register| register.wrapping_add(offset)) == Some(self.identity.register);
            *byte = if is_identity && is_honest {
                self.identity.value
            } else {
                self.input.device().unwrap_or(0)
            };
        }
    }
}

impl i2c::Server for Chip {
    fn xfer(&mut self, request: i2c::XferReq<'_>, mut response: PartsMut<'_>) -> Result<Lens, Fault<i2c::XferErr>> {
        let count = request.msgs.len();
        let read = |msg: &i2c::Msg| msg.flags & i2c::FLAG_READ != 0;
        let len: usize = request.msgs.iter().filter(read).map(|msg| usize::from(msg.len)).sum();
        let room = i2c::XferRes::rdata_room(&mut response);
        let Some(room) = room.get_mut(..len) else {
            return Err(i2c::XferErr { errno: 90 }.into());
        };
        let done = match self.way() {
            Way::Error(errno) => return Err(i2c::XferErr { errno }.into()),
            Way::Answer { is_honest } => {
                self.fill(request.wdata.first().copied(), is_honest, room);
                count
            }
            Way::Short => {
                self.fill(None, false, room);
                usize::from(self.input.device().unwrap_or(0)) % (count + 1)
            }
        };
        let done = u32::try_from(done).unwrap_or(0);
        Ok(i2c::XferRes::encode_in_place(response, done, len)?)
    }

    fn functionality(&mut self, _: i2c::FunctionalityReq, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
        /// `I2C_FUNC_I2C` and the SMBus calls that the core makes of it (`include/uapi/linux/i2c.h`).
        const PLAIN: u32 = 0x0eff_0001;
        Ok(i2c::FunctionalityRes { func: PLAIN }.encode(response)?)
    }
}

impl spi::Server for Chip {
    fn transfer(
        &mut self,
        request: spi::TransferReq<'_>,
        mut response: PartsMut<'_>,
    ) -> Result<Lens, Fault<spi::TransferErr>> {
        /// The bits of the first byte that are no register number: read, and several.
        const COMMAND: u8 = 0xc0;
        let is_read = |xfer: &spi::Xfer| xfer.flags & spi::FLAG_RX != 0;
        let len: usize = request
            .xfers
            .iter()
            .filter(is_read)
            .map(|xfer| usize::try_from(xfer.len).unwrap_or(0))
            .sum();
        let room = spi::TransferRes::rx_room(&mut response);
        let Some(room) = room.get_mut(..len) else {
            return Err(spi::TransferErr { errno: 90 }.into());
        };
        match self.way() {
            Way::Error(errno) => return Err(spi::TransferErr { errno }.into()),
            Way::Answer { is_honest } => {
                self.fill(request.tx.first().map(|byte| byte & !COMMAND), is_honest, room);
            }
            Way::Short => self.fill(None, false, room),
        }
        Ok(spi::TransferRes::encode_in_place(response, len)?)
    }
}

/// The lines, and time: it goes where it is asked to go.
#[derive(Clone, Debug)]
pub struct Rest {
    input: Input,
}

impl Rest {
    /// Lines whose levels come from `input`.
    #[must_use]
    pub fn new(input: Input) -> Self {
        Self { input }
    }
}

impl gpio::Server for Rest {
    fn lines(&mut self, _: gpio::LinesReq, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
        Ok(gpio::LinesRes { count: 4, outputs: 0 }.encode(response)?)
    }

    fn get(&mut self, _: gpio::GetReq, response: PartsMut<'_>) -> Result<Lens, Fault<gpio::GetErr>> {
        let value = self.input.device().unwrap_or(0) & 1;
        Ok(gpio::GetRes { value }.encode(response)?)
    }

    fn set(&mut self, _: gpio::SetReq, response: PartsMut<'_>) -> Result<Lens, Fault<gpio::SetErr>> {
        Ok(gpio::SetRes {}.encode(response)?)
    }

    fn direction(&mut self, _: gpio::DirectionReq, response: PartsMut<'_>) -> Result<Lens, Fault<gpio::DirectionErr>> {
        let dir = gpio::DIRECTION_IN;
        Ok(gpio::DirectionRes { dir }.encode(response)?)
    }

    fn set_direction(
        &mut self,
        _: gpio::SetDirectionReq,
        response: PartsMut<'_>,
    ) -> Result<Lens, Fault<gpio::SetDirectionErr>> {
        Ok(gpio::SetDirectionRes {}.encode(response)?)
    }
}

impl clock::Server for Rest {
    fn advance(&mut self, request: clock::AdvanceReq, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
        let now_ns = request.until_ns;
        Ok(clock::AdvanceRes { now_ns }.encode(response)?)
    }
}

/// The domain's last log lines.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<VecDeque<String>>>);

impl Log {
    /// Lines kept: a warning with its trace is some thirty, and what a driver says of a bad device follows it.
    const LINES: usize = 512;

    /// Takes all lines out.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.drain(..).collect()
    }
}

impl log::Server for Log {
    fn write(&mut self, request: log::WriteReq<'_>, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == Self::LINES {
            lines.pop_front();
        }
        lines.push_back(format!("<{}> {}", request.level, request.text));
        Ok(log::WriteRes {}.encode(response)?)
    }
}

macro_rules! serve {
    ($(#[$doc:meta])* $function:ident, $interface:ident) => {
        $(#[$doc])*
        pub fn $function<S: $interface::Server + Send + 'static>(
            mut server: S,
        ) -> impl Server + 'static {
            Mutex::new(move |_: u16, request: Parts<'_>, response: PartsMut<'_>| {
                $interface::dispatch(&mut server, request, response).map_err(|_| Retcode::INVALID_ARGUMENT)
            })
        }
    };
}

serve!(
    /// An I2C bus.
    i2c_bus, i2c
);
serve!(
    /// An SPI bus.
    spi_bus, spi
);
serve!(
    /// The lines.
    gpio_lines, gpio
);
serve!(
    /// The clock.
    virtual_clock, clock
);
serve!(
    /// The log.
    kernel_log, log
);
