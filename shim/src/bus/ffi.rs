// SPDX-License-Identifier: GPL-2.0-only
//! What the bus masters' C halves call (`glue/i2c.c`, `glue/spi.c`, `glue/gpio.c`, `glue/spi.h`).
#![expect(unsafe_code, reason = "C symbols")]

use crate::{
    bindings::{I2C_M_RD, i2c_msg, machine_spi_xfer},
    bus::{self, I2cData, I2cMsg, MAX_I2C_MSGS},
    errno::{Errno, to_ret},
};
use core::{
    ffi::{CStr, c_char, c_int},
    slice,
};
use kos_bindings::{idl::spi, nk::Handle};

/// Stores `value` for C, or returns the errno.
///
/// # Safety
///
/// `out` is writable.
unsafe fn put<T>(result: Result<T, Errno>, out: *mut T) -> c_int {
    match result {
        Ok(value) => {
            // SAFETY: the caller's promise.
            unsafe { out.write(value) };
            0
        }
        Err(e) => e.to_ret(),
    }
}

/// A buffer of a driver's is read, or written, in its name: a sanitizer, if there is one, looks at it first.
fn touched<T>(buffer: *const T, len: usize, is_write: bool) {
    #[cfg(feature = "debug")]
    crate::mm::raw::shadow::check(buffer.addr(), len, is_write);
    #[cfg(not(feature = "debug"))]
    let _ = (buffer, len, is_write);
}

fn flag(result: Result<bool, Errno>) -> c_int {
    result.map_or_else(Errno::to_ret, c_int::from)
}

/// Finds a channel by its name.
///
/// # Safety
///
/// `name` is a C string, `handle` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn machine_channel(name: *const c_char, handle: *mut u32) -> c_int {
    // SAFETY: the caller's promise.
    let name = unsafe { CStr::from_ptr(name) };
    let found = name.to_str().map_err(|_| Errno::EINVAL).and_then(bus::channel);
    // SAFETY: the caller's promise.
    unsafe { put(found.map(|h| h.0), handle) }
}

/// `master_xfer`: runs `num` messages; returns how many were done, or a negative errno.
///
/// # Safety
///
/// `msgs` points to `num` messages, each with a buffer of its length (`include/uapi/linux/i2c.h`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn machine_i2c_xfer(handle: u32, msgs: *mut i2c_msg, num: c_int) -> c_int {
    let count = usize::try_from(num).unwrap_or(0);
    if count > MAX_I2C_MSGS {
        return Errno::EOPNOTSUPP.to_ret();
    }
    // SAFETY: the caller's promise.
    let raw = unsafe { slice::from_raw_parts(msgs, count) };
    // Nearly all have two messages, and clearing a list for the longest would cost more than the rest.
    const FEW: usize = 4;
    let result = if count <= FEW {
        // SAFETY: the caller's promise.
        unsafe { i2c_xfer::<FEW>(handle, raw) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { i2c_xfer::<MAX_I2C_MSGS>(handle, raw) }
    };
    result.map_or_else(Errno::to_ret, |done| c_int::try_from(done).unwrap_or(c_int::MAX))
}

/// Runs a transfer of at most `MAX` messages.
///
/// # Safety
///
/// Each of `raw` has a buffer of its length, which belongs to the transfer until it ends.
#[inline(always)]
unsafe fn i2c_xfer<const MAX: usize>(handle: u32, raw: &[i2c_msg]) -> Result<usize, Errno> {
    let mut list = [const { I2cMsg::EMPTY }; MAX];
    for (slot, msg) in list.iter_mut().zip(raw) {
        let len = usize::from(msg.len);
        let is_read = u32::from(msg.flags) & I2C_M_RD != 0;
        touched(msg.buf, len, is_read);
        let data = match (is_read, len) {
            (true, 0) => I2cData::Read(&mut []),
            (false, 0) => I2cData::Write(&[]),
            // SAFETY: the caller's promise.
            (true, _) => I2cData::Read(unsafe { slice::from_raw_parts_mut(msg.buf, len) }),
            // SAFETY: the caller's promise; the buffer is not written while we look.
            (false, _) => I2cData::Write(unsafe { slice::from_raw_parts(msg.buf, len) }),
        };
        *slot = I2cMsg {
            addr: msg.addr,
            flags: msg.flags,
            data,
        };
    }
    let msgs = list.get_mut(..raw.len()).ok_or(Errno::EOPNOTSUPP)?;
    let mut heads = [bus::I2C_HEAD; MAX];
    bus::i2c_xfer(Handle(handle), msgs, heads.get_mut(..raw.len()).unwrap_or_default())
}

