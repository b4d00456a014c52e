// SPDX-License-Identifier: GPL-2.0-only
//! The doors: requests of clients, each served by a kernel task, since it may sleep.
//!
//! ```text
//! Recv (at idle) ──▶ queue ──▶ a waiting worker task, or a new one ──▶ sysfs, chardev, socket, control ──▶ Reply
//! ```
//!
//! A request is copied out of the port when it is received, so that the next one may come while it is served.
//! An answer stays in the port until the machine idles: then `Reply` and `Recv` are one entry to the kernel.
//!
//! The kernel also says when nobody waits for an answer any more: the service is then interrupted like a killed
//! process; and when a client is gone: then its files are closed.
//!
//! Whose turn it is, the kernel decides: it sends no more requests than there are workers for them, and no client as
//! many as that. What it does not bound are clean-ups, which sleep as long as a driver's `release` does; they have a
//! few workers, beside those of the requests.
//!
//! While the domain is suspended only `Control` is served; the other requests, and what clients leave behind, wait.

pub mod chardev;
pub mod context;
pub mod control;
pub mod ffi;
pub mod files;
pub mod page;
pub mod socket;
pub mod sysfs;
pub mod uaccess;

use crate::{
    bindings::TASK_IDLE,
    errno::Errno,
    fatal::fatal,
    irq,
    raw::{
        cell::{Global, Word},
        task::Task,
    },
    sched,
};
use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use kos_bindings::{
    domain::{CallerId, Crash, Event, Listener, die},
    nk::{HEADER_BYTES, Header, Lens, NkErr, Parts, PartsMut},
};

/// A request, copied out of the port.
pub struct Request {
    caller: CallerId,
    client: context::Client,
    /// The interface; 0 for a message that has no header.
    riid: u16,
    constant: Vec<u8>,
    arena: Vec<u8>,
}

/// What a worker does.
enum Job {
    Serve(Box<Request>),
    /// Closes what this client left open.
    CleanUp(context::Client),
}

impl Request {
    /// Copies a request out of the port.
    fn copy(caller: CallerId, parts: Parts<'_>) -> Box<Request> {
        let new = || {
            Box::new(Request {
                caller,
                client: 0,
                riid: 0,
                constant: Vec::new(),
                arena: Vec::new(),
            })
        };
        let mut request = DOORS.with(|d| d.spare.take()).unwrap_or_else(new);
        request.caller = caller;
        request.riid = Header::read(parts.constant).map_or(0, |header| header.riid);
        request.client = Header::self_handle(parts.constant).map_or(0, |me| me.badge);
        request.constant.extend_from_slice(parts.constant);
        request.arena.extend_from_slice(parts.arena);
        request
    }

    /// Leaves the buffers to the next request, unless they are so large that they would be missed elsewhere.
    fn done(mut self: Box<Self>) {
        const KEPT_BYTES: usize = 256;
        if self.constant.capacity().max(self.arena.capacity()) <= KEPT_BYTES {
            self.constant.clear();
            self.arena.clear();
            DOORS.with(|d| d.spare = Some(self));
        }
    }

    /// Whether it is about the domain itself.
    fn is_control(&self) -> bool {
        self.riid == kos_bindings::idl::control::RIID
    }

    /// The message.
    #[must_use]
    pub fn parts(&self) -> Parts<'_> {
        Parts {
            constant: &self.constant,
            arena: &self.arena,
        }
    }
}

/// Most requests that the kernel sends before one is answered (`WORKERS` and `FIRSTS` in `hosted/process/queue.rs`).
const MAX_REQUESTS: usize = 32 + 256;
/// Most clients that are cleaned up at once.
const MAX_CLEAN_UPS: usize = 4;
const MAX_WORKERS: usize = MAX_REQUESTS + MAX_CLEAN_UPS;

struct Doors {
    queue: VecDeque<Job>,
    parked: Vec<Task>,
    workers: usize,
    /// Jobs taken and not done.
    in_flight: usize,
    /// Of these, clean-ups that a worker is at.
    clean_ups: usize,
    /// The domain is being suspended or is.
    is_held: bool,
    /// An answer that lies in the port.
    answer: Option<(CallerId, Lens)>,
    /// A request that was served, its buffers empty, for the next one.
    spare: Option<Box<Request>>,
}

static DOORS: Global<Doors> = Global::new(Doors {
    queue: VecDeque::new(),
    parked: Vec::new(),
    workers: 0,
    in_flight: 0,
    clean_ups: 0,
    is_held: false,
    answer: None,
    spare: None,
});
static LISTENER: Global<Option<Listener>> = Global::new(None);
static IS_OPEN: Word<bool> = Word::new(false);

/// Whether the start is over, so that requests are served.
#[must_use]
pub fn is_open() -> bool {
    IS_OPEN.get()
}

