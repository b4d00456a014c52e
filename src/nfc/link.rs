// SPDX-License-Identifier: GPL-2.0-only
//! The exchange with a target: a raw socket of `AF_NFC` (`net/nfc/rawsock.c`).

use super::NfcError;
use crate::client::{Client, Socket, poll};
use std::time::Duration;

/// `AF_NFC`, `SOCK_SEQPACKET`, `NFC_SOCKPROTO_RAW`.
const AF_NFC: u16 = 39;
const SOCK_SEQPACKET: u16 = 5;
const RAW: i32 = 0;
/// `NFC_HEADER_SIZE`: Linux puts a byte before each answer.
const HEADER_BYTES: usize = 1;
/// Longer than an extended APDU's answer and its status word.
const ANSWER_BYTES: usize = 65_536;

/// An activated target. Dropping it deactivates the target.
#[derive(Debug)]
pub struct Link<'a> {
    client: &'a mut Client,
    socket: Socket,
    limit: Duration,
}

/// `struct sockaddr_nfc`.
fn address(adapter: u32, target: u32, protocol: u32) -> Vec<u8> {
    let mut addr = AF_NFC.to_ne_bytes().to_vec();
    // The numbers stand at multiples of their size.
    addr.extend([0; 2]);
    for number in [adapter, target, protocol] {
        addr.extend(number.to_ne_bytes());
    }
    addr
}

impl<'a> Link<'a> {
    pub(super) fn open(client: &'a mut Client, adapter: u32, target: u32, protocol: u32) -> Result<Self, NfcError> {
        let socket = client.socket_open(AF_NFC, SOCK_SEQPACKET, RAW)?;
        let link = Self {
            client,
            socket,
            // ISO/IEC 14443-4 lets a card ask for up to 4.9 s of waiting.
            limit: Duration::from_secs(6),
        };
        link.client
            .socket_connect(socket, &address(adapter, target, protocol))?;
        Ok(link)
    }

    /// Sends a command and returns what the target answers: for ISO-DEP an APDU, else a frame without its checksum.
    ///
    /// # Errors
    ///
    /// `EIO`, `ETIME` or others of Linux's: the target did not answer, or has left; then the link is of no more use.
    /// The domain has ended or does not answer.
    pub fn transceive(&mut self, command: &[u8]) -> Result<Vec<u8>, NfcError> {
        self.client.socket_send(self.socket, command, &[])?;
        if self.client.socket_poll(self.socket, poll::IN, self.limit)? == 0 {
            return Err(NfcError::Timeout("exchange with the tag", self.limit.as_millis()));
        }
        let mut answer = self.client.socket_receive(self.socket, ANSWER_BYTES)?.data;
        if answer.len() < HEADER_BYTES {
            // An end of file: the socket was shut down by an error that was told before.
            return Err(NfcError::Tag("the link to the tag is down".to_owned()));
        }
        answer.drain(..HEADER_BYTES);
        Ok(answer)
    }
}

impl Drop for Link<'_> {
    fn drop(&mut self) {
        // A domain that is gone has closed it.
        let _ = self.client.socket_close(self.socket);
    }
}
