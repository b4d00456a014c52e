// SPDX-License-Identifier: GPL-2.0-only
//! The driver's side of a connection to somebody else's I²C device: what Linux's `i2c-virtio` does, with time limits.
//!
//! The device is a stranger. The memory that it sees is ours alone and holds nothing but the queue and the messages
//! under way; it is sealed, so that nobody can take it away under us. What comes back is copied once and then
//! checked. A device that lies, stalls or goes away costs the transfer, and the next one begins with a new connection
//! and new memory.
//!
//! The front end of the crate `vhost` 0.18 is not used: it takes a time limit on its socket for a reason to try again,
//! for ever.

use super::ring::Memory;
use super::wire;
use crate::errno::Errno;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use vm_memory::{Bytes, FileOffset, GuestAddress, GuestMemoryMmap, GuestRegionMmap, MmapRegion};

/// One message of a transfer.
pub struct Message<'a> {
    /// Seven-bit address.
    pub address: u16,
    /// The bytes and their direction.
    pub data: crate::board::I2cData<'a>,
}

/// The most messages of a transfer: three descriptors each.
const MAX_MESSAGES: usize = 64;
const QUEUE: u16 = 256;
/// The most bytes of a transfer in both directions.
const MAX_BYTES: usize = 2 << 16;

// Our memory: the queue's three parts, then heads, states and bytes of the messages.
const DESCRIPTORS: u64 = 0;
const AVAILABLE: u64 = 0x1000;
const USED: u64 = 0x2000;
const HEADS: u64 = 0x3000;
const STATES: u64 = 0x3800;
const DATA: u64 = 0x4000;
const SIZE: u64 = 0x2_8000;
/// Where the device is told that we see it: it is another view of the same, and no address of ours.
const USER_VIEW: u64 = 1 << 32;

const HEAD: u64 = 8;
const FLAG_FAIL_NEXT: u32 = 1;
const FLAG_READ: u32 = 2;
const F_ZERO_LENGTH_REQUEST: u64 = 1;
const STATE_OK: u8 = 0;
/// What no device writes.
const STATE_OPEN: u8 = 0xff;

const DESCRIPTOR_NEXT: u16 = 1;
const DESCRIPTOR_WRITE: u16 = 2;

/// A bus that another process plays.
pub struct I2cFrontend {
    socket: PathBuf,
    limit: Duration,
    link: Option<Link>,
}

struct Link {
    stream: UnixStream,
    memory: Memory,
    kick: OwnedFd,
    call: OwnedFd,
    /// Requests given to the device since the connection began, modulo 2^16; all have come back.
    count: u16,
}

fn invalid<E: std::fmt::Display>(error: E) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("vhost-user: {error}"))
}

impl I2cFrontend {
    /// Connects to the device behind `socket`. No transfer, and no step of connecting, takes longer than `limit`.
    ///
    /// # Errors
    ///
    /// Nobody listens, or who does is no virtio I²C device.
    pub fn connect(socket: &Path, limit: Duration) -> io::Result<Self> {
        Ok(I2cFrontend {
            socket: socket.to_owned(),
            limit,
            link: Some(Link::new(socket, limit)?),
        })
    }

    /// Does one transfer; returns how many messages were done. A device that is gone, lies or stalls has done none.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` for more messages or bytes than fit, `EINVAL` for an address of more than seven bits.
    pub fn transfer(&mut self, messages: &mut [Message<'_>]) -> Result<usize, Errno> {
        let bytes: usize = messages.iter().map(|message| len(message)).sum();
        if messages.len() > MAX_MESSAGES || bytes > MAX_BYTES {
            return Err(Errno::EOPNOTSUPP);
        }
        if messages.iter().any(|message| message.address > 0x7f) {
            return Err(Errno::EINVAL);
        }
        let mut link = match self.link.take() {
            Some(link) => link,
            None => match Link::new(&self.socket, self.limit) {
                Ok(link) => link,
                Err(_) => return Ok(0),
            },
        };
        match link.transfer(messages, self.limit) {
            Ok(done) => {
                self.link = Some(link);
                Ok(done)
            }
            // Nothing of this connection is believed any more.
            Err(_) => Ok(0),
        }
    }
}

fn len(message: &Message<'_>) -> usize {
    match &message.data {
        crate::board::I2cData::Write(bytes) => bytes.len(),
        crate::board::I2cData::Read(room) => room.len(),
    }
}

/// Memory for one connection, and the descriptor to share it by.
fn shared_memory() -> io::Result<(Memory, OwnedFd)> {
    let fd = memfd_create("vhost-user-i2c", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&fd, SIZE)?;
    fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    let file = FileOffset::new(File::from(fd.try_clone()?), 0);
    let region = MmapRegion::from_file(file, usize::try_from(SIZE).map_err(invalid)?).map_err(invalid)?;
    let region = GuestRegionMmap::new(region, GuestAddress(0)).ok_or_else(|| invalid("no memory"))?;
    Ok((GuestMemoryMmap::from_regions(vec![region]).map_err(invalid)?, fd))
}

impl Link {
    fn new(socket: &Path, limit: Duration) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        let (memory, fd) = shared_memory()?;
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let link = Link {
            stream,
            memory,
            kick: eventfd(0, flags)?,
            call: eventfd(0, flags)?,
            count: 0,
        };
        link.negotiate(&fd)?;
        Ok(link)
    }

