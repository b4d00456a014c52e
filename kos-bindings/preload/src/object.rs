// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a descriptor stands for: an open socket or device of the domain, and what a program does with it.

use crate::domain::{Domain, Errno, errno_of};
use kos_bindings::idl::{chardev, entries, socket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long a device is asked at once: less than the kernel waits for any answer.
pub const READ_LIMIT: Duration = Duration::from_secs(20);
/// How long a domain is asked to wait at once, so that its end is noticed.
const SLICE: Duration = Duration::from_secs(1);
/// Readable (`include/uapi/linux/eventpoll.h`; the bits are those of `poll(2)`).
pub const IN: u32 = 0x001;

/// Commands from before numbers said what they point to: device, number, bytes of the argument.
const OLD_COMMANDS: [(&str, u32, usize); 1] = [
    // drivers/nfc/virtual_ncidev.c, IOCTL_GET_NCIDEV_IDX: an int.
    ("virtual_nci", 0, 4),
];

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A socket: family, type and protocol.
    Socket(i32, i32, i32),
    /// A file of `/dev`, and whether it was opened with `O_NONBLOCK`.
    Device(String, bool),
}

/// An open socket or device. It is closed when the last descriptor of it and the last call on it are gone.
#[derive(Debug)]
pub struct Object {
    domain: Arc<Domain>,
    kind: Kind,
    id: u32,
    /// The process that opened it: a child's copy closes nothing.
    pid: u32,
    /// How often it was read, written or accepted from.
    uses: AtomicU64,
}

/// How a call waits.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    /// It does not.
    Never,
    /// Until something is there.
    Forever,
    /// Until then.
    Until(Instant),
}

impl Wait {
    /// The time that is left, a slice at the most; `None` if it is over.
    fn slice(self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::Forever => Some(SLICE),
            Self::Until(end) => {
                let rest = end.saturating_duration_since(Instant::now());
                (!rest.is_zero()).then(|| rest.min(SLICE))
            }
        }
    }
}

/// What was received.
#[derive(Debug)]
pub struct Received {
    /// As much as there was room for.
    pub data: Vec<u8>,
    /// Where from.
    pub addr: Vec<u8>,
    /// `MSG_*` that say what came.
    pub flags: u32,
    /// What `recvmsg` returns.
    pub length: i32,
}

/// Calls a method of a generated client.
macro_rules! ask {
    ($self:expr, $limit:expr, $interface:ident . $method:ident ($request:expr) => $answer:pat => $value:expr) => {
        $self.domain.call($limit, |port, handle| {
            let mut client = $interface::Client::new(port, handle);
            let $answer = client
                .$method($request)
                .map_err(|error| errno_of(error, |error| error.errno))?;
            Ok($value)
        })
    };
}

fn ms(duration: Duration) -> u32 {
    // Up, so that a short time is not none.
    u32::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u32::MAX)
}

impl Object {
    /// Makes a socket of the domain's.
    ///
    /// # Errors
    ///
    /// What Linux says; `EACCES`: the policy has no such sockets for clients; `ENODEV`: no domain.
    pub fn socket(domain: Arc<Domain>, family: i32, kind: i32, protocol: i32) -> Result<Self, Errno> {
        let word = |value: i32| u16::try_from(value).map_err(|_| Errno(libc::EINVAL));
        let request = socket::OpenReq {
            family: word(family)?,
            r#type: word(kind)?,
            protocol,
            flags: 0,
        };
        let id = domain.call(None, |port, handle| {
            let opened = socket::Client::new(port, handle).open(&request);
            Ok(opened.map_err(|error| errno_of(error, |error| error.errno))?.id)
        })?;
        Ok(Self::new(domain, Kind::Socket(family, kind, protocol), id))
    }

    /// Opens a file of the domain's `/dev`; `flags` are those of `open(2)`.
    ///
    /// # Errors
    ///
    /// What the driver says; `ENOENT`; `ENODEV`: no domain.
    pub fn device(domain: Arc<Domain>, name: &str, flags: i32) -> Result<Self, Errno> {
        let kept = (flags & (libc::O_ACCMODE | libc::O_NONBLOCK)).cast_unsigned();
        let request = chardev::OpenReq { name, flags: kept };
        let id = domain.call(None, |port, handle| {
            let opened = chardev::Client::new(port, handle).open(&request);
            Ok(opened.map_err(|error| errno_of(error, |error| error.errno))?.id)
        })?;
        let kind = Kind::Device(name.to_owned(), flags & libc::O_NONBLOCK != 0);
        Ok(Self::new(domain, kind, id))
    }

    /// Whether the domain has a device of that name.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the domain or its kernel is gone, `EIO` if it does not say.
    pub fn has_device(domain: &Domain, name: &str) -> Result<bool, Errno> {
        domain.call(None, |port, handle| {
            let mut client = chardev::Client::new(port, handle);
            let list = client.list().map_err(|error| errno_of(error, |never| match never {}))?;
            let mut all = entries::iter(list.entries);
            all.try_fold(false, |has, entry| {
                Ok(has || entry.map_err(|_| Errno(libc::EIO))?.name == name)
            })
        })
    }

