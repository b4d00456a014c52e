// SPDX-License-Identifier: GPL-2.0-only
//! `linuxcompat.I2c` on a bus that another process plays over vhost-user.

use super::{lengths, take, take_mut};
use crate::board::{I2cData, flags};
use crate::errno::Errno;
use crate::vhost::{I2cFrontend, Message};
use kos_bindings::idl::i2c;
use kos_bindings::nk::{Fault, Lens, Never, NkErr, Parts, PartsMut, Retcode};
use std::sync::{Mutex, PoisonError};

/// A bus behind a socket.
pub struct RemoteI2cServer {
    frontend: Mutex<I2cFrontend>,
}

impl RemoteI2cServer {
    /// A bus that is connected.
    #[must_use]
    pub fn new(frontend: I2cFrontend) -> Self {
        RemoteI2cServer {
            frontend: Mutex::new(frontend),
        }
    }
}

answer!(RemoteI2cServer, i2c);

impl i2c::Server for &RemoteI2cServer {
    fn xfer(&mut self, request: i2c::XferReq<'_>, mut response: PartsMut<'_>) -> Result<Lens, Fault<i2c::XferErr>> {
        let room = i2c::XferRes::rdata_room(&mut response);
        // Whoever panicked left the connection as it was between two transfers, or broken, which a transfer then says.
        let mut frontend = self.frontend.lock().unwrap_or_else(PoisonError::into_inner);
        match xfer(&mut frontend, &request, room) {
            Ok((done, len)) => Ok(i2c::XferRes::encode_in_place(response, done, len)?),
            Err(Errno(errno)) => Err(i2c::XferErr { errno }.into()),
        }
    }

    fn functionality(&mut self, _: i2c::FunctionalityReq, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
        let func = flags::FUNCTIONALITY_VIRTIO;
        Ok(i2c::FunctionalityRes { func }.encode(response)?)
    }
}

/// Returns the number of messages done and of bytes read into `room`: of messages that were not done, zeros.
fn xfer(frontend: &mut I2cFrontend, request: &i2c::XferReq<'_>, room: &mut [u8]) -> Result<(u32, usize), Errno> {
    let read_len = lengths(request, room.len())?;
    let mut wdata = request.wdata;
    let mut room = room.get_mut(..read_len).ok_or(Errno::EMSGSIZE)?;
    room.fill(0);
    let mut messages = Vec::new();
    for msg in request.msgs {
        if msg.flags & !i2c::FLAG_READ != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let len = usize::from(msg.len);
        let data = if msg.flags & i2c::FLAG_READ != 0 {
            I2cData::Read(take_mut(&mut room, len)?)
        } else {
            I2cData::Write(take(&mut wdata, len)?)
        };
        messages.push(Message {
            address: msg.addr,
            data,
        });
    }
    let done = frontend.transfer(&mut messages)?;
    Ok((u32::try_from(done).map_err(|_| Errno::EMSGSIZE)?, read_len))
}
