// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's side of the socket: one thread that lets clients in and notices when they leave.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::vec::Vec;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, IoSlice};
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType, accept_with, bind, listen, recv, sendmsg, socket_with,
};

use super::{MAX_BYTES, SUFFIX, dial, private_directory, sockets};
use crate::hosted::handles::Rights;
use crate::hosted::kernel::{Inner, Kernel};
use crate::hosted::process::Process;
use crate::nk::Handle;

/// More clients at once are turned away.
const MAX_CLIENTS: usize = 256;
/// So are more of one program: it must leave others room.
const MAX_OF_ONE: usize = 64;
/// A process may have several kernels, each with a door.
static SERIAL: AtomicU32 = AtomicU32::new(0);
const LISTENER: u64 = u64::MAX;
const WAKE: u64 = u64::MAX - 1;

/// A kernel's open door. Closing it lets its clients go and removes the socket.
#[derive(Debug)]
pub struct Door {
    path: PathBuf,
    wake: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    /// Opens `directory`'s door to `kernel`; [`super::directory`] is where clients look.
    ///
    /// # Errors
    ///
    /// If the directory is not private to this user, or the socket cannot be made.
    pub fn open(kernel: &Kernel, directory: &Path) -> io::Result<Self> {
        private_directory(directory)?;
        // Kernels that were killed leave their sockets behind; calling at each removes those.
        for path in sockets(directory) {
            let _ = dial(&path);
        }
        let serial = SERIAL.fetch_add(1, Relaxed);
        let path = directory.join(std::format!("{}-{serial}.{SUFFIX}", std::process::id()));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = listen_at(directory, &path)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        let mut doorman = Doorman {
            kernel: Arc::clone(kernel.inner()),
            epoll,
            listener,
            clients: BTreeMap::new(),
        };
        let thread = std::thread::Builder::new()
            .name("door".to_string())
            .spawn(move || doorman.serve())?;
        Ok(Self {
            path,
            wake,
            thread: Some(thread),
        })
    }

    /// Returns the socket's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes the listening socket. Whoever closes the last door removes the directory, perhaps just now: then once more.
fn listen_at(directory: &Path, path: &Path) -> io::Result<OwnedFd> {
    const ATTEMPTS: usize = 100;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    let address = SocketAddrUnix::new(path)?;
    for _ in 1..ATTEMPTS {
        match bind(&listener, &address) {
            Err(Errno::NOENT) => private_directory(directory)?,
            bound => {
                bound?;
                break;
            }
        }
    }
    listen(&listener, 16)?;
    Ok(listener)
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        // Only the last kernel of the user succeeds; that is the intention.
        if let Some(directory) = self.path.parent() {
            let _ = fs::remove_dir(directory);
        }
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Debug)]
struct Client {
    socket: OwnedFd,
    /// The program that it is of.
    pid: i32,
    /// Its ports, once it opened a domain: one for each of its threads.
    ports: Vec<Arc<Process>>,
    handle: Handle,
}

struct Doorman {
    kernel: Arc<Inner>,
    epoll: OwnedFd,
    listener: OwnedFd,
    clients: BTreeMap<u64, Client>,
}

