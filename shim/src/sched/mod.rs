// SPDX-License-Identifier: GPL-2.0-only
//! Tasks on one processor, without preemption: the run queue, `schedule`, and the root loop.
//!
//! Every task is a [`Fiber`]. The root loop takes interrupts, runs the next task until it
//! sleeps, and waits for the microkernel when nobody can run:
//!
//! ```text
//!            wake_up                      root loop picks
//!  sleeping ─────────▶ queued (on_rq) ─────────────────────▶ running ──schedule()──▶ sleeping, or queued again
//!                                                               └─────do_exit()────▶ dead, stack freed
//! ```
//!
//! The processor also idles on the stack of the task that slept last, as the idle task: if that task is the next one
//! to run, as a worker that serves one request after the other is, no switch is needed.
//!
//! Real-time tasks (threaded interrupt handlers) go before the others, as in Linux; within a class first come,
//! first served. Consulted: Linux 6.12 `kernel/sched/core.c` for `try_to_wake_up`'s and `schedule`'s promises.

pub mod ffi;

use crate::{
    bindings::{TASK_DEAD, TASK_INTERRUPTIBLE, TASK_NEW, TASK_RUNNING, TASK_WAKEKILL},
    errno::Errno,
    fatal::fatal,
    irq,
    raw::{
        cell::{Global, Word},
        fiber::{Fiber, Left},
        task::Task,
    },
    time,
};

/// Tasks of one class that can run, first in, first out.
struct Queue {
    head: Option<Task>,
    tail: Option<Task>,
}

impl Queue {
    const EMPTY: Queue = Queue { head: None, tail: None };

    fn push(&mut self, task: Task) {
        task.set_next(None);
        match self.tail {
            Some(tail) => tail.set_next(Some(task)),
            None => self.head = Some(task),
        }
        self.tail = Some(task);
    }

    fn pop(&mut self) -> Option<Task> {
        let task = self.head?;
        self.head = task.next();
        if self.head.is_none() {
            self.tail = None;
        }
        Some(task)
    }
}

/// Both classes; index 0 is real time.
static QUEUES: Global<[Queue; 2]> = Global::new([Queue::EMPTY, Queue::EMPTY]);

/// Tasks with a stack.
static TASKS: Word<u32> = Word::new(0);

/// How many tasks there are.
#[must_use]
pub fn task_count() -> u32 {
    TASKS.get()
}

fn enqueue(task: Task) {
    task.set_queued(true);
    QUEUES.with(|q| q[usize::from(!task.is_realtime())].push(task));
}

fn dequeue() -> Option<Task> {
    let task = QUEUES.with(|q| q[0].pop().or_else(|| q[1].pop()));
    if let Some(task) = task {
        task.set_queued(false);
    }
    task
}

/// Whether a task waits for the processor.
#[must_use]
pub fn is_anyone_ready() -> bool {
    QUEUES.with(|q| q[0].head.is_some() || q[1].head.is_some())
}

/// Makes `task` run if its state is among `states`; says whether it did.
pub fn wake(task: Task, states: u32) -> bool {
    let state = task.state();
    if state & states == 0 {
        return false;
    }
    task.set_state(TASK_RUNNING);
    // The running task that was about to sleep just goes on.
    if !task.is_queued() && task != Task::current() {
        enqueue(task);
    }
    true
}

/// Makes a task that was never run before ready (`wake_up_new_task`).
pub fn wake_new(task: Task) {
    task.set_state(TASK_RUNNING);
    enqueue(task);
}

/// Starts a kernel task.
///
/// # Errors
///
/// `ENOMEM` without memory, `EAGAIN` without a stack.
pub fn spawn(name: &core::ffi::CStr, flags: u32, body: impl FnOnce() + 'static) -> Result<Task, Errno> {
    let task = Task::new(name, flags).ok_or(Errno::ENOMEM)?;
    match Fiber::new(body) {
        Some(fiber) => {
            task.set_fiber(fiber);
            TASKS.set(TASKS.get() + 1);
            Ok(task)
        }
        None => {
            task.put();
            Err(Errno::EAGAIN)
        }
    }
}

/// Takes interrupts in a loop that offers the processor; what waits for `jiffies` in such a loop must see them move.
pub fn poll_some() {
    static TURNS: Word<u32> = Word::new(0);
    // Reading the clock costs more than all else here.
    let turns = TURNS.get().wrapping_add(1);
    TURNS.set(turns);
    if turns.is_multiple_of(8) {
        irq::poll();
    } else {
        irq::poll_lines();
    }
}

/// Lets others run if the running task may be left where it stands, as a kernel with preemption would leave it.
pub fn let_others_run() {
    let task = Task::current();
    if task.preempt_count() == 0 && task != Task::idle() && !irq::ffi::is_off() && task.state() == TASK_RUNNING {
        schedule();
    }
}

