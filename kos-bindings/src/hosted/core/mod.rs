// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's own services, reached by `Call` like any other: `kl.core.Handle`, `Notice`, `IPC`, `VMM`, `IO`, `CM`.
//!
//! A request was validated and judged before it gets here, and the answer will be before it leaves. The handles in it
//! are the caller's; what is made goes into the caller's table, at the caller's cost. Numbers come from the generated
//! code.

/// Methods of a service: what each does for the process that asks, `me`, and what its answer holds beside the return
/// code, which is a handle or nothing.
macro_rules! methods {
    ($(
        $name:ident($me:ident, $request:ident: $Request:ty) -> $Answer:path { $($handle:ident)? } = $does:expr;
    )*) => {$(
        fn $name(&mut self, $request: $Request, response: PartsMut<'_>) -> super::Answer {
            let $me = &*self;
            let done = $does;
            methods!(@ $($handle)? done, $Answer, response)
        }
    )*};
    (@ $done:ident, $Answer:path, $response:ident) => {{
        type Answer = $Answer;
        Ok(Answer { rc: super::code($done) }.encode($response)?)
    }};
    (@ $handle:ident $done:ident, $Answer:path, $response:ident) => {{
        type Answer = $Answer;
        let ($handle, rc) = super::answer($done);
        Ok(Answer { $handle, rc }.encode($response)?)
    }};
}

mod dma;
mod handle;
mod io;
mod memory;
mod notice;

pub(crate) use handle::{connect, listener};

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::handles::Rights;
use super::kernel::Inner;
use super::object::{Kind, Object};
use super::process::Process;
use super::quota::What;
use super::task::Task;
use super::{caps, transfer};
use crate::idl::{cm, handle as handle_idl, io as io_idl, ipc, notice as notice_idl, vmm};
use crate::kn::{INFINITE, right};
use crate::nk::{Fault, Handle, HandleDesc, Interface, Lens, Method, Never, NkErr, Parts, PartsMut, Retcode, Wire};

type Answer = Result<Lens, Fault<Never>>;

/// Finds a service of the kernel by the number in a message's header.
pub(crate) fn interface(riid: u16) -> Option<&'static Interface> {
    match riid {
        handle_idl::RIID | notice_idl::RIID | ipc::RIID | vmm::RIID | io_idl::RIID | cm::RIID => {
            crate::idl::interface(riid)
        }
        _ => None,
    }
}

/// The services, on behalf of one thread.
pub(crate) struct Core<'a> {
    kernel: &'a Inner,
    thread: &'a Arc<Process>,
    task: &'a Arc<Task>,
}

impl<'a> Core<'a> {
    pub(crate) fn new(kernel: &'a Inner, thread: &'a Arc<Process>) -> Self {
        Self {
            kernel,
            thread,
            task: &thread.task,
        }
    }

    /// Answers a valid request of service `riid`.
    pub(crate) fn dispatch(&mut self, riid: u16, request: Parts<'_>, response: PartsMut<'_>) -> Result<Lens, Retcode> {
        let done = match riid {
            handle_idl::RIID => handle_idl::dispatch(self, request, response),
            notice_idl::RIID => notice_idl::dispatch(self, request, response),
            ipc::RIID => ipc::dispatch(self, request, response),
            vmm::RIID => vmm::dispatch(self, request, response),
            io_idl::RIID => io_idl::dispatch(self, request, response),
            cm::RIID => cm::dispatch(self, request, response),
            _ => Err(NkErr::NoEnt),
        };
        done.map_err(|_| Retcode::INVALID_ARGUMENT)
    }

    /// Finds what a handle of the request with `rights` leads to.
    fn object(&self, desc: HandleDesc, rights: u32) -> Result<Arc<Object>, Retcode> {
        self.task.object(desc.handle, Rights(rights), Retcode::INVALID_ARGUMENT)
    }

    /// Makes an object at the caller's cost, and the first handle to it.
    fn make(&self, kind: Kind, rights: u32) -> Result<Handle, Retcode> {
        let charge = self.task.quota.take(What::Objects, 1)?;
        caps::root(self.task, Object::new(kind, Some(charge)), Rights(rights))
    }
}

/// Reads the return code in an answer of the kernel's.
pub(crate) fn return_code(method: &Method, answer: Parts<'_>) -> Retcode {
    let field = method.fields.result.iter().find(|field| field.name == "rc");
    let code = field.and_then(|field| i32::get(answer.constant, field.at).ok());
    code.map_or(Retcode::OK, Retcode)
}

/// Splits an outcome into what the answer holds: a handle, and the return code.
fn answer(outcome: Result<Handle, Retcode>) -> (HandleDesc, i32) {
    match outcome {
        Ok(handle) => (HandleDesc::with(handle, 0), Retcode::OK.0),
        Err(code) => (HandleDesc::INVALID, code.0),
    }
}

/// Returns the return code of an outcome.
fn code(outcome: Result<(), Retcode>) -> i32 {
    outcome.err().unwrap_or(Retcode::OK).0
}

/// Turns a time in milliseconds into its end; `None` is never.
fn end(ms: u32) -> Option<Instant> {
    (ms != INFINITE).then(|| Instant::now() + Duration::from_millis(ms.into()))
}
