// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processes whose threads are threads of this program, and the three calls as they make them.
//!
//! Each thread has a port and a kernel thread of its own, as a sandboxed domain has, and is trusted no more. What
//! such a process is not is sandboxed: it is for servers of the supervisor's, for tests, and for code that was
//! written against KasperskyOS's C interface.
//!
//! # Examples
//!
//! ```no_run
//! use kos_bindings::hosted::{Config, Kernel, TaskSpec};
//! use kos_bindings::nk::{Handle, Transport};
//! use kos_bindings::kn::INFINITE;
//!
//! let kernel = Kernel::new(Config::default())?;
//! let server = kernel.task(&TaskSpec::new("server"))?;
//! let client = kernel.task(&TaskSpec::new("client"))?;
//! // As in `init.yaml`: the client has a channel called `clock` to the server, which has the endpoint `clock` there.
//! kernel.connect(&client, &server, "clock", &[("clock", 6)])?;
//!
//! let mut thread = server.attach()?;
//! std::thread::spawn(move || {
//!     let listener = thread.service_locator_register("clock");
//!     while let Ok(received) = thread.recv(listener) {
//!         let (reply_handle, client) = (received.reply_handle, received.thread);
//!         // … look at `received.message`, write an answer into `thread.response()` …
//!         # let lens = Default::default();
//!         let _ = thread.reply(reply_handle, client, lens);
//!     }
//! });
//!
//! let mut thread = client.attach()?;
//! let clock = thread.service_locator_connect("clock");
//! // … write a request into `thread.request()` …
//! # let lens = Default::default();
//! let answer = thread.call_ex(clock, lens, INFINITE, Handle::INVALID);
//! # Ok::<(), kos_bindings::hosted::Error>(())
//! ```
#![expect(
    unsafe_code,
    reason = "lends areas of the port between two calls, as the domain's side does"
)]

use std::os::fd::BorrowedFd;
use std::string::{String, ToString};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::vec::Vec;

use super::core::{connect, listener};
use super::cpu;
use super::dma::Dma;
use super::error::Error;
use super::handles::Rights;
use super::irq::Interrupts;
use super::kernel::{Inner, Kernel, born_with_kernel};
use super::numbers::{Numbers, Served};
use super::process::Process;
use super::quota::{Limits, What};
use super::shared::{Room, Shared};
use super::task::{self, Named};
use crate::kn::{INFINITE, Kn, right};
use crate::nk::{Handle, Lens, Parts, PartsMut, Retcode, Transport};
use crate::port::{Area, FOREVER, PortLens, event, op};
use crate::turn;

/// A process to be made.
#[derive(Clone, Debug)]
pub struct TaskSpec {
    /// Its name: no two living processes have the same.
    pub name: String,
    /// Its class in the policy's eyes.
    pub class: String,
    /// What it may take of the kernel.
    pub limits: Limits,
    /// Room for a message of each kind in the ports of its threads.
    pub room: Room,
    /// Whether another process maps the ports too ([`Thread::port_file`]), and posts there. A hand-over then costs a
    /// tenth more.
    pub is_mapped_elsewhere: bool,
}

impl TaskSpec {
    /// Describes a process whose class is called like it.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_string(),
            class: name.to_string(),
            limits: Limits::default(),
            room: Room::DEFAULT,
            is_mapped_elsewhere: false,
        }
    }
}

/// A process. It ends when this is dropped: its threads' calls fail, its handles are closed, those who wait for an
/// answer of it get [`super::Unknowns::server_death`].
#[derive(Debug)]
pub struct Task {
    kernel: Arc<Inner>,
    task: Arc<task::Task>,
    core: Handle,
}

impl Kernel {
    /// Makes a process whose threads are threads of this program. The policy is asked.
    ///
    /// # Errors
    ///
    /// [`Error::Policy`], or [`Error::Task`] with `rcAlreadyExists` if a process of this name runs.
    pub fn task(&self, spec: &TaskSpec) -> Result<Task, Error> {
        let inner = self.inner();
        inner.judge.execute(&spec.class)?;
        let failed = |code| Error::Task(spec.name.clone(), code);
        let task = task::Task::here(inner.next_id(), spec, inner.config.unknowns.server_death);
        inner.add_task(&task).map_err(failed)?;
        let core = born_with_kernel(&task).map_err(failed)?;
        Ok(Task {
            kernel: Arc::clone(inner),
            task,
            core,
        })
    }

