// SPDX-License-Identifier: GPL-2.0-only
//! `include/linux/sched.h`, `sched/task.h`, `sched/wake_q.h`, `rcuwait.h`, `uapi/linux/sched/types.h`.
#![expect(unsafe_code, reason = "C symbols")]

use crate::{
    bindings::{self, TASK_NORMAL, rcuwait, task_struct, wait_queue_entry, wake_q_head, wake_q_node},
    errno::Errno,
    fatal::fatal,
    raw::task::Task,
    same_as_header, sched,
};
use core::{
    ffi::{CStr, c_char, c_int, c_long, c_uint, c_void},
    ptr,
};

fn named(task: *mut task_struct, who: &str) -> Task {
    match Task::from_raw(task) {
        Some(task) => task,
        None => fatal(format_args!("{who}: null task")),
    }
}

same_as_header!(schedule);
/// Implements `schedule`: gives the processor away until the task is woken, or to others if its state is running.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn schedule() {
    let task = Task::current();
    // SAFETY: the task is the running one.
    unsafe { bindings::machine_before_switch(task.as_ptr()) };
    sched::schedule();
    // SAFETY: as above; it runs again.
    unsafe { bindings::machine_after_switch(task.as_ptr()) };
}

same_as_header!(io_schedule_prepare, io_schedule_finish, io_schedule);
/// Implements `io_schedule_prepare`: there is no I/O accounting, so there is no token to remember.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_schedule_prepare() -> c_int {
    0
}

/// Implements `io_schedule_finish`.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_schedule_finish(_token: c_int) {}

/// Implements `io_schedule`.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_schedule() {
    // SAFETY: `schedule` asks nothing of its caller but a context that may sleep, which it checks.
    unsafe { schedule() };
}

same_as_header!(wake_up_process, wake_up_state, default_wake_function);
/// Implements `wake_up_process`: makes a sleeping task ready.
///
/// # Returns
///
/// 1 if it was woken, 0 if it was running already.
///
/// # Safety
///
/// `tsk` is a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wake_up_process(tsk: *mut task_struct) -> c_int {
    c_int::from(sched::wake(named(tsk, "wake_up_process"), TASK_NORMAL))
}

/// Implements `wake_up_state`: makes a task ready that sleeps in one of the states of `state`.
///
/// # Safety
///
/// `tsk` is a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wake_up_state(tsk: *mut task_struct, state: c_uint) -> c_int {
    c_int::from(sched::wake(named(tsk, "wake_up_state"), state))
}

/// Implements `default_wake_function`: what a wait queue entry does when it has no other function.
///
/// # Safety
///
/// `wq_entry->private` is a live task, as `include/linux/wait.h` says of entries with this function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn default_wake_function(
    wq_entry: *mut wait_queue_entry,
    mode: c_uint,
    _flags: c_int,
    _key: *mut c_void,
) -> c_int {
    // SAFETY: the entry is on a queue, so it is live.
    let task = unsafe { (*wq_entry).private };
    c_int::from(sched::wake(named(task.cast(), "default_wake_function"), mode))
}

same_as_header!(__cond_resched);
/// Implements `cond_resched`: lets others run.
///
/// # Returns
///
/// 1 if somebody did.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __cond_resched() -> c_int {
    sched::poll_some();
    let others = sched::is_anyone_ready();
    if others {
        sched::schedule();
    }
    c_int::from(others)
}

same_as_header!(r#yield = yield_);
/// Implements `yield`.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r#yield() {
    sched::schedule();
}

/// Implements `resched_cpu` (`kernel/sched/sched.h`, private to upstream): the one processor looks at its queue
/// whenever the running task sleeps, so there is nothing to hurry.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn resched_cpu(_cpu: c_int) {}

/// The end of a list of tasks to wake; as in `include/linux/sched/wake_q.h`, a value that is no pointer.
const WAKE_Q_TAIL: *mut wake_q_node = ptr::without_provenance_mut(1);

/// Puts `task` at the end of `head`, unless it is on such a list already.
unsafe fn queue_wake(head: *mut wake_q_head, task: *mut task_struct) -> bool {
    // SAFETY: the caller of the exported functions passes a live task.
    let node = unsafe { &raw mut (*task).wake_q };
    // SAFETY: as above.
    if !unsafe { (*node).next }.is_null() {
        return false;
    }
    // SAFETY: as above.
    unsafe { (*node).next = WAKE_Q_TAIL };
    // SAFETY: `head` was set up by DEFINE_WAKE_Q: `lastp` points at the last link.
    let last = unsafe { (*head).lastp };
    // SAFETY: as above.
    unsafe { last.write(node) };
    // SAFETY: the caller of the exported functions passes a live task, which `node` is part of.
    let next = unsafe { &raw mut (*node).next };
    // SAFETY: `head` is live.
    unsafe { (*head).lastp = next };
    true
}

