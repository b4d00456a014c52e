// SPDX-License-Identifier: GPL-2.0-only
//! The sockets of a domain: what a Linux program has from `socket(2)` on.

use super::{Client, ClientError};
use kos_bindings::idl::socket;
use kos_bindings::nk::{CallError, Transport};
use std::time::Duration;

/// Families, types and protocols of [`Client::socket_open`], and an option, as Linux numbers them.
pub mod family {
    /// `AF_NETLINK`.
    pub const AF_NETLINK: u16 = 16;
    /// `AF_NFC`.
    pub const AF_NFC: u16 = 39;
    /// `SOCK_STREAM`.
    pub const SOCK_STREAM: u16 = 1;
    /// `SOCK_RAW`.
    pub const SOCK_RAW: u16 = 3;
    /// `SOCK_SEQPACKET`.
    pub const SOCK_SEQPACKET: u16 = 5;
    /// `NETLINK_GENERIC`.
    pub const NETLINK_GENERIC: i32 = 16;
    /// `NFC_SOCKPROTO_RAW`.
    pub const NFC_SOCKPROTO_RAW: i32 = 0;
    /// `NFC_SOCKPROTO_LLCP`.
    pub const NFC_SOCKPROTO_LLCP: i32 = 1;
    /// `SOL_NETLINK`.
    pub const SOL_NETLINK: i32 = 270;
    /// `NETLINK_ADD_MEMBERSHIP`.
    pub const NETLINK_ADD_MEMBERSHIP: i32 = 1;
}

/// An open socket, by its number in the domain. It stays open until [`Client::socket_close`], or until the client goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket(u32);

/// A message that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// What came; no more than was asked for.
    pub data: Vec<u8>,
    /// From where, as the family's `struct sockaddr_*`.
    pub addr: Vec<u8>,
    /// It was longer than what was asked for.
    pub is_cut: bool,
    /// What `recvmsg` returned: the length of `data`, unless the protocol says something else.
    pub length: u32,
}

fn failed<E>(verb: &str, error: CallError<E>, errno: impl Fn(E) -> i32) -> ClientError {
    ClientError::new(format!("{verb} socket"), error, errno)
}

impl Client {
    fn sockets(&mut self) -> socket::Client<&mut (dyn Transport + Send + 'static)> {
        socket::Client::new(&mut *self.transport, self.handle)
    }

    /// Makes a socket (`socket(2)`): numbers are Linux's. Waiting is left to [`socket_poll`](Self::socket_poll).
    ///
    /// # Errors
    ///
    /// `EAFNOSUPPORT` and others of Linux's; the domain has ended or does not answer.
    pub fn socket_open(&mut self, family: u16, kind: u16, protocol: i32) -> Result<Socket, ClientError> {
        let request = socket::OpenReq {
            family,
            r#type: kind,
            protocol,
            flags: socket::FLAG_NONBLOCK,
        };
        let opened = self.sockets().open(&request);
        let opened = opened.map_err(|error| failed("open", error, |error| error.errno))?;
        Ok(Socket(opened.id))
    }

    /// Gives a socket its address (`bind(2)`).
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn socket_bind(&mut self, socket: Socket, addr: &[u8]) -> Result<(), ClientError> {
        let answer = self.sockets().bind(&socket::BindReq { id: socket.0, addr });
        answer
            .map(drop)
            .map_err(|error| failed("bind", error, |error| error.errno))
    }

    /// Connects a socket (`connect(2)`).
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn socket_connect(&mut self, socket: Socket, addr: &[u8]) -> Result<(), ClientError> {
        let answer = self.sockets().connect(&socket::ConnectReq { id: socket.0, addr });
        answer
            .map(drop)
            .map_err(|error| failed("connect", error, |error| error.errno))
    }

    /// Lets peers connect to a socket (`listen(2)`).
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn socket_listen(&mut self, socket: Socket, backlog: u16) -> Result<(), ClientError> {
        let answer = self.sockets().listen(&socket::ListenReq { id: socket.0, backlog });
        answer
            .map(drop)
            .map_err(|error| failed("listen", error, |error| error.errno))
    }

