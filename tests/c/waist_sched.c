// SPDX-License-Identifier: GPL-2.0-only
/* Tasks, wait queues, completions, kernel threads: include/linux/sched.h, wait.h, completion.h, kthread.h. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/rcuwait.h>
#include <linux/sched.h>
#include <linux/sched/rt.h>
#include <linux/sched/task.h>
#include <linux/sched/wake_q.h>
#include <linux/wait.h>
#include <uapi/linux/sched/types.h>
#include "ktap.h"

/* kernel/sched/sched.h, include/linux/sched.h in some series only */
extern void resched_cpu(int cpu);
extern int try_to_wake_up(struct task_struct *task, unsigned int state, int flags);

static DECLARE_WAIT_QUEUE_HEAD(queue);
static DECLARE_COMPLETION(done);
static bool is_there;
static int order[8], turns;

static void note(long number)
{
	if (turns < ARRAY_SIZE(order))
		order[turns++] = number;
}

/* Lets everybody else run until all of them sleep. */
static void settle(void)
{
	msleep(2);
}

static int sleeps_until_woken(void *argument)
{
	set_current_state(TASK_INTERRUPTIBLE);
	note(1);
	schedule();
	note(2);
	expect_eq(READ_ONCE(current->__state), TASK_RUNNING);
	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	return 42;
}

static void a_thread_runs_sleeps_wakes_and_stops(void)
{
	struct task_struct *task =
		kthread_create(sleeps_until_woken, NULL, "sleeper/%d", 7);

	turns = 0;
	if (!expect(!IS_ERR(task)))
		return;
	expect_str(task->comm, "sleeper/7");
	settle();
	/* Nobody runs it before it was woken the first time. */
	expect_eq(turns, 0);
	expect_eq(wake_up_process(task), 1);
	settle();
	expect_eq(turns, 1);
	expect_eq(wake_up_state(task, TASK_UNINTERRUPTIBLE), 0);
	settle();
	expect_eq(turns, 1);
	expect_eq(try_to_wake_up(task, TASK_UNINTERRUPTIBLE, 0), 0);
	expect_eq(wake_up_state(task, TASK_INTERRUPTIBLE), 1);
	/* It is ready now, which is no sleep to be woken from. */
	expect_eq(wake_up_process(task), 0);
	settle();
	expect_eq(turns, 2);
	expect_eq(kthread_stop(task), 42);
}

static int returns_at_once(void *argument)
{
	return (long)argument;
}

static int stops_when_asked(void *argument)
{
	while (!kthread_should_stop())
		msleep(1);
	return 5;
}

static void stop_waits_for_the_end(void)
{
	struct task_struct *task = kthread_run(stops_when_asked, NULL, "stopped");

	settle();
	get_task_struct(task);
	expect_eq(kthread_stop(task), 5);
	expect(task->flags & PF_EXITING);
	put_task_struct(task);
	/* A thread that was never run does not run its function. */
	task = kthread_create(returns_at_once, (void *)3, "unborn");
	expect_eq(kthread_stop(task), -EINTR);
}

static int parks(void *argument)
{
	while (!kthread_should_stop()) {
		if (kthread_should_park()) {
			note(1);
			kthread_parkme();
			note(2);
		}
		msleep(1);
	}
	return 0;
}

static void parked_thread_goes_on_when_unparked(void)
{
	struct task_struct *task = kthread_run(parks, NULL, "parker");

	turns = 0;
	settle();
	expect_eq(kthread_park(task), 0);
	expect_eq(turns, 1);
	msleep(5);
	expect_eq(turns, 1);
	kthread_unpark(task);
	msleep(5);
	expect_eq(turns, 2);
	expect_eq(kthread_stop(task), 0);
}

static int exits_early(void *argument)
{
	kthread_complete_and_exit(argument, 9);
	note(99);
	return 0;
}

static void a_thread_can_end_itself(void)
{
	turns = 0;
	reinit_completion(&done);
	kthread_run(exits_early, &done, "early");
	expect_eq(wait_for_completion_timeout(&done, HZ) > 0, true);
	settle();
	expect_eq(turns, 0);
}

static int dies(void *argument)
{
	complete(&done);
	do_exit(3);
}

static void do_exit_ends_the_task(void)
{
	struct task_struct *task = kthread_create(dies, NULL, "dies");

	reinit_completion(&done);
	get_task_struct(task);
	wake_up_process(task);
	wait_for_completion(&done);
	settle();
	expect(task->flags & PF_EXITING);
	expect_eq(task->exit_code, 3);
	put_task_struct(task);
}

static int waits_for_it(void *argument)
{
	wait_event(queue, is_there);
	note((long)argument);
	complete(&done);
	return 0;
}

static void wait_event_waits_for_the_condition(void)
{
	turns = 0;
	is_there = false;
	reinit_completion(&done);
	kthread_run(waits_for_it, (void *)1, "waits");
	settle();
	/* A wake-up without the condition wakes nobody for good. */
	wake_up(&queue);
	settle();
	expect_eq(turns, 0);
	is_there = true;
	wake_up(&queue);
	wait_for_completion(&done);
	expect_eq(turns, 1);
}