impl Doorman {
    fn serve(&mut self) {
        let mut events = Vec::with_capacity(32);
        loop {
            events.clear();
            let waited = epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None);
            if waited.is_err_and(|error| error != Errno::INTR) {
                break;
            }
            for event in &events {
                match event.data.u64() {
                    WAKE => {
                        self.leave_all();
                        return;
                    }
                    LISTENER => self.admit(),
                    key => {
                        if !self.attend(key) {
                            self.leave(key);
                        }
                    }
                }
            }
        }
        self.leave_all();
    }

    fn admit(&mut self) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let Ok(socket) = accept_with(&self.listener, flags) else {
            return;
        };
        let Ok(peer) = socket_peercred(&socket) else { return };
        let pid = peer.pid.as_raw_nonzero().get();
        let of_it = self.clients.values().filter(|client| client.pid == pid).count();
        let is_ours = peer.uid == rustix::process::geteuid();
        if !is_ours || self.clients.len() >= MAX_CLIENTS || of_it >= MAX_OF_ONE {
            return;
        }
        let key = u64::try_from(socket.as_raw_fd()).unwrap_or(0);
        let flags = EventFlags::IN | EventFlags::RDHUP;
        if epoll::add(&self.epoll, &socket, EventData::new_u64(key), flags).is_ok() {
            let client = Client {
                socket,
                pid,
                ports: Vec::new(),
                handle: Handle::INVALID,
            };
            self.clients.insert(key, client);
        }
    }

    fn leave(&mut self, key: u64) {
        if let Some(client) = self.clients.remove(&key) {
            let _ = epoll::delete(&self.epoll, &client.socket);
            for port in client.ports {
                port.bury();
            }
        }
    }

    fn leave_all(&mut self) {
        let keys: Vec<u64> = self.clients.keys().copied().collect();
        for key in keys {
            self.leave(key);
        }
    }

    /// Answers one request. Returns false if the client left or does not keep to the protocol.
    fn attend(&mut self, key: u64) -> bool {
        let Some(client) = self.clients.get_mut(&key) else {
            return false;
        };
        let mut request = [0u8; 512];
        let got = match recv(&client.socket, &mut request, RecvFlags::empty()) {
            Ok((got, _)) if got > 0 => got,
            Err(Errno::AGAIN | Errno::INTR) => return true,
            _ => return false,
        };
        let text = request.get(..got).and_then(|text| core::str::from_utf8(text).ok());
        match text.and_then(|text| text.split_once(' ').or(Some((text, "")))) {
            Some(("list", "")) => answer(&client.socket, &list(&self.kernel), None),
            Some(("open", name)) if client.ports.is_empty() => {
                let admitted = self.kernel.admit(name, Rights::CALL, client.pid);
                let admitted = admitted.map(|(process, handle)| {
                    client.handle = handle;
                    process
                });
                client.give(admitted, self.kernel.cpu)
            }
            Some(("thread", "")) => match client.ports.first() {
                Some(first) => {
                    let admitted = self.kernel.admit_thread(first);
                    client.give(admitted, self.kernel.cpu)
                }
                None => false,
            },
            _ => false,
        }
    }
}

impl Client {
    /// Hands a port over, or says why there is none. Returns false if nobody is there to take it.
    fn give(&mut self, port: Result<Arc<Process>, String>, cpu: Option<usize>) -> bool {
        match port {
            Ok(port) => {
                let cpu = cpu.map_or(-1, |cpu| i64::try_from(cpu).unwrap_or(-1));
                let text = std::format!("ok {} {cpu}", self.handle.0);
                let sent = answer(&self.socket, &text, Some(port.shared.file()));
                self.ports.push(port);
                sent
            }
            Err(reason) => answer(&self.socket, &std::format!("no {reason}"), None),
        }
    }
}

fn list(kernel: &Inner) -> String {
    let mut text = String::new();
    for (name, id, pid) in kernel.names() {
        let before = text.len();
        let _ = writeln!(text, "{name}\t{id}\t{pid}");
        if text.len() > MAX_BYTES {
            text.truncate(before);
            break;
        }
    }
    text
}

fn answer(socket: &OwnedFd, text: &str, file: Option<BorrowedFd<'_>>) -> bool {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let files = file.map(|file| [file]);
    if let Some(files) = &files {
        control.push(SendAncillaryMessage::ScmRights(files));
    }
    // An empty packet would read as the end of the connection.
    let text = if text.is_empty() { "\n" } else { text };
    sendmsg(
        socket.as_fd(),
        &[IoSlice::new(text.as_bytes())],
        &mut control,
        SendFlags::NOSIGNAL,
    )
    .is_ok()
}
