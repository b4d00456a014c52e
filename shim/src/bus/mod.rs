// SPDX-License-Identifier: GPL-2.0-only
//! The way down: calls from the machine to the bus servers, the log and the clock.
//!
//! A call blocks the domain's one thread, as `Call` does on KasperskyOS; interrupts that came meanwhile are taken
//! when it returns.

pub mod ffi;

use crate::{
    errno::Errno,
    fatal::{Line, fatal},
    raw::{
        cell::{Global, Word},
        frames,
    },
};
use core::fmt::Write;
use kos_bindings::{
    domain::{Boot, Caller},
    idl::{clock, gpio, i2c, log, spi},
    nk::{CallError, Handle, Retcode, Seq},
};

static CALLER: Global<Option<Caller>> = Global::new(None);
static BOOT: Word<Option<Boot>> = Word::new(None);
static LOG: Word<Option<Handle>> = Word::new(None);
static CLOCK: Word<Option<Handle>> = Word::new(None);
/// Whether each transfer is told in the log, with the calls that led to it.
static IS_TRACED: Word<bool> = Word::new(false);

/// Takes the client end of the port.
pub fn init(caller: Caller, boot: Boot) {
    CALLER.with(|c| *c = Some(caller));
    BOOT.set(Some(boot));
    LOG.set(channel("log").ok());
    CLOCK.set(channel("clock").ok());
}

/// Tells each I2C transfer from now on.
pub fn trace() {
    IS_TRACED.set(true);
}

/// A line `transfer from`, with the return addresses of the calls that led here, the innermost first.
#[inline(never)]
fn tell_callers() {
    const MOST: usize = 24;
    let mut frames = [0; MOST];
    let count = frames::walk(frames::here(), &mut frames);
    let mut text = Line::<256>::new();
    let _ = text.write_str("transfer from");
    for address in frames.iter().take(count) {
        let _ = write!(text, " {address:x}");
    }
    crate::log::line(7, text.as_bytes());
}

/// The handle of the channel that the kernel gave this domain under `name`.
///
/// # Errors
///
/// `ENODEV` if there is none.
pub fn channel(name: &str) -> Result<Handle, Errno> {
    let boot = BOOT.get().ok_or(Errno::ENODEV)?;
    boot.channel(name).map(|c| Handle(c.handle)).ok_or(Errno::ENODEV)
}

/// What a refused or broken call means to a driver: the bus did not do it.
pub(crate) fn broken(code: Retcode) -> Errno {
    if code == Retcode::TIMEOUT {
        Errno::ETIMEDOUT
    } else {
        Errno::EIO
    }
}

pub(crate) fn with_caller<R>(f: impl FnOnce(&mut Caller) -> R) -> R {
    let result = CALLER.with(|caller| match caller {
        Some(caller) => f(caller),
        None => fatal(format_args!("a call was made before the port was there")),
    });
    crate::time::hardware_worked();
    crate::irq::poll();
    result
}

/// The errno that a driver gets for a failed call.
macro_rules! errno_of {
    ($error:expr) => {
        match $error {
            CallError::Error(refusal) => Errno::from_wire(refusal.errno),
            CallError::Retcode(code) => broken(code),
            CallError::Nk(_) => Errno::EPROTO,
        }
    };
}

/// One message of an I2C transfer, as `struct i2c_msg` has it.
pub struct I2cMsg<'a> {
    /// Chip address, 7 or 10 bits.
    pub addr: u16,
    /// `I2C_M_` flags.
    pub flags: u16,
    /// Bytes to send, or room for what is read.
    pub data: I2cData<'a>,
}

impl I2cMsg<'_> {
    /// Nothing to send: what a list is made of before it is filled.
    pub const EMPTY: Self = I2cMsg {
        addr: 0,
        flags: 0,
        data: I2cData::Write(&[]),
    };
}