static int waits_alone(void *argument)
{
	wait_event_interruptible_exclusive(queue, is_there);
	note((long)argument);
	return 0;
}

static void exclusive_waiters_wake_one_by_one_in_order(void)
{
	long i;

	turns = 0;
	is_there = false;
	for (i = 1; i <= 3; i++)
		kthread_run(waits_alone, (void *)i, "alone%ld", i);
	settle();
	is_there = true;
	wake_up_interruptible(&queue);
	settle();
	expect_eq(turns, 1);
	expect_eq(order[0], 1);
	wake_up_interruptible_all(&queue);
	settle();
	expect_eq(turns, 3);
	expect_eq(order[2], 3);
}

static void waits_end_with_their_time(void)
{
	unsigned long before = jiffies;

	is_there = false;
	expect_eq(wait_event_timeout(queue, is_there, 5), 0);
	expect(time_after_eq(jiffies, before + 5));
	is_there = true;
	expect_eq(wait_event_timeout(queue, is_there, 5), 5);
	is_there = false;
	expect_eq(wait_event_interruptible_timeout(queue, is_there, 2), 0);
	expect_eq(wait_event_hrtimeout(queue, is_there, ns_to_ktime(300 * NSEC_PER_USEC)), -ETIME);
	reinit_completion(&done);
	expect_eq(wait_for_completion_timeout(&done, 3), 0);
	expect(!try_wait_for_completion(&done));
	complete(&done);
	expect(completion_done(&done));
	expect(try_wait_for_completion(&done));
}

static int counts_completions(void *argument)
{
	wait_for_completion(&done);
	note(1);
	return 0;
}

static void complete_all_opens_for_good(void)
{
	int i;

	turns = 0;
	reinit_completion(&done);
	for (i = 0; i < 3; i++)
		kthread_run(counts_completions, NULL, "counts");
	settle();
	complete(&done);
	settle();
	expect_eq(turns, 1);
	complete_all(&done);
	settle();
	expect_eq(turns, 3);
	wait_for_completion(&done);
	expect(completion_done(&done));
}

static void default_function_wakes_the_entry_s_task(void)
{
	DEFINE_WAIT_FUNC(entry, default_wake_function);

	add_wait_queue(&queue, &entry);
	set_current_state(TASK_UNINTERRUPTIBLE);
	expect_eq(default_wake_function(&entry, TASK_INTERRUPTIBLE, 0, NULL), 0);
	expect_eq(default_wake_function(&entry, TASK_NORMAL, 0, NULL), 1);
	expect_eq(READ_ONCE(current->__state), TASK_RUNNING);
	remove_wait_queue(&queue, &entry);
}

static int takes_turns(void *argument)
{
	int i;

	for (i = 0; i < 2; i++) {
		note((long)argument);
		yield();
	}
	return 0;
}

static void yield_lets_the_others_run(void)
{
	struct task_struct *one = kthread_create(takes_turns, (void *)1, "one");
	struct task_struct *two = kthread_create(takes_turns, (void *)2, "two");

	turns = 0;
	wake_up_process(one);
	wake_up_process(two);
	settle();
	expect_eq(turns, 4);
	expect_eq(order[0], 1);
	expect_eq(order[1], 2);
	expect_eq(order[2], 1);
	expect_eq(order[3], 2);
}

static int notes_one(void *argument)
{
	note(1);
	return 0;
}

static void cond_resched_says_whether_somebody_ran(void)
{
	struct task_struct *quick = kthread_create(notes_one, NULL, "quick");

	settle();
	expect_eq(cond_resched(), 0);
	turns = 0;
	wake_up_process(quick);
	expect_eq(turns, 0);
	expect_eq(cond_resched(), 1);
	expect_eq(turns, 1);
	resched_cpu(0);
}

static int notes_argument(void *argument)
{
	note((long)argument);
	return 0;
}

static void realtime_tasks_go_first(void)
{
	struct task_struct *low = kthread_create(notes_argument, (void *)1, "low");
	struct task_struct *high = kthread_create(notes_argument, (void *)2, "high");

	turns = 0;
	sched_set_fifo(high);
	expect(rt_task(high));
	expect_eq(high->policy, SCHED_FIFO);
	wake_up_process(low);
	wake_up_process(high);
	settle();
	expect_eq(turns, 2);
	expect_eq(order[0], 2);
	expect_eq(order[1], 1);
}