/// Takes the server end of the port.
pub fn init(listener: Listener) {
    LISTENER.with(|l| *l = Some(listener));
}

fn with_listener<R>(f: impl FnOnce(&mut Listener) -> R) -> R {
    LISTENER.with(|listener| match listener {
        Some(listener) => f(listener),
        None => fatal(format_args!("the doors were used before the port was there")),
    })
}

/// Whether a client waits for an answer, or the start is not over.
#[must_use]
pub fn is_anyone_waiting() -> bool {
    !IS_OPEN.get() || DOORS.with(|d| d.in_flight > 0)
}

/// Whether a request or a notice waits in the kernel.
#[must_use]
pub fn has_request() -> bool {
    with_listener(|l| l.has_request())
}

/// Sends what was answered and waits for a request, a notice, an interrupt or the timeout. Interrupts are off: one that
/// was taken on the way here could have made a task ready, which would wait, too.
pub fn wait(timeout_ns: u64) {
    if cfg!(feature = "debug") && !irq::ffi::is_off() {
        fatal(format_args!("waiting for news while interrupts are taken"));
    }
    crate::log::flush_pending();
    let answer = DOORS.with(|d| d.answer.take());
    let mut given_up = None;
    let job = with_listener(|l| {
        let event = match answer {
            // The client that was answered may be gone by now: nobody is left to be told.
            Some((caller, lens)) => l.reply_recv(caller, lens, timeout_ns).1,
            None => match l.recv(timeout_ns) {
                Ok(event) => event,
                Err(code) => fatal(format_args!("recv: {code:?}")),
            },
        };
        match event {
            Event::Request(incoming) => Some(Job::Serve(Request::copy(incoming.caller, incoming.request))),
            Event::ClientGone(client) => {
                context::orphan(client);
                Some(Job::CleanUp(client))
            }
            Event::Abandoned(caller) => {
                given_up = Some(caller);
                None
            }
            Event::Irq | Event::Timeout => None,
        }
    });
    // The wait is over: whoever asked for it looks again at what is ready. A new worker's memory may take its time.
    let was_off = irq::open();
    if let Some(job) = job {
        accept(job);
    }
    if let Some(caller) = given_up {
        abandoned(caller);
    }
    irq::restore(was_off);
}

/// Gives a request up whose client waits no more.
fn abandoned(caller: CallerId) {
    let is_it = |job: &Job| matches!(job, Job::Serve(request) if request.caller == caller);
    let was_queued = DOORS.with(|d| {
        let at = d.queue.iter().position(is_it)?;
        d.in_flight -= 1;
        d.queue.remove(at)
    });
    if was_queued.is_some() {
        // The kernel counts it until it is answered.
        let _ = with_listener(|l| l.reply(caller, Lens::default()));
    } else {
        context::interrupt(caller);
    }
}

/// Sends what was answered though others are still being served, whose waiting may take as long as it likes.
pub fn flush() {
    crate::log::flush_pending();
    send(DOORS.with(|d| d.answer.take()));
}

fn accept(job: Job) {
    let (parked, may_grow) = DOORS.with(|d| {
        d.queue.push_back(job);
        d.in_flight += 1;
        (d.parked.pop(), d.workers < MAX_WORKERS)
    });
    match parked {
        Some(task) => {
            sched::wake(task, TASK_IDLE);
        }
        None if !IS_OPEN.get() || !may_grow => {}
        None => {
            // Without memory for one more worker the request waits until another is free.
            if let Ok(task) = sched::spawn(c"door", 0, serve) {
                DOORS.with(|d| d.workers += 1);
                sched::wake_new(task);
            }
        }
    }
}

/// Opens the doors: the first task becomes the first worker.
pub fn serve_requests() {
    IS_OPEN.set(true);
    DOORS.with(|d| d.workers += 1);
    serve();
}

impl Doors {
    /// Takes the job that came first, clean-ups only as far as they leave the requests their workers.
    fn next(&mut self) -> Option<Job> {
        let may_clean_up = self.clean_ups < MAX_CLEAN_UPS && !self.is_held;
        let mut jobs = self.queue.iter();
        let at = jobs.position(|job| match job {
            Job::Serve(request) => !self.is_held || request.is_control(),
            Job::CleanUp(_) => may_clean_up,
        })?;
        let job = self.queue.remove(at)?;
        self.clean_ups += usize::from(matches!(job, Job::CleanUp(_)));
        Some(job)
    }
}

/// Begins no more requests and clean-ups but those about the domain itself.
pub fn hold() {
    DOORS.with(|d| d.is_held = true);
}

/// Signals those that were begun, and says how many still run.
#[must_use]
pub fn interrupt_all() -> usize {
    context::signal_all() + DOORS.with(|d| d.clean_ups)
}

