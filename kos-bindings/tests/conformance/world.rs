// SPDX-License-Identifier: MIT OR Apache-2.0
//! A kernel with the test interface, processes in it, and a policy that remembers what it saw.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kos_bindings::hosted::judge::{Kind, Policy, Subject, Verdict};
use kos_bindings::hosted::{Config, Kernel, Received, Room, Task, TaskSpec, Thread};
use kos_bindings::kn::EventDesc;
use kos_bindings::nk::{
    Fields, Handle, HandleDesc, Header, Interface, Lens, Method, NkErr, Parts, PartsMut, Retcode, Sizes, Transport,
    Wire,
};

/// Longer than anything here takes on a busy machine.
pub const SOON: Duration = Duration::from_secs(10);
/// The test interface: a header, so many handles as the method's number says, and any arena.
pub const RIID: u16 = 0x7001;
/// Its largest method, so its most handles.
pub const METHODS: usize = 4;

/// A response may be the error form: no handles, and eight bytes for a number.
fn valid_response(parts: Parts<'_>) -> Result<(), NkErr> {
    let header = Header::read(parts.constant)?;
    match header.is_error {
        true if parts.constant.len() == 32 && header.handles == 0 && parts.arena.is_empty() => Ok(()),
        true => Err(NkErr::BadMsg),
        false => valid(parts),
    }
}

/// A message of the test interface has just the handles that its method says, and its length.
fn valid(parts: Parts<'_>) -> Result<(), NkErr> {
    let header = Header::read(parts.constant)?;
    let is_form = usize::from(header.handles) == usize::from(header.mid) && !header.is_error && header.riid == RIID;
    let is_long = parts.constant.len() == 24 + 16 * usize::from(header.mid);
    if is_form && is_long { Ok(()) } else { Err(NkErr::BadMsg) }
}

const fn method(mid: u16) -> Method {
    let sizes = Sizes {
        constant: 24 + 16 * mid as usize,
        arena_max: 16 << 20,
        handles: mid as usize,
    };
    Method {
        name: "Send",
        mid,
        validate_request: valid,
        validate_response: valid_response,
        request: sizes,
        result: sizes,
        error: Some(Sizes {
            constant: 32,
            arena_max: 0,
            handles: 0,
        }),
        fields: Fields {
            request: &[],
            result: &[],
            error: &[],
        },
    }
}

static LIST: [Method; METHODS] = [method(0), method(1), method(2), method(3)];
static INTERFACE: Interface = Interface {
    name: "test.Send",
    riid: RIID,
    methods: &LIST,
};

pub fn registry(riid: u16) -> Option<&'static Interface> {
    (riid == RIID).then_some(&INTERFACE)
}

/// What a policy saw: refused by itself, or told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub sender: String,
    pub receiver: String,
    pub what: &'static str,
    pub code: Retcode,
}

type Rule = Box<dyn Fn(&Subject<'_>) -> Verdict + Send + Sync>;

/// A policy made of one rule, with an audit.
#[derive(Clone, Default)]
pub struct Audit(Arc<Mutex<Vec<Record>>>);

impl Audit {
    fn add(&self, sender: &str, receiver: &str, what: &'static str, code: Retcode) {
        self.0.lock().expect("the audit").push(Record {
            sender: sender.to_owned(),
            receiver: receiver.to_owned(),
            what,
            code,
        });
    }

    /// Takes what was recorded.
    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut self.0.lock().expect("the audit"))
    }
}

struct Ruled {
    rule: Rule,
    audit: Audit,
}

impl Policy for Ruled {
    fn judge(&self, subject: &Subject<'_>) -> Verdict {
        let verdict = (self.rule)(subject);
        if verdict == Verdict::Deny {
            let (from, to) = match subject.kind {
                Kind::Request => (subject.client, subject.server),
                Kind::Response | Kind::Error => (subject.server, subject.client),
            };
            self.audit.add(from, to, "denied", Retcode::SECURITY_DISALLOW);
        }
        verdict
    }

    fn malformed(&self, sender: &str, receiver: &str, _: Kind, _: Parts<'_>) {
        self.audit.add(sender, receiver, "malformed", Retcode::INVALID_ARGUMENT);
    }

    fn refused(&self, sender: &str, receiver: &str, _: Parts<'_>, code: Retcode) {
        self.audit.add(sender, receiver, "refused", code);
    }
}

/// A kernel that lets everything through that is well-formed, and its audit.
pub fn world() -> (Kernel, Audit) {
    world_with(Config::default(), |_| Verdict::Allow)
}

