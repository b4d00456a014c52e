// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers inside the kernel's process: bus masters, firmware, logs.

use std::any::Any;
use std::boxed::Box;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::String;
use std::sync::Mutex;

use super::notice::lock;
use crate::nk::{Lens, Parts, PartsMut, Retcode};

/// An object that answers messages in the kernel's process.
///
/// It is called on the kernel thread of the caller's port, after the request was validated and
/// judged; by several callers at once. A closure that must be alone goes into a [`Mutex`].
pub trait Server: Send + Sync {
    /// Answers `request` of interface `riid`.
    ///
    /// # Errors
    ///
    /// The caller's `Call` fails with the code. Errors of the interface itself are a response in
    /// its error form.
    fn dispatch(&self, riid: u16, request: Parts<'_>, response: PartsMut<'_>) -> Result<Lens, Retcode>;
}

impl<F> Server for F
where
    F: Fn(u16, Parts<'_>, PartsMut<'_>) -> Result<Lens, Retcode> + Send + Sync,
{
    fn dispatch(&self, riid: u16, request: Parts<'_>, response: PartsMut<'_>) -> Result<Lens, Retcode> {
        self(riid, request, response)
    }
}

impl<F> Server for Mutex<F>
where
    F: FnMut(u16, Parts<'_>, PartsMut<'_>) -> Result<Lens, Retcode> + Send,
{
    fn dispatch(&self, riid: u16, request: Parts<'_>, response: PartsMut<'_>) -> Result<Lens, Retcode> {
        lock(self)(riid, request, response)
    }
}

/// A server with its name: what a handle points to.
pub(crate) struct ServerObject {
    pub(crate) name: String,
    object: Box<dyn Server>,
}

impl fmt::Debug for ServerObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerObject")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl ServerObject {
    pub(crate) fn new(name: String, object: Box<dyn Server>) -> Self {
        Self { name, object }
    }

    /// Calls the server. A panic in it becomes `rcFail` and its text; the next call finds it as it
    /// was left.
    pub(crate) fn dispatch(
        &self,
        riid: u16,
        request: Parts<'_>,
        response: PartsMut<'_>,
    ) -> Result<Lens, (Retcode, Option<String>)> {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.object.dispatch(riid, request, response)));
        match outcome {
            Ok(result) => result.map_err(|code| (code, None)),
            Err(panic) => Err((Retcode::FAIL, Some(panic_text(&*panic)))),
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| String::from(*text))
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| String::from("a panic without text"))
}
