// SPDX-License-Identifier: GPL-2.0-only
/*
 * A domain suspends as Linux does to idle (include/linux/suspend.h): clients
 * wait, then so do work queues, then devices are suspended in all phases, by
 * drivers/base/power. The clock and timers go on. The order, the errors and the
 * messages are those of kernel/power/suspend.c; what wakes the domain is its
 * owner, or a device that may. That file itself is of no use here: it freezes
 * processes, which it finds in the list of tasks, and idles in a loop of its own.
 */
#define pr_fmt(fmt) "PM: " fmt

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/notifier.h>
#include <linux/pm.h>
#include <linux/pm_wakeup.h>
#include <linux/sched.h>
#include <linux/suspend.h>
#include <linux/version.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "door.h"
#include "machine.h"

suspend_state_t pm_suspend_target_state = PM_SUSPEND_ON;
/* No firmware takes part in a suspension. */
unsigned int pm_suspend_global_flags;
/* Devices that may be suspended beside others are, as everywhere. */
int pm_async_enabled = 1;

static BLOCKING_NOTIFIER_HEAD(listeners);
static DECLARE_WAIT_QUEUE_HEAD(changed);

static enum { AWAKE, BUSY, ASLEEP } state;
static bool is_called;

int register_pm_notifier(struct notifier_block *nb)
{
	return blocking_notifier_chain_register(&listeners, nb);
}

int unregister_pm_notifier(struct notifier_block *nb)
{
	return blocking_notifier_chain_unregister(&listeners, nb);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
/* For /sys/power/suspend_stats, which is not here: the log tells of both. */
void dpm_save_failed_dev(const char *name) { }
void dpm_save_failed_step(enum suspend_stat_step step) { }
#endif

/* A device that may wake the system did. */
void s2idle_wake(void)
{
	wake_up(&changed);
}

static bool clients_are_busy(void)
{
	return machine_interrupt_clients();
}

static int wait_for(bool (*are_busy)(void), unsigned long end)
{
	while (are_busy()) {
		if (time_after(jiffies, end) || pm_wakeup_pending())
			return -EBUSY;
		usleep_range(500, 1000);
	}
	return 0;
}

static int freeze(void)
{
	/* As long as Linux tries it (freeze_timeout_msecs in kernel/power/process.c). */
	unsigned long end = jiffies + msecs_to_jiffies(20 * MSEC_PER_SEC);
	int ret;

	pm_wakeup_clear(0);
	machine_hold_clients();
	ret = wait_for(clients_are_busy, end);
	if (ret)
		return ret;
	freeze_workqueues_begin();
	ret = wait_for(freeze_workqueues_busy, end);
	if (ret)
		thaw_workqueues();
	return ret;
}

static void wake(void)
{
	state = AWAKE;
	is_called = false;
	wake_up(&changed);
}

/* The way back from where devices are, or may be, suspended. */
static void resume(void)
{
	dpm_resume_end(PMSG_RESUME);
	pm_suspend_target_state = PM_SUSPEND_ON;
	thaw_workqueues();
	machine_release_clients();
	blocking_notifier_call_chain(&listeners, PM_POST_SUSPEND, NULL);
	wake();
}

static int suspend_devices(void)
{
	int ret;

	pm_suspend_clear_flags();
	pm_set_suspend_no_platform();
	pm_suspend_target_state = PM_SUSPEND_TO_IDLE;
	ret = dpm_suspend_start(PMSG_SUSPEND);
	if (ret) {
		pr_err("Some devices failed to suspend, or early wake event detected\n");
		return ret;
	}
	ret = dpm_suspend_late(PMSG_SUSPEND);
	if (ret) {
		pr_err("late suspend of devices failed\n");
		return ret;
	}
	ret = dpm_suspend_noirq(PMSG_SUSPEND);
	if (ret) {
		pr_err("noirq suspend of devices failed\n");
		dpm_resume_early(PMSG_RESUME);
	}
	return ret;
}

int machine_suspend(void)
{
	int ret;

	if (state != AWAKE)
		return -EBUSY;
	state = BUSY;
	ret = blocking_notifier_call_chain_robust(&listeners, PM_SUSPEND_PREPARE,
						  PM_POST_SUSPEND, NULL);
	ret = notifier_to_errno(ret);
	if (ret) {
		wake();
		return ret;
	}
	ret = freeze();
	if (ret) {
		machine_release_clients();
		blocking_notifier_call_chain(&listeners, PM_POST_SUSPEND, NULL);
		wake();
		return ret;
	}
	ret = suspend_devices();
	if (ret)
		resume();
	else
		state = ASLEEP;
	return ret;
}

void machine_stay_suspended(void)
{
	wait_event(changed, is_called || pm_wakeup_pending());
	state = BUSY;
	dpm_resume_noirq(PMSG_RESUME);
	dpm_resume_early(PMSG_RESUME);
	resume();
}

void machine_resume(void)
{
	if (state == AWAKE)
		return;
	is_called = true;
	wake_up(&changed);
	wait_event(changed, state == AWAKE);
}
