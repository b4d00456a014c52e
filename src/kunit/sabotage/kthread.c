// SPDX-License-Identifier: GPL-2.0-only
/*
 * A wake_up_process() that loses the first wake-up of each thread that a test
 * runs in (ld --wrap): the thread never runs. The second one, from
 * kthread_stop(), is let through, so that the run ends.
 */
#include <linux/sched.h>
#include <linux/string.h>

int __wrap_wake_up_process(struct task_struct *task);

int __wrap_wake_up_process(struct task_struct *task)
{
	static pid_t lost;

	if (strstarts(task->comm, "kunit_try_catch") && task->pid != lost) {
		lost = task->pid;
		return 1;
	}
	return wake_up_state(task, TASK_NORMAL);
}
