// SPDX-License-Identifier: GPL-2.0-only
//! The sockets of both sides. None waits: that is what [`Sockets::poll_socket`] is for.

use crate::linux::machine::Failure;
use crate::side::{DomainSide, LinuxSide, failure};
use anyhow::anyhow;
use linux_compat::client::{Socket, poll};
use std::time::Duration;

/// What a Linux program has from `socket(2)` on; numbers are Linux's, addresses are the family's `struct sockaddr_*`.
pub(crate) trait Sockets {
    fn socket(&mut self, family: u16, kind: u16, protocol: i32) -> Result<i64, Failure>;
    fn bind(&mut self, socket: i64, addr: &[u8]) -> Result<(), Failure>;
    fn connect(&mut self, socket: i64, addr: &[u8]) -> Result<(), Failure>;
    fn set_option(&mut self, socket: i64, level: i32, name: i32, value: &[u8]) -> Result<(), Failure>;
    /// Returns how much was sent.
    fn send(&mut self, socket: i64, data: &[u8]) -> Result<i64, Failure>;
    /// What `recv()` with `MSG_TRUNC` returned, and what came.
    fn receive(&mut self, socket: i64, count: usize) -> Result<(i64, Vec<u8>), Failure>;
    /// Waits until something can be received, or is known to come no more.
    fn poll_socket(&mut self, socket: i64, limit: Duration) -> Result<bool, Failure>;
    fn close_socket(&mut self, socket: i64) -> Result<(), Failure>;
}

impl DomainSide {
    fn open_socket(&self, socket: i64) -> Result<Socket, Failure> {
        let index = usize::try_from(socket).ok();
        let socket = index.and_then(|index| self.sockets.get(index)).copied();
        socket.ok_or_else(|| Failure::Machine(anyhow!("no such open socket")))
    }
}

impl Sockets for DomainSide {
    fn socket(&mut self, family: u16, kind: u16, protocol: i32) -> Result<i64, Failure> {
        let socket = self.client.socket_open(family, kind, protocol).map_err(failure)?;
        self.sockets.push(socket);
        i64::try_from(self.sockets.len() - 1).map_err(|error| Failure::Machine(error.into()))
    }

    fn bind(&mut self, socket: i64, addr: &[u8]) -> Result<(), Failure> {
        let socket = self.open_socket(socket)?;
        self.client.socket_bind(socket, addr).map_err(failure)
    }

    fn connect(&mut self, socket: i64, addr: &[u8]) -> Result<(), Failure> {
        let socket = self.open_socket(socket)?;
        self.client.socket_connect(socket, addr).map_err(failure)
    }

    fn set_option(&mut self, socket: i64, level: i32, name: i32, value: &[u8]) -> Result<(), Failure> {
        let socket = self.open_socket(socket)?;
        self.client
            .socket_set_option(socket, level, name, value)
            .map_err(failure)
    }

    fn send(&mut self, socket: i64, data: &[u8]) -> Result<i64, Failure> {
        let socket = self.open_socket(socket)?;
        let sent = self.client.socket_send(socket, data, &[]);
        sent.map(i64::from).map_err(failure)
    }

    fn receive(&mut self, socket: i64, count: usize) -> Result<(i64, Vec<u8>), Failure> {
        let socket = self.open_socket(socket)?;
        let message = self.client.socket_receive(socket, count).map_err(failure)?;
        Ok((message.length.into(), message.data))
    }

    fn poll_socket(&mut self, socket: i64, limit: Duration) -> Result<bool, Failure> {
        let socket = self.open_socket(socket)?;
        let events = self.client.socket_poll(socket, poll::IN, limit).map_err(failure)?;
        Ok(events != 0)
    }

    fn close_socket(&mut self, socket: i64) -> Result<(), Failure> {
        let socket = self.open_socket(socket)?;
        self.client.socket_close(socket).map_err(failure)
    }
}

impl Sockets for LinuxSide {
    fn socket(&mut self, family: u16, kind: u16, protocol: i32) -> Result<i64, Failure> {
        self.machine.socket(family, kind, protocol)
    }

    fn bind(&mut self, socket: i64, addr: &[u8]) -> Result<(), Failure> {
        self.machine.bind(socket, addr)
    }

    fn connect(&mut self, socket: i64, addr: &[u8]) -> Result<(), Failure> {
        self.machine.connect(socket, addr)
    }

    fn set_option(&mut self, socket: i64, level: i32, name: i32, value: &[u8]) -> Result<(), Failure> {
        self.machine.set_option(socket, level, name, value)
    }

    fn send(&mut self, socket: i64, data: &[u8]) -> Result<i64, Failure> {
        self.machine.write_open(socket, data)
    }

    fn receive(&mut self, socket: i64, count: usize) -> Result<(i64, Vec<u8>), Failure> {
        self.machine.receive(socket, count)
    }

    fn poll_socket(&mut self, socket: i64, limit: Duration) -> Result<bool, Failure> {
        Ok(self.machine.poll(socket, poll::IN, limit)? != 0)
    }

    fn close_socket(&mut self, socket: i64) -> Result<(), Failure> {
        self.machine.close(socket)
    }
}