    fn get(&self, code: u32) -> io::Result<u64> {
        wire::request(&self.stream, code, false, &[], &[])?;
        wire::answer(&self.stream, code)?.u64_at(0)
    }

    fn set(&self, code: u32, words: &[u64], fds: &[BorrowedFd<'_>], has_ack: bool) -> io::Result<()> {
        let body: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        wire::request(&self.stream, code, has_ack, &body, fds)?;
        if has_ack && wire::answer(&self.stream, code)?.u64_at(0)? != 0 {
            return Err(invalid(format!("the device refuses request {code}")));
        }
        Ok(())
    }

    fn negotiate(&self, memory: &OwnedFd) -> io::Result<()> {
        self.set(wire::SET_OWNER, &[], &[], false)?;
        let offered = self.get(wire::GET_FEATURES)?;
        let needed = wire::F_VERSION_1 | F_ZERO_LENGTH_REQUEST;
        if offered & needed != needed {
            return Err(invalid(format!(
                "features {offered:#x}, no virtio I2C device: expected {needed:#x} among them"
            )));
        }
        let has_protocol = offered & wire::F_PROTOCOL_FEATURES != 0;
        let mut has_ack = false;
        if has_protocol {
            has_ack = self.get(wire::GET_PROTOCOL_FEATURES)? & wire::PROTOCOL_REPLY_ACK != 0;
            let wanted = if has_ack { wire::PROTOCOL_REPLY_ACK } else { 0 };
            self.set(wire::SET_PROTOCOL_FEATURES, &[wanted], &[], has_ack)?;
        }
        let wanted = needed | offered & wire::F_PROTOCOL_FEATURES;
        self.set(wire::SET_FEATURES, &[wanted], &[], has_ack)?;
        // One region: its place in both views, its size, and where it is in the file.
        let table = [1, 0, SIZE, USER_VIEW, 0];
        self.set(wire::SET_MEM_TABLE, &table, &[memory.as_fd()], has_ack)?;
        // Index 0 in the lower half of the first word, as the machine has it in memory.
        self.set(wire::SET_VRING_NUM, &[pair(0, u32::from(QUEUE))], &[], has_ack)?;
        self.set(wire::SET_VRING_BASE, &[pair(0, 0)], &[], has_ack)?;
        let [descriptors, used, available] = [DESCRIPTORS, USED, AVAILABLE].map(|at| USER_VIEW + at);
        self.set(
            wire::SET_VRING_ADDR,
            &[0, descriptors, used, available, 0],
            &[],
            has_ack,
        )?;
        self.set(wire::SET_VRING_CALL, &[0], &[self.call.as_fd()], has_ack)?;
        self.set(wire::SET_VRING_KICK, &[0], &[self.kick.as_fd()], has_ack)?;
        if has_protocol {
            self.set(wire::SET_VRING_ENABLE, &[pair(0, 1)], &[], has_ack)?;
        }
        Ok(())
    }

    fn transfer(&mut self, messages: &mut [Message<'_>], limit: Duration) -> io::Result<usize> {
        let places = self.lay_out(messages)?;
        let wanted = self.count.wrapping_add(u16::try_from(messages.len()).map_err(invalid)?);
        let memory = &self.memory;
        memory
            .store(wanted.to_le(), GuestAddress(AVAILABLE + 2), Ordering::Release)
            .map_err(invalid)?;
        rustix::io::write(&self.kick, &1u64.to_ne_bytes())?;
        self.wait(wanted, limit)?;
        self.count = wanted;
        self.collect(messages, &places)
    }

    /// Writes heads, bytes and descriptors; returns where each message's bytes are.
    fn lay_out(&self, messages: &[Message<'_>]) -> io::Result<Vec<u64>> {
        let memory = &self.memory;
        let (mut data, mut next, mut places) = (DATA, 0_u16, Vec::new());
        for (index, message) in messages.iter().enumerate() {
            let at = index as u64;
            let (head, state) = (HEADS + HEAD * at, STATES + at);
            let is_read = matches!(message.data, crate::board::I2cData::Read(_));
            let mut flags = if is_read { FLAG_READ } else { 0 };
            if index + 1 < messages.len() {
                flags |= FLAG_FAIL_NEXT;
            }
            let address = (message.address << 1).to_le_bytes();
            let bytes = [address.as_slice(), &[0; 2], &flags.to_le_bytes()].concat();
            memory.write_slice(&bytes, GuestAddress(head)).map_err(invalid)?;
            memory.write_obj(STATE_OPEN, GuestAddress(state)).map_err(invalid)?;
            if let crate::board::I2cData::Write(bytes) = &message.data {
                memory.write_slice(bytes, GuestAddress(data)).map_err(invalid)?;
            }
            let len = len(message) as u64;
            let body = (len > 0).then_some((data, len, if is_read { DESCRIPTOR_WRITE } else { 0 }));
            let parts = [Some((head, HEAD, 0)), body, Some((state, 1, DESCRIPTOR_WRITE))];
            let first = next;
            let mut parts = parts.into_iter().flatten().peekable();
            while let Some((at, len, flags)) = parts.next() {
                let flags = flags | if parts.peek().is_some() { DESCRIPTOR_NEXT } else { 0 };
                self.describe(next, (at, len), flags)?;
                next += 1;
            }
            let slot = self.count.wrapping_add(u16::try_from(index).map_err(invalid)?) % QUEUE;
            let slot = GuestAddress(AVAILABLE + 4 + 2 * u64::from(slot));
            memory.write_obj(first.to_le(), slot).map_err(invalid)?;
            places.push(data);
            data += len;
        }
        Ok(places)
    }

    fn describe(&self, index: u16, (at, len): (u64, u64), flags: u16) -> io::Result<()> {
        let len = u32::try_from(len).map_err(invalid)?;
        let next = index.wrapping_add(1);
        let parts: [&[u8]; 4] = [
            &at.to_le_bytes(),
            &len.to_le_bytes(),
            &flags.to_le_bytes(),
            &next.to_le_bytes(),
        ];
        let place = GuestAddress(DESCRIPTORS + 16 * u64::from(index));
        self.memory.write_slice(&parts.concat(), place).map_err(invalid)
    }

    /// Waits until as many requests have come back as were given.
    fn wait(&self, wanted: u16, limit: Duration) -> io::Result<()> {
        let until = Instant::now() + limit;
        loop {
            let used: u16 = self
                .memory
                .load(GuestAddress(USED + 2), Ordering::Acquire)
                .map_err(invalid)?;
            let (used, open) = (u16::from_le(used), wanted.wrapping_sub(self.count));
            if used == wanted {
                return Ok(());
            }
            if used.wrapping_sub(self.count) > open {
                return Err(invalid("more requests came back than were given"));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let mut fds = [
                PollFd::new(&self.call, PollFlags::IN),
                PollFd::new(&self.stream, PollFlags::RDHUP),
            ];
            let left = Timespec::try_from(left).map_err(invalid)?;
            match poll(&mut fds, Some(&left)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if fds.iter().skip(1).any(|fd| !fd.revents().is_empty()) {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            // The count says only that something has happened; there may be none.
            let _ = rustix::io::read(&self.call, &mut [0; 8]);
        }
    }

    /// Copies out what was read; returns how many messages were done before the first that failed.
    fn collect(&self, messages: &mut [Message<'_>], places: &[u64]) -> io::Result<usize> {
        let mut done = 0;
        for (index, (message, place)) in messages.iter_mut().zip(places).enumerate() {
            let state = GuestAddress(STATES + index as u64);
            let state: u8 = self.memory.read_obj(state).map_err(invalid)?;
            if state == STATE_OPEN {
                return Err(invalid("a request came back without its answer"));
            }
            if state != STATE_OK {
                break;
            }
            if let crate::board::I2cData::Read(room) = &mut message.data {
                self.memory.read_slice(room, GuestAddress(*place)).map_err(invalid)?;
            }
            done += 1;
        }
        Ok(done)
    }
}

/// Two 32-bit words as they lie in memory, in one of 64.
fn pair(first: u32, second: u32) -> u64 {
    let (first, second) = (first.to_ne_bytes(), second.to_ne_bytes());
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(first.into_iter().chain(second)) {
        *to = from;
    }
    u64::from_ne_bytes(bytes)
}