/// Goes on with all.
pub fn release() {
    let workers = DOORS.with(|d| {
        d.is_held = false;
        let others = d.parked.len().saturating_sub(d.queue.len());
        d.parked.split_off(others)
    });
    for task in workers {
        sched::wake(task, TASK_IDLE);
    }
}

fn serve() {
    loop {
        if let Some(job) = DOORS.with(Doors::next) {
            match job {
                Job::Serve(request) => {
                    let end = handle(&request);
                    if end.is_to_restart && !end.is_orphan {
                        DOORS.with(|d| d.queue.push_front(Job::Serve(request)));
                    } else {
                        request.done();
                    }
                }
                Job::CleanUp(client) => {
                    files::close_all(client);
                    DOORS.with(|d| {
                        d.in_flight -= 1;
                        d.clean_ups -= 1;
                    });
                }
            }
            // What drivers released meanwhile is released before the next job, as before a return to user space.
            crate::raw::file::settle();
            continue;
        }
        let task = Task::current();
        task.set_state(TASK_IDLE);
        DOORS.with(|d| d.parked.push(task));
        sched::schedule();
    }
}

fn handle(request: &Request) -> context::End {
    let end = context::serve(request.client, request.caller, request.is_control(), || {
        match request.riid {
            kos_bindings::idl::sysfs::RIID => sysfs::serve(request),
            kos_bindings::idl::chardev::RIID => chardev::serve(request),
            kos_bindings::idl::socket::RIID => socket::serve(request),
            kos_bindings::idl::control::RIID => control::serve(request),
            _ => unknown(request),
        }
    });
    if end.is_orphan {
        // The request may have opened something after the clean-up.
        files::close_all(request.client);
        if end.is_to_restart {
            // The kernel counts it until it is answered.
            DOORS.with(|d| d.in_flight -= 1);
            let _ = with_listener(|l| l.reply(request.caller, Lens::default()));
        }
    }
    end
}

/// The kernel lets only messages of this domain's interfaces through; another one is a broken kernel.
fn unknown(request: &Request) -> ! {
    let header = Header::read(request.parts().constant);
    let (riid, mid) = header.map_or((0, 0), |h| (h.riid, h.mid));
    fatal(format_args!(
        "request for interface {riid}, method {mid}, which this domain does not serve"
    ))
}

/// A request's parameters; the kernel checked that they can be decoded.
fn decoded<T>(parameters: Result<T, NkErr>) -> T {
    match parameters {
        Ok(parameters) => parameters,
        Err(e) => fatal(format_args!("a request does not fit its method: {e:?}")),
    }
}

/// A timeout of the wire; the greatest value stands for none.
fn timeout_ns(timeout_ms: u32) -> Option<u64> {
    (timeout_ms != u32::MAX).then_some(u64::from(timeout_ms) * 1_000_000)
}

/// Sends the last answer and ends the domain in order.
pub fn finish() -> ! {
    flush();
    die(Crash::default(), 0)
}

fn send(answer: Option<(CallerId, Lens)>) {
    if let Some((caller, lens)) = answer {
        // The client may be gone by now: nobody is left to be told.
        let _ = with_listener(|l| l.reply(caller, lens));
    }
}

/// Whether an answer is one that Linux gives nobody, but begins the call again (`include/linux/errno.h`). All errors of
/// clients' interfaces are an errno.
fn is_interruption(constant: &[u8], lens: Lens) -> bool {
    let constant = constant.get(..lens.constant).unwrap_or_default();
    let errno = constant.get(HEADER_BYTES..).and_then(|bytes| bytes.first_chunk());
    Header::read(constant).is_ok_and(|header| header.is_error)
        && errno.is_some_and(|errno| Errno::from_wire(i32::from_le_bytes(*errno)).is_restart())
}

/// Writes the answer to `request`; if a signal ended the service, nothing: it is begun again. `encode` must not sleep.
pub fn answer<E>(request: &Request, encode: impl FnOnce(PartsMut<'_>) -> Result<Lens, E>) {
    send(DOORS.with(|d| d.answer.take()));
    let lens = with_listener(|l| encode(l.response()));
    complete(request, lens.ok());
}

/// What [`answer`] does for every kind of answer; one copy of it serves all.
#[inline(never)]
fn complete(request: &Request, lens: Option<Lens>) {
    let Some(lens) = lens else {
        fatal(format_args!("an answer does not fit its message"))
    };
    let is_interrupted = context::is_signalled() && with_listener(|l| is_interruption(l.response().constant, lens));
    if is_interrupted && context::begin_again() {
        return;
    }
    DOORS.with(|d| {
        d.in_flight -= 1;
        d.answer = Some((request.caller, lens));
    });
}
