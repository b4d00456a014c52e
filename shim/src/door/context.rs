// SPDX-License-Identifier: GPL-2.0-only
//! Whom the running task serves: the client of its request, and the one buffer of that request which the driver may
//! touch as user memory.

use crate::{
    bindings::{TASK_INTERRUPTIBLE, TASK_WAKEKILL},
    raw::{cell::Global, task::Task},
    sched,
};
use alloc::vec::Vec;
use kos_bindings::domain::CallerId;

/// A client, as the kernel stamps it on each request. It never comes again after the client is gone.
pub type Client = u64;

/// What a driver may do with a window.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The client sent it.
    Read,
    /// The client gets it.
    Write,
    /// Both: an ioctl's argument.
    Both,
}

impl Access {
    fn allows(self, wanted: Access) -> bool {
        self == Access::Both || self == wanted
    }
}

#[derive(Clone, Copy)]
struct Window {
    at: usize,
    len: usize,
    access: Access,
}

#[derive(Clone, Copy)]
struct Served {
    task: Task,
    client: Client,
    caller: CallerId,
    /// It is about the domain itself, and goes on while the domain is suspended.
    is_control: bool,
    /// The client was gone before the service ended.
    is_orphan: bool,
    /// Nobody waits for the answer.
    is_given_up: bool,
    /// It was interrupted for a suspension.
    is_to_restart: bool,
    window: Option<Window>,
}

/// One entry for each task that serves a request: no more than the doors have workers.
struct Table {
    served: Vec<Served>,
}

static TABLE: Global<Table> = Global::new(Table { served: Vec::new() });

impl Table {
    fn find(&mut self, task: Task) -> Option<&mut Served> {
        self.served.iter_mut().find(|s| s.task == task)
    }
}

/// How a service ended.
#[derive(Clone, Copy, Default)]
pub struct End {
    /// The client is gone: nobody will close what the service opened for it.
    pub is_orphan: bool,
    /// It was not answered and is to be begun again.
    pub is_to_restart: bool,
}

/// Runs `f` as the service of `client`'s request `caller`.
pub fn serve(client: Client, caller: CallerId, is_control: bool, f: impl FnOnce()) -> End {
    let task = Task::current();
    TABLE.with(|t| {
        t.served.push(Served {
            task,
            client,
            caller,
            is_control,
            is_orphan: false,
            is_given_up: false,
            is_to_restart: false,
            window: None,
        });
    });
    f();
    let served = TABLE.with(|t| {
        let at = t.served.iter().position(|s| s.task == task)?;
        Some(t.served.swap_remove(at))
    });
    task.forget_signals();
    served.map_or(End::default(), |served| End {
        is_orphan: served.is_orphan,
        is_to_restart: served.is_to_restart,
    })
}

/// Notes that a client is gone.
pub fn orphan(client: Client) {
    TABLE.with(|t| {
        for served in t.served.iter_mut().filter(|s| s.client == client) {
            served.is_orphan = true;
        }
    });
}

/// Ends the waiting of whoever serves this request, as a signal would: nobody waits for the answer.
pub fn interrupt(caller: CallerId) {
    let task = TABLE.with(|t| {
        let served = t.served.iter_mut().find(|s| s.caller == caller)?;
        served.is_given_up = true;
        Some(served.task)
    });
    if let Some(task) = task {
        task.kill();
        sched::wake(task, TASK_INTERRUPTIBLE | TASK_WAKEKILL);
    }
}

/// Signals the services of clients, as Linux does with processes that it freezes: whoever sleeps where a signal reaches
/// it goes on to its end. Says how many there are.
pub fn signal_all() -> usize {
    let tasks: Vec<Task> = TABLE.with(|t| {
        let of_clients = t.served.iter().filter(|served| !served.is_control);
        of_clients.map(|served| served.task).collect()
    });
    for task in &tasks {
        task.signal();
        sched::wake(*task, TASK_INTERRUPTIBLE);
    }
    tasks.len()
}

/// Whether a signal has reached the running task.
#[must_use]
pub fn is_signalled() -> bool {
    Task::current().has_signal()
}

/// Notes that the running task's service, which a signal ended, is to be begun again; false if nobody waits for it.
pub fn begin_again() -> bool {
    let waiting = |served: &&mut Served| !served.is_given_up;
    TABLE
        .with(|t| {
            t.find(Task::current())
                .filter(waiting)
                .map(|served| served.is_to_restart = true)
        })
        .is_some()
}

/// The client whose request the running task serves; `None` for the driver's own tasks.
#[must_use]
pub fn client() -> Option<Client> {
    TABLE.with(|t| t.find(Task::current()).map(|s| s.client))
}

fn set_window(window: Option<Window>) {
    TABLE.with(|t| {
        if let Some(served) = t.find(Task::current()) {
            served.window = window;
        }
    });
}

/// Lends `buffer` to the driver as user memory while `f` runs; `f` gets its address.
pub fn lend<R>(buffer: &mut [u8], access: Access, f: impl FnOnce(usize) -> R) -> R {
    let at = buffer.as_mut_ptr().expose_provenance();
    set_window(Some(Window {
        at,
        len: buffer.len(),
        access,
    }));
    let result = f(at);
    set_window(None);
    result
}

/// Lends bytes that the client sent, to be read only.
pub fn lend_const<R>(buffer: &[u8], f: impl FnOnce(usize) -> R) -> R {
    let at = buffer.as_ptr().expose_provenance();
    set_window(Some(Window {
        at,
        len: buffer.len(),
        access: Access::Read,
    }));
    let result = f(at);
    set_window(None);
    result
}

/// How many of the `len` bytes at `at` the running task may touch.
#[must_use]
pub fn reach(at: usize, len: usize, wanted: Access) -> usize {
    TABLE.with(|t| {
        let Some(window) = t.find(Task::current()).and_then(|s| s.window) else {
            return 0;
        };
        match at.checked_sub(window.at) {
            Some(offset) if window.access.allows(wanted) => window.len.saturating_sub(offset).min(len),
            _ => 0,
        }
    })
}