/// Direction and bytes of a message.
pub enum I2cData<'a> {
    /// Sent to the chip.
    Write(&'a [u8]),
    /// Filled from the chip.
    Read(&'a mut [u8]),
}

/// Most messages in one transfer (`i2c.idl`).
pub const MAX_I2C_MSGS: usize = 64;

/// A message's head as it travels, before it is filled.
pub const I2C_HEAD: i2c::Msg = i2c::Msg {
    addr: 0,
    flags: 0,
    len: 0,
    reserved: 0,
};

/// Runs one transfer; returns how many messages the bus completed. `heads` is room for as many heads as `msgs` has.
///
/// # Errors
///
/// The bus's errno: `ENXIO` if no chip answers, `ETIMEDOUT` if the bus is held; `EIO` if the bus server is gone;
/// `EOPNOTSUPP` for more than [`MAX_I2C_MSGS`] messages or 65536 bytes one way.
pub fn i2c_xfer(handle: Handle, msgs: &mut [I2cMsg<'_>], heads: &mut [i2c::Msg]) -> Result<usize, Errno> {
    const SMALL: usize = 64;
    if heads.len() != msgs.len() {
        return Err(Errno::EOPNOTSUPP);
    }
    if IS_TRACED.get() {
        tell_callers();
    }
    let mut total = 0_usize;
    for (head, msg) in heads.iter_mut().zip(msgs.iter()) {
        let len = match &msg.data {
            I2cData::Write(bytes) => {
                total += bytes.len();
                bytes.len()
            }
            I2cData::Read(room) => room.len(),
        };
        let len = u16::try_from(len).map_err(|_| Errno::EINVAL)?;
        *head = i2c::Msg {
            addr: msg.addr,
            flags: msg.flags,
            len,
            reserved: 0,
        };
    }
    let mut small = [0; SMALL];
    let mut large = alloc::vec::Vec::new();
    let wdata: &mut [u8] = match small.get_mut(..total) {
        Some(bytes) => bytes,
        None => {
            large.try_reserve_exact(total).map_err(|_| Errno::ENOMEM)?;
            large.resize(total, 0);
            &mut large
        }
    };
    let mut rest = &mut *wdata;
    for msg in msgs.iter() {
        if let I2cData::Write(bytes) = &msg.data {
            let (head, tail) = core::mem::take(&mut rest).split_at_mut(bytes.len());
            head.copy_from_slice(bytes);
            rest = tail;
        }
    }
    with_caller(|caller| {
        let mut client = i2c::Client::new(caller, handle);
        let answer = client
            .xfer(&i2c::XferReq {
                msgs: Seq::from(&*heads),
                wdata,
            })
            .map_err(|e| errno_of!(e))?;
        let mut from = answer.rdata;
        for msg in msgs.iter_mut() {
            if let I2cData::Read(room) = &mut msg.data {
                // A server that sends less than was asked for broke the protocol.
                let (head, tail) = from.split_at_checked(room.len()).ok_or(Errno::EPROTO)?;
                room.copy_from_slice(head);
                from = tail;
            }
        }
        usize::try_from(answer.done)
            .ok()
            .filter(|done| *done <= msgs.len())
            .ok_or(Errno::EPROTO)
    })
}

/// What the adapter can do, `I2C_FUNC_` bits.
///
/// # Errors
///
/// `EIO` if the bus server is gone.
pub fn i2c_functionality(handle: Handle) -> Result<u32, Errno> {
    with_caller(|caller| match i2c::Client::new(caller, handle).functionality() {
        Ok(answer) => Ok(answer.func),
        Err(CallError::Retcode(code)) => Err(broken(code)),
        Err(_) => Err(Errno::EPROTO),
    })
}

/// Runs one SPI message: `tx` and `received` hold the bytes of all transfers that send or receive, in order.
///
/// # Errors
///
/// The bus's errno; `EIO` if the bus server is gone.
pub fn spi_transfer(
    handle: Handle,
    (cs, mode): (u32, u32),
    xfers: &[spi::Xfer],
    tx: &[u8],
    received: impl FnOnce(&[u8]) -> Result<(), Errno>,
) -> Result<(), Errno> {
    with_caller(|caller| {
        let mut client = spi::Client::new(caller, handle);
        let request = spi::TransferReq {
            cs,
            mode,
            xfers: Seq::from(&*xfers),
            tx,
        };
        let answer = client.transfer(&request).map_err(|e| errno_of!(e))?;
        received(answer.rx)
    })
}

/// How many lines the controller has, and which of the first 64 are outputs now, a bit each.
///
/// # Errors
///
/// `EIO` if the line server is gone.
pub fn gpio_lines(handle: Handle) -> Result<(u32, u64), Errno> {
    with_caller(|caller| match gpio::Client::new(caller, handle).lines() {
        Ok(answer) => Ok((answer.count, answer.outputs)),
        Err(CallError::Retcode(code)) => Err(broken(code)),
        Err(_) => Err(Errno::EPROTO),
    })
}

/// The level of a line.
///
/// # Errors
///
/// The server's errno: `EINVAL` for a line that does not exist.
pub fn gpio_get(handle: Handle, line: u32) -> Result<bool, Errno> {
    with_caller(|caller| {
        let answer = gpio::Client::new(caller, handle)
            .get(&gpio::GetReq { line })
            .map_err(|e| errno_of!(e))?
            .value;
        Ok(answer != 0)
    })
}

/// Drives an output.
///
/// # Errors
///
/// As for [`gpio_get`]; `EPERM` for an input.
pub fn gpio_set(handle: Handle, line: u32, value: bool) -> Result<(), Errno> {
    with_caller(|caller| {
        let request = gpio::SetReq {
            line,
            value: u8::from(value),
        };
        gpio::Client::new(caller, handle)
            .set(&request)
            .map(|_| ())
            .map_err(|e| errno_of!(e))
    })
}

/// Makes a line an input, or an output with a value.
///
/// # Errors
///
/// As for [`gpio_get`].
pub fn gpio_set_direction(handle: Handle, line: u32, is_input: bool, value: bool) -> Result<(), Errno> {
    let dir = if is_input {
        gpio::DIRECTION_IN
    } else {
        gpio::DIRECTION_OUT
    };
    with_caller(|caller| {
        let request = gpio::SetDirectionReq {
            line,
            dir,
            value: u8::from(value),
        };
        gpio::Client::new(caller, handle)
            .set_direction(&request)
            .map(|_| ())
            .map_err(|e| errno_of!(e))
    })
}

/// Asks the hardware to move virtual time to `until_ns`, or to its own next event; returns the time it is now. Lines
/// that it raised are still to be taken: the caller first sets the clock.
pub fn advance_clock(until_ns: u64) -> u64 {
    let Some(handle) = CLOCK.get() else {
        return until_ns;
    };
    CALLER.with(|caller| {
        let answer = caller
            .as_mut()
            .map(|caller| clock::Client::new(caller, handle).advance(&clock::AdvanceReq { until_ns }));
        match answer {
            Some(Ok(answer)) => answer.now_ns,
            _ => fatal(format_args!("clock: the board does not advance virtual time")),
        }
    })
}

/// Whether a call can be made now: not before the port is there, nor from the middle of another call.
pub fn is_free() -> bool {
    CALLER.try_with(|caller| caller.is_some()).unwrap_or(false)
}

/// Sends a log line of uptime `time_ns`. A log server that is gone is no reason to stop a driver.
pub fn log(level: u8, time_ns: u64, text: &str) {
    const MAX_TEXT: usize = 1024;
    let Some(handle) = LOG.get() else {
        return;
    };
    let text = text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default();
    let _ = CALLER.with(|caller| {
        let caller = caller.as_mut()?;
        log::Client::new(caller, handle)
            .write(&log::WriteReq { level, time_ns, text })
            .ok()
            .map(|_| ())
    });
}
