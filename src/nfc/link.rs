// SPDX-License-Identifier: GPL-2.0-only
//! The exchange with a target: a raw socket of `AF_NFC` (`net/nfc/rawsock.c`).

use super::{Nfc, NfcError, Protocols, Target};
use crate::client::family::{AF_NFC, NFC_SOCKPROTO_RAW, SOCK_SEQPACKET};
use crate::client::{Errno, Socket, poll};
use std::time::Duration;

/// `NFC_HEADER_SIZE`: Linux puts a byte before each answer.
const HEADER_BYTES: usize = 1;
/// Longer than an extended APDU's answer and its status word.
const ANSWER_BYTES: usize = 65_536;

/// An activated target. Dropping it deactivates the target.
pub struct Link<'a> {
    nfc: &'a mut Nfc,
    adapter: u32,
    target: Target,
    protocol: Protocols,
    socket: Option<Socket>,
}

/// ISO/IEC 14443-4 lets a card ask for up to 4.9 s of waiting.
const LIMIT: Duration = Duration::from_secs(6);

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
    pub(super) fn open(nfc: &'a mut Nfc, adapter: u32, target: Target, protocol: Protocols) -> Result<Self, NfcError> {
        let mut link = Self {
            nfc,
            adapter,
            target,
            protocol,
            socket: None,
        };
        match link.connect() {
            // It is idle since another target, or an earlier link, was let go.
            Err(error) if error.errno() == Some(Errno::EINVAL) => link.renew()?,
            done => done?,
        }
        Ok(link)
    }

    fn connect(&mut self) -> Result<(), NfcError> {
        let client = &mut self.nfc.client;
        let socket = client.socket_open(AF_NFC, SOCK_SEQPACKET, NFC_SOCKPROTO_RAW)?;
        self.socket = Some(socket);
        let addr = address(self.adapter, self.target.index, self.protocol.number());
        Ok(client.socket_connect(socket, &addr)?)
    }

    /// Sends a command and returns what the target answers: for ISO-DEP an APDU, else a frame without its checksum.
    ///
    /// # Errors
    ///
    /// `EIO`, `ETIME` or others of Linux's: the target did not answer, or has left; then the link is down until
    /// [`renew`](Self::renew). The domain has ended or does not answer.
    pub fn transceive(&mut self, command: &[u8]) -> Result<Vec<u8>, NfcError> {
        const WHAT: &str = "exchange with the tag";
        let down = || NfcError::Tag("the link to the tag is down".to_owned());
        let socket = self.socket.ok_or_else(down)?;
        let client = &mut self.nfc.client;
        client.socket_send(socket, command, &[])?;
        if client.socket_poll(socket, poll::IN, LIMIT)? == 0 {
            return Err(NfcError::Timeout(WHAT, LIMIT.as_millis()));
        }
        let mut answer = client.socket_receive(socket, ANSWER_BYTES)?;
        if answer.data.is_empty() {
            // A shut down socket has nothing more to say; but one byte of a negative errno, which is what
            // nci_add_rx_data_frag() of net/nfc/nci/data.c passes on, comes out as a length.
            return Err(match u8::try_from(answer.length).unwrap_or(0) {
                0 => down(),
                byte => NfcError::Command {
                    command: WHAT,
                    errno: Errno(256 - i32::from(byte)),
                },
            });
        }
        answer.data.drain(..HEADER_BYTES);
        Ok(answer.data)
    }

    /// Makes the link anew after an error: finds the same target again and activates it.
    ///
    /// # Errors
    ///
    /// It is not there any more; what the driver says; the domain has ended or does not answer.
    pub fn renew(&mut self) -> Result<(), NfcError> {
        const AGAIN: Duration = Duration::from_secs(1);
        if let Some(socket) = self.socket.take() {
            self.nfc.client.socket_close(socket)?;
        }
        let found = self.nfc.poll(self.adapter, self.protocol, AGAIN)?;
        let same = found.into_iter().find(|target| target.uid() == self.target.uid());
        self.target = same.ok_or_else(|| NfcError::Tag("the tag has left".to_owned()))?;
        self.connect()
    }
}

impl Drop for Link<'_> {
    fn drop(&mut self) {
        if let Some(socket) = self.socket {
            // A domain that is gone has closed it.
            let _ = self.nfc.client.socket_close(socket);
        }
    }
}
