// SPDX-License-Identifier: GPL-2.0-only
//! The board as bus servers: `linuxcompat.I2c`, `Spi`, `Gpio` and `Clock` over IPC.
//!
//! Each server is one bus, or the lines, or the clock, of a [`SharedBoard`]. The caller is a driver's domain, which may
//! be hostile: the message layer has checked the form of each request, and here each size in it is added up with care
//! and compared with the bytes that came along, before anything moves on a bus.
//!
//! # Examples
//!
//! ```
//! use board::server::I2cServer;
//! use board::{BoardOptions, SharedBoard, SimBoard};
//! use kos_bindings::nk::{Parts, PartsMut};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dtb = board::dts::compile(concat!(env!("CARGO_MANIFEST_DIR"), "/boards/adxl345-i2c.dts").as_ref())?;
//! let shared = SharedBoard::new(SimBoard::new(&dtb, BoardOptions::default())?);
//! let server = I2cServer::new(&shared, "i2c0").ok_or("no such bus")?;
//! // What the kernel's registry wants:
//! let answer = move |riid: u16, request: Parts<'_>, response: PartsMut<'_>| server.answer(riid, request, response);
//! # let _: Box<dyn Fn(u16, Parts<'_>, PartsMut<'_>) -> _ + Send + Sync> = Box::new(answer);
//! # Ok(())
//! # }
//! ```

#[cfg(test)]
mod tests;

pub use remote::RemoteI2cServer;

use crate::board::{BusId, SharedBoard, SimBoard, SpiXfer, flags};
use crate::errno::Errno;
use kos_bindings::idl::{clock, gpio, i2c, spi};
use kos_bindings::nk::{Fault, Lens, Never, NkErr, Parts, PartsMut, Retcode};

/// An I²C bus.
pub struct I2cServer {
    board: SharedBoard,
    bus: BusId,
    is_virtio: bool,
}

/// An SPI bus.
pub struct SpiServer {
    board: SharedBoard,
    bus: BusId,
}

/// The lines.
pub struct GpioServer {
    board: SharedBoard,
}

/// Virtual time.
pub struct ClockServer {
    board: SharedBoard,
}

macro_rules! answer {
    ($server:ident, $interface:ident) => {
        impl $server {
            /// Answers a message of this server's interface.
            ///
            /// # Errors
            ///
            /// `rcInvalidArgument` if the message is of another interface or malformed, or has no room for its answer.
            pub fn answer(&self, riid: u16, request: Parts<'_>, response: PartsMut<'_>) -> Result<Lens, Retcode> {
                if riid != $interface::RIID {
                    return Err(Retcode::INVALID_ARGUMENT);
                }
                $interface::dispatch(&mut &*self, request, response).map_err(|_: NkErr| Retcode::INVALID_ARGUMENT)
            }
        }
    };
}

mod remote;

answer!(I2cServer, i2c);
answer!(SpiServer, spi);
answer!(GpioServer, gpio);
answer!(ClockServer, clock);

impl I2cServer {
    /// The bus with this channel name, if the board has it as an I²C bus.
    pub fn new(board: &SharedBoard, channel: &str) -> Option<Self> {
        let bus = board.with(|sim| {
            sim.i2c_channels()
                .any(|name| name == channel)
                .then(|| sim.bus(channel))?
        })?;
        Some(I2cServer {
            board: board.clone(),
            bus,
            is_virtio: false,
        })
    }

    /// Lets it tell of failures as Linux's `i2c-virtio` does: not how a transfer failed, only after how many messages.
    /// To compare a driver here with the same driver on a virtual machine.
    #[must_use]
    pub fn as_virtio(self) -> Self {
        I2cServer {
            is_virtio: true,
            ..self
        }
    }
}

impl SpiServer {
    /// The bus with this channel name, if the board has it as an SPI bus.
    pub fn new(board: &SharedBoard, channel: &str) -> Option<Self> {
        let bus = board.with(|sim| {
            sim.spi_channels()
                .any(|name| name == channel)
                .then(|| sim.bus(channel))?
        })?;
        Some(SpiServer {
            board: board.clone(),
            bus,
        })
    }
}

impl GpioServer {
    /// The lines of the board.
    pub fn new(board: &SharedBoard) -> Self {
        GpioServer { board: board.clone() }
    }
}

impl ClockServer {
    /// The clock of the board, if it is virtual.
    pub fn new(board: &SharedBoard) -> Option<Self> {
        board
            .with(|sim| sim.is_virtual())
            .then(|| ClockServer { board: board.clone() })
    }
}

/// Cuts the first `len` bytes off `bytes`.
fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], Errno> {
    let (head, tail) = bytes.split_at_checked(len).ok_or(Errno::EINVAL)?;
    *bytes = tail;
    Ok(head)
}