    /// Makes a static channel before `client` and `server` begin: `client` finds it as `name`, and so does `server`,
    /// whose channels of one name share a listener. `endpoints` are what the server has there: `component.endpoint`
    /// (or just `endpoint`) and its number.
    ///
    /// # Errors
    ///
    /// [`Error::Task`] with `rcAlreadyExists` if the client has a channel of this name, `rcFail` at a limit.
    pub fn connect(&self, client: &Task, server: &Task, name: &str, endpoints: &[(&str, u16)]) -> Result<(), Error> {
        let failed = |code| Error::Task(client.task.name.clone(), code);
        let endpoints = endpoints.iter().map(|(name, riid)| (name.to_string(), *riid)).collect();
        connect_static(&client.task, &server.task, name, endpoints, Numbers::default()).map_err(failed)
    }

    /// As [`Kernel::connect`], but the numbers in messages are those that the server's class gives its endpoints, as on
    /// KasperskyOS: only `served` can be called on the channel.
    ///
    /// # Errors
    ///
    /// As there; `rcAlreadyExists` too if two endpoints have one number.
    pub fn connect_served(&self, client: &Task, server: &Task, name: &str, served: &[Served]) -> Result<(), Error> {
        let failed = |code| Error::Task(client.task.name.clone(), code);
        let endpoints = served.iter().map(|one| (one.name.clone(), one.riid)).collect();
        let numbers = Numbers::of(served).map_err(failed)?;
        connect_static(&client.task, &server.task, name, endpoints, numbers).map_err(failed)
    }

    /// Returns the machine's interrupt lines, for the hardware or what stands for it.
    #[must_use]
    pub fn interrupts(&self) -> Interrupts {
        self.inner().interrupts.clone()
    }

    /// Returns the machine's memory as devices see it, for the hardware or what stands for it.
    #[must_use]
    pub fn dma(&self) -> Dma {
        self.inner().dma.clone()
    }
}

fn connect_static(
    client: &Arc<task::Task>,
    server: &Arc<task::Task>,
    name: &str,
    endpoints: Vec<(String, u16)>,
    numbers: Numbers,
) -> Result<(), Retcode> {
    if super::notice::lock(&client.clients).contains_key(name) {
        return Err(Retcode::ALREADY_EXISTS);
    }
    let known = super::notice::lock(&server.servers).get(name).cloned();
    let served = match known {
        Some(served) => served.handle,
        None => {
            let handle = listener(server)?;
            let named = Named {
                handle,
                endpoints: endpoints.clone(),
            };
            task::Task::set_name(&server.servers, name, named);
            handle
        }
    };
    let object = server.object(served, Rights(right::LISTEN), Retcode::NOT_CONNECTED)?;
    let handle = connect(client, client, &object, 0, numbers)?;
    task::Task::set_name(&client.clients, name, Named { handle, endpoints });
    Ok(())
}

impl Task {
    /// Returns its number in this kernel: `TaskId`.
    #[must_use]
    pub fn id(&self) -> u32 {
        u32::try_from(self.task.id).unwrap_or(u32::MAX)
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.task.name
    }

    /// Makes a thread of it, for one thread of this program at a time.
    ///
    /// # Errors
    ///
    /// [`Error::Task`] with `rcFail` if it has as many as it may, `rcNotConnected` if it has ended; [`Error::Port`] or
    /// [`Error::Thread`] without memory.
    pub fn attach(&self) -> Result<Thread, Error> {
        let failed = |code| Error::Task(self.task.name.clone(), code);
        let charge = self.task.charge_thread().map_err(failed)?;
        let shared = Shared::with_room(self.task.room).map_err(|error| Error::Port(error.into()))?;
        let shared = if self.task.is_mapped_elsewhere {
            shared
        } else {
            shared.private()
        };
        let id = self.kernel.next_id();
        let process = Arc::new(Process::of_task(id, Arc::clone(&self.task), shared, None));
        self.task.add_thread(&process, charge).map_err(failed)?;
        self.kernel.start_thread(&process)?;
        Ok(Thread {
            process,
            core: self.core,
            cpu: self.kernel.cpu,
        })
    }

