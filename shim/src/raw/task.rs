// SPDX-License-Identifier: GPL-2.0-only
//! A `task_struct` as a value: the fields that the machine reads and writes (`include/linux/sched.h`).

use crate::{
    bindings::{self, task_struct},
    raw::{cell::Word, fiber::Fiber},
};
use core::{
    ffi::{CStr, c_int, c_void},
    ptr::{self, NonNull},
};

/// A live task. Whoever holds one got it from C, which holds a reference, or from the run queue, which does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Task(NonNull<task_struct>);

/// The task that stands for the root loop: interrupts at idle run as this one.
static IDLE: Word<Option<Task>> = Word::new(None);
static NEXT_PID: Word<c_int> = Word::new(1);

/// Where this shim finds a task's fields. The C side, compiled with the image's own configuration, compares its own
/// (`shim/glue/sched.c`): an answer that moves one of them must be the architecture's, not a driver's.
#[unsafe(no_mangle)]
static machine_task_layout: [usize; 11] = [
    core::mem::offset_of!(task_struct, thread_info),
    core::mem::offset_of!(task_struct, __state),
    core::mem::offset_of!(task_struct, flags),
    core::mem::offset_of!(task_struct, on_rq),
    core::mem::offset_of!(task_struct, prio),
    core::mem::offset_of!(task_struct, normal_prio),
    core::mem::offset_of!(task_struct, rt),
    core::mem::offset_of!(task_struct, policy),
    core::mem::offset_of!(task_struct, pid),
    core::mem::offset_of!(task_struct, wake_q),
    core::mem::offset_of!(task_struct, comm),
];

#[unsafe(no_mangle)]
static mut machine_current: *mut task_struct = ptr::null_mut();

impl Task {
    /// The task that a C caller named; `None` for a null pointer.
    pub fn from_raw(task: *mut task_struct) -> Option<Task> {
        NonNull::new(task).map(Task)
    }

    /// The pointer that C wants.
    pub fn as_ptr(self) -> *mut task_struct {
        self.0.as_ptr()
    }

    /// `current`.
    pub fn current() -> Task {
        // SAFETY: written only by `make_current`, on this one thread.
        let task = unsafe { machine_current };
        match NonNull::new(task) {
            Some(task) => Task(task),
            None => crate::fatal::fatal(format_args!("no task runs yet")),
        }
    }

    /// `current`, if any task runs yet.
    pub fn try_current() -> Option<Task> {
        // SAFETY: as in `current`.
        Task::from_raw(unsafe { machine_current })
    }

    /// Makes this task `current`.
    pub fn make_current(self) {
        // SAFETY: one thread; C reads the word as `current`.
        unsafe { machine_current = self.0.as_ptr() };
    }

    /// The root loop's task.
    pub fn idle() -> Task {
        match IDLE.get() {
            Some(task) => task,
            None => crate::fatal::fatal(format_args!("the machine has no idle task")),
        }
    }

    /// Makes the root loop's task and makes it current.
    pub fn init_idle() {
        match Task::new(c"swapper", 0) {
            Some(idle) => {
                IDLE.set(Some(idle));
                idle.make_current();
            }
            None => crate::fatal::fatal(format_args!("no memory for the idle task")),
        }
    }

    /// A fresh task without a fiber, as `copy_process` leaves one; `None` without memory.
    pub fn new(name: &CStr, flags: u32) -> Option<Task> {
        let pid = NEXT_PID.get();
        // SAFETY: the name is a C string; the function allocates and fills what C macros must fill.
        let task = Task::from_raw(unsafe { bindings::machine_new_task(pid, flags, name.as_ptr()) })?;
        if IDLE.get().is_some() {
            NEXT_PID.set(pid + 1);
        }
        Some(task)
    }

    /// Field access by copy; the one place that dereferences.
    fn read<T: Copy>(self, f: impl FnOnce(*mut task_struct) -> *mut T) -> T {
        // SAFETY: the task is live (type invariant), and `f` projects to one of its fields.
        unsafe { *f(self.as_ptr()) }
    }

    fn write<T: Copy>(self, value: T, f: impl FnOnce(*mut task_struct) -> *mut T) {
        // SAFETY: as for `read`.
        unsafe { *f(self.as_ptr()) = value };
    }

    /// `__state`.
    pub fn state(self) -> u32 {
        // SAFETY: projection of a live task's field, no read happens here.
        self.read(|t| unsafe { &raw mut (*t).__state })
    }

    /// Sets `__state`.
    pub fn set_state(self, state: u32) {
        // SAFETY: as in `state`.
        self.write(state, |t| unsafe { &raw mut (*t).__state });
    }

    /// Whether the run queue holds the task (`on_rq`).
    pub fn is_queued(self) -> bool {
        // SAFETY: as in `state`.
        self.read(|t| unsafe { &raw mut (*t).on_rq }) != 0
    }

    /// Sets `on_rq`.
    pub fn set_queued(self, queued: bool) {
        // SAFETY: as in `state`.
        self.write(c_int::from(queued), |t| unsafe { &raw mut (*t).on_rq });
    }

