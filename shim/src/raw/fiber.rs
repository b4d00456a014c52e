// SPDX-License-Identifier: GPL-2.0-only
//! A task's stack and the switch to and from it, on `corosensei`.
//!
//! All fibers are entered from one place, the machine's root loop, and leave to it: a switch from task to task is
//! two cheap switches, and the root loop is the only code that chooses who runs.

use crate::{bindings::THREAD_SIZE, raw::cell::Global};
use core::{
    cell::{Cell, UnsafeCell},
    num::NonZeroUsize,
    ptr,
};
use corosensei::{
    Coroutine, CoroutineResult, Yielder,
    stack::{Stack, StackPointer},
};
use kos_bindings::domain::mem;

const PAGE: usize = 4096;
const STACK_BYTES: usize = THREAD_SIZE as usize;
const SLOT_BYTES: usize = STACK_BYTES + PAGE;

/// Address space for the stacks of all tasks; 16 KiB each with a guard page below.
const MAX_TASKS: usize = 1024;

struct Pool {
    base: usize,
    used: usize,
    free: [u16; MAX_TASKS],
    free_len: usize,
}

static POOL: Global<Pool> = Global::new(Pool {
    base: 0,
    used: 0,
    free: [0; MAX_TASKS],
    free_len: 0,
});

/// Whether `addr` lies in the guard page below a task's stack. Any task's: the processor idles on the stack of the one
/// that slept last.
pub fn is_guard(addr: u64) -> bool {
    POOL.with(|pool| {
        let offset = usize::try_from(addr).ok().and_then(|addr| addr.checked_sub(pool.base));
        pool.base != 0 && offset.is_some_and(|o| o / SLOT_BYTES < pool.used && o % SLOT_BYTES < PAGE)
    })
}

/// One 16 KiB stack above a page that nobody may touch.
pub struct TaskStack {
    slot: u16,
    low: usize,
}

impl TaskStack {
    /// Takes a stack, the most recently freed first, since its pages are already there.
    fn take() -> Option<TaskStack> {
        let stack = Self::find()?;
        // The task before may have ended in the middle of functions that closed parts of their frames.
        #[cfg(feature = "debug")]
        crate::mm::raw::shadow::open(stack.low, STACK_BYTES);
        Some(stack)
    }

    fn find() -> Option<TaskStack> {
        POOL.with(|pool| {
            if pool.base == 0 {
                pool.base = mem::reserve(SLOT_BYTES * MAX_TASKS)?.expose_provenance();
            }
            if pool.free_len > 0 {
                pool.free_len -= 1;
                let slot = pool.free[pool.free_len];
                return Some(TaskStack {
                    slot,
                    low: pool.base + usize::from(slot) * SLOT_BYTES + PAGE,
                });
            }
            if pool.used == MAX_TASKS {
                return None;
            }
            let low = pool.base + pool.used * SLOT_BYTES + PAGE;
            // The page below stays reserved and without access: the guard.
            // SAFETY: whole pages of the reservation above, handed out once.
            if !unsafe { mem::commit(ptr::with_exposed_provenance_mut(low), STACK_BYTES) } {
                return None;
            }
            let slot = u16::try_from(pool.used).ok()?;
            pool.used += 1;
            Some(TaskStack { slot, low })
        })
    }
}

impl Drop for TaskStack {
    fn drop(&mut self) {
        POOL.with(|pool| {
            pool.free[pool.free_len] = self.slot;
            pool.free_len += 1;
        });
    }
}

// SAFETY: the range is mapped for as long as the machine runs, is used by one fiber at a time because slots are
// handed out once, and has an inaccessible page below `limit`.
unsafe impl Stack for TaskStack {
    fn base(&self) -> StackPointer {
        NonZeroUsize::MIN.saturating_add(self.low + STACK_BYTES - 1)
    }

    fn limit(&self) -> StackPointer {
        NonZeroUsize::MIN.saturating_add(self.low - 1)
    }
}

/// What the root loop sees when a fiber leaves.
#[derive(PartialEq, Eq)]
pub enum Left {
    /// It will go on.
    Suspended,
    /// It called `do_exit`: its stack may go.
    Finished,
}

/// A task's execution.
pub struct Fiber {
    run: UnsafeCell<Coroutine<(), Left, (), TaskStack>>,
    yielder: Cell<*const Yielder<(), Left>>,
}

impl Fiber {
    /// A fiber that will run `body`; `None` when there is no stack left.
    pub fn new(body: impl FnOnce() + 'static) -> Option<alloc::boxed::Box<Fiber>> {
        let stack = TaskStack::take()?;
        let run = Coroutine::with_stack(stack, move |yielder: &Yielder<(), Left>, ()| {
            // The root loop made this fiber the running one before it resumed it.
            if let Some(fiber) = crate::raw::task::Task::current().fiber() {
                fiber.yielder.set(yielder);
            }
            body();
        });
        Some(alloc::boxed::Box::new(Fiber {
            run: UnsafeCell::new(run),
            yielder: Cell::new(ptr::null()),
        }))
    }

    /// Runs the fiber until it leaves. Called by the root loop only.
    pub fn resume(&self) -> Left {
        // SAFETY: only the root loop resumes, one fiber at a time, and the fiber itself never touches `run`.
        match unsafe { &mut *self.run.get() }.resume(()) {
            CoroutineResult::Yield(left) => left,
            CoroutineResult::Return(()) => Left::Finished,
        }
    }

    /// Leaves to the root loop; returns when the fiber is resumed.
    pub fn leave(&self, left: Left) {
        // SAFETY: the yielder lives on this fiber's stack below the frame that calls us, from its first line on.
        unsafe { &*self.yielder.get() }.suspend(left);
    }

    /// Frees a fiber that left with [`Left::Finished`] and will never run again.
    pub fn bury(mut self) {
        let run = self.run.get_mut();
        if !run.done() {
            // SAFETY: C frames own nothing that Rust drops, and no Rust frame on this stack holds a value that needs
            // dropping: `do_exit` is called by C, and the closures below it hold plain pointers.
            unsafe { run.force_reset() };
        }
    }
}
