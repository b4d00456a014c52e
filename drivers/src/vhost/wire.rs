// SPDX-License-Identifier: GPL-2.0-only
//! The messages of vhost-user (QEMU's `docs/interop/vhost-user.rst`): numbers, sizes, and both ways over the socket.
//!
//! Numbers are those of the specification; integers are in the machine's byte order.

use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

pub(crate) const GET_FEATURES: u32 = 1;
pub(crate) const SET_FEATURES: u32 = 2;
pub(crate) const SET_OWNER: u32 = 3;
pub(crate) const RESET_OWNER: u32 = 4;
pub(crate) const SET_MEM_TABLE: u32 = 5;
pub(crate) const SET_VRING_NUM: u32 = 8;
pub(crate) const SET_VRING_ADDR: u32 = 9;
pub(crate) const SET_VRING_BASE: u32 = 10;
pub(crate) const GET_VRING_BASE: u32 = 11;
pub(crate) const SET_VRING_KICK: u32 = 12;
pub(crate) const SET_VRING_CALL: u32 = 13;
pub(crate) const SET_VRING_ERR: u32 = 14;
pub(crate) const GET_PROTOCOL_FEATURES: u32 = 15;
pub(crate) const SET_PROTOCOL_FEATURES: u32 = 16;
pub(crate) const GET_QUEUE_NUM: u32 = 17;
pub(crate) const SET_VRING_ENABLE: u32 = 18;
pub(crate) const SET_BACKEND_REQ_FD: u32 = 21;
pub(crate) const GET_CONFIG: u32 = 24;
pub(crate) const SET_CONFIG: u32 = 25;
/// `VHOST_USER_VRING_KICK`: a kick as a message.
pub(crate) const VRING_KICK: u32 = 35;
/// `VHOST_USER_BACKEND_VRING_CALL`, on the back end's own channel.
pub(crate) const BACKEND_VRING_CALL: u32 = 4;

/// `VHOST_USER_F_PROTOCOL_FEATURES`, among the virtio features.
pub(crate) const F_PROTOCOL_FEATURES: u64 = 1 << 30;
/// `VIRTIO_F_VERSION_1`.
pub(crate) const F_VERSION_1: u64 = 1 << 32;

/// Protocol features: several queues, acknowledgements, the back end's own channel, configuration space.
pub(crate) const PROTOCOL_MQ: u64 = 1 << 0;
pub(crate) const PROTOCOL_REPLY_ACK: u64 = 1 << 3;
pub(crate) const PROTOCOL_BACKEND_REQ: u64 = 1 << 5;
pub(crate) const PROTOCOL_CONFIG: u64 = 1 << 9;
/// Kicks and calls are messages, which are confirmed. Wants the two before.
pub(crate) const PROTOCOL_INBAND_NOTIFICATIONS: u64 = 1 << 14;

const VERSION: u32 = 1;
const VERSION_MASK: u32 = 3;
const FLAG_REPLY: u32 = 1 << 2;
const FLAG_NEED_REPLY: u32 = 1 << 3;
const HEADER: usize = 12;
/// The most descriptors of one message: one for each memory region.
pub(crate) const MAX_FDS: usize = 8;
/// Far more than any message of this protocol has.
const MAX_BODY: usize = 4096;

/// A message from the other side.
pub(crate) struct Message {
    pub(crate) code: u32,
    pub(crate) needs_reply: bool,
    is_reply: bool,
    pub(crate) body: Vec<u8>,
    pub(crate) fds: Vec<OwnedFd>,
}

fn malformed(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("vhost-user: {what}"))
}

impl Message {
    /// The `index`-th 32-bit word of the body.
    pub(crate) fn u32(&self, index: usize) -> io::Result<u32> {
        let bytes = index
            .checked_mul(4)
            .and_then(|at| self.body.get(at..at.checked_add(4)?));
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes
            .map(u32::from_ne_bytes)
            .ok_or_else(|| malformed(format!("request {} has {} bytes, too few", self.code, self.body.len())))
    }

    /// The 64-bit word at the `at`-th byte of the body.
    pub(crate) fn u64_at(&self, at: usize) -> io::Result<u64> {
        let bytes = at.checked_add(8).and_then(|end| self.body.get(at..end));
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes
            .map(u64::from_ne_bytes)
            .ok_or_else(|| malformed(format!("request {} has {} bytes, too few", self.code, self.body.len())))
    }
}

/// Receives a message; `None` when the other side has closed the connection between two messages.
pub(crate) fn receive(mut stream: &UnixStream) -> io::Result<Option<Message>> {
    let mut head = [0; HEADER];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    // With a limit set, also a process that is stopped and goes on is interrupted here (signal(7)).
    let got = retry_on_intr(|| {
        let mut head = [IoSliceMut::new(&mut head)];
        rustix::net::recvmsg(stream, &mut head, &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    let fds = control.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => fds.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    let fds: Vec<OwnedFd> = fds.collect();
    if got.bytes == 0 {
        return Ok(None);
    }
    if let Some(rest) = head.get_mut(got.bytes..) {
        stream.read_exact(rest)?;
    }
    let [code, flags, size] = [0, 4, 8].map(|at| {
        let bytes = head.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_ne_bytes)
    });
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if flags & VERSION_MASK != VERSION || size > MAX_BODY {
        return Err(malformed(format!("request {code}: flags {flags:#x}, {size} bytes")));
    }
    let mut body = vec![0; size];
    stream.read_exact(&mut body)?;
    Ok(Some(Message {
        code,
        needs_reply: flags & FLAG_NEED_REPLY != 0,
        is_reply: flags & FLAG_REPLY != 0,
        body,
        fds,
    }))
}

fn header(code: u32, flags: u32, body: &[u8]) -> io::Result<Vec<u8>> {
    let size = u32::try_from(body.len()).map_err(|_| malformed(format!("{} bytes to send", body.len())))?;
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    for word in [code, VERSION | flags, size] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend(body);
    Ok(bytes)
}

/// Answers a request.
pub(crate) fn reply(mut stream: &UnixStream, code: u32, body: &[u8]) -> io::Result<()> {
    stream.write_all(&header(code, FLAG_REPLY, body)?)
}

/// Sends a request, from the front end's side, with descriptors.
pub(crate) fn request(
    mut stream: &UnixStream,
    code: u32,
    needs_reply: bool,
    body: &[u8],
    fds: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let bytes = header(code, if needs_reply { FLAG_NEED_REPLY } else { 0 }, body)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(malformed(format!("request {code}: {} descriptors", fds.len())));
    }
    let bytes_out = [IoSlice::new(&bytes)];
    let sent = retry_on_intr(|| rustix::net::sendmsg(stream, &bytes_out, &mut control, SendFlags::NOSIGNAL))?;
    stream.write_all(bytes.get(sent..).unwrap_or_default())
}

/// Receives the answer to a request.
pub(crate) fn answer(stream: &UnixStream, code: u32) -> io::Result<Message> {
    match receive(stream)? {
        Some(message) if message.code == code && message.is_reply => Ok(message),
        Some(message) => Err(malformed(format!("request {code} was answered by {}", message.code))),
        None => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "vhost-user: the device closed the connection",
        )),
    }
}