    fn new(domain: Arc<Domain>, kind: Kind, id: u32) -> Self {
        let pid = std::process::id();
        let uses = AtomicU64::new(0);
        Self {
            domain,
            kind,
            id,
            pid,
            uses,
        }
    }

    /// How often it was read, written or accepted from: what was ready then may have been used up.
    #[must_use]
    pub fn uses(&self) -> u64 {
        self.uses.load(Relaxed)
    }

    fn is_used(&self) {
        self.uses.fetch_add(1, Relaxed);
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    fn is_socket(&self) -> Result<(), Errno> {
        match self.kind {
            Kind::Socket(..) => Ok(()),
            Kind::Device(..) => Err(Errno(libc::ENOTSOCK)),
        }
    }

    /// Asks which of `events` are there, waiting up to `limit`.
    ///
    /// # Errors
    ///
    /// `ENODEV`: the domain is gone.
    pub fn poll(&self, events: u32, limit: Duration) -> Result<u32, Errno> {
        let (id, timeout_ms) = (self.id, ms(limit));
        match self.kind {
            Kind::Socket(..) => {
                let request = socket::PollReq { id, events, timeout_ms };
                ask!(self, None, socket.poll(&request) => answer => answer.revents)
            }
            Kind::Device(..) => {
                let request = chardev::PollReq { id, events, timeout_ms };
                ask!(self, None, chardev.poll(&request) => answer => answer.revents)
            }
        }
    }

    /// Waits until something can be read, or has failed, and returns which. Says `EAGAIN` if nothing is there in time.
    fn readable(&self, wait: Wait) -> Result<u32, Errno> {
        loop {
            let slice = wait.slice();
            let revents = self.poll(IN, slice.unwrap_or_default())?;
            if revents != 0 {
                return Ok(revents);
            }
            if slice.is_none() {
                return Err(Errno(libc::EAGAIN));
            }
        }
    }

    /// Receives a message of at most `count` bytes; `flags` are Linux's `MSG_*`.
    ///
    /// # Errors
    ///
    /// `EAGAIN`: nothing came in time; what the protocol says.
    pub fn receive(&self, count: usize, flags: u32, wait: Wait) -> Result<Received, Errno> {
        self.is_socket()?;
        let count = u32::try_from(count).unwrap_or(u32::MAX).min(socket::MAX_DATA);
        loop {
            match self.receive_now(count, flags | socket::MSG_DONTWAIT) {
                Err(Errno(libc::EAGAIN)) => {}
                received => return received,
            }
            // Hung up without being readable, such as one that was never connected: Linux says what it says of that.
            if self.readable(wait)? & IN == 0 && !matches!(wait, Wait::Never) {
                return self.receive_now(count, flags);
            }
        }
    }

    fn receive_now(&self, count: u32, flags: u32) -> Result<Received, Errno> {
        let request = socket::ReceiveReq {
            id: self.id,
            flags,
            count,
        };
        let received = ask!(self, None, socket.receive(&request) => answer => Received {
            data: answer.data.to_vec(),
            addr: answer.addr.to_vec(),
            flags: answer.flags,
            length: answer.length.cast_signed(),
        });
        self.is_used();
        received
    }

    /// Sends a message, to the peer if `addr` is empty.
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn send(&self, data: &[u8], addr: &[u8], flags: u32) -> Result<usize, Errno> {
        self.is_socket()?;
        if data.len() > socket::MAX_DATA as usize {
            return Err(Errno(libc::EMSGSIZE));
        }
        let id = self.id;
        let request = socket::SendReq { id, flags, addr, data };
        let sent = ask!(self, None, socket.send(&request) => answer => answer.sent as usize);
        self.is_used();
        sent
    }

    /// Reads a device, or receives from a socket.
    ///
    /// # Errors
    ///
    /// `EAGAIN`: nothing is there; what the driver or the protocol says.
    pub fn read(&self, count: usize, wait: Wait) -> Result<Vec<u8>, Errno> {
        let Kind::Device(_, is_nonblocking) = self.kind else {
            return self.receive(count, 0, wait).map(|received| received.data);
        };
        if matches!(wait, Wait::Never) && !is_nonblocking {
            self.readable(wait)?;
        }
        let count = u32::try_from(count).unwrap_or(u32::MAX).min(chardev::MAX_DATA);
        let request = chardev::ReadReq { id: self.id, count };
        let limit = u64::try_from(READ_LIMIT.as_nanos()).ok();
        loop {
            match ask!(self, limit, chardev.read(&request) => answer => answer.data.to_vec()) {
                Err(Errno(libc::ETIMEDOUT)) => {}
                read => {
                    self.is_used();
                    return read;
                }
            }
        }
    }

    /// Writes to a device, or sends to a socket's peer.
    ///
    /// # Errors
    ///
    /// What the driver or the protocol says.
    pub fn write(&self, data: &[u8], flags: u32) -> Result<usize, Errno> {
        if let Kind::Socket(..) = self.kind {
            return self.send(data, &[], flags);
        }
        // A longer one is written in part, as Linux may.
        let data = data.get(..chardev::MAX_DATA as usize).unwrap_or(data);
        let request = chardev::WriteReq { id: self.id, data };
        let written = ask!(self, None, chardev.write(&request) => answer => answer.written as usize);
        self.is_used();
        written
    }

    /// Bytes of memory that a command's argument points to; `None` if it is a number.
    ///
    /// # Errors
    ///
    /// `ENOTTY`: it is a socket.
    pub fn argument_len(&self, cmd: u32) -> Result<Option<usize>, Errno> {
        // include/uapi/asm-generic/ioctl.h: 14 bits of size, then 2 of direction.
        const SIZE_SHIFT: u32 = 16;
        const SIZE_MASK: u32 = (1 << 14) - 1;
        const DIRECTION_SHIFT: u32 = 30;
        let Kind::Device(name, _) = &self.kind else {
            return Err(Errno(libc::ENOTTY));
        };
        let old = OLD_COMMANDS
            .iter()
            .find(|(device, number, _)| device == name && *number == cmd);
        let by_number = (cmd >> DIRECTION_SHIFT != 0).then_some(((cmd >> SIZE_SHIFT) & SIZE_MASK) as usize);
        Ok(old.map(|(_, _, len)| *len).or(by_number))
    }

    /// Runs a device command: with the number `value`, or with what its argument points to, which it may change.
    ///
    /// # Errors
    ///
    /// `ENOTTY`, or what the driver says.
    pub fn ioctl(&self, cmd: u32, value: u64, arg: &mut [u8]) -> Result<i32, Errno> {
        let id = self.id;
        let (result, after) = {
            let request = chardev::IoctlReq { id, cmd, value, arg };
            ask!(self, None, chardev.ioctl(&request) => answer => (answer.result, answer.arg.to_vec()))?
        };
        for (to, from) in arg.iter_mut().zip(after) {
            *to = from;
        }
        Ok(i32::try_from(result).unwrap_or(i32::MAX))
    }

    /// Gives a socket its address.
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn bind(&self, addr: &[u8]) -> Result<(), Errno> {
        self.is_socket()?;
        let request = socket::BindReq { id: self.id, addr };
        ask!(self, None, socket.bind(&request) => _ => ())
    }

    /// Connects a socket.
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn connect(&self, addr: &[u8]) -> Result<(), Errno> {
        self.is_socket()?;
        let request = socket::ConnectReq { id: self.id, addr };
        ask!(self, None, socket.connect(&request) => _ => ())
    }

    /// Lets peers connect.
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn listen(&self, backlog: i32) -> Result<(), Errno> {
        self.is_socket()?;
        let backlog = u16::try_from(backlog.max(0)).unwrap_or(u16::MAX);
        let request = socket::ListenReq { id: self.id, backlog };
        ask!(self, None, socket.listen(&request) => _ => ())
    }

    /// Takes a peer that has connected.
    ///
    /// # Errors
    ///
    /// `EAGAIN`: nobody came in time; what the protocol says.
    pub fn accept(&self, wait: Wait) -> Result<Self, Errno> {
        self.is_socket()?;
        self.readable(wait)?;
        let request = socket::AcceptReq { id: self.id, flags: 0 };
        let peer = ask!(self, None, socket.accept(&request) => answer => answer.peer);
        self.is_used();
        let peer = peer?;
        Ok(Self::new(Arc::clone(&self.domain), self.kind.clone(), peer))
    }

    /// A socket's own address.
    ///
    /// # Errors
    ///
    /// What the protocol says.
    pub fn name(&self) -> Result<Vec<u8>, Errno> {
        self.is_socket()?;
        let request = socket::NameReq { id: self.id };
        ask!(self, None, socket.name(&request) => answer => answer.addr.to_vec())
    }

    /// Sets an option of the protocol.
    ///
    /// # Errors
    ///
    /// `ENOPROTOOPT`, or what the protocol says.
    pub fn set_option(&self, level: i32, name: i32, value: &[u8]) -> Result<(), Errno> {
        self.is_socket()?;
        let id = self.id;
        let request = socket::SetOptionReq { id, level, name, value };
        ask!(self, None, socket.set_option(&request) => _ => ())
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        if self.pid != std::process::id() {
            return;
        }
        let id = self.id;
        // A domain that is gone has closed it.
        let _ = match self.kind {
            Kind::Socket(..) => ask!(self, None, socket.close(&socket::CloseReq { id }) => _ => ()),
            Kind::Device(..) => ask!(self, None, chardev.close(&chardev::CloseReq { id }) => _ => ()),
        };
    }
}
