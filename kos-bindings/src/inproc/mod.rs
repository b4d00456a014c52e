// SPDX-License-Identifier: MIT OR Apache-2.0
//! A domain without isolation, in its client's own process: for debugging, fuzzing, and as
//! benchmarks' lower bound.
//!
//! The same image that runs as a process is mapped at its link address and runs on a coroutine.
//! `Recv` returns to the client; `Call` goes straight to the validator, the judge and the server
//! object, on the client's stack. What is judged and when is the same as in a kernel; nothing is
//! copied, because there is one thread. One image can be in a process once: two domains linked for
//! the same address do not fit.

mod entry;
mod host;
mod image;
mod snapshot;

use std::io;
use std::ops::Range;
use std::string::ToString;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::Duration;

use crate::hosted::error::Error;
use crate::hosted::handles::{Entry, HandleTable};
use crate::hosted::judge::{AllowAll, CLIENT, Counts, Judge, Policy, Registry, Sharing};
use crate::hosted::life::LastWords;
use crate::hosted::process::Process;
use crate::hosted::shared::Shared;
use crate::hosted::spec::DomainSpec;
use crate::hosted::task::{Born, Task};
use crate::nk::{Handle, Lens, Parts, PartsMut, Retcode, Transport};
use crate::port::{Area, event, isolation, turn};
use crate::sys::{Timespec, futex_wait};
use host::{Host, Stop};
use image::Image;

/// A domain in this process, and its only client.
#[derive(Debug)]
pub struct InProc {
    host: Host,
    /// After the coroutine: its code must not be unmapped before.
    image: Image,
    timeout: Option<Duration>,
    last_id: u64,
}

/// The state of an [`InProc`] at one moment.
pub struct Snapshot(host::Still);

impl Snapshot {
    /// The memory that is put back: whoever keeps something about each byte of it, such as a sanitizer's shadow, must
    /// put that back too.
    pub fn memory(&self) -> impl Iterator<Item = Range<usize>> {
        self.0.pieces()
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Snapshot").finish_non_exhaustive()
    }
}

/// How an in-process domain is judged.
pub struct Options {
    /// Finds interfaces.
    pub registry: Registry,
    /// Judges messages.
    pub policy: std::boxed::Box<dyn Policy>,
    /// How long a `Call` may take; the domain's sleeping counts, its computing does not.
    pub call_timeout: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            registry: crate::idl::interface,
            policy: std::boxed::Box::new(AllowAll),
            call_timeout: Some(Duration::from_secs(30)),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("call_timeout", &self.call_timeout)
            .finish_non_exhaustive()
    }
}

/// Numbers of such domains, which a policy may hear of beside those of a kernel's processes.
static NUMBERS: AtomicU64 = AtomicU64::new(1 << 62);

impl InProc {
    /// Maps the image and runs it until it listens.
    ///
    /// # Errors
    ///
    /// [`Error::Image`] if it cannot be mapped, [`Error::Port`] without memory for the port.
    pub fn start(spec: &DomainSpec, options: Options) -> Result<Self, Error> {
        let image = Image::load(&spec.image).map_err(|error| {
            let hint = match error.kind() {
                io::ErrorKind::AlreadyExists => {
                    io::Error::other("another domain lies at its addresses in this process")
                }
                _ => error,
            };
            Error::Image(spec.image.display().to_string(), hint)
        })?;
        let handles = (1..).take(spec.channels.len()).collect::<std::vec::Vec<u32>>();
        let (boot, blob) = spec.layout(&[], isolation::NONE, &handles)?;
        let shared = Shared::create(&boot, &blob).map_err(|error| Error::Port(error.into()))?;
        let judge = Arc::new(Judge::new(options.registry, options.policy, Sharing::None));
        let born = Born {
            id: NUMBERS.fetch_add(1, Relaxed),
            name: spec.name.to_string(),
            class: spec.class.to_string(),
            party: None,
            security: spec.security,
            limits: spec.limits,
            death: Retcode::NOT_CONNECTED,
            judge: Arc::clone(&judge),
        };
        judge.execute(&spec.class, born.id)?;
        let process = Arc::new(Process::of_task(born.id, Task::with_one_thread(born), shared, None));
        let entries = spec.channels.iter().map(|channel| Entry {
            target: channel.endpoint.0.clone(),
            riid: channel.riid,
            rights: channel.rights,
        });
        let entries = HandleTable::of(entries);
        spec.lines.attach(&process);
        let host = Host::new(process, entries, judge, image.entry, spec.stack_bytes).map_err(Error::Port)?;
        let mut domain = Self {
            host,
            image,
            timeout: options.call_timeout,
            last_id: 0,
        };
        domain.host.resume();
        Ok(domain)
    }

