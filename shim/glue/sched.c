// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parts of a task's life that are macros or inline functions of
 * include/linux/sched.h, kthread.h and workqueue's private header.
 */
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/user_namespace.h>
#include <linux/version.h>
#include "machine.h"

/* kernel/workqueue_internal.h */
extern void wq_worker_running(struct task_struct *task);
extern void wq_worker_sleeping(struct task_struct *task);

static struct kmem_cache *task_cache;

/* shim/src/raw/task.rs */
extern const size_t machine_task_layout[11];

static void check_task_layout(void)
{
	const size_t here[] = {
		offsetof(struct task_struct, thread_info),
		offsetof(struct task_struct, __state),
		offsetof(struct task_struct, flags),
		offsetof(struct task_struct, on_rq),
		offsetof(struct task_struct, prio),
		offsetof(struct task_struct, normal_prio),
		offsetof(struct task_struct, rt),
		offsetof(struct task_struct, policy),
		offsetof(struct task_struct, pid),
		offsetof(struct task_struct, wake_q),
		offsetof(struct task_struct, comm),
	};

	BUILD_BUG_ON(sizeof(here) != sizeof(machine_task_layout));
	if (memcmp(here, machine_task_layout, sizeof(here)))
		panic("this image's task_struct is not the shim's");
}

struct task_struct *machine_new_task(pid_t pid, unsigned int flags,
				     const char *name)
{
	struct task_struct *task;

	if (!task_cache) {
		check_task_layout();
		task_cache = kmem_cache_create("task_struct",
					       sizeof(struct task_struct), 0,
					       SLAB_PANIC, NULL);
	}
	task = kmem_cache_zalloc(task_cache, GFP_KERNEL);
	if (!task)
		return NULL;
	task->pid = pid;
	task->tgid = pid;
	task->flags = flags | PF_KTHREAD;
	task->__state = TASK_NEW;
	task->prio = task->static_prio = task->normal_prio = DEFAULT_PRIO;
	task->policy = SCHED_NORMAL;
	task->nr_cpus_allowed = 1;
	task->cpus_mask = *cpumask_of(0);
	task->cpus_ptr = &task->cpus_mask;
	refcount_set(&task->usage, 1);
	refcount_set(&task->rcu_users, 1);
	spin_lock_init(&task->alloc_lock);
	raw_spin_lock_init(&task->pi_lock);
	INIT_LIST_HEAD(&task->tasks);
	INIT_LIST_HEAD(&task->children);
	INIT_LIST_HEAD(&task->sibling);
	INIT_LIST_HEAD(&task->pending.list);
	INIT_LIST_HEAD(&task->rt.run_list);
	task->parent = task->real_parent = task->group_leader = task;
	strscpy(task->comm, name, sizeof(task->comm));
	machine_join_net(task);
	if (!set_kthread_struct(task)) {
		kmem_cache_free(task_cache, task);
		return NULL;
	}
	return task;
}

void __put_task_struct(struct task_struct *task)
{
	free_kthread_struct(task);
	kmem_cache_free(task_cache, task);
}

void machine_get_task(struct task_struct *task)
{
	get_task_struct(task);
}

void machine_put_task(struct task_struct *task)
{
	put_task_struct(task);
}

void machine_before_switch(struct task_struct *task)
{
	if ((task->flags & PF_WQ_WORKER) && task->__state)
		wq_worker_sleeping(task);
	rcu_note_context_switch(false);
}

void machine_after_switch(struct task_struct *task)
{
	if (task->flags & PF_WQ_WORKER)
		wq_worker_running(task);
}

void machine_exit_work(struct task_struct *task, long code)
{
	struct completion *vfork = task->vfork_done;

	task->exit_code = code;
	task->flags |= PF_EXITING;
	task_work_run();
	/* kthread_stop() waits for this one. */
	if (vfork) {
		task->vfork_done = NULL;
		complete(vfork);
	}
}

/* Tasks of a domain are its kernel: there is no lesser user inside it. */
int cap_capable(const struct cred *cred, struct user_namespace *ns, int cap,
		unsigned int opts)
{
	return 0;
}