static void priorities_are_those_that_were_set(void)
{
	struct task_struct *task = kthread_create(stops_when_asked, NULL, "prio");
	struct sched_param param = { .sched_priority = 10 }, none = {};

	set_user_nice(task, 5);
	expect_eq(task_nice(task), 5);
	expect_eq(task->prio, DEFAULT_PRIO + 5);
	/* A nice value out of range changes nothing. */
	set_user_nice(task, 100);
	expect_eq(task_nice(task), 5);
	sched_set_fifo_low(task);
	expect_eq(task->prio, MAX_RT_PRIO - 2);
	sched_set_normal(task, -3);
	expect(!rt_task(task));
	expect_eq(task_nice(task), -3);
	expect_eq(task->prio, DEFAULT_PRIO - 3);
	expect_eq(sched_setscheduler_nocheck(task, SCHED_RR, &param), 0);
	expect_eq(task->prio, MAX_RT_PRIO - 1 - 10);
	expect_eq(sched_setscheduler_nocheck(task, SCHED_FIFO, &none), -EINVAL);
	expect_eq(sched_setscheduler_nocheck(task, SCHED_NORMAL, &param), -EINVAL);
	expect_eq(sched_setscheduler_nocheck(task, 77, &none), -EINVAL);
	expect_eq(sched_setscheduler_nocheck(task, SCHED_NORMAL, &none), 0);
	expect(!rt_task(task));
	/* It comes back with the nice value that it had. */
	expect_eq(task->prio, DEFAULT_PRIO - 3);
	kthread_stop(task);
}

static void wake_q_wakes_each_once(void)
{
	struct task_struct *a = kthread_create(stops_when_asked, NULL, "a");
	struct task_struct *b = kthread_create(stops_when_asked, NULL, "b");
	int before = refcount_read(&a->usage);
	DEFINE_WAKE_Q(wake);

	settle();
	expect(wake_q_empty(&wake));
	wake_q_add(&wake, a);
	wake_q_add(&wake, a);
	expect(!wake_q_empty(&wake));
	expect_eq(refcount_read(&a->usage), before + 1);
	get_task_struct(b);
	wake_q_add_safe(&wake, b);
	get_task_struct(b);
	wake_q_add_safe(&wake, b);
	wake_up_q(&wake);
	expect_eq(refcount_read(&a->usage), before);
	expect_eq(READ_ONCE(a->__state), TASK_RUNNING);
	expect_eq(READ_ONCE(b->__state), TASK_RUNNING);
	kthread_stop(a);
	kthread_stop(b);
}

static struct rcuwait rcuwait;

static int waits_in_rcuwait(void *argument)
{
	rcuwait_wait_event(&rcuwait, is_there, TASK_UNINTERRUPTIBLE);
	note(1);
	return 0;
}

static void rcuwait_wakes_its_one_task(void)
{
	rcuwait_init(&rcuwait);
	expect_eq(rcuwait_wake_up(&rcuwait), 0);
	turns = 0;
	is_there = false;
	kthread_run(waits_in_rcuwait, NULL, "rcuwait");
	settle();
	is_there = true;
	expect_eq(rcuwait_wake_up(&rcuwait), 1);
	settle();
	expect_eq(turns, 1);
}

static void sleeping_for_io_is_sleeping(void)
{
	unsigned long before = jiffies;
	int token;

	set_current_state(TASK_UNINTERRUPTIBLE);
	expect_eq(io_schedule_timeout(3), 0);
	expect(time_after_eq(jiffies, before + 3));
	token = io_schedule_prepare();
	io_schedule_finish(token);
	/* A running task only lets the others run. */
	io_schedule();
	schedule();
	expect_eq(READ_ONCE(current->__state), TASK_RUNNING);
}

static void schedule_timeout_sleeps_as_long(void)
{
	unsigned long before = jiffies;

	expect_eq(schedule_timeout_uninterruptible(4), 0);
	expect(time_after_eq(jiffies, before + 4));
	expect_eq(schedule_timeout_interruptible(0), 0);
	set_current_state(TASK_INTERRUPTIBLE);
	wake_up_process(current);
	expect(schedule_timeout(100) > 90);
}

static void the_processor_is_busy_with_us(void)
{
	expect_eq(idle_cpu(0), 0);
	expect_eq(smp_processor_id(), 0);
	expect_eq(num_online_cpus(), 1);
	expect(cpu_online(0) && cpu_possible(0) && cpu_present(0) && cpu_active(0));
	expect(!cpu_dying(0));
	expect_eq(cpumask_first(cpumask_of(0)), 0);
	expect_eq(cpumask_weight(cpu_all_mask), NR_CPUS);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(a_thread_runs_sleeps_wakes_and_stops),
	KTAP_CASE(stop_waits_for_the_end),
	KTAP_CASE(parked_thread_goes_on_when_unparked),
	KTAP_CASE(a_thread_can_end_itself),
	KTAP_CASE(do_exit_ends_the_task),
	KTAP_CASE(wait_event_waits_for_the_condition),
	KTAP_CASE(exclusive_waiters_wake_one_by_one_in_order),
	KTAP_CASE(waits_end_with_their_time),
	KTAP_CASE(complete_all_opens_for_good),
	KTAP_CASE(default_function_wakes_the_entry_s_task),
	KTAP_CASE(yield_lets_the_others_run),
	KTAP_CASE(cond_resched_says_whether_somebody_ran),
	KTAP_CASE(realtime_tasks_go_first),
	KTAP_CASE(priorities_are_those_that_were_set),
	KTAP_CASE(wake_q_wakes_each_once),
	KTAP_CASE(rcuwait_wakes_its_one_task),
	KTAP_CASE(sleeping_for_io_is_sleeping),
	KTAP_CASE(schedule_timeout_sleeps_as_long),
	KTAP_CASE(the_processor_is_busy_with_us),
};
KTAP_MODULE(cases);