    /// Returns the handle to call, for the generated clients; any value leads to the one domain.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(1)
    }

    /// Tells how the domain ended, if it did: its exit status and last words.
    #[must_use]
    pub fn exit_status(&self) -> Option<(i32, Option<LastWords>)> {
        let code = self.host.exit_code()?;
        Some((code, LastWords::of(&self.host.process().shared.epitaph())))
    }

    /// Returns how many messages were judged.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.host.judge().counts()
    }

    /// Sets interrupt line `line`; the hardware's way is [`crate::hosted::Lines`].
    pub fn set_line(&self, line: u32, is_high: bool) {
        self.host.process().set_line(line, is_high);
    }

    /// Keeps the domain's state, so that it can be put back any number of times. The domain must be listening with no
    /// request in it.
    ///
    /// Memory in `skipped` is left as it is when the state is put back: counters of the code's coverage, for instance.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the domain is not listening; the system does not say which pages exist.
    pub fn snapshot(&self, skipped: &[Range<usize>]) -> io::Result<Snapshot> {
        if !matches!(self.host.stop(), Some(Stop::Receiving { .. })) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(Snapshot(self.host.keep(&self.image.data, skipped)?))
    }

    /// Puts the domain's state back, whatever became of it since: it may even have died. The snapshot must be this
    /// domain's own. Interrupt lines are to be low, as when it was taken.
    ///
    /// # Errors
    ///
    /// The system does not say which pages exist.
    pub fn restore(&mut self, snapshot: &mut Snapshot) -> io::Result<()> {
        self.host.put_back(&mut snapshot.0)
    }

    /// Lets the domain run for as long as it has something to do, `limit` at the most: interrupts
    /// and timers.
    pub fn run(&mut self, limit: Duration) {
        let end = crate::hosted::clock_ns().saturating_add(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        while self.host.exit_code().is_none() && self.wait_event(end) {
            self.host.resume();
        }
    }

    /// Waits until the domain's `Recv` ends without a request. Returns false at `end_ns`, with the
    /// `Recv` still open.
    fn wait_event(&mut self, end_ns: u64) -> bool {
        let Some(Stop::Receiving { deadline_ns }) = self.host.stop() else {
            return false;
        };
        let process = self.host.process();
        let word = &process.shared.port().turn;
        word.store(turn::BUSY, Relaxed);
        // An interrupt may come from another thread, so this is the kernel's own `Recv`, with its
        // lock.
        process.receive(deadline_ns.min(end_ns).max(1));
        loop {
            match word.load(Acquire) {
                turn::USER => break,
                seen => {
                    let due = process.deadline_ns();
                    if crate::hosted::clock_ns() >= due {
                        process.expire(crate::hosted::clock_ns(), u64::MAX);
                    } else {
                        let due = (due != u64::MAX).then(|| Timespec::from_ns(due));
                        futex_wait(word, seen, turn::USER_BIT, due);
                    }
                }
            }
        }
        let is_timeout = process.shared.port().event.load(Acquire) == event::TIMEOUT;
        !(is_timeout && crate::hosted::clock_ns() < deadline_ns)
    }

    /// Runs the domain until request `id` is answered.
    fn answer(&mut self, id: u64) -> Result<Lens, Retcode> {
        let limit = self
            .timeout
            .map_or(u64::MAX, |limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        let mut end_ns = None;
        loop {
            self.host.resume();
            if let Some(lens) = self.host.take_answer(id) {
                return lens;
            }
            if self.host.exit_code().is_some() {
                return Err(Retcode::NOT_CONNECTED);
            }
            let end_ns = *end_ns.get_or_insert_with(|| crate::hosted::clock_ns().saturating_add(limit));
            if !self.wait_event(end_ns) {
                return Err(Retcode::TIMEOUT);
            }
        }
    }
}

impl Transport for InProc {
    fn request(&mut self) -> PartsMut<'_> {
        self.host.request_room()
    }

    fn call(&mut self, _: Handle, lens: Lens) -> Result<Parts<'_>, Retcode> {
        if self.host.exit_code().is_some() {
            return Err(Retcode::NOT_CONNECTED);
        }
        let known = self.host.judge_request(lens)?;
        self.last_id = self.last_id.wrapping_add(1);
        let id = self.last_id;
        self.host.deliver(id, known, lens);
        let lens = self.answer(id)?;
        self.host.answer_parts(lens)
    }
}

/// Marks areas that the host lends; see [`Host`].
const REQUEST: Area = Area::ServeRequest;