same_as_header!(wake_q_add, wake_q_add_safe, wake_up_q);
/// Implements `wake_q_add`: remembers to wake `task`, and holds it until then.
///
/// # Safety
///
/// `head` was made by `DEFINE_WAKE_Q`, `task` is live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wake_q_add(head: *mut wake_q_head, task: *mut task_struct) {
    // SAFETY: the caller's promise.
    if unsafe { queue_wake(head, task) } {
        // SAFETY: the task is live.
        unsafe { bindings::machine_get_task(task) };
    }
}

/// Implements `wake_q_add_safe`: as `wake_q_add`, with a reference that the caller gives away.
///
/// # Safety
///
/// As for `wake_q_add`; the caller owns a reference to `task`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wake_q_add_safe(head: *mut wake_q_head, task: *mut task_struct) {
    // SAFETY: the caller's promise.
    if !unsafe { queue_wake(head, task) } {
        named(task, "wake_q_add_safe").put();
    }
}

/// Implements `wake_up_q`: wakes everybody on the list.
///
/// # Safety
///
/// `head` was made by `DEFINE_WAKE_Q` and filled by `wake_q_add`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wake_up_q(head: *mut wake_q_head) {
    // SAFETY: the caller's promise.
    let mut node = unsafe { (*head).first };
    while node != WAKE_Q_TAIL && !node.is_null() {
        let task = node
            .wrapping_byte_sub(core::mem::offset_of!(task_struct, wake_q))
            .cast::<task_struct>();
        // SAFETY: the list holds a reference to each of its tasks.
        let next = unsafe { (*node).next };
        // SAFETY: as above.
        unsafe { (*node).next = ptr::null_mut() };
        let task = named(task, "wake_up_q");
        sched::wake(task, TASK_NORMAL);
        task.put();
        node = next;
    }
}

same_as_header!(rcuwait_wake_up);
/// Implements `rcuwait_wake_up`: wakes the one task that waits there.
///
/// # Safety
///
/// `w` is live, and so is its task if it has one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rcuwait_wake_up(w: *mut rcuwait) -> c_int {
    // SAFETY: the caller's promise.
    let task = unsafe { (*w).task };
    Task::from_raw(task).map_or(0, |task| c_int::from(sched::wake(task, TASK_NORMAL)))
}

same_as_header!(set_user_nice, sched_set_fifo, sched_set_fifo_low, sched_set_normal);
/// Implements `set_user_nice`: tasks of one class run in the order in which they became ready, so only the number
/// is kept. A value out of range changes nothing.
///
/// # Safety
///
/// `p` is a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn set_user_nice(p: *mut task_struct, nice: c_long) {
    let Some(prio) = c_int::try_from(nice).ok().filter(|nice| NICE.contains(nice)) else {
        return;
    };
    // SAFETY: the caller's promise.
    let task = unsafe { &mut *p };
    task.static_prio = NORMAL + prio;
    if matches!(
        task.policy,
        bindings::SCHED_NORMAL | bindings::SCHED_BATCH | bindings::SCHED_IDLE
    ) {
        let was_boosted = task.prio != task.normal_prio;
        task.normal_prio = task.static_prio;
        // Who holds an `rt_mutex` keeps the priority of its waiter.
        if !was_boosted {
            task.prio = task.static_prio;
        }
    }
}

/// # Safety
///
/// `p` is a live task.
unsafe fn set_policy(p: *mut task_struct, policy: c_uint, prio: c_int) {
    // SAFETY: the caller's promise.
    let task = unsafe { &mut *p };
    task.policy = policy;
    task.normal_prio = prio;
    task.prio = prio;
}

/// The range of nice values (`MIN_NICE` to `MAX_NICE` of `include/linux/sched/prio.h`).
const NICE: core::ops::RangeInclusive<c_int> = -20..=19;

/// Half of the real-time range, as `sched_set_fifo` gives; and its lowest level (`kernel/sched/syscalls.c`).
const FIFO: c_int = 49;
const FIFO_LOW: c_int = 98;
const NORMAL: c_int = 120;

/// Implements `sched_set_fifo`: the task goes before all ordinary ones.
///
/// # Safety
///
/// `p` is a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_set_fifo(p: *mut task_struct) {
    // SAFETY: the caller's promise.
    unsafe { set_policy(p, bindings::SCHED_FIFO, FIFO) };
}

/// Implements `sched_set_fifo_low`: as `sched_set_fifo`, there is one real-time level.
///
/// # Safety
///
/// `p` is a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_set_fifo_low(p: *mut task_struct) {
    // SAFETY: the caller's promise.
    unsafe { set_policy(p, bindings::SCHED_FIFO, FIFO_LOW) };
}

/// Implements `sched_set_normal`: the task is an ordinary one again, with this nice value.
///
/// # Safety
///
/// `p` is a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_set_normal(p: *mut task_struct, nice: c_int) {
    // SAFETY: the caller's promise.
    let was = unsafe { (*p).static_prio };
    // SAFETY: the caller's promise.
    unsafe { set_policy(p, bindings::SCHED_NORMAL, was) };
    // SAFETY: the caller's promise.
    unsafe { set_user_nice(p, c_long::from(nice)) };
}

