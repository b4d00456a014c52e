// SPDX-License-Identifier: GPL-2.0-only
//! `linuxcompat.Socket`: what a program's socket system calls are to Linux.
//!
//! Sockets are upstream's (`net/socket.c`): each is a file of its own in the table of open files, which only this door
//! touches. Without `CONFIG_NET` there are none.

use super::{
    Request, answer,
    context::{self, Access},
    decoded,
    files::{self, Kind},
    page::zeroed,
};
use crate::{
    errno::Errno,
    raw::socket::{self, ADDR_BYTES, Socket},
};
use alloc::vec::Vec;
use kos_bindings::{idl::socket as wire, nk::Header};

/// Answers one request.
pub fn serve(request: &Request) {
    match Header::read(request.parts().constant).map(|h| h.mid) {
        Ok(wire::mid::OPEN) => open(request),
        Ok(wire::mid::BIND) => bind(request),
        Ok(wire::mid::CONNECT) => connect(request),
        Ok(wire::mid::LISTEN) => listen(request),
        Ok(wire::mid::ACCEPT) => accept(request),
        Ok(wire::mid::NAME) => name(request),
        Ok(wire::mid::SEND) => send(request),
        Ok(wire::mid::RECEIVE) => receive(request),
        Ok(wire::mid::SET_OPTION) => set_option(request),
        Ok(wire::mid::POLL) => poll(request),
        Ok(wire::mid::CLOSE) => close(request),
        _ => super::unknown(request),
    }
}

/// Writes the answer: `$ok`, made of the value, or the method's error form.
macro_rules! respond {
    ($request:expr, $result:expr, $err:ident, $value:pat => $ok:expr) => {{
        let result = $result;
        answer($request, |out| match &result {
            Ok($value) => $ok.encode(out),
            Err(e) => wire::$err {
                errno: Errno::to_wire(*e),
            }
            .encode(out),
        })
    }};
}

fn get(id: u32) -> Result<Socket, Errno> {
    files::get(id, Kind::Socket).map(Socket)
}

fn checked(flags: u32) -> Result<u32, Errno> {
    (flags & !wire::FLAG_NONBLOCK == 0)
        .then_some(flags)
        .ok_or(Errno::EINVAL)
}

fn open(request: &Request) {
    let req = decoded(wire::OpenReq::decode(request.parts()));
    let open = || {
        let file = socket::open(req.family, req.r#type, req.protocol, checked(req.flags)?)?;
        files::add(file, Kind::Socket)
    };
    respond!(request, open(), OpenErr, id => wire::OpenRes { id: *id });
}

fn bind(request: &Request) {
    let req = decoded(wire::BindReq::decode(request.parts()));
    let bound = get(req.id).and_then(|socket| socket.bind(req.addr));
    respond!(request, bound, BindErr, () => wire::BindRes {});
}

fn connect(request: &Request) {
    let req = decoded(wire::ConnectReq::decode(request.parts()));
    let connected = get(req.id).and_then(|socket| socket.connect(req.addr));
    respond!(request, connected, ConnectErr, () => wire::ConnectRes {});
}

fn listen(request: &Request) {
    let req = decoded(wire::ListenReq::decode(request.parts()));
    let listens = get(req.id).and_then(|socket| socket.listen(req.backlog));
    respond!(request, listens, ListenErr, () => wire::ListenRes {});
}

fn accept(request: &Request) {
    let req = decoded(wire::AcceptReq::decode(request.parts()));
    let accept = || {
        let file = get(req.id)?.accept(checked(req.flags)?)?;
        files::add(file, Kind::Socket)
    };
    respond!(request, accept(), AcceptErr, peer => wire::AcceptRes { peer: *peer });
}

fn name(request: &Request) {
    let req = decoded(wire::NameReq::decode(request.parts()));
    let mut addr = [0; ADDR_BYTES];
    let named = get(req.id).and_then(|socket| socket.name(&mut addr));
    respond!(request, named, NameErr, len => wire::NameRes {
        addr: addr.get(..*len).unwrap_or_default()
    });
}

fn send(request: &Request) {
    let req = decoded(wire::SendReq::decode(request.parts()));
    let send = || {
        let socket = get(req.id)?;
        context::lend_const(req.data, |at| socket.send(at, req.data.len(), req.addr, req.flags))
    };
    respond!(request, send(), SendErr, sent => wire::SendRes {
        sent: u32::try_from(*sent).unwrap_or(u32::MAX)
    });
}

/// What came, and where from.
struct Message {
    got: socket::Received,
    addr: [u8; ADDR_BYTES],
    data: Vec<u8>,
}

fn receive(request: &Request) {
    let req = decoded(wire::ReceiveReq::decode(request.parts()));
    let receive = || {
        let socket = get(req.id)?;
        let mut data = zeroed(req.count.min(wire::MAX_DATA) as usize)?;
        let (room, mut addr) = (data.len(), [0; ADDR_BYTES]);
        let got = context::lend(&mut data, Access::Write, |at| {
            socket.receive(at, room, &mut addr, req.flags)
        })?;
        data.truncate(got.written);
        Ok(Message { got, addr, data })
    };
    respond!(request, receive(), ReceiveErr, message => wire::ReceiveRes {
        flags: message.got.flags,
        length: u32::try_from(message.got.length).unwrap_or(u32::MAX),
        addr: message.addr.get(..message.got.addr_len).unwrap_or_default(),
        data: &message.data,
    });
}

fn set_option(request: &Request) {
    let req = decoded(wire::SetOptionReq::decode(request.parts()));
    let set = || {
        let socket = get(req.id)?;
        let mut value = zeroed(req.value.len())?;
        value.copy_from_slice(req.value);
        socket.set_option(req.level, req.name, &mut value)
    };
    respond!(request, set(), SetOptionErr, () => wire::SetOptionRes {});
}

fn poll(request: &Request) {
    let req = decoded(wire::PollReq::decode(request.parts()));
    let poll = || files::get(req.id, Kind::Socket)?.poll(req.events, super::timeout_ns(req.timeout_ms));
    respond!(request, poll(), PollErr, revents => wire::PollRes { revents: *revents });
}

fn close(request: &Request) {
    let req = decoded(wire::CloseReq::decode(request.parts()));
    respond!(request, files::close(req.id, Kind::Socket), CloseErr, () => wire::CloseRes {});
}
