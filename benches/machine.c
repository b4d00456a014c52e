// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the machine's own parts cost, as a driver sees them. Built like a driver
 * and run in a domain; each line "figure NAME VALUE ns" of the log is a result.
 *
 * Each figure is the best of many short runs, since others use the processor too.
 */
#include <linux/completion.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#define RUNS	200
#define ROUNDS	1000

/* Printed with two digits after the point: kernel code has no floating point. */
static void figure(const char *name, u64 best_ns, u32 rounds)
{
	u64 hundredths = div_u64(best_ns * 100, rounds);
	u32 rest;
	u64 whole = div_u64_rem(hundredths, 100, &rest);

	pr_info("figure %s %llu.%02u ns\n", name, whole, rest);
}

/* Runs `body` ROUNDS times, RUNS times over, and reports the fastest run. */
#define MEASURE(name, body)							\
	do {									\
		u64 best = U64_MAX;						\
		int run, round;							\
										\
		for (run = 0; run < RUNS; run++) {				\
			u64 start = ktime_get_ns();				\
										\
			for (round = 0; round < ROUNDS; round++) {		\
				body;						\
				barrier();					\
			}							\
			best = min(best, ktime_get_ns() - start);		\
		}								\
		figure(name, best, ROUNDS);					\
	} while (0)

static u64 clock_cost(void)
{
	u64 best = U64_MAX;
	int run;

	for (run = 0; run < RUNS * 10; run++) {
		u64 start = ktime_get_ns();

		best = min(best, ktime_get_ns() - start);
	}
	return best;
}

static bool stop;

static int yielder(void *unused)
{
	while (!READ_ONCE(stop))
		yield();
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

/* Two tasks that do nothing but make room for each other: two switches a round. */
static int task_switch(void)
{
	struct task_struct *other = kthread_run(yielder, NULL, "yielder");
	u64 best = U64_MAX;
	int run, round;

	if (IS_ERR(other))
		return PTR_ERR(other);
	for (run = 0; run < RUNS; run++) {
		u64 start = ktime_get_ns();

		for (round = 0; round < ROUNDS; round++)
			yield();
		best = min(best, ktime_get_ns() - start);
	}
	WRITE_ONCE(stop, true);
	kthread_stop(other);
	figure("task_switch", best, 2 * ROUNDS);
	return 0;
}

static u64 ran_at;
static DECLARE_COMPLETION(ran);

static void note_time(struct work_struct *work)
{
	ran_at = ktime_get_ns();
	complete(&ran);
}

static DECLARE_WORK(note, note_time);

/* From queue_work() to the work function's first line, less what reading the clock costs. */
static int queue_to_run(void)
{
	struct workqueue_struct *queue = alloc_workqueue("figure", 0, 0);
	u64 best = U64_MAX;
	int run;

	if (!queue)
		return -ENOMEM;
	for (run = 0; run < RUNS * 10; run++) {
		u64 start = ktime_get_ns();

		queue_work(queue, &note);
		wait_for_completion(&ran);
		best = min(best, ran_at - start);
	}
	destroy_workqueue(queue);
	figure("queue_work", best - min(best, clock_cost()), 1);
	return 0;
}

static int machine(void *unused)
{
	static DEFINE_MUTEX(lock);
	int err;

	figure("clock", clock_cost(), 1);
	MEASURE("kmalloc_kfree_64", kfree(kmalloc(64, GFP_KERNEL)));
	MEASURE("mutex_pair", mutex_lock(&lock); mutex_unlock(&lock));
	err = task_switch();
	if (!err)
		err = queue_to_run();
	if (err)
		pr_err("figures end with error %d\n", err);
	pr_info("figures end\n");
	return 0;
}

static int __init machine_init(void)
{
	return PTR_ERR_OR_ZERO(kthread_run(machine, NULL, "machine"));
}
late_initcall(machine_init);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Measures the machine");
