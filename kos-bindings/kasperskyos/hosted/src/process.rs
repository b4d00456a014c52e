// SPDX-License-Identifier: MIT OR Apache-2.0
//! The process that a thread of this program belongs to.

use std::cell::RefCell;
use std::sync::Arc;

use kos_bindings::hosted::{Error, Task, Thread};
use kos_bindings::kn::Kn;
use kos_bindings::nk::Retcode;

struct Current {
    task: Arc<Task>,
    thread: Thread,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Runs `body` on the calling thread as a thread of `task`.
///
/// # Errors
///
/// The process may have no more threads.
pub fn enter<R>(task: &Arc<Task>, body: impl FnOnce() -> R) -> Result<R, Error> {
    let current = Current {
        task: Arc::clone(task),
        thread: task.attach()?,
    };
    let before = CURRENT.with_borrow_mut(|place| place.replace(current));
    let result = body();
    CURRENT.with_borrow_mut(|place| *place = before);
    Ok(result)
}

/// The calling thread's process; `rcFail` if it has none.
pub(crate) fn task() -> Result<Arc<Task>, Retcode> {
    CURRENT.with_borrow(|current| match current {
        Some(current) => Ok(Arc::clone(&current.task)),
        None => Err(outside()),
    })
}

/// Does something with the calling thread.
pub(crate) fn with<R>(ask: impl FnOnce(&mut Thread) -> Result<R, Retcode>) -> Result<R, Retcode> {
    CURRENT.with_borrow_mut(|current| match current {
        Some(current) => ask(&mut current.thread),
        None => Err(outside()),
    })
}

/// Asks the kernel's services.
pub(crate) fn kn<R>(ask: impl FnOnce(&mut Kn<&mut Thread>) -> Result<R, Retcode>) -> Result<R, Retcode> {
    with(|thread| ask(&mut thread.kn()))
}

/// Says what went wrong: on KasperskyOS there is no thread without a process.
fn outside() -> Retcode {
    eprintln!("kos-c: called by a thread that belongs to no process");
    Retcode::FAIL
}
