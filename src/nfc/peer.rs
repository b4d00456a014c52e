// SPDX-License-Identifier: GPL-2.0-only
//! Two devices with each other: NFC-DEP, and on it the services of LLCP (`net/nfc/llcp_sock.c`).

use super::adapter::{Nfc, attr, command};
use super::{NfcError, Protocols};
use crate::client::family::{AF_NFC, NFC_SOCKPROTO_LLCP, SOCK_STREAM};
use crate::client::{Client, ClientError, Errno, Socket, poll};
use std::time::Duration;

/// `NFC_LLCP_MAX_SERVICE_NAME`.
const NAME_BYTES: usize = 63;
/// `NFC_COMM_ACTIVE`.
const ACTIVE: u8 = 0;

/// `struct sockaddr_nfc_llcp` (include/uapi/linux/nfc.h), by the name of a service.
fn address(adapter: u32, target: u32, service: &str) -> Result<Vec<u8>, ClientError> {
    let name = service.as_bytes();
    if name.len() > NAME_BYTES {
        return Err(ClientError::Errno {
            what: format!("service {service:?}"),
            errno: Errno::EINVAL,
        });
    }
    let mut addr = AF_NFC.to_ne_bytes().to_vec();
    addr.extend([0; 2]);
    for number in [adapter, target, Protocols::NFC_DEP.number()] {
        addr.extend(number.to_ne_bytes());
    }
    // Access points of both sides: Linux chooses them.
    addr.extend([0; 2]);
    addr.extend(name);
    addr.resize(18 + NAME_BYTES, 0);
    // The length is a number of the machine's word, at a multiple of its size.
    addr.resize(addr.len().next_multiple_of(size_of::<usize>()), 0);
    addr.extend(name.len().to_ne_bytes());
    Ok(addr)
}

impl Nfc {
    /// Lets other devices find this controller, for `protocols`. One that did comes as
    /// [`Event::Activated`](super::Event::Activated).
    ///
    /// # Errors
    ///
    /// `EBUSY`: it polls already; what the driver says; the domain has ended or does not answer.
    pub fn listen(&mut self, adapter: u32, protocols: Protocols) -> Result<(), NfcError> {
        let message = Self::on(command::START_POLL, adapter).with_u32(attr::TM_PROTOCOLS, protocols.0);
        self.ask("listen for devices", message).map(drop)
    }

    /// Makes the link to another device that a poll found. That it is up comes as
    /// [`Event::LinkUp`](super::Event::LinkUp).
    ///
    /// # Errors
    ///
    /// `EALREADY`: it is up; what the driver says; the domain has ended or does not answer.
    pub fn link_up(&mut self, adapter: u32, target: u32) -> Result<(), NfcError> {
        let message = Self::on(command::DEP_LINK_UP, adapter)
            .with_u32(attr::TARGET_INDEX, target)
            .with(attr::COMM_MODE, &[ACTIVE]);
        self.ask("link to device", message).map(drop)
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// `EALREADY`: it is down; what the driver says; the domain has ended or does not answer.
    pub fn link_down(&mut self, adapter: u32, target: u32) -> Result<(), NfcError> {
        // Linux 6.1 wants the target to be named, though there is one link.
        let message = Self::on(command::DEP_LINK_DOWN, adapter).with_u32(attr::TARGET_INDEX, target);
        self.ask("unlink device", message).map(drop)
    }

    /// Offers a service to the devices that are linked to.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE`, or what Linux says; the domain has ended or does not answer.
    pub fn serve(&mut self, adapter: u32, service: &str) -> Result<Llcp, NfcError> {
        let client = self.client();
        let socket = client.socket_open(AF_NFC, SOCK_STREAM, NFC_SOCKPROTO_LLCP)?;
        client.socket_bind(socket, &address(adapter, 0, service)?)?;
        client.socket_listen(socket, 1)?;
        Ok(Llcp(socket))
    }

    /// Connects to a service of the device that is linked to. Whether it has it says [`Llcp::wait_open`].
    ///
    /// # Errors
    ///
    /// What Linux says; the domain has ended or does not answer.
    pub fn connect(&mut self, adapter: u32, target: u32, service: &str) -> Result<Llcp, NfcError> {
        let client = self.client();
        let socket = client.socket_open(AF_NFC, SOCK_STREAM, NFC_SOCKPROTO_LLCP)?;
        match client.socket_connect(socket, &address(adapter, target, service)?) {
            Err(error) if error.errno() != Some(Errno::EINPROGRESS) => Err(error.into()),
            _ => Ok(Llcp(socket)),
        }
    }
}

/// A service, or a connection to one.
#[derive(Debug)]
pub struct Llcp(Socket);

impl Llcp {
    fn wait(&self, client: &mut Client, events: u32, what: &'static str, limit: Duration) -> Result<(), NfcError> {
        match client.socket_poll(self.0, events, limit)? {
            0 => Err(NfcError::Timeout(what, limit.as_millis())),
            _ => Ok(()),
        }
    }

    /// Waits until a connection is open, or refused: then its first message says so.
    ///
    /// # Errors
    ///
    /// Nothing came within `limit`; the domain has ended or does not answer.
    pub fn wait_open(&self, client: &mut Client, limit: Duration) -> Result<(), NfcError> {
        self.wait(client, poll::OUT, "connection to service", limit)
    }

    /// Waits for a device that connects to this service.
    ///
    /// # Errors
    ///
    /// None came within `limit`; the domain has ended or does not answer.
    pub fn accept(&self, client: &mut Client, limit: Duration) -> Result<Llcp, NfcError> {
        self.wait(client, poll::IN, "connection from device", limit)?;
        Ok(Self(client.socket_accept(self.0)?))
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// `ENOTCONN`, or what Linux says; the domain has ended or does not answer.
    pub fn send(&self, client: &mut Client, data: &[u8]) -> Result<u32, NfcError> {
        Ok(client.socket_send(self.0, data, &[])?)
    }

    /// Waits for a message.
    ///
    /// # Errors
    ///
    /// None came within `limit`; what Linux says; the domain has ended or does not answer.
    pub fn receive(&self, client: &mut Client, limit: Duration) -> Result<Vec<u8>, NfcError> {
        const BYTES: usize = 65_536;
        self.wait(client, poll::IN, "message from device", limit)?;
        Ok(client.socket_receive(self.0, BYTES)?.data)
    }
}