/// Gives the processor away; the engine of `schedule`.
pub fn schedule() {
    let task = Task::current();
    if task.preempt_count() != 0 || task == Task::idle() {
        fatal(format_args!(
            "scheduling while atomic: {}/{}/{:#010x}",
            Comm(task),
            task.pid(),
            task.preempt_count()
        ));
    }
    let state = task.state();
    let is_woken_by_signal = task.has_signal() && state & (TASK_INTERRUPTIBLE | TASK_WAKEKILL) != 0;
    if state == TASK_RUNNING || is_woken_by_signal {
        task.set_state(TASK_RUNNING);
        if !is_anyone_ready() {
            irq::poll();
            if !is_anyone_ready() && !end_transfer() {
                return;
            }
        }
        enqueue(task);
    }
    let irqs_off = irq::open();
    if !idle_until_first(task) {
        leave(task, Left::Suspended);
    }
    irq::restore(irqs_off);
}

/// Idles on the stack of `task`, which sleeps, until somebody can run. True if that is `task` itself: then it runs.
fn idle_until_first(task: Task) -> bool {
    Task::idle().make_current();
    loop {
        match QUEUES.with(|q| q[0].head.or(q[1].head)) {
            Some(first) if first == task => break,
            Some(_) => return false,
            None => irq::poll(),
        }
        if !is_anyone_ready() && !idle() {
            return false;
        }
    }
    dequeue();
    task.make_current();
    true
}

/// Ends the running task; the root loop frees its stack.
pub fn exit() -> ! {
    let task = Task::current();
    task.set_state(TASK_DEAD);
    leave(task, Left::Finished);
    fatal(format_args!("task {} ran after its end", task.pid()))
}

fn leave(task: Task, left: Left) {
    match task.fiber() {
        Some(fiber) => fiber.leave(left),
        None => fatal(format_args!("task {} has no stack to leave", task.pid())),
    }
}

/// Transfers over the buses since the machine last idled.
static TRANSFERS: Word<u32> = Word::new(0);

/// Counts a transfer over a bus; says whether the task should sleep for a moment, as it would for each transfer if the
/// bus were slow: an interrupt whose level stays keeps its thread busy for ever, and nobody else would be served.
#[must_use]
pub fn is_hogged() -> bool {
    const MOST: u32 = 1024;
    TRANSFERS.set(TRANSFERS.get().saturating_add(1));
    TRANSFERS.get() > MOST
}

/// Tasks under virtual time whose transfer is over for the hardware and not yet for them, first come, first served.
/// They are in the state of a task that was never run: nobody else wakes it.
static IN_TRANSFER: Global<Queue> = Global::new(Queue::EMPTY);

/// A transfer over a bus was done. On Linux its task sleeps meanwhile, holding the bus, and whoever can run goes on:
/// so does whoever can run now, such as the thread of an interrupt that came at the transfer's end. Under virtual time
/// the transfer takes until nobody can run, since time does not move before.
pub fn transferred() {
    let task = Task::current();
    let is_alone = !is_anyone_ready() && IN_TRANSFER.with(|q| q.head.is_none());
    if is_alone || irq::ffi::is_off() || task.preempt_count() != 0 || task == Task::idle() {
        return;
    }
    if time::is_virtual() {
        task.set_state(TASK_NEW);
        IN_TRANSFER.with(|q| q.push(task));
    }
    schedule();
}

/// Lets the first transfer end that a task sleeps for; says whether there was one.
fn end_transfer() -> bool {
    let task = IN_TRANSFER.with(Queue::pop);
    if let Some(task) = task {
        wake_new(task);
    }
    task.is_some()
}

/// What the root loop was given; set once.
static LOOP: Word<Option<Loop>> = Word::new(None);

#[derive(Clone, Copy)]
struct Loop {
    is_done: fn() -> bool,
    idle: fn(),
}

/// Runs ready tasks, with interrupts taken between them, until `is_done` says so; `idle` waits when nobody can run.
pub fn run(is_done: fn() -> bool, idle: fn()) {
    LOOP.set(Some(Loop { is_done, idle }));
    while !is_done() {
        if is_anyone_ready() {
            poll_some();
        } else {
            irq::poll();
        }
        match dequeue() {
            Some(task) => run_one(task),
            None if end_transfer() => {}
            None => {
                TRANSFERS.set(0);
                idle();
            }
        }
    }
}

/// Does what is next when nobody can run, as the root loop would; false if that is to end, or was not begun.
fn idle() -> bool {
    match LOOP.get() {
        _ if end_transfer() => true,
        Some(root) if !(root.is_done)() => {
            TRANSFERS.set(0);
            (root.idle)();
            true
        }
        _ => false,
    }
}

fn run_one(task: Task) {
    task.make_current();
    let left = task.resume();
    Task::idle().make_current();
    if left == Left::Finished {
        if let Some(fiber) = task.take_fiber() {
            fiber.bury();
            TASKS.set(TASKS.get().saturating_sub(1));
        }
        task.put();
    }
}

/// A task's name for messages.
pub struct Comm(pub Task);

impl core::fmt::Display for Comm {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let comm = self.0.comm();
        let len = comm.iter().position(|b| *b == 0).unwrap_or(comm.len());
        f.write_str(core::str::from_utf8(comm.get(..len).unwrap_or_default()).unwrap_or("?"))
    }
}