struct user_namespace init_user_ns = {
	.ns.count = REFCOUNT_INIT(1),
};

/* kernel/sched/sched.h, include/linux/sched.h */
void __set_task_comm(struct task_struct *task, const char *name, bool exec)
{
	strscpy(task->comm, name, sizeof(task->comm));
}

/* Kernel tasks get no signals, but for the one below. */
void ignore_signals(struct task_struct *task) { }

/*
 * The task serves a client that waits no more: what a killed process does in
 * Linux. Waits that can be interrupted end; the caller wakes the task.
 */
void machine_kill_task(struct task_struct *task)
{
	sigaddset(&task->pending.signal, SIGKILL);
	set_tsk_thread_flag(task, TIF_SIGPENDING);
}

void machine_signal_task(struct task_struct *task)
{
	set_tsk_thread_flag(task, TIF_SIGPENDING);
}

void machine_forget_signals(struct task_struct *task)
{
	sigemptyset(&task->pending.signal);
	clear_tsk_thread_flag(task, TIF_SIGPENDING);
}

void flush_signals(struct task_struct *task)
{
	machine_forget_signals(task);
}

/* Priority inheritance: whoever holds the lock goes as early as its waiter. */
void rt_mutex_setprio(struct task_struct *task, struct task_struct *waiter)
{
	task->prio = waiter ? min(task->normal_prio, waiter->prio) :
			      task->normal_prio;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
void rt_mutex_pre_schedule(void) { }
void rt_mutex_post_schedule(void) { }

void rt_mutex_schedule(void)
{
	schedule();
}
#endif

/* shim/src/sched: starts a task that runs fn(arg); its pid, or an errno */
extern pid_t machine_spawn(int (*fn)(void *), void *arg, const char *name);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
pid_t kernel_thread(int (*fn)(void *), void *arg, const char *name,
		    unsigned long flags)
{
	return machine_spawn(fn, arg, name ? name : current->comm);
}
#else
pid_t kernel_thread(int (*fn)(void *), void *arg, unsigned long flags)
{
	return machine_spawn(fn, arg, current->comm);
}
#endif

#ifndef __HAVE_WAIT_TASK_INACTIVE
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
/* The task is not the running one, so it is inactive once it is off the queue. */
unsigned long wait_task_inactive(struct task_struct *task,
				 unsigned int match_state)
{
	while (READ_ONCE(task->on_rq))
		yield();
	if (match_state && !(READ_ONCE(task->__state) & match_state))
		return 0;
	return 1;
}
#endif
#endif

/* Where preemption is counted, the count must not be carried into a sleep. */
void schedule_preempt_disabled(void)
{
	sched_preempt_enable_no_resched();
	schedule();
	preempt_disable();
}

#ifdef CONFIG_DEBUG_ATOMIC_SLEEP
/* include/linux/kernel.h: misuse that Linux reports ends a domain. */
void __might_resched(const char *file, int line, unsigned int offsets)
{
	int allowed = offsets & MIGHT_RESCHED_PREEMPT_MASK;

	if (system_state == SYSTEM_BOOTING)
		return;
	if (preempt_count() != allowed || irqs_disabled())
		panic("sleeping function called from invalid context at %s:%d: %s/%d, preempt_count %#x, interrupts %s",
		      file, line, current->comm, current->pid,
		      preempt_count(), irqs_disabled() ? "off" : "on");
}

void __might_sleep(const char *file, int line)
{
	WARN_ONCE(get_current_state() != TASK_RUNNING &&
		  current->task_state_change,
		  "do not call blocking ops when !TASK_RUNNING; state=%x at %s:%d\n",
		  get_current_state(), file, line);
	__might_resched(file, line, 0);
}

void __cant_sleep(const char *file, int line, int preempt_offset)
{
	if (irqs_disabled() || preempt_count() > preempt_offset)
		return;
	panic("assuming atomic context at %s:%d: %s/%d", file, line,
	      current->comm, current->pid);
}
#endif