    /// Ends it.
    pub fn kill(&self) {
        self.task.end();
    }

    /// Tells how many handles it pays for: its own, and those that it passed on.
    #[must_use]
    pub fn handles(&self) -> u64 {
        self.task.quota.used(What::Handles)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.task.end();
    }
}

/// What `Recv` returned.
#[derive(Debug)]
pub struct Received<'a> {
    /// The handle to reply on: that which was received on.
    pub reply_handle: Handle,
    /// The process that asks; 0 for an interrupt.
    pub sender: u32,
    /// The thread that asks, and is answered; 0 for an interrupt.
    pub thread: u32,
    /// The number of its call, to be named in [`Thread::reply_to`]; 0 for an interrupt.
    pub call: u64,
    /// The request; empty for an interrupt. Valid until the thread receives again.
    pub message: Parts<'a>,
}

/// A thread of a process.
#[derive(Debug)]
pub struct Thread {
    process: Arc<Process>,
    core: Handle,
    cpu: Option<usize>,
}

/// Turns milliseconds into what a port holds.
fn nanoseconds(ms: u32) -> u64 {
    match ms {
        INFINITE => FOREVER,
        ms => u64::from(ms) * 1_000_000,
    }
}

fn store(to: &PortLens, lens: Lens) {
    let word = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    to.constant.store(word(lens.constant), Relaxed);
    to.arena.store(word(lens.arena), Relaxed);
}

impl Thread {
    /// Returns its number: `Tid`.
    #[must_use]
    pub fn tid(&self) -> u32 {
        u32::try_from(self.process.id).unwrap_or(u32::MAX)
    }

    /// Returns the process's handle for the kernel's services; they are functions in [`Kn`].
    #[must_use]
    pub fn kernel(&self) -> Handle {
        self.core
    }

    /// Returns the kernel's services.
    pub fn kn(&mut self) -> Kn<&mut Self> {
        let core = self.core;
        Kn::new(self, core)
    }

    /// Returns the static channel called `name` for its client, or the invalid handle if there is none or it was
    /// closed.
    #[must_use]
    pub fn service_locator_connect(&self, name: &str) -> Handle {
        let task = &self.process.task;
        task.named(&task.clients, name)
            .map_or(Handle::INVALID, |named| named.handle)
    }

    /// Returns the listener of the static channels called `name` for their server, or the invalid handle.
    #[must_use]
    pub fn service_locator_register(&self, name: &str) -> Handle {
        let task = &self.process.task;
        task.named(&task.servers, name)
            .map_or(Handle::INVALID, |named| named.handle)
    }

    /// Returns the number of endpoint `endpoint` (`component.endpoint`, or just `endpoint`) on the static channel
    /// `channel`, or `None` (`INVALID_RIID`).
    #[must_use]
    pub fn service_locator_get_riid(&self, channel: Handle, endpoint: &str) -> Option<u16> {
        let task = &self.process.task;
        task.node(channel, Retcode::NOT_CONNECTED).ok()?;
        let clients = super::notice::lock(&task.clients);
        let named = clients.values().find(|named| named.handle == channel)?;
        let found = named.endpoints.iter().find(|(name, _)| name == endpoint)?;
        Some(found.1)
    }

