// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mutexes, semaphores, rwsems, spinlocks, real-time mutexes:
 * include/linux/mutex.h, semaphore.h, rwsem.h, spinlock.h.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/rtmutex.h>
#include <linux/rwsem.h>
#include <linux/semaphore.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
#include "ktap.h"

static DEFINE_MUTEX(mutex);
static DEFINE_RT_MUTEX(rt_mutex);
static DECLARE_RWSEM(rwsem);
static DEFINE_SPINLOCK(spinlock);
static struct semaphore semaphore;
static int order[8], turns;

static void note(long number)
{
	if (turns < ARRAY_SIZE(order))
		order[turns++] = number;
}

static void start(int (*fn)(void *), long number)
{
	kthread_run(fn, (void *)number, "locks/%ld", number);
	msleep(2);
}

static int takes_mutex(void *argument)
{
	mutex_lock(&mutex);
	note((long)argument);
	mutex_unlock(&mutex);
	return 0;
}

static void mutex_lets_waiters_in_by_turn(void)
{
	turns = 0;
	mutex_lock(&mutex);
	expect(mutex_is_locked(&mutex));
	expect_eq(mutex_trylock(&mutex), 0);
	start(takes_mutex, 1);
	start(takes_mutex, 2);
	expect_eq(turns, 0);
	mutex_unlock(&mutex);
	msleep(2);
	expect_eq(turns, 2);
	expect_eq(order[0], 1);
	expect_eq(order[1], 2);
	expect(!mutex_is_locked(&mutex));
	expect_eq(mutex_trylock(&mutex), 1);
	mutex_unlock(&mutex);
	expect_eq(mutex_lock_interruptible(&mutex), 0);
	mutex_unlock(&mutex);
	expect_eq(mutex_lock_killable(&mutex), 0);
	mutex_unlock(&mutex);
}

static int takes_semaphore(void *argument)
{
	down(&semaphore);
	note((long)argument);
	return 0;
}

static void semaphore_counts(void)
{
	turns = 0;
	sema_init(&semaphore, 2);
	expect_eq(down_trylock(&semaphore), 0);
	expect_eq(down_interruptible(&semaphore), 0);
	expect_eq(down_trylock(&semaphore), 1);
	expect_eq(down_timeout(&semaphore, 2), -ETIME);
	start(takes_semaphore, 1);
	expect_eq(turns, 0);
	/* Anybody may give it up. */
	up(&semaphore);
	msleep(2);
	expect_eq(turns, 1);
	up(&semaphore);
	expect_eq(down_killable(&semaphore), 0);
}

static int reads(void *argument)
{
	down_read(&rwsem);
	note((long)argument);
	msleep(3);
	up_read(&rwsem);
	return 0;
}

static int writes(void *argument)
{
	down_write(&rwsem);
	note((long)argument);
	up_write(&rwsem);
	return 0;
}

static void rwsem_has_many_readers_or_one_writer(void)
{
	turns = 0;
	down_read(&rwsem);
	expect_eq(down_read_trylock(&rwsem), 1);
	up_read(&rwsem);
	expect_eq(down_write_trylock(&rwsem), 0);
	start(reads, 1);
	expect_eq(turns, 1);
	start(writes, 2);
	msleep(5);
	expect_eq(turns, 1);
	/* A writer waits, so later readers do not overtake it for ever. */
	start(reads, 3);
	expect_eq(turns, 1);
	up_read(&rwsem);
	msleep(10);
	expect_eq(turns, 3);
	expect_eq(order[1], 2);
	expect_eq(order[2], 3);
}

static void writer_can_become_a_reader(void)
{
	turns = 0;
	down_write(&rwsem);
	expect(rwsem_is_locked(&rwsem));
	start(reads, 1);
	expect_eq(turns, 0);
	downgrade_write(&rwsem);
	msleep(2);
	expect_eq(turns, 1);
	expect_eq(down_write_trylock(&rwsem), 0);
	up_read(&rwsem);
	msleep(10);
	expect_eq(down_write_trylock(&rwsem), 1);
	up_write(&rwsem);
}

static struct task_struct *holder;

static int holds_rt_mutex(void *argument)
{
	rt_mutex_lock(&rt_mutex);
	note(1);
	msleep(5);
	expect(current->prio < MAX_RT_PRIO);
	note(2);
	rt_mutex_unlock(&rt_mutex);
	expect_eq(current->prio, current->normal_prio);
	return 0;
}

static int wants_rt_mutex(void *argument)
{
	rt_mutex_lock(&rt_mutex);
	note(3);
	rt_mutex_unlock(&rt_mutex);
	return 0;
}

static void rt_mutex_lends_the_waiter_s_priority(void)
{
	struct task_struct *high = kthread_create(wants_rt_mutex, NULL, "high");

	turns = 0;
	holder = kthread_run(holds_rt_mutex, NULL, "holder");
	msleep(1);
	sched_set_fifo(high);
	wake_up_process(high);
	msleep(20);
	expect_eq(turns, 3);
	expect_eq(order[2], 3);
	expect_eq(rt_mutex_trylock(&rt_mutex), 1);
	rt_mutex_unlock(&rt_mutex);
}

static void spinlock_holds_interrupts_off(void)
{
	unsigned long flags;

	expect(!irqs_disabled());
	spin_lock_irqsave(&spinlock, flags);
	expect(irqs_disabled());
	spin_unlock_irqrestore(&spinlock, flags);
	expect(!irqs_disabled());
	spin_lock_irq(&spinlock);
	expect(irqs_disabled());
	spin_unlock_irq(&spinlock);
	expect(!irqs_disabled());
	expect(spin_trylock(&spinlock));
	spin_unlock(&spinlock);
}

static bool has_softirq_run;

static void on_tasklet(struct tasklet_struct *unused)
{
	has_softirq_run = true;
}
static DECLARE_TASKLET(tasklet, on_tasklet);

static void softirqs_wait_for_bh_to_be_enabled(void)
{
	has_softirq_run = false;
	spin_lock_bh(&spinlock);
	expect(in_softirq());
	tasklet_schedule(&tasklet);
	udelay(100);
	expect(!has_softirq_run);
	spin_unlock_bh(&spinlock);
	expect(has_softirq_run);
	expect(!in_softirq());
}

static void tasklet_disabled_does_not_run(void)
{
	has_softirq_run = false;
	tasklet_disable(&tasklet);
	tasklet_schedule(&tasklet);
	udelay(100);
	expect(!has_softirq_run);
	tasklet_enable(&tasklet);
	msleep(2);
	expect(has_softirq_run);
	tasklet_kill(&tasklet);
}

static void seqcount_shows_a_writer(void)
{
	static DEFINE_SEQLOCK(seq);
	unsigned int before = read_seqbegin(&seq);

	expect(!read_seqretry(&seq, before));
	write_seqlock(&seq);
	write_sequnlock(&seq);
	expect(read_seqretry(&seq, before));
}

static const struct ktap_case cases[] = {
	KTAP_CASE(mutex_lets_waiters_in_by_turn),
	KTAP_CASE(semaphore_counts),
	KTAP_CASE(rwsem_has_many_readers_or_one_writer),
	KTAP_CASE(writer_can_become_a_reader),
	KTAP_CASE(rt_mutex_lends_the_waiter_s_priority),
	KTAP_CASE(spinlock_holds_interrupts_off),
	KTAP_CASE(softirqs_wait_for_bh_to_be_enabled),
	KTAP_CASE(tasklet_disabled_does_not_run),
	KTAP_CASE(seqcount_shows_a_writer),
};
KTAP_MODULE(cases);