/// Cuts the first `len` bytes off the room `bytes`.
fn take_mut<'a>(bytes: &mut &'a mut [u8], len: usize) -> Result<&'a mut [u8], Errno> {
    let (head, tail) = std::mem::take(bytes).split_at_mut_checked(len).ok_or(Errno::EMSGSIZE)?;
    *bytes = tail;
    Ok(head)
}

impl i2c::Server for &I2cServer {
    fn xfer(&mut self, request: i2c::XferReq<'_>, mut response: PartsMut<'_>) -> Result<Lens, Fault<i2c::XferErr>> {
        let (bus, is_virtio) = (self.bus, self.is_virtio);
        let room = i2c::XferRes::rdata_room(&mut response);
        match self.board.with(|board| i2c_xfer(board, bus, &request, room, is_virtio)) {
            Ok((done, len)) => Ok(i2c::XferRes::encode_in_place(response, done, len)?),
            Err(Errno(errno)) => Err(i2c::XferErr { errno }.into()),
        }
    }

    fn functionality(&mut self, _: i2c::FunctionalityReq, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
        let func = if self.is_virtio {
            flags::FUNCTIONALITY_VIRTIO
        } else {
            flags::FUNCTIONALITY
        };
        Ok(i2c::FunctionalityRes { func }.encode(response)?)
    }
}

/// Checks that the lengths of a transfer's messages are those of its bytes, and that what is read fits into `room`;
/// returns how many bytes are read.
fn lengths(request: &i2c::XferReq<'_>, room: usize) -> Result<usize, Errno> {
    let (mut read_len, mut write_len) = (0usize, 0usize);
    for msg in request.msgs {
        let sum = if msg.flags & i2c::FLAG_READ != 0 {
            &mut read_len
        } else {
            &mut write_len
        };
        *sum = sum.checked_add(usize::from(msg.len)).ok_or(Errno::EINVAL)?;
        if msg.reserved != 0 {
            return Err(Errno::EINVAL);
        }
    }
    if write_len != request.wdata.len() {
        return Err(Errno::EINVAL);
    }
    if read_len > room {
        return Err(Errno::EMSGSIZE);
    }
    Ok(read_len)
}

/// Returns the number of messages done and of bytes read into `room`.
fn i2c_xfer(
    board: &mut SimBoard,
    bus: BusId,
    request: &i2c::XferReq<'_>,
    mut room: &mut [u8],
    is_virtio: bool,
) -> Result<(u32, usize), Errno> {
    let read_len = lengths(request, room.len())?;
    // A register read, the message that a driver sends most. The lengths have been checked above.
    if let (2, Some(first), Some(second)) = (request.msgs.len(), request.msgs.get(0), request.msgs.get(1))
        && (first.flags, second.flags) == (0, i2c::FLAG_READ)
        && first.addr == second.addr
        && let Some(into) = room.get_mut(..read_len)
        && board.i2c_write_read(bus, first.addr, request.wdata, into)?
    {
        return Ok((2, read_len));
    }
    let mut wdata = request.wdata;
    let mut transfer = board.i2c_begin(bus)?;
    for msg in request.msgs {
        let len = usize::from(msg.len);
        if msg.flags & i2c::FLAG_READ != 0 {
            transfer.read(msg.addr, msg.flags, take_mut(&mut room, len)?);
        } else {
            transfer.write(msg.addr, msg.flags, take(&mut wdata, len)?);
        }
    }
    let before = transfer.done();
    let done = match transfer.finish() {
        Err(_) if is_virtio => before,
        result => result?,
    };
    Ok((u32::try_from(done).map_err(|_| Errno::EMSGSIZE)?, read_len))
}

impl spi::Server for &SpiServer {
    fn transfer(
        &mut self,
        request: spi::TransferReq<'_>,
        mut response: PartsMut<'_>,
    ) -> Result<Lens, Fault<spi::TransferErr>> {
        let bus = self.bus;
        let room = spi::TransferRes::rx_room(&mut response);
        match self.board.with(|board| spi_transfer(board, bus, &request, room)) {
            Ok(len) => Ok(spi::TransferRes::encode_in_place(response, len)?),
            Err(Errno(errno)) => Err(spi::TransferErr { errno }.into()),
        }
    }
}