    /// `flags`, the `PF_` bits.
    pub fn flags(self) -> u32 {
        // SAFETY: as in `state`.
        self.read(|t| unsafe { &raw mut (*t).flags })
    }

    /// `pid`.
    pub fn pid(self) -> c_int {
        // SAFETY: as in `state`.
        self.read(|t| unsafe { &raw mut (*t).pid })
    }

    /// Whether the effective priority is a real-time one, as threaded interrupt handlers have, and whoever holds an
    /// `rt_mutex` that such a task waits for.
    pub fn is_realtime(self) -> bool {
        const MAX_RT_PRIO: c_int = 100;
        // SAFETY: as in `state`.
        self.read(|t| unsafe { &raw mut (*t).prio }) < MAX_RT_PRIO
    }

    /// `thread_info.preempt_count`: non-zero in interrupts and softirqs.
    pub fn preempt_count(self) -> c_int {
        // SAFETY: as in `state`.
        self.read(|t| unsafe { &raw mut (*t).thread_info.preempt_count })
    }

    /// Whether a signal waits (`TIF_SIGPENDING`).
    pub fn has_signal(self) -> bool {
        // SAFETY: as in `state`.
        self.read(|t| unsafe { &raw mut (*t).thread_info.flags }) & (1 << bindings::TIF_SIGPENDING) != 0
    }

    /// Makes a deadly signal wait. Whoever calls it wakes the task.
    pub fn kill(self) {
        // SAFETY: a live task, and one thread.
        unsafe { bindings::machine_kill_task(self.as_ptr()) };
    }

    /// Makes a signal wait that only ends sleep. Whoever calls it wakes the task.
    pub fn signal(self) {
        // SAFETY: as above.
        unsafe { bindings::machine_signal_task(self.as_ptr()) };
    }

    /// Takes all signals away.
    pub fn forget_signals(self) {
        // SAFETY: as above.
        unsafe { bindings::machine_forget_signals(self.as_ptr()) };
    }

    /// The name, up to 15 bytes.
    pub fn comm(self) -> [u8; 16] {
        // SAFETY: as in `state`; `comm` is an array of 16 chars.
        self.read(|t| unsafe { (&raw mut (*t).comm).cast::<[u8; 16]>() })
    }

    /// The next task in the run queue; the link is the field that Linux's real-time class uses for it.
    pub fn next(self) -> Option<Task> {
        // SAFETY: as in `state`.
        let link = self.read(|t| unsafe { &raw mut (*t).rt.run_list.next });
        NonNull::new(link.cast::<task_struct>()).map(Task)
    }

    /// Sets the link.
    pub fn set_next(self, next: Option<Task>) {
        let link = next.map_or(ptr::null_mut(), |t| t.as_ptr().cast());
        // SAFETY: as in `state`.
        self.write(link, |t| unsafe { &raw mut (*t).rt.run_list.next });
    }

    /// The fiber, if the task has one.
    pub fn fiber(self) -> Option<&'static Fiber> {
        // SAFETY: as in `state`; the word is written by `set_fiber` alone.
        let word = self.read(|t| unsafe { &raw mut (*t).thread_info.machine });
        let fiber = ptr::with_exposed_provenance::<Fiber>(usize::try_from(word).unwrap_or(0));
        // SAFETY: the box is leaked in `set_fiber` and freed in `take_fiber`, after the last use.
        unsafe { fiber.as_ref() }
    }

    /// Gives the task its fiber.
    pub fn set_fiber(self, fiber: alloc::boxed::Box<Fiber>) {
        let word = alloc::boxed::Box::into_raw(fiber).expose_provenance() as u64;
        // SAFETY: as in `state`.
        self.write(word, |t| unsafe { &raw mut (*t).thread_info.machine });
    }

    /// Takes the fiber out, to run or to bury it.
    pub fn take_fiber(self) -> Option<alloc::boxed::Box<Fiber>> {
        // SAFETY: as in `state`.
        let word = self.read(|t| unsafe { &raw mut (*t).thread_info.machine });
        // SAFETY: as in `state`.
        self.write(0, |t| unsafe { &raw mut (*t).thread_info.machine });
        let fiber = ptr::with_exposed_provenance_mut::<Fiber>(usize::try_from(word).unwrap_or(0));
        if fiber.is_null() {
            return None;
        }
        // SAFETY: made by `Box::into_raw` in `set_fiber`, and the word was cleared above.
        Some(unsafe { alloc::boxed::Box::from_raw(fiber) })
    }

    /// Resumes the task's fiber from the root loop.
    pub fn resume(self) -> crate::raw::fiber::Left {
        match self.fiber() {
            Some(fiber) => fiber.resume(),
            None => crate::fatal::fatal(format_args!("task {} has no stack", self.pid())),
        }
    }

    /// Drops one reference (`put_task_struct`).
    pub fn put(self) {
        // SAFETY: the caller owns the reference that is dropped.
        unsafe { bindings::machine_put_task(self.as_ptr()) };
    }

    /// The argument form that C callbacks want.
    pub fn as_void(self) -> *mut c_void {
        self.as_ptr().cast()
    }
}
