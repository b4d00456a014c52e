// SPDX-License-Identifier: GPL-2.0-only
//! `linuxcompat.Chardev`: the domain's `/dev`.
//!
//! Opening goes through upstream's `fs/char_dev.c`; reading, writing, commands and polling call the driver's own
//! `file_operations` with the request's buffer as user memory.

use super::{
    Request, answer,
    context::{self, Access},
    decoded,
    files::{self, Kind},
    page::zeroed,
    sysfs::Piece,
};
use crate::{
    bindings,
    errno::Errno,
    raw::{
        file::{File, flags},
        node,
    },
};
use alloc::vec::Vec;
use core::ffi::CStr;
use kos_bindings::{idl::chardev, nk::Header};

/// Answers one request.
pub fn serve(request: &Request) {
    match Header::read(request.parts().constant).map(|h| h.mid) {
        Ok(chardev::mid::LIST) => list(request),
        Ok(chardev::mid::OPEN) => open(request),
        Ok(chardev::mid::READ) => read(request),
        Ok(chardev::mid::WRITE) => write(request),
        Ok(chardev::mid::IOCTL) => ioctl(request),
        Ok(chardev::mid::POLL) => poll(request),
        Ok(chardev::mid::CLOSE) => close(request),
        _ => super::unknown(request),
    }
}

/// Writes the answer: `$ok`, made of the value, or the method's error form.
macro_rules! respond {
    ($request:expr, $result:expr, $err:ident, $value:pat => $ok:expr) => {{
        let result = $result;
        answer($request, |out| match &result {
            Ok($value) => $ok.encode(out),
            Err(e) => chardev::$err {
                errno: Errno::to_wire(*e),
            }
            .encode(out),
        })
    }};
}

fn list(request: &Request) {
    let piece = Piece::new(0).map(|mut piece| {
        node::each_chardev(|entry| piece.push(entry));
        piece
    });
    answer(request, |out| {
        // Without memory for the list it is empty: the method knows no error.
        let entries = piece.as_ref().map_or(&[][..], Piece::bytes);
        chardev::ListRes { entries }.encode(out)
    });
}

fn open_device(name: &str, wanted: u32) -> Result<File, Errno> {
    let known = flags::ACCESS | flags::NONBLOCK;
    if wanted & !known != 0 || wanted & flags::ACCESS == flags::ACCESS {
        return Err(Errno::EINVAL);
    }
    let mut text = [0; 257];
    let room = text.get_mut(..name.len()).ok_or(Errno::ENAMETOOLONG)?;
    room.copy_from_slice(name.as_bytes());
    let name = CStr::from_bytes_with_nul(text.get(..=name.len()).unwrap_or_default()).map_err(|_| Errno::ENOENT)?;
    File::open_chardev(name, wanted)
}

fn open(request: &Request) {
    let req = decoded(chardev::OpenReq::decode(request.parts()));
    let opened = open_device(req.name, req.flags).and_then(|file| files::add(file, Kind::Device));
    respond!(request, opened, OpenErr, id => chardev::OpenRes { id: *id });
}

fn read(request: &Request) {
    let req = decoded(chardev::ReadReq::decode(request.parts()));
    let read = || {
        let file = files::get(req.id, Kind::Device)?;
        let mut buffer = zeroed(req.count.min(chardev::MAX_DATA) as usize)?;
        let room = buffer.len();
        let len = context::lend(&mut buffer, Access::Write, |at| file.read(at, room))?;
        buffer.truncate(len);
        Ok(buffer)
    };
    respond!(request, read(), ReadErr, data => chardev::ReadRes { data });
}

fn write(request: &Request) {
    let req = decoded(chardev::WriteReq::decode(request.parts()));
    let write = || {
        let file = files::get(req.id, Kind::Device)?;
        context::lend_const(req.data, |at| file.write(at, req.data.len()))
    };
    respond!(request, write(), WriteErr, len => chardev::WriteRes {
        written: u32::try_from(*len).unwrap_or(u32::MAX)
    });
}

/// Bytes that a command's argument points to, as its number says.
fn argument_len(cmd: u32) -> usize {
    let is_pointer = cmd >> bindings::_IOC_DIRSHIFT != bindings::_IOC_NONE;
    if is_pointer {
        ((cmd >> bindings::_IOC_SIZESHIFT) & bindings::_IOC_SIZEMASK) as usize
    } else {
        0
    }
}

/// Runs a command: its result, and its argument afterwards.
///
/// Old commands do not say that they take a pointer; for them the client says it, by sending bytes. Others say that
/// they take one, and take a number (`RTC_IRQP_SET`, `include/uapi/linux/rtc.h`): for them the client sends the number.
fn command(file: &File, cmd: u32, value: u64, sent: &[u8]) -> Result<(usize, Vec<u8>), Errno> {
    let len = argument_len(cmd).max(sent.len());
    if len == 0 || (sent.is_empty() && value != 0) {
        return file.ioctl(cmd, value).map(|ret| (ret, Vec::new()));
    }
    let mut buffer = zeroed(len)?;
    if let Some(start) = buffer.get_mut(..sent.len()) {
        start.copy_from_slice(sent);
    }
    let ret = context::lend(&mut buffer, Access::Both, |at| file.ioctl(cmd, at as u64))?;
    buffer.truncate(chardev::MAX_ARG as usize);
    Ok((ret, buffer))
}

fn ioctl(request: &Request) {
    let req = decoded(chardev::IoctlReq::decode(request.parts()));
    let run = || command(&files::get(req.id, Kind::Device)?, req.cmd, req.value, req.arg);
    respond!(request, run(), IoctlErr, (ret, arg) => chardev::IoctlRes {
        result: i64::try_from(*ret).unwrap_or(i64::MAX),
        arg
    });
}

fn poll(request: &Request) {
    let req = decoded(chardev::PollReq::decode(request.parts()));
    let poll = || files::get(req.id, Kind::Device)?.poll(req.events, super::timeout_ns(req.timeout_ms));
    respond!(request, poll(), PollErr, revents => chardev::PollRes { revents: *revents });
}

fn close(request: &Request) {
    let req = decoded(chardev::CloseReq::decode(request.parts()));
    respond!(request, files::close(req.id, Kind::Device), CloseErr, () => chardev::CloseRes {});
}