/// Returns the number of bytes received into `room`.
fn spi_transfer(
    board: &mut SimBoard,
    bus: BusId,
    request: &spi::TransferReq<'_>,
    mut room: &mut [u8],
) -> Result<usize, Errno> {
    let (mut tx_len, mut rx_len, mut total) = (0usize, 0usize, 0usize);
    for xfer in request.xfers {
        let len = usize::try_from(xfer.len).map_err(|_| Errno::EINVAL)?;
        let add = |sum: usize, is_used: bool| sum.checked_add(if is_used { len } else { 0 }).ok_or(Errno::EINVAL);
        tx_len = add(tx_len, xfer.flags & spi::FLAG_TX != 0)?;
        rx_len = add(rx_len, xfer.flags & spi::FLAG_RX != 0)?;
        total = add(total, true)?;
        let is_unknown = xfer.flags & !(spi::FLAG_TX | spi::FLAG_RX | spi::FLAG_CS_CHANGE) != 0;
        if is_unknown || xfer.reserved != [0; 3] {
            return Err(Errno::EINVAL);
        }
    }
    // A piece that neither sends nor receives has no bytes to bound its length: the sum must be bounded too.
    let limit = usize::try_from(spi::MAX_BYTES).map_err(|_| Errno::EINVAL)?;
    if tx_len != request.tx.len() || total > limit.saturating_mul(2) {
        return Err(Errno::EINVAL);
    }
    if rx_len > room.len() {
        return Err(Errno::EMSGSIZE);
    }
    let mut tx = request.tx;
    let mut transfer = board.spi_begin(bus, request.cs, request.mode)?;
    for xfer in request.xfers {
        let len = usize::try_from(xfer.len).map_err(|_| Errno::EINVAL)?;
        transfer.piece(&mut SpiXfer {
            len,
            tx: if xfer.flags & spi::FLAG_TX != 0 {
                take(&mut tx, len)?
            } else {
                &[]
            },
            rx: if xfer.flags & spi::FLAG_RX != 0 {
                take_mut(&mut room, len)?
            } else {
                &mut []
            },
            speed_hz: xfer.speed_hz,
            cs_change: xfer.flags & spi::FLAG_CS_CHANGE != 0,
            delay_ns: xfer.delay_ns,
            bits_per_word: xfer.bits_per_word,
        });
    }
    transfer.finish()?;
    Ok(rx_len)
}

impl gpio::Server for &GpioServer {
    fn lines(&mut self, _: gpio::LinesReq, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
        let (count, outputs) = self.board.with(|board| {
            let count = board.line_count();
            let is_output = |line: &u32| board.line_is_output(*line).unwrap_or(false);
            let outputs = (0..count.min(u64::BITS)).filter(is_output);
            (count, outputs.fold(0, |mask, line| mask | 1_u64 << line))
        });
        Ok(gpio::LinesRes { count, outputs }.encode(response)?)
    }

    fn get(&mut self, request: gpio::GetReq, response: PartsMut<'_>) -> Result<Lens, Fault<gpio::GetErr>> {
        match self.board.with(|board| board.line(request.line)) {
            Ok(level) => Ok(gpio::GetRes { value: u8::from(level) }.encode(response)?),
            Err(Errno(errno)) => Err(gpio::GetErr { errno }.into()),
        }
    }

    fn set(&mut self, request: gpio::SetReq, response: PartsMut<'_>) -> Result<Lens, Fault<gpio::SetErr>> {
        match self
            .board
            .with(|board| board.set_line(request.line, request.value != 0))
        {
            Ok(()) => Ok(gpio::SetRes {}.encode(response)?),
            Err(Errno(errno)) => Err(gpio::SetErr { errno }.into()),
        }
    }

    fn direction(
        &mut self,
        request: gpio::DirectionReq,
        response: PartsMut<'_>,
    ) -> Result<Lens, Fault<gpio::DirectionErr>> {
        match self.board.with(|board| board.line_is_output(request.line)) {
            Ok(is_output) => {
                let dir = if is_output {
                    gpio::DIRECTION_OUT
                } else {
                    gpio::DIRECTION_IN
                };
                Ok(gpio::DirectionRes { dir }.encode(response)?)
            }
            Err(Errno(errno)) => Err(gpio::DirectionErr { errno }.into()),
        }
    }

    fn set_direction(
        &mut self,
        request: gpio::SetDirectionReq,
        response: PartsMut<'_>,
    ) -> Result<Lens, Fault<gpio::SetDirectionErr>> {
        let is_output = match request.dir {
            gpio::DIRECTION_OUT => true,
            gpio::DIRECTION_IN => false,
            _ => {
                return Err(gpio::SetDirectionErr { errno: Errno::EINVAL.0 }.into());
            }
        };
        let value = request.value != 0;
        match self
            .board
            .with(|board| board.set_line_direction(request.line, is_output, value))
        {
            Ok(()) => Ok(gpio::SetDirectionRes {}.encode(response)?),
            Err(Errno(errno)) => Err(gpio::SetDirectionErr { errno }.into()),
        }
    }
}

impl clock::Server for &ClockServer {
    fn advance(&mut self, request: clock::AdvanceReq, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
        let now_ns = self.board.with(|board| board.advance(request.until_ns));
        Ok(clock::AdvanceRes { now_ns }.encode(response)?)
    }
}
