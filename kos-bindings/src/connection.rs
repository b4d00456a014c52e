// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client's side of the socket, and its port.
#![expect(
    unsafe_code,
    reason = "lends areas of the port between two calls, as the domain's side does"
)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::string::{String, ToString};
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::vec::Vec;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::IoSliceMut;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recvmsg, send};

use crate::hosted::cpu;
use crate::hosted::shared::Shared;
use crate::hosted::socket::{MAX_BYTES, dial, directory, sockets};
use crate::nk::{Handle, Lens, Parts, PartsMut, Retcode, Transport};
use crate::port::{Area, FOREVER, op, turn};
use crate::sys;

/// How long a sleeping client trusts that its kernel lives before it looks.
const LOOK_NS: u64 = 200_000_000;

/// A domain of some kernel of this user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its number in its kernel.
    pub id: u64,
    /// Its process.
    pub pid: i32,
}

/// Lists the running domains of all kernels of this user.
#[must_use]
pub fn list() -> Vec<Listed> {
    let mut domains = Vec::new();
    for path in sockets(&directory()) {
        if let Ok(socket) = dial(&path)
            && let Ok((text, _)) = ask(&socket, "list")
        {
            domains.extend(text.lines().filter_map(parse));
        }
    }
    domains
}

fn parse(line: &str) -> Option<Listed> {
    let mut fields = line.split('\t');
    Some(Listed {
        name: fields.next()?.to_string(),
        id: fields.next()?.parse().ok()?,
        pid: fields.next()?.parse().ok()?,
    })
}

fn ask(socket: &OwnedFd, request: &str) -> io::Result<(String, Option<OwnedFd>)> {
    send(socket, request.as_bytes(), SendFlags::NOSIGNAL)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut text = std::vec![0; MAX_BYTES + 512];
    let got = recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut text)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    text.truncate(got.bytes);
    let mut file = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(files) = message {
            file = files.last();
        }
    }
    let text = String::from_utf8(text).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok((text, file))
}

/// A client's connection to one domain of another process's kernel, for one thread at a time; [`Connection::thread`]
/// makes one for another.
#[derive(Debug)]
pub struct Connection {
    shared: Shared,
    /// One for all threads of a client: it lives as long as any of them.
    socket: Arc<Mutex<OwnedFd>>,
    handle: Handle,
    cpu: Option<usize>,
    timeout_ns: u64,
    is_broken: bool,
}

impl Connection {
    /// Connects to the domain called `name`, in whatever kernel of this user it runs.
    ///
    /// # Errors
    ///
    /// `NotFound` if none has such a domain; others if the one that has it does not keep to the
    /// protocol.
    pub fn open(name: &str) -> io::Result<Self> {
        for path in sockets(&directory()) {
            let Ok(socket) = dial(&path) else {
                continue;
            };
            let Ok((text, file)) = ask(&socket, &std::format!("open {name}")) else {
                continue;
            };
            if let (Some(rest), Some(file)) = (text.strip_prefix("ok "), file) {
                return Self::new(Arc::new(Mutex::new(socket)), rest, file);
            }
        }
        let text = std::format!("no domain called {name:?} is running");
        Err(io::Error::new(io::ErrorKind::NotFound, text))
    }

    /// Connects another thread of the same client: what one of them opens is open for all, and one may wait for an
    /// answer while others ask.
    ///
    /// # Errors
    ///
    /// The kernel has gone, or the client has as many threads as it may.
    pub fn thread(&self) -> io::Result<Self> {
        let (text, file) = {
            // Held until the answer is there, which belongs to whoever asked.
            let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
            ask(&socket, "thread")?
        };
        match (text.strip_prefix("ok "), file) {
            (Some(words), Some(file)) => Self::new(Arc::clone(&self.socket), words, file),
            _ => Err(io::Error::other(text)),
        }
    }

    fn new(socket: Arc<Mutex<OwnedFd>>, words: &str, file: OwnedFd) -> io::Result<Self> {
        let mut words = words.split(' ');
        let handle = words.next().and_then(|word| word.parse().ok());
        let handle = handle.ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self {
            shared: Shared::open(file)?,
            socket,
            handle: Handle(handle),
            cpu: words.next().and_then(|word| word.parse().ok()),
            timeout_ns: FOREVER,
            is_broken: false,
        })
    }

    /// Returns the handle of the domain, for the generated clients.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// Limits each following `Call`, in nanoseconds.
    pub fn set_timeout_ns(&mut self, timeout_ns: u64) {
        self.timeout_ns = timeout_ns;
    }

    /// Keeps the calling thread on the kernel's core, which makes a round trip several times
    /// faster.
    pub fn pin_thread(&self) -> bool {
        cpu::pin(self.cpu)
    }

    fn kernel_is_gone(&self) -> bool {
        let Ok(socket) = self.socket.try_lock() else {
            // Another thread hears from it right now.
            return false;
        };
        let mut fds = [PollFd::new(&*socket, PollFlags::RDHUP)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_ok_and(|count| count > 0)
    }

    /// Posts and waits for the turn. Returns false if the kernel went away meanwhile.
    fn enter(&self) -> bool {
        let word = &self.shared.port().turn;
        if !crate::turn::post(word) {
            return false;
        }
        loop {
            match word.load(Acquire) {
                turn::USER => return true,
                turn::DEAD => return false,
                seen => {
                    let until = crate::hosted::clock_ns().saturating_add(LOOK_NS);
                    sys::futex_wait(word, seen, turn::USER_BIT, Some(sys::Timespec::from_ns(until)));
                    let is_stuck = crate::hosted::clock_ns() >= until;
                    if is_stuck && self.kernel_is_gone() {
                        return false;
                    }
                }
            }
        }
    }
}

impl Transport for Connection {
    fn request(&mut self) -> PartsMut<'_> {
        // SAFETY: the kernel only reads this area, and only while it has the turn; `&mut self`
        // keeps the rest away.
        unsafe { self.shared.room(Area::CallRequest) }
    }

    fn call(&mut self, handle: Handle, lens: Lens) -> Result<Parts<'_>, Retcode> {
        if self.is_broken {
            return Err(Retcode::NOT_CONNECTED);
        }
        let port = self.shared.port();
        port.op.store(op::CALL, Relaxed);
        port.handle.store(handle.0, Relaxed);
        port.timeout_ns.store(self.timeout_ns, Relaxed);
        port.call_request.store(lens);
        if !self.enter() {
            self.is_broken = true;
            return Err(Retcode::NOT_CONNECTED);
        }
        let port = self.shared.port();
        Retcode(port.result.load(Acquire).cast_signed()).ok()?;
        let lens = port.call_response.load();
        // SAFETY: the kernel wrote the area before it gave the turn back, and writes it again only
        // in the next call.
        unsafe { self.shared.view(Area::CallResponse, lens) }.ok_or(Retcode::INVALID_ARGUMENT)
    }
}