/// A kernel with `config`'s other settings, whose policy is `rule`.
pub fn world_with(config: Config, rule: impl Fn(&Subject<'_>) -> Verdict + Send + Sync + 'static) -> (Kernel, Audit) {
    let audit = Audit::default();
    let policy = Box::new(Ruled {
        rule: Box::new(rule),
        audit: audit.clone(),
    });
    let config = Config {
        registry,
        policy,
        ..config
    };
    (Kernel::new(config).expect("this machine permits the sandbox"), audit)
}

/// Makes a process.
pub fn task(kernel: &Kernel, name: &str) -> Task {
    kernel.task(&TaskSpec::new(name)).expect("a process")
}

/// Makes a process with room for large messages.
pub fn large_task(kernel: &Kernel, name: &str) -> Task {
    let spec = TaskSpec {
        room: Room {
            constant: 8192,
            arena: 5 << 20,
        },
        ..TaskSpec::new(name)
    };
    kernel.task(&spec).expect("a process")
}

/// Makes a client and a server with a static channel `ch` between them, and a thread of each.
pub fn pair(kernel: &Kernel) -> Pair {
    let (server, client) = (task(kernel, "server"), task(kernel, "client"));
    kernel
        .connect(&client, &server, "ch", &[("send", RIID)])
        .expect("a channel");
    let (s, c) = (server.attach().expect("a thread"), client.attach().expect("a thread"));
    let listener = s.service_locator_register("ch");
    let channel = c.service_locator_connect("ch");
    assert!(listener.is_valid() && channel.is_valid());
    Pair {
        server,
        client,
        s,
        c,
        listener,
        channel,
    }
}

/// Two processes and a channel.
pub struct Pair {
    pub server: Task,
    pub client: Task,
    pub s: Thread,
    pub c: Thread,
    pub listener: Handle,
    pub channel: Handle,
}

/// Writes a message with `handles` and `text` into `room`.
pub fn write(room: PartsMut<'_>, handles: &[HandleDesc], text: &[u8]) -> Lens {
    let count = u8::try_from(handles.len()).expect("few handles");
    let size = 24 + 16 * u32::from(count);
    let header = Header {
        size,
        handles: count,
        is_error: false,
        riid: RIID,
        mid: count.into(),
    };
    room.constant[..size as usize].fill(0);
    header.pack().put(room.constant, 0).expect("room");
    HandleDesc::INVALID.put(room.constant, 8).expect("room");
    for (at, desc) in handles.iter().enumerate() {
        desc.put(room.constant, 24 + 16 * at).expect("room");
    }
    room.arena[..text.len()].copy_from_slice(text);
    Lens {
        constant: size as usize,
        arena: text.len(),
    }
}

/// Reads handle `at` of a message.
pub fn desc(parts: Parts<'_>, at: usize) -> HandleDesc {
    HandleDesc::get(parts.constant, 24 + 16 * at).expect("a handle")
}

/// Calls with `handles` and `text`; returns the answer's text and handles.
pub fn call(
    thread: &mut Thread,
    handle: Handle,
    handles: &[HandleDesc],
    text: &[u8],
) -> Result<(Vec<u8>, Vec<HandleDesc>), Retcode> {
    let lens = write(thread.request(), handles, text);
    let answer = thread.call(handle, lens)?;
    let count = Header::read(answer.constant).expect("a header").handles;
    let handles = (0..usize::from(count)).map(|at| desc(answer, at)).collect();
    Ok((answer.arena.to_vec(), handles))
}

/// Calls with `text` and nothing else.
pub fn say(thread: &mut Thread, handle: Handle, text: &[u8]) -> Result<Vec<u8>, Retcode> {
    call(thread, handle, &[], text).map(|(text, _)| text)
}

/// What a server got.
#[derive(Clone, Debug)]
pub struct Got {
    pub reply_handle: Handle,
    pub sender: u32,
    pub thread: u32,
    pub call: u64,
    pub own: HandleDesc,
    pub text: Vec<u8>,
    pub handles: Vec<HandleDesc>,
}

/// Receives up to `ms` milliseconds.
pub fn receive(thread: &mut Thread, listener: Handle, ms: u32) -> Result<Got, Retcode> {
    let received = thread.recv_ex(listener, ms, Handle::INVALID)?;
    let message = received.message;
    let count = Header::read(message.constant).map_or(0, |header| header.handles);
    Ok(Got {
        reply_handle: received.reply_handle,
        sender: received.sender,
        thread: received.thread,
        call: received.call,
        own: Header::self_handle(message.constant).unwrap_or(HandleDesc::INVALID),
        text: message.arena.to_vec(),
        handles: (0..usize::from(count)).map(|at| desc(message, at)).collect(),
    })
}

/// Answers what was got, with `handles` and `text`.
pub fn answer(thread: &mut Thread, got: &Got, handles: &[HandleDesc], text: &[u8]) -> Result<(), Retcode> {
    let lens = write(thread.response(), handles, text);
    thread.reply(got.reply_handle, got.thread, lens)
}

/// Serves `listener` with echoes on a thread of its own until it is gone.
pub fn echo(mut thread: Thread, listener: Handle) -> std::thread::JoinHandle<Thread> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let mut next = thread.recv(listener).map(|received| remember(&received, &mut text));
        while let Ok(client) = next {
            let lens = write(thread.response(), &[], &text);
            let (_, received) = thread.reply_recv(listener, client, lens, u32::MAX, Handle::INVALID);
            next = received.map(|received| remember(&received, &mut text));
        }
        thread
    })
}

/// Copies a request's text and returns who asks.
fn remember(received: &Received<'_>, text: &mut Vec<u8>) -> u32 {
    text.clear();
    text.extend_from_slice(received.message.arena);
    received.thread
}

/// Waits until `what` holds.
pub fn until(what: impl Fn() -> bool) {
    let end = std::time::Instant::now() + SOON;
    while !what() {
        assert!(std::time::Instant::now() < end, "it did not come about");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Takes events of `notice`, waiting up to `ms` milliseconds for one.
pub fn events(thread: &mut Thread, notice: Handle, ms: u32) -> Result<Vec<(u64, u32, u32)>, Retcode> {
    let mut list = [EventDesc {
        ev_id: 0,
        mask: 0,
        counter: 0,
    }; 128];
    let count = thread.kn().notice_get_event(notice, ms, &mut list)?;
    Ok(list[..count]
        .iter()
        .map(|one| (one.ev_id, one.mask, one.counter))
        .collect())
}