same_as_header!(sched_setscheduler_nocheck);
/// Implements `sched_setscheduler_nocheck`: sets policy and real-time priority.
///
/// # Returns
///
/// 0, or `-EINVAL` for a policy or priority that does not exist.
///
/// # Safety
///
/// `p` is a live task, `param` readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_setscheduler_nocheck(
    p: *mut task_struct,
    policy: c_int,
    param: *const bindings::sched_param,
) -> c_int {
    // SAFETY: the caller's promise.
    let level = unsafe { (*param).sched_priority };
    // SAFETY: the caller's promise.
    let ordinary = unsafe { (*p).static_prio };
    let prio = match c_uint::try_from(policy) {
        Ok(bindings::SCHED_FIFO | bindings::SCHED_RR) if (1..100).contains(&level) => 99 - level,
        Ok(bindings::SCHED_NORMAL | bindings::SCHED_BATCH | bindings::SCHED_IDLE) if level == 0 => ordinary,
        _ => return Errno::EINVAL.to_ret(),
    };
    // SAFETY: the caller's promise.
    unsafe { set_policy(p, policy.cast_unsigned(), prio) };
    0
}

/// Implements `try_to_wake_up` (`kernel/sched/sched.h`, private to upstream's scheduler files).
///
/// # Safety
///
/// `p` is a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn try_to_wake_up(p: *mut task_struct, state: c_uint, _wake_flags: c_int) -> c_int {
    c_int::from(sched::wake(named(p, "try_to_wake_up"), state))
}

same_as_header!(idle_cpu);
/// Implements `idle_cpu`: whether nobody runs or waits to.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn idle_cpu(_cpu: c_int) -> c_int {
    c_int::from(Task::current() == Task::idle() && !sched::is_anyone_ready())
}

same_as_header!(io_schedule_timeout);
/// Implements `io_schedule_timeout`: `schedule_timeout`, as there is no I/O accounting.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_schedule_timeout(timeout: c_long) -> c_long {
    // SAFETY: upstream's own function.
    unsafe { bindings::schedule_timeout(timeout) }
}

same_as_header!(do_exit);
/// Implements `do_exit`: ends the running task.
///
/// # Safety
///
/// Asks nothing of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn do_exit(error_code: c_long) -> ! {
    let task = Task::current();
    // SAFETY: the task is the running one.
    unsafe { bindings::machine_exit_work(task.as_ptr(), error_code) };
    sched::exit()
}

/// A C function that is a task's whole life.
type TaskFn = unsafe extern "C" fn(*mut c_void) -> c_int;

/// Starts a task that runs `entry(arg)`.
///
/// # Safety
///
/// `name` is a C string; `entry` may be called with `arg`, once.
unsafe fn start(entry: Option<TaskFn>, arg: *mut c_void, name: *const c_char) -> Result<Task, Errno> {
    let entry = entry.ok_or(Errno::EINVAL)?;
    // SAFETY: the caller's promise.
    let name = unsafe { CStr::from_ptr(name) };
    let body = move || {
        // SAFETY: the caller's promise; a kernel thread's function runs on its own stack, once.
        let code = unsafe { entry(arg) };
        // SAFETY: the function returned, so the task is done.
        unsafe { do_exit(c_long::from(code)) }
    };
    let task = sched::spawn(name, 0, body)?;
    sched::wake_new(task);
    Ok(task)
}

/// Starts a task; the engine of `kernel_thread`.
///
/// # Returns
///
/// The task's pid, or a negative errno.
///
/// # Safety
///
/// `name` is a C string; `fn_` may be called with `arg`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn machine_spawn(fn_: Option<TaskFn>, arg: *mut c_void, name: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { start(fn_, arg, name) }.map_or_else(Errno::to_ret, Task::pid)
}

/// Starts a task; the start's form, which wants the task itself and cannot go on without it.
///
/// # Safety
///
/// As for `machine_spawn`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn machine_spawn_task(
    fn_: Option<TaskFn>,
    arg: *mut c_void,
    name: *const c_char,
) -> *mut task_struct {
    // SAFETY: the caller's promise.
    match unsafe { start(fn_, arg, name) } {
        Ok(task) => task.as_ptr(),
        Err(e) => fatal(format_args!("boot: a task cannot start: {}", e.to_ret())),
    }
}

/// [`super::is_hogged`] for the bus masters.
#[unsafe(no_mangle)]
pub extern "C" fn machine_is_hogged() -> bool {
    super::is_hogged()
}

/// [`super::transferred`] for the bus masters, whose transfer's memory is the driver's again.
#[unsafe(no_mangle)]
pub extern "C" fn machine_transferred() {
    super::transferred();
}

/// Whether Linux's rules for sleeping hold yet: `might_sleep` says nothing while `system_state` is `SYSTEM_BOOTING`.
pub fn is_booting() -> bool {
    // SAFETY: one thread reads and writes the word.
    unsafe { bindings::system_state == bindings::SYSTEM_BOOTING }
}