    /// Takes a peer that has connected (`accept(2)`).
    ///
    /// # Errors
    ///
    /// `EAGAIN` without one, or what the protocol says.
    pub fn socket_accept(&mut self, socket: Socket) -> Result<Socket, ClientError> {
        let flags = socket::FLAG_NONBLOCK;
        let answer = self.sockets().accept(&socket::AcceptReq { id: socket.0, flags });
        let accepted = answer.map_err(|error| failed("accept", error, |error| error.errno))?;
        Ok(Socket(accepted.peer))
    }

    /// A socket's own address (`getsockname(2)`).
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn socket_name(&mut self, socket: Socket) -> Result<Vec<u8>, ClientError> {
        let mut server = self.sockets();
        let answer = server.name(&socket::NameReq { id: socket.0 });
        let named = answer.map_err(|error| failed("name", error, |error| error.errno))?;
        Ok(named.addr.to_vec())
    }

    /// Sends a message (`sendto(2)`), to the peer if `addr` is empty.
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn socket_send(&mut self, socket: Socket, data: &[u8], addr: &[u8]) -> Result<u32, ClientError> {
        let request = socket::SendReq {
            id: socket.0,
            flags: 0,
            addr,
            data,
        };
        let answer = self.sockets().send(&request);
        Ok(answer.map_err(|error| failed("send", error, |error| error.errno))?.sent)
    }

    /// Receives a message of at most `count` bytes (`recvfrom(2)`).
    ///
    /// # Errors
    ///
    /// `EAGAIN` without one, or what the protocol says.
    pub fn socket_receive(&mut self, socket: Socket, count: usize) -> Result<Datagram, ClientError> {
        let request = socket::ReceiveReq {
            id: socket.0,
            flags: socket::MSG_DONTWAIT,
            count: u32::try_from(count).unwrap_or(socket::MAX_DATA).min(socket::MAX_DATA),
        };
        let mut server = self.sockets();
        let answer = server.receive(&request);
        let message = answer.map_err(|error| failed("receive", error, |error| error.errno))?;
        Ok(Datagram {
            data: message.data.to_vec(),
            addr: message.addr.to_vec(),
            is_cut: message.flags & socket::MSG_TRUNC != 0,
            length: message.length,
        })
    }

    /// Sets an option (`setsockopt(2)`); those of `SOL_SOCKET` are not for clients.
    ///
    /// # Errors
    ///
    /// `ENOPROTOOPT`, or what the protocol says.
    pub fn socket_set_option(&mut self, id: Socket, level: i32, name: i32, value: &[u8]) -> Result<(), ClientError> {
        let id = id.0;
        let answer = self
            .sockets()
            .set_option(&socket::SetOptionReq { id, level, name, value });
        answer
            .map(drop)
            .map_err(|error| failed("set option of", error, |error| error.errno))
    }

    /// Waits until one of `events` ([`poll`](super::poll)) is there; 0 after `limit`.
    ///
    /// # Errors
    ///
    /// The socket is not open; the domain has ended or does not answer.
    pub fn socket_poll(&mut self, socket: Socket, events: u32, limit: Duration) -> Result<u32, ClientError> {
        let request = socket::PollReq {
            id: socket.0,
            events,
            timeout_ms: u32::try_from(limit.as_millis()).unwrap_or(u32::MAX),
        };
        let answer = self.sockets().poll(&request);
        Ok(answer
            .map_err(|error| failed("poll", error, |error| error.errno))?
            .revents)
    }

    /// Closes a socket.
    ///
    /// # Errors
    ///
    /// It is not open; the domain has ended or does not answer.
    pub fn socket_close(&mut self, socket: Socket) -> Result<(), ClientError> {
        let answer = self.sockets().close(&socket::CloseReq { id: socket.0 });
        answer
            .map(drop)
            .map_err(|error| failed("close", error, |error| error.errno))
    }
}