    /// Returns the port's file, as a hostile process could map it a second time; to be woken there takes
    /// [`TaskSpec::is_mapped_elsewhere`].
    #[must_use]
    pub fn port_file(&self) -> BorrowedFd<'_> {
        self.process.shared.file()
    }

    /// Keeps the calling thread on the kernel's core, which makes a round trip several times faster.
    pub fn pin(&self) -> bool {
        cpu::pin(self.cpu)
    }

    /// Posts what the port asks and waits for the turn.
    fn enter(&self, op: u32) -> Result<(), Retcode> {
        let port = self.process.shared.port();
        port.op.store(op, Relaxed);
        let word = self.process.shared.turn();
        if turn::post(&word) && turn::wait(&word) {
            Retcode(port.result.load(Acquire).cast_signed()).ok()
        } else {
            Err(Retcode::NOT_CONNECTED)
        }
    }

    /// `CallEx`: sends the request in [`Thread::request`], and waits for its answer up to `mdelay` milliseconds
    /// ([`INFINITE`]: for ever) or until `sync` interrupts. Both end a call that no server took; whether the time also
    /// ends one that a server works on is [`super::Unknowns::timeout_covers_service`].
    ///
    /// # Errors
    ///
    /// | code | when |
    /// |---|---|
    /// | `rcInvalidArgument` | request or answer is malformed or too long, or `handle` cannot be called |
    /// | | a handle in the request does not exist, or `sync` is no synchronisation object |
    /// | `rcSecurityDisallow` | the policy refused request or answer, or a right is missing |
    /// | `rcNotConnected` | there is no such handle, or no server behind it any more |
    /// | `rcHandleRevoked` | the handle, or one in the request, was taken back |
    /// | `rcTimeout`, `rcIpcInterrupt` | as above |
    /// | `rcBusy` | too many requests wait there |
    /// | `rcFail` | the server chose to give no answer, or a limit of the caller's is reached |
    pub fn call_ex(&mut self, handle: Handle, lens: Lens, mdelay: u32, sync: Handle) -> Result<Parts<'_>, Retcode> {
        let port = self.process.shared.port();
        port.handle.store(handle.0, Relaxed);
        port.timeout_ns.store(nanoseconds(mdelay), Relaxed);
        port.sync.store(sync.0, Relaxed);
        store(&port.call_request, lens);
        self.enter(op::CALL)?;
        let lens = self.process.response()?;
        // SAFETY: the kernel filled the area and gave the turn back; `&mut self` keeps the next call away.
        let parts = unsafe { self.process.shared.view(Area::CallResponse, lens) };
        parts.ok_or(Retcode::INVALID_ARGUMENT)
    }

    /// `Recv`: [`Thread::recv_ex`] without limits.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn recv(&mut self, handle: Handle) -> Result<Received<'_>, Retcode> {
        self.recv_ex(handle, INFINITE, Handle::INVALID)
    }

    /// `RecvEx`: waits for a request on a listener, or for an interrupt on what [`Kn::attach_irq`] returned, up to
    /// `mdelay` milliseconds (0: only looks) or until `sync` interrupts.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if there is no such handle, the listener was closed or the line detached; `rcHandleRevoked`;
    /// `rcSecurityDisallow` without the right to receive; `rcInvalidArgument` if it is nothing to receive on, or
    /// another thread's; `rcTimeout`; `rcIpcInterrupt`.
    pub fn recv_ex(&mut self, handle: Handle, mdelay: u32, sync: Handle) -> Result<Received<'_>, Retcode> {
        let port = self.process.shared.port();
        port.handle.store(handle.0, Relaxed);
        port.timeout_ns.store(nanoseconds(mdelay), Relaxed);
        port.sync.store(sync.0, Relaxed);
        self.enter(op::RECV_ON)?;
        self.received(handle)
    }

    /// Returns what was received on `handle`.
    fn received(&mut self, handle: Handle) -> Result<Received<'_>, Retcode> {
        let port = self.process.shared.port();
        if port.event.load(Acquire) != event::REQUEST {
            return Ok(Received {
                reply_handle: handle,
                sender: 0,
                thread: 0,
                call: 0,
                message: Parts::default(),
            });
        }
        let lens = Lens {
            constant: port.serve_request.constant.load(Relaxed) as usize,
            arena: port.serve_request.arena.load(Relaxed) as usize,
        };
        // SAFETY: the kernel filled the area and gave the turn back; `&mut self` keeps the next one away.
        let message = unsafe { self.process.shared.view(Area::ServeRequest, lens) };
        Ok(Received {
            reply_handle: handle,
            sender: port.sender.load(Relaxed),
            thread: port.thread.load(Relaxed),
            call: port.caller.load(Relaxed),
            message: message.ok_or(Retcode::INVALID_ARGUMENT)?,
        })
    }

    /// Returns the room for the next answer, whichever request it is to.
    pub fn response(&mut self) -> PartsMut<'_> {
        // SAFETY: the kernel only reads this area, and only while it has the turn; `&mut self` keeps the rest away.
        unsafe { self.process.shared.room(Area::ServeResponse) }
    }

    /// `Reply`: answers thread `client` (0: the one that was received first) on `reply_handle` with the `lens` bytes in
    /// [`Thread::response`]; with none, its `Call` fails with `rcFail`. Any thread of the process may answer.
    ///
    /// # Errors
    ///
    /// `rcInvalidArgument` if it is owed no answer, or the answer is malformed, too long, or has handles that do not
    /// exist; `rcSecurityDisallow` if the policy refused it, or a right is missing: the client's `Call` then fails so
    /// too. `rcNotConnected` if the client is gone or gave up; `rcHandleRevoked`.
    pub fn reply(&mut self, reply_handle: Handle, client: u32, lens: Lens) -> Result<(), Retcode> {
        self.reply_to(reply_handle, client, 0, lens)
    }

    /// [`Thread::reply`] to call number `call` of `client` and to no other: a client that gave up and asks again is
    /// not taken for the one that is answered late. 0 is any; then a thread that holds two requests of one client
    /// thread, which gave up the first one, answers in order.
    ///
    /// # Errors
    ///
    /// As there; `rcNotConnected` if the client gave up this call.
    pub fn reply_to(&mut self, reply_handle: Handle, client: u32, call: u64, lens: Lens) -> Result<(), Retcode> {
        let port = self.process.shared.port();
        port.handle.store(reply_handle.0, Relaxed);
        port.thread.store(client, Relaxed);
        port.caller.store(call, Relaxed);
        store(&port.serve_response, lens);
        self.enter(op::REPLY_ON)
    }

    /// [`Thread::reply`], then [`Thread::recv_ex`] on the same handle, in one entry into the kernel: what a server
    /// does all the time, for two hand-overs less. The first result is the reply's.
    pub fn reply_recv(
        &mut self,
        reply_handle: Handle,
        client: u32,
        lens: Lens,
        mdelay: u32,
        sync: Handle,
    ) -> (Result<(), Retcode>, Result<Received<'_>, Retcode>) {
        let port = self.process.shared.port();
        port.handle.store(reply_handle.0, Relaxed);
        port.thread.store(client, Relaxed);
        port.caller.store(0, Relaxed);
        port.timeout_ns.store(nanoseconds(mdelay), Relaxed);
        port.sync.store(sync.0, Relaxed);
        store(&port.serve_response, lens);
        port.reply_result
            .store(Retcode::NOT_CONNECTED.0.cast_unsigned(), Relaxed);
        let entered = self.enter(op::REPLY_RECV_ON);
        let replied = Retcode(port_word(&self.process, |port| &port.reply_result)).ok();
        (replied, entered.and_then(|()| self.received(reply_handle)))
    }
}

/// Reads a word of the port that holds a return code.
fn port_word(process: &Process, word: impl FnOnce(&crate::port::Port) -> &std::sync::atomic::AtomicU32) -> i32 {
    word(process.shared.port()).load(Relaxed).cast_signed()
}

impl Transport for Thread {
    fn request(&mut self) -> PartsMut<'_> {
        // SAFETY: the kernel only reads this area, and only while it has the turn; `&mut self` keeps the rest away.
        unsafe { self.process.shared.room(Area::CallRequest) }
    }

    fn call(&mut self, handle: Handle, lens: Lens) -> Result<Parts<'_>, Retcode> {
        self.call_ex(handle, lens, INFINITE, Handle::INVALID)
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.process.bury();
    }
}