/// Asks what the adapter can do.
///
/// # Safety
///
/// `functionality` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn machine_i2c_functionality(handle: u32, functionality: *mut u32) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { put(bus::i2c_functionality(Handle(handle)), functionality) }
}

/// Runs one SPI message.
///
/// # Safety
///
/// `xfers` points to `count` transfers whose buffers have their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn machine_spi_transfer(
    handle: u32,
    cs: u32,
    mode: u32,
    xfers: *mut machine_spi_xfer,
    count: u32,
) -> c_int {
    // SAFETY: the caller's promise.
    let raw = unsafe { slice::from_raw_parts(xfers, count as usize) };
    let mut heads = alloc::vec::Vec::new();
    let mut tx = alloc::vec::Vec::new();
    let total: usize = raw.iter().filter(|x| !x.tx.is_null()).map(|x| x.len as usize).sum();
    if heads.try_reserve_exact(raw.len()).is_err() || tx.try_reserve_exact(total).is_err() {
        return Errno::ENOMEM.to_ret();
    }
    for x in raw {
        let mut flags = 0;
        if !x.tx.is_null() {
            flags |= spi::FLAG_TX;
            touched(x.tx, x.len as usize, false);
            // SAFETY: the caller's promise.
            tx.extend_from_slice(unsafe { slice::from_raw_parts(x.tx.cast::<u8>(), x.len as usize) });
        }
        if !x.rx.is_null() {
            flags |= spi::FLAG_RX;
            touched(x.rx, x.len as usize, true);
        }
        if x.cs_change != 0 {
            flags |= spi::FLAG_CS_CHANGE;
        }
        heads.push(spi::Xfer {
            len: x.len,
            speed_hz: x.speed_hz,
            flags,
            delay_ns: x.delay_ns,
            bits_per_word: x.bits_per_word,
            reserved: [0; 3],
        });
    }
    let received = |mut rx: &[u8]| {
        for x in raw.iter().filter(|x| !x.rx.is_null()) {
            let (head, tail) = rx.split_at_checked(x.len as usize).ok_or(Errno::EPROTO)?;
            // SAFETY: the caller's promise; `head` is a copy that the transport owns.
            unsafe { x.rx.cast::<u8>().copy_from_nonoverlapping(head.as_ptr(), head.len()) };
            rx = tail;
        }
        Ok(())
    };
    to_ret(bus::spi_transfer(Handle(handle), (cs, mode), &heads, &tx, received))
}

/// Asks how many lines there are, and which of them are outputs.
///
/// # Safety
///
/// `count` and `outputs` are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn machine_gpio_lines(handle: u32, count: *mut u32, outputs: *mut u64) -> c_int {
    let asked = bus::gpio_lines(Handle(handle));
    // SAFETY: the caller's promise.
    unsafe {
        put(asked.map(|(count, _)| count), count);
    }
    // SAFETY: as above.
    unsafe { put(asked.map(|(_, mask)| mask), outputs) }
}

/// The level of a line, or a negative errno.
#[unsafe(no_mangle)]
pub extern "C" fn machine_gpio_get(handle: u32, line: u32) -> c_int {
    flag(bus::gpio_get(Handle(handle), line))
}

/// Drives an output.
#[unsafe(no_mangle)]
pub extern "C" fn machine_gpio_set(handle: u32, line: u32, value: u32) -> c_int {
    to_ret(bus::gpio_set(Handle(handle), line, value != 0))
}

/// Sets a line's direction, and its value if it is an output.
#[unsafe(no_mangle)]
pub extern "C" fn machine_gpio_set_direction(handle: u32, line: u32, is_input: u32, value: u32) -> c_int {
    to_ret(bus::gpio_set_direction(Handle(handle), line, is_input != 0, value != 0))
}
