// SPDX-License-Identifier: GPL-2.0-only
//! A domain inside this process, for several clients.
//!
//! The domain runs on a thread of its own, which takes requests and, between them, lets its interrupts and timers
//! happen. Benchmarks and fuzz targets, which want no hand-over at all, use [`InProc`] directly.

use kos_bindings::hosted::inproc::{InProc, Options};
use kos_bindings::hosted::{DomainSpec, Error, LastWords};
use kos_bindings::nk::{Handle, Lens, Parts, PartsMut, Retcode, Transport};
use kos_bindings::port::{ARENA_BYTES, CONSTANT_BYTES};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A message on its way between the threads.
#[derive(Debug)]
struct Message {
    constant: Vec<u8>,
    arena: Vec<u8>,
}

impl Message {
    fn of(parts: Parts<'_>) -> Self {
        Self {
            constant: parts.constant.to_vec(),
            arena: parts.arena.to_vec(),
        }
    }

    fn parts(&self) -> Parts<'_> {
        Parts {
            constant: &self.constant,
            arena: &self.arena,
        }
    }
}

type Answer = Result<Message, Retcode>;
type End = Arc<Mutex<Option<(i32, Option<LastWords>)>>>;

#[derive(Debug)]
struct Request {
    message: Message,
    answer: Sender<Answer>,
}

/// The domain, as its supervisor holds it.
#[derive(Debug)]
pub struct InProcess {
    requests: Sender<Request>,
    handle: Handle,
    end: End,
}

/// How long an interrupt waits at the most while no client asks.
const SLICE: Duration = Duration::from_millis(1);

impl InProcess {
    /// Maps the image and runs it until it listens.
    ///
    /// # Errors
    ///
    /// The image cannot be mapped, the policy forbids the start, or there is no memory.
    pub fn start(spec: DomainSpec, policy: kos_policy::Live) -> Result<Self, Error> {
        let (requests, inbox) = channel();
        let (started, start) = channel();
        let end: End = Arc::default();
        let ended = Arc::clone(&end);
        let options = Options {
            policy: Box::new(policy),
            ..Options::default()
        };
        let thread = move || match InProc::start(&spec, options) {
            Ok(mut domain) => {
                // Nobody waits any more if the supervisor is gone; then the loop ends too.
                let _ = started.send(Ok(domain.handle()));
                serve(&mut domain, &inbox, &ended);
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        };
        std::thread::Builder::new()
            .name("domain".to_owned())
            .spawn(thread)
            .map_err(Error::Thread)?;
        let handle = start
            .recv()
            .map_err(|_| Error::Thread(std::io::ErrorKind::BrokenPipe.into()))??;
        Ok(Self { requests, handle, end })
    }

    /// The handle to call.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle
    }

    pub(super) fn exit_status(&self) -> Option<(i32, Option<LastWords>)> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(domain: &mut InProc, inbox: &Receiver<Request>, end: &End) {
    loop {
        match inbox.recv_timeout(SLICE) {
            Ok(request) => {
                let answer = call(domain, request.message.parts());
                // A client that went away needs no answer.
                let _ = request.answer.send(answer);
            }
            Err(RecvTimeoutError::Timeout) => domain.run(Duration::from_nanos(1)),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if let Some(status) = domain.exit_status() {
            *end.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
        }
    }
}

fn call(domain: &mut InProc, request: Parts<'_>) -> Answer {
    let room = domain.request();
    let lens = Lens {
        constant: request.constant.len(),
        arena: request.arena.len(),
    };
    let constant = room
        .constant
        .get_mut(..lens.constant)
        .ok_or(Retcode::INVALID_ARGUMENT)?;
    constant.copy_from_slice(request.constant);
    let arena = room.arena.get_mut(..lens.arena).ok_or(Retcode::INVALID_ARGUMENT)?;
    arena.copy_from_slice(request.arena);
    let handle = domain.handle();
    domain.call(handle, lens).map(Message::of)
}

/// One client of such a domain.
#[derive(Debug)]
pub struct InProcessTransport {
    requests: Sender<Request>,
    constant: Vec<u8>,
    arena: Vec<u8>,
    response: Message,
}

impl InProcessTransport {
    /// One more client.
    #[must_use]
    pub fn new(domain: &InProcess) -> Self {
        Self {
            requests: domain.requests.clone(),
            constant: vec![0; CONSTANT_BYTES],
            arena: vec![0; ARENA_BYTES],
            response: Message {
                constant: Vec::new(),
                arena: Vec::new(),
            },
        }
    }
}

impl Transport for InProcessTransport {
    fn request(&mut self) -> PartsMut<'_> {
        PartsMut {
            constant: &mut self.constant,
            arena: &mut self.arena,
        }
    }

    fn call(&mut self, _: Handle, lens: Lens) -> Result<Parts<'_>, Retcode> {
        let request = self.request();
        let message = Message::of(request.filled(lens).ok_or(Retcode::INVALID_ARGUMENT)?);
        let (answer, answered) = channel();
        self.requests
            .send(Request { message, answer })
            .map_err(|_| Retcode::NOT_CONNECTED)?;
        self.response = answered.recv().map_err(|_| Retcode::NOT_CONNECTED)??;
        Ok(self.response.parts())
    }
}
