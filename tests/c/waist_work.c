// SPDX-License-Identifier: GPL-2.0-only
/* Work queues: include/linux/workqueue.h, Documentation/core-api/workqueue.rst. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hardirq.h>
#include <linux/kthread.h>
#include <linux/workqueue.h>
#include "ktap.h"

static int order[8], turns, running, most;

static void note(int number)
{
	if (turns < ARRAY_SIZE(order))
		order[turns++] = number;
}

static void slow(struct work_struct *work)
{
	most = max(most, ++running);
	msleep(5);
	running--;
	note(1);
}

static void quick(struct work_struct *work)
{
	expect(!in_interrupt() && !irqs_disabled());
	expect(current->flags & PF_WQ_WORKER);
	expect(current_work() == work);
	note(2);
}

static DECLARE_WORK(slow_work, slow);
static DECLARE_WORK(other_slow_work, slow);
static DECLARE_WORK(quick_work, quick);
static DECLARE_DELAYED_WORK(later, quick);

static void queued_work_runs_once(void)
{
	turns = 0;
	expect(schedule_work(&quick_work));
	/* It waits already. */
	expect(!schedule_work(&quick_work));
	expect(work_pending(&quick_work));
	expect_eq(turns, 0);
	expect(flush_work(&quick_work));
	expect_eq(turns, 1);
	expect(!work_pending(&quick_work));
	expect(!flush_work(&quick_work));
}

static void running_work_can_be_queued_again(void)
{
	turns = 0;
	schedule_work(&slow_work);
	msleep(1);
	expect(!work_pending(&slow_work));
	expect(work_busy(&slow_work) & WORK_BUSY_RUNNING);
	expect(schedule_work(&slow_work));
	expect(flush_work(&slow_work));
	expect_eq(turns, 2);
}

static void one_sleeping_work_does_not_hold_up_others(void)
{
	turns = 0;
	schedule_work(&slow_work);
	schedule_work(&quick_work);
	flush_work(&slow_work);
	expect_eq(turns, 2);
	expect_eq(order[0], 2);
	expect_eq(order[1], 1);
}

static void ordered_queue_runs_one_at_a_time(void)
{
	struct workqueue_struct *wq = alloc_ordered_workqueue("ordered", 0);

	if (!expect(wq))
		return;
	turns = most = 0;
	queue_work(wq, &slow_work);
	queue_work(wq, &other_slow_work);
	queue_work(wq, &quick_work);
	flush_workqueue(wq);
	expect_eq(turns, 3);
	expect_eq(most, 1);
	expect_eq(order[2], 2);
	destroy_workqueue(wq);
}

static void concurrent_queue_runs_many(void)
{
	struct workqueue_struct *wq = alloc_workqueue("many", 0, 4);

	turns = most = 0;
	queue_work(wq, &slow_work);
	queue_work(wq, &other_slow_work);
	/* Destroying a queue runs what waits in it. */
	destroy_workqueue(wq);
	expect_eq(turns, 2);
	expect_eq(most, 2);
}

static void unbound_and_reclaim_queues_work(void)
{
	struct workqueue_struct *wq =
		alloc_workqueue("unbound", WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_HIGHPRI, 1);

	turns = 0;
	queue_work(wq, &quick_work);
	drain_workqueue(wq);
	expect_eq(turns, 1);
	destroy_workqueue(wq);
}

static void delayed_work_waits(void)
{
	unsigned long before = jiffies;

	turns = 0;
	expect(schedule_delayed_work(&later, 5));
	expect(!schedule_delayed_work(&later, 1));
	expect(delayed_work_pending(&later));
	msleep(2);
	expect_eq(turns, 0);
	msleep(15);
	expect_eq(turns, 1);
	expect(time_after_eq(jiffies, before + 5));
	schedule_delayed_work(&later, HZ);
	/* A shorter delay takes the place of the longer one. */
	expect(mod_delayed_work(system_wq, &later, 2));
	msleep(10);
	expect_eq(turns, 2);
	schedule_delayed_work(&later, HZ * 1000);
	/* A flush does not wait for the delay. */
	expect(flush_delayed_work(&later));
	expect_eq(turns, 3);
}

static void cancelled_work_does_not_run(void)
{
	turns = 0;
	schedule_work(&quick_work);
	expect(cancel_work_sync(&quick_work));
	msleep(2);
	expect_eq(turns, 0);
	expect(!cancel_work_sync(&quick_work));
	schedule_delayed_work(&later, 2);
	expect(cancel_delayed_work(&later));
	expect(!cancel_delayed_work_sync(&later));
	msleep(10);
	expect_eq(turns, 0);
}

static void cancel_sync_waits_for_the_running_one(void)
{
	turns = 0;
	schedule_work(&slow_work);
	msleep(1);
	expect_eq(running, 1);
	/* It was not pending, but it ran. */
	expect(!cancel_work_sync(&slow_work));
	expect_eq(running, 0);
	expect_eq(turns, 1);
	INIT_DELAYED_WORK(&later, slow);
	schedule_delayed_work(&later, 0);
	msleep(1);
	expect_eq(running, 1);
	cancel_delayed_work_sync(&later);
	expect_eq(running, 0);
	INIT_DELAYED_WORK(&later, quick);
}

static void disarmed(struct work_struct *work)
{
	note(3);
	/* Work that queues itself is stopped by cancel_sync. */
	schedule_work(work);
	msleep(1);
}
static DECLARE_WORK(restless, disarmed);

static void cancel_sync_stops_what_queues_itself(void)
{
	int after;

	turns = 0;
	schedule_work(&restless);
	msleep(5);
	cancel_work_sync(&restless);
	after = turns;
	expect(after >= 1);
	msleep(5);
	expect_eq(turns, after);
	expect(!work_busy(&restless));
}

static void kthread_worker_runs_in_order(struct kthread_work *work)
{
	note(4);
}

static void a_kthread_worker_serves_its_work(void)
{
	struct kthread_worker *worker = kthread_create_worker(0, "worker");
	struct kthread_work work;
	struct kthread_delayed_work delayed;

	if (!expect(!IS_ERR(worker)))
		return;
	kthread_init_work(&work, kthread_worker_runs_in_order);
	kthread_init_delayed_work(&delayed, kthread_worker_runs_in_order);
	turns = 0;
	expect(kthread_queue_work(worker, &work));
	expect(!kthread_queue_work(worker, &work));
	kthread_flush_work(&work);
	expect_eq(turns, 1);
	kthread_queue_delayed_work(worker, &delayed, 2);
	msleep(10);
	expect_eq(turns, 2);
	kthread_queue_delayed_work(worker, &delayed, 100);
	expect(kthread_cancel_delayed_work_sync(&delayed));
	kthread_destroy_worker(worker);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(queued_work_runs_once),
	KTAP_CASE(running_work_can_be_queued_again),
	KTAP_CASE(one_sleeping_work_does_not_hold_up_others),
	KTAP_CASE(ordered_queue_runs_one_at_a_time),
	KTAP_CASE(concurrent_queue_runs_many),
	KTAP_CASE(unbound_and_reclaim_queues_work),
	KTAP_CASE(delayed_work_waits),
	KTAP_CASE(cancelled_work_does_not_run),
	KTAP_CASE(cancel_sync_waits_for_the_running_one),
	KTAP_CASE(cancel_sync_stops_what_queues_itself),
	KTAP_CASE(a_kthread_worker_serves_its_work),
};
KTAP_MODULE(cases);
